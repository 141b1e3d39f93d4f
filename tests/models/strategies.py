"""Valid models for hypothesis, made from the message descriptors and the limits that the models declare."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from hypothesis import strategies as st

from flytekit_sagemaker import types
from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.models.codec import Model, all_models
from flytekit_sagemaker.models.free_form import STRUCT

_MODELS = {cls.MESSAGE.DESCRIPTOR.full_name: cls for cls in all_models()}
_TEXT = st.characters(codec="utf-8")
_LEAF = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
_FREE_FORM = st.dictionaries(
    st.text(_TEXT),
    st.recursive(
        _LEAF | st.text(_TEXT),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(_TEXT), inner, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)


@functools.cache
def models(cls: type[Model]) -> st.SearchStrategy[Any]:
    """Instances of a model class, with any of its optional fields left out."""
    given, optional = {}, {}
    for field in dataclasses.fields(cls):
        required = field.default is dataclasses.MISSING
        (given if required else optional)[field.name] = _field(cls, field)
    return st.fixed_dictionaries(given, optional=optional).map(lambda values: _built(cls, values)).filter(bool)


def _built(cls: type[Model], values: dict[str, Any]) -> Model | None:
    """The model, without those optional fields that do not go with the others; None when that does not help."""
    try:
        return cls(**values)
    except InvalidInput as error:
        at_odds = {problem.field.partition(".")[0] for problem in error.problems} & {
            field.name for field in dataclasses.fields(cls) if field.default is not dataclasses.MISSING
        }
        kept = {name: value for name, value in values.items() if name not in at_odds}
        return _built(cls, kept) if len(kept) < len(values) else None


def _field(cls: type[Model], field: Any) -> st.SearchStrategy[Any]:
    if field.name == cls.ONEOF:
        members = cls.MESSAGE.DESCRIPTOR.fields
        return st.one_of(models(_MODELS[member.message_type.full_name]) for member in members)
    member, limits = cls.MESSAGE.DESCRIPTOR.fields_by_name[field.name], field.metadata
    kind = member.message_type
    if kind is not None and kind.full_name == STRUCT:
        return _FREE_FORM
    if kind is not None and kind.GetOptions().map_entry:
        most = min(limits["length"][1], _most_of(kind.fields_by_name["value"]))
        of_values = {name: limit for name, limit in limits.items() if name == "pattern"}
        value = _item(kind.fields_by_name["value"], of_values)
        return st.dictionaries(st.text(_TEXT, min_size=1), value, max_size=most)
    if member.is_repeated if hasattr(member, "is_repeated") else member.label == member.LABEL_REPEATED:
        fewest, most = limits["length"]
        return st.lists(_item(member, limits), min_size=fewest, max_size=min(most, _most_of(member)), unique_by=repr)
    return _item(member, limits)


def _most_of(member: Any) -> int:
    """How many there are of something: few models, each of which takes its time."""
    return 4 if member.message_type is None else 2


def _item(member: Any, limits: Any) -> st.SearchStrategy[Any]:
    if member.message_type is not None:
        return st.deferred(lambda: models(_MODELS[member.message_type.full_name]))
    if member.enum_type is not None:
        return st.sampled_from(getattr(types, member.enum_type.containing_type.name))
    return _SCALARS[member.cpp_type](limits)


def _text(limits: Any) -> st.SearchStrategy[str]:
    if "pattern" in limits:
        return st.from_regex(limits["pattern"], fullmatch=True, alphabet=st.characters(codec="ascii"))
    fewest, most = limits.get("length", (0, 50)) if "item" not in limits else (0, 50)
    return st.text(_TEXT, min_size=fewest, max_size=min(most, 50))


# The keys are protobuf's CPPTYPE numbers.
_SCALARS = {
    2: lambda limits: st.integers(limits.get("at_least", -(2**63)), limits.get("at_most", 2**63 - 1)),
    5: lambda limits: st.floats(limits.get("at_least"), limits.get("at_most"), allow_nan=False, allow_infinity=False),
    7: lambda limits: st.booleans(),
    9: _text,
}
