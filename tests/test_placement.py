"""Where a job goes, as whom, and what it gets: its own word first, then its execution's, then the deployment's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flytekit.configuration.file import get_config_file

from flytekit_sagemaker import settings
from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.placement import LOCAL_ROLE_ARN, ExecutionContext, Placement, allowed, place
from flytekit_sagemaker.testing import builders as make

PLATFORM, OWN, EXECUTION = (f"arn:aws:iam::123456789012:role/{name}" for name in ("Platform", "Own", "Execution"))
WHO = ExecutionContext("shop", "production", "f00d")
TEAM_URL = "https://sagemaker.team.example.com"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[None]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    for name in ("FLYTECTL_CONFIG", "FLYTEKIT_SAGEMAKER_ENDPOINT_URL", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    get_config_file.cache_clear()
    yield
    get_config_file.cache_clear()


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets settings of the deployment."""

    def give(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"FLYTEKIT_SAGEMAKER_{name.upper()}", value)

    return give


def placed(who: ExecutionContext = WHO, **own: Any) -> Placement:
    return place("s3://flyte/outputs", make.training_job_config(**own), who)


def fields(placement: Placement) -> list[str]:
    return [problem.field for problem in placement.problems]


def test_by_default_a_job_goes_to_its_region_with_the_credentials_found() -> None:
    placement = placed()
    assert placement.endpoint == Endpoint("eu-west-1")
    assert placement.problems == ()
    assert placement.deployment.output_path == "s3://flyte/outputs"
    assert placed(region="us-west-2").endpoint == Endpoint("us-west-2")


def test_the_role_of_the_job_is_its_own_then_the_execution_s_then_the_platform_s(given: Any) -> None:
    given(role_arn=PLATFORM)
    who = ExecutionContext("shop", "production", "f00d", EXECUTION)

    def role(context: ExecutionContext, **own: Any) -> str:
        return placed(context, **own).deployment.for_job(make.training_job_config(**own)).role_arn

    assert role(WHO) == PLATFORM
    assert role(who) == EXECUTION
    assert role(who, role_arn=OWN) == OWN


def test_the_assumed_role_is_the_task_s_own_then_the_platform_s(given: Any) -> None:
    given(assume_role_arn=PLATFORM, assume_role_external_id="flyte:{project}:{domain}")
    assert placed().endpoint == Endpoint("eu-west-1", "", PLATFORM, "flyte:shop:production")
    assert placed(assume_role_arn=OWN).endpoint.assume_role_arn == OWN


def test_another_project_has_another_external_id(given: Any) -> None:
    given(assume_role_arn=PLATFORM, assume_role_external_id="flyte:{project}:{domain}")
    assert placed(ExecutionContext("mine", "production")).endpoint.external_id != placed().endpoint.external_id


@pytest.mark.parametrize("template", ["{execution}", "{}", "{project.__class__}", "{project!r}", "no spaces", "x"])
def test_an_external_id_that_cannot_be_is_a_problem(given: Any, template: str) -> None:
    given(assume_role_arn=PLATFORM, assume_role_external_id=template)
    assert fields(placed()) == ["assume_role_external_id"]


def test_an_execution_without_a_project_does_not_pass_for_one(given: Any) -> None:
    given(assume_role_arn=PLATFORM, assume_role_external_id="flyte:{project}")
    assert fields(placed(ExecutionContext())) == ["assume_role_external_id"]


def test_on_this_machine_there_is_no_role_to_assume(given: Any) -> None:
    given(assume_role_arn=PLATFORM, endpoint_url="http://127.0.0.1:8642")
    placement = placed()
    assert placement.endpoint == Endpoint("eu-west-1", "http://127.0.0.1:8642")
    assert placement.deployment.role_arn == LOCAL_ROLE_ARN


def test_a_task_names_only_endpoints_that_the_deployment_allows(given: Any) -> None:
    problem = placed(endpoint_url=TEAM_URL).problems[0]
    assert problem.field == "training_job_config.endpoint_url"
    assert "allowed_endpoint_urls" in str(problem)
    given(allowed_endpoint_urls=f"https://other.example.com, {TEAM_URL}/")
    assert placed(endpoint_url=TEAM_URL).endpoint == Endpoint("eu-west-1", TEAM_URL)
    assert placed(endpoint_url=TEAM_URL).problems == ()
    assert fields(placed(endpoint_url="http://169.254.169.254")) == ["training_job_config.endpoint_url"]


def test_a_connector_starts_no_local_sagemaker_because_a_task_says_so() -> None:
    assert fields(placed(endpoint_url="local")) == ["training_job_config.endpoint_url"]


def test_a_user_s_own_machine_takes_any_endpoint() -> None:
    with settings.default_endpoint(settings.LOCAL):
        assert placed(endpoint_url=TEAM_URL).endpoint.url == TEAM_URL
        assert placed(endpoint_url="aws").endpoint.url == ""
        assert allowed(TEAM_URL)


def test_the_endpoint_of_the_deployment_may_be_named_too(given: Any) -> None:
    given(endpoint_url=TEAM_URL)
    assert placed(endpoint_url=TEAM_URL).problems == ()
    assert fields(placed(endpoint_url="aws")) == ["training_job_config.endpoint_url"]


def test_aws_is_where_the_environment_says(given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", f"{TEAM_URL}/")
    assert placed().endpoint == Endpoint("eu-west-1", TEAM_URL)
    assert allowed(TEAM_URL)
    given(endpoint_url="https://other.example.com")
    assert placed().endpoint.url == "https://other.example.com"
    assert not allowed(TEAM_URL)


def test_a_local_sagemaker_of_the_environment_takes_files_and_asks_for_no_role(
    given: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(assume_role_arn=PLATFORM)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:8642")
    placement = placed()
    assert placement.endpoint == Endpoint("eu-west-1", "http://127.0.0.1:8642")
    assert "file" in placement.deployment.uri_schemes


def test_no_variable_of_aws_takes_a_task_away_from_the_user_s_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", TEAM_URL)
    with settings.default_endpoint(settings.LOCAL):
        assert placed().endpoint.is_on_this_machine
        assert placed(endpoint_url="aws").endpoint.url == TEAM_URL, "unless the task asks for AWS"


def test_an_endpoint_of_the_environment_that_is_none_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "sagemaker")
    (problem,) = placed().problems
    assert "endpoint_url = 'sagemaker': of the AWS environment or config must be the URL" in str(problem)


def test_endpoints_that_come_back_in_metadata_are_those_a_job_can_have(given: Any) -> None:
    assert allowed("")
    assert not allowed(TEAM_URL)
    assert not allowed("http://127.0.0.1:8642")
    given(endpoint_url=TEAM_URL, allowed_endpoint_urls="https://other.example.com")
    assert allowed(TEAM_URL)
    assert allowed("https://other.example.com")
    assert allowed("")  # jobs from before the endpoint was set


def test_the_local_sagemaker_of_a_connector_is_its_own(given: Any) -> None:
    given(endpoint_url="local")
    url = placed().endpoint.url
    assert allowed(url)
    assert not allowed("http://127.0.0.1:1")


def test_all_settings_that_make_no_sense_are_told_at_once(given: Any) -> None:
    given(threads="many", retryable_failures="perhaps", endpoint_url="loca", job_name_prefix="-x")
    assert fields(placed()) == ["job_name_prefix", "retryable_failures", "threads", "endpoint_url"]
    assert any("Did you mean 'local'?" in str(problem) for problem in placed().problems)


def test_no_region_anywhere_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    assert fields(placed()) == ["region"]


def test_a_config_file_that_does_not_exist_is_named_where_a_setting_is_missing(
    given: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTECTL_CONFIG", "/no/such/config.yaml")
    (problem,) = placed().problems
    assert "FLYTECTL_CONFIG = '/no/such/config.yaml': names a config file that does not exist" in str(problem)
    given(role_arn=PLATFORM)
    assert placed().problems == ()


def test_no_job_is_placed_by_misspelled_settings(given: Any) -> None:
    given(regoin="eu-west-1")
    assert fields(placed()) == ["FLYTEKIT_SAGEMAKER_REGOIN"]
