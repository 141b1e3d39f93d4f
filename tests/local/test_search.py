"""The search as a pure function: legal values, scaling, repeatability, and whether it finds anything."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytekit_sagemaker.local.search import Observation, Search, startup_trials, suggest

from .support import continuous, integer

SEEDS = range(12)


def floats(low: float, high: float, scaling: str, strategy: str = "Random", count: int = 200) -> list[float]:
    search = Search({"ContinuousParameterRanges": [continuous("x", low, high, scaling)]}, strategy, 1)
    return [float(suggest(search, index, [])["x"]) for index in range(count)]


@given(
    low=st.floats(-1e12, 1e12),
    width=st.floats(0, 1e12),
    strategy=st.sampled_from(["Bayesian", "Random"]),
    scaling=st.sampled_from(["Auto", "Linear"]),
    past=st.lists(st.floats(0, 1), max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_a_float_stays_in_its_range_and_survives_its_text(
    low: float, width: float, strategy: str, scaling: str, past: list[float]
) -> None:
    high = low + width
    ranges = {
        "ContinuousParameterRanges": [
            {"Name": "x", "MinValue": repr(low), "MaxValue": repr(high), "ScalingType": scaling}
        ]
    }
    history = [Observation({"x": repr(min(max(low + share * width, low), high))}, share) for share in past]
    value = suggest(Search(ranges, strategy, 3, startup=3), len(past), history)["x"]
    assert low <= float(value) <= high
    assert repr(float(value)) == value


@given(low=st.integers(-(10**6), 10**6), width=st.integers(0, 10**6), strategy=st.sampled_from(["Bayesian", "Random"]))
@settings(max_examples=40, deadline=None)
def test_an_integer_stays_in_its_range(low: int, width: int, strategy: str) -> None:
    search = Search({"IntegerParameterRanges": [integer("n", low, low + width)]}, strategy, 3)
    value = suggest(search, 0, [Observation({"n": str(low)}, 1.0)])["n"]
    assert low <= int(value) <= low + width


@pytest.mark.parametrize(
    ("low", "high", "scaling", "middle"),
    [
        (0.0, 1.0, "Linear", 0.5),
        (1e-6, 1.0, "Logarithmic", 1e-3),
        (1e-6, 1.0, "Auto", 1e-3),
        (0.1, 1.0, "Auto", 0.55),
        (0.0, 1000.0, "Auto", 500.0),
        (0.0, 0.9999, "ReverseLogarithmic", 0.99),
    ],
)
def test_half_of_the_values_lie_below_the_middle_of_the_scale(
    low: float, high: float, scaling: str, middle: float
) -> None:
    values = floats(low, high, scaling)
    assert all(low <= value <= high for value in values)
    assert 0.4 < sum(value < middle for value in values) / len(values) < 0.6


@pytest.mark.parametrize("strategy", ["Bayesian", "Random"])
def test_one_value_ranges_are_tried(strategy: str) -> None:
    ranges = {
        "ContinuousParameterRanges": [continuous("x", 0.5, 0.5)],
        "IntegerParameterRanges": [integer("n", 3, 3)],
        "CategoricalParameterRanges": [{"Name": "c", "Values": ["only"]}],
    }
    once = suggest(Search(ranges, strategy, 1), 0, [])
    assert once == {"x": "0.5", "n": "3", "c": "only"}
    assert suggest(Search(ranges, strategy, 1), 1, [Observation(once, 1.0)]) == once


@pytest.mark.parametrize("strategy", ["Bayesian", "Random"])
def test_the_same_question_has_the_same_answer(strategy: str) -> None:
    ranges = {"ContinuousParameterRanges": [continuous("x", 0, 1)]}
    history = [Observation({"x": str(number / 10)}, float(number)) for number in range(9)]
    history += [Observation({"x": "0.05"}, running=True), Observation({"x": "0.9"})]
    answers = {suggest(Search(ranges, strategy, 5), 11, history)["x"] for _ in range(3)}
    assert len(answers) == 1
    assert answers != {suggest(Search(ranges, strategy, 6), 11, history)["x"]}
    assert answers != {suggest(Search(ranges, strategy, 5), 12, history)["x"]}


@pytest.mark.parametrize("strategy", ["Bayesian", "Random"])
def test_a_small_space_is_tried_without_repeating(strategy: str) -> None:
    ranges = {
        "IntegerParameterRanges": [integer("n", 1, 4)],
        "CategoricalParameterRanges": [{"Name": "c", "Values": ["a", "b"]}],
    }
    history: list[Observation] = []
    for index in range(8):
        history.append(Observation(suggest(Search(ranges, strategy, 2, startup=3), index, history), float(index)))
    tried = {tuple(seen.values.values()) for seen in history}
    assert len(tried) == 8
    assert suggest(Search(ranges, strategy, 2, startup=3), 8, history)["c"] in "ab"


@pytest.mark.parametrize("strategy", ["Bayesian", "Hyperband"])
def test_a_search_that_learns_begins_in_the_middle(strategy: str) -> None:
    ranges = {
        "ContinuousParameterRanges": [
            continuous("eta", 1e-4, 1, "Logarithmic"),
            continuous("momentum", 0.9, 0.999, "ReverseLogarithmic"),
        ],
        "IntegerParameterRanges": [integer("depth", 1, 12)],
        "CategoricalParameterRanges": [{"Name": "c", "Values": ["a", "b"]}],
    }
    first = suggest(Search(ranges, strategy, 1), 0, [])
    assert float(first["eta"]) == pytest.approx(0.01)
    assert float(first["momentum"]) == pytest.approx(0.99)
    assert (first["depth"], first["c"]) == ("6", "a")
    assert suggest(Search(ranges, strategy, 1), 1, [Observation(first, running=True)]) != first


def test_what_a_trial_showed_before_it_was_given_up_says_less_than_what_one_showed_at_its_end() -> None:
    ranges = {"ContinuousParameterRanges": [continuous("x", 0, 1)]}
    completed = [Observation({"x": str(0.8 + number / 100)}, 1.0) for number in range(6)]
    promising = [Observation({"x": str(0.2 + number / 100)}, 0.5, steps=3) for number in range(6)]

    def middle(history: list[Observation]) -> float:
        search = Search(ranges, "Hyperband", 1, startup=3)
        return statistics.median(float(suggest(search, index, history)["x"]) for index in range(20, 31))

    assert middle(completed + [Observation(each.values, each.objective) for each in promising]) < 0.5
    assert middle(completed + promising) > 0.5


def test_a_grid_ends() -> None:
    search = Search({"CategoricalParameterRanges": [{"Name": "c", "Values": ["a", "b"]}]}, "Grid", 0)
    assert [suggest(search, index, [])["c"] for index in range(2)] == ["a", "b"]
    with pytest.raises(IndexError, match="2 combinations"):
        suggest(search, 2, [])


@pytest.mark.parametrize(
    ("strategy", "parallel", "maximize"), [("Bayesian", 1, False), ("Bayesian", 3, True), ("Hyperband", 1, True)]
)
def test_a_search_that_learns_finds_more_than_a_random_one(strategy: str, parallel: int, maximize: bool) -> None:
    ranges = {
        "ContinuousParameterRanges": [continuous("eta", 1e-4, 1, "Logarithmic"), continuous("alpha", 0, 2)],
        "IntegerParameterRanges": [integer("depth", 1, 12)],
    }
    sign = -1 if maximize else 1

    def objective(values: dict[str, str]) -> float:
        loss = (math.log10(float(values["eta"])) + 2) ** 2 + (int(values["depth"]) - 7) ** 2 / 9
        return sign * (loss + (float(values["alpha"]) - 0.4) ** 2)

    def best(strategy: str, seed: int, budget: int = 30) -> float:
        search = Search(ranges, strategy, seed, maximize, startup_trials(budget))
        history: list[Observation] = []
        for index in range(budget):
            known = max(0, index - parallel + 1)
            seen = [*history[:known], *(Observation(each.values, running=True) for each in history[known:])]
            values = suggest(search, index, seen)
            history.append(Observation(values, objective(values)))
        return min(sign * (each.objective or 0.0) for each in history)

    random, learning = (statistics.median(best(each, seed) for seed in SEEDS) for each in ("Random", strategy))
    assert learning < random


def test_running_trials_keep_the_search_from_trying_the_same_again() -> None:
    ranges = {"ContinuousParameterRanges": [continuous("x", 0, 1)]}
    history = [Observation({"x": str(number / 20)}, (number / 20 - 0.5) ** 2) for number in range(20)]
    answers = []
    for index in range(20, 26):
        values = suggest(Search(ranges, "Bayesian", 1, startup=3), index, history)
        history.append(Observation(values, running=True))
        answers.append(float(values["x"]))
    assert min(abs(one - other) for one, other in itertools.combinations(answers, 2)) > 0


@pytest.mark.parametrize(("budget", "startup"), [(1, 3), (6, 3), (12, 6), (20, 10), (500, 10)])
def test_half_of_a_small_budget_is_random(budget: int, startup: int) -> None:
    assert startup_trials(budget) == startup
