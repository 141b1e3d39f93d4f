"""Pauses that end when Kubernetes, or a person, asks the process to end."""

from __future__ import annotations

import os
import select
import signal
import threading
from types import FrameType, TracebackType

from typing_extensions import Self

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """While this context is open, SIGTERM and Ctrl-C end pauses instead of the process.

    Calls go on to their end: none of them is cut off at a point of which nobody knows whether the service was reached.
    Signals reach the main thread only; in another thread there are none.

    Attributes:
        signals: how many came so far.
    """

    def __init__(self) -> None:
        self.signals = 0
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        self._previous = self.take_signals()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(self._reader)
        os.close(self._writer)

    def take_signals(self) -> dict[int, object]:
        """Handle the signals here, whoever did before, and return how they were handled.

        Libraries take signals for themselves when they are loaded.
        """
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._note) for number in _SIGNALS}

    def pause(self, seconds: float) -> bool:
        """Wait so long, or until the next signal; whether one came."""
        if not select.select([self._reader], [], [], max(0.0, seconds))[0]:
            return False
        os.read(self._reader, 1)
        return True

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signals += 1
        os.write(self._writer, b"!")
