"""Spot instances are taken back in the middle of a function: it goes on from its checkpoint, to the same result."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

from . import functions

LIMITS = {"max_runtime_in_seconds": 600, "max_wait_time_in_seconds": 1200}
WITHOUT_PAUSE = {"steps": 12, "pause_at": -1, "signs": "", "stopping_condition": LIMITS}


def interrupt_each(sagemaker: Any, signs: Path, over: threading.Event) -> list[str]:
    """Interrupt every job that gives a sign, once."""
    interrupted: list[str] = []
    while not over.wait(0.02):
        for sign in signs.iterdir():
            if sign.name not in interrupted:
                sagemaker.interrupt(sign.name)
                interrupted.append(sign.name)
    return interrupted


@pytest.fixture
def run(use_sagemaker: Any, tmp_path: Path) -> Any:
    def run_interrupted(task: Any, **inputs: Any) -> tuple[Any, list[str]]:
        over = threading.Event()
        with ThreadPoolExecutor() as pool:
            interrupting = pool.submit(interrupt_each, use_sagemaker, tmp_path, over)
            try:
                result = task(**{**WITHOUT_PAUSE, "pause_at": 5, "signs": str(tmp_path)}, **inputs)
            finally:
                over.set()
            return result, interrupting.result()

    return run_interrupted


def test_a_job_resumes_and_ends_as_if_nothing_had_been(use_sagemaker: Any, run: Any) -> None:
    straight = functions.descend(**WITHOUT_PAUSE, rate=0.05)
    resumed, (name,) = run(functions.descend, rate=0.05)

    assert resumed.weights == straight.weights
    assert (straight.begun, resumed.begun) == (0, 6)
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    boto = boto3.client("sagemaker", region_name="us-east-1", endpoint_url=use_sagemaker.url, **keys)
    job = boto.describe_training_job(TrainingJobName=name)
    assert job["TrainingJobStatus"] == "Completed"
    assert "Interrupted" in [each["Status"] for each in job["SecondaryStatusTransitions"]]
    place = Path(job["CheckpointConfig"]["S3Uri"].removeprefix("file://"))
    assert list(place.rglob("weights.npy"))


def test_trials_resume_each_from_its_own_checkpoint(use_sagemaker: Any, run: Any) -> None:
    search = {
        "tuning_strategy": "GRID",
        "tuning_objective": {"objective_type": "MINIMIZE", "metric_name": "loss"},
    }
    rates = {"categorical_parameter_range": {"values": ["0.05", "0.01"]}}
    result, interrupted = run(functions.tune_descent, rate=rates, hyperparameter_tuning_job_config=search)

    assert len(interrupted) == 2
    assert result.begun == 6
    assert result.weights == functions.descend(**WITHOUT_PAUSE, rate=0.05).weights
