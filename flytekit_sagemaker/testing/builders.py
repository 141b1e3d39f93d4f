"""Builders of minimal valid values, so that a test states only what it is about.

Each takes the fields to change: ``training_job_config(instance_count=2)`` is valid and differs from
``training_job_config()`` in that field alone. Everything fits together: the tuning job trains the training job, its
objective is a metric of that algorithm, and the inputs are those of its channels.
"""

from __future__ import annotations

from typing import Any

from flytekit_sagemaker.models.channels import Channel
from flytekit_sagemaker.models.hpo_job import (
    HyperparameterTuningJob,
    HyperparameterTuningJobConfig,
    HyperparameterTuningObjective,
)
from flytekit_sagemaker.models.parameter_ranges import ContinuousParameterRange, ParameterRangeOneOf, ParameterRanges
from flytekit_sagemaker.models.training_job import (
    AlgorithmSpecification,
    StoppingCondition,
    TrainingJob,
    TrainingJobConfig,
)
from flytekit_sagemaker.requests.deployment import Deployment
from flytekit_sagemaker.requests.names import JobIdentity
from flytekit_sagemaker.requests.training import JobInputs
from flytekit_sagemaker.types import (
    AlgorithmName,
    HyperparameterTuningObjectiveType,
    HyperparameterTuningStrategy,
)

__all__ = [
    "algorithm_specification",
    "deployment",
    "job_identity",
    "job_inputs",
    "stopping_condition",
    "training_job",
    "training_job_config",
    "tuning_config",
    "tuning_job",
]


def algorithm_specification(**changes: Any) -> AlgorithmSpecification:
    """Built-in XGBoost in a fixed version."""
    fields = {"algorithm_name": AlgorithmName.XGBOOST, "algorithm_version": "1.7-1"}
    return AlgorithmSpecification(**{**fields, **changes})


def training_job_config(**changes: Any) -> TrainingJobConfig:
    """One small instance."""
    return TrainingJobConfig(**{"instance_type": "ml.m5.xlarge", "volume_size_in_gb": 10, **changes})


def stopping_condition(**changes: Any) -> StoppingCondition:
    """One hour."""
    return StoppingCondition(**{"max_runtime_in_seconds": 3600, **changes})


def training_job(**changes: Any) -> TrainingJob:
    """Built-in XGBoost on one instance with the channels ``train`` and ``validation``."""
    fields = {
        "algorithm_specification": algorithm_specification(),
        "training_job_config": training_job_config(),
        "channels": (Channel(name="train"), Channel(name="validation", required=False)),
    }
    return TrainingJob(**{**fields, **changes})


def tuning_job(**changes: Any) -> HyperparameterTuningJob:
    """Four trials of :func:`training_job`, two at a time."""
    fields = {"training_job": training_job(), "max_number_of_training_jobs": 4, "max_parallel_training_jobs": 2}
    return HyperparameterTuningJob(**{**fields, **changes})


def tuning_config(**changes: Any) -> HyperparameterTuningJobConfig:
    """A random search for the ``eta`` with the least ``validation:rmse``."""
    objective = HyperparameterTuningObjectiveType.MINIMIZE
    eta = ParameterRangeOneOf(param=ContinuousParameterRange(min_value=0.1, max_value=0.5))
    fields = {
        "tuning_strategy": HyperparameterTuningStrategy.RANDOM,
        "tuning_objective": HyperparameterTuningObjective(objective_type=objective, metric_name="validation:rmse"),
        "hyperparameter_ranges": ParameterRanges(parameter_range_map={"eta": eta}),
    }
    return HyperparameterTuningJobConfig(**{**fields, **changes})


def job_inputs(**changes: Any) -> JobInputs:
    """What one execution gives to :func:`training_job`."""
    fields = {
        "static_hyperparameters": {"num_round": 10},
        "channels": {"train": "s3://bucket/train", "validation": "s3://bucket/validation"},
        "stopping_condition": stopping_condition(),
    }
    return JobInputs(**{**fields, **changes})


def deployment(**changes: Any) -> Deployment:
    """The defaults of an account in us-east-1."""
    fields = {
        "region": "us-east-1",
        "role_arn": "arn:aws:iam::123456789012:role/SageMaker",
        "output_path": "s3://bucket/output",
    }
    return Deployment(**{**fields, **changes})


def job_identity(**changes: Any) -> JobIdentity:
    """The first attempt of one node of a Flyte execution."""
    fields = {"project": "flytesnacks", "domain": "development", "execution": "f6a1b2c3d4e5", "node": "n0"}
    return JobIdentity(**{**fields, **changes})
