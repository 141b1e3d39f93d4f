"""What a task overrides reaches the request last, also after the command of a function."""

from __future__ import annotations

from typing import Any

import pytest
from flytekit.types.directory import FlyteDirectory

from flytekit_sagemaker import SdkSimpleTrainingJobTask, custom_training_job_task
from flytekit_sagemaker.connector.base import Submission
from flytekit_sagemaker.connector.custom import CustomTrainingJobConnector
from flytekit_sagemaker.container.command import Command
from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.models.codec import to_wire
from flytekit_sagemaker.models.training_job import Channel, FileSystemDataSource
from flytekit_sagemaker.requests.functions import Container
from flytekit_sagemaker.requests.validation import check_request
from flytekit_sagemaker.testing import builders as make

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/pricing:3"
ARCHIVE = Channel(
    name="archive", file_system=FileSystemDataSource(file_system_id="fs-01234567", directory_path="/archive")
)
IN_ITS_VPC = make.training_job_config(security_group_ids=["sg-1"], subnets=["subnet-1"])


@custom_training_job_task(
    training_job_config=IN_ITS_VPC,
    channels=[ARCHIVE],
    overrides={"AlgorithmSpecification": {"ContainerArguments": ["--quiet"]}, "Environment": {"COLOR": "blue"}},
)
def learn(depth: int) -> float:
    return depth / 2


def test_a_functions_request_is_overridden_after_its_command_was_put_in() -> None:
    container = Container(IMAGE, Command(("pyflyte-execute",)), {"COLOR": "green", "SHAPE": "round"})
    values = {"depth": 3, "stopping_condition": to_wire(make.stopping_condition())}
    submission = Submission(learn.get_custom(None), values, "learn-1", make.deployment(), {}, container=container)
    built = CustomTrainingJobConnector(learn.task_type).build(submission)
    assert check_request(built.operation, built.parameters).with_others(built.problems).problems == ()
    specification, environment = built.parameters["AlgorithmSpecification"], built.parameters["Environment"]
    assert specification["ContainerEntrypoint"]
    assert specification["ContainerArguments"] == ["--quiet"]
    assert (environment["COLOR"], environment["SHAPE"]) == ("blue", "round")
    assert "FLYTEKIT_SAGEMAKER_COMMAND_00" in environment
    (archive,) = built.parameters["InputDataConfig"]
    assert archive["DataSource"]["FileSystemDataSource"]["DirectoryPath"] == "/archive"
    assert "archive" not in learn.python_interface.inputs


def takes_the_archive(archive: FlyteDirectory) -> float:
    return 0.0


def test_a_channel_that_is_no_input_is_no_parameter_of_the_function() -> None:
    where = "in input/data/archive below /opt/ml, or below SAGEMAKER_BASE_DIR where that is set"
    with pytest.raises(InvalidInput, match=f"archive .*is no input: .*the data is {where}"):
        custom_training_job_task(training_job_config=IN_ITS_VPC, channels=[ARCHIVE])(takes_the_archive)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"channels": ["my-data"]}, "'my-data': cannot be an input of a Flyte task. Name it with letters, digits"),
        ({"channels": "train"}, "channels = 'train': must be a list"),
        ({"overrides": [1]}, r"overrides = \[1\]: must be a dictionary"),
        ({"overrides": {"Tags": {1}}}, r"overrides.Tags = \{1\}: must be a text, a finite number"),
    ],
)
def test_what_no_task_can_be_told_is_refused_when_it_is_made(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        SdkSimpleTrainingJobTask(make.training_job_config(), make.algorithm_specification(), **arguments)
