"""Ranges that a tuning job searches.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-define-ranges.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from typing_extensions import Self

from flytekit_sagemaker._generated import parameter_ranges_pb2 as pb
from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.limits import between, rule
from flytekit_sagemaker.models.scalars import refused
from flytekit_sagemaker.models.text import text_of
from flytekit_sagemaker.types import HyperparameterScalingType

__all__ = [
    "CategoricalParameterRange",
    "ContinuousParameterRange",
    "IntegerParameterRange",
    "ParameterRangeOneOf",
    "ParameterRanges",
]


class _Interval:
    """The rules of both kinds of ranges that have bounds."""

    min_value: Any
    max_value: Any
    scaling_type: HyperparameterScalingType

    @between("min_value", "max_value")
    def _bounds_in_order(self) -> Iterable[Problem]:
        if self.min_value > self.max_value:
            yield Problem("min_value", self.min_value, f"must not exceed max_value ({self.max_value})")

    @between("min_value", "scaling_type")
    def _above_zero(self) -> Iterable[Problem]:
        if self.scaling_type is HyperparameterScalingType.LOGARITHMIC and self.min_value <= 0:
            remedy = "Raise it, or use LINEAR scaling."
            yield Problem("min_value", self.min_value, "must be above 0 with LOGARITHMIC scaling", remedy)


class ContinuousParameterRange(_Interval, Model, message=pb.ContinuousParameterRange):
    """Any number between two bounds, both included.

    Attributes:
        max_value: upper bound.
        min_value: lower bound; above 0 with LOGARITHMIC scaling.
        scaling_type: how distances are measured; REVERSELOGARITHMIC needs bounds in [0, 1).
    """

    max_value: float
    min_value: float
    scaling_type: HyperparameterScalingType = HyperparameterScalingType.AUTO

    @between("min_value", "max_value", "scaling_type")
    def _below_one(self) -> Iterable[Problem]:
        reverse = self.scaling_type is HyperparameterScalingType.REVERSELOGARITHMIC
        if reverse and not 0 <= self.min_value <= self.max_value < 1:
            bounds = (self.min_value, self.max_value)
            yield Problem("scaling_type", "REVERSELOGARITHMIC", f"needs bounds in [0, 1), has {bounds}")


class IntegerParameterRange(_Interval, Model, message=pb.IntegerParameterRange):
    """Any whole number between two bounds, both included.

    Attributes:
        max_value: upper bound.
        min_value: lower bound; above 0 with LOGARITHMIC scaling.
        scaling_type: AUTO, LINEAR or LOGARITHMIC.
    """

    max_value: int
    min_value: int
    scaling_type: HyperparameterScalingType = HyperparameterScalingType.AUTO

    @between("scaling_type")
    def _scaling_of_whole_numbers(self) -> Iterable[Problem]:
        if self.scaling_type is HyperparameterScalingType.REVERSELOGARITHMIC:
            yield Problem("scaling_type", "REVERSELOGARITHMIC", "is for continuous ranges only")


class CategoricalParameterRange(Model, message=pb.CategoricalParameterRange):
    """One of up to 30 values.

    Attributes:
        values: the choices; numbers and booleans are taken and become text.
    """

    values: Sequence[str] = rule(length=(1, 30), item=text_of)

    @between("values")
    def _values_differ(self) -> Iterable[Problem]:
        if len(set(self.values)) < len(self.values):
            yield Problem("values", self.values, "must not repeat a value")


class ParameterRangeOneOf(Model, message=pb.ParameterRangeOneOf, oneof="param"):
    """A range of any of the three kinds.

    Attributes:
        param: the range itself.
    """

    param: ContinuousParameterRange | IntegerParameterRange | CategoricalParameterRange

    @classmethod
    def of(cls, value: Any) -> Self:
        """As :meth:`Model.of`; a bare range is taken too."""
        kinds = (ContinuousParameterRange, IntegerParameterRange, CategoricalParameterRange)
        messages = tuple(kind.MESSAGE.DESCRIPTOR.full_name for kind in kinds)
        bare = isinstance(value, kinds) or getattr(getattr(value, "DESCRIPTOR", None), "full_name", None) in messages
        if bare:
            return cls(param=value)
        if isinstance(value, (bool, int, float, str, list, tuple)):
            remedy = "Give a fixed value among the static hyperparameters, or leave the name out of tunable_parameters."
            rule_ = "must be a range: ContinuousParameterRange, IntegerParameterRange or CategoricalParameterRange"
            raise refused(value, rule_, remedy)
        return super().of(value)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """As :meth:`Model.from_dict`; exactly one kind has to be given.

        Raises:
            InvalidInput: for no kind, for several, and for a range that breaks a rule.
        """
        remedy = _under_its_kind(values)
        if remedy or len(values) != 1:
            kinds = [field.name for field in cls.MESSAGE.DESCRIPTOR.fields]
            rule_ = f"must have exactly one of {', '.join(kinds)}"
            raise InvalidInput(cls.__name__, [Problem("", dict(values), rule_, remedy)])
        return super().from_dict(values)


def _under_its_kind(values: Mapping[str, Any]) -> str:
    """How to write a dictionary that has the fields of a range where its kind should be; empty for any other."""
    if "values" in values:
        kind = "categorical"
    elif bounds := [values[name] for name in ("min_value", "max_value") if name in values]:
        kind = "continuous" if any(isinstance(bound, float) for bound in bounds) else "integer"
    else:
        return ""
    return f"Write {json.dumps({f'{kind}_parameter_range': dict(values)}, default=str)}."


class ParameterRanges(Model, message=pb.ParameterRanges):
    """The ranges of a tuning job by hyperparameter name.

    Attributes:
        parameter_range_map: name of the hyperparameter to its range.
    """

    parameter_range_map: Mapping[str, ParameterRangeOneOf] = rule(length=(0, 30))
