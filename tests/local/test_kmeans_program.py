"""The K-Means program: the centers it finds, the lines it prints, and what it says to bad input."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from flytekit_sagemaker.algorithms import algorithm
from flytekit_sagemaker.types import AlgorithmName

from .program_jobs import Job, records

PROGRAM = "flytekit_sagemaker.local.programs.kmeans"
RANDOM = np.random.default_rng(0)
CENTERS = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
POINTS = CENTERS[RANDOM.integers(0, 3, 600)] + RANDOM.normal(0, 0.1, (600, 2))
CSV = "\n".join(f"{x:g},{y:g}" for x, y in POINTS) + "\n"
UNLABELLED = "text/csv;label_size=0"


def test_finds_the_centers_and_prints_metrics(job: Job) -> None:
    job.channel("train", UNLABELLED, part_csv=CSV).channel("test", UNLABELLED, part_csv=CSV)
    run = job.run({"k": "3", "feature_dim": "2", "eval_metrics": '["msd","ssd"]'})
    assert run.code == 0, run.log
    with (run.base / "model" / "model_algo-1").open("rb") as file:
        centers = np.load(file)
    assert np.allclose(sorted(map(tuple, centers)), sorted(map(tuple, CENTERS)), atol=0.1)
    found = {
        name: float(match[1])
        for name, regex in algorithm(AlgorithmName.KMEANS).metric_definitions()
        if (match := re.search(regex, run.log))
    }
    assert found["test:msd"] == pytest.approx(0.02, abs=0.005)
    assert found["test:ssd"] == pytest.approx(found["test:msd"] * 600)
    assert {"train:msd", "train:throughput", "train:progress"} <= set(found)


def test_the_label_column_is_left_out(job: Job) -> None:
    labelled = "\n".join(f"7,{line}" for line in CSV.splitlines())
    run = job.channel("train", "text/csv", part_csv=labelled).run({"k": "3", "feature_dim": "2"})
    assert run.code == 0, run.log


def test_every_form_of_the_same_data_gives_the_same_centers(job: Job, tmp_path: Path) -> None:
    points = POINTS.astype(np.float32)
    dense, sparse = records(tmp_path, points), records(tmp_path, csr_matrix(points), np.ones(len(points)))
    csv = "\n".join(f"{x!r},{y!r}" for x, y in points.tolist())
    centers = []
    for name, channel in {
        "csv": lambda job: job.channel("train", UNLABELLED, part_csv=csv),
        "records": lambda job: job.channel("train", None, a=dense[: len(dense) // 2], b=dense[len(dense) // 2 :]),
        "sparse": lambda job: job.channel("train", "application/x-recordio-protobuf", part=sparse),
        "pipe": lambda job: job.pipe("train", None, dense),
        "csv pipe": lambda job: job.pipe("train", UNLABELLED, csv.encode()),
    }.items():
        one = channel(Job(tmp_path / name, job.module, job.warm_parent))
        run = one.run({"k": "3", "feature_dim": "2", "force_dense": str(name != "sparse")})
        assert run.code == 0, run.log
        centers.append(np.load(run.base / "model" / "model_algo-1"))
    for each in centers[1:]:
        assert np.allclose(each, centers[0])


def test_what_has_no_effect_is_said(job: Job) -> None:
    job.channel("train", UNLABELLED, part_csv=CSV)
    run = job.run({"k": "3", "feature_dim": "2", "half_life_time_size": "100"})
    assert "half_life_time_size=100 has no effect here" in run.log


def test_examples_that_are_all_alike_have_one_center(job: Job) -> None:
    run = job.channel("train", UNLABELLED, part_csv="1,2\n" * 5).run({"k": "3", "feature_dim": "2"})
    assert run.code == 0, run.log
    assert "train msd <loss>=0.0" in run.log


@pytest.mark.parametrize(
    ("hyperparameters", "text", "content_type", "said"),
    [
        ({"k": "3"}, CSV, UNLABELLED, "Missing required hyperparameter: feature_dim"),
        ({"k": "3", "feature_dim": "5"}, CSV, UNLABELLED, "feature_dim is 5, but the channel train has 2"),
        ({"k": "3", "feature_dim": "2"}, "1,2\n", UNLABELLED, "only 1 examples"),
        ({"k": "2", "feature_dim": "2"}, "1,2\n3,\n", UNLABELLED, "part.csv, row 2, feature 2"),
        ({"k": "2", "feature_dim": "2"}, "x,y\n1,2\n", UNLABELLED, "part.csv, line 1 is a header"),
        ({"k": "2", "feature_dim": "2"}, CSV, None, "part.csv, record 1 = b"),
        ({"k": "2", "feature_dim": "2"}, "1e30,2\n3e30,1\n-1e30,4\n", UNLABELLED, "beyond float32: scale the features"),
        (
            {"k": "2", "feature_dim": "2"},
            CSV,
            "text/libsvm",
            "content type text/libsvm is not one that",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    job: Job, hyperparameters: dict[str, str], text: str, content_type: str | None, said: str
) -> None:
    assert said in job.channel("train", content_type, part_csv=text).run(hyperparameters).refusal
