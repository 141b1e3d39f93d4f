"""When a tuning job has converged: the rule by itself, which a job would need dozens of trials to show."""

from __future__ import annotations

import pytest

from flytekit_sagemaker.local.completion import converged_at, is_complete
from flytekit_sagemaker.local.definitions import Definition, Score
from flytekit_sagemaker.local.store import Job, Kind

ENABLED = {"TuningJobCompletionCriteria": {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}}


def definition(name: str, tuned: int) -> Definition:
    ranges = {"ContinuousParameterRanges": [{"Name": f"x{number}"} for number in range(tuned)]}
    return Definition(name, {"Type": "Minimize", "MetricName": "loss"}, ranges, {})


def scores(of: Definition, *values: float) -> list[Score]:
    return [
        Score(Job(Kind.TRAINING, {}, number=number), of, value, ended=float(number))
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(("tuned", "patience"), [(1, 10), (3, 10), (4, 12)])
def test_the_more_is_tuned_the_longer_an_improvement_is_waited_for(tuned: int, patience: int) -> None:
    one = definition("one", tuned)
    found = scores(one, 2, 1, *[0.995] * patience)
    assert converged_at([one], found) == 1 + patience
    assert converged_at([one], found[:-1]) is None


def test_a_tuning_job_has_converged_when_all_its_definitions_have() -> None:
    one, two = definition("one", 1), definition("two", 1)
    found = [*scores(one, *[1] * 11), *scores(two, *[1] * 12)]
    assert not is_complete(ENABLED, [one, two], found[:-2])
    assert is_complete(ENABLED, [one, two], found)
    assert converged_at([one, two], found) == 10
    assert converged_at([one, two], [*scores(one, *[1] * 11), *scores(two, 2, *[1] * 11)]) == 11


def test_a_target_is_met_by_its_very_value() -> None:
    one = definition("one", 1)
    criteria = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 0.5}}
    assert is_complete(criteria, [one], scores(one, 0.5))
    assert not is_complete(criteria, [one], scores(one, 0.51))


def test_an_objective_below_zero_converges_like_any_other() -> None:
    one = definition("one", 1)
    assert converged_at([one], scores(one, *[-1] * 11)) == 10
    assert converged_at([one], scores(one, *[-1] * 9, -1.02, -1.02)) is None


def test_what_counts_is_the_order_of_the_ends() -> None:
    one = definition("one", 1)
    *others, last = scores(one, *[1] * 11, 0.5)
    assert converged_at([one], others) == 10
    overtaking = Score(last.trial, one, last.value, ended=4.5)
    assert converged_at([one], [*others, overtaking]) is None
