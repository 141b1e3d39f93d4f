"""The log of a local run: shown while the user's own code runs, and kept beside the report.

The local SageMaker of a program ends with the program, and its logs with it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from flytekit_sagemaker.reporting.live import LiveDisplay
from flytekit_sagemaker.types import AlgorithmName

_MOST_READS_AT_THE_END = 200


class LocalLog:
    """What a training job writes to its log.

    Args:
        follower: tells what is new in the log; None for a job that has none of its own.
        path: the file that keeps it.
        shown: whether it is shown, too.
    """

    def __init__(self, follower: Any, path: Path, shown: bool) -> None:
        self._follower = follower
        self._path = path
        self._shown = shown
        self._begun = False

    async def read(self, display: LiveDisplay) -> bool:
        """Show and keep what is new, of a log that is shown; whether there was anything."""
        return self._shown and await self._read(display)

    async def close(self, display: LiveDisplay) -> Path | None:
        """Show and keep what is left; the file, if there is one."""
        for _ in range(_MOST_READS_AT_THE_END):
            if not await self._read(display):
                break
        return self._path if self._begun else None

    async def _read(self, display: LiveDisplay) -> bool:
        if self._follower is None:
            return False
        lines = await asyncio.to_thread(self._follower.new_lines)
        if lines:
            self._keep(lines)
            if self._shown:
                display.log(lines)
        return bool(lines)

    def _keep(self, lines: list[str]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
            self._begun = True
        except OSError:  # a full disk costs the log, not the run
            self._begun = False


def open_log(task: Any, connector: Any, meta: Any, uri: str, *, alone: bool) -> LocalLog:
    """The log of a run.

    Args:
        task: the task. Where its code is the user's, the log is shown.
        connector: its connector.
        meta: the connector's metadata of the job.
        uri: the file that keeps the log, if it is one of this machine.
        alone: whether nothing else is shown at the same time.
    """
    here = "://" not in uri
    follower = connector.log_of(meta) if here and not meta.failure else None
    job = getattr(task, "training_job", None)
    own = job is not None and job.algorithm_specification.algorithm_name is AlgorithmName.CUSTOM
    return LocalLog(follower, Path(uri), shown=own and alone)
