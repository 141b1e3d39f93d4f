"""Processes that the sandbox starts, and that end with it however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path

from flytekit_sagemaker.sandbox import guardian

_ENDS_WITHIN_SECONDS = guardian.GRACE_IN_SECONDS + 2


async def start(
    command: Sequence[str], log: Path, environment: Mapping[str, str], folder: Path | None = None
) -> Process:
    """Start a command under a guardian.

    Args:
        log: file that everything it prints is added to.
        environment: all of its variables.
        folder: where it runs.
    """
    guarded = [sys.executable, "-m", guardian.__name__, *command]
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *guarded, env=environment, cwd=folder, stdin=PIPE, stdout=output, stderr=output
        )


async def end(process: Process) -> None:
    """End a command and everything that it has started."""
    if process.returncode is None and process.stdin is not None:
        process.stdin.close()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), _ENDS_WITHIN_SECONDS)


def last_lines(log: Path, number: int = 20, most: int = 4000) -> str:
    """The end of a log."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")[-most:]
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-number:])
