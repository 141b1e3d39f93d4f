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

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from flytekit_sagemaker.testing.backend import (
    ENDED,
    Backend,
    Capability,
    fresh,
    training_request,
    tuning_request,
    with_definitions,
)

__all__ = [
    "Backend",
    "Capability",
    "SageMakerConformance",
    "training_request",
    "tuning_request",
    "with_definitions",
]


@contextmanager
def _refused(code: str, *parts: str) -> Iterator[None]:
    """Expect the error of a code whose message has all the parts."""
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert all(part in error["Message"] for part in parts), error["Message"]


class SageMakerConformance:
    """The suite; see the module."""

    def test_a_job_goes_through_its_phases(self, conformance: Backend) -> None:
        conformance.needs(Capability.PROGRESS)
        name = fresh("Phases")
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
        name = fresh("stopped")
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
        name = fresh("broken")
        request = conformance.train(name)
        request["AlgorithmSpecification"] = {**request["AlgorithmSpecification"], "TrainingInputMode": "Bogus"}
        with _refused("ValidationException", "trainingInputMode", "Bogus"):
            conformance.client.create_training_job(**request)
        with _refused("ValidationException", "trainingJobName"):
            conformance.client.create_training_job(**{**conformance.train(name), "TrainingJobName": f"{name}_x"})
        assert conformance.names(NameContains=name) == []

    def test_a_tuning_job_from_its_trials_to_its_best(self, conformance: Backend) -> None:
        conformance.needs(Capability.TRIALS)
        name = fresh("tuning")
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
        name = fresh("turns")
        conformance.client.create_hyper_parameter_tuning_job(**conformance.tune(name))
        most = 0
        while (
            not most
            or conformance.client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)[
                "HyperParameterTuningJobStatus"
            ]
            not in ENDED
        ):
            running = [trial for trial in self._trials(conformance, name) if trial["TrainingJobStatus"] == "InProgress"]
            most = max(most, len(running))
            conformance.pass_time()
        assert most == 2

    def test_a_tuning_job_with_several_definitions(self, conformance: Backend) -> None:
        conformance.needs(Capability.TRIALS, Capability.DEFINITIONS)
        name = fresh("several")
        request = with_definitions(conformance.tune(name), "one", "other")
        conformance.client.create_hyper_parameter_tuning_job(**request)
        described = conformance.wait_for_tuning_job(name)
        assert described["HyperParameterTuningJobStatus"] == "Completed"
        assert "TrainingJobDefinition" not in described
        assert [each["DefinitionName"] for each in described["TrainingJobDefinitions"]] == ["one", "other"]
        for asked, said in zip(request["TrainingJobDefinitions"], described["TrainingJobDefinitions"], strict=True):
            for member in ("TuningObjective", "HyperParameterRanges", "ResourceConfig"):
                assert said[member] == asked[member]
        trials = self._trials(conformance, name, SortBy="CreationTime", SortOrder="Ascending")
        assert {trial["TrainingJobDefinitionName"] for trial in trials} == {"one", "other"}
        values = {
            trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]: trial["TrainingJobDefinitionName"]
            for trial in trials
        }
        assert described["BestTrainingJob"]["TrainingJobDefinitionName"] == values[min(values)]

    def test_a_tuning_job_ends_when_its_target_is_reached(self, conformance: Backend) -> None:
        conformance.needs(Capability.TRIALS, Capability.COMPLETION_CRITERIA)
        name = fresh("target")
        request = conformance.tune(name)
        config = request["HyperParameterTuningJobConfig"]
        config["TuningJobCompletionCriteria"] = {"TargetObjectiveMetricValue": 1e9}
        config["ResourceLimits"]["MaxParallelTrainingJobs"] = 1
        conformance.client.create_hyper_parameter_tuning_job(**request)
        described = conformance.wait_for_tuning_job(name)
        assert described["HyperParameterTuningJobStatus"] == "Completed"
        assert described["HyperParameterTuningJobConfig"]["TuningJobCompletionCriteria"] == {
            "TargetObjectiveMetricValue": 1e9
        }
        assert len(self._trials(conformance, name)) == 1

    def test_what_is_asked_of_a_tuning_job_is_described(self, conformance: Backend) -> None:
        name = fresh("described")
        request = conformance.tune(name)
        config = request["HyperParameterTuningJobConfig"]
        config["TuningJobCompletionCriteria"] = {
            "TargetObjectiveMetricValue": 0.5,
            "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3},
            "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"},
        }
        config["ResourceLimits"]["MaxRuntimeInSeconds"] = 7200
        request["TrainingJobDefinition"].update(
            OutputDataConfig={**request["TrainingJobDefinition"]["OutputDataConfig"], "KmsKeyId": "output-key"},
            ResourceConfig={**request["TrainingJobDefinition"]["ResourceConfig"], "VolumeKmsKeyId": "volume-key"},
            StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 900},
            VpcConfig={"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]},
            CheckpointConfig={"S3Uri": "s3://bucket/checkpoints", "LocalPath": "/opt/ml/checkpoints"},
            RetryStrategy={"MaximumRetryAttempts": 2},
            Environment={"LEVEL": "debug"},
            EnableNetworkIsolation=True,
            EnableInterContainerTrafficEncryption=True,
            EnableManagedSpotTraining=True,
        )
        tags = [{"Key": "cost-center", "Value": "42"}]
        create = conformance.client.create_hyper_parameter_tuning_job
        arn = create(**request, Tags=tags)["HyperParameterTuningJobArn"]
        described = conformance.client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        if Capability.STOP not in conformance.lacks:
            conformance.client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        assert described["HyperParameterTuningJobConfig"].items() >= config.items()
        said, asked = described["TrainingJobDefinition"], request["TrainingJobDefinition"]
        for member in asked.keys() - {"AlgorithmSpecification", "StaticHyperParameters"}:
            assert said[member] == asked[member]
        for member in ("AlgorithmSpecification", "StaticHyperParameters"):
            assert said[member].items() >= asked[member].items()
        assert conformance.client.list_tags(ResourceArn=arn)["Tags"] == tags

    def test_a_tuning_job_is_stopped_with_its_trials(self, conformance: Backend) -> None:
        conformance.needs(Capability.TRIALS, Capability.STOP)
        name = fresh("halted")
        conformance.client.create_hyper_parameter_tuning_job(**conformance.tune(name))
        conformance.client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        stopped = conformance.wait_for_tuning_job(name)
        assert stopped["HyperParameterTuningJobStatus"] == "Stopped"
        assert all(trial["TrainingJobStatus"] in ENDED for trial in self._trials(conformance, name))
        with _refused("ValidationException", "is in status Stopped"):
            conformance.client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)

    def test_a_tuning_job_name_is_used_once(self, conformance: Backend) -> None:
        name = fresh("once")
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
