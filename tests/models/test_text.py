"""Values become exact text: nothing is rounded, and an integer looks like one."""

import enum
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.models.text import text_of


class Colour(enum.Enum):
    RED = "red"


CASES: list[tuple[Any, str]] = [
    ("text", "text"),
    (23, "23"),
    (23.0, "23"),
    (-0.0, "0"),
    (0.1, "0.1"),
    (1e-07, "1e-07"),
    (1e300, "1e+300"),
    (2**70, "1180591620717411303424"),
    (True, "true"),
    (False, "false"),
    (Colour.RED, "red"),
    ([1.0, 2.5, True, None, "a"], '[1, 2.5, true, null, "a"]'),
    ((1, [2.0]), "[1, [2]]"),
    ({"a": 1.0, "b": {"c": 0.1}}, '{"a": 1, "b": {"c": 0.1}}'),
    (np.int64(7), "7"),
    (np.float64(0.1), "0.1"),
]


@pytest.mark.parametrize(("value", "text"), CASES, ids=[repr(value) for value, _ in CASES])
def test_the_text_of_a_value(value: Any, text: str) -> None:
    assert text_of(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_float_changes(value: float) -> None:
    assert float(text_of(value)) == value


@given(st.integers())
def test_no_integer_changes(value: int) -> None:
    assert int(text_of(value)) == value


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_an_integer_that_became_a_float_is_read_as_an_integer(value: int) -> None:
    assert int(text_of(float(value))) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), b"bytes", [math.nan], {"a": [object()]}, {1, 2}, 1j])
def test_what_has_no_exact_text_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="must be a text, a finite number"):
        text_of(value)


def test_nothing_is_no_text() -> None:
    with pytest.raises(InvalidInput):
        text_of(None)
