"""What a training job goes on from when it starts once more, and which of its steps therefore count.

A program that goes on from a checkpoint does those steps again that it had done since; one that finds none does all of
them again. Counted once, its steps are those of a program that nobody has interrupted.
"""

from __future__ import annotations

import bisect
import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

from flytekit_sagemaker.local import objects
from flytekit_sagemaker.local.store import Job
from flytekit_sagemaker.local.workspace import Workspace

# What a program prints is read a little later than it is printed, and perhaps than what it writes next.
_SECONDS_TO_READ = 0.2
_ROUND_OF_XGBOOST = re.compile(r"xgboost-checkpoint\.(\d+)")
# A file that is being written, or belongs to a checkpoint of a container's ``checkpoint.saving``: not the files of a
# step make that one complete, but the manifest beside their folder, which comes last.
_INCOMPLETE = re.compile(r"(.*/)?(step-\d+-[0-9a-f]{16}/.*|\.[^/]*|[^/]*\.(partial|tmp))")

Saved = tuple[float, int | None]


@dataclass(frozen=True)
class Start:
    """One of the starts of a training job.

    Attributes:
        moment: when it was, in seconds since the epoch.
        saved: when the checkpoint was written that it has found, None where there was none.
        steps: how many steps that checkpoint says that it holds, if it does.
    """

    moment: float
    saved: float | None = None
    steps: int | None = None


def starts_of(job: Job) -> list[Start]:
    """The starts of a training job so far."""
    return [Start(*each) for each in job.memory.get("starts", ())]


def start_of(job: Job, workspaces: Iterable[Workspace], now: float) -> Start:
    """How a training job starts whose workspaces have been prepared; looks at the disk."""
    found = newest_checkpoint(workspaces) if _are_kept_in_place(job.description) else job.memory.get("uploaded")
    return Start(now, *(found or ()))


def note(job: Job, start: Start) -> None:
    """Remember a start of a training job."""
    job.memory.setdefault("starts", []).append(astuple(start))


def note_checkpoints(job: Job, found: Saved | None) -> None:
    """Remember which checkpoint of a training job is uploaded: what is downloaded later, looks like new."""
    job.memory["uploaded"] = found or job.memory.get("uploaded")


def _are_kept_in_place(job: Mapping[str, Any]) -> bool:
    config = job.get("CheckpointConfig")
    return config is None or objects.local_path(config["S3Uri"]) is not None


def newest_checkpoint(workspaces: Iterable[Workspace]) -> Saved | None:
    """When the newest checkpoint was written, and how many steps it says that it holds."""
    written = dict(entry for each in workspaces for entry in _complete(each.checkpoints))
    if not written:
        return None
    rounds = [int(match[1]) for match in (_ROUND_OF_XGBOOST.fullmatch(file.name) for file in written) if match]
    return max(written.values()), max(rounds) + 1 if rounds else None


def _complete(folder: Path) -> Iterator[tuple[Path, float]]:
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):  # whoever writes there may still be at it
            if file.is_file() and not _INCOMPLETE.fullmatch(file.relative_to(folder).as_posix()):
                yield file, file.stat().st_mtime


@dataclass
class Steps:
    """What a metric has been after each step of a training job, each step counted once.

    Attributes:
        values: the metric after the first step, after the second one, and so on.
    """

    values: list[float] = field(default_factory=list)
    _moments: list[float] = field(default_factory=list)
    _starts: int = 0
    _due: int = 0

    def add(self, moment: float, value: float, starts: Sequence[Start]) -> None:
        """Take on an emission of the metric, given all starts of the job up to then.

        Steps that a checkpoint holds and nobody has read, as the server had died, count with the next one's value.
        """
        for start in starts[self._starts :]:
            self._begin(start)
        self._starts = max(self._starts, len(starts))
        missing = max(0, self._due - len(self.values))
        self.values += [value] * (missing + 1)
        self._moments += [moment] * (missing + 1)
        self._due = 0

    def _begin(self, start: Start) -> None:
        kept = self._kept(start)
        del self.values[kept:], self._moments[kept:]
        self._due = start.steps or 0

    def _kept(self, start: Start) -> int:
        if start.saved is None:
            return 0
        if start.steps is not None:
            return start.steps
        before = bisect.bisect_right(self._moments, start.saved)
        if before == len(self._moments):
            return before
        a_step = (self._moments[-1] - self._moments[0]) / len(self._moments)
        return before + (self._moments[before] - start.saved <= min(a_step / 2, _SECONDS_TO_READ))


def steps_of(job: Job, emissions: Iterable[tuple[float, float]]) -> Steps:
    """The steps of a stored job from all emissions of a metric, each with its moment and its value."""
    starts = starts_of(job)
    moments = [start.moment for start in starts]
    steps = Steps()
    for moment, value in emissions:
        steps.add(moment, value, starts[: bisect.bisect_right(moments, moment)])
    return steps
