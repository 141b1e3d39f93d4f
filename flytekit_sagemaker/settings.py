"""Deployment settings: which SageMaker, and what its jobs get by default.

Each setting is read from the environment variable ``FLYTEKIT_SAGEMAKER_<NAME>``, else from the ``[sagemaker]`` section
(``sagemaker:`` in YAML) of the Flyte config file, else it has the default given here. A task's own value wins over all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields

AWS = "aws"
LOCAL = "local"
ENVIRONMENT_PREFIX = "FLYTEKIT_SAGEMAKER_"

_default_endpoint: ContextVar[str] = ContextVar("flytekit_sagemaker_default_endpoint", default=AWS)


@dataclass(frozen=True)
class Settings:
    """The settings of a deployment; each is empty where nobody gave one.

    Attributes:
        endpoint_url: ``aws``, ``local`` (the local SageMaker), or the URL of a SageMaker endpoint.
        region: AWS region.
        role_arn: IAM role that SageMaker assumes for its jobs.
        output_prefix: URI under which artifacts are written; the Flyte execution's output prefix where empty.
        subnets, security_group_ids: VPC of the jobs, separated by commas.
        volume_kms_key_id, output_kms_key_id: KMS keys.
        tags: ``name=value`` pairs separated by commas.
    """

    endpoint_url: str = ""
    region: str = ""
    role_arn: str = ""
    output_prefix: str = ""
    subnets: str = ""
    security_group_ids: str = ""
    volume_kms_key_id: str = ""
    output_kms_key_id: str = ""
    tags: str = ""

    @property
    def endpoint(self) -> str:
        """The endpoint in force: the one that was set, else the default of whoever asks."""
        return self.endpoint_url or _default_endpoint.get()


def current() -> Settings:
    """The settings in force now."""
    section = _config_section()
    values = {}
    for field in fields(Settings):
        value = os.environ.get(ENVIRONMENT_PREFIX + field.name.upper()) or section.get(field.name, "")
        if isinstance(value, dict):
            value = ",".join(f"{name}={item}" for name, item in value.items())
        elif isinstance(value, (list, tuple)):
            value = ",".join(str(item) for item in value)
        values[field.name] = str(value).strip()
    return Settings(**values)


@contextmanager
def default_endpoint(endpoint: str) -> Iterator[None]:
    """Within this context, jobs go to ``endpoint`` where no setting says otherwise."""
    token = _default_endpoint.set(endpoint)
    try:
        yield
    finally:
        _default_endpoint.reset(token)


def pairs(text: str) -> dict[str, str]:
    """``a=1,b=2`` as a dictionary."""
    entries = (entry.partition("=") for entry in text.split(",") if entry.strip())
    return {name.strip(): value.strip() for name, _, value in entries}


def items(text: str) -> tuple[str, ...]:
    """``a,b`` as a tuple."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _config_section() -> dict[str, object]:
    from flytekit.configuration.file import get_config_file

    config = get_config_file(None)
    if config is None:
        return {}
    if config.yaml_config is not None:
        section = config.yaml_config.get("sagemaker") or {}
        return dict(section)
    legacy = config.legacy_config
    return dict(legacy["sagemaker"]) if legacy is not None and legacy.has_section("sagemaker") else {}
