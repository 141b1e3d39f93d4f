"""What was asked of a simulated account."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from flytekit_sagemaker.testing.faults import Delivery, Failure

__all__ = ["Call", "CallLog"]


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        time: when, in seconds since the epoch.
        operation: such as ``DescribeTrainingJob``.
        code: the error's code; what became of the answer if it was lost; empty for a call that went well.
        access_key: id of the access key that signed it; empty for calls within the process.
    """

    time: float
    operation: str
    code: str
    access_key: str


class CallLog:
    """Every call counted, the last ones kept.

    Attributes:
        recent: the last hundred thousand calls.
        operations: how many calls there were of each operation.
        codes: how many calls ended with each code, by operation and code.
    """

    def __init__(self) -> None:
        self.recent: deque[Call] = deque(maxlen=100_000)
        self.operations: Counter[str] = Counter()
        self.codes: Counter[tuple[str, str]] = Counter()

    def add(self, time: float, operation: str, failure: Failure | None, delivery: Delivery, access_key: str) -> None:
        lost = "" if delivery is Delivery.WHOLE else delivery.name.lower()
        code = lost or (failure.code if failure else "")
        self.recent.append(Call(time, operation, code, access_key))
        self.operations[operation] += 1
        self.codes[operation, code] += 1

    @property
    def total(self) -> int:
        """How many calls there were."""
        return self.operations.total()

    @property
    def throttled(self) -> int:
        """How many of them were over a quota, or throttled by a fault."""
        return sum(count for (_, code), count in self.codes.items() if code == "ThrottlingException")
