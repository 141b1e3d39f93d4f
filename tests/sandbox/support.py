"""Tasks whose training jobs do what a test tells them, and executions of them through flytekit's own client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from flyteidl.core.execution_pb2 import WorkflowExecution
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.remote import FlyteRemote

from flytekit_sagemaker import SdkSimpleTrainingJobTask
from flytekit_sagemaker.models.training_job import (
    AlgorithmSpecification,
    MetricDefinition,
    StoppingCondition,
    TrainingJobConfig,
)
from flytekit_sagemaker.sandbox import Sandbox
from flytekit_sagemaker.types import AlgorithmName
from tests.local.support import IMAGE

PROJECT, DOMAIN = "flyteexamples", "development"
HOUR = StoppingCondition(max_runtime_in_seconds=3600)


def scripted(
    name: str, metric_definitions: Sequence[MetricDefinition] | None = None, **options: Any
) -> SdkSimpleTrainingJobTask:
    """A task whose jobs do what their static hyperparameters say; see ``TRIAL`` of tests/local/support.py."""
    return SdkSimpleTrainingJobTask(
        training_job_config=TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10),
        algorithm_specification=AlgorithmSpecification(
            algorithm_name=AlgorithmName.CUSTOM, training_image=IMAGE, metric_definitions=metric_definitions
        ),
        name=name,
        channels=(),
        **options,
    )


def remote_for(sandbox: Sandbox) -> FlyteRemote:
    return FlyteRemote(sandbox.config(), PROJECT, DOMAIN, interactive_mode_enabled=False)


def settings(version: str) -> SerializationSettings:
    images = ImageConfig.auto_default_image()
    return SerializationSettings(images, project=PROJECT, domain=DOMAIN, version=version)


@dataclass
class Client:
    """What a user does with FlyteRemote."""

    remote: FlyteRemote

    def launch(self, task: Any, version: str = "v1", name: str | None = None, **inputs: Any) -> Any:
        registered = self.remote.register_task(task, settings(version), version)
        hints = dict(task.python_interface.inputs)
        return self.remote.execute(
            registered, inputs=inputs, project=PROJECT, domain=DOMAIN, execution_name=name, type_hints=hints
        )

    def train(self, task: Any, name: str | None = None, **hyperparameters: str) -> Any:
        return self.launch(task, name=name, static_hyperparameters=hyperparameters, stopping_condition=HOUR)

    def ended(self, execution: Any) -> Any:
        return self.remote.wait(execution, timeout=timedelta(seconds=60), poll_interval=timedelta(seconds=0.2))

    def fetched(self, name: str) -> Any:
        return self.remote.sync(self.remote.fetch_execution(PROJECT, DOMAIN, name), sync_nodes=True)


def attempts(execution: Any) -> list[Any]:
    """The attempts of an execution of a single task."""
    (node,) = execution.node_executions.values()
    return list(node.task_executions)


def phase(execution: Any) -> str:
    return str(WorkflowExecution.Phase.Name(execution.closure.phase))


def job_of(attempt: Any, folder: Path) -> Path:
    """The folder of an attempt's training job under the root of a sandbox."""
    (found,) = folder.glob(f"sagemaker/training-jobs/*{attempt.id.node_execution_id.execution_id.name}*")
    return found
