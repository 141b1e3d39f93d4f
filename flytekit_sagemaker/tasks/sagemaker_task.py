"""What the SageMaker tasks share: their name, their template, and how they run locally."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flytekit.core.base_task import PythonTask
from flytekit.core.interface import Interface

from flytekit_sagemaker.models.codec import Model, to_wire
from flytekit_sagemaker.models.training_job import StoppingCondition, TrainingJob
from flytekit_sagemaker.tasks import transformers  # noqa: F401  (registers the models with flytekit)
from flytekit_sagemaker.tasks.descriptions import describe
from flytekit_sagemaker.tasks.inputs import accepted_inputs, named_inputs, with_fingerprint
from flytekit_sagemaker.tasks.local_execution import run_locally
from flytekit_sagemaker.tasks.naming import defining_namespace, variable_name
from flytekit_sagemaker.tasks.options import TaskOptions

DEFAULT_STOPPING_CONDITION = StoppingCondition(max_runtime_in_seconds=24 * 3600)


class SageMakerTask(PythonTask):  # type: ignore[misc]
    """A task that the SageMaker connector runs: no code of the user's, no container.

    Locally it runs through the same connector against the SageMaker that the settings name, which is the local one
    unless they say otherwise.

    Args:
        task_type: the connector's task type.
        custom: the job, as the task template carries it.
        training_job: what the job trains.
        summary: one sentence about the task; ``{algorithm}`` stands for the algorithm's name.
        inputs: type, or type and default, of each input.
        outputs: type of each output.
        options: how Flyte treats the task.
    """

    def __init__(
        self,
        task_type: str,
        custom: Model,
        *,
        training_job: TrainingJob,
        summary: str,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        options: TaskOptions,
    ) -> None:
        self._given_name = options.name
        self._namespace = defining_namespace()
        self._custom = custom
        summary = summary.format(algorithm=training_job.algorithm_specification.algorithm_name.name)
        channels = [channel.name for channel in training_job.channels]
        super().__init__(
            task_type=task_type,
            name=options.name or "",
            task_config=None,
            interface=Interface(
                inputs=dict(inputs),
                outputs=dict(outputs),
                docstring=describe(summary, inputs, outputs, channels),
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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task locally, or make it a node of the workflow that is being compiled.

        Raises:
            InvalidInput: listing every input that is unknown, missing or of the wrong type.
            JobNotCreated: listing everything else that is wrong, before anything starts.
            JobFailed: with the job's own explanation.
        """
        declared = self.python_interface.inputs_with_defaults
        given = named_inputs(self.name, list(declared), args, kwargs)
        return super().__call__(**accepted_inputs(self.name, declared, given))

    def local_execute(self, ctx: Any, **kwargs: Any) -> Any:
        """Run the task locally, or take its outputs from flytekit's cache."""
        if self.metadata.cache:
            kwargs = {name: with_fingerprint(value) for name, value in kwargs.items()}
        return super().local_execute(ctx, **kwargs)

    def dispatch_execute(self, ctx: Any, input_literal_map: Any) -> Any:
        """Run the job through the connector and return the outputs that it wrote.

        The connector works on literals, so nothing is converted to Python values (or downloaded) on the way.
        """
        return run_locally(self, input_literal_map)
