"""The status words of the SageMaker service, what each means, and whose move it is when a job ends badly.

Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeHyperParameterTuningJob.html
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from typing import Any


class JobState(enum.Enum):
    """What a status means to somebody who waits for the job."""

    WAITING = "waiting for resources"
    PREPARING = "being prepared"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_terminal(self) -> bool:
        """Whether the job can no longer change."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.STOPPED)


class Move(enum.Enum):
    """Who has to act before a job that ended badly can succeed."""

    NOBODY = "the same job may succeed when it is run again"
    USER = "the user has to change something"


# Jobs that are being deleted were terminal before; nobody who waits for them gets a result.
JOB_STATES = {
    "InProgress": JobState.RUNNING,
    "Stopping": JobState.RUNNING,
    "Completed": JobState.SUCCEEDED,
    "Failed": JobState.FAILED,
    "Stopped": JobState.STOPPED,
    "Deleting": JobState.STOPPED,
    "DeleteFailed": JobState.STOPPED,
}

# What a job in progress is doing. The service adds words from time to time: an unknown one is a job that runs.
SECONDARY_STATES = {
    "Starting": (JobState.PREPARING, "starting: instances are being launched"),
    "LaunchingMLInstances": (JobState.PREPARING, "starting: instances are being launched"),
    "PreparingTrainingStack": (JobState.PREPARING, "starting: the training stack is being prepared"),
    "Pending": (JobState.WAITING, "pending: waiting for capacity"),
    "Downloading": (JobState.PREPARING, "downloading the input data"),
    "DownloadingTrainingImage": (JobState.PREPARING, "downloading the training image"),
    "Training": (JobState.RUNNING, "training"),
    "Uploading": (JobState.RUNNING, "uploading the model"),
    "Updating": (JobState.RUNNING, "updating"),
    "Restarting": (JobState.PREPARING, "restarting after an internal error"),
    "Interrupted": (JobState.WAITING, "interrupted: the spot instances were reclaimed"),
    "Stopping": (JobState.RUNNING, "stopping"),
    "Stopped": (JobState.STOPPED, "stopped on request"),
    "MaxRuntimeExceeded": (JobState.STOPPED, "stopped because it reached max_runtime_in_seconds"),
    "MaxWaitTimeExceeded": (JobState.STOPPED, "stopped because it reached max_wait_time_in_seconds"),
    "Completed": (JobState.SUCCEEDED, "completed"),
    "Failed": (JobState.FAILED, "failed"),
}

# Trials of a tuning job as the service counts them, and the outcome that each count belongs to.
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrainingJobStatusCounters.html
TRIAL_COUNTERS = {
    "Completed": "completed",
    "InProgress": "running",
    "RetryableError": "failed",
    "NonRetryableError": "failed",
    "Stopped": "stopped",
}

# What became of a trial's objective: whether there is one, may still be one, or will never be.
OBJECTIVE_STATES = {"Succeeded": JobState.SUCCEEDED, "Pending": JobState.RUNNING, "Failed": JobState.FAILED}

# A failure reason begins with the class of the failure and a colon, where the service knows the class.
_CLASS = re.compile(r"\s*(?P<word>[A-Za-z]+(?:Error|Exception|Failure|Fault|Unavailable))\b")
_USERS_CLASSES = frozenset(("AlgorithmError", "ClientError", "ValidationException", "AccessDeniedException"))
_PLATFORMS_CLASSES = frozenset(
    (
        "CapacityError",
        "InsufficientCapacityError",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "ServiceUnavailable",
        "ThrottlingException",
    )
)
_PLATFORMS_WORDS = re.compile(
    r"internal (?:server )?error|unable to provision|insufficient capacity|capacity (?:is|was) (?:un|not )available|"
    r"spot (?:instance )?interrupt|(?:instances?|capacity) (?:was|were) reclaimed|warm pool",
    re.IGNORECASE,
)


def job_state(status: str, secondary_status: str = "") -> tuple[JobState, str]:
    """The state of a job and a few words about it, for any status the service may ever send."""
    state = JOB_STATES.get(status, JobState.RUNNING)
    known = SECONDARY_STATES.get(secondary_status)
    if status == "InProgress" and known and not known[0].is_terminal:
        return known
    if state is JobState.STOPPED and known and known[0] is state:
        return known
    words = status if not secondary_status or secondary_status == status else f"{status} ({secondary_status})"
    return state, words


def interruptions(training_job: Mapping[str, Any]) -> int:
    """How often the spot instances of a training job were reclaimed, by its description."""
    steps = training_job.get("SecondaryStatusTransitions") or ()
    return sum(step.get("Status") == "Interrupted" for step in steps)


def failure_class(failure_reason: str) -> str:
    """The class of failure that a reason begins with, such as ``AlgorithmError``; empty where it has none."""
    found = _CLASS.match(failure_reason)
    return found["word"] if found else ""


def whose_move(
    state: JobState, failure_reason: str, secondary_status: str = "", trial_reasons: Iterable[str] = ()
) -> Move:
    """Who has to act after a job failed or was stopped.

    Args:
        trial_reasons: failure reasons of the failed trials of a tuning job, which fails when its trials do.
    """
    if secondary_status == "MaxWaitTimeExceeded":
        return Move.NOBODY
    reasons = list(trial_reasons)
    passing = _passes(failure_reason) or (bool(reasons) and all(map(_passes, reasons)))
    return Move.NOBODY if state is JobState.FAILED and passing else Move.USER


def _passes(reason: str) -> bool:
    word = failure_class(reason)
    if word in _USERS_CLASSES:
        return False
    return word in _PLATFORMS_CLASSES or bool(_PLATFORMS_WORDS.search(reason))
