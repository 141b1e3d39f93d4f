"""How Flyte would start the function of a task, and where the function of each trial of a tuning job leaves what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flytekit_sagemaker.container.command import JOB_NAME, Command
from flytekit_sagemaker.requests.functions import Container

_PLACES_OF_A_JOB = ("--output-prefix", "--raw-output-data-prefix", "--checkpoint-path")


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
        if argument in _PLACES_OF_A_JOB and argv[number + 1] and not argv[number + 1].startswith("{{"):
            argv[number + 1] = trial_prefix(argv[number + 1], JOB_NAME)
    return replace(container, command=replace(container.command, argv=tuple(argv)))


def trial_prefix(prefix: str, training_job_name: str) -> str:
    """Where the outputs of one trial go, below the output prefix of its tuning job."""
    return f"{prefix.rstrip('/')}/trials/{training_job_name}"
