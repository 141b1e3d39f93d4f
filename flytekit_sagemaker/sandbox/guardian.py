"""Runs a command that does not outlive whoever started it: ``python -m ...guardian COMMAND...``.

The starter keeps the other end of standard input and never writes to it. It closes when the starter lets go of the
command, and when the starter dies, whatever it dies of; then the command and all processes of its group are ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

GRACE_IN_SECONDS = 3.0


def main(command: Sequence[str]) -> int:
    """Run a command in a process group of its own and return its exit code, 128 + N for one that signal N killed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a Ctrl-C reaches the whole terminal: the starter decides
        signal.signal(number, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_ordinary_signals
        )
    except OSError as fault:
        print(f"{command[0]} cannot be started: {fault.strerror}", file=sys.stderr)
        return 127
    threading.Thread(target=_end_with_starter, args=(process,), daemon=True).start()
    code = process.wait()
    _signal(process.pid, signal.SIGKILL)  # what it may have left behind
    return 128 - code if code < 0 else code


def _ordinary_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _end_with_starter(process: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1024):
        pass
    _signal(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_IN_SECONDS)
    _signal(process.pid, signal.SIGKILL)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
