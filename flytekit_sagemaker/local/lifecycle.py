"""The statuses that a training job goes through.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_SecondaryStatusTransition.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training-status.html
"""

from __future__ import annotations

from dataclasses import dataclass

from flytekit_sagemaker.local.store import Job

MAX_FAILURE_REASON = 1024

_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Restarting": "Restarting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training in progress",
    "Interrupted": "Spot instances were taken back, as somebody has asked for",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds",
}


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: the status of the job, the secondary one, and the reason of a failure."""

    status: str
    secondary: str
    reason: str = ""


COMPLETED = Outcome("Completed", "Completed")
STOPPED = Outcome("Stopped", "Stopped")
INTERRUPTED = Outcome("InProgress", "Interrupted")


def failed(reason: str) -> Outcome:
    """A failure; the reason is cut to what the service allows."""
    return Outcome("Failed", "Failed", reason[:MAX_FAILURE_REASON])


def begin(job: Job, status: str, secondary: str, now: float) -> None:
    """Move a training job into another status, as its list of transitions shows afterwards."""
    description = job.description
    transitions = description["SecondaryStatusTransitions"]
    transitions[-1].setdefault("EndTime", now)
    transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": _MESSAGES[secondary]})
    description.update(TrainingJobStatus=status, SecondaryStatus=secondary, LastModifiedTime=now)


def end(job: Job, outcome: Outcome, now: float) -> None:
    """Move a training job into its final status."""
    begin(job, outcome.status, outcome.secondary, now)
    job.description["SecondaryStatusTransitions"][-1]["EndTime"] = now
    if outcome.reason:
        job.description["FailureReason"] = outcome.reason
        job.description["SecondaryStatusTransitions"][-1]["StatusMessage"] = outcome.reason
    if started := job.description.get("TrainingStartTime"):
        seconds = int(now - started)
        job.description.update(TrainingEndTime=now, TrainingTimeInSeconds=seconds, BillableTimeInSeconds=seconds)


def is_waiting(job: Job) -> bool:
    """Whether a training job waits for its instances, so that nothing of it is lost when the server ends."""
    return job.description["SecondaryStatus"] in ("Starting", "Interrupted")
