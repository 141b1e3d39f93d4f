"""``pyflyte serve connector`` as a process of its own, started the way the image starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
COMMAND: list[str] = json.loads(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.M)[0])
HEALTH_CHECK: list[str] = json.loads(re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", DOCKERFILE, re.M)[0])
STOP_SIGNAL = signal.Signals[re.findall(r"^STOPSIGNAL (\w+)$", DOCKERFILE, re.M)[0]]
VARIABLES = dict(each.split("=", 1) for each in re.findall(r"^ENV (.*)$", DOCKERFILE, re.M)[0].split())
GRPC_PORT = COMMAND[COMMAND.index("--port") + 1]
METRICS_PORT = COMMAND[COMMAND.index("--prometheus_port") + 1]
# The service whose health the probes of the Deployment ask for.
SERVICE = "flyteidl.service.AsyncAgentService"
DEADLINE_IN_SECONDS = 60


@dataclass
class ConnectorProcess:
    """A running connector service."""

    process: subprocess.Popen[bytes]
    scripts: Path
    port: int
    metrics_port: int
    log: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def run_in_its_environment(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """A command of the image against this process in place of the image's."""
        program, *arguments = (each.replace(GRPC_PORT, str(self.port)) for each in command)
        return subprocess.run([str(self.scripts / program), *arguments], capture_output=True, text=True)

    def health(self) -> int:
        with grpc.insecure_channel(self.address) as channel:
            request = health_pb2.HealthCheckRequest(service=SERVICE)
            answer = health_pb2_grpc.HealthStub(channel).Check(
                request, timeout=DEADLINE_IN_SECONDS, wait_for_ready=True
            )
        return int(answer.status)

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer:
            return str(answer.read().decode())

    def resident_bytes(self) -> int:
        """Memory in use, as the process itself reports it to Prometheus."""
        return int(float(re.findall(r"^process_resident_memory_bytes (\S+)$", self.metrics(), re.M)[0]))

    def stop(self, with_signal: signal.Signals) -> int:
        """The exit code after a signal, repeated once: Python loses one that comes in a callback of gRPC."""
        self.process.send_signal(with_signal)
        try:
            return self.process.wait(DEADLINE_IN_SECONDS / 3)
        except subprocess.TimeoutExpired:
            self.process.send_signal(with_signal)
            return self.process.wait(DEADLINE_IN_SECONDS)


@contextmanager
def served(folder: Path, scripts: Path | None = None, settings: Mapping[str, str] = {}) -> Iterator[ConnectorProcess]:
    """A connector that is healthy; ended, by force if need be, with the context.

    Args:
        folder: where it runs, and leaves its output.
        scripts: ``bin`` of the environment to run it from; that of this process by default.
        settings: settings of the package by name.
    """
    scripts = scripts or Path(sys.executable).parent
    port, metrics_port = _free_port(), _free_port()
    ports = {GRPC_PORT: str(port), METRICS_PORT: str(metrics_port)}
    program, *arguments = (ports.get(each, each) for each in COMMAND)
    environment = VARIABLES | {
        "HOME": str(folder),
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "AWS_EC2_METADATA_DISABLED": "true",  # else botocore looks for credentials by network
    }
    environment |= {f"FLYTEKIT_SAGEMAKER_{name.upper()}": value for name, value in settings.items()}
    log = folder / "connector.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(scripts / program), *arguments], cwd=folder, env=environment, stdout=output, stderr=output
        )
    connector = ConnectorProcess(process, scripts, port, metrics_port, log)
    try:
        assert connector.health() == health_pb2.HealthCheckResponse.SERVING, log.read_text()
        yield connector
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
