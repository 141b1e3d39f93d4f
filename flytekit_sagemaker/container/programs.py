"""Programs that are started in place of a function, and what can be said when they fail."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from flytekit_sagemaker.container.failure import MAX_CHARACTERS, TRACEBACK, cut, under

_KEPT_LINES = 200
_BEFORE = "What it wrote before:"


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes:
        name: what to call it.
        code: exit code; 128 and the number of a signal that ended it.
        errors: the last lines that it wrote to standard error, without the blank ones.
    """

    name: str
    code: int
    errors: Sequence[str]

    @property
    def reason(self) -> str:
        """Why it failed: the last exception in one line, else the last line, and then as much of what leads to it."""
        if self.code == 128 + signal.SIGKILL:
            return f"{self.name} was killed (SIGKILL), as happens when the memory of the instance is used up."
        if not self.errors:
            return f"{self.name} ended with exit code {self.code} and wrote nothing to its standard error."
        first, last = self._last_traceback() or (0, len(self.errors) - 1)
        headline = cut(self.errors[last], MAX_CHARACTERS // 2)
        heading, before = _BEFORE, [f"  {line}" for line in self.errors[first:last]]
        if self.errors[first] == TRACEBACK:
            heading, before = TRACEBACK, list(self.errors[first + 1 : last])
        return headline + under(heading, before, MAX_CHARACTERS - len(headline))

    def _last_traceback(self) -> tuple[int, int] | None:
        """The places of the first line of Python's last traceback, and of the line with the exception."""
        starts = [number for number, line in enumerate(self.errors) if line == TRACEBACK]
        for start in reversed(starts):
            for number in range(start + 1, len(self.errors)):
                if not self.errors[number].startswith((" ", "\t")):
                    return start, number
        return None


def run_program(
    name: str,
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    for_sigterm: signal.Signals = signal.SIGTERM,
    at_start: Callable[[], None] | None = None,
) -> Ended:
    """Run a program to its end. What it writes appears as if this process had written it.

    Args:
        name: what to call it in messages.
        for_sigterm: the signal that it gets when this process gets SIGTERM.
        at_start: called in the new process, which then is not in the process group of this one.

    Raises:
        OSError: the program cannot be started.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        preexec_fn=at_start,
        start_new_session=at_start is not None,
    )
    assert process.stderr is not None

    def hand_on(number: int, frame: FrameType | None) -> None:
        process.send_signal(for_sigterm)

    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, hand_on) if in_main_thread else None
    lines: deque[bytes] = deque(maxlen=_KEPT_LINES)
    copier = threading.Thread(target=_copy, args=(process.stderr.fileno(), lines), daemon=True)
    copier.start()
    try:
        code = process.wait()
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)
    copier.join(timeout=1)  # what the program has handed down to others does not hold up the job
    text = b"".join(lines).decode("utf-8", errors="replace")
    return Ended(name, code if code >= 0 else 128 - code, [line for line in text.splitlines() if line.strip()])


def _copy(source: int, lines: deque[bytes]) -> None:
    while data := os.read(source, 1 << 16):
        os.write(2, data)
        lines.extend(data.splitlines(keepends=True))
