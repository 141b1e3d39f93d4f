"""What a tuning job takes over from earlier ones; whether it may is decided in ``requests/warm_start.py``.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-warm-start.html
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flytekit_sagemaker.local.definitions import Definition, objective_status
from flytekit_sagemaker.local.search import Observation
from flytekit_sagemaker.local.store import Job, Store
from flytekit_sagemaker.requests.warm_start import parent_names


def trials(description: Mapping[str, Any], store: Store) -> list[Job]:
    """The trials of a tuning job's parents, in their order."""
    return [trial for family in _families(description, store) for trial in family]


@dataclass(frozen=True)
class Prior:
    """What the trials of a tuning job's parents have shown, a family of trials for each parent.

    Attributes:
        is_transfer: whether the parents' data may be others, as in transfer learning. The scale of the objective then
            differs too, and what counts of it is its place among the trials of the same job.
    """

    families: Sequence[Sequence[Observation]] = ()
    is_transfer: bool = False

    def beside(self, own: Sequence[Observation]) -> list[Observation]:
        """All that is known: the parents' observations, and those of the tuning job's own trials."""
        if not self.is_transfer:
            return [each for family in (*self.families, own) for each in family]
        parents = [replace(each, elsewhere=True) for family in self.families for each in _by_place(family)]
        return [*parents, *_by_place(own)]


def prior(description: Mapping[str, Any], definition: Definition, store: Store) -> Prior:
    """What is known before the first trial, as far as the parents' values lie in the ranges of a definition."""
    families = [list(_observations(definition, family)) for family in _families(description, store)]
    return Prior(families, description.get("WarmStartConfig", {}).get("WarmStartType") == "TransferLearning")


def _by_place(family: Sequence[Observation]) -> list[Observation]:
    """The same observations with the share of the family's objectives below theirs, from 0 to 1, as the objective."""
    ordered = sorted(each.objective for each in family if each.objective is not None)

    def place(value: float) -> float:
        return (bisect.bisect_left(ordered, value) + bisect.bisect_right(ordered, value)) / (2 * len(ordered))

    return [each if each.objective is None else replace(each, objective=place(each.objective)) for each in family]


def _families(description: Mapping[str, Any], store: Store) -> Iterator[list[Job]]:
    for name in dict.fromkeys(map(str.lower, parent_names(description))):  # one that is named twice is one parent
        yield store.trials(name)


def _observations(definition: Definition, family: Sequence[Job]) -> Iterator[Observation]:
    allowed = {each["Name"]: (kind, each) for kind, ranges in definition.ranges.items() for each in ranges}
    for trial in family:
        # What is tuned here may have been static there.
        given = trial.description.get("HyperParameters", {})
        values = {name: given[name] for name in allowed if name in given}
        inside = len(values) == len(allowed) and all(_lies_in(*allowed[name], value) for name, value in values.items())
        if inside and objective_status(trial) == "Succeeded":
            yield Observation(values, trial.objective)


def _lies_in(kind: str, range_: Mapping[str, Any], value: str) -> bool:
    if "Values" in range_:
        return value in range_["Values"]
    number = int if kind == "IntegerParameterRanges" else float
    try:
        return number(range_["MinValue"]) <= number(value) <= number(range_["MaxValue"])
    except ValueError:
        return False
