"""The sandbox as users start it: a process in the foreground of a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flytekit.configuration import Config
from flytekit.remote import FlyteRemote

from tests.local.support import eventually

from .support import DOMAIN, PROJECT, Client

PROGRAMS = Path(sys.executable).parent
DEADLINE_IN_SECONDS = 60


@dataclass
class SandboxProcess:
    """A running ``flytekit-sagemaker sandbox``."""

    process: subprocess.Popen[str]
    root: Path
    said: str

    @property
    def config_file(self) -> Path:
        return self.root / "config.yaml"

    def client(self) -> Client:
        config = Config.auto(str(self.config_file))
        return Client(FlyteRemote(config, PROJECT, DOMAIN, interactive_mode_enabled=False))

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_IN_SECONDS)

    def children(self) -> list[int]:
        """The processes that belong to this one."""
        return below(self.process.pid)


@contextmanager
def served(
    root: Path, images: Mapping[str, Sequence[str]] = {}, options: Sequence[str] = ()
) -> Iterator[SandboxProcess]:
    """A sandbox that has come up; ended, by force if need be, with the context."""
    ports = ("--port", "0", "--console-port", "0", "--sagemaker-port", "0")
    stand_ins = [part for image, command in images.items() for part in ("--image", f"{image}={' '.join(command)}")]
    process = subprocess.Popen(
        [str(PROGRAMS / "flytekit-sagemaker"), "sandbox", "--root", str(root), *ports, *stand_ins, *options],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("Ctrl-C"):
            break
    try:
        yield SandboxProcess(process, root, said)
    finally:
        process.kill()
        process.wait()


def pyflyte(config_file: Path, folder: Path, *arguments: str) -> str:
    """What a pyflyte command prints; an assertion where it fails."""
    environment = {**os.environ, "FLYTECTL_CONFIG": str(config_file), "COLUMNS": "200"}
    done = subprocess.run(
        [str(PROGRAMS / "pyflyte"), *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pids: Sequence[int]) -> None:
    """Wait until none of these processes is there."""
    eventually(lambda: [pid for pid in pids if is_running(pid)], lambda running: not running)


def below(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            child = int(stat.parent.name)
            found += [child, *below(child)]
    return found
