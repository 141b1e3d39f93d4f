"""Reads one scalar of a message field: refuses what is of another type, and changes nothing else."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean


def refused(value: object, rule: str, remedy: str = "") -> InvalidInput:
    """The error for one value that breaks one rule; whoever holds the value adds its name."""
    return InvalidInput("value", [Problem("", value, rule, remedy)])


def member_of(choices: type[enum.IntEnum], value: Any) -> enum.IntEnum:
    """The member that is given itself, by its number, or by its name in any spelling, that of a MIME type included."""
    if isinstance(value, enum.Enum) and not isinstance(value, choices):
        pass
    elif isinstance(value, str):
        wanted = re.sub(r"^application/(x-)?|[^a-z0-9]", "", value.lower())
        for member in choices:
            if member.name.lower().replace("_", "") == wanted:
                return member
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value in list(choices):
        return choices(int(value))
    names = [member.name for member in choices]
    hint = did_you_mean(value, names) if isinstance(value, str) else ""
    raise refused(value, f"must be one of {', '.join(names)}", hint)


def text(value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise refused(value, "must be a text")
    return value


def boolean(value: Any) -> bool:
    """True or False, and no number."""
    if not isinstance(value, bool):
        raise refused(value, "must be True or False")
    return value


def whole_number(value: Any) -> int:
    """An int64, also as the float that a Struct makes of it."""
    whole = isinstance(value, Integral) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise refused(value, "must be a whole number")
    if not -(2**63) <= value < 2**63:
        raise refused(value, "must be a whole number between -2**63 and 2**63 - 1")
    return int(value)


def number(value: Any) -> float:
    """A finite number."""
    try:
        if isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(finite := float(value)):
            return finite
    except OverflowError:
        pass
    raise refused(value, "must be a finite number")


# The keys are protobuf's CPPTYPE numbers, which are part of its public format.
SCALARS: dict[int, Callable[[Any], Any]] = {2: whole_number, 5: number, 7: boolean, 9: text}
