"""The search over one of the definitions of a tuning job: what its next trial tries, and which trials to give up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from flytekit_sagemaker.local import search, stopping
from flytekit_sagemaker.local.definitions import Definition, objective_status
from flytekit_sagemaker.local.resumption import Steps, starts_of, steps_of
from flytekit_sagemaker.local.store import Job
from flytekit_sagemaker.local.warm_start import Prior


class DefinitionSearch:
    """A definition, its trials in the order of their launch, and what is known of them.

    Args:
        definition: what is searched.
        config: the ``HyperParameterTuningJobConfig``, whose strategy and rules hold for all definitions.
        seed: fixes every random choice.
        budget: how many trials it is about to have.
        prior: what earlier tuning jobs have shown.
    """

    def __init__(
        self,
        definition: Definition,
        config: Mapping[str, Any],
        seed: int,
        budget: int,
        prior: Prior,
    ) -> None:
        self.definition = definition
        self.size = search.grid_size(definition.ranges) if config["Strategy"] == "Grid" else math.inf
        self.trials: list[Job] = []
        self._search = search.Search(
            definition.ranges,
            _strategy(config),
            seed,
            definition.maximizes,
            search.startup_trials(budget),
        )
        self._stopping_rule = stopping.rule_of(config, definition.static)
        self._prior = prior
        self._places: dict[str, int] = {}
        self._steps: dict[int, Steps] = {}
        self._series: dict[int, list[float]] = {}

    @property
    def is_used_up(self) -> bool:
        """Whether everything has been tried."""
        return len(self.trials) >= self.size

    def add(self, trial: Job, emissions: Iterable[tuple[float, float]] = ()) -> None:
        """Take on a trial, with the moments and values of all emissions of its objective metric so far."""
        self.trials.append(trial)
        place = self._places[trial.name] = len(self.trials)
        self._steps[place] = steps_of(trial, ((moment, self.definition.signed(value)) for moment, value in emissions))
        self._series[place] = self._steps[place].values

    def observe(self, trial: Job, moment: float, value: float) -> bool:
        """Note an emission of a running trial's objective; whether the rule of the job gives the trial up."""
        place = self._places[trial.name]
        self._steps[place].add(moment, self.definition.signed(value), starts_of(trial))
        completed = [self._places[each.name] for each in self.trials if each.status == "Completed"]
        given_up = self._stopping_rule.gives_up(place, self._series, completed)
        if given_up:  # the program goes on a little until its end has come
            trial.memory.setdefault("given_up", (len(self._series[place]), value))
        return given_up

    def suggest(self, known: int) -> dict[str, str]:
        """What the next trial tries; of a trial whose number is above ``known`` the objective is not looked at."""
        own = [self._observation(trial, trial.ended and (trial.number or 0) <= known) for trial in self.trials]
        return search.suggest(self._search, len(self.trials), self._prior.beside(own))

    def _observation(self, trial: Job, is_known: bool) -> search.Observation:
        tuned = trial.memory["tuned"]
        if not is_known or objective_status(trial) != "Succeeded":
            return search.Observation(tuned, running=not is_known)
        steps, value = trial.memory.get("given_up", (0, trial.objective))
        return search.Observation(tuned, value, steps=steps)


def _strategy(config: Mapping[str, Any]) -> str:
    """How values are chosen. Which of several trials at a time Hyperband gives up depends on their speed, so that
    under a seed, which is to give the same values again, nothing is learnt from that."""
    repeatable = "RandomSeed" in config and config["ResourceLimits"]["MaxParallelTrainingJobs"] > 1
    return "Random" if config["Strategy"] == "Hyperband" and repeatable else str(config["Strategy"])
