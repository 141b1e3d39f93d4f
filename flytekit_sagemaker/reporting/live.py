"""A display that follows running jobs wherever the program happens to run."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, TextIO, cast

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from flytekit_sagemaker.reporting.deck import progress_fragment
from flytekit_sagemaker.reporting.progress import Progress, progress_line
from flytekit_sagemaker.reporting.terminal import progress_view

_SWITCH = "FLYTEKIT_SAGEMAKER_PROGRESS"


class LiveDisplay:
    """Shows the jobs that it is told about until it is closed; a context manager.

    In a terminal it redraws in place; in a notebook it updates one output of the cell; elsewhere (logs, pipes) it
    prints a line whenever something changed. It writes to standard error, so that standard output stays the program's
    own, and it never raises: a display that breaks falls silent.

    Args:
        stream: where to write instead of standard error (and instead of a notebook's cell).
        quiet: show nothing; so does the environment variable ``FLYTEKIT_SAGEMAKER_PROGRESS=off``.
        clock: seconds since the epoch, for the elapsed time.
    """

    def __init__(
        self, *, stream: TextIO | None = None, quiet: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        off = quiet or os.environ.get(_SWITCH, "").lower() in ("off", "0", "no", "false", "none")
        self._jobs: dict[str, Progress] = {}
        self._open: Callable[[], _Surface] | None = None if off else lambda: _surface(stream, self._jobs, clock)
        self._drawn_on: _Surface | None = None

    def update(self, progress: Progress) -> None:
        """Show this state of a job instead of the one before; jobs are told apart by name."""
        try:
            changed = self._jobs.get(progress.name) != progress
            self._jobs[progress.name] = progress
            surface = self._surface()
            if surface is not None and changed:
                surface.show(progress)
        except Exception:
            self.close()

    def note(self, text: str) -> None:
        """Add a line under what is shown."""
        try:
            surface = self._surface()
            if surface is not None:
                surface.note(text)
        except Exception:
            self.close()

    def log(self, lines: Iterable[str]) -> None:
        """Print lines of a job's log above what is shown."""
        try:
            surface = self._surface()
            if surface is not None:
                for line in lines:
                    surface.log(line)
        except Exception:
            self.close()

    def close(self) -> None:
        """Leave the last state standing and show nothing more."""
        surface, self._drawn_on, self._open = self._drawn_on, None, None
        if surface is not None:
            with suppress(Exception):
                surface.close()

    def _surface(self) -> _Surface | None:
        if self._drawn_on is None and self._open is not None:
            self._drawn_on, self._open = self._open(), None
        return self._drawn_on

    def __enter__(self) -> LiveDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Surface(Protocol):
    """Something to show progress on."""

    def show(self, progress: Progress) -> None: ...

    def note(self, text: str) -> None: ...

    def log(self, line: str) -> None: ...

    def close(self) -> None: ...


class _Forgiving:
    """A stream that may lack letters, written as escapes then, or whose terminal may have hung up.

    A terminal is redrawn from a thread, where nobody would catch the exception.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        with suppress(OSError, ValueError):
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Terminal:
    """Redraws all jobs in place, several times a second, so that the elapsed time runs."""

    def __init__(
        self, stream: TextIO, jobs: dict[str, Progress], clock: Callable[[], float], redirect_stderr: bool
    ) -> None:
        self._notes: list[str] = []

        def view() -> Group:
            notes = (Text(note, style="dim", overflow="fold") for note in self._notes)
            return Group(*(progress_view(job, clock()) for job in list(jobs.values())), *notes)

        self._live = Live(
            console=Console(file=stream, highlight=False, soft_wrap=False),
            get_renderable=view,
            refresh_per_second=4,
            # What the program prints must not tear the display, and must not leave standard output if that is a file.
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=redirect_stderr,
        )
        self._live.start()

    def show(self, progress: Progress) -> None:
        self._live.refresh()

    def note(self, text: str) -> None:
        self._notes.append(text)

    def log(self, line: str) -> None:
        self._live.console.print(Text(line, overflow="fold"))

    def close(self) -> None:
        self._live.stop()


class _Lines:
    """Prints a line per change."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: dict[str, str] = {}

    def show(self, progress: Progress) -> None:
        line = progress_line(progress)
        if self._last.get(progress.name) == line:
            return
        self._last[progress.name] = line
        self.note(line)

    def note(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def log(self, line: str) -> None:
        self.note(line)

    def close(self) -> None:
        pass


class _Notebook:
    """One output of the cell, updated in place."""

    def __init__(self, jobs: dict[str, Progress]) -> None:
        display = importlib.import_module("IPython.display")
        self._display, self._jobs = display.display, jobs
        self._notes: list[str] = []
        self._handle: Any = None

    def show(self, progress: Progress) -> None:
        self._draw()

    def note(self, text: str) -> None:
        self._notes.append(text)
        self._draw()

    def log(self, line: str) -> None:
        print(line)

    def _draw(self) -> None:
        jobs = list(self._jobs.values())
        shown = {
            "text/html": progress_fragment(*jobs, notes=self._notes),
            "text/plain": "\n".join([*map(progress_line, jobs), *self._notes]),
        }
        if self._handle is None:
            self._handle = self._display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)

    def close(self) -> None:
        pass


def _surface(stream: TextIO | None, jobs: dict[str, Progress], clock: Callable[[], float]) -> _Surface:
    if stream is None and _in_notebook():
        return _Notebook(jobs)
    target = sys.stderr if stream is None else stream
    forgiving = cast(TextIO, _Forgiving(target))
    if target.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        return _Terminal(forgiving, jobs, clock, redirect_stderr=target is sys.stderr)
    return _Lines(forgiving)


def _in_notebook() -> bool:
    """A kernel has IPython loaded already; a program without it is not made to load it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
