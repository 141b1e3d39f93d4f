"""Putting the members of a request together: what is not given is not sent."""

from __future__ import annotations

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
