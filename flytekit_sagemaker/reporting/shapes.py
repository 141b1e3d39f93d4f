"""What a job came to: the typed records that every rendering shows and none computes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flytekit_sagemaker.reporting.plain import from_plain, to_plain

_OUTCOMES = {"Completed": "done", "Failed": "failed", "Stopped": "stopped"}
_FIXED = frozenset(
    (
        "trial",
        "training_job_name",
        "definition",
        "status",
        "objective",
        "started",
        "duration_in_seconds",
        "failure_reason",
    )
)
_AUTO_LOGARITHMIC_RATIO = 1000.0


@dataclass(frozen=True, kw_only=True)
class TunableRange:
    """Where the tuner may choose one hyperparameter.

    Attributes:
        kind: ``Continuous``, ``Integer`` or ``Categorical``.
        minimum, maximum: bounds of a numeric range, both legal values; None for a categorical one.
        scaling: ``Auto``, ``Linear``, ``Logarithmic`` or ``ReverseLogarithmic``; empty for a categorical range.
        values: the choices of a categorical range.
        definitions: the training job definitions that have it, where the tuning job has several. Where their ranges
            differ, this one spans them all.
    """

    name: str
    kind: str
    minimum: float | None = None
    maximum: float | None = None
    scaling: str = ""
    values: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()

    def beside(self, other: TunableRange) -> TunableRange:
        """The range that spans this one and that of another definition; this one where they are of different kinds."""
        both = replace(self, definitions=(*self.definitions, *other.definitions))
        if self.kind != other.kind:
            return both
        lows = [bound for bound in (self.minimum, other.minimum) if bound is not None]
        highs = [bound for bound in (self.maximum, other.maximum) if bound is not None]
        values = tuple(dict.fromkeys((*self.values, *other.values)))
        return replace(both, minimum=min(lows, default=None), maximum=max(highs, default=None), values=values)

    @property
    def logarithmic(self) -> bool:
        """Whether an axis over the range reads best with equal ratios at equal distances."""
        if self.minimum is None or self.maximum is None or self.minimum <= 0:
            return False
        wide = self.maximum / self.minimum >= _AUTO_LOGARITHMIC_RATIO
        return self.scaling == "Logarithmic" or (self.scaling == "Auto" and wide)

    def value(self, text: str) -> int | float | str:
        """A hyperparameter's text as the type that the range gives it; the text itself where it is no number."""
        if self.kind == "Categorical":
            return text
        try:
            amount = float(text)
            return int(amount) if self.kind == "Integer" and amount.is_integer() else amount
        except ValueError:
            return text


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training job that a tuning job launched.

    Attributes:
        index: position in the order of creation, from 1.
        definition: name of its training job definition; empty where the tuning job has a single one.
        hyperparameters: the tuned ones only, spelled as the service spells them.
        objective: final value of the objective metric; None where there is none or it is not finite.
        objective_status: ``Succeeded``, ``Pending`` or ``Failed``; empty where the service gave none.
        started: when training started, or the creation where it has not.
        duration_in_seconds: from start to end of training; None until it ended.
        interruptions: how often its spot instances were reclaimed, where that is known.
    """

    index: int
    training_job_name: str
    status: str
    definition: str = ""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    objective: float | None = None
    objective_status: str = ""
    started: datetime | None = None
    duration_in_seconds: float | None = None
    interruptions: int = 0
    failure_reason: str = ""

    @property
    def outcome(self) -> str:
        """``done``, ``running``, ``failed`` or ``stopped``; whatever has not come to an end is running."""
        return _OUTCOMES.get(self.status, "running")


@dataclass(frozen=True, kw_only=True)
class TuningRecord:
    """A tuning job with its trials.

    Attributes:
        direction: ``Maximize`` or ``Minimize``.
        total: trials that the job may launch, or has launched where it has no limit.
        done, running, failed, stopped: trials by outcome; together those launched so far.
        best_index: index of the best trial: the one that the service names or, where that left nothing, the one whose
            outputs are those of the task; None until a trial has an objective.
        better_index: index of the trial that the service names where it is another one; else None.
        best_so_far: for each trial in order, the best objective up to and with it; None before the first.
        training_seconds: sum over the trials that ended.
        wall_seconds: from the creation to the end, or to the last change that the service reported.
        trials_without_improvement: how many in a row, as the service counts them; None where it does not.
        converged: when the service found that the job had.
        notes: sentences about how it ended.
        search_settings, trial_settings: how the job was asked to search, and each trial to run; label to words.
        links: label to URL.
    """

    name: str
    status: str
    objective_metric: str
    direction: str
    strategy: str = ""
    ranges: tuple[TunableRange, ...] = ()
    total: int = 0
    done: int = 0
    running: int = 0
    failed: int = 0
    stopped: int = 0
    trials: tuple[Trial, ...] = ()
    best_index: int | None = None
    better_index: int | None = None
    best_so_far: tuple[float | None, ...] = ()
    training_seconds: float = 0.0
    wall_seconds: float | None = None
    created: datetime | None = None
    ended: datetime | None = None
    failure_reason: str = ""
    max_parallel: int = 0
    early_stopping: str = ""
    random_seed: int | None = None
    trials_without_improvement: int | None = None
    converged: datetime | None = None
    notes: tuple[str, ...] = ()
    training_image: str = ""
    search_settings: Mapping[str, str] = field(default_factory=dict)
    trial_settings: Mapping[str, str] = field(default_factory=dict)
    static_hyperparameters: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def best(self) -> Trial | None:
        """The best trial; None until a trial has an objective."""
        return next((trial for trial in self.trials if trial.index == self.best_index), None)

    def with_interruptions(self, counts: Mapping[str, int]) -> TuningRecord:
        """The record with how often each trial, by the name of its training job, was interrupted."""
        trials = (replace(each, interruptions=counts.get(each.training_job_name, 0)) for each in self.trials)
        return replace(self, trials=tuple(trials))

    def with_outputs_of(self, trial: Trial, note: str) -> TuningRecord:
        """The record of a job whose task has the outputs of another trial than the one that the service names.

        Args:
            note: a sentence that tells why.
        """
        return replace(self, best_index=trial.index, better_index=self.best_index, notes=(note, *self.notes))

    @property
    def definitions(self) -> tuple[str, ...]:
        """The training job definitions of the trials; empty where the tuning job has a single one."""
        return tuple(sorted({trial.definition for trial in self.trials if trial.definition}))

    def rows(self) -> list[dict[str, Any]]:
        """One flat row per trial, every row with the same columns, for a table.

        Columns: ``trial, training_job_name, status, objective``, ``definition`` where the tuning job has several, one
        per tuned hyperparameter (int, float or str as its range says), ``started`` (datetime), ``duration_in_seconds``,
        ``failure_reason``. A hyperparameter with the name of one of these is shown as ``hyperparameters.<name>``. What
        is absent is None.
        """
        columns = {item: f"hyperparameters.{item.name}" if item.name in _FIXED else item.name for item in self.ranges}
        return [
            {
                "trial": trial.index,
                "training_job_name": trial.training_job_name,
                "status": trial.status,
                "objective": trial.objective,
                **({"definition": trial.definition} if self.definitions else {}),
                **{
                    column: item.value(trial.hyperparameters[item.name]) if item.name in trial.hyperparameters else None
                    for item, column in columns.items()
                },
                "started": trial.started,
                "duration_in_seconds": trial.duration_in_seconds,
                "failure_reason": trial.failure_reason or None,
            }
            for trial in self.trials
        ]

    def csv(self) -> str:
        """``rows()`` as CSV with a header; times in ISO 8601, absent values empty."""
        rows = to_plain(self.rows())
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
        if rows:
            writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return dict(to_plain(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TuningRecord:
        """The record that ``to_dict`` gave; raises InvalidInput for anything else."""
        return from_plain(cls, data)


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One secondary status that a training job went through; ``seconds`` is None while it lasts."""

    status: str
    message: str = ""
    started: datetime | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """A training job.

    Attributes:
        phases: the secondary statuses in order.
        final_metrics: metric name to its last finite value.
        channels: channel name to the URI of its data.
        model_uri: where the model artifact is, or will be; empty until the service says.
        training_seconds: time on the instances, as the service reports it.
        billable_seconds: time billed per instance; smaller than ``training_seconds`` with managed spot training.
        wall_seconds: from the creation to the end, or to the last change that the service reported.
        settings: how the job was asked to run, label to words.
        notes: sentences about how it ended.
        log_tail: last lines of the log, where the caller had them.
        links: label to URL.
    """

    name: str
    status: str
    secondary_status: str = ""
    failure_reason: str = ""
    phases: tuple[Phase, ...] = ()
    final_metrics: Mapping[str, float] = field(default_factory=dict)
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    model_uri: str = ""
    tuning_job_name: str = ""
    training_image: str = ""
    input_mode: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    created: datetime | None = None
    ended: datetime | None = None
    training_seconds: float | None = None
    billable_seconds: float | None = None
    wall_seconds: float | None = None
    managed_spot_training: bool = False
    log_tail: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return dict(to_plain(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrainingRecord:
        """The record that ``to_dict`` gave; raises InvalidInput for anything else."""
        return from_plain(cls, data)
