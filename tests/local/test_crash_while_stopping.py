"""Trials that are being stopped when their server ends, and what the next one on the same root makes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.local.server import LocalSageMaker

from .support import Jobs, boto3_client, eventually

HYPERBAND = {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 1}}}
TARGET = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 1}}


def given_up_by_hyperband(jobs: Jobs, static: dict[str, str]) -> None:
    endless = {**static, "loss": "1,0.5", "silent": ""}
    jobs.tune("tuning", static=endless, strategy="Hyperband", jobs=1, config=HYPERBAND)


def not_needed_once_the_target_is_met(jobs: Jobs, static: dict[str, str]) -> None:
    jobs.tune("tuning", static=static, jobs=3, parallel=2, config=TARGET)
    first, _ = eventually(lambda: sorted(jobs.folder.glob("gate.*")), lambda found: len(found) == 2)
    first.with_name(f"{first.name}.go").touch()


def stopped_by_the_user(jobs: Jobs, static: dict[str, str]) -> None:
    jobs.tune("tuning", static=static, jobs=3, parallel=2)
    eventually(lambda: list(jobs.folder.glob("gate.*")), lambda found: len(found) == 2)
    jobs.client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuning")


@pytest.mark.parametrize(
    ("happens", "status", "statuses"),
    [
        (given_up_by_hyperband, "Completed", ["Stopped"]),
        (not_needed_once_the_target_is_met, "Completed", ["Completed", "Stopped"]),
        (stopped_by_the_user, "Stopped", ["Stopped", "Stopped"]),
    ],
)
def test_what_was_being_stopped_ends_stopped_and_is_not_run_again(
    happens: Callable[..., None],
    status: str,
    statuses: list[str],
    new_server: Callable[..., LocalSageMaker],
    tmp_path: Path,
) -> None:
    first = new_server()
    jobs = Jobs(first, tmp_path)
    gate = tmp_path / "gate"
    happens(jobs, {"wait_for": str(gate), "on_sigterm": "ignore"})
    stopping = statuses.count("Stopped")
    eventually(lambda: jobs.trials("tuning", StatusEquals="Stopping"), lambda found: len(found) == stopping)
    first.stop()
    gate.touch()  # whatever runs once more completes
    jobs.client = boto3_client(new_server().url)
    assert jobs.tuning_ended("tuning")["HyperParameterTuningJobStatus"] == status
    trials = jobs.trials("tuning")
    assert sorted(each["TrainingJobStatus"] for each in trials) == statuses
    for trial in trials:
        assert secondary_statuses(jobs.describe(trial["TrainingJobName"])).count("Training") == 1


def secondary_statuses(job: dict[str, Any]) -> list[str]:
    return [each["Status"] for each in job["SecondaryStatusTransitions"]]
