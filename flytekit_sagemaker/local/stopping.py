"""When a running trial is given up: pure rules over what the objective metric has been after each step.

Every emission of the objective metric is one step. Values are compared so that smaller is better; whoever maximizes
hands over negated ones.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-early-stopping.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-how-it-works.html
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flytekit_sagemaker.requests.service_rules import EPOCHS

_TRIALS_BEFORE_MEDIAN = 3
_REDUCTION = 3

Series = Sequence[float]


class StoppingRule(Protocol):
    """Decides after each step of a trial whether to give it up."""

    def gives_up(self, number: int, series: Mapping[int, Series], completed: Sequence[int]) -> bool:
        """Whether to stop trial ``number``, given all trials' values so far and which trials have completed."""


class NoRule:
    """Every trial runs to its end."""

    def gives_up(self, number: int, series: Mapping[int, Series], completed: Sequence[int]) -> bool:
        return False


class MedianRule:
    """Early stopping: a value worse than the median of the running averages that completed trials had at that step."""

    def gives_up(self, number: int, series: Mapping[int, Series], completed: Sequence[int]) -> bool:
        step = len(series[number])
        averages = [statistics.fmean(series[each][:step]) for each in completed if len(series[each]) >= step]
        return len(averages) >= _TRIALS_BEFORE_MEDIAN and series[number][-1] > statistics.median(averages)


@dataclass(frozen=True)
class HyperbandRule:
    """Hyperband without waiting: at each rung a trial goes on if it is in the best third of its bracket so far.

    Trials take turns in the brackets. The first bracket has its first rung at ``min_resource`` steps, the next ones
    three times later each; rungs of a bracket are three times apart. A trial that has come to ``max_resource`` steps is
    left to end by itself, with its model; one that goes beyond them is given up.
    """

    min_resource: int
    max_resource: int

    def gives_up(self, number: int, series: Mapping[int, Series], completed: Sequence[int]) -> bool:
        step = len(series[number])
        if step >= self.max_resource:
            return step > self.max_resource
        brackets = self._brackets()
        bracket = number % brackets
        rungs = [self.min_resource * _REDUCTION**power for power in range(bracket, brackets)]
        if step not in rungs:
            return False
        reached = sorted(
            values[step - 1] for other, values in series.items() if other % brackets == bracket and len(values) >= step
        )
        return series[number][step - 1] > reached[max(1, len(reached) // _REDUCTION) - 1]

    def _brackets(self) -> int:
        count = 1
        while self.min_resource * _REDUCTION**count <= self.max_resource:
            count += 1
        return count


def rule_of(config: Mapping[str, Any], static_hyperparameters: Mapping[str, str]) -> StoppingRule:
    """The rule that a valid tuning job's configuration asks for."""
    if config["Strategy"] == "Hyperband":
        asked = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
        epochs = filter(None, map(static_hyperparameters.get, EPOCHS))
        return HyperbandRule(asked.get("MinResource", 1), int(asked.get("MaxResource") or next(epochs)))
    return MedianRule() if config.get("TrainingJobEarlyStoppingType") == "Auto" else NoRule()
