"""The server that a process shares, and who may start one."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flytekit_sagemaker.local.server import CannotStart, LocalSageMaker

from .support import Jobs
from .test_crash import running_below

SCRIPT = """
import asyncio, sys
import boto3
from flytekit_sagemaker.local.server import shared

async def main():
    server = shared()
    assert shared() is server
    client = boto3.client(
        "sagemaker", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    client.create_training_job(
        TrainingJobName="forgotten",
        RoleArn="arn:aws:iam::000000000000:role/x",
        AlgorithmSpecification={
            "TrainingImage": "any", "TrainingInputMode": "File", "ContainerEntrypoint": ["sleep", "1000"]
        },
        OutputDataConfig={"S3OutputPath": "file:///nowhere"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    while client.describe_training_job(TrainingJobName="forgotten")["SecondaryStatus"] != "Training":
        await asyncio.sleep(0.01)

asyncio.run(main())
"""


def test_a_process_shares_one_server_and_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_LOCAL_ROOT", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert running_below(tmp_path) == []
    with sqlite3.connect(tmp_path / "sagemaker.sqlite") as state:
        assert state.execute("SELECT name, status FROM jobs").fetchall() == [("forgotten", "Stopped")]


async def test_a_server_can_be_started_inside_a_running_loop(
    new_server: Callable[..., LocalSageMaker], tmp_path: Path
) -> None:
    jobs = Jobs(new_server(), tmp_path)
    await asyncio.to_thread(jobs.train, "in-a-loop")
    assert (await asyncio.to_thread(jobs.ended, "in-a-loop"))["TrainingJobStatus"] == "Completed"


def test_a_root_has_one_server(new_server: Callable[..., LocalSageMaker]) -> None:
    new_server()
    with pytest.raises(CannotStart, match="in use by another local SageMaker"):
        new_server()


def test_a_server_can_be_stopped_and_stopped_again(new_server: Callable[..., LocalSageMaker]) -> None:
    server = new_server()
    server.stop()
    server.stop()
    assert new_server().url
