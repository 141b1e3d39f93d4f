"""When a trial is given up."""

from __future__ import annotations

import itertools

import pytest

from flytekit_sagemaker.local.stopping import HyperbandRule, MedianRule, rule_of


def test_the_median_rule_compares_with_running_averages_at_the_same_step() -> None:
    series = {1: [4.0, 2.0, 0.0], 2: [6.0, 4.0], 3: [8.0, 6.0, 1.0], 4: [9.0]}
    # Averages after one step: 4, 6, 8; after two: 3, 5, 7.
    assert MedianRule().gives_up(4, series, [1, 2, 3])
    assert not MedianRule().gives_up(4, {**series, 4: [6.0]}, [1, 2, 3])
    assert MedianRule().gives_up(4, {**series, 4: [5.0, 5.5]}, [1, 2, 3])
    assert not MedianRule().gives_up(4, {**series, 4: [5.0, 5.0]}, [1, 2, 3])


def test_the_median_rule_leaves_alone_what_has_come_to_its_end() -> None:
    once = {1: [1.0], 2: [1.0], 3: [1.0], 4: [9.0]}  # as by an algorithm that measures when it has trained
    assert not MedianRule().gives_up(4, once, [1, 2, 3])
    assert MedianRule().gives_up(4, {**once, 3: [1.0, 1.0]}, [1, 2, 3])


def test_the_median_rule_needs_something_to_compare_with() -> None:
    assert not MedianRule().gives_up(3, {1: [1.0], 2: [1.0], 3: [9.0]}, [1, 2])
    assert not MedianRule().gives_up(4, {1: [1.0], 2: [1.0], 3: [1.0], 4: [1.0, 9.0]}, [1, 2, 3])


def trials_of(rule: HyperbandRule, bracket: int, count: int) -> list[int]:
    return list(itertools.islice((number for number in itertools.count(1) if rule.bracket(number) == bracket), count))


def test_hyperband_keeps_the_best_third_at_each_rung() -> None:
    rule = HyperbandRule(1, 9)  # three brackets, whose first rungs are at 1, 3 and 9 steps
    trials = trials_of(rule, 0, 6)
    series = {number: [float(place)] for place, number in enumerate(trials)}
    assert [number for number in trials if not rule.gives_up(number, series, [])] == trials[:2]


def test_hyperband_compares_within_a_bracket_and_at_rungs_only() -> None:
    rule = HyperbandRule(1, 9)
    (early, _), (late, later) = trials_of(rule, 0, 2), trials_of(rule, 1, 2)
    assert not rule.gives_up(early, {early: [9.0], late: [1.0]}, [])
    assert not rule.gives_up(late, {late: [9.0, 9.0], later: [1.0, 1.0]}, [])
    assert rule.gives_up(late, {late: [9.0, 9.0, 9.0], later: [1.0, 1.0, 1.0]}, [])


def test_hyperband_goes_on_with_a_trial_that_is_no_slower_than_the_best_one_was() -> None:
    rule = HyperbandRule(1, 9)
    *fast, slow, slower = trials_of(rule, 0, 8)
    (late,) = trials_of(rule, 2, 1)
    series = {**{number: [2.0] for number in fast}, slow: [5.0], slower: [6.0], late: [5.0] * 8 + [0.5]}
    assert rule.gives_up(slow, series, [])
    assert not rule.gives_up(slow, series, [late])
    assert rule.gives_up(slower, series, [late])
    series[fast[0]] = [2.0] * 8 + [0.4]
    assert rule.gives_up(slow, series, [fast[0], late])


def test_hyperband_leaves_the_end_to_a_trial_with_all_its_steps_and_gives_up_one_that_goes_on() -> None:
    rule = HyperbandRule(1, 9)
    one, other = trials_of(rule, 2, 2)
    assert not rule.gives_up(one, {one: [1.0] * 9, other: [0.0] * 9}, [])
    assert rule.gives_up(one, {one: [0.0] * 10}, [])


@pytest.mark.parametrize(("least", "most"), [(1, 9), (10, 300), (1, 81), (3, 20000), (5, 5)])
def test_the_brackets_of_hyperband_cost_about_the_same(least: int, most: int) -> None:
    rule = HyperbandRule(least, most)
    rungs = [least * 3**power for power in range(10) if least * 3**power <= most]
    cost = dict.fromkeys(range(len(rungs)), 0.0)
    for number in range(1, 2001):
        first = rule.bracket(number)
        going_on = {rung: 3.0**-place for place, rung in enumerate(rungs[first:])}
        steps = [after - before for before, after in itertools.pairwise([0, *rungs[first:]])]
        cost[first] += sum(share * step for share, step in zip(going_on.values(), steps, strict=True))
    assert max(cost.values()) < 2.5 * min(cost.values())


@pytest.mark.parametrize("static", [{"epochs": "9"}, {"num_epochs": "9"}])
def test_hyperband_finds_its_most_among_the_static_hyperparameters(static: dict[str, str]) -> None:
    assert rule_of({"Strategy": "Hyperband"}, static) == HyperbandRule(1, 9)
