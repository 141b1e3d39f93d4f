"""A local SageMaker with an image of the tests' own, and points for K-Means."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flytekit_sagemaker.local.server import LocalSageMaker

from .support import run

__all__ = ["run"]

IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1"
# Prints its loss; with "hang", never ends; with "exit", ends with that code.
TRIAL = """
import json, os, sys, time

base = os.environ["SAGEMAKER_BASE_DIR"]
option = json.load(open(base + "/input/config/hyperparameters.json")).get
print(f"loss={(float(option('x')) - 0.3) ** 2!r};", flush=True)
if option("hang"):
    time.sleep(600)
if option("exit"):
    print("there is no such thing as a free lunch")
    sys.exit(int(option("exit")))
open(base + "/model/model", "w").write(option("x"))
"""


@pytest.fixture(scope="session")
def own_sagemaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSageMaker]:
    """A local SageMaker in which a command stands for an image."""
    script = tmp_path_factory.mktemp("image") / "trial.py"
    script.write_text(TRIAL)
    images = {IMAGE: [sys.executable, "-uS", str(script)]}
    with LocalSageMaker(tmp_path_factory.mktemp("kubeflow"), images=images) as server:
        yield server


@pytest.fixture(scope="session")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders ``train`` and ``test`` of unlabelled CSV with two columns."""
    folder, random = tmp_path_factory.mktemp("points"), np.random.default_rng(0)
    centers = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    for name in ("train", "test"):
        (folder / name).mkdir()
        rows = centers[random.integers(0, 3, 700)] + random.normal(0, 0.1, (700, 2))
        np.savetxt(folder / name / "points.csv", rows, delimiter=",", fmt="%.5g")
    return folder
