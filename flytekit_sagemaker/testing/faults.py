"""What goes wrong between a client and the simulated SageMaker: by schedule, or by seed."""

from __future__ import annotations

import enum
import fnmatch
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["PASSING", "Delivery", "Failure", "Fault", "Faults"]


class Delivery(enum.Enum):
    """What becomes of an answer on its way to the client."""

    WHOLE = "arrives"
    RESET = "the connection is reset"
    CLOSED = "the connection is closed without an answer"
    TRUNCATED = "the connection is closed in the middle of the answer"
    HELD = "the answer is held until the client gives up"


@dataclass(frozen=True)
class Failure:
    """An error of the service: its code and message, and the HTTP status that they come with."""

    code: str
    message: str
    status: int = 400


_INTERNAL = Failure("InternalFailure", "The request processing has failed because of an unknown error.", 500)
_UNAVAILABLE = Failure("ServiceUnavailable", "The service is temporarily unavailable.", 503)
_LIMIT = Failure("ResourceLimitExceeded", "The account-level service limit for this resource has been reached.")


@dataclass(frozen=True)
class _Effect:
    accepted: bool
    failure: Failure | None = None
    delivery: Delivery = Delivery.WHOLE
    life: str = ""
    operations: str = "*"


class Fault(enum.Enum):
    """One way in which a call, or the job that it creates, goes wrong.

    - Refused, nothing happened: ``THROTTLED``, ``INTERNAL_ERROR`` (HTTP 500), ``UNAVAILABLE`` (503), ``RESET`` (of the
      connection), ``ACCESS_DENIED``, ``EXPIRED_TOKEN``, ``RESOURCE_LIMIT`` (of creates).
    - Accepted, but the client does not learn it: ``INTERNAL_ERROR_AFTER_ACCEPTANCE``, ``DROPPED`` (the connection is
      closed without an answer), ``TRUNCATED`` (in the middle of it: botocore hands out an answer without members),
      ``SLOW`` (the answer is held until the client gives up).
    - Accepted, and the training job has bad luck: ``SPOT_INTERRUPTION``, ``PENDING`` (it waits for capacity),
      ``NO_CAPACITY`` (it fails for want of it).

    Attributes:
        accepted: whether the operation takes effect all the same.
        failure: the error that is answered, if any.
        delivery: what becomes of the answer.
        life: the method of :class:`~flytekit_sagemaker.testing.lives.Life` that changes the life of the created job.
        operations: pattern of the operations that :meth:`Faults.seeded` lets it happen to.
    """

    THROTTLED = _Effect(False, Failure("ThrottlingException", "Rate exceeded"))
    INTERNAL_ERROR = _Effect(False, _INTERNAL)
    INTERNAL_ERROR_AFTER_ACCEPTANCE = _Effect(True, _INTERNAL)
    UNAVAILABLE = _Effect(False, _UNAVAILABLE)
    RESET = _Effect(False, delivery=Delivery.RESET)
    DROPPED = _Effect(True, delivery=Delivery.CLOSED)
    TRUNCATED = _Effect(True, delivery=Delivery.TRUNCATED)
    SLOW = _Effect(True, delivery=Delivery.HELD)
    ACCESS_DENIED = _Effect(
        False, Failure("AccessDeniedException", "The caller is not authorized to perform this action on the resource.")
    )
    EXPIRED_TOKEN = _Effect(
        False, Failure("ExpiredTokenException", "The security token included in the request is expired")
    )
    RESOURCE_LIMIT = _Effect(False, _LIMIT, operations="Create*")
    SPOT_INTERRUPTION = _Effect(True, life="interrupted", operations="CreateTrainingJob")
    PENDING = _Effect(True, life="pending", operations="CreateTrainingJob")
    NO_CAPACITY = _Effect(True, life="without_capacity", operations="CreateTrainingJob")

    @property
    def accepted(self) -> bool:
        return self.value.accepted

    @property
    def failure(self) -> Failure | None:
        return self.value.failure

    @property
    def delivery(self) -> Delivery:
        return self.value.delivery

    @property
    def life(self) -> str:
        return self.value.life

    @property
    def operations(self) -> str:
        return self.value.operations


# Those that pass by themselves: what a client that tries again gets over.
PASSING = (
    Fault.THROTTLED,
    Fault.INTERNAL_ERROR,
    Fault.INTERNAL_ERROR_AFTER_ACCEPTANCE,
    Fault.UNAVAILABLE,
    Fault.RESET,
    Fault.DROPPED,
    Fault.TRUNCATED,
    Fault.SLOW,
)


class Faults:
    """Decides, call by call, what goes wrong; without arguments nothing ever does.

    Use :meth:`scheduled` or :meth:`seeded`. An object belongs to one account: it counts that account's calls.
    """

    def next(self, operation: str) -> Fault | None:
        """What goes wrong with the next call of an operation (``CreateTrainingJob``)."""
        return None

    @staticmethod
    def none() -> Faults:
        """Nothing goes wrong."""
        return Faults()

    @staticmethod
    def scheduled(schedule: Iterable[tuple[str, int, Fault]]) -> Faults:
        """Faults at known calls.

        Args:
            schedule: operations (``CreateTrainingJob``, or a pattern such as ``Describe*``), the number of the call
                among all those that fit the pattern, from 1, and what goes wrong with it.
        """
        return _Scheduled(schedule)

    @staticmethod
    def seeded(seed: int, rate: float = 0.2, kinds: Sequence[Fault] = PASSING, last_call: int = 100) -> Faults:
        """Faults at random calls, the same ones for the same seed and the same order of calls.

        Args:
            seed: fixes every choice.
            rate: the share of calls that go wrong.
            kinds: what may go wrong; by default whatever passes when a client tries again.
            last_call: the number of the last call that may go wrong: what is tried often enough gets through.
        """
        return _Seeded(seed, rate, kinds, last_call)


class _Scheduled(Faults):
    def __init__(self, schedule: Iterable[tuple[str, int, Fault]]) -> None:
        self._schedule: dict[str, dict[int, Fault]] = {}
        for pattern, number, fault in schedule:
            self._schedule.setdefault(pattern, {})[number] = fault
        self._calls = dict.fromkeys(self._schedule, 0)

    def next(self, operation: str) -> Fault | None:
        found = None
        for pattern, faults in self._schedule.items():
            if fnmatch.fnmatchcase(operation, pattern):
                self._calls[pattern] += 1
                found = found or faults.get(self._calls[pattern])
        return found


class _Seeded(Faults):
    def __init__(self, seed: int, rate: float, kinds: Sequence[Fault], last_call: int) -> None:
        self._random = random.Random(seed)
        self._rate, self._kinds, self._left = rate, kinds, last_call

    def next(self, operation: str) -> Fault | None:
        self._left -= 1
        if self._left < 0 or self._random.random() >= self._rate:
            return None
        fitting = [kind for kind in self._kinds if fnmatch.fnmatchcase(operation, kind.operations)]
        return self._random.choice(fitting) if fitting else None
