"""Time as a collaborator: the connector and the local SageMaker read and await it only through a ``Clock``."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What a program knows of time. Both methods speak of seconds since the epoch."""

    def time(self) -> float:
        """The present moment, in seconds since the epoch."""

    async def sleep_until(self, deadline: float) -> None:
        """Return once ``time()`` has reached ``deadline``; at once when it is past already."""


class SystemClock:
    """The time of the operating system, in whole milliseconds as the service shows it."""

    def time(self) -> float:
        return round(time.time(), 3)

    async def sleep_until(self, deadline: float) -> None:
        while (remaining := deadline - time.time()) > 0:
            await asyncio.sleep(min(remaining, 3600))
