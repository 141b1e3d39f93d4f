"""The status words of the SageMaker service, what each means, and whose move it is when a job ends badly.

Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeHyperParameterTuningJob.html
"""

from __future__ import annotations

import enum


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

# FailureReason starts with one of these words and a colon; those that are not the user's doing pass.
_PASSING_FAILURES = ("CapacityError", "InternalServerError")


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


def whose_move(state: JobState, failure_reason: str, secondary_status: str = "") -> Move:
    """Who has to act after a job failed or was stopped."""
    if secondary_status == "MaxWaitTimeExceeded":
        return Move.NOBODY
    passing = state is JobState.FAILED and failure_reason.lstrip().startswith(_PASSING_FAILURES)
    return Move.NOBODY if passing else Move.USER
