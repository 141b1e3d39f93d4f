"""The connector as platform teams run it: a process that the image's own command starts, seen from outside only."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from flyteidl.admin.agent_pb2 import ListAgentsRequest
from flyteidl.core.execution_pb2 import TaskExecution
from flyteidl.service.agent_pb2_grpc import AgentMetadataServiceStub, AsyncAgentServiceStub

from flytekit_sagemaker import SdkSimpleTrainingJobTask
from flytekit_sagemaker.connector.lazy import CONNECTORS
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, TrainingJobConfig
from flytekit_sagemaker.types import AlgorithmName

from .conftest import Flyte
from .service import HEALTH_CHECK, ROOT, STOP_SIGNAL, ConnectorProcess, served

pytestmark = [pytest.mark.xdist_group("serving"), pytest.mark.timeout(300)]

TRAIN = SdkSimpleTrainingJobTask(
    training_job_config=TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10),
    algorithm_specification=AlgorithmSpecification(algorithm_name=AlgorithmName.XGBOOST, algorithm_version="1.7-1"),
)
METRICS = [
    "flytekit_sagemaker_aws_calls_total",
    "flytekit_sagemaker_aws_call_seconds_bucket",
    "flytekit_sagemaker_creates_total",
    "flytekit_sagemaker_looks_total",
    "flytekit_sagemaker_board_jobs",
    "flytekit_sagemaker_answer_age_seconds_bucket",
    "flyte_connector_requests_success_total",
]


@pytest.fixture(scope="module")
def scripts_of_an_empty_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bin`` of an environment that has this package as it is published, and what that requires: no extras."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        pytest.skip("uv, which `make setup` installs, is not there")
    folder = tmp_path_factory.mktemp("empty")
    source = folder / "source"
    source.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("flytekit_sagemaker", "examples"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    environment = folder / "environment"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(environment)],
        [uv, "pip", "install", "--quiet", "--python", str(environment / "bin" / "python"), str(source)],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return environment / "bin"


@pytest.fixture(scope="module", params=["this environment", "an empty environment"])
def connector(
    request: pytest.FixtureRequest, sagemaker: LocalSageMaker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ConnectorProcess]:
    empty = request.param == "an empty environment"
    scripts = request.getfixturevalue("scripts_of_an_empty_environment") if empty else None
    settings = {"endpoint_url": sagemaker.url, "log_format": "json"}
    with served(tmp_path_factory.mktemp("connector"), scripts, settings) as process:
        yield process


@pytest.fixture
async def propeller(connector: ConnectorProcess, tmp_path: Path) -> AsyncIterator[Flyte]:
    async with grpc.aio.insecure_channel(connector.address) as channel:
        yield Flyte(AsyncAgentServiceStub(channel), tmp_path)


def test_it_lists_every_task_type(connector: ConnectorProcess) -> None:
    with grpc.insecure_channel(connector.address) as channel:
        agents = AgentMetadataServiceStub(channel).ListAgents(ListAgentsRequest()).agents
    listed = {category.name for agent in agents for category in agent.supported_task_categories}
    assert set(CONNECTORS) <= listed


def test_the_images_health_check_finds_it_healthy(connector: ConnectorProcess) -> None:
    done = connector.run_in_its_environment(HEALTH_CHECK)
    assert done.returncode == 0, done.stderr


async def test_a_job_runs_to_its_end_and_is_seen_in_the_metrics(
    connector: ConnectorProcess, propeller: Flyte, csv_data: Any
) -> None:
    inputs = {
        "static_hyperparameters": {"num_round": 5, "objective": "binary:logistic"},
        "train": str(csv_data.train),
        "validation": str(csv_data.validation),
        "stopping_condition": {"max_runtime_in_seconds": 600},
    }
    meta = await propeller.create(TRAIN, inputs)
    resource = await propeller.end(TRAIN, meta)

    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    assert set(propeller.outputs(meta)) == set(TRAIN.python_interface.outputs)
    metrics = connector.metrics()
    assert [name for name in METRICS if f"\n{name}" not in metrics] == []
    assert 'flytekit_sagemaker_creates_total{kind="training",outcome="created"} 1.0' in metrics


@pytest.mark.parametrize("told", [signal.SIGTERM, STOP_SIGNAL], ids=lambda each: each.name)
def test_it_ends_when_it_is_told_to(tmp_path: Path, told: signal.Signals) -> None:
    with served(tmp_path) as connector:
        code = connector.stop(told)
    # A signal that kills instead of being handled does nothing to the first process of a container.
    assert code >= 0 or told != STOP_SIGNAL


def test_it_says_at_its_start_which_settings_it_has_and_what_is_wrong_with_them(tmp_path: Path) -> None:
    with served(tmp_path, settings={"log_format": "json", "region": "eu-west-1", "threads": "many"}) as connector:
        lines = [json.loads(line) for line in connector.log.read_text().splitlines() if line.startswith("{")]
    said = [(line.get("level"), line["message"]) for line in lines]
    assert any(level == "INFO" and "region eu-west-1" in message for level, message in said), said
    assert any(level == "ERROR" and "threads" in message for level, message in said), said
