"""Processes that are measured: ``pyflyte serve connector`` in any environment, and a simulated SageMaker."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

HERE = Path(__file__).parents[1]
SCRIPTS = Path(sys.executable).parent
REGION = "us-east-1"
# The same for every connector. The level of flytekit's logs is its default; what a poll logs is below it.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "FLYTE_SDK_LOGGING_LEVEL": "30",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True)
class Process:
    """A process that is being measured."""

    pid: int

    def cpu_seconds(self) -> float:
        """Time that its threads have spent on a processor."""
        user, system = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float:
        """Its resident memory in MiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@dataclass(frozen=True)
class Connector(Process):
    """A connector service."""

    address: str


@dataclass(frozen=True)
class SageMaker(Process):
    """A simulated account."""

    url: str

    def calls(self) -> Counter[str]:
        """How many calls of each operation it has got so far."""
        with urllib.request.urlopen(f"{self.url}/state") as answer:
            return Counter(json.load(answer)["calls"])

    def client(self) -> Any:
        """A boto3 client of it."""
        import boto3

        keys = {"aws_access_key_id": "benchmark", "aws_secret_access_key": "benchmark"}
        return boto3.client("sagemaker", endpoint_url=self.url, region_name=REGION, **keys)


@contextmanager
def sagemaker(*options: str) -> Iterator[SageMaker]:
    """A simulated SageMaker on the system's clock, without request quotas."""
    command = [sys.executable, "-m", "flytekit_sagemaker.testing.simulated_server", "--unlimited", *options]
    with _running(command, stdout=subprocess.PIPE, text=True) as process:
        yield SageMaker(process.pid, process.stdout.readline().strip())


@contextmanager
def connector(
    folder: Path, settings: Mapping[str, str] = {}, *, scripts: Path = SCRIPTS, modules: Sequence[str] = ()
) -> Iterator[Connector]:
    """``pyflyte serve connector``, ready to serve.

    Args:
        folder: where it runs, and leaves its output.
        settings: variables of its environment.
        scripts: ``bin`` of its virtual environment.
        modules: modules, of this folder or installed, that define further connectors.
    """
    port, metrics_port = _free_port(), _free_port()
    command = [str(scripts / "pyflyte"), "serve", "connector", "--port", str(port)]
    command += ["--prometheus_port", str(metrics_port), *(f"--modules={name}" for name in modules)]
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    environment = {**ENVIRONMENT, "HOME": str(folder), "PATH": path, "PYTHONPATH": str(HERE), **settings}
    log = folder / f"connector-{port}.log"
    with (
        log.open("wb") as output,
        _running(command, cwd=folder, env=environment, stdout=output, stderr=output) as process,
    ):
        address = f"127.0.0.1:{port}"
        with grpc.insecure_channel(address) as channel:
            request = health_pb2.HealthCheckRequest(service="flyteidl.service.AsyncAgentService")
            health_pb2_grpc.HealthStub(channel).Check(request, timeout=120, wait_for_ready=True)
        yield Connector(process.pid, address)


@contextmanager
def _running(command: Sequence[str], **options: Any) -> Iterator[Any]:
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
