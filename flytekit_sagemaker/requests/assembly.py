"""Putting the members of a request together: what is not given is not sent."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any


def present(**members: Any) -> dict[str, Any]:
    """The members without those that are None."""
    return {name: value for name, value in members.items() if value is not None}


def without_empty(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members without empty structures and lists."""
    return {name: value for name, value in members.items() if value not in ({}, [])}


def put(holder: dict[str, Any], path: str, value: Any) -> None:
    """Set what a dotted path leads to; structures on the way come into being."""
    *names, last = path.split(".")
    for name in names:
        holder = holder.setdefault(name, {})
    holder[last] = value


def merged(members: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of some members of a request with others in their place; None removes one, dictionaries are merged."""
    result = dict(members)
    for name, value in overrides.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            there = result.get(name)
            result[name] = merged(there if isinstance(there, Mapping) else {}, value)
        else:
            result[name] = copy.deepcopy(value)
    return result
