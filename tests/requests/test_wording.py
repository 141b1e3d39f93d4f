"""Every member of a request has a name that its user knows."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest

from flytekit_sagemaker import types
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.models.channels import Channel
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.hpo_job import WarmStartConfig
from flytekit_sagemaker.models.training_job import AlgorithmSpecification
from flytekit_sagemaker.requests import warm_start as warm_start_rules
from flytekit_sagemaker.requests.fields import FIELDS, field_at, member_at
from flytekit_sagemaker.requests.validation import check_request
from flytekit_sagemaker.requests.wording import sentence
from flytekit_sagemaker.testing import builders as make
from tests.requests import samples

# What the connector adds, and no user can be wrong about.
NOT_THE_USERS = re.compile(
    r"(HyperParameterTuning|Training)JobName"
    r"|TrainingJobDefinitions\[\d+\]\.DefinitionName"
    r"|.*\bAllocationStrategy"
    r"|(TrainingJobDefinition\.)?AlgorithmSpecification\.ContainerEntrypoint\[\d+\]"
)
API_NAME = re.compile(r"(^|\.)[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*(?=[.\[]|$)")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from leaves(each, f"{path}[{index}]")
    else:
        yield path, value


@pytest.mark.parametrize("name", samples.GOLDEN)
def test_every_member_has_a_name_of_the_users(name: str) -> None:
    built = samples.GOLDEN[name]()
    found = {path: built.wording.problem(Problem(path, value, "")).field for path, value in leaves(built.parameters)}
    untold = {path: told for path, told in found.items() if API_NAME.search(told) and not NOT_THE_USERS.fullmatch(path)}
    assert {path: told for path, told in untold.items() if "overrides." not in told} == {}


@pytest.mark.parametrize(("model", "field"), [(model, field.name) for model in FIELDS for field in FIELDS[model]])
def test_fields_and_members_lead_to_each_other(model: type[Model], field: str) -> None:
    one_member = ("algorithm_name", "algorithm_version") if model is AlgorithmSpecification else ()
    assert field_at(model, member_at(model, field)) == ("training_image" if field in one_member else field)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("must be at least MaxRuntimeInSeconds (3600)", "must be at least max_runtime_in_seconds (3600)"),
        ("must be Pipe for an AugmentedManifestFile", "must be PIPE for an AUGMENTED_MANIFEST_FILE"),
        ("must be Off with Hyperband: it stops by itself", "must be OFF with HYPERBAND: it stops by itself"),
        ("Use TransferLearning.", "Use TRANSFER_LEARNING."),
        ("Did you mean 'Random'?", "Did you mean 'Random'?"),
        ("line 1 of /data/Random/File.csv", "line 1 of /data/Random/File.csv"),
        ("s3://Grid/Pipe, 'File' and Auto:loss", "s3://Grid/Pipe, 'File' and Auto:loss"),
        ("the user's File isn't", "the user's FILE isn't"),
        ("None of them", "None of them"),
        ("File systems are for File", "File systems are for FILE"),
        ("see pipelines.steps.Random or 2.Grid", "see pipelines.steps.Random or 2.Grid"),
    ],
)
def test_what_the_api_says_of_members_and_choices_is_told_in_ours(text: str, told: str) -> None:
    assert sentence(text) == told


def test_what_the_deployment_leaves_out_or_gives_is_named_where_a_task_could_say_it() -> None:
    deployment = dataclasses.replace(make.deployment(), role_arn="", output_path="file:///out")
    channels = {"train": "file:///data/train", "validation": "s3://bucket/validation"}
    built = samples.training(inputs=make.job_inputs(channels=channels), deployment=deployment)
    findings = check_request(built.operation, built.parameters)
    assert [str(built.wording.problem(problem)) for problem in findings.problems] == [
        "training_job_config.role_arn is required. Set role_arn in the sagemaker section of the Flyte config, "
        "FLYTEKIT_SAGEMAKER_ROLE_ARN, or training_job_config.",
        "training_job_config.output_path = 'file:///out': cannot be read by AWS. Give an s3:// URI, or use the local "
        "SageMaker.",
        "train = 'file:///data/train': cannot be read by AWS. Give an s3:// URI, or use the local SageMaker.",
    ]


def test_what_a_parent_differs_in() -> None:
    warm_start = WarmStartConfig(
        warm_start_type=types.WarmStartType.IDENTICAL_DATA_AND_ALGORITHM,
        parent_hyperparameter_tuning_jobs=("parent",),
    )
    built = samples.tuning(config=make.tuning_config(warm_start_config=warm_start))
    parent = copy.deepcopy({**built.parameters, "HyperParameterTuningJobStatus": "Completed"})
    objective = {"Type": "Maximize", "MetricName": "validation:auc"}
    parent["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"] = objective
    parent["TrainingJobDefinition"]["AlgorithmSpecification"]["TrainingImage"] = "own/image:1"
    found = warm_start_rules.problems(built.parameters, {"parent": parent})
    of = "hyperparameter_tuning_job_config.warm_start_config.parent_hyperparameter_tuning_jobs[0] = 'parent'"
    assert [str(built.wording.problem(problem)) for problem in found] == [
        f"{of}: has another objective: MAXIMIZE validation:auc, not MINIMIZE validation:rmse. Use the objective "
        "MAXIMIZE validation:auc, or another parent.",
        f"{of}: runs own/image, which IDENTICAL_DATA_AND_ALGORITHM asks for, not "
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost. Use the same image, or TRANSFER_LEARNING.",
    ]


def test_other_data_of_a_parent_is_told_where_warnings_are_told() -> None:
    warm_start = WarmStartConfig(
        warm_start_type=types.WarmStartType.IDENTICAL_DATA_AND_ALGORITHM,
        parent_hyperparameter_tuning_jobs=("parent",),
    )
    built = samples.tuning(config=make.tuning_config(warm_start_config=warm_start))
    parent = copy.deepcopy({**built.parameters, "HyperParameterTuningJobStatus": "Completed"})
    del parent["TrainingJobDefinition"]["InputDataConfig"][1]
    advice = warm_start_rules.advice(built.parameters, {"parent": parent})
    (warning,) = check_request(built.operation, built.parameters).with_others(advice).warnings
    assert built.wording.warning(warning) == (
        "hyperparameter_tuning_job_config.warm_start_config.parent_hyperparameter_tuning_jobs[0] = 'parent': has "
        "nothing in the channel validation, not s3://bucket/validation. Its trials count as this job's own all the "
        "same; TRANSFER_LEARNING expects such differences."
    )


def test_a_warning_is_told_likewise() -> None:
    config = make.training_job_config(instance_type="ml.m99.xlarge")
    built = samples.tuning(job=make.tuning_job(training_job=make.training_job(training_job_config=config)))
    (warning,) = check_request(built.operation, built.parameters).warnings
    told = built.wording.warning(warning)
    assert told.startswith("training_job_config.instance_type = 'ml.m99.xlarge' is unknown to the installed botocore.")


@pytest.mark.parametrize(
    ("channels", "told"),
    [
        (("validation",), "channels.train is a required channel. Add a channel 'train'."),
        (("train", "validation"), "train is a required channel. Add a channel 'train'."),
    ],
)
def test_a_channel_that_is_missing_is_declared_or_given(channels: tuple[str, ...], told: str) -> None:
    job = make.training_job(channels=tuple(Channel(name=name, required=False) for name in channels))
    built = samples.training(job=job, inputs=make.job_inputs(channels={"validation": "s3://bucket/validation"}))
    (problem,) = check_request(built.operation, built.parameters).problems
    assert str(built.wording.problem(problem)) == told
