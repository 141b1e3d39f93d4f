"""What a tuning job makes of its parents: where it begins, and which parents are the same one."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.local.search import Observation, Search, suggest
from flytekit_sagemaker.local.warm_start import Prior

from .support import Jobs, continuous, eventually, integer, warm_start

SPACE = {
    "ContinuousParameterRanges": [
        continuous("eta", 1e-4, 1, "Logarithmic"),
        continuous("momentum", 0.9, 0.999, "ReverseLogarithmic"),
        continuous("alpha", 0, 1),
    ],
    "IntegerParameterRanges": [integer("depth", 1, 100)],
    "CategoricalParameterRanges": [{"Name": "booster", "Values": ["a", "b"]}],
}


def parent(seed: int, count: int = 10) -> list[Observation]:
    """Trials that lie close together, and whose first one is the best."""
    choose = random.Random(seed)
    values = [
        {
            "eta": repr(0.01 * choose.uniform(0.9, 1.1)),
            "momentum": repr(1 - 0.02 * choose.uniform(0.9, 1.1)),
            "alpha": repr(choose.uniform(0.4, 0.45)),
            "depth": str(choose.randint(40, 50)),
            "booster": "b",
        }
        for _ in range(count)
    ]
    return [Observation(each, float(place)) for place, each in enumerate(values)]


@pytest.mark.parametrize("strategy", ["Bayesian", "Hyperband"])
@pytest.mark.parametrize("sign", [1, -1], ids=["minimize", "maximize"])
def test_transfer_learning_begins_with_the_best_that_its_parents_have_tried(strategy: str, sign: int) -> None:
    family = [Observation(each.values, sign * (each.objective or 0.0)) for each in parent(1)]
    history = Prior([family[::-1]], is_transfer=True).beside([])
    assert suggest(Search(SPACE, strategy, 1, sign < 0), 0, history) == family[0].values


@pytest.mark.parametrize("seed", range(8))
def test_with_identical_data_a_search_begins_beside_the_best_that_its_parents_have_tried(seed: int) -> None:
    best, second, *_ = family = parent(seed)
    first = suggest(Search(SPACE, "Bayesian", seed), 0, Prior([family[::-1]]).beside([]))
    assert first not in [each.values for each in family]
    assert first["booster"] == "b"
    scales = {
        "eta": lambda text: math.log(float(text)),
        "momentum": lambda text: math.log(1 - float(text)),
        "alpha": float,
        "depth": float,
    }
    for name, place in scales.items():
        one, next_best, chosen = (place(each[name]) for each in (best.values, second.values, first))
        rounded = 0.5 if name == "depth" else 1e-9
        assert abs(chosen - one) <= abs(next_best - one) / 2 + rounded


def test_a_search_goes_on_elsewhere_after_its_first_trial() -> None:
    family = parent(1)
    own = [Observation(family[0].values, 0.0)]
    second = suggest(Search(SPACE, "Bayesian", 1), 1, Prior([family], is_transfer=True).beside(own))
    assert second != family[0].values


@pytest.mark.parametrize("is_transfer", [True, False])
def test_a_random_search_begins_anywhere_whatever_its_parents_have_tried(is_transfer: bool) -> None:
    search = Search(SPACE, "Random", 1)
    assert suggest(search, 0, Prior([parent(1)], is_transfer).beside([])) == suggest(search, 0, [])


def test_with_identical_data_what_is_left_of_a_small_space_is_tried() -> None:
    few = {"IntegerParameterRanges": [integer("depth", 1, 3)]}
    family = [Observation({"depth": "1"}, 0.1), Observation({"depth": "3"}, 0.2)]
    assert suggest(Search(few, "Bayesian", 1), 0, Prior([family]).beside([])) == {"depth": "2"}
    only = [Observation({"depth": "2"}, 0.1)]
    assert suggest(Search(few, "Bayesian", 1), 0, Prior([only]).beside([])) != {"depth": "2"}
    nothing = [Observation({"depth": "2"}, None)]
    assert suggest(Search(few, "Bayesian", 1), 0, Prior([nothing]).beside([])) != {"depth": "2"}


def begin(jobs: Jobs, name: str, *parents: str, kind: str = "TransferLearning", count: int = 1) -> dict[str, Any]:
    jobs.tune(name, jobs=count, extra={"WarmStartConfig": warm_start(*parents, kind=kind)})
    return jobs.tuning_ended(name)


def test_a_parent_is_found_by_its_name_in_whatever_case(jobs: Jobs) -> None:
    jobs.tune("Warm-Parent", {"ContinuousParameterRanges": [continuous("x", 0.29, 0.31)]}, jobs=3)
    best = jobs.tuning_ended("Warm-Parent")["BestTrainingJob"]["TunedHyperParameters"]
    assert begin(jobs, "warm-child", "warm-parent")["BestTrainingJob"]["TunedHyperParameters"] == best
    same = begin(jobs, "warm-sibling", "WARM-PARENT", kind="IdenticalDataAndAlgorithm")
    assert same["OverallBestTrainingJob"]["TuningJobName"] in ("Warm-Parent", "warm-sibling")


def test_a_parent_that_is_named_twice_counts_once(jobs: Jobs) -> None:
    jobs.tune("Twice", jobs=4)
    jobs.tuning_ended("Twice")
    with pytest.raises(jobs.client.exceptions.ClientError, match=r"at most 746: the 4 trials of the parents"):
        jobs.tune("too-many", jobs=747, extra={"WarmStartConfig": warm_start("Twice", "twice")})
    with pytest.raises(jobs.client.exceptions.ClientError, match=r"at most 746: the 4 trials of the parents"):
        jobs.tune("too-many", jobs=747, extra={"WarmStartConfig": warm_start("Twice")})
    seeded: dict[str, Any] = {"jobs": 3, "config": {"RandomSeed": 1}}
    for name, parents in (("of-one", ["Twice"]), ("of-two", ["Twice", "twice"])):
        jobs.tune(name, **seeded, extra={"WarmStartConfig": warm_start(*parents)})
        jobs.tuning_ended(name)
    assert [each["TunedHyperParameters"] for each in jobs.trials("of-one")] == [
        each["TunedHyperParameters"] for each in jobs.trials("of-two")
    ]


def test_a_trial_that_runs_is_not_listed_by_a_final_value_that_it_does_not_have_yet(jobs: Jobs, tmp_path: Path) -> None:
    jobs.tune("final-values", static={"wait_for": str(tmp_path / "gate")}, jobs=2, parallel=2)
    one, other = eventually(lambda: list(tmp_path.glob("gate.*")), lambda found: len(found) == 2)
    running = [each["TrainingJobName"] for each in jobs.trials("final-values")]
    for name in running:
        eventually(lambda name=name: jobs.describe(name), lambda job: "FinalMetricDataList" in job)  # type: ignore[misc]
    assert jobs.trials("final-values", SortBy="FinalObjectiveMetricValue") == []
    (tmp_path / "gate").touch()
    jobs.tuning_ended("final-values")
    listed = jobs.trials("final-values", SortBy="FinalObjectiveMetricValue")
    assert sorted(each["TrainingJobName"] for each in listed) == sorted(running)
