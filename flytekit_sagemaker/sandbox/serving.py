"""``flytekit-sagemaker sandbox``: the sandbox in the foreground of a terminal."""

from __future__ import annotations

import os
import queue
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from flytekit_sagemaker.local.server import CannotStart, stand_ins
from flytekit_sagemaker.sandbox.server import Sandbox

_WELCOME = """\
A sandbox of Flyte, for development on this machine. It is not Flyte itself: it runs tasks and workflows of them.

  Flyte Admin      {sandbox.endpoint}  (gRPC)
  Console          {sandbox.console_url}/console
  Local SageMaker  {sandbox.sagemaker_url}
  Connectors       {connectors}
  Root             {sandbox.root}

For FlyteRemote, pyflyte and register_and_launch:
  export FLYTECTL_CONFIG={sandbox.config_file}

which says:
{config}
{resumed}Ctrl-C ends it; what is running then is followed further when it is started on the same root."""


def serve(
    root: Path,
    ports: Mapping[str, int],
    images: Mapping[str, Sequence[str]] | None = None,
    file_systems: Mapping[str, str | os.PathLike[str]] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM. A sandbox that cannot start says why and exits with code 1.

    Args:
        root: folder for everything that it keeps.
        ports: ``port``, ``console_port`` and ``sagemaker_port`` of :class:`Sandbox`.
        images, file_systems: as of :class:`Sandbox`, beside those of the settings, which they win over.
    """
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # unlike an event, it may be set while it is waited for
    try:
        found = stand_ins(images, file_systems)  # imports flytekit, which handles signals, too
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: signals.put(received))
        sandbox = Sandbox(root, **{**found, **ports}).start()
    except CannotStart as fault:
        print(fault, file=sys.stderr)
        raise SystemExit(1) from None
    with sandbox:
        print(welcome(sandbox), flush=True)
        signals.get()
    print("The sandbox has ended.")


def welcome(sandbox: Sandbox) -> str:
    """What runs where, and how to use it."""
    return _WELCOME.format(
        sandbox=sandbox,
        connectors=", ".join(sandbox.task_types),
        config="".join(f"  {line}\n" for line in sandbox.config_file.read_text().splitlines()),
        resumed=f"Executions that are followed further: {sandbox.resumed}.\n" if sandbox.resumed else "",
    )
