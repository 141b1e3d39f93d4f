"""A test suite for anything that claims to be SageMaker: the same life of jobs through a real boto3 client.

Subclass :class:`SageMakerConformance` in a test module that has a fixture ``conformance``::

    @pytest.fixture(scope="module")
    def conformance():
        return Backend(boto3.client("sagemaker", endpoint_url=...), lacks={Capability.STOP: "cannot stop jobs"})

    class TestMySageMaker(SageMakerConformance):
        pass

What a backend does not do is named in ``lacks`` with the reason; the tests that need it are skipped with that reason.
Tests wait for as long as it takes: give them a limit with pytest-timeout.
"""

from __future__ import annotations

import enum
import functools
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

__all__ = ["Backend", "Capability", "SageMakerConformance", "training_request", "tuning_request"]

_ENDED = ("Completed", "Failed", "Stopped")


class Capability(enum.Enum):
    """What a backend may lack."""

    PROGRESS = "jobs take time and go through their phases"
    UNIQUE_TRAINING_JOB_NAMES = "a second training job with the same name is refused"
    NOT_FOUND = "the errors for training jobs that do not exist are those of AWS"
    STOP = "jobs can be stopped"
    FILTERS = "lists filter before they cut pages"
    SORT = "lists are sorted as asked"
    TRIALS = "tuning jobs launch trials"
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
            if seen[-1][0] in (statuses or _ENDED):
                return seen
            self.pass_time()

    def wait_for_tuning_job(self, name: str, *statuses: str) -> dict[str, Any]:
        """Wait until a tuning job is in one of the statuses; its description then."""
        while True:
            described: dict[str, Any] = self.client.describe_hyper_parameter_tuning_job(
                HyperParameterTuningJobName=name
            )
            if described["HyperParameterTuningJobStatus"] in (statuses or _ENDED):
                return described
            self.pass_time()

    @functools.cached_property
    def family(self) -> list[str]:
        """Names of three jobs with a common prefix that have succeeded, in the order of their creation."""
        prefix = _fresh("family")
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


@contextmanager
def _refused(code: str, *parts: str) -> Iterator[None]:
    """Expect the error of a code whose message has all the parts."""
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert all(part in error["Message"] for part in parts), error["Message"]


def _fresh(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


class SageMakerConformance:
    """The suite; see the module."""

    def test_a_job_goes_through_its_phases(self, conformance: Backend) -> None:
        conformance.needs(Capability.PROGRESS)
        name = _fresh("Phases")
        conformance.client.create_training_job(**conformance.train(name))
        first = conformance.client.describe_training_job(TrainingJobName=name)
        assert first["TrainingJobStatus"] == "InProgress"
        assert "TrainingEndTime" not in first
        seen = conformance.wait(name)
        transitions = conformance.client.describe_training_job(TrainingJobName=name)["SecondaryStatusTransitions"]
        order = [each["Status"] for each in transitions]
        assert order == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
        assert {status for status, _ in seen} == {"InProgress", "Completed"}
        places = [order.index(secondary) for _, secondary in seen]
        assert places == sorted(places)
        for earlier, later in zip(transitions, transitions[1:], strict=False):
            assert earlier["StartTime"] <= earlier["EndTime"] <= later["StartTime"]

    def test_a_job_that_has_succeeded(self, conformance: Backend) -> None:
        family = conformance.family
        name = family[0]
        described = conformance.client.describe_training_job(TrainingJobName=name)
        asked = conformance.train(name)
        assert described["TrainingJobArn"].endswith(f":training-job/{name}".lower())
        assert described["SecondaryStatus"] == "Completed"
        for member in ("RoleArn", "OutputDataConfig", "ResourceConfig"):
            assert described[member] == asked[member]
        prefix = asked["OutputDataConfig"]["S3OutputPath"]
        assert described["ModelArtifacts"]["S3ModelArtifacts"] == f"{prefix}/{name}/output/model.tar.gz"
        assert described["CreationTime"] <= described["TrainingStartTime"] <= described["TrainingEndTime"]
        assert "Tags" not in described
        assert "FailureReason" not in described

    def test_tags_are_kept_apart(self, conformance: Backend) -> None:
        family = conformance.family
        arn = conformance.client.describe_training_job(TrainingJobName=family[0])["TrainingJobArn"]

        def tags() -> dict[str, str]:
            return {tag["Key"]: tag["Value"] for tag in conformance.client.list_tags(ResourceArn=arn)["Tags"]}

        assert tags() == {"owner": family[0], "empty": ""}
        changed = [{"Key": "empty", "Value": "no more"}, {"Key": "new", "Value": "x"}]
        conformance.client.add_tags(ResourceArn=arn, Tags=changed)
        assert tags() == {"owner": family[0], "empty": "no more", "new": "x"}
        conformance.client.delete_tags(ResourceArn=arn, TagKeys=["new", "unheard-of"])
        assert tags() == {"owner": family[0], "empty": "no more"}

    def test_a_name_is_used_once(self, conformance: Backend) -> None:
        conformance.needs(Capability.UNIQUE_TRAINING_JOB_NAMES)
        family = conformance.family
        with _refused("ResourceInUse", "must be unique", f"training-job/{family[0]}"):
            conformance.client.create_training_job(**conformance.train(family[0]))

    def test_a_job_that_does_not_exist(self, conformance: Backend) -> None:
        conformance.needs(Capability.NOT_FOUND)
        with _refused("ValidationException", "Requested resource not found."):
            conformance.client.describe_training_job(TrainingJobName="nobody")

    def test_stopping_a_job_that_does_not_exist(self, conformance: Backend) -> None:
        conformance.needs(Capability.NOT_FOUND, Capability.STOP)
        with _refused("ValidationException", "Requested resource not found."):
            conformance.client.stop_training_job(TrainingJobName="nobody")
        with _refused("ResourceNotFound"):
            conformance.client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="nobody")

    def test_a_tuning_job_that_does_not_exist(self, conformance: Backend) -> None:
        with _refused("ResourceNotFound"):
            conformance.client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="nobody")

    def test_a_running_job_is_stopped(self, conformance: Backend) -> None:
        conformance.needs(Capability.STOP)
        name = _fresh("stopped")
        conformance.client.create_training_job(**conformance.train_long(name))
        while conformance.wait(name, "InProgress")[-1][1] != "Training":
            conformance.pass_time()
        conformance.client.stop_training_job(TrainingJobName=name)
        seen = conformance.wait(name)
        described = conformance.client.describe_training_job(TrainingJobName=name)
        assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "Stopped")
        assert {status for status, _ in seen} <= {"Stopping", "Stopped"}
        order = [each["Status"] for each in described["SecondaryStatusTransitions"]]
        assert order[:4] == ["Starting", "Downloading", "Training", "Stopping"]
        assert order[-1] == "Stopped"
        assert "FailureReason" not in described

    def test_a_job_that_has_ended_is_not_stopped(self, conformance: Backend) -> None:
        conformance.needs(Capability.STOP)
        family = conformance.family
        with _refused("ValidationException", "The request was rejected because the training job is in status Comp"):
            conformance.client.stop_training_job(TrainingJobName=family[0])

    def test_lists_filter(self, conformance: Backend) -> None:
        conformance.needs(Capability.FILTERS)
        family = conformance.family
        prefix = family[0][:-2]
        assert set(conformance.names(NameContains=prefix)) == set(family)
        assert set(conformance.names(NameContains=prefix.upper(), StatusEquals="Completed")) == set(family)
        assert conformance.names(NameContains=prefix, StatusEquals="InProgress") == []
        middle = conformance.client.describe_training_job(TrainingJobName=family[1])["CreationTime"]
        a_moment = timedelta(milliseconds=1)
        earlier = conformance.names(NameContains=prefix, CreationTimeBefore=middle + a_moment)
        later = conformance.names(NameContains=prefix, CreationTimeAfter=middle - a_moment)
        assert family[0] in earlier
        assert family[2] not in earlier
        assert set(later) == set(family[1:])

    def test_lists_sort(self, conformance: Backend) -> None:
        conformance.needs(Capability.FILTERS, Capability.SORT)
        family = conformance.family
        of_family = {"NameContains": family[0][:-2]}
        assert conformance.names(**of_family, SortBy="Name", SortOrder="Ascending") == sorted(family)
        assert conformance.names(**of_family, SortBy="Name", SortOrder="Descending") == sorted(family, reverse=True)
        assert conformance.names(**of_family, SortBy="CreationTime", SortOrder="Ascending") == family
        assert conformance.names(**of_family, SortBy="CreationTime", SortOrder="Descending") == family[::-1]

    def test_lists_come_in_pages(self, conformance: Backend) -> None:
        conformance.needs(Capability.FILTERS)
        family = conformance.family
        of_family = {"NameContains": family[0][:-2]}
        first = conformance.client.list_training_jobs(**of_family, MaxResults=2)
        assert len(first["TrainingJobSummaries"]) == 2
        second = conformance.client.list_training_jobs(**of_family, MaxResults=2, NextToken=first["NextToken"])
        assert "NextToken" not in second
        summaries = first["TrainingJobSummaries"] + second["TrainingJobSummaries"]
        assert {each["TrainingJobName"] for each in summaries} == set(family)
        assert len(summaries) == 3

    def test_a_request_that_breaks_rules_makes_no_job(self, conformance: Backend) -> None:
        conformance.needs(Capability.VALIDATION)
        name = _fresh("broken")
        request = conformance.train(name)
        request["AlgorithmSpecification"] = {**request["AlgorithmSpecification"], "TrainingInputMode": "Bogus"}
        with _refused("ValidationException", "trainingInputMode", "Bogus"):
            conformance.client.create_training_job(**request)
        with _refused("ValidationException", "trainingJobName"):
            conformance.client.create_training_job(**{**conformance.train(name), "TrainingJobName": f"{name}_x"})
        assert conformance.names(NameContains=name) == []

    def test_a_tuning_job_from_its_trials_to_its_best(self, conformance: Backend) -> None:
        conformance.needs(Capability.TRIALS)
        name = _fresh("tuning")
        request = conformance.tune(name)
        arn = conformance.client.create_hyper_parameter_tuning_job(**request)["HyperParameterTuningJobArn"]
        first = conformance.client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        assert first["HyperParameterTuningJobStatus"] == "InProgress"
        assert "BestTrainingJob" not in first
        described = conformance.wait_for_tuning_job(name)
        assert described["HyperParameterTuningJobStatus"] == "Completed"
        counters = described["TrainingJobStatusCounters"]
        assert (counters["Completed"], counters["InProgress"], counters["NonRetryableError"]) == (3, 0, 0)
        assert described["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}
        trials = self._trials(conformance, name, SortBy="FinalObjectiveMetricValue", SortOrder="Ascending")
        values = [trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for trial in trials]
        assert len(values) == 3
        assert values == sorted(values)
        assert described["BestTrainingJob"]["TrainingJobName"] == trials[0]["TrainingJobName"]
        trial = conformance.client.describe_training_job(TrainingJobName=trials[0]["TrainingJobName"])
        assert trial["TrainingJobName"].startswith(f"{name}-")
        assert trial["TuningJobArn"] == arn
        assert trials[0]["TunedHyperParameters"].items() <= trial["HyperParameters"].items()

    def test_trials_wait_for_their_turn(self, conformance: Backend) -> None:
        conformance.needs(Capability.TRIALS, Capability.PROGRESS)
        name = _fresh("turns")
        conformance.client.create_hyper_parameter_tuning_job(**conformance.tune(name))
        most = 0
        while (
            not most
            or conformance.client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)[
                "HyperParameterTuningJobStatus"
            ]
            not in _ENDED
        ):
            running = [trial for trial in self._trials(conformance, name) if trial["TrainingJobStatus"] == "InProgress"]
            most = max(most, len(running))
            conformance.pass_time()
        assert most == 2

    def test_a_tuning_job_is_stopped_with_its_trials(self, conformance: Backend) -> None:
        conformance.needs(Capability.TRIALS, Capability.STOP)
        name = _fresh("halted")
        conformance.client.create_hyper_parameter_tuning_job(**conformance.tune(name))
        conformance.client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        stopped = conformance.wait_for_tuning_job(name)
        assert stopped["HyperParameterTuningJobStatus"] == "Stopped"
        assert all(trial["TrainingJobStatus"] in _ENDED for trial in self._trials(conformance, name))
        with _refused("ValidationException", "is in status Stopped"):
            conformance.client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)

    def test_a_tuning_job_name_is_used_once(self, conformance: Backend) -> None:
        name = _fresh("once")
        conformance.client.create_hyper_parameter_tuning_job(**conformance.tune(name))
        with _refused("ResourceInUse", name, "already exists"):
            conformance.client.create_hyper_parameter_tuning_job(**conformance.tune(name))
        listed = conformance.client.list_hyper_parameter_tuning_jobs(NameContains=name)
        assert [job["HyperParameterTuningJobName"] for job in listed["HyperParameterTuningJobSummaries"]] == [name]

    @staticmethod
    def _trials(conformance: Backend, name: str, **order: str) -> list[dict[str, Any]]:
        operation = "list_training_jobs_for_hyper_parameter_tuning_job"
        pages = conformance.client.get_paginator(operation).paginate(HyperParameterTuningJobName=name, **order)
        return [trial for page in pages for trial in page["TrainingJobSummaries"]]
