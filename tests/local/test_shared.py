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

from .support import Jobs, eventually
from .test_crash import running_below

SCRIPT = """
import asyncio, sys, threading
import boto3
from flytekit_sagemaker.local.server import shared

async def main():
    together, servers = threading.Barrier(4), set()
    def start():
        together.wait()
        servers.add(shared())
    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [server] = servers
    client = boto3.client(
        "sagemaker",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=server.access_key,
        aws_secret_access_key="x",
    )
    client.create_training_job(
        TrainingJobName="forgotten",
        RoleArn="arn:aws:iam::000000000000:role/x",
        AlgorithmSpecification={
            "TrainingImage": "any", "TrainingInputMode": "File", "ContainerEntrypoint": [sys.argv[1], "1000"]
        },
        OutputDataConfig={"S3OutputPath": "file:///nowhere"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    while client.describe_training_job(TrainingJobName="forgotten")["SecondaryStatus"] != sys.argv[2]:
        await asyncio.sleep(0.01)

asyncio.run(main())
"""


def run_script(command: str, until: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, command, until], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_threads_of_a_process_share_one_server_and_leave_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_LOCAL_ROOT", str(tmp_path))
    run_script("sleep", until="Training")
    assert running_below(tmp_path) == []
    with sqlite3.connect(tmp_path / "sagemaker.sqlite") as state:
        assert state.execute("SELECT name, status FROM jobs").fetchall() == [("forgotten", "Stopped")]


@pytest.mark.parametrize(("command", "until", "left"), [("sleep", "Training", 0), ("false", "Failed", 1)])
def test_a_temporary_root_is_removed_unless_a_failure_s_log_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, until: str, left: int
) -> None:
    monkeypatch.delenv("FLYTEKIT_SAGEMAKER_LOCAL_ROOT", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run_script(command, until)
    assert len(list(tmp_path.glob("sagemaker-local-*"))) == left


def test_a_shared_server_does_not_go_on_with_what_nobody_follows(
    new_server: Callable[..., LocalSageMaker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed = new_server()
    jobs = Jobs(crashed, tmp_path)
    jobs.tune("crashed", static={"wait_for": str(tmp_path / "never")})
    eventually(lambda: list(tmp_path.glob("never.*")), bool)
    crashed.stop()
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_LOCAL_ROOT", str(crashed.root))
    run_script("sleep", until="Training")
    with sqlite3.connect(crashed.root / "sagemaker.sqlite") as state:
        statuses = dict(state.execute("SELECT kind, status FROM jobs WHERE name LIKE 'crashed%'").fetchall())
    assert statuses == {"TrainingJob": "Failed", "HyperParameterTuningJob": "Failed"}


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
