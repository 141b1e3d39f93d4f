"""When a tuning job has found what it can: pure rules over the objectives of its trials, in the order of their ends.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-progress.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flytekit_sagemaker.local.definitions import Definition, Score

KEPT = "TuningJobCompletionDetails"
"""The member of a tuning job's description that keeps what its criteria saw when one of them was met."""

_IMPROVEMENT = 0.01
_LEAST_PATIENCE = 10
_PATIENCE_PER_RANGE = 3


def is_complete(config: Mapping[str, Any], definitions: Sequence[Definition], scores: Sequence[Score]) -> bool:
    """Whether one of the criteria that a tuning job's configuration has is met."""
    criteria = config.get("TuningJobCompletionCriteria", {})
    target = criteria.get("TargetObjectiveMetricValue")
    if target is not None and any(score.value <= score.definition.signed(target) for score in scores):
        return True
    patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
    if patience is not None and _not_improving(scores) >= patience:
        return True
    wanted = criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled"
    return wanted and converged_at(definitions, scores) is not None


def details(definitions: Sequence[Definition], scores: Sequence[Score]) -> dict[str, Any]:
    """The ``TuningJobCompletionDetails`` of these objectives, whatever the criteria are; empty before the first."""
    if not scores:
        return {}
    moment = converged_at(definitions, scores)
    return {
        "NumberOfTrainingJobsObjectiveNotImproving": _not_improving(scores),
        **({} if moment is None else {"ConvergenceDetectedTime": moment}),
    }


def converged_at(definitions: Sequence[Definition], scores: Sequence[Score]) -> float | None:
    """When a tuning job had converged, in seconds since the epoch; None as long as it has not.

    A definition has converged when its best objective has not become better by a hundredth in ten trials, or in three
    for each hyperparameter that it tunes, whichever are more; a tuning job when all its definitions have.
    """
    moments = [
        moment
        for definition in definitions
        for moment in [_definition_converged_at(definition, [each for each in scores if each.definition is definition])]
        if moment is not None
    ]
    return max(moments) if len(moments) == len(definitions) else None


def _definition_converged_at(definition: Definition, scores: Sequence[Score]) -> float | None:
    tuned = sum(len(ranges) for ranges in definition.ranges.values())
    patience = max(_LEAST_PATIENCE, _PATIENCE_PER_RANGE * tuned)
    ordered = _by_end(scores)
    return next(
        (score.ended for score, since in zip(ordered, _since_improvement(ordered), strict=True) if since >= patience),
        None,
    )


def _not_improving(scores: Sequence[Score]) -> int:
    """How many trials have ended since an objective was last better than all before it by a hundredth."""
    return [0, *_since_improvement(_by_end(scores))][-1]


def _by_end(scores: Sequence[Score]) -> list[Score]:
    return sorted(scores, key=lambda score: (score.ended, score.trial.number))


def _since_improvement(scores: Sequence[Score]) -> Iterator[int]:
    """For each score how many there have been since the last improvement, itself included."""
    best: dict[tuple[str, str], float] = {}
    since = 0
    for score in scores:
        since += 1
        before = best.get(score.scale, math.inf)
        if before == math.inf or score.value < before - abs(before) * _IMPROVEMENT:
            best[score.scale], since = score.value, 0
        yield since
