"""What a function says about the training job that runs it: read from its signature and its module."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from flytekit.core.tracker import istestfunction
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker.container.contract import BASE_DIR_VARIABLE, DEFAULT_BASE_DIR
from flytekit_sagemaker.container.inputs import EVERY_OTHER, HYPERPARAMETERS
from flytekit_sagemaker.container.metrics import metric_definition, reported_names
from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.training_job import (
    AlgorithmSpecification,
    Channel,
    Function,
    MetricDefinition,
    TrainingJob,
    TrainingJobConfig,
)
from flytekit_sagemaker.tasks.inputs import declared_channels
from flytekit_sagemaker.types import AlgorithmName, InputMode

MODEL = "model"
STOPPING_CONDITION = "stopping_condition"
USUAL_CHANNELS = ("train", "validation")
M = TypeVar("M", bound=Model)
_TUNABLE = {int: "int", float: "float", str: "str", bool: "bool"}


def function_problems(function: Any) -> Iterator[Problem]:
    """What keeps a function from being run by a job."""
    if not inspect.isfunction(function):
        yield Problem("task_function", function, "must be a function of a module")
        return
    function = inspect.unwrap(function)
    shown = function.__qualname__
    if "." in shown and not istestfunction(function):
        yield Problem("task_function", shown, "must stand at the top of its module, from which the job imports it")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        yield Problem("task_function", shown, "must not be async: it has its job alone")
    if inspect.isgeneratorfunction(function):
        yield Problem("task_function", shown, "must return its outputs, not yield them")


def training_job_of(
    task: str,
    function: Callable[..., Any],
    taken: Mapping[str, Any],
    config: TrainingJobConfig,
    specification: AlgorithmSpecification | Mapping[str, Any] | None,
    channels: Sequence[str | Channel] | None,
    metrics: Sequence[str],
    overrides: Mapping[str, Any] | None = None,
) -> TrainingJob:
    """The job that runs a function: its channels, its metrics, and what of it can be tuned.

    Args:
        task: name of the task, for messages.
        taken: Python types of the function's inputs.
        config, specification, channels, metrics, overrides: as the decorator was given them.

    Raises:
        InvalidInput: listing everything that does not fit.
    """
    config = _model("training_job_config", TrainingJobConfig, config)
    usual = [name for name in USUAL_CHANNELS if name in taken]
    declared = tuple(
        replace(channel, required=channel.required and type(None) not in get_args(taken.get(channel.name)))
        for channel in declared_channels(usual if channels is None else channels)
    )
    if specification is None or isinstance(specification, Mapping):
        specification = {"algorithm_name": AlgorithmName.CUSTOM, **(specification or {})}
    given = _model("algorithm_specification", AlgorithmSpecification, specification)
    problems = [*_channel_problems(declared, taken), *_mode_problems(given, declared)]
    if problems:
        raise InvalidInput(f"the task {task}", problems)
    defined = list(given.metric_definitions or ())
    known = {each.name for each in defined}
    found = dict.fromkeys((*metrics, *_reported_names(function)))
    defined += [MetricDefinition(*metric_definition(name)) for name in found if name not in known]
    predefined = {channel.name for channel in declared} | {HYPERPARAMETERS, STOPPING_CONDITION}
    tunable = {name: _TUNABLE[kind] for name, kind in taken.items() if name not in predefined and kind in _TUNABLE}
    return TrainingJob(
        algorithm_specification=replace(given, metric_definitions=defined),
        training_job_config=config,
        channels=declared,
        function=Function(
            tunable_inputs=tunable,
            takes_hyperparameters=HYPERPARAMETERS in taken,
            hyperparameter_types=_hyperparameter_types(taken.get(HYPERPARAMETERS)),
        ),
        overrides=overrides,
    )


def is_data(kind: Any) -> bool:
    """Whether values of a type are files or directories."""
    return isinstance(kind, type) and issubclass(kind, (FlyteDirectory, FlyteFile))


def _model(name: str, model: type[M], value: object) -> M:
    try:
        return model.of(value)
    except InvalidInput as error:
        raise InvalidInput("custom_training_job_task", [each.under(name) for each in error.problems]) from None


def _channel_problems(channels: Sequence[Channel], taken: Mapping[str, Any]) -> Iterator[Problem]:
    for channel in channels:
        kind = taken.get(channel.name)
        if not channel.is_input:
            if kind is not None:
                rule = "is no input: the channel says itself where its data is"
                base = f"{DEFAULT_BASE_DIR}, or below {BASE_DIR_VARIABLE} where that is set, as on your machine"
                remedy = f"Leave the parameter out: the data is in input/data/{channel.name} below {base}."
                yield Problem(channel.name, kind, rule, remedy)
        elif kind is None:
            yield Problem("channels", channel.name, "must be a parameter of the function")
        elif not any(is_data(each) for each in (kind, *get_args(kind))):
            rule = "must be a FlyteDirectory or a FlyteFile: SageMaker puts the data of a channel on the disk"
            yield Problem(channel.name, kind, rule)


def _hyperparameter_types(kind: Any) -> dict[str, str]:
    """The types that hyperparameters have to have: those of a dataclass's fields, or of a dictionary's values."""
    kind = next((each for each in get_args(kind) if is_dataclass(each) or get_origin(each) is dict), kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return {each.name: _TUNABLE[hints[each.name]] for each in fields(kind) if hints[each.name] in _TUNABLE}
    arguments = get_args(kind)
    return {EVERY_OTHER: _TUNABLE[arguments[1]]} if len(arguments) == 2 and arguments[1] in _TUNABLE else {}


def _mode_problems(specification: AlgorithmSpecification, channels: Sequence[Channel]) -> Iterator[Problem]:
    modes = {"algorithm_specification.input_mode": specification.input_mode}
    modes |= {f"channels.{channel.name}.input_mode": channel.input_mode for channel in channels if channel.input_mode}
    for field, mode in modes.items():
        if mode is InputMode.PIPE:
            yield Problem(field, "PIPE", "must be FILE or FASTFILE: the function reads files")


def _reported_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The metrics that the module of a function reports, as far as its text shows them."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return reported_names("".join(linecache.getlines(code.co_filename))) if code else ()
