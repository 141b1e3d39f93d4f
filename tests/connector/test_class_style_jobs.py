"""Functions of class style as propeller runs them: over gRPC, in jobs that read and write where Flyte says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import pytest
from flyteidl.core.execution_pb2 import TaskExecution

from tests.sdk import functions
from tests.sdk.test_task_jobs import RANGES, SEARCH

from .conftest import Flyte


@pytest.fixture
def inputs(csv_data: Any) -> dict[str, Any]:
    data = {"train": str(csv_data.train), "validation": str(csv_data.validation)}
    return {**data, "hyperparameters": {"ccp_alpha": 0.0}, "rate": 0.0, "shrink": True}


async def test_what_the_function_sets_is_what_the_task_leaves(flyte: Flyte, inputs: dict[str, Any]) -> None:
    meta = await flyte.create(functions.train_tree, {**inputs, "depth": 3, "kernel": "rbf"})
    resource = await flyte.end(functions.train_tree, meta)

    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    outputs = flyte.plain_outputs(meta)
    assert set(outputs) == {"model", "seen", "error"}
    assert outputs["seen"]["depth"] == 3
    assert Path(outputs["model"]).is_relative_to(flyte.prefixes[meta] / "raw")
    assert joblib.load(outputs["model"]).get_depth() == 3
    assert "validation:error" in flyte.deck(meta)


async def test_the_best_trial_leaves_what_its_function_set(flyte: Flyte, inputs: dict[str, Any]) -> None:
    meta = await flyte.create(functions.tune_tree, {**inputs, **RANGES, "hyperparameter_tuning_job_config": SEARCH})
    resource = await flyte.end(functions.tune_tree, meta)

    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    outputs = flyte.plain_outputs(meta)
    assert set(outputs) == set(functions.tune_tree.python_interface.outputs)
    assert outputs["best_objective"] == pytest.approx(outputs["error"])
    assert joblib.load(outputs["model"]).get_depth() <= int(outputs["best_hyperparameters"]["depth"])


async def test_a_failure_of_the_function_is_the_users(flyte: Flyte) -> None:
    meta = await flyte.create(functions.forget, {"hyperparameters": {"what": "set one"}})
    resource = await flyte.end(functions.forget, meta)
    assert resource.phase == TaskExecution.FAILED
    assert "model was never set" in resource.message
