"""How far a job is: small enough to travel with every status report, enough for a display that follows the job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatch
from typing import Any

from flytekit_sagemaker.masking import masked, masked_values, secrets_in
from flytekit_sagemaker.reporting.endings import ending
from flytekit_sagemaker.reporting.plain import from_plain, to_plain
from flytekit_sagemaker.reporting.records import (
    TrainingRecord,
    TuningRecord,
    finite,
    objective_of,
    training_record,
)
from flytekit_sagemaker.reporting.wording import number, one_line


@dataclass(frozen=True, kw_only=True)
class Progress:
    """State of a training or tuning job at one moment.

    Attributes:
        kind: ``training`` or ``tuning``.
        message: what the service says about the status: the failure reason, or the message of the latest phase.
        total: trials that a tuning job may launch; 0 where it has no limit, and for a training job.
        done, running, failed, stopped: trials by outcome.
        best_trial: name of the best training job so far; ``best_index`` is its number among the trials.
        started, ended: seconds since the epoch; None where it has not happened.
        final_metrics: of a training job.
        notes: sentences about how it ended.
    """

    name: str
    kind: str
    status: str
    secondary_status: str = ""
    message: str = ""
    total: int = 0
    done: int = 0
    running: int = 0
    failed: int = 0
    stopped: int = 0
    objective_metric: str = ""
    best_value: float | None = None
    best_trial: str = ""
    best_index: int | None = None
    best_hyperparameters: Mapping[str, str] = field(default_factory=dict)
    started: float | None = None
    ended: float | None = None
    final_metrics: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def finished(self) -> int:
        """Trials that came to an end, however."""
        return self.done + self.failed + self.stopped

    @property
    def remark(self) -> str:
        """The message, where it tells more than that all went well."""
        return "" if self.status == "Completed" else self.message

    def without_reason(self) -> Progress:
        """The same without the reason of a failure, to be shown where an exception is about to tell it."""
        return replace(self, message="") if self.status == "Failed" else self

    def to_dict(self) -> dict[str, Any]:
        """The progress as plain JSON values; what is empty or zero is left out."""
        return {name: value for name, value in to_plain(self).items() if value or value is False}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Progress:
        """The progress that ``to_dict`` gave, whole numbers as floats or not; raises InvalidInput for anything else."""
        return from_plain(cls, data)


@singledispatch
def progress_of(subject: TuningRecord | TrainingRecord | Mapping[str, Any]) -> Progress:
    """The progress of a job, from its record or from SageMaker's description of it.

    A description of a tuning job needs no list of its trials: the service counts them, and names the best.
    """
    raise TypeError(f"no progress in a {type(subject).__name__}")


@progress_of.register
def _(record: TuningRecord) -> Progress:
    best = record.best
    return Progress(
        name=record.name,
        kind="tuning",
        status=record.status,
        message=record.failure_reason,
        total=record.total,
        done=record.done,
        running=record.running,
        failed=record.failed,
        stopped=record.stopped,
        objective_metric=record.objective_metric,
        best_value=best.objective if best else None,
        best_trial=best.training_job_name if best else "",
        best_index=best.index if best else None,
        best_hyperparameters=best.hyperparameters if best else {},
        started=_epoch(record.created),
        ended=_epoch(record.ended),
        notes=record.notes,
    )


@progress_of.register
def _(record: TrainingRecord) -> Progress:
    return Progress(
        name=record.name,
        kind="training",
        status=record.status,
        secondary_status=record.secondary_status,
        message=record.failure_reason or (record.phases[-1].message if record.phases else ""),
        started=_epoch(record.created),
        ended=_epoch(record.ended),
        final_metrics=record.final_metrics,
        notes=record.notes,
    )


@progress_of.register(Mapping)
def _(description: Mapping[str, Any]) -> Progress:
    if "HyperParameterTuningJobName" not in description:
        return progress_of(training_record(description))
    secrets = secrets_in(description)
    counters = description.get("TrainingJobStatusCounters", {})
    limits = description.get("HyperParameterTuningJobConfig", {}).get("ResourceLimits", {})
    best = description.get("BestTrainingJob", {})
    name = description["HyperParameterTuningJobName"]
    return Progress(
        name=name,
        kind="tuning",
        status=description["HyperParameterTuningJobStatus"],
        message=masked(description.get("FailureReason", ""), secrets),
        total=limits.get("MaxNumberOfTrainingJobs") or 0,
        done=counters.get("Completed", 0),
        running=counters.get("InProgress", 0),
        failed=counters.get("RetryableError", 0) + counters.get("NonRetryableError", 0),
        stopped=counters.get("Stopped", 0),
        objective_metric=objective_of(description).get("MetricName", ""),
        best_value=finite(best.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value")),
        best_trial=best.get("TrainingJobName", ""),
        best_index=_number_in(best.get("TrainingJobName", ""), name),
        best_hyperparameters=masked_values(best.get("TunedHyperParameters", {}), secrets),
        started=_epoch(description.get("CreationTime")),
        ended=_epoch(description.get("HyperParameterTuningEndTime")),
        notes=tuple(masked(note, secrets) for note in ending(description)),
    )


def progress_line(progress: Progress) -> str:
    """One plain line for logs, the same as long as nothing happens: there is no clock in it."""
    title = f"{progress.kind} job {progress.name}: {headline(progress)}"
    metrics = final_words(progress) if progress.status == "Completed" else ""
    line = "; ".join(filter(None, (title, best_words(progress), metrics, progress.remark)))
    return one_line(" ".join((f"{line}.", *progress.notes)) if progress.notes else line)


def headline(progress: Progress) -> str:
    """Status and counts in a few words."""
    if progress.kind != "tuning":
        return progress.secondary_status or progress.status
    return counts(progress) if progress.status == "InProgress" else f"{progress.status}, {counts(progress)}"


def counts(progress: Progress) -> str:
    """Trials of a tuning job by outcome, in words."""
    trials = f" of {progress.total} trials" if progress.total else " trials"
    outcomes = {name: getattr(progress, name) for name in ("done", "running", "failed", "stopped")}
    always = ("done", "running", "failed") if progress.status == "InProgress" else ()
    shown = {name: count for name, count in outcomes.items() if count or name in always} or {"done": 0}
    if "stopped" in shown and progress.status == "Completed":  # by the tuner: that is no misfortune
        shown["stopped early"] = shown.pop("stopped")
    return ", ".join(f"{count}{'' if index else trials} {name}" for index, (name, count) in enumerate(shown.items()))


def best_words(progress: Progress) -> str:
    """The best objective so far and whose it is; empty where there is none."""
    if progress.best_value is None:
        return ""
    which = progress.best_index or progress.best_trial
    return f"best {progress.objective_metric} {number(progress.best_value)}" + (f" (trial {which})" if which else "")


def final_words(progress: Progress) -> str:
    """The final metrics of a training job; empty where there are none."""
    return ", ".join(f"{name} {number(value)}" for name, value in progress.final_metrics.items())


def _number_in(training_job_name: str, tuning_job_name: str) -> int | None:
    """SageMaker names a trial after its tuning job, its number and a few random characters."""
    found = re.fullmatch(re.escape(tuning_job_name) + r"-(\d+)-\w+", training_job_name)
    return int(found[1]) if found else None


def _epoch(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()
