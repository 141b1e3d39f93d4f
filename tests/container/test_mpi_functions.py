"""A function on several hosts under the real ``mpirun``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flytekit_sagemaker.errors import JobFailed
from flytekit_sagemaker.local.server import LocalSageMaker

from .mpi_functions import add_ranks


@pytest.fixture(autouse=True)
def server(tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSageMaker]:
    """A local SageMaker with an image that has Open MPI."""
    command = [str(image / "bin" / "flytekit-sagemaker"), "train"]
    with LocalSageMaker(tmp_path, images={"with-mpi": command}) as started:
        monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", started.url)
        yield started


def test_every_host_is_a_rank_and_the_first_one_counts() -> None:
    assert add_ranks(broken=-1) == {"total": 3, "rank": 0, "mpi_rank": 0, "host": "algo-1"}


def test_a_rank_that_fails_says_why() -> None:
    with pytest.raises(JobFailed, match="ValueError: rank 2 is broken"):
        add_ranks(broken=2)
