"""The inputs of the function as this very job has them: its data on the local disk, and what a tuner chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

from flytekit_sagemaker.container.contract import Contract
from flytekit_sagemaker.container.values import like, parsed
from flytekit_sagemaker.errors import InvalidInput, Problem

HYPERPARAMETERS = "hyperparameters"

# Hyperparameters that tell the container, not the training, what to do.
_NOT_FOR_THE_FUNCTION = ("sagemaker_", "_tuning_")


def inputs_of_this_job(
    given: Any, python_types: Mapping[str, Any], channels: Iterable[str], tunable: Mapping[str, str], contract: Contract
) -> Any:
    """The literals that the function is called with.

    Args:
        given: flytekit's ``LiteralMap`` of the task, or of the tuning task around it.
        python_types: type of each input of the function; whatever else was given is left out.
        channels: the inputs that are channels.
        tunable: type of each input that a tuning job can choose.
        contract: what SageMaker tells the job.

    Raises:
        InvalidInput: listing every input that is not what the function declares.
    """
    from flytekit.models.literals import LiteralMap

    literals = {name: deepcopy(literal) for name, literal in given.literals.items() if name in python_types}
    problems: list[Problem] = []
    for name in channels:
        if name in literals and (folder := contract.channel(name)) is not None:
            problems += _place(name, literals[name], folder)
    chosen = {
        name: text
        for name, text in contract.hyperparameters.items()
        if contract.is_trial and not name.startswith(_NOT_FOR_THE_FUNCTION)
    }
    if HYPERPARAMETERS in literals:
        static = _dictionary(literals[HYPERPARAMETERS])
        chosen = {name: text for name, text in chosen.items() if not _is_still(static, name, text)}
        kind = _value_type(python_types[HYPERPARAMETERS])
        for name, text in chosen.items():
            if name in static or name not in tunable:
                try:
                    static[name] = parsed(kind, text) if kind else like(static.get(name), text)
                except ValueError:
                    problems.append(
                        Problem(f"{HYPERPARAMETERS}.{name}", text, f"was chosen by the tuner, and is no {kind}")
                    )
        literals[HYPERPARAMETERS] = _literal(static, python_types[HYPERPARAMETERS])
    for name in tunable.keys() & chosen.keys():
        try:
            literals[name] = _literal(parsed(tunable[name], chosen[name]), python_types[name])
        except ValueError:
            problems.append(Problem(name, chosen[name], f"was chosen by the tuner, and is no {tunable[name]}"))
    if problems:
        raise InvalidInput("the input of the function", problems)
    return LiteralMap(literals)


def _place(name: str, literal: Any, folder: Path) -> list[Problem]:
    """Let a channel's literal point to its files: to the one file where the function takes a file."""
    from flytekit.models.core.types import BlobType

    blob = _inner(literal).scalar.blob
    place = folder
    if blob.metadata.type.dimensionality == BlobType.BlobDimensionality.SINGLE:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if len(files) != 1:
            remedy = "Let the function take a FlyteDirectory."
            return [Problem(name, f"{len(files)} files", "must be one file: the function takes a FlyteFile", remedy)]
        place = files[0]
    blob._uri = str(place)
    return []


def _dictionary(literal: Any) -> dict[str, Any]:
    import msgpack
    from google.protobuf import json_format

    inner = _inner(literal)
    if inner.map is not None:
        return {name: each.value for name, each in inner.map.literals.items()}
    if inner.scalar.generic is not None:
        return json_format.MessageToDict(inner.scalar.generic)
    if inner.scalar.binary is not None:
        return dict(msgpack.unpackb(inner.scalar.binary.value, strict_map_key=False) or {})
    return {}


def _is_still(static: Mapping[str, Any], name: str, text: str) -> bool:
    """Whether a hyperparameter is what the task's input says, so that no tuner chose it."""
    return name in static and bool(like(static[name], text) == static[name])


def _value_type(python_type: Any) -> str:
    """The type of each value where a dictionary declares one that can be tuned, else an empty text."""
    arguments = get_args(python_type)
    kind = getattr(arguments[1], "__name__", "") if len(arguments) == 2 else ""
    return kind if kind in ("int", "float", "str", "bool") else ""


def _literal(value: Any, python_type: Any) -> Any:
    """A value in flytekit's own encoding, as a field of the declared type."""
    import msgpack
    from flytekit.core.context_manager import FlyteContextManager
    from flytekit.core.type_engine import TypeEngine
    from flytekit.models.literals import Binary, Literal, Scalar

    if isinstance(value, dict) and not _value_type(python_type):  # a plain dictionary, or a dataclass's fields
        return Literal(scalar=Scalar(binary=Binary(value=msgpack.packb(value), tag="msgpack")))
    expected = TypeEngine.to_literal_type(python_type)
    return TypeEngine.to_literal(FlyteContextManager.current_context(), value, python_type, expected)


def _inner(literal: Any) -> Any:
    """What a literal of an optional input holds."""
    return literal.scalar.union.value if literal.scalar is not None and literal.scalar.union is not None else literal
