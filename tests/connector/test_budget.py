"""Calls stay within a rate, and the rate gives way where the service throttles."""

from __future__ import annotations

import math

import pytest

from flytekit_sagemaker.connector.budget import Budget
from flytekit_sagemaker.testing.clock import MovableClock


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


def spend(budget: Budget, clock: MovableClock, seconds: int) -> int:
    """How many calls are allowed in so many seconds to somebody who always wants more."""
    made = 0
    for _ in range(seconds * 10):
        while budget.take():
            made += 1
        clock.advance(0.1)
    return made


def test_calls_stay_within_the_rate_and_a_small_burst(clock: MovableClock) -> None:
    budget = Budget(5, clock)
    assert 100 * 5 <= spend(budget, clock, 100) <= 100 * 5 + 10


def test_a_slow_rate_still_allows_a_call(clock: MovableClock) -> None:
    assert spend(Budget(0.1, clock), clock, 100) in (10, 11)


def test_what_does_not_fit_into_a_burst_is_paid_off_before_the_next_call(clock: MovableClock) -> None:
    budget = Budget(1, clock)
    assert budget.take(12)
    clock.advance(9)
    assert not budget.take()
    clock.advance(2)
    assert budget.take()


def test_a_throttle_halves_the_rate_and_a_quiet_minute_brings_it_back(clock: MovableClock) -> None:
    budget = Budget(5, clock)
    budget.slow_down()
    assert not budget.take()
    assert spend(budget, clock, 10) < 40
    clock.advance(60)
    budget.take()
    assert spend(budget, clock, 100) >= 500


def test_however_often_it_is_throttled_it_tries_again(clock: MovableClock) -> None:
    budget = Budget(5, clock)
    for _ in range(50):
        budget.slow_down()
    assert spend(budget, clock, 10) > 0


def test_without_a_limit_everything_is_allowed(clock: MovableClock) -> None:
    budget = Budget(math.inf, clock)
    budget.slow_down()
    assert all(budget.take(1000) for _ in range(1000))
