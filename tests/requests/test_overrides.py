"""What the user says in the API's words comes last, and is checked like the rest."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from flytekit_sagemaker.requests.overrides import definition_overridden, overridden
from flytekit_sagemaker.requests.training import BuiltRequest
from flytekit_sagemaker.requests.validation import check_request
from tests.requests import samples


def messages(built: BuiltRequest) -> list[str]:
    found = check_request(built.operation, built.parameters).with_others(built.problems)
    return [str(problem) for problem in found.problems]


@pytest.mark.parametrize(
    ("overrides", "path", "expected"),
    [
        ({"StoppingCondition": {"MaxPendingTimeInSeconds": 7200}}, "StoppingCondition.MaxRuntimeInSeconds", 3600),
        ({"StoppingCondition": {"MaxPendingTimeInSeconds": 7200}}, "StoppingCondition.MaxPendingTimeInSeconds", 7200),
        ({"ResourceConfig": {"InstanceCount": 3}}, "ResourceConfig.InstanceCount", 3),
        ({"ResourceConfig": {"VolumeKmsKeyId": None}}, "ResourceConfig.VolumeKmsKeyId", None),
        ({"RetryStrategy": None}, "RetryStrategy", None),
        ({"NeverThere": None}, "NeverThere", None),
        ({"InputDataConfig": []}, "InputDataConfig", []),
        ({"RemoteDebugConfig": {"EnableRemoteDebug": True}}, "RemoteDebugConfig", {"EnableRemoteDebug": True}),
        ({"RemoteDebugConfig": {"EnableRemoteDebug": None}}, "RemoteDebugConfig", {}),
        ({"HyperParameters": {"epochs": "9"}}, "HyperParameters.epochs", "9"),
    ],
)
def test_dictionaries_are_merged_and_the_rest_is_replaced(overrides: Any, path: str, expected: Any) -> None:
    built = samples.GOLDEN["training_rich"]()
    before = copy.deepcopy(built.parameters)
    value: Any = overridden(built, overrides).parameters
    for name in path.split("."):
        value = value.get(name)
    assert value == expected
    assert built.parameters == before


def test_no_overrides_are_no_change() -> None:
    built = samples.GOLDEN["training_rich"]()
    assert overridden(built, None) == overridden(built, {}) == built


def test_the_name_and_the_tags_are_not_the_users_to_override() -> None:
    built = overridden(samples.training(), {"TrainingJobName": "mine", "Tags": [], "RoleArn": None})
    assert built.parameters["TrainingJobName"] == samples.training().parameters["TrainingJobName"]
    assert len(built.parameters["Tags"]) == 5
    role, name, tags = messages(built)
    assert role.startswith("RoleArn is required")
    assert "overrides.TrainingJobName = 'mine': cannot be overridden. The name says whose job it is" in name
    assert "overrides.Tags = []: cannot be overridden. Put them into training_job_config.tags" in tags


def test_what_is_overridden_is_checked_like_the_rest() -> None:
    overrides = {"StoppingCondition": {"MaxRuntimeInSecond": 60}, "RetryStrategy": {"MaximumRetryAttempts": 31}}
    misspelled, too_many = messages(overridden(samples.training(), overrides))
    assert "Did you mean 'MaxRuntimeInSeconds'?" in misspelled
    assert "at most 30" in too_many


def test_what_is_to_be_removed_has_to_be_a_member() -> None:
    misspelled = {"RoleArm": None, "StoppingCondition": {"MaxRuntime": None}, "RetryStrategy": None}
    role, limit = messages(overridden(samples.training(), misspelled))
    assert role.startswith("overrides.RoleArm is not a member of CreateTrainingJobRequest in botocore")
    assert role.endswith("Did you mean 'RoleArn'?")
    assert limit.startswith("overrides.StoppingCondition.MaxRuntime is not a member")
    (own,) = messages(definition_overridden(samples.tuning(), {"Environments": None, "VpcConfig": None}))
    assert own.endswith("Did you mean 'Environment'?")


def test_a_training_jobs_overrides_go_to_its_definition_and_the_tuning_jobs_come_after() -> None:
    own = {"RetryStrategy": {"MaximumRetryAttempts": 2}, "EnableNetworkIsolation": True}
    built = definition_overridden(samples.tuning(), own)
    last = overridden(built, {"TrainingJobDefinition": {"EnableNetworkIsolation": False}})
    definition = last.parameters["TrainingJobDefinition"]
    assert (definition["RetryStrategy"], definition["EnableNetworkIsolation"]) == ({"MaximumRetryAttempts": 2}, False)
    assert messages(last) == []
    (problem,) = messages(definition_overridden(samples.tuning(), {"HyperParameters": {}}))
    assert "HyperParameters" in problem
    assert "is not a member of HyperParameterTrainingJobDefinition" in problem


def test_of_several_definitions_the_one_of_that_name_changes() -> None:
    several = {"TrainingJobDefinitions": [{"DefinitionName": "a"}, {"DefinitionName": "b"}]}
    built = definition_overridden(BuiltRequest("CreateHyperParameterTuningJob", several), {"RoleArn": "r"}, "b")
    assert built.parameters["TrainingJobDefinitions"] == [
        {"DefinitionName": "a"},
        {"DefinitionName": "b", "RoleArn": "r"},
    ]
