"""Runs a task of the connector in this process: the same connector code as in a cluster, with a driver of our own.

flytekit's own driver sleeps a second before every look, fails inside a running event loop (every notebook has one) and
loses the job when the user interrupts it.
"""

from __future__ import annotations

import asyncio
import contextvars
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from flyteidl.core import literals_pb2
from flyteidl.core.execution_pb2 import TaskExecution
from flytekit.core.context_manager import FlyteContextManager
from flytekit.extend.backend.base_connector import ConnectorRegistry
from flytekit.extend.backend.utils import is_terminal_phase
from flytekit.models.literals import LiteralMap

from flytekit_sagemaker import settings
from flytekit_sagemaker.errors import JobFailed, JobNotCreated
from flytekit_sagemaker.reporting.live import LiveDisplay
from flytekit_sagemaker.reporting.progress import Progress
from flytekit_sagemaker.tasks import local_logs
from flytekit_sagemaker.tasks.rendering import rendered_template

_FIRST_LOOK_IN_SECONDS = 0.05
_LONGEST_WAIT_IN_SECONDS = 1.0
_SLOWDOWN = 1.3
_PATIENCE_IN_SECONDS = 120.0

_live_runs: set[_LocalRun] = set()


class SideBySide:
    """Runs that share one display, and are stopped together.

    Attributes:
        display: shows the jobs of all of them.
        stopped: whether they have been told to stop.
    """

    def __init__(self) -> None:
        self.display = LiveDisplay()
        self._runs: list[_LocalRun] = []
        self.stopped = False

    def add(self, run: _LocalRun) -> None:
        """Take a run in, which is about to begin; it does not get far when the others have been stopped."""
        self._runs.append(run)
        if self.stopped:
            run.stop()

    def stop(self) -> None:
        """Stop every run, and those that begin from now on; safe to call from any thread."""
        self.stopped = True
        for run in list(self._runs):
            run.stop()


_together: contextvars.ContextVar[SideBySide | None] = contextvars.ContextVar("sagemaker_side_by_side", default=None)


@contextmanager
def side_by_side() -> Iterator[SideBySide]:
    """While this is open, the tasks that run in this context, in threads of it too, run side by side."""
    group = SideBySide()
    token = _together.set(group)
    try:
        with group.display, _interrupt_stops(group.stop):
            yield group
    finally:
        _together.reset(token)


def run_locally(task: Any, inputs: LiteralMap) -> LiteralMap:
    """Run a task through its connector and return its outputs, showing the progress meanwhile.

    An interrupt (Ctrl-C) stops the job before it is raised, and so does SIGTERM.

    Args:
        task: a task whose type has a connector.
        inputs: its inputs.

    Raises:
        JobNotCreated: listing everything that keeps the job from being created.
        JobFailed: with the job's own explanation, when it fails.
    """
    run = _LocalRun(task, inputs)
    with settings.default_endpoint(settings.LOCAL):
        context = contextvars.copy_context()
    worker = threading.Thread(target=context.run, args=(run.drive,), name="sagemaker-task", daemon=True)
    with _interrupt_stops(_stop_all):
        worker.start()
        while worker.is_alive():  # a join without limit would keep the signal handler from running
            worker.join(0.2)
    return run.result()


def _stop_all() -> None:
    for run in list(_live_runs):
        run.stop()


@contextmanager
def _interrupt_stops(stop: Callable[[], None]) -> Iterator[None]:
    """While this is open in the main thread, Ctrl-C and SIGTERM stop jobs, whichever thread waits for them.

    Raises:
        SystemExit: in the end, after SIGTERM, unless the program has a use of its own for it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def note(number: int, _: Any) -> None:
        received.append(number)
        stop()

    numbers = [signal.SIGINT, *([signal.SIGTERM] if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL else [])]
    previous = {number: signal.signal(number, note) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if signal.SIGTERM in received:
        raise SystemExit(128 + signal.SIGTERM)


class _LocalRun:
    """One execution: driven in a thread of its own, since the caller's may have a running event loop."""

    def __init__(self, task: Any, inputs: LiteralMap) -> None:
        self._task = task
        self._inputs = inputs
        self._outputs: LiteralMap | None = None
        self._error: BaseException | None = None
        self._interrupted = False
        self._stop: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def drive(self) -> None:
        _live_runs.add(self)
        if group := _together.get():
            group.add(self)
        try:
            self._outputs = asyncio.run(self._run())
        except BaseException as error:
            self._error = error
        finally:
            _live_runs.discard(self)

    def stop(self) -> None:
        """Stop the job as soon as there is one; safe to call from any thread."""
        self._interrupted = True
        if self._stop is not None:
            loop, event = self._stop
            with suppress(RuntimeError):  # the loop has ended: so has the job
                loop.call_soon_threadsafe(event.set)

    def result(self) -> LiteralMap:
        if self._error is not None:
            raise self._error.with_traceback(None)
        if self._outputs is None:
            raise KeyboardInterrupt
        return self._outputs

    async def _run(self) -> LiteralMap | None:
        interrupted = asyncio.Event()
        self._stop = (asyncio.get_running_loop(), interrupted)
        context = FlyteContextManager.current_context()
        output_prefix = context.file_access.get_random_remote_directory()
        template = rendered_template(context, self._task, self._inputs, output_prefix)
        connector = ConnectorRegistry.get_connector(template.type, template.task_type_version)
        meta = await connector.create(task_template=template, output_prefix=output_prefix, inputs=self._inputs)
        if self._interrupted:
            interrupted.set()
        group = _together.get()
        log = local_logs.open_log(self._task, connector, meta, f"{output_prefix}/log.txt", alone=group is None)
        with nullcontext(group.display) if group else LiveDisplay() as display:
            try:
                succeeded = await self._follow(connector, meta, display, interrupted, log)
            finally:
                if path := await log.close(display):
                    display.note(f"Log: {path}")
                report = f"{output_prefix}/deck.html"
                if context.file_access.exists(report):
                    display.note(f"Report: {report}")
        return _read_outputs(context, output_prefix) if succeeded else None

    async def _follow(
        self, connector: Any, meta: Any, display: LiveDisplay, interrupted: asyncio.Event, log: local_logs.LocalLog
    ) -> bool:
        """Wait for the end of the job; False when the user interrupted it."""
        loop = asyncio.get_running_loop()
        wait, answered = _FIRST_LOOK_IN_SECONDS, loop.time()
        while not interrupted.is_set():
            resource = await connector.get(resource_meta=meta)
            await log.read(display)
            if resource.custom_info:
                progress = Progress.from_dict(resource.custom_info)
                # Of runs side by side only one can raise its error.
                display.update(progress if _together.get() else progress.without_reason())
                answered = loop.time()
            if is_terminal_phase(resource.phase):
                if resource.phase == TaskExecution.SUCCEEDED:
                    return True
                raise JobFailed(resource.message) if resource.custom_info else JobNotCreated(resource.message)
            if loop.time() - answered > _PATIENCE_IN_SECONDS:
                seconds = round(_PATIENCE_IN_SECONDS)
                raise JobFailed(f"{resource.message}. Gave up after {seconds} s; the job may still run.")
            try:
                await asyncio.wait_for(interrupted.wait(), wait)
            except asyncio.TimeoutError:
                wait = min(wait * _SLOWDOWN, _LONGEST_WAIT_IN_SECONDS)
        await connector.delete(resource_meta=meta)
        display.note("Interrupted: the job was told to stop.")
        return False


def _read_outputs(context: Any, output_prefix: str) -> LiteralMap:
    path = context.file_access.get_random_local_path()
    context.file_access.get_data(f"{output_prefix}/outputs.pb", path)
    with open(path, "rb") as file:
        return LiteralMap.from_flyte_idl(literals_pb2.LiteralMap.FromString(file.read()))
