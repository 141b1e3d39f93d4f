"""Tuning jobs with several training job definitions as a boto3 user sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.local.server import LocalSageMaker

from .support import Jobs, boto3_client, channel, continuous, eventually, values, warm_start


def definitions_of(trials: list[dict[str, Any]]) -> list[str]:
    return [trial["TrainingJobDefinitionName"] for trial in trials]


def test_definitions_take_turns_and_keep_what_is_their_own(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("1")
    near = jobs.one_of_several("near", {"ContinuousParameterRanges": [continuous("x", 0.2, 0.4)]}, {"a": "1"})
    far = jobs.one_of_several(
        "far",
        {"ContinuousParameterRanges": [continuous("x", 0.6, 1), continuous("b", 0, 1)]},
        InputDataConfig=[channel("train", tmp_path / "rows")],
        ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 2},
    )
    jobs.tune_several("turns", near, far, jobs=7, parallel=2, strategy="Bayesian")
    tuning = jobs.tuning_ended("turns")
    trials = jobs.trials("turns", SortBy="CreationTime", SortOrder="Ascending")

    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    assert definitions_of(trials) == ["near", "far", "near", "far", "near", "far", "near"]
    assert "TrainingJobDefinition" not in tuning
    for asked, said in zip((near, far), tuning["TrainingJobDefinitions"], strict=True):
        said["StaticHyperParameters"].pop("_tuning_objective_metric")
        assert said == asked
    assert set(trials[0]["TunedHyperParameters"]) == {"x"}
    assert set(trials[1]["TunedHyperParameters"]) == {"x", "b"}
    first, second = (jobs.describe(trial["TrainingJobName"]) for trial in trials[:2])
    assert first["HyperParameters"]["a"] == "1"
    assert (first["ResourceConfig"]["VolumeSizeInGB"], second["ResourceConfig"]["VolumeSizeInGB"]) == (1, 2)
    assert "InputDataConfig" not in first
    assert second["InputDataConfig"] == far["InputDataConfig"]
    assert tuning["BestTrainingJob"]["TrainingJobDefinitionName"] == "near"
    assert tuning["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == min(
        trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for trial in trials
    )


def test_each_definition_has_its_own_grid(jobs: Jobs) -> None:
    small = jobs.one_of_several("small", values("x", "0.1", "0.2"))
    large = jobs.one_of_several("large", values("x", "0.3", "0.4", "0.5", "0.6"))
    jobs.tune_several("grids", small, large, strategy="Grid")
    jobs.tuning_ended("grids")
    tried = [(trial["TrainingJobDefinitionName"], trial["TunedHyperParameters"]["x"]) for trial in jobs.trials("grids")]
    pairs = [("small", "0.1"), ("large", "0.3"), ("small", "0.2"), ("large", "0.4"), ("large", "0.5"), ("large", "0.6")]
    assert tried == pairs


def test_of_objectives_that_cannot_be_compared_the_first_one_counts(jobs: Jobs) -> None:
    lost = jobs.one_of_several("lost", values("x", "0.1"), {"exit": "1"})
    large = jobs.one_of_several("large", values("x", "0.1", "1.3"), objective=("Maximize", "loss"))
    small = jobs.one_of_several("small", values("x", "0.3", "0.2"))
    jobs.tune_several("objectives", lost, large, small, strategy="Grid")
    tuning = jobs.tuning_ended("objectives")
    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    assert Counter(definitions_of(jobs.trials("objectives"))) == {"lost": 1, "large": 2, "small": 2}
    best = tuning["BestTrainingJob"]
    assert (best["TrainingJobDefinitionName"], best["TunedHyperParameters"]) == ("small", {"x": "0.3"})

    jobs.tune_several("only-second", lost, large, strategy="Grid")
    best = jobs.tuning_ended("only-second")["BestTrainingJob"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"] == {"Type": "Maximize", "MetricName": "loss", "Value": 1}


def test_every_definition_has_its_turn_before_a_job_gives_up(jobs: Jobs) -> None:
    broken = [jobs.one_of_several(f"broken-{number}", values("x", "0.1", "0.2"), {"exit": "1"}) for number in range(5)]
    good = jobs.one_of_several("good", values("x", "0.1", "0.2"))
    jobs.tune_several("five-are-broken", *broken, good, strategy="Grid")
    best = jobs.tuning_ended("five-are-broken")["BestTrainingJob"]
    assert best["TrainingJobDefinitionName"] == "good"


def test_a_definition_is_no_measure_for_the_trials_of_another(jobs: Jobs, tmp_path: Path) -> None:
    small = jobs.one_of_several("small", values("loss", "1,1"))
    large = jobs.one_of_several("large", values("loss", "9,9"), {"wait_for": str(tmp_path / "gate")})
    band = {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 2}}}
    jobs.tune_several("bands", small, large, strategy="Hyperband", jobs=2, config=band)
    eventually(lambda: list(tmp_path.glob("gate.*")), bool)
    jobs.tune_several("beside", small, strategy="Hyperband", jobs=1, config=band)
    jobs.tuning_ended("beside")  # by then, what the waiting trial has printed is known
    (tmp_path / "gate").touch()
    jobs.tuning_ended("bands")
    assert [trial["TrainingJobStatus"] for trial in jobs.trials("bands")] == ["Completed", "Completed"]


def test_a_seed_repeats_the_search_over_several_definitions_even_after_an_interruption(
    new_server: Callable[..., LocalSageMaker], tmp_path: Path
) -> None:
    first = new_server()
    jobs = Jobs(first, tmp_path)
    gate = tmp_path / "gate"
    config = {"RandomSeed": 3}

    def tune(name: str) -> None:
        one, two = (jobs.one_of_several(each, static={"wait_for": str(gate)}) for each in ("one", "two"))
        jobs.tune_several(name, one, two, jobs=9, parallel=2, strategy="Bayesian", config=config)

    tune("disturbed")
    for waiting in eventually(lambda: list(tmp_path.glob("gate.*")), lambda found: len(found) == 2):
        waiting.with_name(f"{waiting.name}.go").touch()
    eventually(lambda: jobs.trials("disturbed"), lambda trials: len(trials) == 4)
    first.stop()
    gate.touch()
    jobs.client = boto3_client(new_server().url)
    tune("undisturbed")
    names = ("disturbed", "undisturbed")
    assert {jobs.tuning_ended(name)["HyperParameterTuningJobStatus"] for name in names} == {"Completed"}
    tried, again = (
        [(trial["TrainingJobDefinitionName"], trial["TunedHyperParameters"]) for trial in jobs.trials(name)]
        for name in names
    )
    assert tried == again
    assert len(tried) == 9
    assert tried[0][1] == tried[1][1]  # both begin in the middle of the same space
    assert tried[2][1] != tried[3][1]


def test_several_definitions_are_refused_by_the_path_of_the_one_that_is_wrong(jobs: Jobs, tmp_path: Path) -> None:
    good = jobs.one_of_several("good", values("x", "0.1"))
    empty = jobs.one_of_several("empty", values("x", "0.1"), InputDataConfig=[channel("train", tmp_path / "nothing")])
    with pytest.raises(jobs.client.exceptions.ClientError, match=r"TrainingJobDefinitions\[1\].InputDataConfig\[0\]"):
        jobs.tune_several("one-is-wrong", good, empty, jobs=2)
    with pytest.raises(jobs.client.exceptions.ClientError, match="is for a single training job definition"):
        jobs.client.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName="warm-several",
            HyperParameterTuningJobConfig={
                "Strategy": "Random",
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
            },
            TrainingJobDefinitions=[good, {**good, "DefinitionName": "other"}],
            WarmStartConfig=warm_start("ancestor"),
        )
