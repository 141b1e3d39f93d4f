"""Ordinary tasks, as processes of this machine in place of pods.

The code comes by fast registration, as ``pyflyte run --remote`` and ``pyflyte register`` send it, or pickled from a
notebook; the libraries are those of the environment that the sandbox runs in. The processes are forks of one that has
flytekit loaded.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2
from flyteidl.core.execution_pb2 import TaskExecution

from flytekit_sagemaker.local.processes import Command, Launcher, LauncherDied, Process
from flytekit_sagemaker.sandbox import function
from flytekit_sagemaker.sandbox.function import COMMAND_VARIABLE, EXECUTE, FAST_EXECUTE, LIBRARIES
from flytekit_sagemaker.sandbox.logs import last_lines
from flytekit_sagemaker.sandbox.runners import Work

LOG, FUTURES = "log", "futures.pb"
_RESULTS = ("outputs.pb", "error.pb", FUTURES)
_AT_A_TIME = max(4, os.cpu_count() or 1)
_GRACE_IN_SECONDS = 3.0


@dataclass
class _Run:
    """A process, from the moment that it waits for its turn."""

    phase: int = TaskExecution.WAITING_FOR_RESOURCES
    reason: str = ""
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class ProcessRunner:
    """Runs the tasks whose container is started by flytekit's own programs.

    Args:
        folder: where its processes come from.
        url_of_log: address of the page that shows the log in the folder of an attempt.
    """

    def __init__(self, folder: Path, url_of_log: Callable[[Path], str]) -> None:
        self._url_of_log = url_of_log
        self._launcher = Launcher(folder)
        self._runs: dict[bytes, _Run] = {}
        self._turns = asyncio.Semaphore(_AT_A_TIME)

    def runs(self, template: Any) -> bool:
        words = [*template.container.command, *template.container.args]
        return bool(words) and words[0] in (EXECUTE, FAST_EXECUTE) and not template.metadata.is_eager

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
            run = _Run(TaskExecution.SUCCEEDED)
        run = run or self._start(resource_meta)
        if run.phase in (TaskExecution.SUCCEEDED, TaskExecution.RETRYABLE_FAILED):
            self._runs.pop(resource_meta, None)
        resource = agent_pb2.Resource(phase=run.phase, message=run.reason)
        resource.log_links.append(execution_pb2.TaskLog(name="Log", uri=self._url_of_log(folder)))
        if (folder / FUTURES).exists():
            resource.phase = TaskExecution.FAILED
            resource.message = f"The task {template.id.name} is a dynamic workflow, which this sandbox does not run."
        return resource

    async def delete(self, template: Any, resource_meta: bytes) -> None:
        run = self._runs.pop(resource_meta, None)
        if run is not None and run.task is not None:
            run.task.cancel()
            await asyncio.wait((run.task,))

    async def close(self) -> None:
        """End every process; another runner starts them again."""
        await asyncio.gather(*(self.delete(None, meta) for meta in list(self._runs)))
        self._launcher.close()

    def _start(self, resource_meta: bytes) -> _Run:
        run = self._runs[resource_meta] = _Run()
        run.task = asyncio.ensure_future(self._carry_out(run, json.loads(resource_meta)))
        return run

    async def _carry_out(self, run: _Run, meta: Any) -> None:
        folder = Path(meta["folder"])
        work = folder / "work"
        work.mkdir(parents=True, exist_ok=True)
        environment = {**_environment(meta["variables"]), COMMAND_VARIABLE: json.dumps(meta["command"])}
        command = Command(work, environment, function.__name__, LIBRARIES)
        async with self._turns:
            with (folder / LOG).open("ab") as log:
                process = self._launcher.start(command, log.fileno())
            try:
                run.phase = TaskExecution.RUNNING
                code = await asyncio.shield(process.exit)
            except LauncherDied as died:
                run.reason, code = f"The process is gone: {died}.", -1
            finally:
                await _ended(process)
        if code and not (folder / "error.pb").exists():
            run.reason = run.reason or f"The process ended with code {code}.\n{last_lines(folder / LOG)}"
        run.phase = TaskExecution.RETRYABLE_FAILED if code else TaskExecution.SUCCEEDED


async def _ended(process: Process) -> None:
    """End a process that may still be running."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not process.exit.done():
            process.signal(number)
            await asyncio.wait((process.exit,), timeout=_GRACE_IN_SECONDS)


def _environment(variables: dict[str, str]) -> dict[str, str]:
    """The variables of this process, without what would lead to code that a pod did not have."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    programs = str(Path(sys.executable).parent)
    return {**own, "PATH": f"{programs}{os.pathsep}{own.get('PATH', os.defpath)}", **variables}
