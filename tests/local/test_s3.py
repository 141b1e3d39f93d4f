"""Channels and artifacts on S3, against a real S3 server."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import s3fs
from moto.server import ThreadedMotoServer

from flytekit_sagemaker.local.server import LocalSageMaker

from . import test_resumption
from .support import Jobs, channel, eventually
from .test_interruption import ROUNDS, images, in_first_round, spot


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    _, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "local")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "local")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        created = boto3.resource("s3").Bucket("bucket")
        created.create()
        yield created
    server.stop()


def test_data_is_read_from_s3_and_the_model_goes_there(
    bucket: Any, new_server: Callable[..., LocalSageMaker], tmp_path: Path
) -> None:
    for key in ("data/train/a.csv", "data/train/sub/b.csv", "data/other/c.csv"):
        bucket.put_object(Key=key, Body=b"1,2")
    jobs = Jobs(new_server(), tmp_path)
    gate = tmp_path / "gate"
    jobs.train(
        "from-s3",
        {"write": "model/weights=1", "wait_for": str(gate)},
        InputDataConfig=[
            channel("train", "s3://bucket/data/train"),
            channel("one", "s3://bucket/data/other/c.csv"),
            channel("piped", "s3://bucket/data/train", InputMode="Pipe"),
        ],
        OutputDataConfig={"S3OutputPath": "s3://bucket/out"},
    )
    jobs.until("from-s3", "Training", "Failed")
    staged = jobs.server.root / "training-jobs" / "from-s3" / "algo-1" / "input" / "data"
    files = {str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file()}
    assert files == {"train/a.csv", "train/sub/b.csv", "one/c.csv"}
    assert [(staged / f"piped_{epoch}").read_bytes() for epoch in (0, 1)] == [b"1,21,2"] * 2
    gate.touch()
    job = eventually(lambda: jobs.describe("from-s3"), lambda job: job["TrainingJobStatus"] != "InProgress")
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == "s3://bucket/out/from-s3/output/model.tar.gz"
    packed = bucket.Object("out/from-s3/output/model.tar.gz").get()["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as model:
        assert model.getnames() == ["weights"]


def test_a_prefix_without_objects_is_a_client_error(
    bucket: Any, new_server: Callable[..., LocalSageMaker], tmp_path: Path
) -> None:
    jobs = Jobs(new_server(), tmp_path)
    jobs.train("nothing-there", InputDataConfig=[channel("train", "s3://bucket/empty")])
    reason = jobs.ended("nothing-there")["FailureReason"]
    where = "channel train, s3://bucket/empty"
    assert reason == f"ClientError: Data download failed: {where}: no objects found under this prefix"


def test_checkpoints_go_to_s3_and_come_back_when_a_job_is_interrupted(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Key="kept/from-an-earlier-job", Body=b"1")
    (tmp_path / "rounds.py").write_text(ROUNDS)
    with LocalSageMaker(tmp_path / "root", images=images(tmp_path)) as server:
        jobs = Jobs(server, tmp_path)
        jobs.train("spot-s3", **spot(tmp_path, CheckpointConfig={"S3Uri": "s3://bucket/kept/"}))
        in_first_round(tmp_path)
        server.interrupt("spot-s3")
        job = jobs.ended("spot-s3")
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        assert "starts after round 1" in jobs.log("spot-s3")
    assert {each.key for each in bucket.objects.filter(Prefix="kept/")} == {
        "kept/from-an-earlier-job",
        "kept/sub/round",
    }


def test_checkpoints_of_a_job_that_fails_are_on_s3(
    bucket: Any, new_server: Callable[..., LocalSageMaker], tmp_path: Path
) -> None:
    jobs = Jobs(new_server(), tmp_path)
    failing = {"write": "checkpoints/epoch=7", "exit": "3"}
    jobs.train("failing-s3", failing, CheckpointConfig={"S3Uri": "s3://bucket/failing"})
    assert jobs.ended("failing-s3")["FailureReason"].endswith("Exit Code: 3")
    assert bucket.Object("failing/epoch").get()["Body"].read() == b"7"


@pytest.fixture
def without_credentials(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """S3 as it is for whoever has no credentials."""
    s3fs.S3FileSystem.clear_instance_cache()
    with monkeypatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.delenv(name)
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield environment
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            {"InputDataConfig": [channel("train", "s3://bucket/d")]},
            "Data download failed: channel train, s3://bucket/d",
        ),
        (
            {"InputDataConfig": [channel("train", "s3://bucket/d", InputMode="Pipe")]},
            "Data download failed: channel train, s3://bucket/d",
        ),
        (
            {"CheckpointConfig": {"S3Uri": "s3://bucket/kept"}},
            "Checkpoint download failed: CheckpointConfig, s3://bucket/kept",
        ),
        (
            {"OutputDataConfig": {"S3OutputPath": "s3://bucket/out"}},
            "Artifact upload failed: model, s3://bucket/out/denied/output",
        ),
    ],
    ids=["data", "pipe", "checkpoints", "model"],
)
def test_who_has_no_credentials_learns_what_needs_them_and_how_to_do_without(
    without_credentials: pytest.MonkeyPatch,
    new_server: Callable[..., LocalSageMaker],
    tmp_path: Path,
    members: dict[str, Any],
    said: str,
) -> None:
    jobs = Jobs(new_server(), tmp_path)
    jobs.train("denied", {"write": "model/weights=1"}, **members)
    reason = jobs.ended("denied")["FailureReason"]
    assert reason.startswith(f"ClientError: {said}: Unable to locate credentials. ")
    assert "The local SageMaker uses S3 with the credentials and the network of its own process" in reason
    assert "file:///" in reason


def test_credentials_that_were_missing_are_looked_for_again(
    without_credentials: pytest.MonkeyPatch, bucket: Any, new_server: Callable[..., LocalSageMaker], tmp_path: Path
) -> None:
    bucket.put_object(Key="late/data.csv", Body=b"1,2")
    jobs = Jobs(new_server(), tmp_path)
    data = {"InputDataConfig": [channel("train", "s3://bucket/late")]}
    jobs.train("early", **data)
    assert "Unable to locate credentials" in jobs.ended("early")["FailureReason"]
    without_credentials.undo()
    jobs.train("late", **data)
    assert jobs.ended("late")["TrainingJobStatus"] == "Completed"


def test_a_trial_that_goes_on_from_checkpoints_on_s3_gets_as_many_steps_as_any_other(
    bucket: Any, tmp_path: Path
) -> None:
    with LocalSageMaker(tmp_path / "root", images=test_resumption.images(tmp_path)) as server:
        jobs = Jobs(server, tmp_path)
        trials = test_resumption.tune_until_lost(jobs, "saves", "s3://bucket/kept")
        for trial in trials.values():
            server.interrupt(trial)
        assert test_resumption.ended(jobs, trials) == test_resumption.EXPECTED
