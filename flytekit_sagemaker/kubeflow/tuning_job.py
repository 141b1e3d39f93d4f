"""From the component's arguments to the request, and every problem in the words of the arguments."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.connector.data import data_problems
from flytekit_sagemaker.connector.parents import parent_problems
from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.kubeflow import models
from flytekit_sagemaker.kubeflow.arguments import BY_NAME
from flytekit_sagemaker.kubeflow.given import Given
from flytekit_sagemaker.kubeflow.paths import AT
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJob
from flytekit_sagemaker.models.training_job import TrainingJob, TrainingJobConfig
from flytekit_sagemaker.requests.deployment import Deployment
from flytekit_sagemaker.requests.names import SUBMISSION_TAG, TUNING_JOB_NAME_LENGTH
from flytekit_sagemaker.requests.overrides import NOT_TO_OVERRIDE, overridden
from flytekit_sagemaker.requests.training import BuiltRequest, JobInputs
from flytekit_sagemaker.requests.tuning import tuning_request
from flytekit_sagemaker.requests.validation import AWS_URI_SCHEMES, LOCAL_URI_SCHEMES, check_request


@dataclass(frozen=True)
class TuningJob:
    """A tuning job to be.

    Attributes:
        endpoint: the SageMaker that is to run it.
        request: parameters of CreateHyperParameterTuningJob.
        warnings: sentences for whoever runs the pipeline.
    """

    endpoint: Endpoint
    request: Mapping[str, Any]
    warnings: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the job."""
        return str(self.request["HyperParameterTuningJobName"])


def described(values: Mapping[str, Any], problems: Iterable[Problem] = ()) -> TuningJob:
    """The tuning job that the values of the arguments describe.

    Args:
        values: by name of the argument; one that could not be read is not in it.
        problems: what is known to be wrong already.

    Raises:
        InvalidInput: with these and all other problems.
    """
    given = Given(values, problems)
    models.check_pairs(given)
    config = models.training_job_config(given)
    endpoint = models.endpoint(given, config)
    may_be_here = endpoint.is_on_this_machine or given.is_given_up("endpoint_url")
    schemes = LOCAL_URI_SCHEMES if may_be_here else AWS_URI_SCHEMES
    built = _request(given, config, Deployment(config.region or "", "", "", schemes))
    findings = check_request(built.operation, built.parameters, uri_schemes=schemes)
    findings = findings.with_others(_from_outside(given, endpoint, built))
    for problem in (*built.problems, *findings.problems):
        given.find(problem)
    if given.problems:
        raise InvalidInput("the tuning job", given.problems)
    for warning in (*built.warnings, *findings.warnings):
        given.warn(warning)
    return TuningJob(endpoint, built.parameters, tuple(given.warnings))


def new_name() -> str:
    """A name for a tuning job, as no other has it."""
    moment = datetime.now(timezone.utc).strftime("%Y%m%d%H%M%S")
    return f"HPOJob-{moment}-{uuid.uuid4().hex}"[:TUNING_JOB_NAME_LENGTH]


def _request(given: Given, config: TrainingJobConfig, deployment: Deployment) -> BuiltRequest:
    channels = models.channels(given)
    training_job = TrainingJob(models.algorithm(given), config, [channel for channel, _ in channels])
    built = tuning_request(
        given.model(HyperparameterTuningJob, training_job=training_job),
        models.tuning_job_config(given),
        JobInputs(
            models.static_parameters(given),
            {channel.name: uri for channel, uri in channels},
            models.stopping_condition(given),
        ),
        ranges=models.ranges(given),
        name=given["job_name"] or new_name(),
        deployment=deployment,
        tags={**models.tags(given), SUBMISSION_TAG: uuid.uuid4().hex},
    )
    return overridden(built, _overrides(given))


def _overrides(given: Given) -> dict[str, Any]:
    overrides = dict(given["overrides"])
    for member in [each for each in overrides if each in NOT_TO_OVERRIDE and each in AT]:
        value, remedy = overrides.pop(member), f"Use the argument {AT[member]}."
        given.problems.append(Problem(f"overrides.{member}", value, "cannot be overridden", remedy))
    return overrides


def _from_outside(given: Given, endpoint: Endpoint, built: BuiltRequest) -> Iterator[Problem]:
    """What only the data and the account can tell."""
    if given.is_given_up("region", "endpoint_url", "assume_role"):
        return
    if endpoint.is_on_this_machine:  # elsewhere, files of this machine are nobody's data
        for problem in data_problems(built.operation, built.parameters):
            yield replace(problem, field=f"{BY_NAME['channels'].member} ({problem.field})")
    yield from parent_problems(endpoint, built.parameters)
