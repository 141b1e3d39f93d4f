"""Flyte literals to plain values and back, without the type engine: no type guessing, no download."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack
from flyteidl.core import literals_pb2, types_pb2
from google.protobuf import json_format

from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.uris import local_path

CSV = "csv"


def plain_values(literal_map: Any) -> dict[str, Any]:
    """The inputs of a task: dictionaries, URIs of files and directories, and primitives; None for a none literal.

    Args:
        literal_map: a flytekit ``LiteralMap`` (or None), whichever way its dictionaries are encoded.

    Raises:
        InvalidInput: naming every literal that cannot be read.
    """
    literals = literal_map.to_flyte_idl().literals if literal_map is not None else {}
    values: dict[str, Any] = {}
    problems = []
    for name, literal in literals.items():
        try:
            values[name] = _plain(literal)
        except Exception as error:  # msgpack has no common root for what damaged bytes make it raise
            problems.append(Problem(name, str(literal), f"cannot be read ({type(error).__name__}: {error})"))
    if problems:
        raise InvalidInput("the input of the task", problems)
    return values


def text(value: str) -> literals_pb2.Literal:
    """A string output."""
    return _primitive(string_value=value)


def number(value: float) -> literals_pb2.Literal:
    """A float output."""
    return _primitive(float_value=value)


def dictionary(value: Mapping[str, Any]) -> literals_pb2.Literal:
    """A dict output, in flytekit's own encoding."""
    binary = literals_pb2.Binary(value=msgpack.packb(dict(value)), tag="msgpack")
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=binary))


def file(uri: str) -> literals_pb2.Literal:
    """A file output that stays where it is."""
    kind = types_pb2.BlobType(dimensionality=types_pb2.BlobType.SINGLE)
    path = local_path(uri)  # flytekit knows local files by their path alone
    blob = literals_pb2.Blob(metadata=literals_pb2.BlobMetadata(type=kind), uri=str(path) if path else uri)
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(blob=blob))


def csv_table(uri: str) -> literals_pb2.Literal:
    """A structured data set whose rows are in flytekit's CSV layout (a file named ``.csv`` under the URI)."""
    metadata = literals_pb2.StructuredDatasetMetadata(
        structured_dataset_type=types_pb2.StructuredDatasetType(format=CSV)
    )
    table = literals_pb2.StructuredDataset(uri=uri, metadata=metadata)
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(structured_dataset=table))


def output_map(outputs: Mapping[str, literals_pb2.Literal]) -> bytes:
    """The content of ``outputs.pb``."""
    return bytes(literals_pb2.LiteralMap(literals=dict(outputs)).SerializeToString())


def _primitive(**value: Any) -> literals_pb2.Literal:
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(**value)))


def _plain(literal: literals_pb2.Literal) -> Any:
    kind = literal.WhichOneof("value")
    if kind == "map":
        return {name: _plain(item) for name, item in literal.map.literals.items()}
    if kind == "collection":
        return [_plain(item) for item in literal.collection.literals]
    scalar = literal.scalar
    kind = scalar.WhichOneof("value")
    if kind == "generic":
        return json_format.MessageToDict(scalar.generic)
    if kind == "binary":
        return msgpack.unpackb(scalar.binary.value, strict_map_key=False)
    if kind == "blob":
        return scalar.blob.uri
    if kind == "union":
        return _plain(scalar.union.value)
    if kind == "primitive":
        return getattr(scalar.primitive, scalar.primitive.WhichOneof("value"))
    if kind == "structured_dataset":
        return scalar.structured_dataset.uri
    return None
