"""Frozen dataclasses to plain JSON values and back, driven by the type hints of their fields."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, Union

from flytekit_sagemaker.errors import InvalidInput, Problem

Record = TypeVar("Record")


def to_plain(value: Any) -> Any:
    """The value with dataclasses as dictionaries, times as ISO 8601 text and tuples as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


def from_plain(record_type: type[Record], data: Any) -> Record:
    """The record that ``to_plain`` described.

    Whole numbers may have become floats on the way (a protobuf ``Struct`` has no others); unknown keys are ignored and
    absent ones take their defaults, so that two versions of this package can talk to each other.

    Raises:
        InvalidInput: ``data`` is not such a description.
    """
    try:
        return typing.cast(Record, _typed(record_type, data))
    except (TypeError, ValueError, OverflowError) as error:
        problem = Problem("data", data, f"must describe a {record_type.__name__} ({error})")
        raise InvalidInput(record_type.__name__, [problem]) from error


def _typed(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return None if value is None else _typed(next(a for a in arguments if a is not types.NoneType), value)
    if origin is tuple:
        return tuple(_typed(arguments[0], item) for item in _sequence(value))
    if origin is Mapping:
        return {str(key): _typed(arguments[1], item) for key, item in _mapping(value).items()}
    if dataclasses.is_dataclass(hint):
        hints, given = typing.get_type_hints(hint), _mapping(value)
        return typing.cast(Any, hint)(**{name: _typed(hints[name], given[name]) for name in hints if name in given})
    if hint is datetime:
        return datetime.fromisoformat(value)
    return hint(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected an object, got {type(value).__name__}")
    return value


def _sequence(value: Any) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"expected a list, got {type(value).__name__}")
    return value
