"""Plain values that a function of class style sets as its outputs."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flytekit_sagemaker.errors import InvalidInput, Problem


def refused(name: str, value: object, rule: str, remedy: str = "") -> InvalidInput:
    """The error of an output that was set to something that its type does not take."""
    return InvalidInput(f"the output {name}", [Problem("", value, rule, remedy)])


def integer(name: str, value: Any) -> int:
    """A whole number of 64 bits, of Python's or numpy's."""
    if not _is_truth(value):
        try:
            number = operator.index(value)
        except TypeError:
            pass
        else:
            if -(2**63) <= number < 2**63:
                return number
            raise refused(name, value, "must lie between -2**63 and 2**63 - 1")
    raise refused(name, value, "must be a whole number")


def real(name: str, value: Any) -> float:
    """Any number, of Python's or numpy's, NaN and the infinities included."""
    if not isinstance(value, (str, bytes)) and not _is_truth(value):
        try:
            return float(value)
        except (TypeError, ValueError):
            pass
    raise refused(name, value, "must be a number")


def text(name: str, value: Any) -> str:
    """A text."""
    if isinstance(value, str):
        return str(value)
    raise refused(name, value, "must be a text")


def truth(name: str, value: Any) -> bool:
    """True or False, of Python's or numpy's."""
    if _is_truth(value):
        return bool(value)
    raise refused(name, value, "must be True or False")


def moment(name: str, value: Any) -> datetime:
    """A datetime, of Python's or pandas'."""
    if isinstance(value, datetime) and not _is_missing(value):
        return value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
    raise refused(name, value, "must be a datetime")


def duration(name: str, value: Any) -> timedelta:
    """A timedelta, of Python's or pandas'."""
    if isinstance(value, timedelta) and not _is_missing(value):
        return value.to_pytimedelta() if hasattr(value, "to_pytimedelta") else value
    raise refused(name, value, "must be a timedelta")


def dictionary(name: str, value: Any) -> dict[str, Any]:
    """A dictionary of what JSON has; numpy's scalars and arrays become Python's numbers and lists."""
    if isinstance(value, Mapping):
        return dict(plain(name, value))
    raise refused(name, value, "must be a dictionary")


def plain(name: str, value: Any) -> Any:
    """A value as JSON has it, NaN and the infinities included.

    Raises:
        InvalidInput: naming the part that JSON has no word for.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise refused(name, wrong, "must be texts: they are keys of a dictionary")
        return {key: plain(f"{name}.{key}", each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(f"{name}[{index}]", each) for index, each in enumerate(value)]
    if hasattr(value, "tolist"):  # numpy's arrays and scalars, and pandas' series
        return plain(name, value.tolist())
    raise refused(name, value, "must be made of texts, numbers, lists and dictionaries")


def _is_missing(value: Any) -> bool:
    """Whether it is pandas' NaT, which is a datetime to Python, and like NaN is not equal to itself."""
    return bool(value != value)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")
