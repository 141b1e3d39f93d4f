"""Time that a test moves, in place of the system's clock."""

from __future__ import annotations

import asyncio
import contextlib
import threading


class MovableClock:
    """Time that stands still until a test moves it; safe to move from any thread.

    Sleepers name the moment at which they wake, so a move that happens before a sleeper has lain down is not lost.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()
        self._sleepers: list[tuple[float, asyncio.AbstractEventLoop, asyncio.Event]] = []

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move time forward by ``seconds`` and wake every sleeper whose moment has come."""
        with self._lock:
            self._now += seconds
            due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self._now]
        for _, loop, woken in due:
            with contextlib.suppress(RuntimeError):  # the sleeper's loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(woken.set)

    async def sleep_until(self, deadline: float) -> None:
        sleeper = (deadline, asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            if deadline <= self._now:
                return
            self._sleepers.append(sleeper)
        try:
            await sleeper[2].wait()
        finally:
            with self._lock:
                self._sleepers.remove(sleeper)


class JumpingClock(MovableClock):
    """Time that jumps to the moment for which somebody waits, so that nobody ever does."""

    async def sleep_until(self, deadline: float) -> None:
        self.advance(max(0.0, deadline - self.time()))
