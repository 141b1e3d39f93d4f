"""What a node is given: bindings, and the conditions of branches, over the outputs of the nodes before it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgpack
from flyteidl.core import condition_pb2, literals_pb2
from google.protobuf import json_format

START, END = "start-node", "end-node"
_COMPARISONS: dict[int, Callable[[Any, Any], bool]] = {
    condition_pb2.ComparisonExpression.EQ: operator.eq,
    condition_pb2.ComparisonExpression.NEQ: operator.ne,
    condition_pb2.ComparisonExpression.GT: operator.gt,
    condition_pb2.ComparisonExpression.GTE: operator.ge,
    condition_pb2.ComparisonExpression.LT: operator.lt,
    condition_pb2.ComparisonExpression.LTE: operator.le,
}


class Unbound(Exception):
    """A binding asks for what is not there; the message says what."""


def promises(binding: Any) -> Iterator[Any]:
    """Every output of another node that a ``BindingData`` refers to."""
    kind = binding.WhichOneof("value")
    if kind == "promise":
        yield binding.promise
    elif kind == "collection":
        for each in binding.collection.bindings:
            yield from promises(each)
    elif kind == "map":
        for each in binding.map.bindings.values():
            yield from promises(each)


def node_of(promise: Any) -> str:
    """The node that a promise is an output of; that of the workflow's inputs has no name."""
    return str(promise.node_id or START)


def bound(bindings: Iterable[Any], outputs: Mapping[str, Any]) -> Any:
    """The ``LiteralMap`` that bindings give.

    Args:
        outputs: ``LiteralMap`` of each node that has ended, by its id.

    Raises:
        Unbound: a promise names an output that there is not.
    """
    return literals_pb2.LiteralMap(literals={each.var: literal(each.binding, outputs) for each in bindings})


def literal(binding: Any, outputs: Mapping[str, Any]) -> Any:
    """The literal that a ``BindingData`` gives."""
    kind = binding.WhichOneof("value")
    if kind == "promise":
        value = _promised(binding.promise, outputs)
    elif kind == "collection":
        items = [literal(each, outputs) for each in binding.collection.bindings]
        value = literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=items))
    elif kind == "map":
        entries = {name: literal(each, outputs) for name, each in binding.map.bindings.items()}
        value = literals_pb2.Literal(map=literals_pb2.LiteralMap(literals=entries))
    elif kind == "offloaded_metadata":
        value = literals_pb2.Literal(offloaded_metadata=binding.offloaded_metadata)
    else:
        value = literals_pb2.Literal(scalar=binding.scalar)
    if binding.HasField("union") and binding.union.HasField("targetType") and kind != "scalar":
        union = literals_pb2.Union(value=value, type=binding.union.targetType)
        if value.scalar.WhichOneof("value") != "union":
            value = literals_pb2.Literal(scalar=literals_pb2.Scalar(union=union))
    return value


def _promised(promise: Any, outputs: Mapping[str, Any]) -> Any:
    of_node = outputs.get(node_of(promise))
    if of_node is None or promise.var not in of_node.literals:
        raise Unbound(f"The node {node_of(promise)} has given no output {promise.var!r}.")
    value = of_node.literals[promise.var]
    for step in promise.attr_path:
        value = _member(value, getattr(step, step.WhichOneof("value")))
    return value


def _member(value: Any, step: Any) -> Any:
    """What is under a key or an index of a literal."""
    kind = value.WhichOneof("value")
    try:
        if kind == "map":
            return value.map.literals[step] if step in value.map.literals else _missing(step)
        if kind == "collection":
            return value.collection.literals[step]
        scalar = value.scalar.WhichOneof("value")
        if scalar == "union":
            return _member(value.scalar.union.value, step)
        if scalar == "generic":
            return _from_plain(json_format.MessageToDict(value.scalar.generic)[step], packed=False)
        if scalar == "binary":
            return _from_plain(msgpack.unpackb(value.scalar.binary.value, strict_map_key=False)[step], packed=True)
    except (KeyError, IndexError):
        _missing(step)
    raise Unbound(f"There is nothing under {step!r}: the output is neither a map, a list nor a dictionary.")


def _missing(step: Any) -> Any:
    raise Unbound(f"The output has nothing under {step!r}.")


def _from_plain(value: Any, packed: bool) -> Any:
    """The literal of a part of a dictionary; within msgpack it stays msgpack, as flytekit expects it."""
    if packed:
        binary = literals_pb2.Binary(value=msgpack.packb(value), tag="msgpack")
        return literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=binary))
    if isinstance(value, dict):
        made = literals_pb2.Literal()
        json_format.ParseDict(value, made.scalar.generic)
        return made
    if isinstance(value, list):
        items = [_from_plain(each, packed) for each in value]
        return literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=items))
    fields = {bool: "boolean", int: "integer", float: "float_value", str: "string_value"}
    if type(value) not in fields:
        return literals_pb2.Literal(scalar=literals_pb2.Scalar(none_type=literals_pb2.Void()))
    primitive = literals_pb2.Primitive(**{fields[type(value)]: value})
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=primitive))


def holds(expression: Any, values: Any) -> bool:
    """Whether the condition of a branch holds.

    Args:
        values: ``LiteralMap`` of the branch node's inputs, by which conditions name what they compare.

    Raises:
        Unbound: the condition names what is not there, or compares what cannot be compared.
    """
    if expression.WhichOneof("expr") == "conjunction":
        conjunction = expression.conjunction
        left, right = conjunction.left_expression, conjunction.right_expression
        if conjunction.operator == condition_pb2.ConjunctionExpression.AND:
            return holds(left, values) and holds(right, values)
        return holds(left, values) or holds(right, values)
    comparison = expression.comparison
    left_value, right_value = (_operand(side, values) for side in (comparison.left_value, comparison.right_value))
    try:
        return bool(_COMPARISONS[comparison.operator](left_value, right_value))
    except TypeError:
        raise Unbound(f"{left_value!r} cannot be compared with {right_value!r}.") from None


def _operand(operand: Any, values: Any) -> Any:
    kind = operand.WhichOneof("val")
    if kind == "var":
        if operand.var not in values.literals:
            raise Unbound(f"The branch has no input {operand.var!r}.")
        return _plain(values.literals[operand.var].scalar)
    return _plain(literals_pb2.Scalar(primitive=operand.primitive) if kind == "primitive" else operand.scalar)


def _plain(scalar: Any) -> Any:
    kind = scalar.WhichOneof("value")
    if kind == "union":
        return _plain(scalar.union.value.scalar)
    if kind == "binary":
        return msgpack.unpackb(scalar.binary.value, strict_map_key=False)
    if kind != "primitive":
        return None
    value = getattr(scalar.primitive, scalar.primitive.WhichOneof("value"))
    return value.ToNanoseconds() if hasattr(value, "ToNanoseconds") else value
