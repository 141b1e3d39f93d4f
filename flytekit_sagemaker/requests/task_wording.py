"""What those who write Flyte tasks call what is in the requests that the tasks make."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flytekit_sagemaker.models.hpo_job import (
    HyperparameterTuningJob,
    HyperparameterTuningJobConfig,
    HyperparameterTuningObjective,
    TrainingJobDefinitionConfig,
    WarmStartConfig,
)
from flytekit_sagemaker.models.parameter_ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRangeOneOf,
)
from flytekit_sagemaker.models.training_job import (
    AlgorithmSpecification,
    Channel,
    InstanceConfig,
    StoppingCondition,
    TrainingJob,
    TrainingJobConfig,
)
from flytekit_sagemaker.requests.channels import URI
from flytekit_sagemaker.requests.request_members import (
    TUNING_CONFIG,
    Request,
    definitions,
    entries,
    ranges,
    search_of,
)
from flytekit_sagemaker.requests.wording import Place, Wording

_CONFIG = "hyperparameter_tuning_job_config"
_RANGES = {
    "IntegerParameterRanges": ("integer_parameter_range", IntegerParameterRange),
    "ContinuousParameterRanges": ("continuous_parameter_range", ContinuousParameterRange),
    "CategoricalParameterRanges": ("categorical_parameter_range", CategoricalParameterRange),
}
_SEVERAL_MACHINES = ("HyperParameterTuningResourceConfig.InstanceConfigs", "ResourceConfig.InstancePreferences")


def of_training_job(job: TrainingJob, request: Request, static: Mapping[str, Any]) -> Wording:
    """What the user of a training job task, or of a function's, calls what is in its request.

    Args:
        job: the training job.
        request: what was made of it.
        static: its hyperparameters as they were given.
    """
    given = _given(static, "HyperParameters")
    places = (*_tags(request), *_job(job, request, "", "HyperParameters"))
    return of_building(job) + Wording(places, given=given)


def of_building(job: TrainingJob, name: str = "") -> Wording:
    """What the user calls what was found wrong while the request was made.

    Args:
        job: one of the training jobs.
        name: of its definition, where there are several.
    """
    of = _of(name)
    return Wording(
        (
            Place("algorithm_version", f"{of}algorithm_specification.algorithm_version"),
            Place("AlgorithmSpecification.training_image", f"{of}algorithm_specification.training_image"),
            Place("region", f"{of}training_job_config.region"),
            Place("static_hyperparameters", _hyperparameters(job, name)),
        )
    )


def of_tuning_job(
    job: HyperparameterTuningJob,
    config: HyperparameterTuningJobConfig,
    request: Request,
    chosen: Mapping[str, ParameterRangeOneOf],
    static: Mapping[str, Any],
) -> Wording:
    """What the user of a tuning task calls what is in its request.

    Args:
        job: the tuning job.
        config: how it searches.
        request: what was made of both.
        chosen: the ranges that are inputs of the task.
        static: the hyperparameters as they were given, by name of the definition where there are several.
    """
    places = [
        Place(TUNING_CONFIG, _CONFIG, HyperparameterTuningJobConfig),
        Place(TUNING_CONFIG, "", HyperparameterTuningJob),
        *_tags(request),
        Place("WarmStartConfig", f"{_CONFIG}.warm_start_config", WarmStartConfig),
        Place("TrainingJobDefinitions", "training_job"),
        Place("TrainingJobDefinitions.Environment", "training_job_config.environment"),
    ]
    given: dict[str, Any] = {}
    for (path, definition), (name, training_job) in zip(definitions(request), job.definitions.items(), strict=True):
        places += _job(training_job, definition, path, "StaticHyperParameters", name)
        given |= _given(static.get(name) if name else static, f"{path}.StaticHyperParameters")
        own = (config.training_job_definitions or {}).get(name) or TrainingJobDefinitionConfig()
        in_config = f"{_CONFIG}.training_job_definitions.{name}"
        objective = f"{in_config if own.tuning_objective else _CONFIG}.tuning_objective"
        searched = f"{in_config if own.hyperparameter_ranges else _CONFIG}.hyperparameter_ranges"
        places.append(Place(f"{path}.TuningObjective", objective, HyperparameterTuningObjective))
        search = search_of(request, path, definition)
        places.append(Place(search.ranges_path, searched))
        for kind, index, item in ranges(search.ranges):
            hyperparameter = item["Name"]
            of_it = hyperparameter if hyperparameter in chosen else f"{searched}.parameter_range_map.{hyperparameter}"
            member = f"{search.ranges_path}.{kind}[{index}]"
            places += [
                Place(member, f"{of_it}.{_RANGES[kind][0]}", _RANGES[kind][1]),
                Place(f"{member}.Name", of_it),
                Place(f"{search.ranges_path}.{hyperparameter}", of_it),
            ]
            given |= {f"{member}.{end}": json.loads(item[end]) for end in ("MinValue", "MaxValue") if end in item}
    wording = Wording(tuple(places), given=given)
    return wording if job.training_job is None else wording + of_building(job.training_job)


def _job(job: TrainingJob, made: Request, path: str, static: str, name: str = "") -> Iterator[Place]:
    """The parts of a training job's request, or of a definition's, which has a name where there are several."""
    of = _of(name)
    yield Place(path, f"{of}training_job_config", TrainingJobConfig)
    yield Place(_below(path, "AlgorithmSpecification"), f"{of}algorithm_specification", AlgorithmSpecification)
    yield Place(_below(path, "StoppingCondition"), "stopping_condition", StoppingCondition)
    yield Place(_below(path, static), _hyperparameters(job, name))
    for own in (job.function and job.function.tunable_inputs) or ():
        yield Place(_below(path, f"{static}.{own}"), own)
    for member in _SEVERAL_MACHINES:
        yield Place(_below(path, member), f"{of}training_job_config.instance_configs")
        yield Place(_below(path, f"{member}[0]"), f"{of}training_job_config", InstanceConfig)
        for index in range(len(job.training_job_config.instance_configs)):
            machines = f"{of}training_job_config.instance_configs[{index}]"
            yield Place(_below(path, f"{member}[{index + 1}]"), machines, InstanceConfig)
    several_key = _below(path, "HyperParameterTuningResourceConfig.VolumeKmsKeyId")
    yield Place(several_key, f"{of}training_job_config.volume_kms_key_id")
    yield Place(_below(path, "InputDataConfig"), f"{of}channels")
    channels = {channel.name: channel for channel in job.channels}
    for index, entry in enumerate(entries(made, "InputDataConfig")):
        channel = channels.pop(entry["ChannelName"])
        member, called = _below(path, f"InputDataConfig[{index}]"), f"{of}channels.{channel.name}"
        yield Place(member, called, Channel)
        yield Place(f"{member}.{URI}", channel.name)
        if channel.content_type is None:
            yield Place(f"{member}.ContentType", f"{of}algorithm_specification.input_content_type")
        if channel.input_mode is None:
            yield Place(f"{member}.InputMode", f"{of}algorithm_specification.input_mode")
    for not_given in channels:
        yield Place(_below(path, f"InputDataConfig.{not_given}"), not_given)


def _below(path: str, member: str) -> str:
    """The path of a member of the request, or of one of its parts."""
    return f"{path}.{member}" if path else member


def _tags(request: Request) -> Iterator[Place]:
    yield Place("Tags", "training_job_config.tags")
    for index, tag in enumerate(entries(request, "Tags")):
        for member in ("", ".Key", ".Value"):
            yield Place(f"Tags[{index}]{member}", f"training_job_config.tags.{tag['Key']}")


def _hyperparameters(job: TrainingJob, name: str) -> str:
    return "hyperparameters" if job.function else f"static_hyperparameters{name and f'.{name}'}"


def _of(name: str) -> str:
    """How the fields of one of several training jobs begin."""
    return f"training_job.{name}." if name else ""


def _given(static: Any, member: str) -> dict[str, Any]:
    """The hyperparameters that were given as something else than the texts that the API has."""
    if not isinstance(static, Mapping):
        return {}
    return {f"{member}.{name}": _shown(value) for name, value in static.items() if not isinstance(value, str)}


def _shown(value: Any) -> Any:
    """A number without the fraction that Flyte gives to whole ones."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
