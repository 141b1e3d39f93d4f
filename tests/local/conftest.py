"""Servers for the tests, one that all share and ones with a root of the test's own; jobs of a training program."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.local.server import LocalSageMaker

from .program_jobs import Job, forking_parent
from .support import IMAGE, TRIAL, Jobs


@pytest.fixture(scope="session")
def trial_command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    script = tmp_path_factory.mktemp("image") / "trial.py"
    script.write_text(TRIAL)
    return [sys.executable, "-uS", str(script)]


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory, trial_command: list[str]) -> Iterator[LocalSageMaker]:
    with LocalSageMaker(tmp_path_factory.mktemp("root"), images={IMAGE: trial_command}) as server:
        yield server


@pytest.fixture
def jobs(shared_server: LocalSageMaker, tmp_path: Path) -> Jobs:
    """Jobs on one server for all tests: names have to be a test's own."""
    return Jobs(shared_server, tmp_path)


@pytest.fixture
def new_server(tmp_path: Path, trial_command: list[str]) -> Iterator[Callable[..., LocalSageMaker]]:
    """Starts servers with a root of the test's own."""
    started: list[LocalSageMaker] = []

    def start(**options: Any) -> LocalSageMaker:
        server = LocalSageMaker(tmp_path / "root", images={IMAGE: trial_command}, **options).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def warm_parent() -> Iterator[subprocess.Popen[str]]:
    with forking_parent() as process:
        yield process


@pytest.fixture
def job(request: pytest.FixtureRequest, tmp_path: Path, warm_parent: subprocess.Popen[str]) -> Job:
    """A job that runs the ``PROGRAM`` of the test's module."""
    return Job(tmp_path / "ml", request.module.PROGRAM, warm_parent)
