"""The image table, pinned to what the SageMaker Python SDK answers."""

from __future__ import annotations

import pytest

from flytekit_sagemaker.algorithms import algorithm, algorithm_of_image, identify_image, image_uri
from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.types import AlgorithmName

BUILT_IN = [name for name in AlgorithmName if name is not AlgorithmName.CUSTOM]

RETRIEVED_BY_THE_SDK = [
    ("XGBOOST", "0.72", "us-east-1", "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1"),
    (
        "XGBOOST",
        "0.90-2",
        "us-west-2",
        "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-xgboost:0.90-2-cpu-py3",
    ),
    ("XGBOOST", "1.7-1", "eu-west-1", "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"),
    ("XGBOOST", "3.2-0", "cn-north-1", "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-xgboost:3.2-0"),
    ("KMEANS", "1", "us-gov-west-1", "226302683700.dkr.ecr.us-gov-west-1.amazonaws.com/kmeans:1"),
    ("KMEANS", "1", "us-iso-east-1", "490574956308.dkr.ecr.us-iso-east-1.c2s.ic.gov/kmeans:1"),
    ("KMEANS", "1", "us-isof-east-1", "108575199400.dkr.ecr.us-isof-east-1.csp.hci.ic.gov/kmeans:1"),
    ("LINEAR_LEARNER", "1", "us-west-2", "174872318107.dkr.ecr.us-west-2.amazonaws.com/linear-learner:1"),
    ("BLAZINGTEXT", "1", "us-east-1", "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"),
    ("FORECASTING_DEEPAR", "1", "eu-west-1", "224300973850.dkr.ecr.eu-west-1.amazonaws.com/forecasting-deepar:1"),
    ("LDA", "1", "us-east-1", "766337827248.dkr.ecr.us-east-1.amazonaws.com/lda:1"),
]


@pytest.mark.parametrize(("name", "version", "region", "uri"), RETRIEVED_BY_THE_SDK)
def test_uri_is_the_one_that_the_sdk_retrieves(name: str, version: str, region: str, uri: str) -> None:
    assert image_uri(AlgorithmName[name], version, region) == uri
    assert identify_image(uri) == (AlgorithmName[name], version)


@pytest.mark.parametrize(
    ("spelling", "version"),
    [
        ("", "3.2-0"),
        ("1.7", "1.7-1"),
        ("1.2", "1.2-2"),
        ("0.90", "0.90-2"),
        ("0.90-1-cpu-py3", "0.90-1"),
        ("1", "0.72"),
        ("latest", "0.72"),
    ],
)
def test_version_may_be_left_out_or_abbreviated(spelling: str, version: str) -> None:
    assert image_uri(AlgorithmName.XGBOOST, spelling, "eu-west-1") == image_uri(
        AlgorithmName.XGBOOST, version, "eu-west-1"
    )


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_algorithm_has_an_image_that_is_recognised(name: AlgorithmName) -> None:
    for version in algorithm(name).versions:
        assert identify_image(image_uri(name, version, "us-east-1")) == (name, version)


def test_first_generation_latest_tag_is_0_72() -> None:
    uri = "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest"
    assert identify_image(uri) == (AlgorithmName.XGBOOST, "0.72")


@pytest.mark.parametrize(
    "uri",
    [
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:9.9-9",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1",
        "683313688378.dkr.ecr.us-west-2.amazonaws.com/sagemaker-xgboost:1.7-1",
        "ghcr.io/someone/sagemaker-xgboost:1.7-1",
        "",
    ],
)
def test_foreign_images_are_not_claimed(uri: str) -> None:
    assert identify_image(uri) is None


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("dkr.ecr-fips.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1", "1.7-1"),
        (f"dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1@sha256:{'0a' * 32}", "1.7-1"),
        (f"dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost@sha256:{'0a' * 32}", None),
        ("dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:9.9-9", None),
    ],
)
def test_the_repository_tells_the_algorithm_and_the_tag_its_version(image: str, version: str | None) -> None:
    uri = f"683313688378.{image}"
    assert algorithm_of_image(uri) is AlgorithmName.XGBOOST
    assert identify_image(uri) == ((AlgorithmName.XGBOOST, version) if version else None)
    assert algorithm_of_image(uri.replace("683313688378", "123456789012")) is None


def test_unknown_version_lists_the_known_ones() -> None:
    with pytest.raises(InvalidInput) as refused:
        image_uri(AlgorithmName.XGBOOST, "1.7-9", "us-east-1")
    (problem,) = refused.value.problems
    assert problem.field == "algorithm_version"
    assert "1.5-1" in problem.rule
    assert "Did you mean '1.7-1'?" in problem.remedy


def test_unknown_region_lists_the_closest_ones() -> None:
    with pytest.raises(InvalidInput) as refused:
        image_uri(AlgorithmName.KMEANS, "", "eu-centrl-1")
    (problem,) = refused.value.problems
    assert problem.field == "region"
    assert ": eu-central-1, eu-central-2, " in problem.rule
    assert "Did you mean 'eu-central-1'?" in problem.remedy


def test_an_algorithm_need_not_be_in_every_region() -> None:
    with pytest.raises(InvalidInput, match="cn-north-1"):
        image_uri(AlgorithmName.LDA, "", "cn-north-1")


def test_custom_has_no_entry() -> None:
    with pytest.raises(KeyError):
        algorithm(AlgorithmName.CUSTOM)
