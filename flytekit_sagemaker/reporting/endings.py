"""How a tuning job came to its end, in sentences: what SageMaker's description of it says, and nothing else.

Sources:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeHyperParameterTuningJob.html
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TuningJobCompletionCriteria.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from flytekit_sagemaker.reporting.configuration import definitions_of, objective_of
from flytekit_sagemaker.reporting.wording import duration, number

Members = Mapping[str, Any]
_FINAL = "FinalHyperParameterTuningJobObjectiveMetric"


def ending(description: Members) -> tuple[str, ...]:
    """Sentences about the end of a tuning job: why it launched fewer trials than it might have, and whether one of the
    jobs that it was warm started from has a better trial. None before the end, and none where there is nothing to say.
    """
    if description.get("HyperParameterTuningJobStatus") not in ("Completed", "Stopped", "Failed"):
        return ()
    return tuple(filter(None, (_early_end(description), _better_parent(description))))


def _early_end(description: Members) -> str:
    if description["HyperParameterTuningJobStatus"] != "Completed":
        return ""  # it says itself why it failed; and who stopped it knows
    counters = description.get("TrainingJobStatusCounters", {})
    launched, most = (
        sum(counters.values()),
        _config(description).get("ResourceLimits", {}).get("MaxNumberOfTrainingJobs"),
    )
    is_short = most is not None and launched < most
    if not is_short and not counters.get("Stopped"):
        return ""
    reasons = list(_reasons(description, launched))
    if reasons:
        return f"Ended early: {' and '.join(reasons)}."
    return "Ended early; SageMaker does not say why." if is_short else ""


def _reasons(description: Members, launched: int) -> Iterator[str]:
    """Every rule of the tuning job that its description shows to be met."""
    config = _config(description)
    criteria, details = config.get("TuningJobCompletionCriteria", {}), description.get("TuningJobCompletionDetails", {})
    target, best = criteria.get("TargetObjectiveMetricValue"), description.get("BestTrainingJob", {})
    if target is not None and _reaches(description, best, target):
        yield f"{_objective_words(best)} reached the target of {number(target)}"
    patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
    unimproved = details.get("NumberOfTrainingJobsObjectiveNotImproving", 0)
    if patience is not None and unimproved >= patience:
        yield f"{unimproved} trials in a row did not improve the objective by 1 % (the limit is {patience})"
    wanted = criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled"
    if wanted and details.get("ConvergenceDetectedTime"):
        yield "further improvement became unlikely (complete on convergence)"
    limit = config.get("ResourceLimits", {}).get("MaxRuntimeInSeconds")
    created, ended = description.get("CreationTime"), description.get("HyperParameterTuningEndTime")
    if limit and created and ended and (ended - created).total_seconds() >= limit:
        yield f"its time limit of {duration(limit)} was over"
    if config.get("Strategy") == "Grid" and launched >= _grid_size(description):
        yield "every combination of the grid was tried"


def _better_parent(description: Members) -> str:
    overall, best = description.get("OverallBestTrainingJob", {}), description.get("BestTrainingJob", {})
    parent = overall.get("TuningJobName", "")
    value = _value(overall)
    if value is None or parent == description["HyperParameterTuningJobName"] or _reaches(description, best, value):
        return ""
    better = f"{overall.get('TrainingJobName', '')} of {f'the parent {parent}' if parent else 'a parent'}"
    return f"A trial before the warm start is better: {better}, {_objective_words(overall)}."


def _objective_words(trial: Members) -> str:
    metric = trial.get(_FINAL, {}).get("MetricName", "")
    return f"{metric or 'the objective'} {number(_value(trial))}"


def _value(trial: Members) -> float | None:
    value = trial.get(_FINAL, {}).get("Value")
    return value if value is not None and math.isfinite(value) else None


def _reaches(description: Members, trial: Members, goal: float) -> bool:
    """Whether the objective of a trial is no worse than a goal."""
    value, direction = _value(trial), trial.get(_FINAL, {}).get("Type") or objective_of(description).get("Type")
    return value is not None and (value >= goal if direction == "Maximize" else value <= goal)


def _grid_size(description: Members) -> int:
    common = _config(description).get("ParameterRanges", {})
    ranges = (each.get("HyperParameterRanges") or common for each in definitions_of(description))
    return sum(math.prod(len(item["Values"]) for item in each.get("CategoricalParameterRanges", ())) for each in ranges)


def _config(description: Members) -> Members:
    config: Members = description.get("HyperParameterTuningJobConfig", {})
    return config
