"""Constants and their types, as flytekit takes them and as people read them."""

from __future__ import annotations

import copy
import os
import typing
from collections.abc import Sequence
from types import NoneType
from typing import Any

from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.promise import Promise, binding_from_python_std
from flytekit.core.type_engine import TypeEngine
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.tasks.inputs import at_uri


def shown_type(python_type: Any) -> str:
    """A type as one would write it: ``int``, ``list[str]``, ``FlyteFile["csv"]``, ``str or None``."""
    members = typing.get_args(python_type)
    if typing.get_origin(python_type) is typing.Annotated:
        return shown_type(members[0])
    if NoneType in members:
        return " or ".join([shown_type(each) for each in members if each is not NoneType] + ["None"])
    if members:
        origin = typing.get_origin(python_type)
        return f"{getattr(origin, '__name__', origin)}[{', '.join(map(shown_type, members))}]"
    if isinstance(python_type, type) and issubclass(python_type, (FlyteFile, FlyteDirectory)):
        kind = FlyteFile if issubclass(python_type, FlyteFile) else FlyteDirectory
        extension = python_type.extension()  # type: ignore[attr-defined]
        return f'{kind.__name__}["{extension}"]' if extension else kind.__name__
    return str(getattr(python_type, "__name__", python_type))


def accepts_none(python_type: Any) -> bool:
    """Whether None is a value of a type."""
    return NoneType in typing.get_args(python_type)


def is_data(python_type: Any) -> bool:
    """Whether values of a type are files or directories, which flytekit copies when it converts them."""
    members = [each for each in typing.get_args(python_type) if each is not NoneType] or [python_type]
    return any(isinstance(each, type) and issubclass(each, (FlyteFile, FlyteDirectory)) for each in members)


def optional(python_type: Any) -> Any:
    """The type with None added."""
    return typing.Optional[python_type]  # noqa: UP045  (flytekit reads this form)


def element_type(python_type: Any) -> Any:
    """The type of the elements of a list or the values of a dictionary, also of an optional one; None where unsaid."""
    variants = typing.get_args(python_type) if accepts_none(python_type) else [python_type]
    inner = [typing.get_args(each) for each in variants if typing.get_origin(each) in (list, dict)]
    return inner[0][-1] if inner and inner[0] else None


def container_type(container: type, elements: Sequence[Any]) -> Any:
    """The type of a list, or of a dictionary, with elements of these types; None where they differ or are unknown."""
    alike = elements[0] if all(each == elements[0] for each in elements) else None
    if alike is None:
        return None
    return list.__class_getitem__(alike) if container is list else dict.__class_getitem__((str, alike))


def adapted(value: Any, python_type: Any) -> Any:
    """A constant in the form that flytekit takes: whole numbers as floats, tuples as lists, models of any form as such.

    A URI of a file is taken for a place, as other URIs are.

    Raises:
        InvalidInput: when a model cannot be made of it.
    """
    members = [each for each in typing.get_args(python_type) if each is not NoneType]
    if accepts_none(python_type) and len(members) == 1:
        return None if value is None else adapted(value, members[0])
    if isinstance(value, str) and value.startswith("file://") and is_data(python_type):
        return at_uri(python_type, value)
    if python_type is float and type(value) is int:
        return float(value)
    if isinstance(python_type, type) and issubclass(python_type, Model) and not isinstance(value, Promise):
        return python_type.of(value)
    if isinstance(value, (list, tuple)):
        return [adapted(each, members[0] if len(members) == 1 else None) for each in value]
    if isinstance(value, dict):
        return {key: adapted(each, members[1] if len(members) == 2 else None) for key, each in value.items()}
    return copy.deepcopy(value) if isinstance(value, set) else value


def conversion_problem(field: str, value: Any, python_type: Any) -> Problem | None:
    """What keeps a value, which may have promises inside, from being converted; None for nothing."""
    if value is None and not accepts_none(python_type):
        return Problem(field, None, f"must not be None but {shown_type(python_type)}")
    ctx = FlyteContextManager.current_context()
    try:
        binding_from_python_std(ctx, field, TypeEngine.to_literal_type(python_type), value, python_type)
    except InvalidInput as error:
        return error.problems[0].under(field)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        known = isinstance(value, (str, os.PathLike)) and not reason.startswith("Expected value of type")
        detail = f": {reason}" if known and python_type not in (int, float, bool, str) else ""
        return Problem(field, value, f"must be {shown_type(python_type)}{detail}")
    return None
