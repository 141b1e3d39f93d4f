"""A sandbox for all tests that need no other: names of tasks and uploads have to be a test's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flytekit_sagemaker.sandbox import Sandbox
from tests.local.support import IMAGE, TRIAL

from .support import Client, remote_for


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What runs in place of the image of the tests' tasks."""
    script = tmp_path_factory.mktemp("image") / "trial.py"
    script.write_text(TRIAL)
    return {IMAGE: [sys.executable, "-uS", str(script)]}


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory, images: dict[str, list[str]]) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), images=images) as started:
        yield started


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(remote_for(sandbox))


@pytest.fixture
def signal_file(tmp_path: Path) -> Path:
    """Jobs that wait for it go on once it is there."""
    return tmp_path / "go"
