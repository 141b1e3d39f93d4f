"""The inputs of the function as this very job has them: its data on the local disk, and what a tuner chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytekit_sagemaker.container.contract import Contract
from flytekit_sagemaker.container.values import like, parsed
from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.uris import at_paths

HYPERPARAMETERS = "hyperparameters"
EVERY_OTHER = "*"

# Hyperparameters that tell the container, not the training, what to do.
NOT_FOR_THE_FUNCTION = ("sagemaker_", "_tuning_")


@dataclass(frozen=True)
class Parameters:
    """What the function takes.

    Attributes:
        types: Python type of each input.
        channels: the inputs that are channels.
        tunable: name of the type of each input that a tuning job can choose.
        hyperparameters: the same for hyperparameters, with ``*`` for every other.
    """

    types: Mapping[str, Any]
    channels: Iterable[str]
    tunable: Mapping[str, str]
    hyperparameters: Mapping[str, str]


def inputs_of_this_job(given: Any, parameters: Parameters, contract: Contract) -> Any:
    """The literals that the function is called with.

    Args:
        given: flytekit's ``LiteralMap`` of the task, or of the tuning task around it.
        parameters: what the function takes; whatever else was given is left out.
        contract: what SageMaker tells the job.

    Raises:
        InvalidInput: listing every input that is not what the function declares.
    """
    from flytekit.models.literals import Literal, LiteralMap

    literals = {
        name: Literal.from_flyte_idl(at_paths(literal.to_flyte_idl()))
        for name, literal in given.literals.items()
        if name in parameters.types
    }
    problems: list[Problem] = []
    for name in parameters.channels:
        if name in literals and (folder := contract.channel(name)) is not None:
            problems += _place(name, literals[name], folder)
    if contract.is_trial:
        problems += _choose(literals, parameters, contract.hyperparameters)
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


def _choose(literals: dict[str, Any], parameters: Parameters, texts: Mapping[str, str]) -> list[Problem]:
    """Put what the tuner chose in place of what the task was given; what is wrong with it."""
    problems: list[Problem] = []
    chosen = {name: text for name, text in texts.items() if not name.startswith(NOT_FOR_THE_FUNCTION)}
    if HYPERPARAMETERS in parameters.types:
        literal, python_type = literals.get(HYPERPARAMETERS), parameters.types[HYPERPARAMETERS]
        static = _dictionary(literal, python_type)
        chosen = {name: text for name, text in chosen.items() if not _is_still(static, name, text)}
        own = {name: text for name, text in chosen.items() if name in static or name not in parameters.tunable}
        every_other = parameters.hyperparameters.get(EVERY_OTHER)
        kinds = {name: parameters.hyperparameters.get(name, every_other) for name in own}
        tuned = _values(f"{HYPERPARAMETERS}.", kinds, own, static, problems)
        if tuned:
            literals[HYPERPARAMETERS] = _merged(literal, static, tuned, python_type)
    own = {name: text for name, text in chosen.items() if name in parameters.tunable}
    for name, value in _values("", parameters.tunable, own, {}, problems).items():
        literals[name] = _literal(value, parameters.types[name])
    return problems


def _values(
    prefix: str,
    kinds: Mapping[str, str | None],
    texts: Mapping[str, str],
    static: Mapping[str, Any],
    problems: list[Problem],
) -> dict[str, Any]:
    """What the tuner chose, as values of their types, or of the types that they had; problems are added to those."""
    values = {}
    for name, text in texts.items():
        kind = kinds[name]
        try:
            values[name] = parsed(kind, text) if kind else like(static.get(name), text)
        except ValueError:
            problems.append(Problem(prefix + name, text, f"was chosen by the tuner, and is no {kind}"))
    return values


def _dictionary(literal: Any, python_type: Any) -> dict[str, Any]:
    """The hyperparameters of a literal by name; those of a dataclass too, which flytekit encodes as a dictionary."""
    import msgpack
    from flytekit.core.context_manager import FlyteContextManager
    from flytekit.core.type_engine import TypeEngine
    from google.protobuf import json_format

    inner = _inner(literal)
    if inner is None or inner.scalar is not None and inner.scalar.none_type is not None:
        return {}
    if inner.scalar is not None and inner.scalar.binary is not None:
        return dict(msgpack.unpackb(inner.scalar.binary.value, strict_map_key=False))
    if inner.scalar is not None and inner.scalar.generic is not None:
        return json_format.MessageToDict(inner.scalar.generic)
    return dict(TypeEngine.to_python_value(FlyteContextManager.current_context(), literal, python_type))


def _merged(literal: Any, static: Mapping[str, Any], tuned: Mapping[str, Any], python_type: Any) -> Any:
    """The literal of the hyperparameters with those that were tuned, in the encoding that they had."""
    import msgpack
    from flytekit.models.literals import Binary, Literal, Scalar

    inner, both = _inner(literal), {**static, **tuned}
    if inner is None or inner.scalar is None or inner.scalar.none_type is not None:
        return _literal(both, python_type)
    inner._scalar = Scalar(binary=Binary(value=msgpack.packb(both), tag="msgpack"))
    return Literal(scalar=literal.scalar)


def _is_still(static: Mapping[str, Any], name: str, text: str) -> bool:
    """Whether a hyperparameter is what the task's input says, so that no tuner chose it."""
    return name in static and bool(like(static[name], text) == static[name])


def _literal(value: Any, python_type: Any) -> Any:
    from flytekit.core.context_manager import FlyteContextManager
    from flytekit.core.type_engine import TypeEngine

    expected = TypeEngine.to_literal_type(python_type)
    return TypeEngine.to_literal(FlyteContextManager.current_context(), value, python_type, expected)


def _inner(literal: Any) -> Any:
    """What a literal of an optional input holds."""
    if literal is None or literal.scalar is None or literal.scalar.union is None:
        return literal
    return literal.scalar.union.value
