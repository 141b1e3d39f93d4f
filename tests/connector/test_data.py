"""Data on this machine, looked at before there is a job."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.algorithms import image_uri
from flytekit_sagemaker.connector.data import data_problems
from flytekit_sagemaker.types import AlgorithmName

OWN = "111122223333.dkr.ecr.us-east-1.amazonaws.com/own:1"
KMEANS = image_uri(AlgorithmName.KMEANS, "", "us-east-1")


def said(image: str, folder: Path, **members: Any) -> str:
    source = {"S3DataType": "S3Prefix", "S3Uri": folder.as_uri()}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}, **members}
    request = {"AlgorithmSpecification": {"TrainingImage": image}, "InputDataConfig": [channel]}
    return " ".join(map(str, data_problems("CreateTrainingJob", request)))


@pytest.mark.parametrize("image", [KMEANS, OWN])
def test_a_gzip_channel_of_plain_files_is_told_before_there_is_a_job(tmp_path: Path, image: str) -> None:
    (tmp_path / "plain").write_bytes(b"1,2")
    found = said(image, tmp_path, CompressionType="Gzip", InputMode="Pipe")
    assert found.startswith("train = 'plain': must be a gzip file, as the channel's compression type says")
    (tmp_path / "plain").write_bytes(gzip.compress(b"1,2"))
    assert said(image, tmp_path, CompressionType="Gzip", InputMode="Pipe") == ""


def test_gzip_files_without_a_word_are_refused_where_nobody_would_decompress_them(tmp_path: Path) -> None:
    (tmp_path / "d.pbr.gz").write_bytes(gzip.compress(b"1,2"))
    assert said(KMEANS, tmp_path).startswith("train = 'd.pbr.gz': must not be a gzip file")
    assert said(OWN, tmp_path) == ""


def test_missing_and_empty_folders_are_told(tmp_path: Path) -> None:
    assert "does not exist" in said(OWN, tmp_path / "nowhere")
    assert "has no files" in said(OWN, tmp_path)
