"""A Flyte for the tests: the sandbox, as a user starts it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from flytekit.configuration import Config
from flytekit.remote import FlyteRemote

COMMAND = Path(sys.executable).with_name("flytekit-sagemaker")
PROJECT, DOMAIN = "flyteexamples", "development"


@dataclass(frozen=True)
class Flyte:
    """A running sandbox."""

    config_file: Path
    sagemaker_url: str

    @property
    def remote(self) -> FlyteRemote:
        return FlyteRemote(Config.auto(str(self.config_file)), PROJECT, DOMAIN, interactive_mode_enabled=False)

    @property
    def sagemaker(self) -> Any:
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        return boto3.client("sagemaker", region_name="us-east-1", endpoint_url=self.sagemaker_url, **keys)

    def training_jobs(self) -> int:
        return len(self.sagemaker.list_training_jobs(MaxResults=100)["TrainingJobSummaries"])


@pytest.fixture(scope="module")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flyte]:
    root = tmp_path_factory.mktemp("sandbox")
    process = subprocess.Popen(
        [COMMAND, "sandbox", "--port=0", "--console-port=0", "--sagemaker-port=0", "--root", str(root)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if "Ctrl-C" in line:
                break
        urls = re.findall(r"SageMaker +(http://127\.0\.0\.1:\d+)", "".join(printed))
        yield Flyte(root / "config.yaml", urls[0])
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.stdout.close()


@pytest.fixture
def flyte(running_sandbox: Flyte, monkeypatch: pytest.MonkeyPatch) -> Flyte:
    """The sandbox, named by the Flyte config of the test."""
    monkeypatch.setenv("FLYTECTL_CONFIG", str(running_sandbox.config_file))
    return running_sandbox
