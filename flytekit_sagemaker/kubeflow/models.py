"""The models that the values of the arguments describe, and what does not go together in them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from flytekit_sagemaker.algorithms import identify_image
from flytekit_sagemaker.aws import Endpoint, configured_url
from flytekit_sagemaker.errors import did_you_mean
from flytekit_sagemaker.kubeflow import algorithm_names
from flytekit_sagemaker.kubeflow.arguments import BY_NAME
from flytekit_sagemaker.kubeflow.given import PAIRS, Given
from flytekit_sagemaker.kubeflow.paths import CHECKPOINTS, RANGES, RANGES_MEMBER
from flytekit_sagemaker.kubeflow.structures import Fraction
from flytekit_sagemaker.kubeflow.urls import is_url, with_scheme
from flytekit_sagemaker.models.channels import Channel
from flytekit_sagemaker.models.hpo_job import (
    HyperparameterTuningJobConfig,
    HyperparameterTuningObjective,
    WarmStartConfig,
)
from flytekit_sagemaker.models.parameter_ranges import ParameterRangeOneOf
from flytekit_sagemaker.models.training_job import (
    AlgorithmSpecification,
    MetricDefinition,
    StoppingCondition,
    TrainingJobConfig,
)
from flytekit_sagemaker.requests.api_forms import channel_of, ranges_of
from flytekit_sagemaker.requests.names import SUBMISSION_TAG
from flytekit_sagemaker.types import AlgorithmName

_IMAGE = re.compile(r"[a-zA-Z0-9][\w.:/@-]*", re.ASCII)
_MAX_CHANNELS = 20
_MAX_TAGS = 49


def check_pairs(given: Given) -> None:
    """Refuse one argument of a pair without the other."""
    for pair in PAIRS:
        for missing, there in (pair, pair[::-1]):
            if given[there] and not given[missing]:
                argument = BY_NAME[missing]
                remedy = f"Accepted: {argument.accepted}." if argument.accepted else f"For example: {argument.example}"
                given.refuse(missing, None, f"is required with {there}", remedy)


def training_job_config(given: Given) -> TrainingJobConfig:
    """Where and on what the training jobs run."""
    url = given["endpoint_url"] or ""
    if meant := with_scheme(url):
        given.refuse("endpoint_url", url, "must be the URL of a SageMaker endpoint", f"Did you mean {meant}?")
    return given.model(TrainingJobConfig, **_checkpoints(given))


def endpoint(given: Given, config: TrainingJobConfig) -> Endpoint:
    """The SageMaker that is to run the job."""
    url = (config.endpoint_url or "").rstrip("/")
    remedy = "Leave it out for AWS's own."
    if not url and not given.is_given_up("endpoint_url"):
        url, remedy = configured_url(), "It is that of AWS_ENDPOINT_URL_SAGEMAKER, AWS_ENDPOINT_URL or the AWS config."
    if url and not is_url(url):
        given.refuse("endpoint_url", url, "must be the URL of a SageMaker endpoint", remedy)
        url = ""
    there = Endpoint(config.region or "", url)
    if there.is_on_this_machine:  # which has no roles
        return there
    return replace(there, assume_role_arn=config.assume_role_arn or "")


def algorithm(given: Given) -> AlgorithmSpecification:
    """What the training jobs run."""
    metrics = _metrics(given)
    if given["image"] and not _IMAGE.fullmatch(given["image"]):
        given.refuse("image", given["image"], "must be the URI of an image", f"For example: {BY_NAME['image'].example}")
    image, name = given["image"], given["algorithm_name"]
    identity = identify_image(image or "")
    known = identity[0] if identity else algorithm_names.built_in(name or "")
    if name and known is None and (hint := algorithm_names.hint(name)):
        given.warnings.append(hint)
    if image and name:
        given.refuse("algorithm_name", name, "must not be given together with image", "Leave one of them out.")
    elif not image and not name and not given.is_given_up("image", "algorithm_name"):
        remedy = "Name an algorithm, or give the image of your own."
        given.refuse("algorithm_name", None, "is required where no image is given", remedy)
    if given.is_given_up("image", "algorithm_name"):
        given.give_up("image", "algorithm_name", "metric_definitions")
        given["image"] = BY_NAME["image"].example
    elif known is not None:
        given["algorithm_name"] = None
    return given.model(AlgorithmSpecification, algorithm_name=known or AlgorithmName.CUSTOM, metric_definitions=metrics)


def channels(given: Given) -> list[tuple[Channel, str]]:
    """The channels, each with the URI of its data."""
    found: dict[str, tuple[Channel, str]] = {}
    for index, member in enumerate(given["channels"]):
        with given.noting(f"channels[{index}]"):
            channel, uri = channel_of(member)
            if channel.name in found:
                given.refuse(f"channels[{index}]", channel.name, "must not name a channel twice")
            found[channel.name] = (channel, uri)
    if len(found) > _MAX_CHANNELS:
        given.refuse("channels", None, f"must have at most {_MAX_CHANNELS} entries, has {len(found)}")
    return list(found.values())[:_MAX_CHANNELS]


def tuning_job_config(given: Given) -> HyperparameterTuningJobConfig:
    """How the hyperparameters are searched, and for what."""
    return given.model(
        HyperparameterTuningJobConfig,
        tuning_objective=given.model(HyperparameterTuningObjective),
        warm_start_config=_warm_start(given),
    )


def ranges(given: Given) -> dict[str, ParameterRangeOneOf]:
    """The ranges to search, by the name of the hyperparameter."""
    with given.noting(RANGES_MEMBER):
        return ranges_of(*(given[name] for name in RANGES))
    return {}


def stopping_condition(given: Given) -> StoppingCondition:
    """How long one training job may take."""
    definition = given["overrides"].get("TrainingJobDefinition")
    overrides = definition if isinstance(definition, dict) else {}
    if not overrides.get("EnableManagedSpotTraining", given["spot_instance"]):
        given["max_wait_time"] = None
    return given.model(StoppingCondition)


def static_parameters(given: Given) -> dict[str, Any]:
    """The hyperparameters that are not tuned; numbers that are not whole keep what is written."""
    return {
        name: value.text if isinstance(value, Fraction) and not value.is_integer() else value
        for name, value in given["static_parameters"].items()
    }


def tags(given: Given) -> dict[str, str]:
    """The tags of the tuning job, without the one that says whose it is."""
    found = given.texts("tags")
    if len(found) <= _MAX_TAGS:
        return found
    rule = f"must have at most {_MAX_TAGS} entries, has {len(found)}"
    given.refuse("tags", None, rule, f"The {_MAX_TAGS + 1}th that a job may have is {SUBMISSION_TAG}.")
    return {}


def _checkpoints(given: Given) -> dict[str, str]:
    found = {}
    for member, value in given.texts("checkpoint_config").items():
        if field := CHECKPOINTS.get(member):
            found[field] = value
        else:
            hint = did_you_mean(member, CHECKPOINTS) or f"It has {' and '.join(CHECKPOINTS)}."
            given.refuse(f"checkpoint_config.{member}", value, "is not a member of CheckpointConfig", hint)
    if found and CHECKPOINTS["S3Uri"] not in found:
        given.refuse("checkpoint_config.S3Uri", None, "is required")
    return found


def _metrics(given: Given) -> list[MetricDefinition]:
    found = []
    for name, regex in given.texts("metric_definitions").items():
        with given.noting(f"metric_definitions.{name}"):
            found.append(MetricDefinition(name, regex))
    return found


def _warm_start(given: Given) -> WarmStartConfig | None:
    if given["warm_start_type"]:
        with given.noting(WarmStartConfig.__name__):
            return WarmStartConfig(given["warm_start_type"], given.several("parent_hpo_jobs") or ())
    return None
