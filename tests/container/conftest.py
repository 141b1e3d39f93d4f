"""Trees as SageMaker makes them for a container, and programs of a training image that are not ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .support import Tree

IMAGE = Path(__file__).parents[2] / ".tools" / "image"


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Tree]:
    """Makes the tree of one host of a job."""
    return lambda *members, **more: Tree(tmp_path / "ml", *members, **more)


@pytest.fixture(scope="session")
def image() -> Path:
    """A Python environment with this package, SageMaker's training toolkit, Open MPI and mpi4py."""
    assert (IMAGE / "bin" / "train").exists(), f"{IMAGE} is not installed: run `make setup`"
    return IMAGE


@pytest.fixture(scope="session")
def toolkit_train(image: Path) -> Path:
    """The toolkit's own ``train``."""
    return image / "bin" / "train"
