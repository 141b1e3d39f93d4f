"""Why a job ended without success, in words for the person who ran it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.masking import masked, secrets_in
from flytekit_sagemaker.status import Move, job_state, whose_move

_SHAPES = {"training": "TrainingJob", "tuning": "HyperParameterTuningJob"}


@dataclass(frozen=True)
class Explanation:
    """Why a job failed or was stopped.

    Attributes:
        message: the reason, the last log lines and the links; without secrets, at most ``MAX_CHARACTERS`` long.
        move: who has to act before it can succeed.
        log_tail: the log lines of the message.
    """

    message: str
    move: Move
    log_tail: tuple[str, ...] = ()


def explain(endpoint: Endpoint, kind: str, description: Mapping[str, Any], links: Mapping[str, str]) -> Explanation:
    """Explain the end of a job that failed or was stopped; blocks for a few calls, and never raises.

    Args:
        endpoint: where the job ran.
        kind: ``training`` or ``tuning``.
        description: SageMaker's description of the job.
        links: title to URL.
    """
    secondary, reason = description.get("SecondaryStatus", ""), description.get("FailureReason", "")
    state, words = job_state(description.get(f"{_SHAPES[kind]}Status", ""), secondary)
    name = description.get(f"{_SHAPES[kind]}Name", "")
    lines = [f"{kind} job {name}: {reason or words}", *(f"{title}: {url}" for title, url in links.items())]
    return Explanation(masked("\n".join(lines), secrets_in(description)), whose_move(state, reason, secondary))


def failure_message(
    endpoint: Endpoint, kind_word: str, description: Mapping[str, Any], links: Mapping[str, str]
) -> str:
    """The message of :func:`explain`."""
    return explain(endpoint, kind_word, description, links).message
