"""Values of a shape that no model knows: what a ``google.protobuf.Struct`` carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.models.scalars import number, refused, text

STRUCT = "google.protobuf.Struct"


def free_form(value: Any) -> dict[str, Any]:
    """A dictionary of JSON's values, a copy of its own, whole numbers without a fraction.

    Raises:
        InvalidInput: when it is none, naming every value inside that JSON, or the wire, cannot carry exactly.
    """
    if not isinstance(value, Mapping):
        raise refused(value, "must be a dictionary")
    problems: list[Problem] = []
    read: dict[str, Any] = _read("", value, problems)
    if problems:
        raise InvalidInput("dictionary", problems)
    return read


def _read(path: str, value: Any, problems: list[Problem]) -> Any:
    try:
        if isinstance(value, Mapping):
            joint = f"{path}." if path else ""
            return {text(key): _read(f"{joint}{key}", entry, problems) for key, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [_read(f"{path}[{index}]", entry, problems) for index, entry in enumerate(value)]
        return _scalar(value)
    except InvalidInput as error:
        problems += [problem.under(path) for problem in error.problems]
        return None


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    try:
        carried = number(value)
    except InvalidInput:
        raise refused(value, "must be a text, a finite number, True, False, None, or a list or dictionary") from None
    if carried != value:
        raise refused(value, "must be a number that a double holds exactly")
    return int(carried) if carried.is_integer() else carried
