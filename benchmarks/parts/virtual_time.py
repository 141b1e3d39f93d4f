"""An event loop whose time passes as fast as there is something to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Where others would wait, it moves its clock: hours of sleepers in seconds, always in the same order.

    It is a clock of the package as well.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        super().__init__(_NeverWaiting(self._pass))
        self._now = start

    def time(self) -> float:
        return self._now

    async def sleep_until(self, deadline: float) -> None:
        await asyncio.sleep(deadline - self._now)

    def _pass(self, seconds: float) -> None:
        self._now += seconds + 1e-6  # a sleeper wakes a little after its moment, never on it


class _NeverWaiting(selectors.DefaultSelector):
    def __init__(self, pass_time: Callable[[float], None]) -> None:
        super().__init__()
        self._pass_time = pass_time

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("everybody waits, and for nothing")
        self._pass_time(timeout)
        return []  # nothing here comes from outside the loop


class VirtualThreads(Executor):
    """Threads on such a loop: what blocks takes a set time, and is done in the order in which it was asked for."""

    def __init__(self, loop: VirtualTimeLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds

    def submit(self, work: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(work(*args, **named))
            except Exception as error:
                future.set_exception(error)

        self._loop.call_later(self._seconds, run)
        return future
