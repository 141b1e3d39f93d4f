"""The types that inputs and outputs of class style are declared with, and what they are in flytekit."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from flytekit.types.structured import StructuredDataset

from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean
from flytekit_sagemaker.tasks.class_style import artifacts, readers, values


def _as_it_is(name: str, value: Any) -> Any:
    return value


@dataclass(frozen=True, repr=False)
class DeclaredType:
    """A type as class style declares it.

    Attributes:
        name: as users write it, such as ``Types.Integer``.
        python_type: the type that flytekit carries.
        given: makes, of the parameter's name and flytekit's value of an input, what the function gets.
        taken: makes, of the output's name and what the function set, flytekit's value of the output.
    """

    name: str
    python_type: Any
    given: Callable[[str, Any], Any] = _as_it_is
    taken: Callable[..., Any] = _as_it_is

    def __repr__(self) -> str:
        return self.name


class SchemaType(DeclaredType):
    """A table. Called with columns, a table that has them: ``Types.Schema([("a", Types.Integer)])``."""

    def __call__(self, columns: Sequence[tuple[str, Any]] | Mapping[str, Any] = ()) -> DeclaredType:
        """The type of a table with these columns.

        Args:
            columns: name and type of each.

        Raises:
            InvalidInput: when they are no such pairs.
        """
        try:
            named = dict(columns)
        except (TypeError, ValueError):
            rule = 'must be pairs of name and type, such as [("a", Types.Integer)]'
            raise InvalidInput(self.name, [Problem("columns", columns, rule)]) from None
        if not named:
            return self
        shown = ", ".join(f"({column!r}, {kind!r})" for column, kind in named.items())
        kinds = {str(column): python_type(kind) for column, kind in named.items()}
        return DeclaredType(
            f"{self.name}([{shown}])",
            typing.Annotated[StructuredDataset, kinds],
            partial(readers.Schema, columns=kinds),
            partial(artifacts.table, columns=kinds),
        )


INTEGER = DeclaredType("Types.Integer", int, taken=values.integer)
FLOAT = DeclaredType("Types.Float", float, taken=values.real)
STRING = DeclaredType("Types.String", str, taken=values.text)
BOOLEAN = DeclaredType("Types.Boolean", bool, taken=values.truth)
DATETIME = DeclaredType("Types.Datetime", datetime, taken=values.moment)
TIMEDELTA = DeclaredType("Types.Timedelta", timedelta, taken=values.duration)
GENERIC = DeclaredType("Types.Generic", dict, taken=values.dictionary)
BLOB = DeclaredType("Types.Blob", FlyteFile, readers.Blob, artifacts.file)
MULTI_PART_BLOB = DeclaredType("Types.MultiPartBlob", FlyteDirectory, readers.MultiPartBlob, artifacts.folder)
# Without a format, too: Flyte's compiler would keep a directory of one format from a parameter of another or of none.
CSV = DeclaredType("Types.CSV", FlyteFile, readers.Table, artifacts.table_file)
MULTI_PART_CSV = DeclaredType("Types.MultiPartCSV", FlyteDirectory, readers.Table, artifacts.table_folder)
SCHEMA = SchemaType("Types.Schema", StructuredDataset, readers.Schema, artifacts.table)

_PLAIN = {each.python_type: each for each in (INTEGER, FLOAT, STRING, BOOLEAN, DATETIME, TIMEDELTA, GENERIC)}


def proto(message: Any, *, name: str = "Types.Proto") -> DeclaredType:
    """The type of protobuf messages of a class.

    Raises:
        InvalidInput: when it is no message class.
    """
    from google.protobuf.message import Message

    if not (isinstance(message, type) and issubclass(message, Message)):
        raise InvalidInput(name, [Problem("message", message, "must be a class that protoc generated")])
    return DeclaredType(f"{name}({message.__name__})", message, taken=partial(_instance, message))


def headerless(kind: DeclaredType) -> DeclaredType:
    """The type as data of a SageMaker channel has it: CSV without a header; other types as they are."""
    if kind.given is not readers.Table:
        return kind
    return replace(kind, given=partial(readers.Table, options={"header": None}))


def declared_type(declared: Any) -> DeclaredType:
    """What a declaration says: a member of ``Types``, ``[T]`` for a list of T, or any type that flytekit carries.

    Raises:
        InvalidInput: when it is none of them.
    """
    if isinstance(declared, DeclaredType):
        return declared
    if isinstance(declared, list) and len(declared) == 1:
        element = declared_type(declared[0])
        return DeclaredType(
            f"[{element.name}]",
            list[element.python_type],  # type: ignore[name-defined]
            partial(_each, element.given),
            partial(_each, element.taken),
        )
    if isinstance(declared, type) and declared in _PLAIN:
        return _PLAIN[declared]
    if isinstance(declared, type) or typing.get_origin(declared) is not None:
        return DeclaredType(getattr(declared, "__name__", repr(declared)), declared)
    rule = "is no type"
    remedy = "Write a member of Types, such as Types.Integer, [T] for a list, or a type that flytekit knows."
    if isinstance(declared, list):
        rule, remedy = "must be a list of one type", "Write [Types.Integer] for a list of whole numbers."
    if isinstance(declared, str):
        known = [each.name.partition(".")[2] for each in (*_PLAIN.values(), BLOB, CSV, SCHEMA)]
        remedy = did_you_mean(declared, known) or remedy
    raise InvalidInput("the declaration", [Problem("type", declared, rule, remedy)])


def python_type(declared: Any) -> Any:
    """The type that flytekit carries for a declaration.

    Args:
        declared: a member of ``Types``, ``[T]`` for a list of T, or any type that flytekit carries.

    Raises:
        InvalidInput: when it is none of them.
    """
    return declared_type(declared).python_type


def _each(convert: Callable[[str, Any], Any], name: str, value: Any) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        raise values.refused(name, value, "must be a list")
    return [convert(f"{name}[{index}]", each) for index, each in enumerate(value)]


def _instance(kind: type, name: str, value: Any) -> Any:
    if isinstance(value, kind):
        return value
    raise values.refused(name, value, f"must be a {kind.__name__}")
