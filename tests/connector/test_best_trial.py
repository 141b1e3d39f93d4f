"""The trial whose outputs a tuning job's task has, where the best one left none: outputs, report and terminal agree."""

from __future__ import annotations

import asyncio
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.execution_pb2 import TaskExecution
from google.protobuf import json_format

from flytekit_sagemaker import SdkSimpleHPOJobTask, SdkSimpleTrainingJobTask
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, TrainingJobConfig
from flytekit_sagemaker.reporting.progress import Progress, progress_line
from flytekit_sagemaker.types import AlgorithmName

from .conftest import Flyte

TRAIN = SdkSimpleTrainingJobTask(
    training_job_config=TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10),
    algorithm_specification=AlgorithmSpecification(algorithm_name=AlgorithmName.XGBOOST, algorithm_version="1.7-1"),
)
TUNE = SdkSimpleHPOJobTask(
    training_job={"endless": TRAIN, "short": TRAIN}, max_number_of_training_jobs=2, max_parallel_training_jobs=2
)
BINARY = {"objective": "binary:logistic", "max_depth": 3}
ENDLESS, SHORT = {**BINARY, "num_round": 1_000_000}, {**BINARY, "num_round": 1}
OBJECTIVE = {"objective_type": "MINIMIZE", "metric_name": "validation:logloss"}
# The more of it, the better by far: what is trained on is what is validated on.
ETA = {"parameter_range_map": {"eta": {"continuous_parameter_range": {"min_value": 0.3, "max_value": 0.31}}}}
WORSE = {"parameter_range_map": {"eta": {"continuous_parameter_range": {"min_value": 0.01, "max_value": 0.02}}}}


async def tuned(flyte: Flyte, boto: Any, csv_data: Any, static: dict[str, Any]) -> tuple[bytes, Any]:
    """A tuning job whose endless trials are stopped as soon as they have an objective."""
    config = {
        "tuning_strategy": "RANDOM",
        "tuning_objective": OBJECTIVE,
        "training_job_definitions": {
            "endless": {"hyperparameter_ranges": ETA},
            "short": {"hyperparameter_ranges": WORSE},
        },
    }
    inputs = {
        "static_hyperparameters": static,
        "train": str(csv_data.train),
        "validation": str(csv_data.train),
        "stopping_condition": {"max_runtime_in_seconds": 600},
        "hyperparameter_tuning_job_config": config,
    }
    meta = await flyte.create(TUNE, inputs)
    name = JobMetadata.decode(meta).name
    stopped: set[str] = set()
    while len(stopped) < sum(each is ENDLESS for each in static.values()):
        await asyncio.sleep(0.02)
        listed = boto.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        for trial in (each["TrainingJobName"] for each in listed["TrainingJobSummaries"]):
            job = boto.describe_training_job(TrainingJobName=trial)
            if job["HyperParameters"]["num_round"] != "1" and "FinalMetricDataList" in job and trial not in stopped:
                boto.stop_training_job(TrainingJobName=trial)
                stopped.add(trial)
    return meta, await flyte.end(TUNE, meta)


async def test_where_the_best_trial_left_no_model_everything_names_the_one_that_did(
    flyte: Flyte, boto: Any, csv_data: Any
) -> None:
    meta, resource = await tuned(flyte, boto, csv_data, {"endless": ENDLESS, "short": SHORT})
    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    tuning = boto.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=JobMetadata.decode(meta).name)
    assert tuning["BestTrainingJob"]["TrainingJobStatus"] == "Stopped"

    outputs, page = flyte.plain_outputs(meta), flyte.deck(meta)
    progress = Progress.from_dict(json_format.MessageToDict(resource.custom_info))
    assert outputs["best_job_name"] == progress.best_trial != tuning["BestTrainingJob"]["TrainingJobName"]
    assert outputs["best_objective"] == progress.best_value
    told = f"The outputs are those of trial {progress.best_index}, the best that left a model"
    assert told in progress_line(progress)
    assert told in page
    assert f"Hyperparameters of trial {progress.best_index}" in page


async def test_where_no_trial_left_a_model_there_is_a_report_that_says_so(
    flyte: Flyte, boto: Any, csv_data: Any
) -> None:
    meta, resource = await tuned(flyte, boto, csv_data, {"endless": ENDLESS, "short": ENDLESS})
    assert resource.phase == TaskExecution.FAILED
    assert "every trial was stopped before it left a model" in resource.message
    assert "There are no outputs: " in flyte.deck(meta)
    assert "every trial was stopped before it left a model" in flyte.deck(meta)


SPOT = SdkSimpleHPOJobTask(
    training_job=SdkSimpleTrainingJobTask(
        training_job_config=TrainingJobConfig(
            instance_type="ml.m5.xlarge", volume_size_in_gb=10, enable_managed_spot_training=True
        ),
        algorithm_specification=AlgorithmSpecification(algorithm_name=AlgorithmName.XGBOOST, algorithm_version="1.7-1"),
    ),
    max_number_of_training_jobs=1,
    max_parallel_training_jobs=1,
)


async def test_a_spot_trial_that_was_interrupted_is_one_in_the_report(
    flyte: Flyte, boto: Any, csv_data: Any, use_sagemaker: Any
) -> None:
    search = {"tuning_strategy": "RANDOM", "tuning_objective": OBJECTIVE, "hyperparameter_ranges": ETA}
    inputs = {
        "static_hyperparameters": ENDLESS,
        "train": str(csv_data.train),
        "validation": str(csv_data.train),
        "stopping_condition": {"max_runtime_in_seconds": 600, "max_wait_time_in_seconds": 900},
        "hyperparameter_tuning_job_config": search,
    }
    meta = await flyte.create(SPOT, inputs)
    name = JobMetadata.decode(meta).name
    is_interrupted = is_stopped = False
    while not is_stopped:
        await asyncio.sleep(0.02)
        listed = boto.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        for trial in (each["TrainingJobName"] for each in listed["TrainingJobSummaries"]):
            if boto.describe_training_job(TrainingJobName=trial)["SecondaryStatus"] != "Training":
                continue
            if is_interrupted:
                boto.stop_training_job(TrainingJobName=trial)
                is_stopped = True
            else:
                use_sagemaker.interrupt(trial)
                is_interrupted = True
    await flyte.end(SPOT, meta)
    assert "Stopped, interrupted</td>" in flyte.deck(meta)


# A program of one's own that prints its objective, and saves a model if it is told to.
PROGRAM = """
import os
loss = float(os.environ["SM_HP_LOSS"])
print(f"loss={loss};", flush=True)
if os.environ["SM_HP_SAVED"] == "yes":
    open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write("a model")
"""
OWN = SdkSimpleTrainingJobTask(
    training_job_config=TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10),
    algorithm_specification=AlgorithmSpecification(
        algorithm_name=AlgorithmName.CUSTOM,
        training_image="own/program",
        metric_definitions=[{"name": "loss", "regex": "loss=([^;]*);"}],
    ),
    channels=["train"],
)
TUNE_OWN = SdkSimpleHPOJobTask(training_job=OWN, max_number_of_training_jobs=2, max_parallel_training_jobs=1)


@pytest.fixture
def own_program(flyte: Flyte, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "program.py").write_text(PROGRAM)
    images = {"own/program": [sys.executable, str(tmp_path / "program.py")]}
    with LocalSageMaker(tmp_path / "sagemaker", images=images) as server:
        monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", server.url)
        yield


def own_inputs(csv_data: Any, **static: str) -> dict[str, Any]:
    return {"static_hyperparameters": static, "train": str(csv_data.train)}


def search(**choices: list[str]) -> dict[str, Any]:
    ranges = {name: {"categorical_parameter_range": {"values": values}} for name, values in choices.items()}
    return {
        "hyperparameter_tuning_job_config": {
            "tuning_strategy": "GRID",
            "tuning_objective": {"objective_type": "MINIMIZE", "metric_name": "loss"},
            "hyperparameter_ranges": {"parameter_range_map": ranges},
        }
    }


def names_in(outputs: dict[str, Any]) -> list[str]:
    """The files in the archive that is the output ``model``."""
    with tarfile.open(outputs["model"]) as model:
        return model.getnames()


@pytest.mark.usefixtures("own_program")
async def test_a_tuning_job_without_models_has_its_other_outputs_all_the_same(flyte: Flyte, csv_data: Any) -> None:
    meta = await flyte.create(TUNE_OWN, {**own_inputs(csv_data, saved="no"), **search(loss=["2", "1"])})
    resource = await flyte.end(TUNE_OWN, meta)
    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    outputs = flyte.plain_outputs(meta)
    assert (outputs["best_objective"], outputs["best_hyperparameters"]["loss"]) == (1.0, "1")
    assert names_in(outputs) == []
    progress = Progress.from_dict(json_format.MessageToDict(resource.custom_info))
    told = f"Trial {progress.best_index} saved no model, so the output model is an empty archive"
    assert told in progress_line(progress)
    assert told in flyte.deck(meta)


@pytest.mark.usefixtures("own_program")
@pytest.mark.parametrize("saved", ["yes", "no"])
async def test_a_training_job_says_whether_it_saved_a_model(flyte: Flyte, csv_data: Any, saved: str) -> None:
    meta = await flyte.create(OWN, own_inputs(csv_data, loss="1", saved=saved))
    resource = await flyte.end(OWN, meta)
    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    outputs = flyte.plain_outputs(meta)
    assert outputs["final_metrics"] == {"loss": 1.0}
    assert names_in(outputs) == (["model.txt"] if saved == "yes" else [])
    assert ("saved no model" in flyte.deck(meta)) == (saved == "no")
