"""Members of requests become the models that make them again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.models.channels import Channel
from flytekit_sagemaker.models.parameter_ranges import ParameterRanges
from flytekit_sagemaker.requests.api_forms import channel_of, ranges_of
from flytekit_sagemaker.requests.channels import channel_member
from flytekit_sagemaker.requests.tuning import parameter_ranges
from flytekit_sagemaker.requests.tuning_job_rules import range_problems
from flytekit_sagemaker.requests.validation import check_part
from flytekit_sagemaker.testing import builders as make
from flytekit_sagemaker.types import AlgorithmName
from tests.models.strategies import models

KMEANS = make.algorithm_specification(algorithm_name=AlgorithmName.KMEANS, algorithm_version="1")
PARAMETER_RANGES = ("HyperParameterTuningJobConfig", "ParameterRanges")
# As the samples of the Kubeflow component have it.
PUBLISHED = {
    "ChannelName": "train",
    "DataSource": {
        "S3DataSource": {
            "S3Uri": "s3://bucket/mnist_kmeans_example/train_data",
            "S3DataType": "S3Prefix",
            "S3DataDistributionType": "FullyReplicated",
        }
    },
    "ContentType": "",
    "CompressionType": "None",
    "RecordWrapperType": "None",
    "InputMode": "File",
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(models(Channel))
def test_a_channel_and_its_member_become_each_other(channel: Channel) -> None:
    member = channel_member(channel, "s3://bucket/data", KMEANS)
    again, uri = channel_of(member)
    assert channel_member(again, uri, KMEANS) == member
    assert uri == ("s3://bucket/data" if channel.is_input else "")


def test_a_channel_as_it_is_published() -> None:
    channel, uri = channel_of(PUBLISHED)
    assert uri == PUBLISHED["DataSource"]["S3DataSource"]["S3Uri"]  # type: ignore[index]
    said = {name: value for name, value in PUBLISHED.items() if value not in ("", "None")}
    assert channel_member(channel, uri, KMEANS) == said


S3 = "DataSource.S3DataSource"
FILES = {"FileSystemId": "fs-01234567", "FileSystemType": "EFS", "FileSystemAccessMode": "ro", "DirectoryPath": "/"}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"ChanelName": "train"}, "ChanelName", "Did you mean 'ChannelName'?"),
        ({"ChannelName": "my channel"}, "ChannelName", "letters, digits"),
        ({"InputMode": "Fast"}, "InputMode", "must be one of Pipe, File, FastFile"),
        ({"ShuffleConfig": {}}, "ShuffleConfig.Seed", "is required"),
        ({"ShuffleConfig": 3}, "ShuffleConfig", "must be a dictionary"),
        ({"ShuffleConfig": {"Seed": -1}}, "ShuffleConfig.Seed", "at least 0"),
        ({"DataSource": {}}, "DataSource", "exactly one source"),
        ({"DataSource": {**PUBLISHED["DataSource"], "FileSystemDataSource": FILES}}, "DataSource", "exactly one"),  # type: ignore[dict-item]
        ({"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix"}}}, f"{S3}.S3Uri", "is required"),
        (
            {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b", "AttributeNames": ["a"]}}},
            f"{S3}.AttributeNames",
            "AUGMENTED_MANIFEST_FILE",
        ),
        (
            {"DataSource": {"FileSystemDataSource": {**FILES, "FileSystemAccessMode": "r"}}},
            "DataSource.FileSystemDataSource.FileSystemAccessMode",
            "must be one of rw, ro",
        ),
    ],
)
def test_a_member_that_is_none_is_refused(changes: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        channel_of({**PUBLISHED, **changes})
    (problem,) = caught.value.problems
    assert problem.field == field
    assert words in str(problem)


def test_every_problem_of_a_channel_is_found_at_once() -> None:
    with pytest.raises(InvalidInput, match="3 problems"):
        channel_of({"ChannelName": "", "Compression": "None", "DataSource": []})  # type: ignore[typeddict-item]
    with pytest.raises(InvalidInput, match="must be a dictionary"):
        channel_of("train")  # type: ignore[arg-type]


def test_what_does_not_go_together_in_a_channel_is_told_in_the_words_of_the_api() -> None:
    source = {"S3DataType": "AugmentedManifestFile", "S3Uri": "s3://bucket/a", "AttributeNames": ["a"]}
    with pytest.raises(InvalidInput, match="InputMode = 'File': must be"):
        channel_of({"ChannelName": "train", "InputMode": "File", "DataSource": {"S3DataSource": source}})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(models(ParameterRanges))
def test_ranges_and_their_members_become_each_other(ranges: ParameterRanges) -> None:
    member = parameter_ranges(ranges.parameter_range_map)
    lists = [member.get(f"{kind}ParameterRanges", []) for kind in ("Integer", "Continuous", "Categorical")]
    findings = check_part("CreateHyperParameterTuningJob", PARAMETER_RANGES, member)
    assume(not findings.with_others(range_problems(member)).problems)
    assert ranges_of(*lists) == ranges.parameter_range_map


def test_ranges_as_they_are_published_and_with_numbers() -> None:
    batch = {"Name": "mini_batch_size", "MinValue": "450", "MaxValue": "550"}
    published = ranges_of([batch], [], [{"Name": "init_method", "Values": ["random", "kmeans++"]}])
    assert list(published) == ["mini_batch_size", "init_method"]
    assert ranges_of([{**batch, "MinValue": 450, "MaxValue": 550.0}]) == ranges_of([batch])
    assert ranges_of(categorical=[{"Name": "k", "Values": [2, 3]}])["k"].param.values == ("2", "3")


@pytest.mark.parametrize(
    ("lists", "field", "words"),
    [
        ({"integer": [{"Name": "k", "MinValue": "1.5", "MaxValue": "2"}]}, "MinValue", "must be a whole number"),
        ({"integer": [{"Name": "k", "MinValue": "3", "MaxValue": "2"}]}, "MinValue", "must not exceed MaxValue"),
        ({"integer": [{"Name": "k", "MinValue": "3"}]}, "MaxValue", "is required"),
        ({"integer": [{"Name": "k", "MinValue": 3, "MaxValue": 10**20}]}, "MaxValue", "between -2**63 and 2**63 - 1"),
        ({"continuous": [{"Name": "k", "MinValue": float("nan"), "MaxValue": 1}]}, "MinValue", "must be a text"),
        ({"continuous": [{"Name": "k", "MinValue": "1", "MaxValue": "2", "Scaling": "Auto"}]}, "Scaling", "mean"),
        ({"categorical": [{"Name": "k", "Values": "ab"}]}, "Values", "must be a list"),
        ({"categorical": [{"Name": "k", "Values": ["a", "a"]}]}, "Values", "must not repeat"),
        ({"categorical": {"Name": "k", "Values": ["a"]}}, "CategoricalParameterRanges", "must be a list"),
        ({"categorical": [{"Name": "k", "Values": ["a"]}] * 2}, "", "one range only"),
        ({"integer": ["k"]}, "IntegerParameterRanges[0]", "must be a dictionary"),
    ],
)
def test_a_range_that_is_none_is_refused(lists: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ranges_of(**lists)
    (problem,) = caught.value.problems
    assert problem.field.endswith(field)
    assert words in str(problem)
