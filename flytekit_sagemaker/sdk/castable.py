"""Which output may become which input, by the rules of Flyte's own compiler.

Source: flytepropeller, ``pkg/compiler/validators/typing.go``.
"""

from __future__ import annotations

from typing import Any

from flytekit.models.types import LiteralType, SimpleType


def is_castable(upstream: LiteralType, downstream: LiteralType) -> bool:
    """Whether a value of one type may be given where the other is expected.

    Formats of files and directories must be the same, also where one is unsaid; columns of tables are not compared.
    """
    if _is_none(upstream):
        return _is_none(downstream) or any(map(_is_none, _variants(downstream)))
    if _variants(upstream):
        return all(is_castable(each, downstream) for each in _variants(upstream))
    if _variants(downstream):
        return any(is_castable(upstream, each) for each in _variants(downstream))
    for part in ("collection_type", "map_value_type"):
        inner = getattr(downstream, part), getattr(upstream, part)
        if any(inner):
            return all(inner) and (_is_none(inner[1]) or is_castable(inner[1], inner[0]))
    if upstream.blob is not None and downstream.blob is not None:
        kinds = [(each.blob.dimensionality, each.blob.format) for each in (upstream, downstream)]
        return kinds[0] == kinds[1]
    if _is_table(upstream) and _is_table(downstream):
        return True
    text = SimpleType.STRING
    if upstream.enum_type is not None or downstream.enum_type is not None:
        return all(each.enum_type is not None or each.simple == text for each in (upstream, downstream))
    return upstream.simple is not None and upstream.simple == downstream.simple


def _is_none(kind: LiteralType) -> bool:
    return bool(kind.simple == SimpleType.NONE)


def _variants(kind: LiteralType) -> list[Any]:
    return list(kind.union_type.variants) if kind.union_type is not None else []


def _is_table(kind: LiteralType) -> bool:
    return kind.schema is not None or kind.structured_dataset_type is not None
