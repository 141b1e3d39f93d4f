"""When a running trial is given up: pure rules over what the objective metric has been after each step.

Every emission of the objective metric is one step. Values are compared so that smaller is better; whoever maximizes
hands over negated ones.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-early-stopping.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-how-it-works.html
"""

from __future__ import annotations

import functools
import math
import operator
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flytekit_sagemaker.requests.tuning_job_rules import EPOCHS

_TRIALS_BEFORE_MEDIAN = 3
_REDUCTION = 3

Series = Sequence[float]


_last = operator.itemgetter(-1)


class StoppingRule(Protocol):
    """Decides after each step of a trial whether to give it up."""

    def gives_up(self, number: int, series: Mapping[int, Series], completed: Sequence[int]) -> bool:
        """Whether to stop trial ``number``, given all trials' values so far and which trials have completed."""


class NoRule:
    """Every trial runs to its end."""

    def gives_up(self, number: int, series: Mapping[int, Series], completed: Sequence[int]) -> bool:
        return False


class MedianRule:
    """Early stopping: a value worse than the median of the running averages that completed trials had at that step.

    A trial that has come as far as they ever did is left to end by itself: it has nothing more to train.
    """

    def gives_up(self, number: int, series: Mapping[int, Series], completed: Sequence[int]) -> bool:
        step = len(series[number])
        if all(len(series[each]) <= step for each in completed):
            return False
        averages = [statistics.fmean(series[each][:step]) for each in completed if len(series[each]) >= step]
        return len(averages) >= _TRIALS_BEFORE_MEDIAN and series[number][-1] > statistics.median(averages)


@dataclass(frozen=True)
class HyperbandRule:
    """Hyperband without waiting: at each rung a trial goes on if it is in the best third of its bracket so far.

    It goes on, too, if it is as good as the best of the completed trials was at that step. Where the best in the end
    begin slowly, a bracket with a late first rung finds that out, and the others stop giving up such trials.

    The first bracket has its first rung at ``min_resource`` steps, the next ones three times later each; rungs of a
    bracket are three times apart. Trials take turns in the brackets, each bracket as often as makes all of them cost
    about the same. A trial that has come to ``max_resource`` steps is left to end by itself, with its model; one that
    goes beyond them is given up.
    """

    min_resource: int
    max_resource: int

    def gives_up(self, number: int, series: Mapping[int, Series], completed: Sequence[int]) -> bool:
        step = len(series[number])
        if step >= self.max_resource:
            return step > self.max_resource
        bracket = self.bracket(number)
        if step not in self._rungs[bracket:]:
            return False
        reached = sorted(
            values[step - 1]
            for other, values in series.items()
            if len(values) >= step and self.bracket(other) == bracket
        )
        good_enough = reached[max(1, len(reached) // _REDUCTION) - 1]
        ended_best = min((series[each] for each in completed if len(series[each]) >= step), key=_last, default=())
        return series[number][-1] > max([good_enough, *ended_best[step - 1 : step]])

    def bracket(self, number: int) -> int:
        """The bracket of a trial: the place of its first rung among all rungs."""
        return self._turns[number % len(self._turns)]

    @functools.cached_property
    def _rungs(self) -> Sequence[int]:
        rungs = [self.min_resource]
        while rungs[-1] * _REDUCTION <= self.max_resource:
            rungs.append(rungs[-1] * _REDUCTION)
        return rungs

    @functools.cached_property
    def _turns(self) -> Sequence[int]:
        """The brackets of successive trials, those of each bracket as evenly spread as can be."""
        later_rungs = range(len(self._rungs) - 1, -1, -1)
        trials = [math.ceil(len(self._rungs) * _REDUCTION**later / (later + 1)) for later in later_rungs]
        turns = [((turn + 0.5) / count, bracket) for bracket, count in enumerate(trials) for turn in range(count)]
        return [bracket for _, bracket in sorted(turns)]


def rule_of(config: Mapping[str, Any], static_hyperparameters: Mapping[str, str]) -> StoppingRule:
    """The rule that a valid tuning job's configuration asks for."""
    if config["Strategy"] == "Hyperband":
        asked = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
        epochs = filter(None, map(static_hyperparameters.get, EPOCHS))
        return HyperbandRule(asked.get("MinResource", 1), int(asked.get("MaxResource") or next(epochs)))
    return MedianRule() if config.get("TrainingJobEarlyStoppingType") == "Auto" else NoRule()
