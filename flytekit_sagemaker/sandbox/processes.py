"""Ordinary tasks, as processes of this machine in place of pods.

The code comes by fast registration, as ``pyflyte run --remote`` and ``pyflyte register`` send it, or pickled from a
notebook; the libraries are those of the environment that the sandbox runs in.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2
from flyteidl.core.execution_pb2 import TaskExecution

from flytekit_sagemaker.sandbox import children
from flytekit_sagemaker.sandbox.runners import Work

PROGRAMS = ("pyflyte-execute", "pyflyte-fast-execute")
LOG, FUTURES = "log", "futures.pb"
_RESULTS = ("outputs.pb", "error.pb", FUTURES)
_AT_A_TIME = max(4, os.cpu_count() or 1)


@dataclass
class _Run:
    """A process, from the moment that it waits for its turn."""

    phase: int = TaskExecution.WAITING_FOR_RESOURCES
    code: int | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class ProcessRunner:
    """Runs the tasks whose container is started by flytekit's own programs.

    Args:
        url_of_log: address of the page that shows the log in the folder of an attempt.
    """

    def __init__(self, url_of_log: Callable[[Path], str]) -> None:
        self._url_of_log = url_of_log
        self._runs: dict[bytes, _Run] = {}
        self._turns = asyncio.Semaphore(_AT_A_TIME)

    def runs(self, template: Any) -> bool:
        words = [*template.container.command, *template.container.args]
        return bool(words) and words[0] in PROGRAMS and not template.metadata.is_eager

    async def create(self, work: Work) -> bytes:
        container = work.template.container
        variables = {variable.key: variable.value for variable in container.env}
        meta = {
            "command": [*container.command, *container.args],
            "variables": {**variables, **work.metadata.environment_variables},
            "folder": str(work.folder),
        }
        encoded = json.dumps(meta).encode()
        self._start(encoded)
        return encoded

    async def get(self, template: Any, resource_meta: bytes) -> Any:
        folder = Path(json.loads(resource_meta)["folder"])
        run = self._runs.get(resource_meta)
        if run is None and any((folder / name).exists() for name in _RESULTS):  # it had ended under another sandbox
            run = _Run(TaskExecution.SUCCEEDED, 0)
        run = run or self._start(resource_meta)
        resource = agent_pb2.Resource(phase=run.phase)
        resource.log_links.append(execution_pb2.TaskLog(name="Log", uri=self._url_of_log(folder)))
        if (folder / FUTURES).exists():
            resource.phase = TaskExecution.FAILED
            resource.message = f"The task {template.id.name} is a dynamic workflow, which this sandbox does not run."
        elif run.code and not (folder / "error.pb").exists():
            resource.message = f"The process ended with code {run.code}.\n{children.last_lines(folder / LOG)}"
        return resource

    async def delete(self, template: Any, resource_meta: bytes) -> None:
        run = self._runs.pop(resource_meta, None)
        if run is not None and run.task is not None:
            run.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await run.task

    async def close(self) -> None:
        """End every process; another runner starts them again."""
        await asyncio.gather(*(self.delete(None, meta) for meta in list(self._runs)))

    def _start(self, resource_meta: bytes) -> _Run:
        run = self._runs[resource_meta] = _Run()
        run.task = asyncio.ensure_future(self._carry_out(run, json.loads(resource_meta)))
        return run

    async def _carry_out(self, run: _Run, meta: Any) -> None:
        folder = Path(meta["folder"])
        work = folder / "work"  # the program unpacks the code here
        work.mkdir(parents=True, exist_ok=True)
        async with self._turns:
            process = await children.start(meta["command"], folder / LOG, _environment(meta["variables"]), work)
            try:
                run.phase = TaskExecution.RUNNING
                run.code = await process.wait()
            finally:
                await children.end(process)
        run.phase = TaskExecution.RETRYABLE_FAILED if run.code else TaskExecution.SUCCEEDED


def _environment(variables: dict[str, str]) -> dict[str, str]:
    """The variables of this process, without what would lead to code that a pod did not have."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    programs = str(Path(sys.executable).parent)
    return {**own, "PATH": f"{programs}{os.pathsep}{own.get('PATH', os.defpath)}", "PYTHONUNBUFFERED": "1", **variables}
