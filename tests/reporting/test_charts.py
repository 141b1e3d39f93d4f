from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flytekit_sagemaker.reporting.charts import Scale, focus, frame, log_ticks, nice_ticks

finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.floats(-1e12, 1e12, allow_subnormal=False)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.9361, 0.9999, [0.94, 0.96, 0.98]),
        (-3, 12, [0, 5, 10]),
        (2, 2, [2]),
    ],
)
def test_ticks_are_round(low, high, ticks):
    assert nice_ticks(low, high) == ticks


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1e-4, 1, [1e-4, 1e-3, 1e-2, 1e-1, 1]),
        (0.01, 0.5, [0.01, 0.03, 0.1, 0.3]),
        (1, 10, [1, 3, 10]),
    ],
)
def test_logarithmic_ticks_are_round(low, high, ticks):
    assert log_ticks(low, high) == pytest.approx(ticks)


@given(numbers, numbers)
def test_ticks_are_few_and_inside(one, other):
    low, high = sorted((one, other))
    ticks = nice_ticks(low, high)
    slack = 1e-6 * max(1e-9, high - low, abs(low), abs(high))
    assert len(ticks) <= 7
    assert all(low - slack <= tick <= high + slack for tick in ticks)


@given(st.floats(1e-12, 1e12), st.floats(1.0001, 1e9))
def test_logarithmic_ticks_are_few_and_inside(low, ratio):
    ticks = log_ticks(low, low * ratio)
    assert len(ticks) <= 10
    assert all(low * 0.99 <= tick <= low * ratio * 1.01 for tick in ticks)


@given(st.lists(finite, min_size=1), st.sampled_from(["Maximize", "Minimize"]))
def test_the_best_value_is_always_in_focus(values, direction):
    low, high = focus(values, direction)
    assert low < high
    assert low <= (max if direction == "Maximize" else min)(values) <= high


@given(finite, finite, finite, st.integers(2, 9), st.booleans())
@example(0.0, 5e-324, 0.0, 5, False)
@example(-1e308, 1e308, 0.0, 5, False)
@example(5e-324, 1.7e308, 1.0, 5, True)
@example(1.0, 10.0, -1.0, 5, True)
def test_every_finite_range_has_an_axis(one, other, value, count, logarithmic):
    low, high = sorted((one, other))
    logarithmic = logarithmic and low > 0
    ticks = (log_ticks if logarithmic else nice_ticks)(low, high, count)
    assert all(map(math.isfinite, ticks))
    assert len(ticks) >= (2 if high > low else 1)
    x = Scale(low, high, 40, 200, logarithmic)
    assert 40 <= x(value) <= 200
    assert "nan" not in frame(x, Scale(low, high, 150, 10), "x", "y")


@pytest.mark.parametrize("bounds", [(0.21, 0.49), (0.6, 1.4), (-0.9, 0.9), (99, 101.5)])
def test_a_short_axis_has_at_least_two_ticks(bounds):
    assert len(Scale(*bounds, 60, 20).ticks()) >= 2


@given(st.floats(1, 100), st.floats(1, 100), st.floats(1, 100), st.booleans())
def test_a_scale_keeps_the_order_and_stays_inside(low, width, value, logarithmic):
    scale = Scale(low, low + width, 10, 210, logarithmic)
    assert 10 <= scale(value) <= 210
    assert scale(value) <= scale(value * 1.5)
    assert math.isclose(scale(low + width), 210)
