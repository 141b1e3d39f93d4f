"""How often an account may call each operation, and how many instances it may have: AWS's quotas on any clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Buckets", "Quotas", "Rate"]


@dataclass(frozen=True)
class Rate:
    """A token bucket: ``per_second`` calls in the long run, ``burst`` of them at once."""

    per_second: float
    burst: float


_UNLIMITED = Rate(float("inf"), float("inf"))


@dataclass(frozen=True)
class Quotas:
    """Quotas of one account in one region. Each operation has a bucket of its own.

    AWS documents that ListTrainingJobs is served twice a second and that this cannot be raised. It publishes no rates
    of the other operations: those here are what accounts were seen to get, and the bursts are an assumption.

    Attributes:
        lists: operations that begin with ``List``, but for ListTags.
        describes: operations that begin with ``Describe``, and ListTags.
        creates: operations that begin with ``Create``.
        logs: the operations of CloudWatch Logs.
        others: everything else; but roles are assumed without a limit.
        operations: rates of single operations by name, such as ``StopTrainingJob``, which come first.
        instances: how many instances of a type (``ml.m5.xlarge``) jobs may have together; no limit for other types.
            Creates of training jobs are refused beyond it; trials count, but are never held back.
    """

    lists: Rate = Rate(2, 4)
    describes: Rate = Rate(10, 20)
    creates: Rate = Rate(5, 10)
    logs: Rate = Rate(25, 25)
    others: Rate = Rate(5, 10)
    operations: Mapping[str, Rate] = field(default_factory=dict)
    instances: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def unlimited(cls) -> Quotas:
        """No limits, for tests about something else."""
        return cls(_UNLIMITED, _UNLIMITED, _UNLIMITED, _UNLIMITED, _UNLIMITED)

    def rate(self, operation: str) -> Rate:
        """The rate of an operation."""
        if operation in self.operations:
            return self.operations[operation]
        kinds = {
            "ListTags": self.describes,
            "List": self.lists,
            "DescribeLogStreams": self.logs,
            "GetLogEvents": self.logs,
            "Describe": self.describes,
            "Create": self.creates,
            "AssumeRole": _UNLIMITED,
            "GetCallerIdentity": _UNLIMITED,
        }
        return next((rate for prefix, rate in kinds.items() if operation.startswith(prefix)), self.others)


class Buckets:
    """The token buckets of an account's operations."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, operation: str, now: float) -> bool:
        """Take a token; False when there is none."""
        rate = self._quotas.rate(operation)
        if rate.burst == float("inf"):
            return True
        level, since = self._levels.get(operation, (rate.burst, now))
        level = min(rate.burst, level + (now - since) * rate.per_second)
        taken = level >= 1
        self._levels[operation] = (level - taken, now)
        return taken
