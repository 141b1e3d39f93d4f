"""A SageMaker that the conformance suite is run on: how to reach it, what it cannot do, and requests that suit it."""

from __future__ import annotations

import enum
import functools
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

ENDED = ("Completed", "Failed", "Stopped")


class Capability(enum.Enum):
    """What a backend may lack."""

    PROGRESS = "jobs take time and go through their phases"
    UNIQUE_TRAINING_JOB_NAMES = "a second training job with the same name is refused"
    NOT_FOUND = "the errors for training jobs that do not exist are those of AWS"
    STOP = "jobs can be stopped"
    FILTERS = "lists filter before they cut pages"
    SORT = "lists are sorted as asked"
    TRIALS = "tuning jobs launch trials"
    DEFINITIONS = "tuning jobs have several training job definitions"
    COMPLETION_CRITERIA = "tuning jobs end when their objective has reached a target"
    VALIDATION = "what botocore lets pass is checked"


def training_request(name: str, **members: Any) -> dict[str, Any]:
    """A small complete ``CreateTrainingJob`` request; members given take the place of its own."""
    return {
        "TrainingJobName": name,
        "RoleArn": "arn:aws:iam::123456789012:role/SageMaker",
        "AlgorithmSpecification": {
            "TrainingImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/train:1",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        },
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **members,
    }


def tuning_request(
    name: str, definition: Mapping[str, Any], *, metric: str = "loss", tunable: str = "eta", trials: int = 3
) -> dict[str, Any]:
    """A ``CreateHyperParameterTuningJob`` request: a random search for the least ``metric``, two trials at a time.

    Args:
        name: name of the tuning job.
        definition: the ``CreateTrainingJob`` request that each trial is like.
        metric: the objective metric.
        tunable: the hyperparameter that is tuned, between 0.1 and 0.9.
        trials: how many there are.
    """
    range_ = {"Name": tunable, "MinValue": "0.1", "MaxValue": "0.9"}
    own = {key: value for key, value in definition.items() if key not in ("TrainingJobName", "HyperParameters", "Tags")}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": metric},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": trials, "MaxParallelTrainingJobs": min(trials, 2)},
            "ParameterRanges": {"ContinuousParameterRanges": [range_]},
            "RandomSeed": 1,
        },
        "TrainingJobDefinition": {**own, "StaticHyperParameters": definition.get("HyperParameters", {})},
    }


def with_definitions(request: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A ``CreateHyperParameterTuningJob`` request whose one training job definition is there once for each name."""
    config = dict(request["HyperParameterTuningJobConfig"])
    own = {
        "TuningObjective": config.pop("HyperParameterTuningJobObjective"),
        "HyperParameterRanges": config.pop("ParameterRanges"),
        **request["TrainingJobDefinition"],
    }
    others = {member: value for member, value in request.items() if member != "TrainingJobDefinition"}
    definitions = [{"DefinitionName": name, **own} for name in names]
    return {**others, "HyperParameterTuningJobConfig": config, "TrainingJobDefinitions": definitions}


@dataclass
class Backend:
    """A SageMaker under test.

    Attributes:
        client: boto3 client for it.
        train: makes the request of a job with a given name that succeeds; :func:`training_request` by default.
        train_long: makes the request of a job that is surely still running when it is told to stop.
        tune: makes the request of a tuning job with a given name and three trials that succeed.
        pass_time: called while a test waits: sleeps for a moment, or moves the backend's clock.
        lacks: capabilities that the backend does not have, with the reason.
    """

    client: Any
    train: Callable[[str], dict[str, Any]] = training_request
    train_long: Callable[[str], dict[str, Any]] = training_request
    tune: Callable[[str], dict[str, Any]] = lambda name: tuning_request(name, training_request(name))
    pass_time: Callable[[], None] = lambda: time.sleep(0.02)
    lacks: Mapping[Capability, str] = field(default_factory=dict)

    def needs(self, *capabilities: Capability) -> None:
        """Skip the test when the backend lacks one of the capabilities."""
        for capability in capabilities:
            if capability in self.lacks:
                pytest.skip(self.lacks[capability])

    def wait(self, name: str, *statuses: str) -> list[tuple[str, str]]:
        """Wait until a training job is in one of the statuses; the status and secondary status at each look."""
        seen = []
        while True:
            described = self.client.describe_training_job(TrainingJobName=name)
            seen.append((described["TrainingJobStatus"], described["SecondaryStatus"]))
            if seen[-1][0] in (statuses or ENDED):
                return seen
            self.pass_time()

    def wait_for_tuning_job(self, name: str, *statuses: str) -> dict[str, Any]:
        """Wait until a tuning job is in one of the statuses; its description then."""
        while True:
            described: dict[str, Any] = self.client.describe_hyper_parameter_tuning_job(
                HyperParameterTuningJobName=name
            )
            if described["HyperParameterTuningJobStatus"] in (statuses or ENDED):
                return described
            self.pass_time()

    @functools.cached_property
    def family(self) -> list[str]:
        """Names of three jobs with a common prefix that have succeeded, in the order of their creation."""
        prefix = fresh("family")
        names = [f"{prefix}-{number}" for number in (2, 1, 3)]
        for name in names:
            tags = [{"Key": "owner", "Value": name}, {"Key": "empty", "Value": ""}]
            self.client.create_training_job(**self.train(name), Tags=tags)
            self.pass_time()
        for name in names:
            assert self.wait(name)[-1][0] == "Completed"
        return names

    def names(self, **filters: Any) -> list[str]:
        """The names of all training jobs that a list has, page by page."""
        pages = self.client.get_paginator("list_training_jobs").paginate(**filters)
        return [summary["TrainingJobName"] for page in pages for summary in page["TrainingJobSummaries"]]


def fresh(prefix: str) -> str:
    """A name that no job has yet."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"
