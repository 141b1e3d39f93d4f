"""From models and inputs to the body of CreateHyperParameterTuningJob. Pure: no clock, no network, no environment.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from flytekit_sagemaker.errors import Problem, did_you_mean
from flytekit_sagemaker.models.hpo_job import (
    HyperparameterTuningJob,
    HyperparameterTuningJobConfig,
    TrainingJobDefinitionConfig,
)
from flytekit_sagemaker.models.parameter_ranges import (
    ParameterRangeOneOf,
)
from flytekit_sagemaker.models.training_job import TrainingJob
from flytekit_sagemaker.requests import task_wording
from flytekit_sagemaker.requests.assembly import merged, without_empty
from flytekit_sagemaker.requests.deployment import Deployment
from flytekit_sagemaker.requests.fields import members
from flytekit_sagemaker.requests.training import (
    BuiltRequest,
    JobInputs,
    algorithm_specification,
    hyperparameter_texts,
    job_hyperparameters,
    job_members,
    tag_list,
)

# Fields that become members of each definition.
_SEARCHED = ("tuning_objective", "hyperparameter_ranges")
_DEFINITIONS = "hyperparameter_tuning_job_config.training_job_definitions"


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
        inputs: what this execution gives to each trial. Where several training jobs are tuned, the static
            hyperparameters are those of each by the name of its definition, and a channel is given to all that have it.
        ranges: ranges that came as inputs of the task; they win over those in ``config``.
        name: name of the job, up to 32 characters.
        deployment: defaults for what the job leaves open.
        tags: tags that identify the execution; they win over the user's.
    """
    member = merged(members(job, without=("tunable_parameters",)), members(config, without=_SEARCHED))
    parameters: dict[str, Any] = {"HyperParameterTuningJobName": name, "HyperParameterTuningJobConfig": member}
    definitions, built = [], []
    for definition, training_job in job.definitions.items():
        own = (config.training_job_definitions or {}).get(definition) or TrainingJobDefinitionConfig()
        configured = own.hyperparameter_ranges or config.hyperparameter_ranges
        tuned = {**(configured.parameter_range_map if configured else {}), **ranges}
        each = _definition(training_job, _inputs_of(definition, inputs), tuned, deployment)
        if definition:
            told = tuple(map(task_wording.of_building(training_job, definition).problem, each.problems))
            each = replace(each, problems=told)
        built.append(each)
        definitions.append(
            {
                "DefinitionName": definition,
                "TuningObjective": members(own.tuning_objective or config.tuning_objective),
                "HyperParameterRanges": parameter_ranges(tuned),
                **each.parameters,
            }
        )
    if job.training_jobs:
        parameters["TrainingJobDefinitions"] = definitions
    else:  # a single definition has no name, and leaves to the tuning job what is searched
        only = definitions[0]
        del only["DefinitionName"]
        member["HyperParameterTuningJobObjective"] = only.pop("TuningObjective")
        member["ParameterRanges"] = only.pop("HyperParameterRanges")
        parameters["TrainingJobDefinition"] = only
    tags_of_jobs = [deployment.for_job(each.training_job_config).tags for each in job.definitions.values()]
    parameters["Tags"] = tag_list(*tags_of_jobs, tags)
    if config.warm_start_config:
        parameters["WarmStartConfig"] = members(config.warm_start_config)
    return BuiltRequest(
        "CreateHyperParameterTuningJob",
        parameters,
        (*_unknown_definitions(job, config, inputs), *(problem for each in built for problem in each.problems)),
        tuple(warning for each in built for warning in each.warnings),
        task_wording.of_tuning_job(job, config, parameters, ranges, inputs.static_hyperparameters),
    )


def _definition(
    job: TrainingJob, inputs: JobInputs, tuned: Mapping[str, ParameterRangeOneOf], deployment: Deployment
) -> BuiltRequest:
    """What a training job definition shares with a training job, and what was noticed."""
    place = deployment.for_job(job.training_job_config)
    specification, warnings, problems = algorithm_specification(job.algorithm_specification, place.region)
    given = inputs.static_hyperparameters
    dropped, _ = hyperparameter_texts({key: value for key, value in given.items() if key in tuned})
    if dropped:
        values = ", ".join(f"{key} = {value}" for key, value in dropped.items())
        what = "hyperparameters" if job.function else "static_hyperparameters"
        warnings += (f"{what} ({values}) are left out: they are tuned.",)
    static, without_text = job_hyperparameters(job, {key: value for key, value in given.items() if key not in tuned})
    definition = {
        "StaticHyperParameters": static,
        "AlgorithmSpecification": specification,
        **job_members(job, inputs, place),
    }
    return BuiltRequest("", without_empty(definition), problems + without_text, warnings)


def _inputs_of(definition: str, inputs: JobInputs) -> JobInputs:
    """The inputs of one of several definitions; one without a name is the only one."""
    if not definition:
        return inputs
    own = inputs.static_hyperparameters.get(definition)
    return replace(inputs, static_hyperparameters=own if isinstance(own, Mapping) else {})


def _unknown_definitions(
    job: HyperparameterTuningJob, config: HyperparameterTuningJobConfig, inputs: JobInputs
) -> Iterator[Problem]:
    """What is given by the name of a definition that there is not, or is no dictionary."""
    known = job.training_jobs or {}
    configured = dict(config.training_job_definitions or {})
    given = dict(inputs.static_hyperparameters) if known else {}
    for field, by_name in ((_DEFINITIONS, configured), ("static_hyperparameters", given)):
        for name, value in by_name.items():
            if name not in known:
                known_in_words = f"They are {', '.join(known)}." if known else "This task has a single training job."
                remedy = did_you_mean(name, known) or known_in_words
                yield Problem(f"{field}.{name}", value, "is for none of the task's training jobs", remedy)
            elif not isinstance(value, (Mapping, TrainingJobDefinitionConfig)):
                yield Problem(f"{field}.{name}", value, "must be a dictionary of the training job's hyperparameters")


def parameter_ranges(ranges: Mapping[str, ParameterRangeOneOf]) -> dict[str, list[dict[str, Any]]]:
    """The ParameterRanges member, its lists in the order of the map."""
    member: dict[str, list[dict[str, Any]]] = {}
    for name, one_of in ranges.items():
        kind = f"{type(one_of.param).__name__}s"  # the models have the names that the API has
        member.setdefault(kind, []).append({"Name": name, **members(one_of.param)})
    return member
