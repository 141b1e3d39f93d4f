"""The limits of a model's field, stated beside the field as data."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from flytekit_sagemaker.errors import Problem

F = TypeVar("F", bound=Callable[..., Iterable[Problem]])


def rule(
    *,
    default: Any = dataclasses.MISSING,
    at_least: float | None = None,
    at_most: float | None = None,
    pattern: str | None = None,
    like: str | None = None,
    remedy: Callable[[str], str] | None = None,
    length: tuple[int, int] | None = None,
    item: Callable[[Any], Any] | None = None,
) -> Any:
    """A dataclass field with the limits of its value.

    Args:
        default: the value of a field left out; none makes the field required.
        at_least, at_most: smallest and largest legal number.
        pattern: regular expression that the whole text, or every item of a list or value of a map of texts, has to
            match.
        like: an example of a text that matches ``pattern``, for the error message.
        remedy: what to do about a text that does not match it.
        length: fewest and most characters of a text, items of a list, entries of a map.
        item: turns each item that was given for a list into the item that is stored, or raises InvalidInput; left out,
            only values of the items' own type are taken.
    """
    limits = {
        "at_least": at_least,
        "at_most": at_most,
        "pattern": pattern,
        "like": like,
        "remedy": remedy,
        "length": length,
        "item": item,
    }
    metadata = {name: value for name, value in limits.items() if value is not None}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def broken_limits(name: str, value: Any, limits: Mapping[str, Any]) -> Iterable[Problem]:
    """What is wrong with a field's value, given the metadata of its :func:`rule`."""
    if value is None or not limits:
        return
    low, high = limits.get("at_least", -math.inf), limits.get("at_most", math.inf)
    if ("at_least" in limits or "at_most" in limits) and not low <= value <= high:
        if math.isinf(high):
            yield Problem(name, value, f"must be at least {low}")
        else:
            yield Problem(name, value, f"must lie between {low} and {high}")
    if "length" in limits:
        fewest, most = limits["length"]
        unit = "characters" if isinstance(value, str) else "entries"
        if not fewest <= len(value) <= most:
            allowed = f"{fewest} to {most}" if fewest else f"at most {most}"
            yield Problem(name, value, f"must have {allowed} {unit}, has {len(value)}")
    if "pattern" in limits:
        items = value.values() if isinstance(value, Mapping) else value
        for item in (value,) if isinstance(value, str) else items:
            if not re.fullmatch(limits["pattern"], item, re.ASCII):
                remedy = limits["remedy"](item) if "remedy" in limits else ""
                yield Problem(name, item, f"must look like {limits['like']!r}", remedy)


def between(*fields: str) -> Callable[[F], F]:
    """Marks a model's method as a rule between fields, which are each legal by themselves where it is asked.

    The method returns the problems; of fields that are wrong already there are none.
    """

    def marked(method: F) -> F:
        method.between = frozenset(fields)  # type: ignore[attr-defined]
        return method

    return marked
