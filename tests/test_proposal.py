"""The tasks of the SageMaker-on-Flyte proposal with the inputs that notebooks of its time gave them."""

from __future__ import annotations

from typing import Any

import pytest

from examples.proposal import xgboost_simple_hpo_task, xgboost_simple_train_task
from flytekit_sagemaker import types as _sdk_sagemaker_types
from flytekit_sagemaker.models import hpo_job as hpo_job_models
from flytekit_sagemaker.models import parameter_ranges
from flytekit_sagemaker.models.training_job import StoppingCondition

from .requests import samples

# Every hyperparameter that a notebook of that time passed, as texts.
LEGACY_HYPERPARAMETERS = {
    **samples.LEGACY_HYPERPARAMETERS,
    "num_round": "8",
    "prob_buffer_row": "1.0",
    "silent": "0",
    "eta": "0.3",
    "gamma": "0.0",
    "max_depth": "6",
    "min_child_weight": "1.0",
    "max_delta_step": "0.0",
    "subsample": "1.0",
    "colsample_bytree": "1.0",
    "colsample_bylevel": "1.0",
    "lambda": "1.0",
    "alpha": "0.0",
}


@pytest.fixture(autouse=True)
def without_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs run, whatever earlier runs of the tests have left."""
    monkeypatch.setenv("FLYTE_LOCAL_CACHE_ENABLED", "false")


@pytest.fixture
def channels(csv_data: Any) -> dict[str, str]:
    return {"train": str(csv_data.train), "validation": str(csv_data.validation)}


def test_the_training_job_task_runs(use_sagemaker: Any, channels: dict[str, str]) -> None:
    result = xgboost_simple_train_task(
        static_hyperparameters=LEGACY_HYPERPARAMETERS,
        stopping_condition=StoppingCondition(
            max_runtime_in_seconds=43200,
        ).to_flyte_idl(),
        **channels,
    )
    assert 0 < result.final_metrics["validation:rmse"] < 1


def test_the_tuning_job_task_runs(use_sagemaker: Any, channels: dict[str, str]) -> None:
    result = xgboost_simple_hpo_task(
        static_hyperparameters=LEGACY_HYPERPARAMETERS,
        stopping_condition=StoppingCondition(max_runtime_in_seconds=43200).to_flyte_idl(),
        hyperparameter_tuning_job_config=hpo_job_models.HyperparameterTuningJobConfig(
            hyperparameter_ranges=parameter_ranges.ParameterRanges(
                parameter_range_map={
                    "num_round": parameter_ranges.ParameterRangeOneOf(
                        param=parameter_ranges.IntegerParameterRange(
                            min_value=3,
                            max_value=10,
                            scaling_type=_sdk_sagemaker_types.HyperparameterScalingType.LINEAR,
                        )
                    ),
                    "gamma": parameter_ranges.ParameterRangeOneOf(
                        param=parameter_ranges.ContinuousParameterRange(
                            min_value=0.0,
                            max_value=0.3,
                            scaling_type=_sdk_sagemaker_types.HyperparameterScalingType.LINEAR,
                        )
                    ),
                }
            ),
            tuning_strategy=_sdk_sagemaker_types.HyperparameterTuningStrategy.BAYESIAN,
            tuning_objective=hpo_job_models.HyperparameterTuningObjective(
                objective_type=_sdk_sagemaker_types.HyperparameterTuningObjectiveType.MINIMIZE,
                metric_name="validation:error",
            ),
            training_job_early_stopping_type=_sdk_sagemaker_types.TrainingJobEarlyStoppingType.AUTO,
        ).to_flyte_idl(),
        **channels,
    )
    assert result.model.path.endswith("model.tar.gz")
    assert 3 <= int(result.best_hyperparameters["num_round"]) <= 10
    assert result.best_hyperparameters["silent"] == "0"
