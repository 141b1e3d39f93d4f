"""Functions of users as propeller runs them: over gRPC, in jobs that read and write where Flyte says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from flyteidl.core import errors_pb2, literals_pb2
from flyteidl.core.execution_pb2 import TaskExecution
from flytekit.models.literals import LiteralMap

from flytekit_sagemaker.connector.literals import plain_values
from tests.tasks import functions

from .conftest import Flyte, execution

SEARCH = {
    "tuning_strategy": "RANDOM",
    "tuning_objective": {"objective_type": "MINIMIZE", "metric_name": "validation:error"},
}
RANGES = {
    "depth": {"integer_parameter_range": {"min_value": 1, "max_value": 9}},
    "rate": {"continuous_parameter_range": {"min_value": 0.1, "max_value": 0.9}},
    "kernel": {"categorical_parameter_range": {"values": ["linear", "rbf"]}},
}


@pytest.fixture
def inputs(csv_data: Any) -> dict[str, Any]:
    return {"train": str(csv_data.train), "hyperparameters": {"target": 0.25}, "weights": None, "validation": None}


@pytest.fixture
def boto(use_sagemaker: Any) -> Any:
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return boto3.client("sagemaker", region_name="us-east-1", endpoint_url=use_sagemaker.url, **keys)


def plain(content: bytes) -> dict[str, Any]:
    return plain_values(LiteralMap.from_flyte_idl(literals_pb2.LiteralMap.FromString(content)))


async def test_the_outputs_of_the_function_are_those_of_the_task(flyte: Flyte, inputs: dict[str, Any]) -> None:
    who = execution()
    who.environment_variables["FLYTE_INTERNAL_EXECUTION_ID"] = "f7"
    meta = await flyte.create(functions.train_model, {**inputs, "depth": 3}, who)
    resource = await flyte.end(functions.train_model, meta)

    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    outputs = plain((flyte.prefixes[meta] / "outputs.pb").read_bytes())
    assert set(outputs) == {"model", "error", "seen"}
    assert outputs["seen"]["depth"] == 3
    assert outputs["seen"]["execution"] == "f7"
    assert Path(outputs["model"]).is_relative_to(flyte.prefixes[meta] / "raw")
    assert "validation:error" in flyte.deck(meta)


async def test_each_trial_has_a_place_of_its_own(flyte: Flyte, inputs: dict[str, Any], boto: Any) -> None:
    given = {**inputs, **RANGES, "hyperparameter_tuning_job_config": SEARCH}
    meta = await flyte.create(functions.tune_model, given)
    resource = await flyte.end(functions.tune_model, meta)

    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    outputs = plain((flyte.prefixes[meta] / "outputs.pb").read_bytes())
    assert set(outputs) == set(functions.tune_model.python_interface.outputs)
    names = [
        each["TrainingJobName"]
        for each in boto.list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=outputs["hpo_job_name"]
        )["TrainingJobSummaries"]
    ]
    assert len(names) == 4
    errors = {name: plain(trial_file(flyte, meta, name, "outputs.pb"))["error"] for name in names}
    assert errors[outputs["best_job_name"]] == min(errors.values()) == outputs["error"]
    assert outputs["best_objective"] == pytest.approx(outputs["error"])


def trial_file(flyte: Flyte, meta: bytes, trial: str, name: str) -> bytes:
    return (flyte.prefixes[meta] / "trials" / trial / name).read_bytes()


@pytest.mark.parametrize(
    ("kind", "phase", "words"),
    [
        ("apples", TaskExecution.FAILED, "ValueError: cannot train on apples"),
        ("recoverable", TaskExecution.RETRYABLE_FAILED, "the weather is bad"),
        ("killed", TaskExecution.FAILED, "exit code: 137"),
    ],
)
async def test_a_failure_says_whether_flyte_may_try_again(flyte: Flyte, kind: str, phase: int, words: str) -> None:
    meta = await flyte.create(functions.fail, {"kind": kind})
    resource = await flyte.end(functions.fail, meta)

    assert resource.phase == phase
    assert words.lower() in resource.message.lower()
    assert not (flyte.prefixes[meta] / "outputs.pb").exists()
    if kind != "killed":
        error = errors_pb2.ErrorDocument.FromString((flyte.prefixes[meta] / "error.pb").read_bytes()).error
        assert words in f"ValueError: {error.message}"


@pytest.mark.parametrize(
    ("kinds", "phase", "words"),
    [
        (["apples", "pears"], TaskExecution.FAILED, "ValueError: cannot train on"),
        (["recoverable"], TaskExecution.RETRYABLE_FAILED, "the weather is bad"),
    ],
)
async def test_a_tuning_job_whose_trials_all_fail_says_why(
    flyte: Flyte, kinds: list[str], phase: int, words: str
) -> None:
    tune = functions.tune_failure
    chosen = {"categorical_parameter_range": {"values": kinds}}
    meta = await flyte.create(tune, {"kind": chosen, "hyperparameter_tuning_job_config": SEARCH})
    resource = await flyte.end(tune, meta)

    assert resource.phase == phase
    assert words in resource.message


async def test_a_template_without_a_container_is_refused(flyte: Flyte, inputs: dict[str, Any], boto: Any) -> None:
    meta = await flyte.create(functions.train_model, {**inputs, "depth": 3}, without_container=True)
    resource = await flyte.end(functions.train_model, meta)

    assert resource.phase == TaskExecution.FAILED
    assert "container is required" in resource.message
