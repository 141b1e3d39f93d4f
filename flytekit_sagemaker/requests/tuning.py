"""From models and inputs to the body of CreateHyperParameterTuningJob. Pure: no clock, no network, no environment.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJob, HyperparameterTuningJobConfig
from flytekit_sagemaker.models.parameter_ranges import (
    CategoricalParameterRange,
    IntegerParameterRange,
    ParameterRangeOneOf,
)
from flytekit_sagemaker.models.text import text_of
from flytekit_sagemaker.requests.deployment import Deployment
from flytekit_sagemaker.requests.training import (
    BuiltRequest,
    JobInputs,
    algorithm_specification,
    hyperparameter_texts,
    job_hyperparameters,
    job_members,
    tag_list,
)
from flytekit_sagemaker.types import (
    HyperparameterScalingType,
    HyperparameterTuningObjectiveType,
    HyperparameterTuningStrategy,
    TrainingJobEarlyStoppingType,
    WarmStartType,
)

STRATEGIES = {
    HyperparameterTuningStrategy.BAYESIAN: "Bayesian",
    HyperparameterTuningStrategy.RANDOM: "Random",
    HyperparameterTuningStrategy.GRID: "Grid",
    HyperparameterTuningStrategy.HYPERBAND: "Hyperband",
}
SCALING_TYPES = {
    HyperparameterScalingType.AUTO: "Auto",
    HyperparameterScalingType.LINEAR: "Linear",
    HyperparameterScalingType.LOGARITHMIC: "Logarithmic",
    HyperparameterScalingType.REVERSELOGARITHMIC: "ReverseLogarithmic",
}
OBJECTIVE_TYPES = {
    HyperparameterTuningObjectiveType.MINIMIZE: "Minimize",
    HyperparameterTuningObjectiveType.MAXIMIZE: "Maximize",
}
EARLY_STOPPING_TYPES = {TrainingJobEarlyStoppingType.OFF: "Off", TrainingJobEarlyStoppingType.AUTO: "Auto"}
WARM_START_TYPES = {
    WarmStartType.IDENTICAL_DATA_AND_ALGORITHM: "IdenticalDataAndAlgorithm",
    WarmStartType.TRANSFER_LEARNING: "TransferLearning",
}


def tuning_request(
    job: HyperparameterTuningJob,
    config: HyperparameterTuningJobConfig,
    inputs: JobInputs,
    *,
    ranges: Mapping[str, ParameterRangeOneOf],
    name: str,
    deployment: Deployment,
    tags: Mapping[str, str],
) -> BuiltRequest:
    """The CreateHyperParameterTuningJob request of a tuning job.

    A hyperparameter that is both static and tunable is tuned.

    Args:
        job: what to tune.
        config: how to search.
        inputs: what this execution gives to each trial.
        ranges: ranges that came as inputs of the task; they win over those in ``config``.
        name: name of the job, up to 32 characters.
        deployment: defaults for what the job leaves open.
        tags: tags that identify the execution; they win over the user's.
    """
    training_job = job.training_job
    place = deployment.for_job(training_job.training_job_config)
    specification, warnings, problems = algorithm_specification(training_job.algorithm_specification, place.region)
    configured = config.hyperparameter_ranges.parameter_range_map if config.hyperparameter_ranges else {}
    tuned = {**configured, **ranges}
    given = inputs.static_hyperparameters
    dropped, _ = hyperparameter_texts({key: value for key, value in given.items() if key in tuned})
    if dropped:
        values = ", ".join(f"{key} = {value}" for key, value in dropped.items())
        what = "hyperparameters" if training_job.function else "static_hyperparameters"
        warnings += (f"{what} ({values}) are left out: they are tuned.",)
    static, without_text = job_hyperparameters(
        training_job, {key: value for key, value in given.items() if key not in tuned}
    )
    definition = {
        "StaticHyperParameters": static,
        "AlgorithmSpecification": specification,
        **job_members(training_job, inputs, place),
        "Environment": dict(training_job.training_job_config.environment or {}),
    }
    parameters: dict[str, Any] = {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": _tuning_config(job, config, tuned),
        "TrainingJobDefinition": {key: value for key, value in definition.items() if value not in ({}, [])},
        "Tags": tag_list(place.tags, tags),
    }
    if config.warm_start_config:
        parents = config.warm_start_config.parent_hyperparameter_tuning_jobs
        parameters["WarmStartConfig"] = {
            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": parent} for parent in parents],
            "WarmStartType": WARM_START_TYPES[config.warm_start_config.warm_start_type],
        }
    return BuiltRequest("CreateHyperParameterTuningJob", parameters, problems + without_text, warnings)


def parameter_ranges(ranges: Mapping[str, ParameterRangeOneOf]) -> dict[str, list[dict[str, Any]]]:
    """The ParameterRanges member, its lists in the order of the map."""
    member: dict[str, list[dict[str, Any]]] = {}
    for name, one_of in ranges.items():
        chosen = one_of.param
        if isinstance(chosen, CategoricalParameterRange):
            entry = {"Name": name, "Values": list(chosen.values)}
            member.setdefault("CategoricalParameterRanges", []).append(entry)
            continue
        whole = isinstance(chosen, IntegerParameterRange)
        entry = {
            "Name": name,
            "MinValue": text_of(chosen.min_value),
            "MaxValue": text_of(chosen.max_value),
            "ScalingType": SCALING_TYPES[chosen.scaling_type],
        }
        member.setdefault("IntegerParameterRanges" if whole else "ContinuousParameterRanges", []).append(entry)
    return member


def _tuning_config(
    job: HyperparameterTuningJob, config: HyperparameterTuningJobConfig, ranges: Mapping[str, ParameterRangeOneOf]
) -> dict[str, Any]:
    hyperband = {"MinResource": config.hyperband_min_resource, "MaxResource": config.hyperband_max_resource}
    hyperband = {name: value for name, value in hyperband.items() if value is not None}
    limits = {
        "MaxNumberOfTrainingJobs": job.max_number_of_training_jobs,
        "MaxParallelTrainingJobs": job.max_parallel_training_jobs,
        "MaxRuntimeInSeconds": config.max_runtime_in_seconds,
    }
    member: dict[str, Any] = {
        "Strategy": STRATEGIES[config.tuning_strategy],
        "HyperParameterTuningJobObjective": {
            "Type": OBJECTIVE_TYPES[config.tuning_objective.objective_type],
            "MetricName": config.tuning_objective.metric_name,
        },
        "ResourceLimits": {name: value for name, value in limits.items() if value is not None},
        "ParameterRanges": parameter_ranges(ranges),
        "TrainingJobEarlyStoppingType": EARLY_STOPPING_TYPES[config.training_job_early_stopping_type],
    }
    if hyperband:
        member["StrategyConfig"] = {"HyperbandStrategyConfig": hyperband}
    if criteria := _completion_criteria(config):
        member["TuningJobCompletionCriteria"] = criteria
    if config.random_seed is not None:
        member["RandomSeed"] = config.random_seed
    return member


def _completion_criteria(config: HyperparameterTuningJobConfig) -> dict[str, Any]:
    criteria: dict[str, Any] = {}
    if config.target_objective_metric_value is not None:
        criteria["TargetObjectiveMetricValue"] = config.target_objective_metric_value
    if config.max_number_of_training_jobs_not_improving is not None:
        not_improving = {"MaxNumberOfTrainingJobsNotImproving": config.max_number_of_training_jobs_not_improving}
        criteria["BestObjectiveNotImproving"] = not_improving
    if config.complete_on_convergence is not None:
        complete = "Enabled" if config.complete_on_convergence else "Disabled"
        criteria["ConvergenceDetected"] = {"CompleteOnConvergence": complete}
    return criteria
