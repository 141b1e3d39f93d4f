"""The training job definitions of a tuning job, one or several, and what their trials' objectives say of each other.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/multiple-algorithm-hpo.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from flytekit_sagemaker.local.store import Job

Trial = TypeVar("Trial")
_ONE, _SEVERAL = "TrainingJobDefinition", "TrainingJobDefinitions"


@dataclass(frozen=True)
class Definition:
    """What one definition says of its trials.

    Attributes:
        name: its ``DefinitionName``, empty where a job has only one definition and does not name it.
        objective: the metric's ``Type`` and ``MetricName``.
        ranges: the ``ParameterRanges`` that are searched.
        static: the hyperparameters that are the same in all trials.
    """

    name: str
    objective: Mapping[str, str]
    ranges: Mapping[str, Any]
    static: Mapping[str, str]

    @property
    def maximizes(self) -> bool:
        """Whether it looks for the largest objective rather than the smallest."""
        return self.objective["Type"] == "Maximize"

    def signed(self, value: float) -> float:
        """An objective as the smaller the better."""
        return -value if self.maximizes else value


def members_of(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The definitions of a tuning job, or of a request for one, as they stand there."""
    return list(request.get(_SEVERAL) or [request[_ONE]])


def with_members(request: Mapping[str, Any], members: list[dict[str, Any]]) -> dict[str, Any]:
    """The same request with these definitions in place of its own."""
    return {**request, **({_SEVERAL: members} if request.get(_SEVERAL) else {_ONE: members[0]})}


def definitions_of(request: Mapping[str, Any]) -> list[Definition]:
    """The definitions of a tuning job, or of a valid request for one; what one leaves out, the job says for it."""
    config = request["HyperParameterTuningJobConfig"]
    return [
        Definition(
            each.get("DefinitionName", ""),
            each.get("TuningObjective") or config["HyperParameterTuningJobObjective"],
            each.get("HyperParameterRanges") or config.get("ParameterRanges", {}),
            each.get("StaticHyperParameters", {}),
        )
        for each in members_of(request)
    ]


def place_of(trial: Job) -> int:
    """Which of its tuning job's definitions a trial belongs to, from 0."""
    return int(trial.memory.get("definition", 0))


@dataclass(frozen=True)
class Score:
    """The objective of a trial that has one.

    Attributes:
        definition: what the trial is a trial of.
        value: the objective, signed so that the smaller is the better.
        ended: when the trial has ended, in seconds since the epoch.
    """

    trial: Job
    definition: Definition
    value: float
    ended: float

    @property
    def scale(self) -> tuple[str, str]:
        """Scores can be compared when metric and direction agree."""
        return self.definition.objective["MetricName"], self.definition.objective["Type"]


def objective_status(trial: Job) -> str:
    """Whether a trial has an objective: ``Succeeded``, ``Pending`` or ``Failed``."""
    if not trial.ended:
        return "Pending"
    return "Failed" if trial.objective is None or trial.status == "Failed" else "Succeeded"


def scores(definitions: list[Definition], trials: Iterable[Job]) -> list[Score]:
    """The objectives of the trials that have one, in the order of the trials."""
    return [
        Score(trial, definition, definition.signed(trial.objective), trial.description.get("TrainingEndTime", 0))
        for trial in trials
        if objective_status(trial) == "Succeeded" and trial.objective is not None
        for definition in [definitions[place_of(trial)]]
    ]


def best_of(definitions: list[Definition], trials: Iterable[Job]) -> Job | None:
    """The trial with the best objective, as :func:`best` has it."""
    return best(definitions, ((score.definition, score.value, score.trial) for score in scores(definitions, trials)))


def best(definitions: Iterable[Definition], scored: Iterable[tuple[Definition, float, Trial]]) -> Trial | None:
    """The trial with the best objective, the earlier one of two equals; None before the first objective.

    Where definitions have objectives that cannot be compared, those count that agree with the first definition's; as
    long as none of them has an objective, those that agree with the second's, and so on.

    Args:
        definitions: those of the tuning job, in their order.
        scored: the definition, the signed objective and the trial itself of each trial that has an objective.
    """
    found = list(scored)
    for definition in definitions:
        comparable = [(value, trial) for own, value, trial in found if own.objective == definition.objective]
        if comparable:
            return min(comparable, key=lambda pair: pair[0])[1]
    return None
