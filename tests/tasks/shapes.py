"""Workflows of every shape around training jobs."""

from __future__ import annotations

from pathlib import Path

from flytekit import dynamic, task, workflow
from flytekit.types.directory import FlyteDirectory

from flytekit_sagemaker import SdkSimpleTrainingJobTask
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, TrainingJobConfig

from .mapped import root

train = SdkSimpleTrainingJobTask(
    TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10),
    AlgorithmSpecification(algorithm_name="XGBOOST", algorithm_version="1.7-1"),
    cacheable=True,
    cache_version="1",
)
FEW_ROUNDS = {"num_round": 2, "objective": "binary:logistic"}


@task
def same(data: FlyteDirectory) -> FlyteDirectory:
    """The data, of another task."""
    return data


@task
def length(metrics: dict) -> int:
    """How many there are."""
    return len(metrics)


@workflow
def prepared_and_trained(folder: FlyteDirectory, validation: FlyteDirectory) -> str:
    """A task's data trains."""
    data = same(data=folder)
    return train(static_hyperparameters=FEW_ROUNDS, train=data, validation=validation).training_job_name


@dynamic
def fanned_out(folders: list[FlyteDirectory], validation: str) -> list[int]:
    """A job for each folder."""
    trained = [train(static_hyperparameters=FEW_ROUNDS, train=each, validation=validation) for each in folders]
    return [length(metrics=each.final_metrics) for each in trained]


@task
def note(place: str, square: int) -> None:
    """Leave a note."""
    Path(place).write_text(f"no root of {square}")


@workflow(on_failure=note)
def noted(place: str, square: int) -> float:
    """A job whose failure is noted."""
    return root(square=square)
