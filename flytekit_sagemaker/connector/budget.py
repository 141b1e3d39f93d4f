"""How many calls may be made: a token bucket that gives way when the service throttles."""

from __future__ import annotations

import math

from flytekit_sagemaker.clock import Clock

_BURST_IN_SECONDS = 2.0
_RECOVERY_IN_SECONDS = 60.0
_SLOWEST = 1 / 16


class Budget:
    """Permission to call, at a steady rate with small bursts. Not thread-safe: its owner has a lock.

    An account's quota is shared with whoever else calls: a throttled call halves the rate, and a quiet minute brings it
    back.

    Args:
        per_second: calls a second; ``math.inf`` for no limit.
        clock: the time.
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._full_rate = per_second
        self._rate = per_second
        self._burst = max(1.0, per_second * _BURST_IN_SECONDS)
        self._tokens = self._burst
        self._clock = clock
        self._filled_at = clock.time()

    def take(self, calls: int = 1) -> bool:
        """Whether so many calls may be made now; they count as made when they may.

        More calls than fit into a burst are allowed once the bucket is full, and the debt is paid before the next.
        """
        if not self.has(calls):
            return False
        if not math.isinf(self._full_rate):
            self._tokens -= calls
        return True

    def has(self, calls: int = 1) -> bool:
        """Whether :meth:`take` would allow so many calls."""
        if math.isinf(self._full_rate):
            return True
        self._fill()
        return self._tokens >= min(calls, self._burst)

    def slow_down(self) -> None:
        """The service throttled a call: wait, and go on at half the rate."""
        if not math.isinf(self._full_rate):
            self._fill()
            self._rate = max(self._rate / 2, self._full_rate * _SLOWEST)
            self._tokens = min(self._tokens, 0.0)

    def _fill(self) -> None:
        now = self._clock.time()
        elapsed = max(0.0, now - self._filled_at)
        self._filled_at = now
        self._rate = min(self._full_rate, self._rate + self._full_rate * elapsed / _RECOVERY_IN_SECONDS)
        self._tokens = min(self._burst, self._tokens + elapsed * self._rate)
