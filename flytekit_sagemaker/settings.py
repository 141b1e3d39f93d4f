"""Deployment settings: which SageMaker, how it is called, and what its jobs get by default.

Each setting is read from the environment variable ``FLYTEKIT_SAGEMAKER_<NAME>``, else from the ``[sagemaker]`` section
(``sagemaker:`` in YAML) of the Flyte config file, else it has the default given here. A task's own value wins over all.
A name that is no setting is a problem as a wrong value is: whoever misspelled it relies on what they set.
"""

from __future__ import annotations

import logging
import math
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import Field, InitVar, dataclass, field, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from flytekit_sagemaker import setting_values
from flytekit_sagemaker.errors import Problem, did_you_mean

AWS = "aws"
LOCAL = "local"
ENVIRONMENT_PREFIX = "FLYTEKIT_SAGEMAKER_"
SECTION = "sagemaker"
SECTION_IN_WORDS = "the sagemaker section of the Flyte config"

# Variables of this package that are no settings of a deployment: folder of the local SageMaker, progress display, and
# what a training container is told.
_OTHER_VARIABLE = re.compile(r"LOCAL_ROOT|PROGRESS|ALGORITHM_VERSION|COMMAND_\d{2}")
# Kubernetes gives every pod the address of each service of its namespace, in variables with the name of the service.
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_VARIABLE_OF_A_SERVICE = re.compile(r"(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_\w+)?)")

logger = logging.getLogger("flytekit_sagemaker")

_default_endpoint: ContextVar[str] = ContextVar("flytekit_sagemaker_default_endpoint", default=AWS)


def _setting(default: str, parse: Callable[[str], object], joined: Callable[[Iterable[str]], str] = ",".join) -> Any:
    """A setting with a meaning.

    Args:
        default: its value where nobody sets it.
        parse: raises a ValueError that says what a legal value is.
        joined: makes one text of what YAML has as a list or a map (``name=value`` each).
    """
    return field(default=default, metadata={"parse": parse, "joined": joined})


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
        local_images: commands that stand for training images in the local SageMaker: ``image='command'`` pairs,
            separated by spaces, quoted as in a shell.
        local_file_systems: folders that stand for file systems in the local SageMaker: ``id=folder`` pairs separated by
            commas.
        build_images: whether the image of a function is built when its task is registered.

    Args:
        misread: what is wrong with the places where the settings were looked for.
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
    tags: str = _setting("", setting_values.tags)
    job_name_prefix: str = _setting("flyte", setting_values.job_name_prefix)
    retryable_failures: str = _setting("true", setting_values.flag)
    describes_per_second: str = _setting("", setting_values.number(0.01, math.inf))
    lists_per_second: str = _setting("", setting_values.number(0.01, math.inf))
    status_freshness_in_seconds: str = _setting("", setting_values.number(0, 600))
    connect_timeout_in_seconds: str = _setting("1", setting_values.number(0.1, 60))
    read_timeout_in_seconds: str = _setting("", setting_values.number(0.1, 600))
    threads: str = _setting("32", setting_values.number(1, 512, whole=True))
    log_format: str = _setting("", setting_values.word("text", "json"))
    local_images: str = _setting("", setting_values.commands, shlex.join)
    local_file_systems: str = _setting("", setting_values.folders)
    build_images: str = _setting("true", setting_values.flag)
    misread: InitVar[tuple[Problem, ...]] = ()

    def __post_init__(self, misread: tuple[Problem, ...]) -> None:
        object.__setattr__(self, "_misread", misread)

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

    def commands(self, name: str) -> Mapping[str, list[str]]:
        """A setting that gives commands to images: their arguments by image URI; empty where it is wrong."""
        return self._value(name) or {}

    def folders(self, name: str) -> Mapping[str, Path]:
        """A setting that gives folders to file systems, by their ids; empty where it is wrong."""
        return self._value(name) or {}

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong: values that make no sense, names that are no settings, a broken config file."""
        yield from self.__dict__["_misread"]
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
    section, misread = _config_section()
    values: dict[str, str] = {}
    for name, each in _FIELDS.items():
        value = os.environ.get(ENVIRONMENT_PREFIX + name.upper()) or section.get(name)
        if isinstance(value, dict):
            value = [f"{key}={shlex.join(item) if isinstance(item, list) else item}" for key, item in value.items()]
        if isinstance(value, (list, tuple)):
            value = each.metadata.get("joined", ",".join)(map(str, value))
        values[name] = str(each.default if value is None else value).strip() or str(each.default)
    return Settings(**values, misread=(*misread, *_unknown_variables()))


def config_file() -> str:
    """Path of the Flyte config file that the settings come from; empty when there is none, or it is broken."""
    with suppress(Exception):  # its problem is among those of the settings
        return str(getattr(flyte_config(), "_location", ""))
    return ""


def flyte_config() -> Any:
    """flytekit's reading of the Flyte config file, or None where there is none.

    flytekit reads it once in the life of a process; here a file that is named, or written, later counts as well, as in
    a notebook that sets FLYTECTL_CONFIG.
    """
    from flytekit.configuration.file import get_config_file

    path = _named_config_file()
    if path and Path(path).exists():
        return _read(path, Path(path).stat().st_mtime_ns)
    return get_config_file(None)


@lru_cache(maxsize=8)
def _read(path: str, modified: int) -> Any:
    from flytekit.configuration.file import ConfigFile

    return ConfigFile(path)


def missing_config_file() -> Problem | None:
    """The problem that the environment names a config file that does not exist: flytekit goes on without it."""
    path = _named_config_file()
    if not path or Path(path).exists():
        return None
    return Problem(
        "FLYTECTL_CONFIG", path, "names a config file that does not exist", f"No setting of {SECTION_IN_WORDS} counts."
    )


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
    return f"Set {name} in {SECTION_IN_WORDS}, or {ENVIRONMENT_PREFIX}{name.upper()}."


def _meaning(each: Field[Any], text: str) -> Any:
    parse = each.metadata.get("parse")
    return parse(text) if parse and text else (text or None)


@cache
def _warn_once(name: str, message: str) -> None:
    logger.warning("%s", message, extra={"setting": name})


def _unknown_variables() -> Iterator[Problem]:
    for variable in os.environ:
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        if name == variable or name.lower() in _FIELDS and name.isupper():
            continue
        if not _OTHER_VARIABLE.fullmatch(name) and not _VARIABLE_OF_A_SERVICE.fullmatch(name):
            known = (ENVIRONMENT_PREFIX + each.upper() for each in _FIELDS)
            yield Problem(variable, None, "is not a setting", did_you_mean(variable, known))


def _config_section() -> tuple[Mapping[str, object], tuple[Problem, ...]]:
    """What the Flyte config file sets, and what is wrong with it."""
    try:
        return _section_of(flyte_config())
    except Exception as error:  # of the operating system, of configparser, of yaml, of flytekit
        reason = " ".join(str(error).split())
        file = f"the Flyte config file {_named_config_file()}".rstrip()  # a path is not cut as values are
        return {}, (Problem(file, None, f"cannot be read ({reason})"),)


@lru_cache(maxsize=8)
def _section_of(config: Any) -> tuple[Mapping[str, object], tuple[Problem, ...]]:
    if config is None:
        return {}, ()
    text = Path(config._location).read_text(encoding="utf-8")  # flytekit ignores a file that cannot be read
    legacy = config.legacy_config
    content: Any
    if legacy is None:
        import yaml

        content = yaml.safe_load(text) or {}
        section = content.get(SECTION) or {} if isinstance(content, dict) else None
        inherited: Mapping[str, object] = {}
    else:
        content = legacy.sections()
        section = dict(legacy[SECTION]) if legacy.has_section(SECTION) else {}
        inherited = legacy.defaults()
    if not isinstance(section, dict):
        return {}, (Problem(SECTION, section, f"must be a section of names and values in {config._location}"),)
    unknown = [str(name) for name in section if name not in _FIELDS and name not in inherited]
    problems = [
        Problem(name, None, f"is not a setting of {SECTION_IN_WORDS}", did_you_mean(name, _FIELDS)) for name in unknown
    ]
    for name in map(str, content):
        if name != SECTION and (hint := did_you_mean(name, (SECTION,))):
            problems.append(Problem(name, None, "is not a section of the Flyte config", hint))
    return section, tuple(problems)


def _named_config_file() -> str:
    """The config file that ``pyflyte --config`` or the environment names."""
    from flytekit.configuration.file import FLYTECTL_CONFIG_ENV_VAR, FLYTECTL_CONFIG_ENV_VAR_OVERRIDE

    return os.environ.get(FLYTECTL_CONFIG_ENV_VAR_OVERRIDE) or os.environ.get(FLYTECTL_CONFIG_ENV_VAR, "")
