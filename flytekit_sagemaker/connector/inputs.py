"""What the inputs of a task execution give to its job, every problem with them included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.masking import masked, secrets_of
from flytekit_sagemaker.models.codec import Model, from_wire
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJob, HyperparameterTuningJobConfig
from flytekit_sagemaker.models.parameter_ranges import ParameterRangeOneOf
from flytekit_sagemaker.models.training_job import Channel, Function, StoppingCondition, TrainingJob
from flytekit_sagemaker.requests.functions import range_problems, shown_hyperparameters
from flytekit_sagemaker.requests.training import JobInputs
from flytekit_sagemaker.uris import file_uri

M = TypeVar("M", bound=Model)
Ranges: TypeAlias = dict[str, ParameterRangeOneOf]


class Inputs:
    """Reads inputs one by one and remembers what is wrong with them.

    Attributes:
        warnings: sentences about what was read.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._problems: list[Problem] = []
        self._tuned: set[str] = set()
        self.warnings: tuple[str, ...] = ()

    def ranges(self, job: HyperparameterTuningJob, config: HyperparameterTuningJobConfig | None) -> Ranges:
        """The ranges that are inputs; a problem for each range, of the config too, that the function cannot take."""
        given = {name: self.model(name, ParameterRangeOneOf) for name in job.tunable_parameters}
        ranges = {name: chosen for name, chosen in given.items() if chosen is not None}
        if job.function:
            configured = config and config.hyperparameter_ranges
            every = {**(configured.parameter_range_map if configured else {}), **ranges}
            self._tuned = set(every)
            self._problems.extend(range_problems(job.function, every))
        return ranges

    def model(self, name: str, model: type[M]) -> M | None:
        """An input that is a model; None, and a problem, when it is missing or not valid."""
        value = self._values.get(name)
        if value is None:
            self._problems.append(Problem(name, None, "is required"))
        elif not isinstance(value, Mapping):
            self._problems.append(Problem(name, value, f"must be a {model.__name__}"))
        else:
            try:
                return from_wire(model, value)
            except InvalidInput as error:
                self._problems.extend(problem.under(name) for problem in error.problems)
        return None

    def job_inputs(self, job: TrainingJob | HyperparameterTuningJob) -> JobInputs:
        """The inputs that every job has: static hyperparameters, channels and the stopping condition.

        Raises:
            InvalidInput: listing what is wrong with any input that was read.
        """
        name = "hyperparameters" if job.function else "static_hyperparameters"
        static = self._values.get(name)
        if static is not None and not isinstance(static, Mapping):
            self._problems.append(Problem(name, static, "must be a dictionary"))
        channels = self._channels(job.channels)
        stopping_condition = self.model("stopping_condition", StoppingCondition)
        if self._problems or stopping_condition is None:
            raise InvalidInput("the input of the task", self._problems)
        static = static or {}
        if job.function:
            fixed = self._fixed(job.function, static) if isinstance(job, HyperparameterTuningJob) else {}
            static, self.warnings = shown_hyperparameters(static)
            static = shown_hyperparameters({**static, **fixed})[0]
        return JobInputs(static, channels, stopping_condition)

    def _fixed(self, function: Function, static: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs of a function that could be tuned and are not, in this tuning job: static hyperparameters for the
        service, which lets a warm start tune what was static, but nothing that it has not seen. Secrets stay unseen."""
        given = {
            name: self._values[name]
            for name in function.tunable_inputs or {}
            if self._values.get(name) is not None and name not in self._tuned and name not in static
        }
        return {name: value for name, value in given.items() if not _is_secret(name, str(value))}

    def _channels(self, channels: Iterable[Channel]) -> dict[str, str]:
        """The URI of each channel that is given; a path of this machine becomes a ``file://`` URI."""
        uris = {}
        for channel in channels:
            value = self._values.get(channel.name)
            if isinstance(value, str) and value:
                uris[channel.name] = value if "://" in value else file_uri(value)
            elif value is not None:
                self._problems.append(Problem(channel.name, value, "must be a directory or its URI"))
            elif channel.required and channel.is_input:
                self._problems.append(Problem(channel.name, None, "is required"))
        return uris


def _is_secret(name: str, value: str) -> bool:
    return bool(secrets_of({name: value})) or masked(value) != value
