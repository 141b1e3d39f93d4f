"""The server's side of the launcher: processes as objects that can be awaited."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import flytekit_sagemaker
from flytekit_sagemaker.local import preloading

_LAUNCHER_GRACE_SECONDS = 5
# Read when flytekit is imported: the log lines of functions are not to be wrapped at 80 columns.
_LOGGING = {"FLYTE_SDK_RICH_TRACEBACKS": "0"}


class LauncherDied(Exception):
    """The parent of the training processes is gone, and so are they."""


@dataclass(frozen=True)
class Command:
    """What to run: the ``main()`` of a module, for which the launcher imports some libraries, or an argument list."""

    directory: Path
    environment: Mapping[str, str]
    module: str | None = None
    libraries: Sequence[str] = ()
    argv: Sequence[str] | None = None


class Process:
    """A process that was ordered from the launcher."""

    def __init__(self, launcher: Launcher, key: str) -> None:
        self._launcher = launcher
        self.key = key
        self.pid: int | None = None
        self.exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def signal(self, number: signal.Signals) -> None:
        """Signal the whole process group; nothing happens once the process has ended."""
        if not self.exit.done():
            self._launcher.send({"key": self.key, "signal": int(number)})

    def lose(self, reason: str) -> None:
        """Make ``exit`` raise LauncherDied."""
        self.exit.set_exception(LauncherDied(reason))
        self.exit.exception()  # retrieved: nobody may be waiting while the server shuts down


class Launcher:
    """Starts the launcher's process on first use, and again when it has died."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._child: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None
        self._unread = b""
        self._processes: dict[str, Process] = {}
        self._keys = itertools.count(1)

    @property
    def pid(self) -> int | None:
        """Process id of the launcher, None as long as nothing was started."""
        return self._child.pid if self._child else None

    def start(self, command: Command, log: int) -> Process:
        """Start a process whose standard output and error is the descriptor ``log``; the caller closes its own copy.

        The future ``exit`` of the process becomes its exit code (negative: the signal that ended it), or raises
        LauncherDied.
        """
        if self._child is None:
            self._start_launcher()
        process = Process(self, str(next(self._keys)))
        self._processes[process.key] = process
        order = {
            "key": process.key,
            "directory": str(command.directory),
            "environment": dict(command.environment),
            "module": command.module,
            "libraries": list(command.libraries),
            "argv": list(command.argv) if command.argv else None,
        }
        self.send(order, log)
        return process

    def send(self, order: Mapping[str, object], *descriptors: int) -> None:
        """Send one order; one that the launcher can no longer take is answered by its death."""
        data = json.dumps(order).encode() + b"\n"
        with contextlib.suppress(OSError):
            if self._orders:
                sent = socket.send_fds(self._orders, [data], list(descriptors)) if descriptors else 0
                self._orders.sendall(data[sent:])

    def close(self) -> None:
        """Kill every process and the launcher."""
        if self._child is not None:
            self._bury()

    def _start_launcher(self) -> None:
        ours, theirs = socket.socketpair()
        package_parent = str(Path(flytekit_sagemaker.__file__).parent.parent)
        path = os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH")]))
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "flytekit_sagemaker.local.launcher"],
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                cwd=self._directory,  # the interpreter imports from here first: nobody's folder but ours
                env={**preloading.ENVIRONMENT, **_LOGGING, **os.environ, "PYTHONPATH": path},
                start_new_session=True,  # a Ctrl-C in the terminal is the server's to handle
            )
        self._orders = ours
        self._unread = b""
        assert self._child.stdout is not None
        asyncio.get_running_loop().add_reader(self._child.stdout.fileno(), self._read_reports)

    def _read_reports(self) -> None:
        assert self._child is not None
        assert self._child.stdout is not None
        data = os.read(self._child.stdout.fileno(), 1 << 16)
        if not data:
            self._bury()
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        for report in map(json.loads, lines):
            process = self._processes[report["key"]]
            if "pid" in report:
                process.pid = report["pid"]
                continue
            del self._processes[process.key]
            if process.exit.cancelled():
                continue
            if "code" in report:
                process.exit.set_result(report["code"])
            else:
                process.lose(report["fault"])

    def _bury(self) -> None:
        child, orders, processes = self._child, self._orders, list(self._processes.values())
        self._child = self._orders = None
        self._processes.clear()
        assert child is not None
        assert child.stdout is not None
        assert orders is not None
        asyncio.get_running_loop().remove_reader(child.stdout.fileno())
        orders.close()
        for process in processes:
            if process.pid:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
        try:
            child.wait(_LAUNCHER_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()
        for process in processes:
            if not process.exit.done():
                process.lose("the parent of the training processes died")
