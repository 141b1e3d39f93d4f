"""Every argument and every output, from Kubeflow and from Flyte, as boto3 reads them back from what ran."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker import SdkSimpleHPOJobTask, SdkSimpleTrainingJobTask, aws
from flytekit_sagemaker.clock import SystemClock
from flytekit_sagemaker.kubeflow.arguments import ARGUMENTS, BY_NAME, OUTPUTS
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.models.channels import Channel
from flytekit_sagemaker.models.hpo_job import (
    HyperparameterTuningJobConfig,
    HyperparameterTuningObjective,
    WarmStartConfig,
)
from flytekit_sagemaker.models.parameter_ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRanges,
)
from flytekit_sagemaker.models.training_job import (
    AlgorithmSpecification,
    MetricDefinition,
    StoppingCondition,
    TrainingJobConfig,
)
from flytekit_sagemaker.testing.lives import Life
from flytekit_sagemaker.testing.simulated_server import SimulatedServer
from flytekit_sagemaker.testing.simulation import SimulatedSageMaker
from flytekit_sagemaker.types import AlgorithmName
from tests.local.support import boto3_client

from .conftest import IMAGE
from .support import ROLE, Step, channel

# What Kubeflow and Flyte have to agree on; the rest is names, times and results.
_ASKED = ("HyperParameterTuningJobConfig", "TrainingJobDefinition", "WarmStartConfig")


class Job:
    """A tuning job as the service describes it."""

    def __init__(self, server: LocalSageMaker, name: str) -> None:
        self.client = boto3_client(server.url)
        self.description = self.client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        arn = self.description["HyperParameterTuningJobArn"]
        self.tags = {tag["Key"]: tag["Value"] for tag in self.client.list_tags(ResourceArn=arn)["Tags"]}
        self.asked = {member: self.description.get(member) for member in _ASKED}

    def member(self, argument: str) -> Any:
        """The member in which an argument arrives."""
        path = BY_NAME[argument].member.split(".")
        if path == ["Tags"]:
            return self.tags
        return functools.reduce(lambda holder, name: (holder or {}).get(name), path, self.description)

    def trial(self, name: str) -> Mapping[str, Any]:
        return dict(self.client.describe_training_job(TrainingJobName=name))


def check(job: Job, expected: Mapping[str, Any]) -> None:
    for argument, value in expected.items():
        found = job.member(argument)
        if isinstance(value, dict):
            assert value.items() <= (found or {}).items(), argument
        else:
            assert found == value, argument


def check_outputs(job: Job, outputs: Mapping[str, Any]) -> None:
    best = job.description["BestTrainingJob"]
    trial = job.trial(best["TrainingJobName"])
    assert outputs["hpo_job_name"] == job.description["HyperParameterTuningJobName"]
    assert outputs["best_job_name"] == best["TrainingJobName"]
    assert outputs["model_artifact_url"] == trial["ModelArtifacts"]["S3ModelArtifacts"]
    assert outputs["training_image"] == trial["AlgorithmSpecification"]["TrainingImage"]
    hyperparameters = outputs["best_hyperparameters"]
    hyperparameters = json.loads(hyperparameters) if isinstance(hyperparameters, str) else hyperparameters
    assert hyperparameters == {
        name: value
        for name, value in {**job.member("static_parameters"), **best["TunedHyperParameters"]}.items()
        if name != "_tuning_objective_metric"
    }


def run_in_flyte(task: SdkSimpleHPOJobTask, **inputs: Any) -> dict[str, Any]:
    result = task(**inputs)
    return {output.name: getattr(result, output.name) for output in OUTPUTS}


BUILT_IN = {
    "region": "eu-west-1",
    "job_name": "digits-of-kubeflow",
    "role": ROLE,
    "algorithm_name": "k-means",
    "training_input_mode": "FastFile",
    "strategy": "Random",
    "metric_name": "test:msd",
    "metric_type": "Minimize",
    "early_stopping_type": "Auto",
    "static_parameters": {"k": 3, "feature_dim": "2"},
    "integer_parameters": [{"Name": "mini_batch_size", "MinValue": "100", "MaxValue": "200"}],
    "categorical_parameters": [{"Name": "init_method", "Values": ["kmeans++", "random"]}],
    "output_encryption_key": "alias/models",
    "instance_type": "ml.m5.2xlarge",
    "volume_size": 50,
    "max_num_jobs": 2,
    "max_parallel_jobs": 2,
    "max_run_time": 3600,
    "resource_encryption_key": "alias/volumes",
    "vpc_security_group_ids": "sg-1, sg-2",
    "vpc_subnets": "subnet-1,subnet-2",
    "network_isolation": "false",
    "traffic_encryption": "True",
    "spot_instance": "true",
    "max_wait_time": 7200,
    "tags": {"team": "ml", "cost-center": 42},
    "overrides": {"HyperParameterTuningJobConfig": {"RandomSeed": 7}},
}
ARRIVED: dict[str, Any] = {
    "job_name": "digits-of-kubeflow",
    "role": ROLE,
    "image": "438346466558.dkr.ecr.eu-west-1.amazonaws.com/kmeans:1",
    "training_input_mode": "FastFile",
    "strategy": "Random",
    "metric_name": "test:msd",
    "metric_type": "Minimize",
    "early_stopping_type": "Auto",
    "static_parameters": {"k": "3", "feature_dim": "2"},
    "integer_parameters": [
        {"Name": "mini_batch_size", "MinValue": "100", "MaxValue": "200", "ScalingType": "Auto"},
    ],
    "categorical_parameters": [{"Name": "init_method", "Values": ["kmeans++", "random"]}],
    "output_encryption_key": "alias/models",
    "instance_type": "ml.m5.2xlarge",
    "instance_count": 1,
    "volume_size": 50,
    "max_num_jobs": 2,
    "max_parallel_jobs": 2,
    "max_run_time": 3600,
    "resource_encryption_key": "alias/volumes",
    "vpc_security_group_ids": ["sg-1", "sg-2"],
    "vpc_subnets": ["subnet-1", "subnet-2"],
    "network_isolation": False,
    "traffic_encryption": True,
    "spot_instance": True,
    "max_wait_time": 7200,
    "tags": {"team": "ml", "cost-center": "42"},
}


def test_a_built_in_algorithm(
    own_sagemaker: LocalSageMaker, points: Path, tmp_path: Path, run: Callable[..., Step]
) -> None:
    unlabelled = {"ContentType": "text/csv;label_size=0", "InputMode": "FastFile"}
    out, checkpoints = (tmp_path / "out").as_uri(), (tmp_path / "checkpoints").as_uri()
    step = run(
        BUILT_IN,
        endpoint_url=own_sagemaker.url,
        output_location=out,
        checkpoint_config={"S3Uri": checkpoints, "LocalPath": "/opt/ml/saved"},
        channels=[channel(name, points / name, **unlabelled) for name in ("train", "test")],
    )
    assert (step.code, step.errors) == (0, "")

    config = TrainingJobConfig(
        region="eu-west-1",
        endpoint_url=own_sagemaker.url,
        role_arn=ROLE,
        output_path=out,
        output_kms_key_id="alias/models",
        instance_type="ml.m5.2xlarge",
        volume_size_in_gb=50,
        volume_kms_key_id="alias/volumes",
        security_group_ids=["sg-1", "sg-2"],
        subnets=["subnet-1", "subnet-2"],
        enable_network_isolation=False,
        enable_inter_container_traffic_encryption=True,
        enable_managed_spot_training=True,
        checkpoint_s3_uri=checkpoints,
        checkpoint_local_path="/opt/ml/saved",
        tags={"team": "ml", "cost-center": "42"},
    )
    task = SdkSimpleHPOJobTask(
        SdkSimpleTrainingJobTask(
            config,
            AlgorithmSpecification(AlgorithmName.KMEANS, input_mode="FastFile"),
            channels=[Channel(name, input_mode="FastFile") for name in ("train", "test")],
        ),
        2,
        2,
        tunable_parameters=["mini_batch_size", "init_method"],
        overrides={"HyperParameterTuningJobConfig": {"RandomSeed": 7}},
    )
    outputs = run_in_flyte(
        task,
        train=str(points / "train"),
        test=str(points / "test"),
        static_hyperparameters={"k": 3, "feature_dim": 2},
        stopping_condition=StoppingCondition(3600, 7200),
        hyperparameter_tuning_job_config=HyperparameterTuningJobConfig(
            "RANDOM", HyperparameterTuningObjective("MINIMIZE", "test:msd"), "AUTO"
        ),
        mini_batch_size=IntegerParameterRange(min_value=100, max_value=200),
        init_method=CategoricalParameterRange(["kmeans++", "random"]),
    )

    ours = Job(own_sagemaker, step.outputs["hpo_job_name"])
    flytes = Job(own_sagemaker, outputs["hpo_job_name"])
    assert ours.asked == flytes.asked
    for job, names in ((ours, {}), (flytes, {"job_name": outputs["hpo_job_name"]})):
        check(job, ARRIVED | names)
        assert job.member("output_location") == out
        assert job.member("checkpoint_config") == {"S3Uri": checkpoints, "LocalPath": "/opt/ml/saved"}
        assert [each["DataSource"]["S3DataSource"]["S3Uri"] for each in job.member("channels")] == [
            (points / name).as_uri() for name in ("train", "test")
        ]
        assert job.description["HyperParameterTuningJobConfig"]["RandomSeed"] == 7
        assert ":eu-west-1:" in job.description["HyperParameterTuningJobArn"]
    check_outputs(ours, step.outputs)
    check_outputs(flytes, outputs)


OWN_IMAGE = {
    "region": "us-east-1",
    "role": ROLE,
    "image": IMAGE,
    "metric_definitions": "loss: loss=([^;]*);",
    "metric_name": "loss",
    "metric_type": "Minimize",
    "continuous_parameters": "[{Name: x, MinValue: 0, MaxValue: 0.9, ScalingType: Linear}]",
    "instance_count": "2",
    "max_num_jobs": "1",
    "max_parallel_jobs": "1.0",
}


def test_an_image_of_ones_own_and_parents_beside_what_is_absent(
    own_sagemaker: LocalSageMaker, points: Path, tmp_path: Path, run: Callable[..., Step]
) -> None:
    out = (tmp_path / "out").as_uri()
    absent = {
        argument.name: ""
        for argument in ARGUMENTS
        if not argument.required and argument.name not in (*OWN_IMAGE, "endpoint_url")
    }
    arguments = {
        **absent,
        **OWN_IMAGE,
        "endpoint_url": own_sagemaker.url + "/",
        "output_location": out,
        "channels": [channel("train", points / "train")],
    }
    parent = run(arguments)
    assert (parent.code, parent.errors) == (0, "")
    name = parent.outputs["hpo_job_name"]
    step = run(arguments, warm_start_type="TransferLearning", parent_hpo_jobs=name)
    assert (step.code, step.errors) == (0, "")

    task = SdkSimpleHPOJobTask(
        SdkSimpleTrainingJobTask(
            TrainingJobConfig(
                "ml.m4.xlarge",
                30,
                2,
                role_arn=ROLE,
                endpoint_url=own_sagemaker.url,
                output_path=out,
                enable_network_isolation=True,
                enable_inter_container_traffic_encryption=False,
                enable_managed_spot_training=False,
            ),
            AlgorithmSpecification(
                AlgorithmName.CUSTOM,
                training_image=IMAGE,
                metric_definitions=[MetricDefinition("loss", "loss=([^;]*);")],
            ),
            channels=[Channel("train", content_type="", input_mode="FILE")],
        ),
        1,
        1,
    )
    outputs = run_in_flyte(
        task,
        train=str(points / "train"),
        static_hyperparameters={},
        stopping_condition=StoppingCondition(86400),
        hyperparameter_tuning_job_config=HyperparameterTuningJobConfig(
            "BAYESIAN",
            HyperparameterTuningObjective("MINIMIZE", "loss"),
            hyperparameter_ranges=ParameterRanges({"x": ContinuousParameterRange(0.9, 0, "LINEAR")}),
            warm_start_config=WarmStartConfig("TRANSFER_LEARNING", [name]),
        ),
    )

    ours, flytes = Job(own_sagemaker, step.outputs["hpo_job_name"]), Job(own_sagemaker, outputs["hpo_job_name"])
    assert ours.asked == flytes.asked
    for job in (ours, flytes):
        check(
            job,
            {
                "image": IMAGE,
                "algorithm_name": None,
                "metric_definitions": [{"Name": "loss", "Regex": "loss=([^;]*);"}],
                "continuous_parameters": [{"Name": "x", "MinValue": "0", "MaxValue": "0.9", "ScalingType": "Linear"}],
                "instance_count": 2,
                "warm_start_type": "TransferLearning",
                "parent_hpo_jobs": [{"HyperParameterTuningJobName": name}],
                **{
                    row.name: row.default
                    for row in ARGUMENTS
                    if row.name in absent and isinstance(row.default, str | int)
                },
                "max_wait_time": None,
                "checkpoint_config": None,
                "vpc_subnets": None,
            },
        )
        assert "ContentType" not in job.member("channels")[0]
    check_outputs(ours, step.outputs)
    check_outputs(flytes, outputs)
    assert len(name) <= 32
    assert name.startswith("HPOJob-20")


def test_a_role_is_assumed_and_an_algorithm_resource_is_named(
    run: Callable[..., Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = SimulatedSageMaker(SystemClock(), lives=lambda _: Life().lasting(0.01))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")  # where nothing says what the trials left
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    aws.forget_clients()
    role = "arn:aws:iam::123456789012:role/tuning"
    config = TrainingJobConfig(
        "ml.m5.large", 1, region="us-east-1", role_arn=ROLE, assume_role_arn=role, output_path="s3://bucket/out"
    )
    with SimulatedServer(account) as server:
        elsewhere = server.url.replace("127.0.0.1", "127.1")  # this machine, under its own names, has no roles
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", elsewhere)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", elsewhere)
        step = run(
            {
                "region": "us-east-1",
                "assume_role": role,
                "role": ROLE,
                "algorithm_name": "kmean",
                "metric_name": "loss",
                "metric_type": "Maximize",
                "integer_parameters": '[{"Name": "depth", "MinValue": 1, "MaxValue": 3}]',
                "channels": [channel("train", "s3://bucket/train")],
                "output_location": "s3://bucket/out",
                "max_num_jobs": 1,
                "max_parallel_jobs": 1,
            }
        )
        monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", "aws")
        outputs = run_in_flyte(
            SdkSimpleHPOJobTask(
                SdkSimpleTrainingJobTask(
                    config, AlgorithmSpecification(AlgorithmName.CUSTOM, algorithm_resource="kmean"), channels=[]
                ),
                1,
                1,
            ),
            static_hyperparameters={},
            stopping_condition=StoppingCondition(60),
            hyperparameter_tuning_job_config=HyperparameterTuningJobConfig(
                "BAYESIAN",
                HyperparameterTuningObjective("MAXIMIZE", "loss"),
                hyperparameter_ranges=ParameterRanges({"depth": IntegerParameterRange(3, 1)}),
            ),
        )
        aws.forget_clients()
        for found in (step.outputs, outputs):
            described = account.call(
                "describe_hyper_parameter_tuning_job", HyperParameterTuningJobName=found["hpo_job_name"]
            )
            specification = described["TrainingJobDefinition"]["AlgorithmSpecification"]
            assert specification == {"AlgorithmName": "kmean", "TrainingInputMode": "File"}
    assert step.code == 0, step.errors
    assert "'K-Means'" in step.errors
    assert {session.role_arn for session in account.sessions()} == {role}
    assert len(account.sessions()) == 2
    assert step.outputs["training_image"] == "kmean"


def test_every_row_is_exercised() -> None:
    elsewhere = {"assume_role", "algorithm_name", "endpoint_url", "channels", "output_location", "checkpoint_config"}
    assert {row.name for row in ARGUMENTS} <= {*BUILT_IN, *OWN_IMAGE, "warm_start_type", "parent_hpo_jobs"} | elsewhere
