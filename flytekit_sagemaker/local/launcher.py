"""The warm parent of all training processes: ``python -m flytekit_sagemaker.local.launcher``.

It imports the libraries of a training program, or of a user's function, once and forks a process for every host of
every job after that, so that a trial starts in milliseconds. What else functions import, it learns from the first. It
has one thread and never trains itself: OpenMP does not survive a fork once used.

Orders arrive on standard input, a Unix socket, as lines of JSON; each ``start`` is accompanied by the descriptor that
becomes the process's standard output and error. Reports leave on standard output, as lines of JSON too. When standard
input ends, the server is gone, and every process goes with it.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from typing import Any, NoReturn

from flytekit_sagemaker.local.preloading import Preloading

_ORPHAN_CHECK_SECONDS = 2.0
_PR_SET_PDEATHSIG = 1


class Launcher:
    """Starts, signals and reaps processes, each the leader of its own process group."""

    def __init__(self, orders: socket.socket, reports: int) -> None:
        self._orders = orders
        self._reports = reports
        self._server = os.getppid()
        self._processes: dict[int, str] = {}
        self._unread = b""
        self._logs: list[int] = []
        self._preloading = Preloading()
        self._libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def run(self) -> None:
        """Serve orders until the server is gone, then kill every process."""
        woken, wake = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._own_descriptors = [woken, wake, self._orders.fileno(), self._reports]
        with selectors.DefaultSelector() as selector:
            selector.register(self._orders, selectors.EVENT_READ, self._take_orders)
            selector.register(woken, selectors.EVENT_READ, lambda: bool(os.read(woken, 4096)))
            try:
                alive = True
                while alive and os.getppid() == self._server:
                    for key, _ in selector.select(_ORPHAN_CHECK_SECONDS if self._processes else None):
                        alive = key.data() and alive
                    self._reap()
            except BrokenPipeError:
                pass
            finally:
                for pid in self._processes:
                    _signal_group(pid, signal.SIGKILL)

    def _take_orders(self) -> bool:
        data, logs, _, _ = socket.recv_fds(self._orders, 1 << 16, 16)
        self._logs += logs
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "signal" in order:
                for pid, key in self._processes.items():
                    if key == order["key"]:
                        _signal_group(pid, order["signal"])
            else:
                self._start(order, self._logs.pop(0))
        return bool(data)

    def _start(self, order: dict[str, Any], log: int) -> None:
        for module in (*order["libraries"], order["module"]):
            with contextlib.suppress(Exception):  # the process itself meets the same error and reports it in its log
                _import_once(module)
        if order["module"]:
            self._preloading.learn()
        try:
            pid = os.fork()
        except OSError as fault:
            self._report(key=order["key"], fault=str(fault))
        else:
            if pid == 0:
                self._become(order, log)
            _lead_group(pid)
            self._processes[pid] = order["key"]
            self._report(key=order["key"], pid=pid)
        finally:
            os.close(log)

    def _become(self, order: dict[str, Any], log: int) -> NoReturn:
        code = 1
        try:
            _lead_group(0)
            if self._libc:
                self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(log, 1)
            os.dup2(log, 2)
            for descriptor in self._own_descriptors:
                os.close(descriptor)
            os.chdir(order["directory"])
            if argv := order.get("argv"):
                try:
                    os.execvpe(argv[0], argv, order["environment"])
                except OSError as fault:
                    os.write(2, f"cannot run {argv[0]!r}: {fault.strerror}\n".encode())
                    code = 127
            else:
                os.environ.clear()
                os.environ.update(order["environment"])
                sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
                sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
                _import_from(order["directory"])
                sys.meta_path.insert(0, self._preloading)
                try:
                    code = _call(order["module"])
                finally:
                    self._preloading.report()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _reap(self) -> None:
        while self._processes:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            _signal_group(pid, signal.SIGKILL)  # what the process has left behind, as the end of a container does
            self._report(key=self._processes.pop(pid), code=os.waitstatus_to_exitcode(status))

    def _report(self, **report: object) -> None:
        os.write(self._reports, json.dumps(report).encode() + b"\n")


def _import_once(module: str | None) -> None:
    if module and module not in sys.modules:
        importlib.import_module(module)
        gc.freeze()  # keeps the collector from touching, and so copying, pages that parent and children share


def _call(module: str) -> int:
    _share_cores(int(os.environ.get("OMP_NUM_THREADS", "1")))
    _set_log_level()
    _draw_anew()
    atexit._clear()  # what the launcher's own imports have registered is not the process's to do
    try:
        return int(importlib.import_module(module).main() or 0)
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)
        return 1
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # as multiprocessing does at the end of its processes
        if multiprocessing := sys.modules.get("multiprocessing.util"):
            multiprocessing._exit_function()
        atexit._run_exitfuncs()
        sys.stdout.flush()


def _draw_anew() -> None:
    """Forks would all draw the same random numbers; flytekit makes names of files and folders of them."""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if flytekit := sys.modules.get("flytekit.interfaces.random"):
        flytekit.random.seed()


def _import_from(directory: str) -> None:
    """Let imports find what they would find if the interpreter had been started in this directory, as it is now."""
    first = [directory, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.path[:] = [*first, *(path for path in sys.path if path not in first)]


def _share_cores(threads: int) -> None:
    """OpenMP reads its environment when its library is loaded, which has happened in the parent: tell it again."""
    with contextlib.suppress(ImportError):
        importlib.import_module("threadpoolctl").threadpool_limits(threads)


def _set_log_level() -> None:
    """flytekit, too, has read its environment in the parent."""
    loggers = sys.modules.get("flytekit.loggers")
    if loggers and (level := os.environ.get(loggers.LOGGING_ENV_VAR)):
        loggers.set_flytekit_log_properties(level=int(level))


def _lead_group(pid: int) -> None:
    """Give a process a group of its own; both it and its parent do so, since either may need the group first."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpgid(pid, pid)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def main() -> None:
    """Take standard input and output for orders and reports, and leave harmless ones to the imported libraries."""
    orders = socket.socket(fileno=os.dup(0))
    reports = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    Launcher(orders, reports).run()


if __name__ == "__main__":
    main()
