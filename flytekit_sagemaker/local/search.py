"""Which values a tuning job tries next: a pure function over the trials so far; the search itself is Optuna's.

Nothing is kept between two questions, so a tuning job that is resumed after a crash asks as if nothing had happened.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-how-it-works.html
"""

from __future__ import annotations

import hashlib
import itertools
import math
import operator
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_LOGARITHMIC_FROM_RATIO = 1000
_DRAWS_FOR_SOMETHING_NEW = 5
_FEW_COMBINATIONS = 1000


@dataclass(frozen=True)
class Observation:
    """A trial as the search sees it: what it tried and what came of it (an ``objective`` of None: nothing, or not yet).

    Of a trial that was given up, ``steps`` is after how many of them, and ``objective`` what it was by then. The more
    steps the more that says; a trial that ran to its end, with 0 ``steps``, says most. What was seen ``elsewhere``, on
    other data, has not been tried here.
    """

    values: Mapping[str, str]
    objective: float | None = None
    running: bool = False
    steps: int = 0
    elsewhere: bool = False


@dataclass(frozen=True)
class Search:
    """What is searched, and how.

    Attributes:
        ranges: the ``ParameterRanges`` of the tuning job.
        strategy: ``Bayesian``, ``Random``, ``Grid``, or ``Hyperband``, which searches as ``Bayesian`` does.
        seed: with the number of the trial, fixes every random choice.
        maximize: whether a larger objective is a better one.
        startup: how many trials are drawn at random before a search trusts its model.
    """

    ranges: Mapping[str, Sequence[Mapping[str, Any]]]
    strategy: str
    seed: int
    maximize: bool = False
    startup: int = 10


def startup_trials(budget: int) -> int:
    """How much of a budget to spend on random trials before modelling.

    Half of a small one: with less the model starts from noise, with more the budget ends before the model was of use.
    Three points are the least that show a direction; after ten, more of them teach the model little.
    """
    return min(10, max(3, budget // 2))


def suggest(search: Search, index: int, history: Sequence[Observation]) -> dict[str, str]:
    """The values, as strings, for trial ``index`` (from 0), given the observations of earlier ones.

    Where nothing is known yet, a search that learns begins in the middle of the space: people lay ranges around what
    they expect to be good. Where something is known from earlier searches, it begins with the best of that: a model of
    trials that lie close together would rather look everywhere else.

    Raises:
        IndexError: a grid has no such trial.
    """
    if search.strategy == "Grid":
        names = [each["Name"] for each in search.ranges.get("CategoricalParameterRanges", ())]
        choices = [each["Values"] for each in search.ranges.get("CategoricalParameterRanges", ())]
        combination = next(itertools.islice(itertools.product(*choices), index, None), None)
        if combination is None:
            raise IndexError(f"the grid has {grid_size(search.ranges)} combinations")
        return dict(zip(names, combination, strict=True))
    axes = {axis.name: axis for axis in _axes(search.ranges)}
    if search.strategy != "Random" and not history:
        return {name: axis.value(axis.middle) for name, axis in axes.items()}
    tried = {tuple(seen.values[name] for name in axes) for seen in history if not seen.elsewhere}
    begins = _around_the_best(search, axes, history) if index == 0 and search.strategy != "Random" else ()
    asked = (_ask(search, axes, f"{search.seed}/{index}/{draw}", history) for draw in range(_DRAWS_FOR_SOMETHING_NEW))
    for values in itertools.chain(begins, asked):
        if tuple(values[name] for name in axes) not in tried:
            return values
    # A small space that is nearly used up: what is left of it is worth more than a repetition.
    left = [combination for combination in _combinations(list(axes.values())) if combination not in tried]
    if left:
        return dict(zip(axes, random.Random(f"{search.seed}/{index}").choice(left), strict=True))
    return values


def _around_the_best(
    search: Search, axes: Mapping[str, _Axis], history: Sequence[Observation]
) -> Iterator[dict[str, str]]:
    """The best values so far, then some near them: as near as the next best ones are."""
    known = [(each.objective, each.values) for each in history if each.objective is not None]
    known.sort(key=operator.itemgetter(0), reverse=search.maximize)
    if not known:
        return
    (_, best), (_, other) = known[0], known[min(1, len(known) - 1)]
    yield {name: best[name] for name in axes}
    for draw in range(_DRAWS_FOR_SOMETHING_NEW):
        choice = random.Random(f"{search.seed}/{draw}")
        yield {name: axis.beside(best[name], other[name], choice.uniform(-1, 1) / 2) for name, axis in axes.items()}


def _combinations(axes: Sequence[_Axis]) -> Iterator[tuple[str, ...]]:
    """All combinations of a space that has few of them; nothing for another space."""
    if math.prod(len(axis.choices) or math.inf for axis in axes) <= _FEW_COMBINATIONS:
        yield from itertools.product(*(axis.choices for axis in axes))


def grid_size(ranges: Mapping[str, Sequence[Mapping[str, Any]]]) -> int:
    """How many combinations the categorical ranges have."""
    return math.prod(len(each["Values"]) for each in ranges.get("CategoricalParameterRanges", ()))


def _ask(search: Search, axes: Mapping[str, _Axis], seed: str, history: Sequence[Observation]) -> dict[str, str]:
    import optuna
    from optuna.trial import TrialState, create_trial

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls some of its long-standing options experimental
        sampler = (
            optuna.samplers.RandomSampler(seed=number)
            if search.strategy == "Random"
            else optuna.samplers.TPESampler(
                seed=number, n_startup_trials=search.startup, constant_liar=True, multivariate=True
            )
        )
        study = optuna.create_study(direction="maximize" if search.maximize else "minimize", sampler=sampler)
        distributions = {name: axis.distribution() for name, axis in axes.items()}
        for seen in () if search.strategy == "Random" else history:
            shown = {} if seen.objective is None else {seen.steps: seen.objective}
            ended = TrialState.PRUNED if shown and seen.steps else TrialState.COMPLETE if shown else TrialState.FAIL
            state = TrialState.RUNNING if seen.running else ended
            study.add_trial(
                create_trial(
                    state=state,
                    value=seen.objective if state == TrialState.COMPLETE else None,
                    intermediate_values=shown if state == TrialState.PRUNED else None,
                    params={name: axis.position(seen.values[name]) for name, axis in axes.items()},
                    distributions=distributions,
                )
            )
        asked = study.ask(distributions)
    return {name: axis.value(asked.params[name]) for name, axis in axes.items()}


class _Axis(Protocol):
    """A tuned hyperparameter on its way between SageMaker's strings and Optuna's numbers."""

    @property
    def name(self) -> str: ...

    @property
    def choices(self) -> Sequence[str]:
        """All values in order, or nothing when they are too many to count."""

    @property
    def middle(self) -> Any:
        """The position in the middle of the scale."""

    def distribution(self) -> BaseDistribution: ...

    def value(self, position: Any) -> str: ...

    def position(self, value: str) -> Any: ...

    def beside(self, value: str, other: str, share: float) -> str:
        """The value that lies from one in the direction of another one, as far as a share, -1 to 1, of their distance.

        On a scale without distances it is the one itself.
        """


@dataclass(frozen=True)
class _Categorical:
    name: str
    choices: tuple[str, ...]

    @property
    def middle(self) -> str:
        return self.choices[0]

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.choices)

    def value(self, position: str) -> str:
        return position

    def position(self, value: str) -> str:
        return value

    def beside(self, value: str, other: str, share: float) -> str:
        return value


@dataclass(frozen=True)
class _Integer:
    name: str
    low: int
    high: int
    logarithmic: bool

    @property
    def choices(self) -> Sequence[str]:
        few = self.high - self.low < _FEW_COMBINATIONS
        return [str(number) for number in range(self.low, self.high + 1)] if few else ()

    @property
    def middle(self) -> int:
        return round(_middle(self.low, self.high, self.logarithmic))

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import IntDistribution

        return IntDistribution(self.low, self.high, log=self.logarithmic)

    def value(self, position: int) -> str:
        return str(int(position))

    def position(self, value: str) -> int:
        return min(max(int(value), self.low), self.high)

    def beside(self, value: str, other: str, share: float) -> str:
        moved = round(_beside(int(value), int(other), share, self.logarithmic))
        return self.value(self.position(str(moved)))


@dataclass(frozen=True)
class _Continuous:
    """A range of floats. Reversed, the position is the distance from 1, which then is what grows logarithmically."""

    name: str
    low: float
    high: float
    logarithmic: bool
    reversed: bool = False

    @property
    def choices(self) -> Sequence[str]:
        return (repr(self.low),) if self.low == self.high else ()

    @property
    def middle(self) -> float:
        return _middle(*self._ends(), self.logarithmic)

    def _flip(self, number: float) -> float:
        return 1 - number if self.reversed else number

    def _ends(self) -> tuple[float, float]:
        low, high = sorted((self._flip(self.low), self._flip(self.high)))
        return low, high

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import FloatDistribution

        return FloatDistribution(*self._ends(), log=self.logarithmic)

    def value(self, position: float) -> str:
        return repr(min(max(self._flip(float(position)), self.low), self.high))

    def position(self, value: str) -> float:
        low, high = self._ends()
        return min(max(self._flip(float(value)), low), high)

    def beside(self, value: str, other: str, share: float) -> str:
        return self.value(_beside(self.position(value), self.position(other), share, self.logarithmic))


def _middle(low: float, high: float, logarithmic: bool) -> float:
    return math.sqrt(low) * math.sqrt(high) if logarithmic else low / 2 + high / 2


def _beside(one: float, other: float, share: float, logarithmic: bool) -> float:
    return one * (other / one) ** share if logarithmic else one + (other - one) * share


def _axes(ranges: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[_Axis]:
    for each in ranges.get("CategoricalParameterRanges", ()):
        yield _Categorical(each["Name"], tuple(each["Values"]))
    for each in ranges.get("IntegerParameterRanges", ()):
        low, high = int(each["MinValue"]), int(each["MaxValue"])
        yield _Integer(each["Name"], low, high, _is_logarithmic(each, low, high))
    for each in ranges.get("ContinuousParameterRanges", ()):
        bottom, top = float(each["MinValue"]), float(each["MaxValue"])
        backwards = each.get("ScalingType") == "ReverseLogarithmic"
        yield _Continuous(each["Name"], bottom, top, backwards or _is_logarithmic(each, bottom, top), backwards)


def _is_logarithmic(definition: Mapping[str, Any], low: float, high: float) -> bool:
    scaling = definition.get("ScalingType", "Auto")
    return scaling == "Logarithmic" or (scaling == "Auto" and low > 0 and high / low >= _LOGARITHMIC_FROM_RATIO)
