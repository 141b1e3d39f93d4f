"""What the component takes, what it makes of it, and where that goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.kubeflow import algorithm_names
from flytekit_sagemaker.kubeflow.arguments import ARGUMENTS
from flytekit_sagemaker.kubeflow.hyperparameter_tuning import main
from flytekit_sagemaker.kubeflow.reading import parse, values
from flytekit_sagemaker.kubeflow.tuning_job import described
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.recordio import write_records
from flytekit_sagemaker.types import AlgorithmName
from tests.local.support import boto3_client

from .support import AT_AWS, ROLE, Step, channel, command_line


def test_the_published_arguments_of_the_k_means_sample_are_taken_as_they_are(
    own_sagemaker: LocalSageMaker, tmp_path: Path, run: Callable[..., Step]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 784))
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
        write_records(tmp_path / name / "digits.pbr", pixels)
    sample: dict[str, Any] = {
        "region": "us-east-1",
        "job_name": "HPO-kmeans-sample",
        "image": "",
        "algorithm_name": "K-Means",
        "training_input_mode": "File",
        "metric_definitions": "{}",
        "strategy": "Bayesian",
        "metric_name": "test:msd",
        "metric_type": "Minimize",
        "early_stopping_type": "Off",
        "static_parameters": '{"k": "10", "feature_dim": "784"}',
        "integer_parameters": '[{"Name": "mini_batch_size", "MinValue": "500", "MaxValue": "600"}, '
        '{"Name": "extra_center_factor", "MinValue": "10", "MaxValue": "20"}]',
        "continuous_parameters": "[]",
        "categorical_parameters": '[{"Name": "init_method", "Values": ["kmeans++", "random"]}]',
        "channels": [channel(name, tmp_path / name) for name in ("train", "test")],
        "output_location": (tmp_path / "out").as_uri(),
        "output_encryption_key": "",
        "instance_type": "ml.m5.2xlarge",
        "instance_count": "1",
        "volume_size": "50",
        "max_num_jobs": "1",
        "max_parallel_jobs": "1",
        "resource_encryption_key": "",
        "max_run_time": "3600",
        "vpc_security_group_ids": "",
        "vpc_subnets": "",
        "endpoint_url": own_sagemaker.url,
        "network_isolation": "True",
        "traffic_encryption": "False",
        "warm_start_type": "",
        "parent_hpo_jobs": "",
        "spot_instance": "False",
        "max_wait_time": "3600",
        "checkpoint_config": "{}",
        "tags": "{}",
        "role": ROLE,
    }
    step = run(sample)
    assert (step.code, step.errors) == (0, "")
    best = json.loads(step.outputs["best_hyperparameters"])
    assert best.keys() == {"k", "feature_dim", "mini_batch_size", "extra_center_factor", "init_method"}
    assert step.outputs["hpo_job_name"] == "HPO-kmeans-sample"
    assert f"best training job {step.outputs['best_job_name']}" in step.log

    again = run(sample)
    assert (again.code, again.outputs) == (1, {})
    assert "a tuning job named 'HPO-kmeans-sample' exists" in again.errors
    assert "It is Completed. Give a job_name that is new" in again.errors


def test_a_parent_is_looked_at_before_the_job_is_created(
    own_sagemaker: LocalSageMaker, run: Callable[..., Step]
) -> None:
    kind = "IdenticalDataAndAlgorithm"
    here = {"job_name": "the-heir", "endpoint_url": own_sagemaker.url}
    step = run(AT_AWS, **here, warm_start_type=kind, parent_hpo_jobs="nobody")
    assert step.code == 1
    assert "parent_hpo_jobs[0] = 'nobody': does not exist" in step.errors
    assert step.outputs == {}
    jobs = boto3_client(own_sagemaker.url).list_hyper_parameter_tuning_jobs(NameContains="the-heir")
    assert jobs["HyperParameterTuningJobSummaries"] == []


def test_parents_are_not_looked_for_where_nobody_meant_them_to_be(
    own_sagemaker: LocalSageMaker, run: Callable[..., Step]
) -> None:
    parents = {"warm_start_type": "TransferLearning", "parent_hpo_jobs": "nobody"}
    step = run(AT_AWS, **parents, endpoint_url=own_sagemaker.url, region="None")
    assert "region = 'None': must not be the text None" in step.errors
    assert "nobody" not in step.errors


def test_this_machine_has_no_roles_to_assume() -> None:
    role = {"assume_role": "arn:aws:iam::111122223333:role/tuning"}
    at_aws = described(values(parse(command_line({**AT_AWS, **role}))[0])[0])
    here = described(values(parse(command_line({**AT_AWS, **role, "endpoint_url": "http://127.0.0.1:1"}))[0])[0])
    assert (at_aws.endpoint.assume_role_arn, here.endpoint.assume_role_arn) == (role["assume_role"], "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], None),
        (["--image"], None),
        (["--image", " "], None),
        (["--image", "{{$.inputs.parameters['image']}}"], None),
        (["--network_isolation", "False"], False),
        (["--network_isolation=true"], True),
        (["--static_parameters", "k: 3\nratio: 0.5\nborn: 2020-02-30"], {"k": 3, "ratio": 0.5, "born": "2020-02-30"}),
        (["--static_parameters", "{'k': '3'}"], {"k": "3"}),
        (
            ["--tags", "{time: 10:30, code: 010, on: 5, no: y, x: !!str 5}"],
            {
                "time": "10:30",
                "code": "010",
                "on": 5,
                "no": "y",
                "x": "5",
            },
        ),
        (
            ["--overrides", "{a: true, b: False, c: null, d: ~, e: -1.5e1}"],
            {
                "a": True,
                "b": False,
                "c": None,
                "d": None,
                "e": -15.0,
            },
        ),
        (["--tags", "---\nteam: ml"], {"team": "ml"}),
        (["--static_parameters", "null"], {}),
        (["--channels", "- {ChannelName: train}"], [{"ChannelName": "train"}]),
        (["--volume_size", "1.0"], 1),
        (["--volume_size", ""], 30),
        (["--strategy", "grid"], "Grid"),
    ],
)
def test_texts_stand_for_values(words: list[str], expected: Any) -> None:
    texts, _, wrong = parse(words)
    assert not wrong
    name = words[0][2:].partition("=")[0] if words else "image"
    assert values(texts)[0][name] == expected


def test_built_in_algorithms_go_by_their_titles_and_by_sagemakers_names() -> None:
    for name in AlgorithmName:
        if name is not AlgorithmName.CUSTOM:
            spellings = (*algorithm_names.TITLES[name], name.name.replace("_", "-"))
            assert {algorithm_names.built_in(each.lower()) for each in spellings} == {name}
    for title in ("Latent Dirichlet Allocation (LDA)", "Principal Component Analysis (PCA) Algorithm"):
        assert algorithm_names.built_in(title) is not None  # as AWS's pages have them
    assert algorithm_names.built_in("my-kmeans") is None
    assert algorithm_names.built_in("kmeans-algorithm") is None
    assert algorithm_names.hint("linear-lerner") != ""
    assert algorithm_names.hint("my-own-algorithm") == ""


@pytest.mark.parametrize("image", ["", "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"])
def test_metrics_of_a_built_in_image_are_left_out_with_a_warning(image: str) -> None:
    given = {**AT_AWS, "image": image, "metric_definitions": {"loss": "loss=(.*)"}}
    texts = parse(command_line(given | ({"algorithm_name": ""} if image else {})))[0]
    job = described(values(texts)[0])
    specification = job.request["TrainingJobDefinition"]["AlgorithmSpecification"]
    assert specification.keys() == {"TrainingImage", "TrainingInputMode"}
    assert "/kmeans:1" in specification["TrainingImage"]
    assert job.warnings == ("metric_definitions (loss) are left out: KMEANS defines its own metrics.",)


def test_warnings_are_in_the_words_of_the_arguments() -> None:
    tuned_too = {"k": "3", "feature_dim": "2", "mini_batch_size": "100"}
    given = {**AT_AWS, "static_parameters": tuned_too, "instance_type": "ml.q9.large"}
    unknown, left_out = sorted(described(values(parse(command_line(given))[0])[0]).warnings)
    assert unknown.startswith("instance_type = 'ml.q9.large' is unknown")
    assert left_out == "static_parameters (mini_batch_size = 100) are left out: they are tuned."


def test_help_lists_the_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "--region TEXT --role TEXT --metric_name TEXT" in told.partition("[other arguments]")[0]
    assert "--volume_size NUMBER Storage of each instance in GB. Accepted: ≥ 1. Default: 30." in told
    assert "--channels LIST The input channels" in told.partition("required arguments:")[2]


def test_numbers_are_sent_as_they_are_written() -> None:
    for text in ("{version: 1.10, eta: 1e-3, rounds: 30.0}", '{"version": 1.10, "eta": 1e-3, "rounds": 30.0}'):
        given = {**AT_AWS, "image": "image:1", "algorithm_name": "", "metric_definitions": {"test:msd": "(.)"}}
        texts = parse(command_line({**given, "static_parameters": text, "tags": text}))[0]
        request = described(values(texts)[0]).request
        assert request["TrainingJobDefinition"]["StaticHyperParameters"].items() >= {
            ("version", "1.10"),
            ("eta", "1e-3"),
            ("rounds", "30"),  # Kubeflow has whole numbers only so, and int("30.0") is none
        }
        tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        assert tags.items() >= {("version", "1.10"), ("eta", "1e-3"), ("rounds", "30.0")}


def test_spot_instances_of_the_overrides_have_their_time_to_wait() -> None:
    for spot, on_spot in ((True, False), (False, True)):
        given = {**AT_AWS, "spot_instance": str(on_spot), "max_wait_time": 100_000}
        overrides = {"TrainingJobDefinition": {"EnableManagedSpotTraining": spot}}
        job = described(values(parse(command_line({**given, "overrides": overrides}))[0])[0])
        condition = job.request["TrainingJobDefinition"]["StoppingCondition"]
        assert condition.get("MaxWaitTimeInSeconds") == (100_000 if spot else None)


def test_what_is_wrong_with_a_file_is_told_without_words_of_flyte(
    own_sagemaker: LocalSageMaker, tmp_path: Path, run: Callable[..., Step]
) -> None:
    write_records(tmp_path / "digits.pbr", np.zeros((3, 2)))
    wrong = [channel(name, tmp_path, ContentType="text/csv;label_size=0") for name in ("train", "test")]
    step = run(AT_AWS, endpoint_url=own_sagemaker.url, channels=wrong)
    assert step.code == 1
    assert "Set the content type application/x-recordio-protobuf." in step.errors


def test_the_endpoint_is_the_one_that_boto3_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    def url(**others: Any) -> str:
        return described(values(parse(command_line({**AT_AWS, **others}))[0])[0]).endpoint.url

    assert url() == ""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://aws.example.com")
    assert url() == "https://aws.example.com"
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "http://127.0.0.1:1/")
    assert url() == "http://127.0.0.1:1"
    assert url(endpoint_url="http://127.0.0.1:2") == "http://127.0.0.1:2"
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert url() == ""


def test_the_local_sagemaker_of_the_environment_takes_files(
    own_sagemaker: LocalSageMaker, tmp_path: Path, run: Callable[..., Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", own_sagemaker.url)
    (tmp_path / "data").mkdir()
    write_records(tmp_path / "data" / "points.pbr", np.random.default_rng(0).random((200, 2)))
    step = run(
        AT_AWS,
        channels=[channel(name, tmp_path / "data") for name in ("train", "test")],
        output_location=(tmp_path / "out").as_uri(),
        max_num_jobs=1,
        max_parallel_jobs=1,
    )
    assert step.code == 0, step.errors
    assert step.outputs["model_artifact_url"].startswith("file://")
    assert f"at {own_sagemaker.url}\n" in step.log
    assert "console.aws" not in step.log


STRANGE = """ |-1|1e999|nan|null|[]|{}|[null]|[{}]|{"a": null}|{null: 1}|&a {b: *a}|a: &a [*a]
[{"Name": null, "Values": [{}]}]
[{"Name": "a", "MinValue": "nan", "MaxValue": []}]|[{"ChannelName": "a", "DataSource": {"S3DataSource": null}}]
[{"ChannelName": 3, "DataSource": {}}]|{"TrainingJobDefinition": {"AlgorithmSpecification": null}}|{"S3Uri": {}}
{"TrainingJobDefinition": {"InputDataConfig": "x", "StaticHyperParameters": [1]}}|{"TrainingJobDefinitions": [1]}
{"HyperParameterTuningJobConfig": 3}|{"WarmStartConfig": {"ParentHyperParameterTuningJobs": [3]}}|\0|\ud800|"|,,|[|http://[::1
!!python/object:os.system|!!binary YQ==|{a: 2020-01-01}|https://x:99999/""".replace("\n", "|").split("|")
STRANGE += ["[" * 3000, '{"a":' * 3000, "1" * 5000]


@pytest.mark.parametrize("step", range(1, 5))
def test_no_text_is_answered_with_a_stack(step: int) -> None:
    for index, argument in enumerate(ARGUMENTS):
        strange = STRANGE[index * step % len(STRANGE)]
        texts, _, wrong = parse(command_line({**AT_AWS, argument.name: strange}))
        found, unreadable = values(texts)
        with suppress(InvalidInput):
            assert described(found, (*wrong, *unreadable)).request
