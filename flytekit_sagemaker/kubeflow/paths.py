"""Which argument the path of a model's field or of a request's member is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flytekit_sagemaker.kubeflow.arguments import ARGUMENTS, BY_NAME
from flytekit_sagemaker.requests.wording import sets

CHECKPOINTS = {"S3Uri": "checkpoint_s3_uri", "LocalPath": "checkpoint_local_path"}
RANGES = ("integer_parameters", "continuous_parameters", "categorical_parameters")
RANGES_MEMBER = "HyperParameterTuningJobConfig.ParameterRanges"
SOME_RANGES = f"{', '.join(RANGES[:-1])} or {RANGES[-1]}"

AT = {
    **{path: argument.name for argument in ARGUMENTS for path in (argument.sets, argument.member) if path},
    **{f"TrainingJobConfig.{field}": "checkpoint_config" for field in CHECKPOINTS.values()},
    "AlgorithmSpecification.metric_definitions": "metric_definitions",
}
"""The argument by the path where it arrives: ``<model>.<field>``, or that of the member of the request."""

_JOINT = re.compile(r"[.\[ ]")


def root(path: str) -> str:
    """The first name of a path."""
    return _JOINT.split(path, maxsplit=1)[0]


def argument_at(path: str, values: Mapping[str, Any]) -> str:
    """The argument, and maybe a part of it, that a path is about; empty for an empty path.

    Args:
        path: as problems have it, such as ``TrainingJobDefinition.InputDataConfig[0].ChannelName``.
        values: of the arguments, by name.
    """
    if not path or sets(values["overrides"], path):
        return path and f"overrides.{path}"
    if root(path) in BY_NAME:
        return path
    for holder in _holders(path):
        if holder in AT:
            return AT[holder] + _rest(AT[holder], path[len(holder) :], values)
    if not path.startswith(RANGES_MEMBER):
        return f"overrides.{path}"
    name = path[len(RANGES_MEMBER) + 1 :]
    lists = (each for each in RANGES if any(entry.get("Name") == name for entry in values[each]))
    return next((f"{each} ({name})" for each in lists), SOME_RANGES)


def _rest(argument: str, rest: str, values: Mapping[str, Any]) -> str:
    """What is left of a path inside of an argument; metrics are a list in the request, and have names in theirs."""
    index = re.match(r"\[(\d+)\]", rest)
    if argument != "metric_definitions" or index is None:
        return rest
    return f".{list(values[argument])[int(index[1])]}"


def _holders(path: str) -> Iterator[str]:
    """The path and all that hold it, the innermost first."""
    yield path
    for joint in reversed([*_JOINT.finditer(path)]):
        yield path[: joint.start()]
