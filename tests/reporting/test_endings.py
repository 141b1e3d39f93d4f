from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flytekit_sagemaker.reporting.endings import ending

from .samples import START, checked, summary, tuning_description


def ended(criteria: dict[str, Any] | None = None, launched: int = 5, **changes: Any) -> dict[str, Any]:
    """A job of at most 24 trials that has completed after a few."""
    description = tuning_description(
        HyperParameterTuningJobStatus="Completed",
        HyperParameterTuningEndTime=START + timedelta(minutes=10),
        TrainingJobStatusCounters={"Completed": launched, "InProgress": 0, "Stopped": 0},
        BestTrainingJob=summary(3, value=0.91),
    )
    description["HyperParameterTuningJobConfig"]["TuningJobCompletionCriteria"] = criteria or {}
    return checked("DescribeHyperParameterTuningJobResponse", {**description, **changes})


TARGET = {"TargetObjectiveMetricValue": 0.9}
PATIENCE = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
CONVERGENCE = {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}


def counted(trials: int, **more: Any) -> dict[str, Any]:
    return {"TuningJobCompletionDetails": {"NumberOfTrainingJobsObjectiveNotImproving": trials, **more}}


NOT_IMPROVING = "3 trials in a row did not improve the objective by 1 % (the limit is 3)"


@pytest.mark.parametrize(
    ("description", "sentence"),
    [
        (ended(TARGET), "Ended early: validation:auc 0.91 reached the target of 0.9."),
        (ended(PATIENCE, **counted(3)), f"Ended early: {NOT_IMPROVING}."),
        (
            ended(CONVERGENCE, **counted(12, ConvergenceDetectedTime=START)),
            "Ended early: further improvement became unlikely (complete on convergence).",
        ),
        (
            ended({**TARGET, **PATIENCE}, **counted(3)),
            f"Ended early: validation:auc 0.91 reached the target of 0.9 and {NOT_IMPROVING}.",
        ),
    ],
)
def test_a_completion_criterion_that_was_met_is_the_reason(description, sentence):
    assert ending(description) == (sentence,)


@pytest.mark.parametrize(
    "description",
    [
        ended(),
        ended({"TargetObjectiveMetricValue": 0.92}),
        ended(PATIENCE, **counted(2)),
        ended(**counted(30, ConvergenceDetectedTime=START)),
    ],
)
def test_a_reason_that_the_service_does_not_give_is_not_made_up(description):
    assert ending(description) == ("Ended early; SageMaker does not say why.",)


def test_a_smaller_objective_may_be_the_better_one():
    description = ended({"TargetObjectiveMetricValue": 0.95})
    description["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["Type"] = "Minimize"
    del description["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Type"]
    assert ending(description) == ("Ended early: validation:auc 0.91 reached the target of 0.95.",)


def test_the_time_of_the_job_may_be_over():
    description = ended()
    description["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxRuntimeInSeconds"] = 600
    assert ending(description) == ("Ended early: its time limit of 10 min 00 s was over.",)


def test_a_grid_ends_with_its_combinations():
    description = ended(launched=6)
    config = description["HyperParameterTuningJobConfig"]
    values = {"a": ["1", "2"], "b": ["x", "y", "z"]}
    ranges = [{"Name": name, "Values": each} for name, each in values.items()]
    config.update(Strategy="Grid", ParameterRanges={"CategoricalParameterRanges": ranges})
    assert ending(description) == ("Ended early: every combination of the grid was tried.",)
    del config["ResourceLimits"]["MaxNumberOfTrainingJobs"]
    assert ending(description) == ()


@pytest.mark.parametrize("description", [ended(launched=24), ended(TARGET, launched=24), tuning_description()])
def test_a_job_that_used_all_its_trials_or_goes_on_has_no_early_end(description):
    assert ending(description) == ()


def test_trials_that_were_stopped_at_the_target_are_explained():
    stopped = ended(TARGET, TrainingJobStatusCounters={"Completed": 1, "InProgress": 0, "Stopped": 23})
    assert ending(stopped) == ("Ended early: validation:auc 0.91 reached the target of 0.9.",)


@pytest.mark.parametrize(
    ("overall", "sentences"),
    [
        (
            {**summary(7, value=0.93), "TrainingJobName": "before-007-ab", "TuningJobName": "before"},
            ("A trial before the warm start is better: before-007-ab of the parent before, validation:auc 0.93.",),
        ),
        ({**summary(7, value=0.91), "TuningJobName": "before"}, ()),
        (summary(3, value=0.91), ()),
    ],
)
def test_the_better_trial_of_a_parent_is_told(overall, sentences):
    assert ending(ended(launched=24, OverallBestTrainingJob=overall)) == sentences
