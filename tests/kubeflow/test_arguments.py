"""What the component takes, and what it says about what it does not take: all of it in one message."""

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

from .support import ROLE, Step, channel, command_line

AT_AWS: dict[str, Any] = {
    "region": "us-east-1",
    "role": ROLE,
    "algorithm_name": "K-Means",
    "metric_name": "test:msd",
    "metric_type": "Minimize",
    "static_parameters": {"k": "3", "feature_dim": "2"},
    "integer_parameters": [{"Name": "mini_batch_size", "MinValue": "100", "MaxValue": "200"}],
    "channels": [channel("train", "s3://bucket/train"), channel("test", "s3://bucket/test")],
    "output_location": "s3://bucket/output",
    "max_num_jobs": 4,
    "max_parallel_jobs": 2,
}


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


def problems(capfd: pytest.CaptureFixture[str], *words: str, **others: Any) -> str:
    assert main([*command_line({**AT_AWS, **others}), *words]) == 1
    output, errors = capfd.readouterr()
    assert output == ""
    assert "Traceback" not in errors
    return errors


def test_everything_that_cannot_be_read_is_told_at_once(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = problems(
        capfd,
        *("--chanels", "1", "--hpo_job_name_output_path", str(tmp_path / "file" / "data")),
        job_name="not a name",
        training_input_mode="Pip",
        metric_definitions="{loss: [",
        strategy="Bayesain",
        metric_type="",
        static_parameters='{"k": "3",\n "feature_dim" 2}',
        integer_parameters="hello",
        continuous_parameters='["eta"]',
        channels="[]",
        output_location="bucket",
        instance_type="m5",
        instance_count="0",
        volume_size="1.5",
        max_num_jobs="501",
        max_parallel_jobs="11",
        max_run_time="432001",
        network_isolation="perhaps",
        checkpoint_config='{"S3URI": "s3://bucket/checkpoints"}',
        tags="[]",
        overrides='{"Tags": []}',
    )
    for expected in (
        "chanels is not an argument of this component. Did you mean 'channels'?",
        "hpo_job_name_output_path",
        "job_name = 'not a name': must consist of letters, digits and inner hyphens",
        "training_input_mode = 'Pip': must be one of File, Pipe, FastFile. Did you mean 'Pipe'?",
        "metric_definitions is neither JSON nor YAML at line 1, column 9",
        "strategy = 'Bayesain': must be one of Bayesian, Random, Hyperband, Grid",
        "metric_type is required",
        "static_parameters is neither JSON nor YAML at line 2, column 16",
        "integer_parameters must be a list of dictionaries",
        "continuous_parameters must be a list of dictionaries; entry 1 is none",
        "channels is required",
        "output_location = 'bucket': must look like 's3://bucket/prefix'",
        "instance_type = 'm5': must look like",
        "instance_count = '0': must be at least 1",
        "volume_size = '1.5': must be a whole number",
        "max_num_jobs = '501': must be at most 500",
        "max_parallel_jobs = '11': must be at most 10",
        "max_run_time = '432001': must be at most 432000",
        "network_isolation = 'perhaps': must be True or False",
        "checkpoint_config.S3URI",
        "tags must be a dictionary",
        "overrides.Tags = []: cannot be overridden. Use the argument tags.",
    ):
        assert expected in told
    assert "22 problems" in told


AUGMENTED = channel("train", "s3://bucket/train")
AUGMENTED["DataSource"]["S3DataSource"] |= {"S3DataType": "AugmentedManifestFile", "AttributeNames": ["image"]}
WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an image and an algorithm": ({"image": "image:1"}, ["algorithm_name = 'K-Means': must not be given together"]),
    "neither": ({"algorithm_name": ""}, ["algorithm_name is required where no image is given"]),
    "half a VPC": ({"vpc_security_group_ids": "sg-1"}, ["vpc_subnets is required with vpc_security_group_ids"]),
    "the other half": ({"vpc_subnets": "subnet-1"}, ["vpc_security_group_ids is required with vpc_subnets"]),
    "a wrong VPC beside what else is wrong": (
        {
            "vpc_security_group_ids": "sg-1",
            "vpc_subnets": "mine!",
            "output_encryption_key": "no key",
            "spot_instance": "True",
            "metric_definitions": "[",
            "metric_name": "test:mse",
        },
        ["vpc_subnets = 'mine!'", "output_encryption_key", "metric_definitions is neither", "metric_name = 'test:mse'"],
    ),
    "no parents": ({"warm_start_type": "TransferLearning"}, ["parent_hpo_jobs is required with warm_start_type"]),
    "no warm start": ({"parent_hpo_jobs": "a"}, ["warm_start_type is required with parent_hpo_jobs"]),
    "six parents": (
        {"warm_start_type": "TransferLearning", "parent_hpo_jobs": "a,b, c,d,e,f"},
        ["parent_hpo_jobs = 'a,b, c,d,e,f': must have 1 to 5 entries, has 6"],
    ),
    "a wait shorter than the run": (
        {"spot_instance": "True", "max_run_time": 7200, "max_wait_time": 3600},
        ["max_wait_time = 3600: must be at least max_run_time (7200)"],
    ),
    "a run that cannot be read": (
        {"spot_instance": "True", "max_run_time": "x", "max_wait_time": 100},
        ["max_run_time = 'x'"],
    ),
    "more at a time than in all": (
        {"max_num_jobs": 2, "max_parallel_jobs": 3},
        ["max_parallel_jobs = 3: must not exceed max_num_jobs (2)"],
    ),
    "early stopping of Hyperband": (
        {"strategy": "Hyperband", "early_stopping_type": "Auto"},
        [
            "early_stopping_type = 'Auto': must be Off with Hyperband,",
            "overrides.HyperParameterTuningJobConfig.StrategyConfig.HyperbandStrategyConfig",
        ],
    ),
    "what the algorithm does not know": (
        {"static_parameters": {"k": 3, "feature_dim": 2, "kk": 1}, "metric_name": "test:mse"},
        ["static_parameters.kk = '1'", "metric_name = 'test:mse'", "Did you mean 'test:msd'?"],
    ),
    "nothing to search": (
        {"integer_parameters": ""},
        ["integer_parameters, continuous_parameters or categorical_parameters must have at least one range"],
    ),
    "ranges": (
        {
            "integer_parameters": [{"Name": "mini_batch_size", "MinValue": "many", "MaxValue": 3, "Scaling": 1}],
            "categorical_parameters": [{"Name": "init_method", "Value": "random"}],
        },
        [
            "integer_parameters[0].MinValue = 'many'",
            "integer_parameters[0].Scaling",
            "categorical_parameters[0].Values is required",
            "categorical_parameters[0].Value = 'random'",
        ],
    ),
    "channels": (
        {"channels": [channel("train", "file:///here"), {"ChannelNam": "test"}, channel("train", "s3://b/c")]},
        [
            "channels[1].ChannelNam = 'test'",
            "channels[1].ChannelName",
            "channels[1].DataSource",
            "channels[2] = 'train'",
        ],
    ),
    "data of this machine": (
        {"channels": [channel("train", "s3://bucket/train"), channel("test", "file:///here")]},
        ["channels[1].DataSource.S3DataSource.S3Uri = 'file:///here': cannot be read by AWS"],
    ),
    "overrides": (
        {"overrides": "HyperParameterTuningJobConfig: {Strateg: Random}"},
        ["overrides.HyperParameterTuningJobConfig.Strateg = 'Random'", "Did you mean 'Strategy'?"],
    ),
    "overrides of what has an argument": (
        {"overrides": {"TrainingJobDefinition": {"RoleArn": "nobody"}}},
        ["overrides.TrainingJobDefinition.RoleArn = 'nobody'"],
    ),
    "tags": ({"tags": {f"tag-{index}": "" for index in range(50)}}, ["tags must have at most 49 entries, has 50"]),
    "metrics": (
        {"algorithm_name": "", "image": "image:1", "metric_definitions": {"loss": "(", "error": "["}},
        ["metric_definitions.loss", "metric_definitions.error"],
    ),
    "no space after a colon": (
        {"static_parameters": "{k: 3, feature_dim: 2, epochs:3}", "tags": "{team: , cost:3}"},
        [
            "static_parameters['epochs:3'] has no value. In YAML a space follows the colon: 'epochs: 3'",
            "tags.team has no value\n",
            "tags['cost:3'] has no value. In YAML",
        ],
    ),
    "nothing where a value belongs": (
        {
            "integer_parameters": "[{Name: mini_batch_size, MinValue: null, MaxValue:9}]",
            "categorical_parameters": "[{Name: init_method, Values: [random, null]}]",
            "channels": [{**channel("train", "s3://bucket/train"), "ContentType": None}],
            "static_parameters": {"k": None, "feature_dim": 2},
        },
        [
            "integer_parameters[0].MinValue has no value\n",
            "integer_parameters[0]['MaxValue:9'] has no value. In YAML",
            "categorical_parameters[0].Values[1] has no value\n",
            "channels[0].ContentType has no value\n",
            "static_parameters.k has no value\n",
        ],
    ),
    "the text None": (
        {"job_name": "None", "volume_size": "None", "metric_name": "None"},
        [
            "job_name = 'None': must not be the text None. Leave the argument out.",
            "volume_size = 'None': must not be the text None. Leave",
            "metric_name = 'None': must not be the text None. For example: test:msd",
        ],
    ),
    "a region": ({"region": "us-eats-1"}, [": region = 'us-eats-1': must be", "Did you mean 'us-east-1'?"]),
    "the wrong direction": (
        {"metric_type": "MAXIMIZE"},
        ["metric_type = 'Maximize': must be Minimize for test:msd, of which less is better. Use Minimize."],
    ),
    "a default that is too short": (
        {"spot_instance": "True", "max_run_time": 100_000},
        ["max_wait_time = 86400: must be at least max_run_time (100000). 86400 is the default."],
    ),
    "a bound that is a list": (
        {"integer_parameters": "[{Name: mini_batch_size, MinValue: 1, MaxValue: [1]}]"},
        ["integer_parameters[0].MaxValue = ['1']: must be a number"],
    ),
    "an instance type": ({"instance_type": "ml.m5.2xlrge"}, ["is no instance type. Did you mean 'ml.m5.2xlarge'?"]),
    "a logarithm of nothing": (
        {"continuous_parameters": "[{Name: x, MinValue: 0, MaxValue: 1, ScalingType: Logarithmic}]"},
        ["Logarithmic"],
    ),
    "a URL without its scheme": (
        {
            "endpoint_url": "127.0.0.1:8642",
            "channels": [channel(name, f"file:///{name}") for name in ("train", "test")],
            "output_location": "file:///models",
        },
        ["endpoint_url = '127.0.0.1:8642': must be the URL", "Did you mean http://127.0.0.1:8642?"],
    ),
    "members of the API in overrides": (
        {
            "overrides": {
                "TrainingJobDefinition": {"ResourceConfig": {"InstanceTyp": "ml.m5.large"}},
                "strategy": "Grid",
            }
        },
        ["Did you mean 'InstanceType'?", "overrides.strategy = 'Grid': is not", "Use the argument strategy."],
    ),
    "a part of what is overridden": (
        {"overrides": {"TrainingJobDefinition": {"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "loss"}]}}}},
        [
            "overrides.TrainingJobDefinition.AlgorithmSpecification.MetricDefinitions[0].Regex is required",
            "overrides.TrainingJobDefinition.AlgorithmSpecification.MetricDefinitions = ['loss']: cannot override",
        ],
    ),
    "a range that the algorithm does not take": (
        {"integer_parameters": [{"Name": "mini_batch_size", "MinValue": -5, "MaxValue": 3}]},
        ["integer_parameters (mini_batch_size) = -5 to 3: MinValue must be"],
    ),
    "no place for checkpoints": ({"checkpoint_config": {"S3Uri": "nope"}}, ["checkpoint_config = 'nope': must look"]),
    "checkpoints without a place": (
        {"checkpoint_config": {"LocalPath": "/x"}},
        ["checkpoint_config.S3Uri is required"],
    ),
    "too many metrics": (
        {
            "algorithm_name": "",
            "image": "image:1",
            "metric_definitions": {f"loss-{index}": "(.)" for index in range(41)},
        },
        ["metric_definitions", "must have at most 40 entries, has 41"],
    ),
    "too many channels": (
        {
            "algorithm_name": "",
            "image": "image:1",
            "metric_definitions": {"test:msd": "(.)"},
            "channels": [channel(f"channel-{number}", "s3://bucket/c") for number in range(21)],
        },
        ["channels must have at most 20 entries, has 21"],
    ),
    "one metric without its expression": (
        {"algorithm_name": "", "image": "image:1", "metric_definitions": {"test:msd": "(.)", "test:ssd": None}},
        ["metric_definitions['test:ssd'] has no value. In YAML"],
    ),
    "a key that is there twice": (
        {"static_parameters": '{"k": 10,\n "k": 12, "feature_dim": 64}', "tags": "{team: ml, cost: 1, team: ops}"},
        [
            "static_parameters has 'k' twice: at line 1, column 2 and again at line 2, column 2\n",
            "tags has 'team' twice: at line 1, column 2 and again at line 1, column 21",
        ],
    ),
    "what is no number": (
        {
            "static_parameters": '{"k": NaN}',
            "overrides": '{"HyperParameterTuningJobConfig": {"RandomSeed": NaN}}',
            "tags": '{"cost":\n\t1E400}',
            "instance_count": "1_0",
            "volume_size": "٣٠",
        },
        [
            "static_parameters has NaN at line 1, column 7, which is no number; quote it",
            "overrides has NaN at line 1, column 50",
            "tags has a number at line 2, column 2 that is too large",
            "instance_count = '1_0': must be a whole number",
            "volume_size = '٣٠': must be a whole number",
        ],
    ),
    "what JSON does not have": (
        {"static_parameters": "{[k]: 3}", "tags": "team: &team [*team]", "overrides": "{a: !!binary YQ==}"},
        [
            "static_parameters has a key at line 1, column 2 that JSON does not have: keys are texts",
            "tags holds itself at line 1, column 7",
            "overrides has the tag tag:yaml.org,2002:binary at line 1, column 5",
        ],
    ),
    "None of Python": (
        {"static_parameters": "{'k': 3, 'feature_dim': 2, 'epochs': None}"},
        ["static_parameters.epochs has no value\n"],
    ),
    "one range in two arguments": (
        {"continuous_parameters": [{"Name": "mini_batch_size", "MinValue": "100", "MaxValue": "200"}]},
        ["'mini_batch_size': must have one range only, and has 2 (integer_parameters, continuous_parameters)"],
    ),
    "ranges of which nobody knows what they tune": (
        {"static_parameters": {"k": 3}, "integer_parameters": "[{Name: feature_dim, MinValue: 1"},
        ["integer_parameters is neither JSON nor YAML"],
    ),
    "a static parameter that is tuned nowhere": (
        {"static_parameters": {"k": 3}},
        ["static_parameters.feature_dim is required"],
    ),
    "no image": (
        {"algorithm_name": "", "image": "not an image"},
        ["image = 'not an image': must be the URI of an image. For example: 1111"],
    ),
    "spot instances of the overrides": (
        {
            "overrides": {"TrainingJobDefinition": {"EnableManagedSpotTraining": True}},
            "max_run_time": 7200,
            "max_wait_time": 3600,
        },
        ["max_wait_time = 3600: must be at least max_run_time (7200)"],
    ),
    "an override that takes a role away": (
        {"overrides": {"TrainingJobDefinition": {"RoleArn": None}}},
        ["TrainingJobDefinition.RoleArn is required. The argument role says it: do not override it.\n"],
    ),
    "a value that begins with a hyphen": ({"job_name": "-x"}, ["job_name = '-x': must consist of letters"]),
    "a number that no service takes": (
        {
            "instance_count": "99999999999999999999",
            "integer_parameters": [{"Name": "mini_batch_size", "MinValue": 1, "MaxValue": 99999999999999999999}],
        },
        [
            "instance_count = 99999999999999999999: must be a whole number between",
            "integer_parameters[0].MaxValue = 99999999999999999999: must be a whole number between",
        ],
    ),
    "a mode that the channel cannot have": (
        {"channels": [AUGMENTED, channel("test", "s3://bucket/test")]},
        ["channels[0].InputMode = 'File': must be Pipe for an augmented manifest"],
    ),
    "a metric that finds no value": (
        {"algorithm_name": "", "image": "image:1", "metric_definitions": {"test:ssd": "(.)", "test:msd": "."}},
        ["metric_definitions.test:msd = '.': must have a group"],
    ),
    "half an address": ({"endpoint_url": "http://[::1"}, ["endpoint_url = 'http://[::1': must be the URL"]),
    "an endpoint": ({"endpoint_url": "local"}, ["endpoint_url = 'local': must be the URL of a SageMaker endpoint"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_go_together(case: str, capfd: pytest.CaptureFixture[str]) -> None:
    given, expected = WRONG[case]
    told = problems(capfd, **given)
    assert [each for each in expected if each not in told] == [], told
    assert len(told.splitlines()) <= len(expected) + 1, told


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


def test_an_endpoint_of_the_environment_that_is_none_is_told(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "127.0.0.1:8642")
    told = problems(capfd)
    assert "endpoint_url = '127.0.0.1:8642': must be the URL of a SageMaker endpoint" in told
    assert "AWS_ENDPOINT_URL_SAGEMAKER" in told


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
