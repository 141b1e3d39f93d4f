"""How Flyte would start the function of a task, and the place of the outputs that it leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flyteidl.core import errors_pb2, literals_pb2

from flytekit_sagemaker.connector.outputs import OUTPUTS, read
from flytekit_sagemaker.container.command import JOB_NAME, Command
from flytekit_sagemaker.requests.functions import Container

ERROR = "error.pb"
_PLACES_OF_A_JOB = ("--output-prefix", "--checkpoint-path")


def container_of(template: Any, execution: Any) -> Container | None:
    """The container of a task template, its arguments rendered by Flyte; None for a template without one.

    Args:
        template: flytekit's ``TaskTemplate``.
        execution: flytekit's ``TaskExecutionMetadata``, or None.
    """
    container = getattr(template, "container", None)
    if container is None:
        return None
    of_flyte = getattr(execution, "environment_variables", None) or {}
    command = Command((*container.command, *container.args), dict(of_flyte))
    return Container(container.image, command, dict(container.env or {}))


def of_each_trial(container: Container) -> Container:
    """The container whose outputs go to a place of each trial's own."""
    argv = list(container.command.argv)
    for number, argument in enumerate(argv[:-1]):
        if argument in _PLACES_OF_A_JOB and argv[number + 1]:
            argv[number + 1] = trial_prefix(argv[number + 1], JOB_NAME)
    return replace(container, command=replace(container.command, argv=tuple(argv)))


def trial_prefix(prefix: str, training_job_name: str) -> str:
    """Where the outputs of one trial go, below the output prefix of its tuning job."""
    return f"{prefix.rstrip('/')}/trials/{training_job_name}"


def outputs_left(prefix: str) -> dict[str, literals_pb2.Literal] | None:
    """The outputs that a function left under its output prefix, None when it left none."""
    content = read(prefix, OUTPUTS)
    return None if content is None else dict(literals_pb2.LiteralMap.FromString(content).literals)


def may_be_retried(prefix: str) -> bool:
    """Whether the function that left an error under its output prefix calls the error recoverable."""
    content = read(prefix, ERROR)
    error = errors_pb2.ErrorDocument.FromString(content or b"").error
    return bool(error.kind == errors_pb2.ContainerError.RECOVERABLE)
