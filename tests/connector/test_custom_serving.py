"""The proposal's custom example over the services as they are started: `pyflyte serve connector`, and `serve`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from flyteidl.core.execution_pb2 import TaskExecution
from flyteidl.service.agent_pb2_grpc import AsyncAgentServiceStub

from examples import custom_xgboost, proposal
from tests.test_cli import serving

from .conftest import Flyte
from .service import served


@pytest.fixture
async def propeller(tmp_path: Path) -> AsyncIterator[Flyte]:
    with serving(tmp_path / "sagemaker") as url:
        (tmp_path / "connector").mkdir()
        with served(tmp_path / "connector", settings={"endpoint_url": url}) as connector:
            async with grpc.aio.insecure_channel(connector.address) as channel:
                yield Flyte(AsyncAgentServiceStub(channel), tmp_path)


async def test_the_custom_example_is_trained_and_tuned(propeller: Flyte, csv_data: Any) -> None:
    train, tune = custom_xgboost.train_xgboost, custom_xgboost.tune_xgboost
    inputs = {
        "train": str(csv_data.train),
        "validation": str(csv_data.validation),
        "hyperparameters": {"min_child_weight": 0.5},
        "rounds": 20,
        "patience": 5,
    }
    meta = await propeller.create(train, inputs)
    resource = await propeller.end(train, meta)
    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    trained = propeller.plain_outputs(meta)
    assert set(trained) == {"model", "history"}

    objective = {"objective_type": "MINIMIZE", "metric_name": "validation:logloss"}
    search = {
        "hyperparameter_tuning_job_config": {"tuning_strategy": "RANDOM", "tuning_objective": objective},
        "eta": {"continuous_parameter_range": {"min_value": 0.05, "max_value": 0.5}},
        "max_depth": {"integer_parameter_range": {"min_value": 2, "max_value": 6}},
        "subsample": {"continuous_parameter_range": {"min_value": 0.5, "max_value": 1.0}},
    }
    meta = await propeller.create(tune, {**inputs, **search})
    resource = await propeller.end(tune, meta)
    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    tuned = propeller.plain_outputs(meta)
    assert set(tuned) == set(tune.python_interface.outputs)
    assert min(tuned["history"]["validation"]) == pytest.approx(tuned["best_objective"])
    assert 2 <= int(tuned["best_hyperparameters"]["max_depth"]) <= 6
    assert tuned["best_hyperparameters"]["min_child_weight"] == "0.5"
    assert Path(tuned["model"]).name == "model.json"


async def test_the_proposals_own_function_is_trained(propeller: Flyte) -> None:
    train = proposal.custom_xgboost_training_job_task
    meta = await propeller.create(train, proposal.custom_inputs)
    resource = await propeller.end(train, meta)
    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    trained = propeller.plain_outputs(meta)
    assert set(trained) == {"model", "custom_output1"}
    assert Path(trained["model"]).name == "model.ubj"
    history = json.loads(Path(trained["custom_output1"]).read_text())["validation_0"]["sample_eval_function"]
    assert len(history) == proposal.custom_inputs["hyperparameters"]["n_estimators"]
