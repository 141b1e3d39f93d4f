"""The trial whose result is that of its tuning job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flytekit_sagemaker import aws
from flytekit_sagemaker.connector.containers import trial_prefix
from flytekit_sagemaker.connector.function_results import outputs_left
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.outputs import exists
from flytekit_sagemaker.container.command import TRAINING_MODULE, TRAINING_MODULE_VARIABLE
from flytekit_sagemaker.errors import ServiceError
from flytekit_sagemaker.reporting.records import Trial, TuningRecord
from flytekit_sagemaker.reporting.wording import number


@dataclass(frozen=True)
class Result:
    """What a trial left.

    Attributes:
        trial: the trial.
        description: the service's description of its training job.
        outputs: what its function returned, as literals; None where it ran a built-in algorithm.
        note: a sentence about the trials that did better and left none; empty where it is the best of all.
    """

    trial: Trial
    description: Mapping[str, Any]
    outputs: Mapping[str, Any] | None
    note: str = ""


def best_result(meta: JobMetadata, record: TuningRecord, there_is: Callable[[str], bool] = exists) -> Result:
    """The result of the best trial that left one.

    A trial that the tuner stopped, however good it was, may have been stopped before it saved anything; the service
    names it the best, and the place of its model, all the same.

    Args:
        meta: the tuning job.
        record: what is known of it.
        there_is: whether there is something at a URI.

    Raises:
        ServiceError: no trial left a result.
        As :func:`flytekit_sagemaker.aws.call`.
    """
    sign = -1 if record.direction == "Maximize" else 1
    # What the service names comes first: trials of several definitions may have objectives that do not compare.
    scored = [
        (trial != record.best, sign * trial.objective, trial.index, trial)
        for trial in record.trials
        if trial.objective is not None and trial.status != "Failed"
    ]
    if not scored:
        raise ServiceError(f"tuning job {meta.name} ended without a trial that reported {record.objective_metric}")
    description: Mapping[str, Any] = {}
    better: list[Trial] = []
    for *_, trial in sorted(scored, key=lambda entry: entry[:3]):
        description = aws.call(meta.endpoint, "describe_training_job", TrainingJobName=trial.training_job_name)
        if _runs_a_function(description):
            outputs = outputs_left(trial_prefix(meta.output_prefix, trial.training_job_name))
            if outputs is not None:
                return Result(trial, description, outputs, _note(record, trial, better, "result"))
        elif trial.status == "Completed" or there_is(description["ModelArtifacts"]["S3ModelArtifacts"]):
            return Result(trial, description, None, _note(record, trial, better, "model"))
        better.append(trial)
    if _runs_a_function(description):
        why = "every trial was stopped, or ended by itself, before its function returned"
        remedy = "let the function look at checkpoint.stop_requested, and return what it has"
    else:
        why = "every trial was stopped before it left a model"
        remedy = "let trials save what they have when they are stopped (XGBoost: save_model_on_termination=true)"
    raise ServiceError(f"tuning job {meta.name}: {why}; {remedy}")


def _note(record: TuningRecord, trial: Trial, better: Sequence[Trial], left: str) -> str:
    if not better:
        return ""
    best, others = better[0], len(better) - 1
    also = f", and so were {others} more that did better" if others else ""
    own, bests = (f"{record.objective_metric} {number(each.objective)}" for each in (trial, best))
    return (
        f"The outputs are those of trial {trial.index}, the best that left a {left} ({own}): "
        f"trial {best.index} ({bests}) was stopped before{also}."
    )


def _runs_a_function(description: Mapping[str, Any]) -> bool:
    return bool(description.get("Environment", {}).get(TRAINING_MODULE_VARIABLE) == TRAINING_MODULE)
