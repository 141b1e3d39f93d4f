"""Tuning jobs as a boto3 user sees them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.testing.clock import MovableClock

from .support import Jobs, channel, continuous, eventually, integer, warm_start

CHOICES = {
    "CategoricalParameterRanges": [
        {"Name": "x", "Values": ["0.1", "0.3"]},
        {"Name": "booster", "Values": ["a", "b", "c"]},
    ]
}
BAND = {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 2}}}


@pytest.mark.parametrize("strategy", ["Bayesian", "Random"])
def test_a_search_tries_values_and_finds_the_best(jobs: Jobs, strategy: str) -> None:
    name = f"search-{strategy.lower()}"
    ranges = {
        "ContinuousParameterRanges": [continuous("x", 0, 1), continuous("rate", 1e-5, 1, "Logarithmic")],
        "IntegerParameterRanges": [integer("depth", 2, 9)],
        "CategoricalParameterRanges": [{"Name": "booster", "Values": ["a", "b"]}],
    }
    jobs.tune(name, ranges, {"static": "kept"}, strategy=strategy, jobs=8, parallel=3)
    tuning = jobs.tuning_ended(name)
    trials = jobs.trials(name)

    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    assert tuning["TrainingJobStatusCounters"]["Completed"] == len(trials) == 8
    assert tuning["ObjectiveStatusCounters"] == {"Succeeded": 8, "Pending": 0, "Failed": 0}
    for trial in trials:
        tuned = trial["TunedHyperParameters"]
        assert 0 <= float(tuned["x"]) <= 1
        assert 1e-5 <= float(tuned["rate"]) <= 1
        assert tuned["depth"] in "23456789"
        assert tuned["booster"] in "ab"
        objective = trial["FinalHyperParameterTuningJobObjectiveMetric"]
        assert objective["Value"] == (float(tuned["x"]) - 0.3) ** 2
        assert (objective["Type"], objective["MetricName"]) == ("Minimize", "loss")
    best = min(trials, key=lambda trial: trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])
    assert tuning["BestTrainingJob"]["TrainingJobName"] == best["TrainingJobName"]
    job = jobs.describe(best["TrainingJobName"])
    assert job["HyperParameters"] == {
        "static": "kept",
        "_tuning_objective_metric": "loss",
        **best["TunedHyperParameters"],
    }
    assert job["TuningJobArn"] == tuning["HyperParameterTuningJobArn"]


def test_a_grid_is_tried_once_each(jobs: Jobs) -> None:
    jobs.tune("grid", CHOICES, strategy="Grid", jobs=6, parallel=2)
    assert jobs.tuning_ended("grid")["HyperParameterTuningJobStatus"] == "Completed"
    tuned = [trial["TunedHyperParameters"] for trial in jobs.trials("grid")]
    tried = [(each["x"], each["booster"]) for each in tuned]
    assert tried == [(x, booster) for x in ("0.1", "0.3") for booster in "abc"]


@pytest.mark.parametrize("strategy", ["Bayesian", "Random", "Hyperband"])
def test_a_seed_repeats_a_search_with_parallel_trials(jobs: Jobs, strategy: str) -> None:
    seeds = {"one": 7, "two": 7, "three": 8}
    for name, seed in seeds.items():
        config = {"RandomSeed": seed, **(BAND if strategy == "Hyperband" else {})}
        jobs.tune(f"seed-{name}-{strategy}", strategy=strategy, jobs=7, parallel=2, config=config)
    for name in seeds:
        jobs.tuning_ended(f"seed-{name}-{strategy}")
    one, two, three = (
        [trial["TunedHyperParameters"] for trial in jobs.trials(f"seed-{name}-{strategy}")] for name in seeds
    )
    assert one == two
    assert one != three


def test_trials_carry_the_tags_of_their_tuning_job(jobs: Jobs) -> None:
    jobs.tune("tagged", jobs=1, tags={"team": "blue"})
    jobs.tuning_ended("tagged")
    arn = jobs.trials("tagged")[0]["TrainingJobArn"]
    assert jobs.client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "blue"}]


def test_no_more_trials_run_at_once_than_allowed(jobs: Jobs, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    jobs.tune("parallel", static={"wait_for": str(gate)}, jobs=4, parallel=2)
    eventually(lambda: len(list(tmp_path.glob("gate.*"))), (2).__eq__)
    tuning = jobs.describe_tuning("parallel")
    assert tuning["TrainingJobStatusCounters"]["InProgress"] == 2
    assert tuning["ObjectiveStatusCounters"]["Pending"] == 2
    assert "BestTrainingJob" not in tuning
    gate.touch()
    assert jobs.tuning_ended("parallel")["TrainingJobStatusCounters"]["Completed"] == 4


def test_maximizing_looks_for_the_largest(jobs: Jobs) -> None:
    jobs.tune("largest", CHOICES, strategy="Grid", jobs=6, objective=("Maximize", "loss"))
    assert jobs.tuning_ended("largest")["BestTrainingJob"]["TunedHyperParameters"]["x"] == "0.1"


def test_stopping_stops_the_trials(jobs: Jobs, tmp_path: Path) -> None:
    jobs.tune("halted", static={"wait_for": str(tmp_path / "never")}, jobs=5, parallel=2)
    eventually(lambda: len(list(tmp_path.glob("never.*"))), (2).__eq__)
    jobs.client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="halted")
    tuning = jobs.tuning_ended("halted")
    assert tuning["HyperParameterTuningJobStatus"] == "Stopped"
    assert tuning["TrainingJobStatusCounters"]["Stopped"] == len(jobs.trials("halted")) == 2


def test_five_failures_in_a_row_fail_the_tuning_job(jobs: Jobs) -> None:
    jobs.tune("doomed", static={"print": "bad depth", "exit": "1"}, jobs=20, parallel=2)
    tuning = jobs.tuning_ended("doomed")
    assert tuning["HyperParameterTuningJobStatus"] == "Failed"
    assert re.match(r"No training job succeeded after [56] attempts\.", tuning["FailureReason"])
    assert "bad depth" in tuning["FailureReason"]
    assert tuning["TrainingJobStatusCounters"]["NonRetryableError"] >= 5
    assert len(jobs.trials("doomed")) <= 6


def test_fewer_trials_than_five_have_to_fail_all(jobs: Jobs) -> None:
    jobs.tune("small-doom", static={"exit": "1"}, jobs=2)
    assert jobs.tuning_ended("small-doom")["FailureReason"].startswith("No training job succeeded after 2 attempts.")


def test_trials_without_the_objective_metric_fail_the_tuning_job(jobs: Jobs) -> None:
    jobs.tune("mute", static={"silent": "yes"}, jobs=3)
    tuning = jobs.tuning_ended("mute")
    assert tuning["HyperParameterTuningJobStatus"] == "Failed"
    assert tuning["FailureReason"].startswith("No objective metrics found after running 3 training jobs")
    assert tuning["TrainingJobStatusCounters"]["Completed"] == 3
    assert tuning["ObjectiveStatusCounters"]["Failed"] == 3


def test_one_failing_trial_does_not_stop_the_search(jobs: Jobs, tmp_path: Path) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "exit", "Values": ["1", "0"]}]}
    jobs.tune("mixed", ranges, {"x": "0.5"}, strategy="Grid", jobs=2)
    tuning = jobs.tuning_ended("mixed")
    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    # The first trial printed a good objective before it failed: it has none all the same.
    assert tuning["ObjectiveStatusCounters"] == {"Succeeded": 1, "Pending": 0, "Failed": 1}
    assert tuning["BestTrainingJob"]["TunedHyperParameters"] == {"exit": "0"}


def test_a_target_ends_the_search(jobs: Jobs) -> None:
    criteria = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 0.01}}
    jobs.tune("target", CHOICES, strategy="Grid", jobs=6, config=criteria)
    tuning = jobs.tuning_ended("target")
    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    assert [each["TunedHyperParameters"]["x"] for each in jobs.trials("target")] == ["0.1", "0.1", "0.1", "0.3"]


def test_a_search_that_no_longer_improves_ends(jobs: Jobs) -> None:
    criteria = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1.0", "0.7", "0.699", "0.9", "0.698", "0.3"]}]}
    jobs.tune("stuck", ranges, strategy="Grid", jobs=6, config={"TuningJobCompletionCriteria": criteria})
    tuning = jobs.tuning_ended("stuck")
    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    assert len(jobs.trials("stuck")) == 5
    assert tuning["TuningJobCompletionDetails"] == {"NumberOfTrainingJobsObjectiveNotImproving": 3}


@pytest.mark.parametrize(("complete", "trials"), [("Enabled", 12), ("Disabled", 14)])
def test_a_search_that_has_converged_ends_when_that_is_wanted(jobs: Jobs, complete: str, trials: int) -> None:
    name = f"converged-{complete.lower()}"
    ranges = {
        "CategoricalParameterRanges": [{"Name": "x", "Values": ["0.9", "0.5", *(f"0.{n}" for n in range(80, 92))]}]
    }
    criteria = {"ConvergenceDetected": {"CompleteOnConvergence": complete}}
    jobs.tune(name, ranges, strategy="Grid", jobs=14, config={"TuningJobCompletionCriteria": criteria})
    tuning = jobs.tuning_ended(name)
    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    assert len(jobs.trials(name)) == trials
    details = tuning["TuningJobCompletionDetails"]
    assert details["NumberOfTrainingJobsObjectiveNotImproving"] == trials - 2
    twelfth = jobs.trials(name, SortBy="CreationTime", SortOrder="Ascending")[11]
    assert details["ConvergenceDetectedTime"] == twelfth["TrainingEndTime"]


def test_the_time_of_a_tuning_job_is_limited(new_server: Callable[..., LocalSageMaker], tmp_path: Path) -> None:
    clock = MovableClock()
    jobs = Jobs(new_server(clock=clock), tmp_path)
    limits = {"MaxNumberOfTrainingJobs": 9, "MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 120}
    jobs.tune("timed", static={"wait_for": str(tmp_path / "never")}, config={"ResourceLimits": limits})
    eventually(lambda: list(tmp_path.glob("never.*")), bool)
    clock.advance(120)
    tuning = jobs.tuning_ended("timed")
    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    assert tuning["TrainingJobStatusCounters"]["Stopped"] == 1
    assert tuning["ConsumedResources"]["RuntimeInSeconds"] == 120


def test_early_stopping_ends_a_trial_that_falls_behind(jobs: Jobs) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "loss", "Values": ["3,2", "4,3", "3,1", "9,hang", "2,1"]}]}
    early = {"TrainingJobEarlyStoppingType": "Auto"}
    jobs.tune("early", ranges, strategy="Grid", jobs=5, config=early)
    tuning = jobs.tuning_ended("early")
    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    statuses = [trial["TrainingJobStatus"] for trial in jobs.trials("early")]
    assert statuses == ["Completed", "Completed", "Completed", "Stopped", "Completed"]
    cut = jobs.trials("early")[3]
    assert cut["ObjectiveStatus"] == "Succeeded"
    assert cut["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 9


def test_hyperband_ends_weak_trials_early_and_strong_ones_end_by_themselves(jobs: Jobs) -> None:
    strong, weak, endless = "1,1", "9,9,9,hang", "1,1,1,hang"
    ranges = {"CategoricalParameterRanges": [{"Name": "loss", "Values": [strong, weak, endless]}]}
    jobs.tune("band", ranges, strategy="Hyperband", jobs=6, config={**BAND, "RandomSeed": 1})
    assert jobs.tuning_ended("band")["HyperParameterTuningJobStatus"] == "Completed"
    ends = {(trial["TunedHyperParameters"]["loss"], trial["TrainingJobStatus"]) for trial in jobs.trials("band")}
    assert ends == {(strong, "Completed"), (weak, "Stopped"), (endless, "Stopped")}


INSTANCES = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 3}


@pytest.mark.parametrize("config", [INSTANCES, {"InstanceConfigs": [INSTANCES]}], ids=["one", "several"])
def test_a_choice_of_instances_is_taken(jobs: Jobs, config: dict[str, Any]) -> None:
    name = f"instances-{len(config)}"
    jobs.tune(name, jobs=1, ResourceConfig=None, HyperParameterTuningResourceConfig=config)
    assert jobs.tuning_ended(name)["HyperParameterTuningJobStatus"] == "Completed"
    assert jobs.describe(jobs.trials(name)[0]["TrainingJobName"])["ResourceConfig"] == INSTANCES


@pytest.mark.parametrize(
    "resources",
    [
        {"ResourceConfig": None, "HyperParameterTuningResourceConfig": {}},
        {
            "ResourceConfig": {
                "InstanceGroups": [{"InstanceType": "ml.m5.large", "InstanceCount": 0, "InstanceGroupName": "none"}],
                "VolumeSizeInGB": 1,
            }
        },
    ],
)
def test_no_instances_are_refused(jobs: Jobs, resources: dict[str, Any]) -> None:
    with pytest.raises(jobs.client.exceptions.ClientError, match="instanceCount|how many instances"):
        jobs.tune("no-instances", **resources)


def test_a_warm_start_learns_from_its_parents(jobs: Jobs) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": [str(each / 10) for each in range(10)]}]}
    jobs.tune("parent", ranges, jobs=6, config={"RandomSeed": 1})
    with pytest.raises(jobs.client.exceptions.ClientError, match="parent.*is in status InProgress"):
        jobs.tune("too-early", ranges, jobs=1, extra={"WarmStartConfig": warm_start("parent")})
    parent = jobs.tuning_ended("parent")
    jobs.tune("child", ranges, jobs=4, config={"RandomSeed": 1}, extra={"WarmStartConfig": warm_start("parent")})
    child = jobs.tuning_ended("child")
    tried = [trial["TunedHyperParameters"]["x"] for name in ("parent", "child") for trial in jobs.trials(name)]
    assert sorted(tried) == ranges["CategoricalParameterRanges"][0]["Values"]
    best = [job["BestTrainingJob"] for job in (parent, child)]
    overall = child["OverallBestTrainingJob"]
    assert overall["TunedHyperParameters"] == {"x": "0.3"}
    assert overall["TrainingJobName"] in [each["TrainingJobName"] for each in best]
    assert overall["TuningJobName"] in ("parent", "child")


def test_transfer_learning_takes_parents_whatever_the_scale_of_their_objective(jobs: Jobs) -> None:
    seeded = {"RandomSeed": 2}
    scales = {"metres": "1", "microns": "1e6"}
    for name, scale in scales.items():
        jobs.tune(f"in-{name}", static={"scale": scale}, jobs=6, config=seeded, strategy="Random")
    for name in scales:
        jobs.tuning_ended(f"in-{name}")
        taught = {"WarmStartConfig": warm_start(f"in-{name}", kind="TransferLearning")}
        jobs.tune(f"from-{name}", static={"scale": "1e3"}, jobs=4, config=seeded, extra=taught)
    jobs.tune("from-nobody", static={"scale": "1e3"}, jobs=4, config=seeded)
    ended = {name: jobs.tuning_ended(f"from-{name}") for name in (*scales, "nobody")}
    tried = {name: [each["TunedHyperParameters"] for each in jobs.trials(f"from-{name}")] for name in ended}
    assert tried["metres"] == tried["microns"] != tried["nobody"]
    assert "OverallBestTrainingJob" not in ended["metres"]


def test_a_parents_trial_that_lies_in_no_range_teaches_nothing(jobs: Jobs) -> None:
    jobs.tune("halves", {"ContinuousParameterRanges": [continuous("y", 0, 1)]}, {"x": "0.5"}, jobs=2)
    jobs.tuning_ended("halves")
    whole = {"IntegerParameterRanges": [integer("x", 0, 3)]}
    taught = {"WarmStartConfig": warm_start("halves", kind="TransferLearning")}
    jobs.tune("whole", whole, {"y": "1"}, jobs=2, extra=taught)
    assert jobs.tuning_ended("whole")["HyperParameterTuningJobStatus"] == "Completed"


def test_trials_are_listed_in_the_order_asked_for(jobs: Jobs) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1.0", "0.3", "0.7"]}]}
    jobs.tune("order", ranges, strategy="Grid", jobs=3)
    jobs.tuning_ended("order")
    best_first = jobs.trials("order", SortBy="FinalObjectiveMetricValue", MaxResults=1)
    assert [each["TunedHyperParameters"]["x"] for each in best_first] == ["0.3", "0.7", "1.0"]
    latest_first = jobs.trials("order", SortBy="CreationTime", SortOrder="Descending", PaginationConfig={"PageSize": 2})
    assert [each["TunedHyperParameters"]["x"] for each in latest_first] == ["0.7", "0.3", "1.0"]


def test_a_tuning_job_is_listed(jobs: Jobs) -> None:
    jobs.tune("listed-tuning", jobs=2)
    jobs.tuning_ended("listed-tuning")
    answer = jobs.client.list_hyper_parameter_tuning_jobs(NameContains="listed-tuning", StatusEquals="Completed")
    [summary] = answer["HyperParameterTuningJobSummaries"]
    assert summary["Strategy"] == "Bayesian"
    assert summary["TrainingJobStatusCounters"]["Completed"] == 2
    assert summary["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 2


def test_built_in_xgboost_is_tuned(jobs: Jobs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "rows.csv").write_text("".join(f"{row % 2},{row % 2 + row % 5 / 5},{row % 7}\n" for row in range(80)))
    jobs.tune(
        "xgboost",
        {
            "ContinuousParameterRanges": [continuous("eta", 0.1, 0.5)],
            "IntegerParameterRanges": [integer("max_depth", 1, 4)],
        },
        {"num_round": "3", "objective": "binary:logistic"},
        image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        jobs=4,
        parallel=2,
        objective=("Maximize", "validation:auc"),
        InputDataConfig=[channel(name, data, ContentType="text/csv") for name in ("train", "validation")],
    )
    tuning = jobs.tuning_ended("xgboost")
    assert tuning["HyperParameterTuningJobStatus"] == "Completed", tuning.get("FailureReason")
    best = jobs.describe(tuning["BestTrainingJob"]["TrainingJobName"])
    metrics = {each["MetricName"]: each["Value"] for each in best["FinalMetricDataList"]}
    objective = tuning["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    assert metrics["validation:auc"] == objective > 0.5
    assert Path(best["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("file://")).stat().st_size > 0


def test_what_a_criterion_saw_when_it_was_met_is_kept(jobs: Jobs, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    losses = ["9", "9.0", "9.00", "9.000", "1"]
    ranges = {"CategoricalParameterRanges": [{"Name": "loss", "Values": losses}]}
    criteria = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    jobs.tune(
        "kept",
        ranges,
        {"wait_for": str(go_on), "on_sigterm": "save"},
        strategy="Grid",
        jobs=5,
        parallel=5,
        config={"TuningJobCompletionCriteria": criteria},
    )
    waiting = eventually(lambda: list(tmp_path.glob("go-on.*")), lambda found: len(found) == 5)
    values = {trial["TrainingJobName"]: trial["TunedHyperParameters"]["loss"] for trial in jobs.trials("kept")}
    for arrived in waiting:
        job = next(name for name in values if name in arrived.name)
        if values[job] != "1":
            arrived.with_name(f"{arrived.name}.go").touch()
    tuning = jobs.tuning_ended("kept")

    assert tuning["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 1
    assert tuning["TrainingJobStatusCounters"]["Stopped"] == 1
    assert tuning["TuningJobCompletionDetails"] == {"NumberOfTrainingJobsObjectiveNotImproving": 3}
