"""Settings from the environment and from both kinds of Flyte config file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flytekit.configuration.file import get_config_file

from flytekit_sagemaker import settings

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
    assert settings.pairs(found.tags) == {"team": "ml", "stage": "test"}
    assert settings.items(found.subnets) == ("subnet-1", "subnet-2")
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
