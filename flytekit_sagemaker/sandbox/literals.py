"""Literals against the types that an interface declares, and literals as keys of results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgpack
from flyteidl.core import literals_pb2, types_pb2
from google.protobuf import json_format

from flytekit_sagemaker.sandbox.refusals import refuse_all

_PRIMITIVES = {
    types_pb2.INTEGER: "integer",
    types_pb2.FLOAT: "float_value",
    types_pb2.STRING: "string_value",
    types_pb2.BOOLEAN: "boolean",
    types_pb2.DATETIME: "datetime",
    types_pb2.DURATION: "duration",
}
_SCALARS = {
    types_pb2.NONE: ("none_type",),
    types_pb2.BINARY: ("binary",),
    types_pb2.ERROR: ("error",),
    types_pb2.STRUCT: ("generic", "binary"),
}


def none() -> Any:
    """The literal of nothing."""
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(none_type=literals_pb2.Void()))


def check_inputs(subject: str, inputs: Any, variables: Mapping[str, Any], optional: Iterable[str] = ()) -> None:
    """Refuse inputs that an interface does not take, naming every one.

    Args:
        subject: what they are for, as the sentence begins.
        inputs: a ``LiteralMap``.
        variables: the declared variables by name.
        optional: names of those that may be left out.

    Raises:
        Refused: inputs are unknown, missing, or of a wrong type.
    """
    problems = [f"it has no input {name!r}" for name in sorted(inputs.literals) if name not in variables]
    for name, variable in sorted(variables.items()):
        if name in inputs.literals:
            if not fits(inputs.literals[name], variable.type):
                given = kind_of(inputs.literals[name])
                problems.append(f"its input {name!r} has to be {described(variable.type)}, not {given}")
        elif name not in optional:
            problems.append(f"its input {name!r} ({described(variable.type)}) is missing")
    declared = ", ".join(sorted(variables)) or "none"
    refuse_all(f"The inputs do not fit {subject}, whose inputs are: {declared}", problems)


def fits(literal: Any, declared: Any) -> bool:
    """Whether a literal is one of a type, or can stand for one."""
    kind = declared.WhichOneof("type")
    if kind == "union_type":
        inner = literal.scalar.union.value if literal.scalar.WhichOneof("value") == "union" else literal
        return any(fits(inner, variant) for variant in declared.union_type.variants)
    scalar = literal.scalar.WhichOneof("value")
    if scalar == "union":
        return fits(literal.scalar.union.value, declared)
    if literal.HasField("offloaded_metadata"):
        return True
    if kind == "collection_type":
        return literal.HasField("collection") and all(
            fits(each, declared.collection_type) for each in literal.collection.literals
        )
    if kind == "map_value_type":
        return literal.HasField("map") and all(
            fits(each, declared.map_value_type) for each in literal.map.literals.values()
        )
    if kind == "simple":
        return _is_simple(literal, declared.simple)
    if kind == "blob":
        dimensionality = literal.scalar.blob.metadata.type.dimensionality
        return scalar == "blob" and bool(dimensionality == declared.blob.dimensionality)
    if kind == "enum_type":
        return bool(literal.scalar.primitive.string_value in declared.enum_type.values)
    if kind in ("schema", "structured_dataset_type"):
        return scalar in ("schema", "structured_dataset")
    return True


def _is_simple(literal: Any, simple: int) -> bool:
    if simple in _PRIMITIVES:
        return bool(literal.scalar.primitive.WhichOneof("value") == _PRIMITIVES[simple])
    return literal.scalar.WhichOneof("value") in _SCALARS.get(simple, ())


def described(declared: Any) -> str:
    """A type in words."""
    kind = declared.WhichOneof("type")
    if kind == "simple":
        return (
            "a dictionary"
            if declared.simple == types_pb2.STRUCT
            else _article(types_pb2.SimpleType.Name(declared.simple))
        )
    if kind == "collection_type":
        return f"a list of which each is {described(declared.collection_type)}"
    if kind == "map_value_type":
        return f"a map of which each value is {described(declared.map_value_type)}"
    if kind == "blob":
        return "a directory" if declared.blob.dimensionality == types_pb2.BlobType.MULTIPART else "a file"
    if kind == "enum_type":
        return f"one of {', '.join(declared.enum_type.values)}"
    if kind == "union_type":
        return " or ".join(described(variant) for variant in declared.union_type.variants)
    return "a table"


def kind_of(literal: Any) -> str:
    """What a literal is, in words."""
    kind = literal.WhichOneof("value")
    if kind in ("collection", "map"):
        return {"collection": "a list", "map": "a map"}[kind]
    scalar = literal.scalar.WhichOneof("value")
    if scalar == "union":
        return kind_of(literal.scalar.union.value)
    if scalar == "primitive":
        return _article(str(literal.scalar.primitive.WhichOneof("value")).removesuffix("_value"))
    if scalar == "blob":
        multipart = literal.scalar.blob.metadata.type.dimensionality == types_pb2.BlobType.MULTIPART
        return "a directory" if multipart else "a file"
    words = {"generic": "a dictionary", "binary": "a dictionary", "none_type": "nothing", None: "an empty literal"}
    return words.get(scalar, "a table")


def shown(literal: Any) -> str:
    """The value of a literal in one line."""
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return f"[{', '.join(map(shown, literal.collection.literals))}]"
    if kind == "map":
        return f"{{{', '.join(f'{name}: {shown(each)}' for name, each in sorted(literal.map.literals.items()))}}}"
    scalar = literal.scalar.WhichOneof("value")
    value: Any = getattr(literal.scalar, scalar) if scalar else None
    if scalar == "union":
        return shown(literal.scalar.union.value)
    if scalar == "primitive":
        part = getattr(value, value.WhichOneof("value"))
        return part.ToJsonString() if hasattr(part, "ToJsonString") else str(part)
    if scalar == "binary" and value.tag == "msgpack":
        return str(msgpack.unpackb(value.value, strict_map_key=False))
    if scalar == "generic":
        return str(json_format.MessageToDict(value))
    return str(getattr(value, "uri", "")) or kind_of(literal)


def _article(word: str) -> str:
    word = word.lower()
    return f"{'an' if word[0] in 'aeio' else 'a'} {word}"


def fingerprint(inputs: Any, ignored: Iterable[str] = ()) -> bytes:
    """A hash of inputs, by the hashes that literals carry where they do."""
    digest = hashlib.sha256()
    left_out = set(ignored)
    for name in sorted(set(inputs.literals) - left_out):
        digest.update(f"{len(name)}:{name}".encode())
        digest.update(_without_content(inputs.literals[name]).SerializeToString(deterministic=True))
    return digest.digest()


def _without_content(literal: Any) -> Any:
    if literal.hash:
        return literals_pb2.Literal(hash=literal.hash)
    bare = literals_pb2.Literal()
    bare.CopyFrom(literal)
    if literal.HasField("collection"):
        del bare.collection.literals[:]
        bare.collection.literals.extend(_without_content(each) for each in literal.collection.literals)
    if literal.HasField("map"):
        for name, each in literal.map.literals.items():
            bare.map.literals[name].CopyFrom(_without_content(each))
    return bare
