"""A tuning job of a function starts from one in which an input had a fixed value that is tuned now."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from flytekit_sagemaker.local.server import LocalSageMaker
from tests.tasks import functions

FIXED = {"sharp": True, "label": "1e3", "api_token": "s3cr3t-of-mine"}


def search(*parents: str) -> dict[str, Any]:
    warm_start = {"warm_start_type": "TRANSFER_LEARNING", "parent_hyperparameter_tuning_jobs": list(parents)}
    objective = {"objective_type": "MINIMIZE", "metric_name": "loss"}
    config = {"tuning_strategy": "RANDOM", "tuning_objective": objective}
    return {**config, "warm_start_config": warm_start} if parents else config


@pytest.fixture
def rate() -> dict[str, Any]:
    return {"continuous_parameter_range": {"min_value": 0.25, "max_value": 0.5}}


def test_what_was_fixed_in_the_parent_is_tuned(use_sagemaker: LocalSageMaker, rate: dict[str, Any]) -> None:
    parent = functions.tune_rate(rate=rate, depth=3, hyperparameter_tuning_job_config=search(), **FIXED)
    assert parent.o0 == {"depth": 3, "rate": parent.o0["rate"], **FIXED}, "texts become the inputs again"
    assert parent.best_hyperparameters == {
        "depth": "3",
        "rate": str(parent.o0["rate"]),
        "sharp": "true",
        "label": "1e3",
    }, "a secret is not shown"
    depth = {"integer_parameter_range": {"min_value": 7, "max_value": 9}}
    config = search(parent.hpo_job_name)
    child = functions.tune_rate_and_depth(rate=rate, depth=depth, hyperparameter_tuning_job_config=config, **FIXED)
    assert 7 <= child.o0["depth"] <= 9


def test_what_is_tuned_by_the_config_is_not_fixed_as_well(use_sagemaker: LocalSageMaker, rate: dict[str, Any]) -> None:
    depth = {"integer_parameter_range": {"min_value": 7, "max_value": 9}}
    config = {**search(), "hyperparameter_ranges": {"parameter_range_map": {"depth": depth}}}
    tuned = functions.tune_rate(rate=rate, depth=3, hyperparameter_tuning_job_config=config, **FIXED)
    assert 7 <= tuned.o0["depth"] <= 9
    boto = boto3.client(
        "sagemaker",
        region_name="us-east-1",
        endpoint_url=use_sagemaker.url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    described = boto.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuned.hpo_job_name)
    assert described["TrainingJobDefinition"]["StaticHyperParameters"].keys() & {"depth", "rate"} == set()
