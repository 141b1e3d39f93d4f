"""Deployment settings: which SageMaker, how it is called, and what its jobs get by default.

Each setting is read from the environment variable ``FLYTEKIT_SAGEMAKER_<NAME>``, else from the ``[sagemaker]`` section
(``sagemaker:`` in YAML) of the Flyte config file, else it has the default given here. A task's own value wins over all.
"""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import Field, dataclass, field, fields
from functools import cache
from typing import Any

from flytekit_sagemaker.errors import Problem

AWS = "aws"
LOCAL = "local"
ENVIRONMENT_PREFIX = "FLYTEKIT_SAGEMAKER_"

logger = logging.getLogger("flytekit_sagemaker")

_default_endpoint: ContextVar[str] = ContextVar("flytekit_sagemaker_default_endpoint", default=AWS)

_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _setting(default: str, parse: Callable[[str], object]) -> Any:
    """A setting with a meaning: ``parse`` raises a ValueError that says what a legal value is."""
    return field(default=default, metadata={"parse": parse})


def _number(at_least: float, at_most: float, *, whole: bool = False) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not at_least <= value <= at_most or (whole and value % 1):
            upper = f" to {at_most:g}" if at_most < math.inf else " on (inf for no limit)"
            raise ValueError(f"must be a {'whole ' if whole else ''}number from {at_least:g}{upper}")
        return value

    return parse


def _flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise ValueError("must be true or false")
    return _FLAGS[text.lower()]


def _word(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be {' or '.join(words)}")
        return text

    return parse


def _job_name_prefix(text: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9](-?[a-zA-Z0-9]){0,11}", text):
        raise ValueError("must be letters, digits and single inner hyphens, 1 to 12 characters at most")
    return text


@dataclass(frozen=True)
class Settings:
    """The settings of a deployment, as they were written; a setting without a default is empty where nobody gave one.

    Attributes:
        endpoint_url: ``aws``, ``local`` (the local SageMaker), or the URL of a SageMaker endpoint.
        allowed_endpoint_urls: further endpoints that a task may name, separated by commas.
        region: AWS region.
        role_arn: IAM role that SageMaker assumes for its jobs.
        assume_role_arn: IAM role that the connector assumes before it calls SageMaker.
        assume_role_external_id: external id by which that role knows whom it is assumed for; ``{project}`` and
            ``{domain}`` stand for those of the Flyte execution.
        output_prefix: URI under which artifacts are written; the Flyte execution's output prefix where empty.
        subnets, security_group_ids: VPC of the jobs, separated by commas.
        volume_kms_key_id, output_kms_key_id: KMS keys.
        tags: ``name=value`` pairs separated by commas.
        job_name_prefix: what the names of all jobs begin with.
        retryable_failures: whether a failure that is nobody's fault is reported as retryable, which Flyte before 1.16
            does not understand.
        describes_per_second, lists_per_second: most calls that look at jobs, per account and region.
        status_freshness_in_seconds: how long what is known of a job answers for it without another look.
        connect_timeout_in_seconds, read_timeout_in_seconds: how long one call to AWS waits.
        threads: most calls to AWS at the same time.
        log_format: ``text`` or ``json``.
    """

    endpoint_url: str = ""
    allowed_endpoint_urls: str = ""
    region: str = ""
    role_arn: str = ""
    assume_role_arn: str = ""
    assume_role_external_id: str = ""
    output_prefix: str = ""
    subnets: str = ""
    security_group_ids: str = ""
    volume_kms_key_id: str = ""
    output_kms_key_id: str = ""
    tags: str = ""
    job_name_prefix: str = _setting("flyte", _job_name_prefix)
    retryable_failures: str = _setting("true", _flag)
    describes_per_second: str = _setting("", _number(0.01, math.inf))
    lists_per_second: str = _setting("", _number(0.01, math.inf))
    status_freshness_in_seconds: str = _setting("", _number(0, 600))
    connect_timeout_in_seconds: str = _setting("1", _number(0.1, 60))
    read_timeout_in_seconds: str = _setting("", _number(0.1, 600))
    threads: str = _setting("32", _number(1, 512, whole=True))
    log_format: str = _setting("", _word("text", "json"))

    @property
    def endpoint(self) -> str:
        """The endpoint in force: the one that was set, else the default of whoever asks."""
        return self.endpoint_url or _default_endpoint.get()

    def number(self, name: str, default: float = math.nan) -> float:
        """A setting that is a number.

        Args:
            name: the setting.
            default: its value where it is empty; the declared default where it is wrong and has one.
        """
        value = self._value(name)
        return default if value is None else float(value)

    def flag(self, name: str) -> bool:
        """A setting that is true or false; the declared default where it is wrong."""
        return bool(self._value(name))

    def text(self, name: str) -> str:
        """A setting that is a word; the declared default where it is wrong."""
        return self._value(name) or ""

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong with the settings that have a meaning of their own."""
        for each in fields(self):
            try:
                _meaning(each, getattr(self, each.name))
            except ValueError as error:
                yield Problem(each.name, getattr(self, each.name), str(error), where_to_set(each.name))

    def _value(self, name: str) -> Any:
        """What a setting means: None where it is empty, its default with a warning where it is wrong."""
        each = _FIELDS[name]
        try:
            return _meaning(each, getattr(self, name))
        except ValueError as error:
            _warn_once(name, f"{name} = {getattr(self, name)!r}: {error}; its default is used instead")
            return _meaning(each, str(each.default))


_FIELDS = {each.name: each for each in fields(Settings)}


@dataclass(frozen=True)
class Pace:
    """How often one account and region may be asked about its jobs.

    Attributes:
        describes_per_second: most describe calls per second; ``math.inf`` for any number.
        lists_per_second: most list calls per second; ``math.inf`` for any number.
        freshness_in_seconds: how long what is known of a job answers for it without another look.
    """

    describes_per_second: float
    lists_per_second: float
    freshness_in_seconds: float


# Of AWS: well below its quotas, which an account shares between everything that calls SageMaker; 2 list calls per
# second is the only one it was seen to state.
_PACE_OF_AWS = Pace(describes_per_second=5, lists_per_second=1, freshness_in_seconds=10)
_PACE_OF_THIS_MACHINE = Pace(describes_per_second=math.inf, lists_per_second=math.inf, freshness_in_seconds=0)


def pace(on_this_machine: bool) -> Pace:
    """How often a SageMaker may be asked, by the settings in force.

    Args:
        on_this_machine: whether it is one on this machine, which has no quotas.
    """
    usual = _PACE_OF_THIS_MACHINE if on_this_machine else _PACE_OF_AWS
    found = current()
    return Pace(
        describes_per_second=found.number("describes_per_second", usual.describes_per_second),
        lists_per_second=found.number("lists_per_second", usual.lists_per_second),
        freshness_in_seconds=found.number("status_freshness_in_seconds", usual.freshness_in_seconds),
    )


def current() -> Settings:
    """The settings in force now."""
    section = _config_section()
    values = {}
    for name, each in _FIELDS.items():
        value = os.environ.get(ENVIRONMENT_PREFIX + name.upper()) or section.get(name)
        if isinstance(value, dict):
            value = ",".join(f"{key}={item}" for key, item in value.items())
        elif isinstance(value, (list, tuple)):
            value = ",".join(str(item) for item in value)
        values[name] = str(each.default if value is None else value).strip() or str(each.default)
    return Settings(**values)


@contextmanager
def default_endpoint(endpoint: str) -> Iterator[None]:
    """Within this context, jobs go to ``endpoint`` where no setting says otherwise."""
    token = _default_endpoint.set(endpoint)
    try:
        yield
    finally:
        _default_endpoint.reset(token)


def runs_locally() -> bool:
    """Whether a user runs a task on their own machine, rather than a connector serving many."""
    return _default_endpoint.get() == LOCAL


def where_to_set(name: str) -> str:
    """A sentence that says where a setting is set."""
    return f"Set {name} in the [sagemaker] section of the Flyte config, or {ENVIRONMENT_PREFIX}{name.upper()}."


def pairs(text: str) -> dict[str, str]:
    """``a=1,b=2`` as a dictionary."""
    entries = (entry.partition("=") for entry in text.split(",") if entry.strip())
    return {name.strip(): value.strip() for name, _, value in entries}


def items(text: str) -> tuple[str, ...]:
    """``a,b`` as a tuple."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _meaning(each: Field[Any], text: str) -> Any:
    parse = each.metadata.get("parse")
    return parse(text) if parse and text else (text or None)


@cache
def _warn_once(name: str, message: str) -> None:
    logger.warning("%s", message, extra={"setting": name})


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
