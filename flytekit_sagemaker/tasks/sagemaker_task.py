"""What the SageMaker tasks share: their name, their template, their inputs, and how they run locally."""

from __future__ import annotations

import hashlib
import json
import os
import typing
from collections.abc import Mapping
from typing import Any

from flytekit.core.base_task import PythonTask, TaskMetadata
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.interface import Interface
from flytekit.core.promise import Promise
from flytekit.types.directory import FlyteDirectory

from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean
from flytekit_sagemaker.models.codec import Model, to_wire
from flytekit_sagemaker.models.training_job import Channel, StoppingCondition, TrainingJob
from flytekit_sagemaker.tasks import transformers  # noqa: F401  (registers the models with flytekit)
from flytekit_sagemaker.tasks.descriptions import describe
from flytekit_sagemaker.tasks.local_execution import run_locally
from flytekit_sagemaker.tasks.naming import defining_namespace, variable_name

CSV_DIRECTORY = FlyteDirectory["csv"]
DEFAULT_STOPPING_CONDITION = StoppingCondition(max_runtime_in_seconds=24 * 3600)


class SageMakerTask(PythonTask):  # type: ignore[misc]
    """A task that the SageMaker connector runs: no code of the user's, no container.

    Locally it runs through the same connector against the SageMaker that the settings name, which is the local one
    unless they say otherwise.
    """

    def __init__(
        self,
        task_type: str,
        custom: Model,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        *,
        training_job: TrainingJob,
        summary: str,
        name: str | None,
        retries: int,
        cacheable: bool,
        cache_version: str,
        interruptible: bool,
    ) -> None:
        self._given_name = name
        self._namespace = defining_namespace()
        self._custom = custom
        problems = []
        if retries < 0:
            problems.append(Problem("retries", retries, "must be at least 0"))
        if cacheable and not cache_version:
            problems.append(Problem("cache_version", cache_version, "is required when cacheable is True"))
        if problems:
            raise InvalidInput(type(self).__name__, problems)
        summary = summary.format(algorithm=training_job.algorithm_specification.algorithm_name.name)
        channels = [channel.name for channel in training_job.channels]
        super().__init__(
            task_type=task_type,
            name=name or "",
            task_config=None,
            interface=Interface(
                inputs=dict(inputs),
                outputs=dict(outputs),
                docstring=describe(summary, inputs, outputs, channels),
            ),
            metadata=TaskMetadata(
                cache=cacheable,
                cache_version=cache_version if cacheable else "",
                retries=retries,
                interruptible=interruptible,
                generates_deck=True,
            ),
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
        """
        given = dict(zip(self.python_interface.inputs, args, strict=False)) | kwargs
        return super().__call__(**self._accepted(given))

    def dispatch_execute(self, ctx: Any, input_literal_map: Any) -> Any:
        """Run the job through the connector and return the outputs that it wrote.

        The connector works on literals, so nothing is converted to Python values (or downloaded) on the way.

        Raises:
            JobFailed: with the job's own explanation.
        """
        return run_locally(self, input_literal_map)

    def _accepted(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs as flytekit takes them, the defaults filled in (flytekit does so for workflow nodes only)."""
        declared = self.python_interface.inputs_with_defaults
        accepted: dict[str, Any] = {}
        problems = [
            Problem(name, given[name], "is not an input of this task", did_you_mean(name, declared) or _takes(declared))
            for name in given
            if name not in declared
        ]
        for name, (python_type, default) in declared.items():
            if name not in given:
                if default is not None or type(None) in typing.get_args(python_type):
                    accepted[name] = default
                else:
                    problems.append(Problem(name, None, "is required"))
                continue
            try:
                accepted[name] = _accept(python_type, given[name])
            except InvalidInput as error:
                problems.extend(problem.under(name) for problem in error.problems)
        if problems:
            raise InvalidInput(f"the input of {self.name}", problems)
        return accepted


def channel_inputs(channels: typing.Sequence[Channel]) -> dict[str, Any]:
    """The inputs of a task for its channels: a directory each, optional ones with None for default."""
    return {
        channel.name: CSV_DIRECTORY if channel.required else (typing.Optional[CSV_DIRECTORY], None)  # noqa: UP045
        for channel in channels
    }


def declared_channels(channels: typing.Sequence[str | Channel]) -> tuple[Channel, ...]:
    """The channels of a task, given as names or models.

    Raises:
        InvalidInput: when a name is not legal or the value is neither.
    """
    if isinstance(channels, str):
        raise InvalidInput("channels", [Problem("channels", channels, "must be a list of names or channels")])
    return tuple(Channel(name=channel) if isinstance(channel, str) else Channel.of(channel) for channel in channels)


def _takes(declared: Mapping[str, Any]) -> str:
    return f"It takes {', '.join(declared)}."


def _accept(python_type: Any, value: Any) -> Any:
    """One input in the form that flytekit converts; a promise of another task's output passes."""
    if isinstance(value, Promise) or hasattr(value, "ref"):
        return value
    members = [member for member in typing.get_args(python_type) if member is not type(None)]
    optional = len(members) == 1 and type(None) in typing.get_args(python_type)
    if optional:
        if value is None:
            return None
        python_type = members[0]
    if isinstance(python_type, type) and issubclass(python_type, Model):
        return python_type.of(value)
    if isinstance(python_type, type) and issubclass(python_type, FlyteDirectory):
        return _directory(value)
    if python_type is dict and not isinstance(value, Mapping):
        raise InvalidInput("value", [Problem("", value, "must be a dictionary")])
    return dict(value) if python_type is dict else value


def _directory(value: Any) -> Any:
    """A channel's data. Local paths are used where they are: a copy would cost time and hide the user's own path."""
    if isinstance(value, FlyteDirectory):
        return value
    if not isinstance(value, (str, os.PathLike)) or not str(value):
        raise InvalidInput("value", [Problem("", value, "must be a directory: a path, a URI or a FlyteDirectory")])
    compiling = FlyteContextManager.current_context().compilation_state is not None
    return str(value) if compiling else FlyteDirectory(str(value), remote_directory=False)
