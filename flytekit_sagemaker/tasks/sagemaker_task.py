"""What the tasks without a function of the user's own share: their name and their template."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from flytekit.core.base_task import PythonTask
from flytekit.core.interface import Interface

from flytekit_sagemaker.models.codec import Model, to_wire
from flytekit_sagemaker.models.training_job import Channel, StoppingCondition, TrainingJobConfig
from flytekit_sagemaker.tasks import mapping  # noqa: F401  (lets flytekit map over functions that are training jobs)
from flytekit_sagemaker.tasks.descriptions import describe
from flytekit_sagemaker.tasks.naming import defining_namespace, variable_name
from flytekit_sagemaker.tasks.options import TaskOptions
from flytekit_sagemaker.tasks.through_connector import RunsThroughConnector

_DAY_IN_SECONDS = 24 * 3600


def default_stopping_condition(config: TrainingJobConfig) -> StoppingCondition:
    """A day of training; with spot instances, up to another day of waiting for them."""
    wait = 2 * _DAY_IN_SECONDS if config.enable_managed_spot_training else None
    return StoppingCondition(max_runtime_in_seconds=_DAY_IN_SECONDS, max_wait_time_in_seconds=wait)


class SageMakerTask(RunsThroughConnector, PythonTask):  # type: ignore[misc]
    """A task that the SageMaker connector runs: no code of the user's, no container.

    Locally it runs through the same connector against the SageMaker that the settings name, which is the local one
    unless they say otherwise.

    Args:
        task_type: the connector's task type.
        custom: the job, as the task template carries it.
        channels: the channels among its inputs.
        summary: one sentence about the task.
        inputs: type, or type and default, of each input.
        outputs: type of each output.
        options: how Flyte treats the task.
    """

    def __init__(
        self,
        task_type: str,
        custom: Model,
        *,
        channels: Sequence[Channel],
        summary: str,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        options: TaskOptions,
    ) -> None:
        self._given_name = options.name
        self._namespace = defining_namespace()
        self._custom = custom
        super().__init__(
            task_type=task_type,
            name=options.name or "",
            task_config=None,
            interface=Interface(
                inputs=dict(inputs),
                outputs=dict(outputs),
                docstring=describe(summary, inputs, outputs, [channel.name for channel in channels]),
            ),
            metadata=options.metadata(),
        )
        self.__doc__ = summary  # what `pyflyte run TASK --help` prints

    @property
    def name(self) -> str:
        """Full name of the task: the one given, else ``<module>.<variable>`` as Flyte names function tasks."""
        if self._given_name:
            return self._given_name
        found = variable_name(self, self._namespace) if self._namespace is not None else None
        if found:
            return found
        digest = hashlib.sha256(json.dumps(to_wire(self._custom), sort_keys=True).encode()).hexdigest()[:8]
        return f"{self.task_type}.{digest}"

    def get_custom(self, settings: Any) -> dict[str, Any]:
        """The protobuf JSON of the job."""
        return to_wire(self._custom)
