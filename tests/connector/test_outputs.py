"""Whether what a job says it left is there, as far as the connector may see."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import s3fs
from moto.server import ThreadedMotoServer

from flytekit_sagemaker.connector import outputs
from flytekit_sagemaker.connector.outputs import may_exist


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 that has one bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://{}:{}".format(*server.get_host_and_port()))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(outputs, "_SECONDS_TO_LOOK", 60)  # a busy machine may take long to answer
    s3fs.S3FileSystem.clear_instance_cache()
    bucket = boto3.resource("s3").Bucket("models")
    bucket.create()
    yield bucket
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def test_a_model_is_missed_only_in_a_bucket_that_is_there(store: Any) -> None:
    store.put_object(Key="one/output/model.tar.gz", Body=b"1")
    assert may_exist("s3://models/one/output/model.tar.gz")
    assert not may_exist("s3://models/two/output/model.tar.gz")
    assert may_exist("s3://somewhere-else/two/output/model.tar.gz")


def test_a_store_that_lets_nobody_look_is_believed(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    s3fs.S3FileSystem.clear_instance_cache()
    assert may_exist("s3://models/two/output/model.tar.gz")


def test_a_store_that_says_nothing_is_waited_for_in_vain_but_not_for_long(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(outputs, "_SECONDS_TO_LOOK", 0.2)
        s3fs.S3FileSystem.clear_instance_cache()
        assert may_exist("s3://models/two/output/model.tar.gz")


def test_on_this_machine_a_file_is_there_or_is_not(tmp_path: Path) -> None:
    assert not may_exist(f"file://{tmp_path}/model.tar.gz")
    (tmp_path / "model.tar.gz").touch()
    assert may_exist(f"file://{tmp_path}/model.tar.gz")
