"""The connector service as a child process, started again when it dies."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from flytekit_sagemaker.sandbox.logs import last_lines
from flytekit_sagemaker.sandbox.runners import ConnectorRunner

MODULES = ("flytekit_sagemaker.connector.serving",)
_FIRST_PAUSE_IN_SECONDS, _LONGEST_PAUSE_IN_SECONDS = 0.2, 10.0


class ConnectorDied(Exception):
    """The connector service ended before it answered; the message has the end of its log."""


class ConnectorProcess:
    """flytekit's connector service in a process of its own, which ends with this one, however this one ends.

    Args:
        sagemaker_url: the SageMaker that its connectors use.
        log: file for what it prints.
        url_of_log: address of the page that shows the logs of a job.

    Attributes:
        runner: runs tasks through the service.
    """

    def __init__(self, sagemaker_url: str, log: Path, url_of_log: Callable[[str], str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="flyte-sandbox-"))
        self._socket = self._folder / "connector"
        self._log = log
        self.runner = ConnectorRunner(f"unix:{self._socket}", url_of_log)
        self._environment = {
            **os.environ,
            "FLYTEKIT_SAGEMAKER_ENDPOINT_URL": sagemaker_url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start the service and wait until it answers.

        Raises:
            ConnectorDied: it did not come up.
        """
        process = await self._start()
        opening, ended = asyncio.ensure_future(self.runner.open()), asyncio.ensure_future(process.wait())
        await asyncio.wait((opening, ended), return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            opening.cancel()
            end = last_lines(self._log, 1)
            raise ConnectorDied(f"The connector service did not start: {end} (its log is {self._log})")
        await opening
        self._keeping = asyncio.ensure_future(self._keep(ended))

    async def close(self) -> None:
        """End the service."""
        await self.runner.close()
        if self._keeping is not None:
            self._keeping.cancel()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _start(self) -> asyncio.subprocess.Process:
        command = [sys.executable, "-m", f"{__name__}_service", str(self._socket), *MODULES]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                env=self._environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C in the terminal is the sandbox's to handle
            )
        return self._process

    async def _keep(self, ended: asyncio.Future[int]) -> None:
        pause = _FIRST_PAUSE_IN_SECONDS
        while True:
            await ended
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_IN_SECONDS)
            ended = asyncio.ensure_future((await self._start()).wait())
