"""What a process of an ordinary task runs: flytekit's own command, in a fork that has flytekit loaded already."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

COMMAND_VARIABLE = "FLYTEKIT_SAGEMAKER_SANDBOX_COMMAND"
"""The arguments of the task's container, as JSON."""
EXECUTE, FAST_EXECUTE = "pyflyte-execute", "pyflyte-fast-execute"
LIBRARIES = ("flytekit.bin.entrypoint", "flytekit.tools.fast_registration")
"""What is to be loaded before the fork."""


def main() -> int:
    """Execute the task; its outputs, or its error, are files in the end."""
    from flytekit.bin import entrypoint

    program, *arguments = _with_code(json.loads(os.environ.pop(COMMAND_VARIABLE)))
    entrypoint.execute_task_cmd.main(args=arguments, prog_name=program, standalone_mode=False)
    return 0


def _with_code(argv: Sequence[str]) -> Sequence[str]:
    """The command inside of ``pyflyte-fast-execute``, once the code that comes with it is here."""
    program, *rest = argv
    if program != FAST_EXECUTE:
        return argv
    from flytekit.tools.fast_registration import download_distribution

    end = rest.index("--")
    given = dict(zip(rest[:end:2], rest[1:end:2], strict=True))
    folder = Path.cwd()  # instead of the --dest-dir of a container, which all processes here would share
    download_distribution(given["--additional-distribution"], str(folder))
    sys.path.insert(0, str(folder))
    return rest[end + 1 :]
