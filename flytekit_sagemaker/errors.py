"""The exceptions of this package, divided by whose move it is, and the problems they list."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from flytekit_sagemaker.masking import masked, secrets_at


class SageMakerError(Exception):
    """Root of every exception that this package raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a stack: the message, and the user's own lines that led to it.

        https://ipython.readthedocs.io/en/stable/config/integrating.html#custom-exception-tracebacks
        """
        frames = traceback.extract_tb(self.__traceback__)
        own = [frame for frame in frames if "ipykernel_" in frame.filename or frame.filename.startswith("<ipython")]
        lines = [f"  line {frame.lineno}: {frame.line}" for frame in own if frame.line]
        return [f"{type(self).__name__}: {self}", *lines]


class UserError(SageMakerError):
    """The user has to change something; trying again as it is cannot succeed."""


class ServiceError(SageMakerError):
    """SageMaker refused or failed, and trying again as it is cannot succeed."""


class TransientError(SageMakerError):
    """Nobody has to change anything: the same call may succeed a little later."""


class JobNotCreated(UserError):
    """There is no job: the message lists everything that keeps it from being created."""


class JobFailed(SageMakerError):
    """A job ended without success; the message is the job's own explanation, and says whose move it is."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what the user gave.

    Attributes:
        field: path of the offending value, such as ``training_job_config.instance_count``.
        value: what was given, None for nothing; shown with ``repr``, without secrets, cut when long.
        rule: what a legal value looks like, as the rest of a sentence ("must be at least 1").
        remedy: what to do about it, a whole sentence, or empty where the rule says it all.
        constraint: the words in which the SageMaker service states the same rule, where it has any.
        fatal: False where the job would run all the same, though hardly as the user means it.
    """

    field: str
    value: object
    rule: str
    remedy: str = ""
    constraint: str = ""
    fatal: bool = True

    def __str__(self) -> str:
        # Where a key is what is wrong, the field ends with it.
        secrets = secrets_at(self.field, self.value) - {self.field.rpartition(".")[2]}
        shown = masked(repr(self.value), secrets)
        if len(shown) > 80:
            shown = f"{shown[:77]}..."
        if self.value is None and self.field:
            subject = self.field
        else:
            subject = f"{self.field} = {shown}:" if self.field else f"{shown}:"
        advice = f"{self.rule}. {self.remedy}" if self.remedy else self.rule
        return f"{subject} {masked(advice, secrets)}"

    def under(self, parent: str) -> Problem:
        """The same problem seen from the object that holds this one in its field ``parent``."""
        joint = "" if self.field.startswith("[") or not self.field else "."
        return replace(self, field=f"{parent}{joint}{self.field}")


class InvalidInput(UserError, ValueError):
    """What the user gave breaks one or more rules; the message lists every one of them.

    Attributes:
        subject: what was being built or checked, such as ``TrainingJobConfig``.
        problems: every problem found, in the order of the fields.
    """

    def __init__(self, subject: str, problems: Sequence[Problem]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        super().__init__(subject, self.problems)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return f"{self.subject} is not valid: {self.problems[0]}"
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        return f"{self.subject} is not valid; {len(self.problems)} problems:{lines}"


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A sentence that names the known word closest to a misspelled one, or an empty string."""
    words = {word.lower(): word for word in known}
    close = difflib.get_close_matches(given.lower(), list(words), n=1, cutoff=0.6)
    return f"Did you mean {words[close[0]]!r}?" if close else ""
