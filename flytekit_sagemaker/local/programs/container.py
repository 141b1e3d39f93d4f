"""What every built-in container does around its training: find its files, obey SIGTERM, explain a failure.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
"""

from __future__ import annotations

import functools
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from flytekit_sagemaker.container.contract import Contract
from flytekit_sagemaker.errors import Problem, UserError

VERSION_VARIABLE = "FLYTEKIT_SAGEMAKER_ALGORITHM_VERSION"
FAILURE_CHARACTERS = 1024
"""So much of ``output/failure`` becomes the job's FailureReason."""


class TrainingError(UserError):
    """The user's hyperparameters or data do not let the job be trained; the message says what to change."""


class _Terminated(BaseException):
    """SageMaker stops the job and the program has saved what it has."""


class Container(Contract):
    """One host of a training job of a built-in algorithm.

    Attributes:
        version: the image's version, empty for the newest.
    """

    def __init__(self, base: Path, version: str = "") -> None:
        super().__init__(base)
        self.version = version

    @classmethod
    def from_environment(cls) -> Container:
        """The container of this process, with the version that the server names."""
        return cls(Contract.here().base, os.environ.get(VERSION_VARIABLE, ""))

    @functools.cached_property
    def channel_configs(self) -> dict[str, dict[str, Any]]:
        """The configuration of every channel: ``ContentType``, ``TrainingInputMode``, ``S3DistributionType``."""
        return self.config("inputdataconfig")

    @property
    def content_types(self) -> dict[str, str | None]:
        """Content type of every channel, None where it has none."""
        return {name: config.get("ContentType") for name, config in self.channel_configs.items()}

    @property
    def piped_channels(self) -> frozenset[str]:
        """Names of the channels in Pipe mode."""
        configs = self.channel_configs.items()
        return frozenset(name for name, config in configs if config.get("TrainingInputMode") == "Pipe")

    @property
    def is_master(self) -> bool:
        """Whether this host saves the model."""
        return self.current_host == self.hosts[0]

    @property
    def threads(self) -> int | None:
        """``OMP_NUM_THREADS``; OpenMP itself has read it long before, in the process that this one was forked from."""
        text = os.environ.get("OMP_NUM_THREADS", "")
        return int(text) if text.isdigit() and int(text) > 0 else None

    def report_failure(self, message: str) -> None:
        """Leave the text that becomes the job's FailureReason, in which the exit code follows it after a comma."""
        self.fail(message[:FAILURE_CHARACTERS].rstrip(". \n"))


def log(message: str, level: str = "INFO") -> None:
    """Print a line as the framework's logger does, at once."""
    print(f"[{time.strftime('%Y-%m-%d %H:%M:%S')}:{level}] {message}", flush=True)


def refuse(problems: Iterable[Problem]) -> None:
    """Raise the problems that stop the container, in its words and ours; mention the others in the log.

    Raises:
        TrainingError: at least one of the problems has a constraint of the container.
    """
    fatal = []
    for problem in problems:
        if problem.constraint:
            fatal.append(problem)
        else:
            log(str(problem), "WARNING")
    if fatal:
        raise TrainingError("\n".join(_in_container_words(problem) for problem in fatal))


def _in_container_words(problem: Problem) -> str:
    sentence = f"{problem.constraint.rstrip('.')}. {problem.remedy}".rstrip()
    return sentence if len(sentence) <= 300 else str(problem)


def run(train: Callable[[Container], None]) -> int:
    """Train and return the exit code: 0, or 1 after the reason has been printed and left in ``output/failure``."""
    container = Container.from_environment()
    try:
        train(container)
    except _Terminated:
        log("Training was stopped; the model of the last round is saved.")
    except UserError as error:
        return _fail(container, f"UserError: {error}")
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        return _fail(container, f"AlgorithmError: {type(error).__name__}: {error}")
    return 0


def on_sigterm(*save: Callable[[], None], and_end_well: bool = True) -> None:
    """Have SIGTERM save before it ends the program; SageMaker allows 120 seconds for it.

    Args:
        save: what is called, in this order.
        and_end_well: whether the program then ends with exit code 0, and not as SIGTERM ends it by itself.
    """

    def terminate(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        for each in save:
            each()
        if and_end_well:
            raise _Terminated
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    signal.signal(signal.SIGTERM, terminate)


def _fail(container: Container, message: str) -> int:
    log(message, "ERROR")
    container.report_failure(re.sub(r"\n+", "\n", message))
    return 1
