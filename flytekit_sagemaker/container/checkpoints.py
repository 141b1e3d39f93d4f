"""Checkpoints of a training job, and its last chance to save one.

SageMaker copies what lies in the checkpoint directory to S3 while the job runs, file by file, and puts it back when a
spot interruption makes the job start again. A copy, too, may have been interrupted. Hence every checkpoint is a folder
with a name that no other one ever had, and a manifest beside it that is written last and names each file with its size:
without all of them it is none.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html
"""

from __future__ import annotations

import contextlib
import json
import operator
import os
import re
import shutil
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from flytekit_sagemaker.container.contract import Contract
from flytekit_sagemaker.errors import InvalidInput, Problem

KEPT = 2
"""Of the newest one, SageMaker may not have copied all files when the host is lost."""

STOPPED_EXIT_CODE = 128 + signal.SIGTERM
RANK_VARIABLE = "OMPI_COMM_WORLD_RANK"

_NAME = re.compile(r"step-(\d+)-([0-9a-f]{16})")

_Function = TypeVar("_Function", bound=Callable[[], Any])


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint.

    Attributes:
        step: the number that it was saved under.
        path: the folder with the files that were saved.
    """

    step: int
    path: Path


class Checkpoints:
    """The checkpoints of this host. A trial of a tuning job, and each host of several, has a folder of its own.

    Outside a job they are in a temporary folder, so that a function that saves checkpoints can be tried as it is.
    One process at a time may save.
    """

    def __init__(self) -> None:
        self._outside: tempfile.TemporaryDirectory[str] | None = None
        self._open: set[str] = set()
        self._main_thread_saves = 0
        self._stop = False
        self._stop_waits = False
        self._polled = False
        self._on_stop: list[Callable[[], Any]] = []

    @property
    def folder(self) -> Path:
        """Where the checkpoints are; SageMaker keeps it when the job has a ``checkpoint_s3_uri``."""
        contract = Contract.here()
        if not contract.config_dir.is_dir():
            self._outside = self._outside or tempfile.TemporaryDirectory(prefix="checkpoints-")
            return Path(self._outside.name)
        job = [contract.training_job_name] if contract.is_trial else []
        host = [contract.current_host] if len(contract.hosts) > 1 else []
        return contract.checkpoint_dir.joinpath(*job, *host)

    def latest(self) -> Checkpoint | None:
        """The checkpoint that was saved last, None as long as there is no complete one."""
        return next(map(_as_saved, reversed(_complete(self.folder))), None)

    @contextlib.contextmanager
    def saving(self, step: int, keep: int = KEPT) -> Iterator[Path]:
        """Save a checkpoint: give an empty folder to write to, which becomes the latest checkpoint at the end.

        When the block raises, or the process dies in it, the checkpoints stay as they were. A SIGTERM waits for the
        end of the block.

        Args:
            step: number of the epoch or round that the checkpoint ends, at least 0.
            keep: how many checkpoints to keep, this one included.

        Raises:
            InvalidInput: a step or a number to keep that is no such whole number.
            OSError: the folder cannot be written.
        """
        step, keep = _checked(step, keep)
        in_main_thread = threading.current_thread() is threading.main_thread()
        self._main_thread_saves += in_main_thread
        try:
            yield from self._save(step, keep)
        finally:
            self._main_thread_saves -= in_main_thread
            if in_main_thread and self._stop_waits and not self._main_thread_saves:
                self._end()

    def _save(self, step: int, keep: int) -> Iterator[Path]:
        root = self.folder
        root.mkdir(parents=True, exist_ok=True)
        self._remove_all_but(root, _complete(root))
        newest = max((_moment(path) for path in _named(root)), default=0)
        folder = root / f"step-{step}-{max(newest + 1, time.time_ns()):016x}"
        self._open.add(folder.name)
        try:
            folder.mkdir()
            yield folder
            manifest = _manifest(folder)
            written = manifest.with_suffix(".partial")
            written.write_text(json.dumps({"step": step, "files": _files(folder)}), encoding="utf-8")
            written.replace(manifest)
        except BaseException:
            _remove(folder)
            raise
        finally:
            self._open.discard(folder.name)
        self._remove_all_but(root, _complete(root)[-keep:])

    def _remove_all_but(self, root: Path, kept: list[Path]) -> None:
        for folder in _named(root):
            if folder not in kept and folder.name not in self._open:
                _remove(folder)

    @property
    def stop_requested(self) -> bool:
        """Whether SageMaker is stopping the job.

        Whoever looks here, after each epoch or round, is expected to save and to return within 120 seconds. Unless
        somebody has looked before SIGTERM arrives, the process ends by itself.
        """
        self._polled = True
        return self._stop

    def on_stop(self, save: _Function) -> _Function:
        """Have a function called, without arguments, when SageMaker stops the job; usable as a decorator.

        It is called between two steps of the main thread, wherever that one is. The last one added is called first.
        """
        self._on_stop.insert(0, save)
        return save

    def request_stop(self) -> None:
        """What SIGTERM does: see ``handle_sigterm``."""
        if self._stop:
            return
        self._stop = True
        if self._main_thread_saves:
            self._stop_waits = True
        else:
            self._end()

    def _end(self) -> None:
        self._stop_waits = False
        for save in self._on_stop:
            try:
                save()
            except Exception:
                traceback.print_exc()
        if not self._polled:
            raise SystemExit(STOPPED_EXIT_CODE)


checkpoint = Checkpoints()
"""The checkpoints of the job that this process belongs to."""


def handle_sigterm() -> None:
    """Make SIGTERM, which the first process of a container ignores, a chance to save.

    Functions given to ``checkpoint.on_stop`` are called. Then, unless the program looks at
    ``checkpoint.stop_requested`` by itself, it ends as if it had called ``sys.exit``, so that ``finally`` blocks run.
    A second signal changes nothing. In a rank of MPI, SIGUSR1 does the same: ``mpirun`` hands on no SIGTERM without a
    SIGKILL soon after it. Processes that this one forks are not concerned. Does nothing outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    numbers = {signal.SIGTERM, *([signal.SIGUSR1] if RANK_VARIABLE in os.environ else [])}

    def handle(number: int, frame: FrameType | None) -> None:
        os.write(2, b"SageMaker stops this job.\n")
        checkpoint.request_stop()

    def in_child() -> None:
        for number in numbers:
            if signal.getsignal(number) is handle:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    for number in numbers:
        signal.signal(number, handle)
    # Python forgets a signal that comes to a new process before it is ready; the kernel does not, when it is blocked.
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, numbers),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers),
        after_in_child=in_child,
    )


def _checked(step: int, keep: int) -> tuple[int, int]:
    problems = []
    for name, value, least in (("step", step, 0), ("keep", keep, 1)):
        try:
            fits = operator.index(value) >= least
        except TypeError:
            fits = False
        if not fits:
            problems.append(Problem(name, value, f"must be a whole number of at least {least}"))
    if problems:
        raise InvalidInput("checkpoint", problems)
    return operator.index(step), operator.index(keep)


def _named(root: Path) -> list[Path]:
    """The folders of all checkpoints, complete or not, in the order in which they were begun."""
    if not root.is_dir():
        return []
    names = {match.group() for match in map(_NAME.match, os.listdir(root)) if match}
    return sorted((root / name for name in names), key=_moment)


def _moment(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2], 16)


def _complete(root: Path) -> list[Path]:
    return [folder for folder in _named(root) if _is_complete(folder)]


def _is_complete(folder: Path) -> bool:
    try:
        files = json.loads(_manifest(folder).read_text(encoding="utf-8"))["files"]
        return all((folder / name).stat().st_size == size for name, size in files.items())
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return False


def _as_saved(folder: Path) -> Checkpoint:
    folder.mkdir(exist_ok=True)  # S3 keeps no empty folder
    return Checkpoint(int(folder.name.split("-")[1]), folder)


def _manifest(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _files(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()
    }


def _remove(folder: Path) -> None:
    manifest = _manifest(folder)
    for file in (manifest, manifest.with_suffix(".partial")):
        file.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
