"""Servers that live in a thread with an event loop of its own, so that a notebook or a running loop can start them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from types import TracebackType
from typing import TypeVar

Server = TypeVar("Server", bound="BackgroundServer")


class BackgroundServer:
    """What serves from ``start`` to ``stop``; a context manager.

    Args:
        thread_name: name of its thread.
    """

    def __init__(self, thread_name: str) -> None:
        self._thread_name = thread_name
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None

    def start(self: Server) -> Server:
        """Start serving; it answers when this returns. Raises whatever keeps it from that."""
        started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name=self._thread_name, daemon=True)
        self._thread.start()
        try:
            started.result()
        except BaseException:
            self._thread = None
            raise
        return self

    def stop(self) -> None:
        """End it and wait for that; once more does no harm."""
        if self._thread and self._loop and self._over:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join()
            self._thread = None

    def __enter__(self: Server) -> Server:
        return self if self._thread else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _serve(self, started: concurrent.futures.Future[None], over: asyncio.Event) -> None:
        """Serve until ``over`` is set; ``started`` gets its result as soon as there are answers."""
        raise NotImplementedError

    def _run(self, started: concurrent.futures.Future[None]) -> None:
        try:
            asyncio.run(self._serve_until_over(started))
        except BaseException as fault:
            if started.done():
                raise
            started.set_exception(fault)

    async def _serve_until_over(self, started: concurrent.futures.Future[None]) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        await self._serve(started, self._over)
