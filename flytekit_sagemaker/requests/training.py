"""From models and inputs to the body of CreateTrainingJob. Pure: no clock, no network, no environment.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flytekit_sagemaker.algorithms import algorithm_of_image, image_uri
from flytekit_sagemaker.container.contract import MPI_ENABLED
from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.models.text import text_of
from flytekit_sagemaker.models.training_job import (
    AlgorithmSpecification,
    StoppingCondition,
    TrainingJob,
    TrainingJobConfig,
)
from flytekit_sagemaker.requests import resources, task_wording
from flytekit_sagemaker.requests.api_words import api_word
from flytekit_sagemaker.requests.assembly import present, without_empty
from flytekit_sagemaker.requests.channels import channel_member
from flytekit_sagemaker.requests.deployment import Deployment
from flytekit_sagemaker.requests.fields import FIELDS, members
from flytekit_sagemaker.requests.wording import Wording
from flytekit_sagemaker.types import AlgorithmName, DistributedProtocol

_REGION_OF_ALL_ALGORITHMS = "us-east-1"
# Fields of a TrainingJobConfig that become members in ways of their own.
_APART = {
    "distributed_protocol",
    *(field.name for field in FIELDS[TrainingJobConfig] if "ResourceConfig." in field.member),
}


@dataclass(frozen=True)
class JobInputs:
    """What one execution gives to a training job.

    Attributes:
        static_hyperparameters: values by name; numbers become exact texts.
        channels: URI of each channel's data by name; a channel that is left out is not sent.
        stopping_condition: how long the job may take.
    """

    static_hyperparameters: Mapping[str, Any]
    channels: Mapping[str, str]
    stopping_condition: StoppingCondition


@dataclass(frozen=True)
class BuiltRequest:
    """A request and what its builder noticed.

    Attributes:
        operation: name of the API operation.
        parameters: its parameters as boto3 takes them.
        problems: what could not be built as asked; the request must not be sent when there are any.
        warnings: sentences for the user about what was left out.
        wording: what the user calls what is in it.
    """

    operation: str
    parameters: dict[str, Any]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    wording: Wording = Wording()


def training_request(
    job: TrainingJob, inputs: JobInputs, *, name: str, deployment: Deployment, tags: Mapping[str, str]
) -> BuiltRequest:
    """The CreateTrainingJob request of a training job.

    Args:
        job: what to run.
        inputs: what this execution gives to it.
        name: name of the job, up to 63 characters.
        deployment: defaults for what the job leaves open.
        tags: tags that identify the execution; they win over the user's.
    """
    place = deployment.for_job(job.training_job_config)
    specification, warnings, problems = algorithm_specification(job.algorithm_specification, place.region)
    hyperparameters, without_text = job_hyperparameters(job, inputs.static_hyperparameters)
    parameters = {
        "TrainingJobName": name,
        "HyperParameters": hyperparameters,
        "AlgorithmSpecification": specification,
        **job_members(job, inputs, place, resources.of_training_job),
        "Tags": tag_list(place.tags, tags),
    }
    request = without_empty(parameters)
    wording = task_wording.of_training_job(job, request, inputs.static_hyperparameters)
    return BuiltRequest("CreateTrainingJob", request, problems + without_text, warnings, wording)


def algorithm_specification(
    specification: AlgorithmSpecification, region: str
) -> tuple[dict[str, Any], tuple[str, ...], tuple[Problem, ...]]:
    """The AlgorithmSpecification member, warnings about what is left out of it, and why there is no such image."""
    image, problems = _image(specification, region)
    member: dict[str, Any] = present(
        TrainingImage=image or None,
        AlgorithmName=specification.algorithm_resource or None,
        TrainingInputMode=api_word(specification.input_mode),
    )
    metrics = list(specification.metric_definitions or ())
    built_in = algorithm_of_image(image)
    if metrics and built_in is not None:
        names = ", ".join(metric.name for metric in metrics)
        own = f"{built_in.name} defines its own metrics"
        return member, (f"metric_definitions ({names}) are left out: {own}.",), problems
    if metrics:
        member["MetricDefinitions"] = [members(metric) for metric in metrics]
    return member, (), problems


def _image(specification: AlgorithmSpecification, region: str) -> tuple[str, tuple[Problem, ...]]:
    """The image's URI, empty for CUSTOM without one; that of the newest version where there is no such version."""
    name, given = specification.algorithm_name, specification.training_image
    if name is AlgorithmName.CUSTOM or algorithm_of_image(given) is name:
        return given, ()
    problems: tuple[Problem, ...] = ()
    if given:
        rule = f"is no image of {name.name}: give either the name of a built-in algorithm or an image of your own"
        remedy = "Leave training_image out, or set algorithm_name to CUSTOM."
        problems = (Problem("AlgorithmSpecification.training_image", given, rule, remedy),)
    try:
        return image_uri(name, specification.algorithm_version, region), problems
    except InvalidInput as error:
        return image_uri(name, "", _REGION_OF_ALL_ALGORITHMS), (*problems, *error.problems)


def job_members(
    job: TrainingJob,
    inputs: JobInputs,
    place: Deployment,
    machines: Callable[[TrainingJobConfig, Deployment], dict[str, Any]] = resources.of_definition,
) -> dict[str, Any]:
    """The members that a training job and the training job definition of a tuning job share; empty ones included.

    Args:
        job: what to run.
        inputs: what this execution gives to it.
        place: where it runs.
        machines: how it asks for its machines.
    """
    config = job.training_job_config
    return {
        **members(
            config,
            without=_APART,
            role_arn=place.role_arn,
            output_path=place.output_path,
            output_kms_key_id=place.output_kms_key_id,
            subnets=tuple(place.subnets),
            security_group_ids=tuple(place.security_group_ids) if place.subnets else (),
        ),
        "InputDataConfig": [
            channel_member(channel, inputs.channels.get(channel.name, ""), job.algorithm_specification)
            for channel in job.channels
            if channel.name in inputs.channels or not channel.is_input
        ],
        **machines(config, place),
        "StoppingCondition": members(inputs.stopping_condition),
    }


def job_hyperparameters(job: TrainingJob, values: Mapping[str, Any]) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """The hyperparameters of a job, with what starts its hosts under MPI; a built-in algorithm starts its own."""
    texts, problems = hyperparameter_texts(values)
    custom = job.algorithm_specification.algorithm_name is AlgorithmName.CUSTOM
    if custom and job.training_job_config.distributed_protocol is DistributedProtocol.MPI:
        texts.setdefault(MPI_ENABLED, "true")
    return texts, problems


def hyperparameter_texts(values: Mapping[str, Any]) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """Hyperparameters as the texts that SageMaker takes, and those that have no text; None is left out."""
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for name, value in values.items():
        if value is None:
            continue
        try:
            texts[str(name)] = text_of(value)
        except InvalidInput as error:
            problems.extend(problem.under(f"static_hyperparameters.{name}") for problem in error.problems)
    return texts, tuple(problems)


def tag_list(*tags: Mapping[str, str]) -> list[dict[str, str]]:
    """The Tags member of several maps, the later ones winning."""
    merged: dict[str, str] = {}
    for some in tags:
        merged.update(some)
    return [{"Key": key, "Value": value} for key, value in merged.items()]
