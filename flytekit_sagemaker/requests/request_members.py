"""Reading the members of a request that may be malformed: of a wrong type is as good as absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Request = Mapping[str, Any]
NOTHING: Request = MappingProxyType({})
TUNING_CONFIG = "HyperParameterTuningJobConfig"
RANGE_KINDS = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")


def struct(holder: Request, name: str) -> Request:
    """A structure inside another; empty when it is not there, or is none."""
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}


def entries(holder: Request, name: str) -> Sequence[Any]:
    """A list inside a structure; empty when it is not there, or is none."""
    value = holder.get(name)
    return value if isinstance(value, (list, tuple)) else ()


def number(value: Any) -> float:
    """A number; 0 for what is none."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def definitions(request: Request) -> list[tuple[str, Request]]:
    """The training job definitions of a tuning request with their paths; a well-formed request has at least one."""
    found = [("TrainingJobDefinition", struct(request, "TrainingJobDefinition"))]
    several = entries(request, "TrainingJobDefinitions")
    found += [(f"TrainingJobDefinitions[{index}]", item) for index, item in enumerate(several)]
    return [(path, item) for path, item in found if isinstance(item, Mapping) and item]


@dataclass(frozen=True)
class Search:
    """What a training job definition is tuned by, and where the request says so.

    Attributes:
        ranges: its own ``ParameterRanges``, or those of the whole job.
        objective: its own objective, or that of the whole job.
    """

    ranges: Request
    ranges_path: str
    objective: Request
    objective_path: str


def search_of(request: Request, path: str, definition: Request) -> Search:
    """The search of one of a tuning request's :func:`definitions`."""

    def member(own: str, common: str) -> tuple[Request, str]:
        if own in definition:
            return struct(definition, own), f"{path}.{own}"
        return struct(struct(request, TUNING_CONFIG), common), f"{TUNING_CONFIG}.{common}"

    return Search(
        *member("HyperParameterRanges", "ParameterRanges"),
        *member("TuningObjective", "HyperParameterTuningJobObjective"),
    )


def ranges(parameter_ranges: Request) -> list[tuple[str, int, Request]]:
    """Each range of a ``ParameterRanges`` structure with its kind and its place in that kind's list."""
    return [
        (kind, index, item)
        for kind in RANGE_KINDS
        for index, item in enumerate(entries(parameter_ranges, kind))
        if isinstance(item, Mapping)
    ]
