"""What happens to a simulated training job, as data: the phases it goes through, its end, its logs and its metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["Life", "Plan", "plan"]

_PHASES = (("Starting", 60.0), ("Downloading", 30.0), ("Training", 600.0), ("Uploading", 20.0))
# Phases that a job is billed for; those of them that the runtime limit is about.
_BILLED = ("Downloading", "Training", "Uploading")
_LIMITED = ("Downloading", "Training")


@dataclass(frozen=True)
class Life:
    """What would happen to a training job if nobody stopped it and no limit cut it short.

    Attributes:
        phases: secondary statuses in their order, each with its length in seconds.
        end: the status in the end: ``Completed``, ``Failed`` or ``Stopped``.
        failure_reason: the ``FailureReason`` of a job that ends ``Failed``.
        logs: lines of the only host, or lines by host (``algo-1``, ``algo-2``, ...); they are written evenly over the
            phases from the first ``Training`` on.
        final_metrics: last values of metrics by name, of a job that comes to this end and does not fail; for a trial,
            the objective metric's is its objective, and one is made up when there are none.
        stopping_seconds: how long the job takes to end once it is told to stop.
    """

    phases: tuple[tuple[str, float], ...] = _PHASES
    end: str = "Completed"
    failure_reason: str = ""
    logs: Sequence[str] | Mapping[str, Sequence[str]] = ()
    final_metrics: Mapping[str, float] = field(default_factory=dict)
    stopping_seconds: float = 30.0

    def lines(self, host: str) -> Sequence[str]:
        """What a host has written in the end."""
        if isinstance(self.logs, Mapping):
            return self.logs.get(host, ())
        return self.logs if host == "algo-1" else ()

    def lasting(self, seconds: float) -> Life:
        """The same life, faster or slower: ``seconds`` from its beginning to its end."""
        factor = seconds / sum(length for _, length in self.phases)
        return replace(self, phases=tuple((name, length * factor) for name, length in self.phases))

    def interrupted(self, seconds: float = 300.0) -> Life:
        """The same life with a spot interruption in the middle of its training, after which it starts again."""
        index = next((number for number, (name, _) in enumerate(self.phases) if name == "Training"), len(self.phases))
        if index == len(self.phases):
            return self
        before, training = self.phases[:index], self.phases[index][1]
        return replace(self, phases=(*before, ("Training", training / 2), ("Interrupted", seconds), *self.phases))

    def pending(self, seconds: float = 900.0) -> Life:
        """The same life after a wait for capacity."""
        return replace(self, phases=(*self.phases[:1], ("Pending", seconds), *self.phases[1:]))

    def without_capacity(self) -> Life:
        """A life that ends before it has begun, as there are no instances."""
        reason = "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different one."
        return replace(self, phases=self.phases[:1], end="Failed", failure_reason=reason, logs=(), final_metrics={})


@dataclass
class Plan:
    """When a job is in which secondary status.

    Attributes:
        steps: secondary statuses with the moments (seconds since the epoch) at which they begin; the last is the end.
        status: the status from the last step on.
        reason: the ``FailureReason`` from then on.
    """

    steps: list[tuple[str, float]]
    status: str
    reason: str = ""

    @property
    def end(self) -> float:
        """The moment of the last step."""
        return self.steps[-1][1]

    def until(self, now: float) -> list[tuple[str, float]]:
        """The steps that have begun."""
        return [step for step in self.steps if step[1] <= now]

    def first(self, *names: str) -> float | None:
        """The beginning of the first step with one of these names."""
        return next((moment for name, moment in self.steps if name in names), None)

    @property
    def start(self) -> float | None:
        """The moment from which the job's instances are at work; None for a job that never gets so far."""
        return self.first(*_BILLED)

    def billed(self) -> float:
        """Seconds that the job pays for."""
        following = zip(self.steps, self.steps[1:], strict=False)
        return sum(after - moment for (name, moment), (_, after) in following if name in _BILLED)

    def cut(self, now: float, *steps: tuple[str, float], status: str = "Stopped") -> None:
        """Forget what comes after ``now``; the steps given, each with its length, come instead."""
        self.steps = [step for step in self.steps if step[1] < now] or self.steps[:1]
        moment = now
        for name, seconds in steps:
            self.steps.append((name, moment))
            moment += seconds
        self.status, self.reason = status, ""


def plan(life: Life, created: float, stopping_condition: Mapping[str, Any]) -> Plan:
    """The plan of a job created at a moment, within the limits of its ``StoppingCondition``."""
    steps, moment = [], created
    for name, seconds in life.phases:
        steps.append((name, moment))
        moment += seconds
    made = Plan([*steps, (life.end, moment)], life.end, life.failure_reason if life.end == "Failed" else "")
    overrun = _overrun(life, created, stopping_condition.get("MaxRuntimeInSeconds"))
    if overrun is not None:
        upload = sum(seconds for name, seconds in life.phases if name == "Uploading")
        made.cut(overrun, ("Uploading", upload), ("MaxRuntimeExceeded", 0))
    patience = stopping_condition.get("MaxWaitTimeInSeconds")
    if patience is not None and made.end > created + patience:
        made.cut(created + patience, ("MaxWaitTimeExceeded", 0))
    return made


def _overrun(life: Life, created: float, limit: float | None) -> float | None:
    """The moment at which a life exceeds its runtime limit, if it does."""
    moment, left = created, limit
    for name, seconds in life.phases:
        if left is not None and name in _LIMITED:
            if seconds > left:
                return moment + left
            left -= seconds
        moment += seconds
    return None
