"""Functions that train, as users write them; registered with the tests' sandbox by pyflyte."""

from __future__ import annotations

from flytekit import workflow

from flytekit_sagemaker import custom_training_job_task, report_metric
from flytekit_sagemaker.models.training_job import StoppingCondition, TrainingJobConfig

CONFIG = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10)


@custom_training_job_task(training_job_config=CONFIG)
def fit(depth: int) -> float:
    report_metric("loss", depth / 10)
    return depth / 10


@custom_training_job_task(training_job_config=CONFIG, cacheable=True, cache_version="1")
def fit_once(depth: int) -> float:
    report_metric("loss", depth / 10)
    return depth / 10


@workflow
def fitting(depth: int, limit: StoppingCondition) -> float:
    return fit_once(depth=depth, stopping_condition=limit)
