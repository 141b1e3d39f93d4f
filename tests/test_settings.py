"""Settings from the environment and from both kinds of Flyte config file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from flytekit.configuration.file import get_config_file

from flytekit_sagemaker import setting_values, settings

INI = """
[sagemaker]
endpoint_url = local
role_arn = arn:aws:iam::123456789012:role/Ini
tags = team=ml, stage = test
subnets = subnet-1,subnet-2
"""
YAML = """
sagemaker:
  endpoint_url: local
  role_arn: arn:aws:iam::123456789012:role/Yaml
  tags: {team: ml, stage: test}
  subnets: [subnet-1, subnet-2]
"""


@pytest.fixture(autouse=True)
def reread_config() -> Iterator[None]:
    """flytekit reads its config file once per process."""
    get_config_file.cache_clear()
    yield
    get_config_file.cache_clear()


@pytest.mark.parametrize(("name", "content", "role"), [("config", INI, "Ini"), ("config.yaml", YAML, "Yaml")])
def test_the_config_file_gives_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, role: str
) -> None:
    (tmp_path / name).write_text(content)
    monkeypatch.setenv("FLYTECTL_CONFIG", str(tmp_path / name))
    found = settings.current()

    assert found.endpoint == settings.LOCAL
    assert found.role_arn.endswith(f"role/{role}")
    assert setting_values.pairs(found.tags) == {"team": "ml", "stage": "test"}
    assert setting_values.items(found.subnets) == ("subnet-1", "subnet-2")
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", "http://127.0.0.1:1")
    assert settings.current().endpoint == "http://127.0.0.1:1"


def test_nothing_set_means_aws_unless_the_caller_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FLYTECTL_CONFIG", raising=False)
    assert settings.current().endpoint == settings.AWS
    with settings.default_endpoint(settings.LOCAL):
        assert settings.current().endpoint == settings.LOCAL
    assert settings.current().endpoint == settings.AWS


@pytest.fixture
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FLYTECTL_CONFIG", raising=False)
    return monkeypatch


def test_aws_is_asked_rarely_and_this_machine_at_any_time(nothing_set: pytest.MonkeyPatch) -> None:
    assert settings.pace(on_this_machine=False) == settings.Pace(5, 1, 10)
    assert settings.pace(on_this_machine=True) == settings.Pace(math.inf, math.inf, 0)


@pytest.mark.parametrize("on_this_machine", [True, False])
def test_the_pace_can_be_set(nothing_set: pytest.MonkeyPatch, on_this_machine: bool) -> None:
    nothing_set.setenv("FLYTEKIT_SAGEMAKER_DESCRIBES_PER_SECOND", "0.5")
    nothing_set.setenv("FLYTEKIT_SAGEMAKER_LISTS_PER_SECOND", "inf")
    nothing_set.setenv("FLYTEKIT_SAGEMAKER_STATUS_FRESHNESS_IN_SECONDS", "0")
    assert settings.pace(on_this_machine) == settings.Pace(0.5, math.inf, 0)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("threads", ["0", "1.5", "513", "inf", "many"]),
        ("describes_per_second", ["0", "-1", "nan", "5/s"]),
        ("status_freshness_in_seconds", ["-1", "601"]),
        ("connect_timeout_in_seconds", ["0", "61"]),
        ("read_timeout_in_seconds", ["0", "1e9"]),
        ("retryable_failures", ["2", "maybe"]),
        ("log_format", ["xml"]),
        ("job_name_prefix", ["-a", "a--b", "a_b", "a" * 13]),
        ("tags", ["a,b", "team=ml,b", "=ml"]),
        ("local_images", ["example/image", "a=b c", "='train.py'", "image=", "image='python train.py"]),
        ("local_file_systems", ["fs-01234567", "fs-01234567=", "=/data", "fs-0123456=/data", "fs-01234567=/a,b"]),
    ],
)
def test_a_value_that_makes_no_sense_is_a_problem_that_says_what_would(
    nothing_set: pytest.MonkeyPatch, name: str, values: list[str]
) -> None:
    variable = f"FLYTEKIT_SAGEMAKER_{name.upper()}"
    for value in values:
        nothing_set.setenv(variable, value)
        (problem,) = settings.current().problems()
        assert (problem.field, problem.value) == (name, value)
        assert problem.rule.startswith("must be ")
        assert variable in problem.remedy


def test_a_wrong_value_counts_as_the_default_and_is_warned_of_once(
    nothing_set: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nothing_set.setenv("FLYTEKIT_SAGEMAKER_THREADS", "plenty")
    nothing_set.setenv("FLYTEKIT_SAGEMAKER_LISTS_PER_SECOND", "slow")
    assert [settings.current().number("threads") for _ in range(3)] == [32, 32, 32]
    assert settings.pace(on_this_machine=False).lists_per_second == 1
    assert len([record for record in caplog.records if "plenty" in record.message]) == 1


@pytest.mark.parametrize(("text", "value"), [("TRUE", True), ("yes", True), ("off", False), ("0", False), ("", True)])
def test_flags_have_several_spellings(nothing_set: pytest.MonkeyPatch, text: str, value: bool) -> None:
    nothing_set.setenv("FLYTEKIT_SAGEMAKER_RETRYABLE_FAILURES", text)
    assert settings.current().flag("retryable_failures") is value


def test_yaml_may_write_numbers_and_flags_as_such(tmp_path: Path, nothing_set: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.yaml").write_text(
        "sagemaker: {retryable_failures: false, threads: 8, describes_per_second: 2.5, status_freshness_in_seconds: 0}"
    )
    nothing_set.setenv("FLYTECTL_CONFIG", str(tmp_path / "config.yaml"))
    assert settings.current().flag("retryable_failures") is False
    assert settings.current().number("threads") == 8
    assert settings.pace(on_this_machine=False) == settings.Pace(2.5, 1, 0)
    assert list(settings.current().problems()) == []


def told(path: Path, content: str, nothing_set: pytest.MonkeyPatch) -> list[str]:
    """What is said about a config file."""
    path.write_text(content)
    nothing_set.setenv("FLYTECTL_CONFIG", str(path))
    get_config_file.cache_clear()
    return [str(problem) for problem in settings.current().problems()]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("regoin", "region"),
        ("job_name_prefx", "job_name_prefix"),
        ("volume_kms_key", "volume_kms_key_id"),
        ("endpoint-url", "endpoint_url"),
        ("Region", "region"),
    ],
)
def test_a_misspelled_setting_is_a_problem_that_names_the_one_meant(
    tmp_path: Path, nothing_set: pytest.MonkeyPatch, wrong: str, meant: str
) -> None:
    sentence = f"{wrong} is not a setting of the sagemaker section of the Flyte config. Did you mean '{meant}'?"
    assert told(tmp_path / "config.yaml", f"sagemaker: {{{wrong}: x, threads: 8}}", nothing_set) == [sentence]
    if wrong.islower():  # INI has no upper case in names
        assert told(tmp_path / "config", f"[sagemaker]\n{wrong} = x\nthreads = 8\n", nothing_set) == [sentence]


def test_a_misspelled_section_is_a_problem_and_another_tool_s_is_not(
    tmp_path: Path, nothing_set: pytest.MonkeyPatch
) -> None:
    others = "admin: {endpoint: x}\nstorage: {type: s3}\nlogger: {level: 1}\nconsole: {}\nimages: {}\n"
    assert told(tmp_path / "config.yaml", others, nothing_set) == []
    wrong = ["sagemakr is not a section of the Flyte config. Did you mean 'sagemaker'?"]
    assert told(tmp_path / "config.yaml", others + "sagemakr: {region: x}", nothing_set) == wrong
    assert told(tmp_path / "config", "[DEFAULT]\nowner = me\n[sagemakr]\nregion = x\n", nothing_set) == wrong
    assert told(tmp_path / "config", "[DEFAULT]\nowner = me\n[sagemaker]\nregion = x\n", nothing_set) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", "sagemaker: {region: ["),
        ("config.yaml", "just words"),
        ("config.yaml", "sagemaker: [region]"),
        ("config", "region = eu-west-1\n"),
        ("config", "[sagemaker]\ntags = a=%x\n"),
    ],
)
def test_a_config_file_that_cannot_be_read_is_a_problem(
    tmp_path: Path, nothing_set: pytest.MonkeyPatch, name: str, content: str
) -> None:
    (problem,) = told(tmp_path / name, content, nothing_set)
    assert "cannot be read" in problem or "must be a section of names and values" in problem
    assert name in problem


def test_tags_are_pairs_in_yaml_as_well(tmp_path: Path, nothing_set: pytest.MonkeyPatch) -> None:
    (problem,) = told(tmp_path / "config.yaml", "sagemaker: {tags: [a, b]}", nothing_set)
    assert "must be name=value pairs" in problem
    assert told(tmp_path / "config.yaml", "sagemaker: {tags: [team=ml, stage=]}", nothing_set) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", "sagemaker: {local_images: {one: 'python train.py --rates 1,2', 'two:3': \"sh -c 'a b'\"}}"),
        ("config.yaml", "sagemaker: {local_images: ['one=python train.py --rates 1,2', \"two:3=sh -c 'a b'\"]}"),
        ("config.yaml", "sagemaker: {local_images: {one: [python, train.py, --rates, '1,2'], two:3: [sh, -c, a b]}}"),
        ("config.ini", """[sagemaker]\nlocal_images = one='python train.py --rates 1,2' "two:3=sh -c 'a b'" """),
    ],
    ids=["map", "list", "map of lists", "INI"],
)
def test_commands_of_images_may_have_spaces_commas_and_quotes(
    tmp_path: Path, nothing_set: pytest.MonkeyPatch, name: str, content: str
) -> None:
    assert told(tmp_path / name, content, nothing_set) == []
    commands = settings.current().commands("local_images")
    assert commands == {"one": ["python", "train.py", "--rates", "1,2"], "two:3": ["sh", "-c", "a b"]}


@pytest.mark.parametrize(
    "content",
    ["{fs-01234567: /data/a, fs-89abcdef: ~/b}", "['fs-01234567=/data/a', fs-89abcdef=~/b]"],
    ids=["map", "list"],
)
def test_folders_of_file_systems_may_be_a_map(tmp_path: Path, nothing_set: pytest.MonkeyPatch, content: str) -> None:
    assert told(tmp_path / "config.yaml", f"sagemaker: {{local_file_systems: {content}}}", nothing_set) == []
    folders = settings.current().folders("local_file_systems")
    assert folders == {"fs-01234567": Path("/data/a"), "fs-89abcdef": Path.home() / "b"}


@pytest.mark.parametrize("name", ["REGOIN", "Region", "SUBNET"])
def test_a_variable_that_is_no_setting_is_a_problem(nothing_set: pytest.MonkeyPatch, name: str) -> None:
    nothing_set.setenv(f"FLYTEKIT_SAGEMAKER_{name}", "x")
    (problem,) = settings.current().problems()
    assert str(problem).startswith(f"FLYTEKIT_SAGEMAKER_{name} is not a setting. Did you mean 'FLYTEKIT_SAGEMAKER_")


def test_variables_of_the_package_and_of_kubernetes_are_no_problem(nothing_set: pytest.MonkeyPatch) -> None:
    own = ("LOCAL_ROOT", "PROGRESS", "ALGORITHM_VERSION")
    # Of the services flytekit-sagemaker and flytekit-sagemaker-connector.
    services = (
        f"{service}{variable}"
        for service in ("", "CONNECTOR_")
        for variable in (
            *("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_GRPC", "PORT", "PORT_8000_TCP"),
            *("PORT_8000_TCP_ADDR", "PORT_8000_TCP_PORT", "PORT_8000_TCP_PROTO"),
        )
    )
    for name in (*own, *services):
        nothing_set.setenv(f"FLYTEKIT_SAGEMAKER_{name}", "1")
    assert list(settings.current().problems()) == []


def test_the_config_file_in_use_is_known(tmp_path: Path, nothing_set: pytest.MonkeyPatch) -> None:
    nothing_set.chdir(tmp_path)
    assert settings.config_file() == ""
    told(tmp_path / "config.yaml", YAML, nothing_set)
    assert settings.config_file() == str(tmp_path / "config.yaml")
