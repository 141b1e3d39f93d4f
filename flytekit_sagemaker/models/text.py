"""Values as exact text: SageMaker carries hyperparameters and bounds of ranges in string-only maps."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from flytekit_sagemaker.errors import InvalidInput, Problem


def text_of(value: object) -> str:
    """The exact text of a value: ``float(text_of(x)) == x`` for every finite ``x``.

    Whole floats lose their ``.0``: Flyte's struct encoding turns every integer into a float, and an algorithm that
    reads ``int("23.0")`` fails. Lists and dictionaries become JSON.

    Raises:
        InvalidInput: for anything that is not a text, a finite number, a boolean, or a list or dictionary of these.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        if isinstance(value, enum.Enum):
            return text_of(value.value)
        if value is None:
            raise TypeError
        plain = _plain(value)
        return json.dumps(plain, allow_nan=False) if isinstance(plain, (list, dict)) else repr(plain)
    except (TypeError, ValueError):
        rule = "must be a text, a finite number, a boolean, or a list or dictionary of these"
        raise InvalidInput("value", [Problem("", value, rule)]) from None


def _plain(value: Any) -> Any:
    """A value of JSON's types, its whole numbers without a fraction; TypeError when there is none."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Integral):
        return int(value)
    if not isinstance(value, Real) or not math.isfinite(value):
        raise TypeError
    number = float(value)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
