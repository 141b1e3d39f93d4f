"""Why there is no job is said in the words in which the user of the task said what it is to be."""

from __future__ import annotations

from typing import Any

import botocore
import pytest

from flytekit_sagemaker import SdkSimpleHPOJobTask, SdkSimpleTrainingJobTask, custom_training_job_task
from flytekit_sagemaker.errors import JobNotCreated

MACHINES = {"instance_type": "ml.m5.xlarge", "volume_size_in_gb": 10}
SPOT = {**MACHINES, "enable_managed_spot_training": True}
XGBOOST = {"algorithm_name": "XGBOOST", "algorithm_version": "1.7-1"}
ANY_OWN = {"algorithm_name": "CUSTOM", "training_image": "registry/own:1"}
AN_HOUR = {"max_runtime_in_seconds": 3600}
AUC = {"objective_type": "MAXIMIZE", "metric_name": "validation:auc"}

pytestmark = pytest.mark.usefixtures("use_sagemaker")


@pytest.fixture
def data(csv_data: Any) -> dict[str, str]:
    return {"train": str(csv_data.train), "validation": str(csv_data.validation)}


def between(low: float, high: float, **changes: Any) -> dict[str, Any]:
    return {"continuous_parameter_range": {"min_value": low, "max_value": high, **changes}}


def in_map(**ranges: Any) -> dict[str, Any]:
    return {"parameter_range_map": ranges}


def search(**changes: Any) -> dict[str, Any]:
    return {"tuning_strategy": "BAYESIAN", "tuning_objective": AUC, **changes}


def tuned(training_job: Any, **changes: Any) -> SdkSimpleHPOJobTask:
    limits = {"max_number_of_training_jobs": 20, "max_parallel_training_jobs": 5}
    return SdkSimpleHPOJobTask(training_job=training_job, **{**limits, **changes})


def said(task: Any, **inputs: Any) -> list[str]:
    """The lines of the message."""
    with pytest.raises(JobNotCreated) as refused:
        task(**inputs)
    return str(refused.value).split("\n")


def test_a_training_job(data: dict[str, str]) -> None:
    task = SdkSimpleTrainingJobTask(
        training_job_config={
            **SPOT,
            "instance_configs": [{**MACHINES, "instance_type": "ml.m5.xxlarge"}],
            "tags": {"aws:team": "ml"},
            "environment": {"LOG LEVEL": "debug"},
        },
        algorithm_specification=XGBOOST,
        channels=["train", {"name": "validation", "content_type": "text/cvs"}, "extra"],
        overrides={"StoppingCondition": {"MaxPendingTimeInSeconds": 5}, "EnableNetworkIsolaton": True},
    )
    inputs = {**data, "extra": data["train"], "stopping_condition": AN_HOUR}
    assert said(task, static_hyperparameters={"eta": 3, "num_rounds": 2}, **inputs) == [
        "the training job is not valid; 12 problems:",
        "  - training_job_config.environment.LOG LEVEL = 'LOG LEVEL': must be a name of letters, digits and _ "
        "that does "
        "not start with a digit",
        "  - training_job_config.instance_configs[0].instance_type = 'ml.m5.xxlarge': is no instance type. Did "
        "you mean "
        "'ml.m5.xlarge'?",
        "  - overrides.StoppingCondition.MaxPendingTimeInSeconds = 5: must be at least 1800",
        "  - overrides.EnableNetworkIsolaton = True: is not a member of CreateTrainingJobRequest in botocore "
        f"{botocore.__version__}; a newer one may know it. Did you mean 'EnableNetworkIsolation'?",
        "  - stopping_condition.max_wait_time_in_seconds is required with managed spot training. Give at least "
        "max_runtime_in_seconds.",
        "  - training_job_config.instance_configs cannot be combined with managed spot training. Leave them out, "
        "or the "
        "spot instances.",
        "  - training_job_config.tags.aws:team = 'aws:team': must not start with aws:, which is reserved",
        "  - static_hyperparameters.eta = 3: must be a number in [0, 1]",
        "  - static_hyperparameters.num_rounds = 2: is no hyperparameter of XGBOOST 1.7-1. Did you mean 'num_round'?",
        "  - static_hyperparameters.num_round is required. Set num_round.",
        "  - channels.validation.content_type = 'text/cvs': must have one of the content types text/csv, csv, "
        "text/libsvm, text/x-libsvm, libsvm, application/x-parquet, parquet, application/x-recordio-protobuf, "
        "recordio-protobuf. Did you mean 'text/csv'?",
        "  - channels.extra must be a channel of XGBOOST: train, validation, code. Did you mean 'train'?",
    ]


def test_a_tuning_job(data: dict[str, str]) -> None:
    training_job = SdkSimpleTrainingJobTask(
        MACHINES, {**XGBOOST, "input_mode": "PIPE"}, overrides={"RetryStrategy": {"MaximumRetryAttempts": 99}}
    )
    task = tuned(
        training_job,
        max_number_of_training_jobs=800,
        tunable_parameters=["eta"],
        overrides={"HyperParameterTuningJobConfig": {"RandomSeed": -1}},
    )
    config = search(
        tuning_strategy="HYPERBAND",
        tuning_objective={**AUC, "metric_name": "validation:acc"},
        hyperparameter_ranges=in_map(gammo=between(0, 1)),
        warm_start_config={
            "warm_start_type": "TRANSFER_LEARNING",
            "parent_hyperparameter_tuning_jobs": ["nobody"],
        },
    )
    stopping = {**AN_HOUR, "max_wait_time_in_seconds": 7200}
    given = {"static_hyperparameters": {"num_rounds": 3, "max_depth": "x"}, "stopping_condition": stopping, **data}
    given["validation"] = "/no/such/folder"
    assert said(task, hyperparameter_tuning_job_config=config, eta=between(0.5, 1.5), **given) == [
        "the tuning job is not valid; 13 problems:",
        "  - overrides.HyperParameterTuningJobConfig.RandomSeed = -1: must be at least 0",
        "  - training_job.overrides.RetryStrategy.MaximumRetryAttempts = 99: must be at most 30",
        "  - max_number_of_training_jobs = 800: must be at most 750",
        "  - hyperparameter_tuning_job_config.hyperband_max_resource is required with HYPERBAND, which has to know "
        "how many rounds or epochs a trial may have. Set it.",
        "  - stopping_condition.max_wait_time_in_seconds = 7200: is for managed spot training only. Leave it out, or "
        "enable spot training.",
        "  - static_hyperparameters.num_rounds = 3: is no hyperparameter of XGBOOST 1.7-1. Did you mean 'num_round'?",
        "  - static_hyperparameters.max_depth = 'x': must be an integer in [0, inf)",
        "  - hyperparameter_tuning_job_config.hyperparameter_ranges.parameter_range_map.gammo = 0 to 1: is no "
        "hyperparameter of XGBOOST 1.7-1. Did you mean 'gamma'?",
        "  - eta = 0.5 to 1.5: max_value must be a number in [0, 1]",
        "  - static_hyperparameters.num_round is required. Set num_round.",
        "  - hyperparameter_tuning_job_config.tuning_objective.metric_name = 'validation:acc': must be an objective "
        "metric of XGBOOST 1.7-1: validation:auc or 32 others. Did you mean 'validation:auc'?",
        "  - hyperparameter_tuning_job_config.warm_start_config.parent_hyperparameter_tuning_jobs[0] = 'nobody': "
        "does not exist. Name a tuning job of this account and region.",
        "  - validation = '/no/such/folder': must exist. Check the spelling of the path.",
    ]


def test_several_definitions(data: dict[str, str]) -> None:
    line = {"algorithm_name": "LINEAR_LEARNER", "algorithm_version": "9"}
    jobs = {
        "trees": SdkSimpleTrainingJobTask(MACHINES, XGBOOST, overrides={"EnableNetworkIsolation": "yes"}),
        "line": SdkSimpleTrainingJobTask({**MACHINES, "subnets": ["subnet-1"], "security_group_ids": ["sg-1"]}, line),
    }
    config = search(
        training_job_early_stopping_type="AUTO",
        hyperparameter_ranges=in_map(eta=between(0.1, 3.5)),
        training_job_definitions={
            "line": {
                "hyperparameter_ranges": in_map(learning_rate=between(0, 2)),
                "tuning_objective": {"objective_type": "MAXIMIZE", "metric_name": "validation:objective_los"},
            }
        },
        warm_start_config={"warm_start_type": "TRANSFER_LEARNING", "parent_hyperparameter_tuning_jobs": ["one"]},
    )
    static = {"trees": {"num_rounds": 5}, "line": {"predictor_type": "regresor"}, "tree": {}}
    assert said(tuned(jobs), static_hyperparameters=static, hyperparameter_tuning_job_config=config, **data) == [
        "the tuning job is not valid; 12 problems:",
        "  - static_hyperparameters.tree = {}: is for none of the task's training jobs. Did you mean 'trees'?",
        "  - training_job.line.algorithm_specification.algorithm_version = '9': must be one of 1, or empty for the "
        "newest",
        "  - training_job.trees.overrides.EnableNetworkIsolation = 'yes': must be True or False",
        "  - hyperparameter_tuning_job_config.warm_start_config is for a single training job definition",
        "  - hyperparameter_tuning_job_config.training_job_early_stopping_type = 'AUTO': must be OFF with several "
        "training job definitions",
        "  - static_hyperparameters.line.predictor_type = 'regresor': must be one of binary_classifier, "
        "multiclass_classifier, regressor. Did you mean 'regressor'?",
        "  - "
        "hyperparameter_tuning_job_config.training_job_definitions.line.hyperparameter_ranges.parameter_range_map."
        "learning_rate "
        "= 0 to 2: min_value must be a number in (0, inf), or 'auto'",
        "  - hyperparameter_tuning_job_config.training_job_definitions.line.tuning_objective.metric_name = "
        "'validation:objective_los': must be an objective metric of LINEAR_LEARNER 1: test:objective_loss, "
        "validation:objective_loss or 27 others. Did you mean 'validation:objective_loss'?",
        "  - static_hyperparameters.trees.num_rounds = 5: is no hyperparameter of XGBOOST 1.7-1. Did you mean "
        "'num_round'?",
        "  - hyperparameter_tuning_job_config.hyperparameter_ranges.parameter_range_map.eta = 0.1 to 3.5: max_value "
        "must be a number in [0, 1]",
        "  - static_hyperparameters.trees.num_round is required. Set num_round.",
        "  - static_hyperparameters.trees.objective does not go with the tuning objective auc, which needs a binary: "
        "or rank: objective; every trial would fail. Tune for rmse or mae, or set the objective.",
    ]


@custom_training_job_task(
    training_job_config=SPOT, environment={"LOG LEVEL": "debug"}, algorithm_specification={"input_mode": "FILE"}
)
def learn(depth: int, rate: float, epochs: int, hyperparameters: dict[str, int]) -> float:
    return rate / depth


def test_a_function() -> None:
    given = {"depth": 2, "rate": 0.5, "epochs": 1, "hyperparameters": {"width": 3}, "stopping_condition": AN_HOUR}
    assert said(learn, **given) == [
        "the training job is not valid: stopping_condition.max_wait_time_in_seconds is required with managed spot "
        "training. Give at least max_runtime_in_seconds."
    ]


def test_a_function_that_is_tuned() -> None:
    task = tuned(learn, max_number_of_training_jobs=800, tunable_parameters=["rate"])
    given = {"depth": 2, "epochs": 0, "hyperparameters": {"width": 3}, "stopping_condition": AN_HOUR}
    config = search(tuning_strategy="HYPERBAND")
    assert said(task, hyperparameter_tuning_job_config=config, rate=between(0.1, 0.2), **given) == [
        "the tuning job is not valid; 3 problems:",
        "  - max_number_of_training_jobs = 800: must be at most 750",
        "  - epochs = 0: must be a whole number above 0: HYPERBAND takes it for the most epochs of a trial. Or set "
        "hyperband_max_resource.",
        "  - stopping_condition.max_wait_time_in_seconds is required with managed spot training. Give at least "
        "max_runtime_in_seconds.",
    ]
