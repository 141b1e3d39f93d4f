"""Data and a local SageMaker that the tests of several packages use."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from sklearn.datasets import load_breast_cancer

from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.sandbox import Sandbox

# The tests start hundreds of processes, which would otherwise each compile all their libraries anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell that starts the tests in the background makes them deaf to Ctrl-C, and all the processes that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in each run, so that nobody's change fails for an example that its author never saw;
# `make explore` looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile("repeatable")


@dataclass(frozen=True)
class CsvData:
    """Folders of SageMaker CSV: label first, no header."""

    train: Path
    validation: Path


@pytest.fixture(scope="session")
def csv_data(tmp_path_factory: pytest.TempPathFactory) -> CsvData:
    """scikit-learn's breast-cancer data as two channels."""
    features, labels = load_breast_cancer(return_X_y=True)
    rows = np.column_stack([labels, features])
    root = tmp_path_factory.mktemp("csv")
    for name, part in (("train", rows[:300]), ("validation", rows[300:])):
        (root / name).mkdir()
        np.savetxt(root / name / "data.csv", part, delimiter=",", fmt="%.6g")
    return CsvData(root / "train", root / "validation")


@pytest.fixture(scope="session")
def sagemaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSageMaker]:
    """A local SageMaker that outlives the single test; job names have to be a test's own."""
    with LocalSageMaker(tmp_path_factory.mktemp("sagemaker")) as server:
        yield server


@pytest.fixture
def use_sagemaker(sagemaker: LocalSageMaker, monkeypatch: pytest.MonkeyPatch) -> LocalSageMaker:
    """Sends everything that asks the settings to the local SageMaker of the tests."""
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", sagemaker.url)
    return sagemaker


@pytest.fixture(scope="session")
def running_flyte(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A Flyte that outlives the single test; names of tasks have to be a test's own."""
    with Sandbox(tmp_path_factory.mktemp("flyte")) as sandbox:
        yield sandbox


@pytest.fixture
def flyte(running_flyte: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Makes the Flyte of the tests the configured one."""
    monkeypatch.setenv("FLYTECTL_CONFIG", str(running_flyte.config_file))
    return running_flyte
