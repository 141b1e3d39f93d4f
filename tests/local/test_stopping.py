"""When a trial is given up."""

from __future__ import annotations

import pytest

from flytekit_sagemaker.local.stopping import HyperbandRule, MedianRule, rule_of


def test_the_median_rule_compares_with_running_averages_at_the_same_step() -> None:
    series = {1: [4.0, 2.0, 0.0], 2: [6.0, 4.0], 3: [8.0, 6.0, 1.0], 4: [9.0]}
    # Averages after one step: 4, 6, 8; after two: 3, 5, 7.
    assert MedianRule().gives_up(4, series, [1, 2, 3])
    assert not MedianRule().gives_up(4, {**series, 4: [6.0]}, [1, 2, 3])
    assert MedianRule().gives_up(4, {**series, 4: [5.0, 5.5]}, [1, 2, 3])
    assert not MedianRule().gives_up(4, {**series, 4: [5.0, 5.0]}, [1, 2, 3])


def test_the_median_rule_needs_something_to_compare_with() -> None:
    assert not MedianRule().gives_up(3, {1: [1.0], 2: [1.0], 3: [9.0]}, [1, 2])
    assert not MedianRule().gives_up(4, {1: [1.0], 2: [1.0], 3: [1.0], 4: [1.0, 9.0]}, [1, 2, 3])


def test_hyperband_keeps_the_best_third_at_each_rung() -> None:
    rule = HyperbandRule(1, 9)  # three brackets, whose first rungs are at 1, 3 and 9 steps
    same_bracket = {3: [1.0], 6: [2.0], 9: [3.0], 12: [4.0], 15: [5.0], 18: [6.0]}
    kept = [number for number in same_bracket if not rule.gives_up(number, same_bracket, [])]
    assert kept == [3, 6]


def test_hyperband_compares_within_a_bracket_and_at_rungs_only() -> None:
    rule = HyperbandRule(1, 9)
    assert not rule.gives_up(1, {1: [9.0], 3: [1.0]}, [])
    assert not rule.gives_up(3, {3: [9.0, 9.0], 6: [1.0, 1.0]}, [])
    assert rule.gives_up(3, {3: [9.0, 9.0, 9.0], 6: [1.0, 1.0, 1.0]}, [])


def test_hyperband_leaves_the_end_to_a_trial_with_all_its_steps_and_gives_up_one_that_goes_on() -> None:
    rule = HyperbandRule(1, 9)
    assert not rule.gives_up(2, {2: [1.0] * 9, 5: [0.0] * 9}, [])
    assert rule.gives_up(2, {2: [0.0] * 10}, [])


@pytest.mark.parametrize("static", [{"epochs": "9"}, {"num_epochs": "9"}])
def test_hyperband_finds_its_most_among_the_static_hyperparameters(static: dict[str, str]) -> None:
    assert rule_of({"Strategy": "Hyperband"}, static) == HyperbandRule(1, 9)
