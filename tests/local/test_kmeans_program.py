"""The K-Means program as a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from flytekit_sagemaker.algorithms import algorithm
from flytekit_sagemaker.types import AlgorithmName

RANDOM = np.random.default_rng(0)
CENTERS = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
POINTS = CENTERS[RANDOM.integers(0, 3, 600)] + RANDOM.normal(0, 0.1, (600, 2))
CSV = "\n".join(f"{x:g},{y:g}" for x, y in POINTS) + "\n"
UNLABELLED = "text/csv;label_size=0"


def train(
    base: Path, hyperparameters: Mapping[str, str], channels: Mapping[str, str], content_type: str = UNLABELLED
) -> subprocess.CompletedProcess[str]:
    config = base / "input" / "config"
    config.mkdir(parents=True)
    for name, text in channels.items():
        folder = base / "input" / "data" / name
        folder.mkdir(parents=True)
        (folder / "part.csv").write_text(text)
    (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    data_config = {name: {"ContentType": content_type, "TrainingInputMode": "File"} for name in channels}
    (config / "inputdataconfig.json").write_text(json.dumps(data_config))
    return subprocess.run(
        [sys.executable, "-m", "flytekit_sagemaker.local.programs.kmeans"],
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(base), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )


def test_finds_the_centers_and_prints_metrics(tmp_path: Path) -> None:
    done = train(tmp_path, {"k": "3", "feature_dim": "2", "eval_metrics": '["msd","ssd"]'}, {"train": CSV, "test": CSV})
    assert done.returncode == 0, done.stdout + done.stderr
    with (tmp_path / "model" / "model_algo-1").open("rb") as file:
        centers = np.load(file)
    assert np.allclose(sorted(map(tuple, centers)), sorted(map(tuple, CENTERS)), atol=0.1)
    found = {
        name: float(match[1])
        for name, regex in algorithm(AlgorithmName.KMEANS).metric_definitions()
        if (match := re.search(regex, done.stdout))
    }
    assert found["test:msd"] == pytest.approx(0.02, abs=0.005)
    assert found["test:ssd"] == pytest.approx(found["test:msd"] * 600)
    assert {"train:msd", "train:throughput", "train:progress"} <= set(found)


def test_the_label_column_is_left_out(tmp_path: Path) -> None:
    labelled = "\n".join(f"7,{line}" for line in CSV.splitlines())
    done = train(tmp_path, {"k": "3", "feature_dim": "2"}, {"train": labelled}, "text/csv")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("hyperparameters", "text", "content_type", "said"),
    [
        ({"k": "3"}, CSV, UNLABELLED, "Missing required hyperparameter: feature_dim"),
        ({"k": "3", "feature_dim": "5"}, CSV, UNLABELLED, "feature_dim is 5, but the channel train has 2"),
        ({"k": "3", "feature_dim": "2"}, "1,2\n", UNLABELLED, "only 1 examples"),
        ({"k": "2", "feature_dim": "2"}, "1,2\n3,\n", UNLABELLED, "part.csv, row 2, column 2"),
        ({"k": "2", "feature_dim": "2"}, "x,y\n1,2\n", UNLABELLED, "part.csv, line 1 is a header"),
        ({"k": "2", "feature_dim": "2"}, CSV, "application/x-recordio-protobuf", "Use text/csv;label_size=0"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    tmp_path: Path, hyperparameters: dict[str, str], text: str, content_type: str, said: str
) -> None:
    done = train(tmp_path, hyperparameters, {"train": text}, content_type)
    assert done.returncode == 1
    assert said in (tmp_path / "output" / "failure").read_text()
    assert "Traceback" not in done.stdout + done.stderr
