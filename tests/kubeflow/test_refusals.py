"""What the component says about what it does not take: all of it in one message, in the words of its arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.kubeflow.hyperparameter_tuning import main

from .support import AT_AWS, channel, command_line


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
    "a backslash of a regular expression that is not doubled": (
        {"metric_definitions": r'{"val:acc": "acc=([0-9\.]+)"}', "tags": 'team: "a\\d"'},
        [
            r"metric_definitions has a single backslash before line 1, column 24. Double the backslash: in JSON,",
            r"tags has a single backslash before line 1, column 10. Double",
        ],
    ),
    "aliases of aliases": (
        {"tags": "a0: &a0 []\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))},
        ["tags stands for more than 100,000 values. Use fewer aliases."],
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


def test_an_endpoint_of_the_environment_that_is_none_is_told(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "127.0.0.1:8642")
    told = problems(capfd)
    assert "endpoint_url = '127.0.0.1:8642': must be the URL of a SageMaker endpoint" in told
    assert "AWS_ENDPOINT_URL_SAGEMAKER" in told
