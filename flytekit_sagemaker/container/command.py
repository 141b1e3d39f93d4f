"""The command of a user's function on its way through a job's environment.

A tuning job takes neither an entrypoint nor arguments, and a training job takes no argument of more than 256
characters, so that the environment is the one place that both have. Its values are limited too, hence the pieces.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_HyperParameterTrainingJobDefinition.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

ENTRYPOINT = ("flytekit-sagemaker", "train")
TRAINING_MODULE_VARIABLE = "SAGEMAKER_TRAINING_MODULE"
TRAINING_MODULE = "flytekit_sagemaker.container.entrypoint:train"
LONGEST_VALUE = 512
# Stands in an argument for the name of the training job that runs the command: trials of a tuning job share theirs.
JOB_NAME = "{training_job_name}"

_VARIABLE = "FLYTEKIT_SAGEMAKER_COMMAND"


@dataclass(frozen=True)
class Command:
    """What a job runs.

    Attributes:
        argv: program and arguments, as Flyte renders them.
        environment: variables that the program is to have beside the job's own.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """The command as environment variables of a job, none longer than AWS allows."""
        text = json.dumps({"argv": self.argv, "environment": dict(self.environment)}, separators=(",", ":"))
        pieces = [text[start : start + LONGEST_VALUE] for start in range(0, len(text), LONGEST_VALUE)]
        return {_name(number): piece for number, piece in enumerate(pieces)}

    @classmethod
    def find(cls, environ: Mapping[str, str]) -> Command | None:
        """The command that an environment carries, or None.

        Raises:
            ValueError: when a piece of it is missing.
        """
        pieces: list[str] = []
        while (piece := environ.get(_name(len(pieces)))) is not None:
            pieces.append(piece)
        if not pieces:
            return None
        try:
            document = json.loads("".join(pieces))
        except ValueError:
            raise ValueError(f"the variables {_name(0)} to {_name(len(pieces) - 1)} hold a part of a command") from None
        return cls(tuple(document["argv"]), document["environment"])


def _name(number: int) -> str:
    return f"{_VARIABLE}_{number:02}"
