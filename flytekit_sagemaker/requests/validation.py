"""Checks a SageMaker request before it is sent: against botocore's model of the service, then against what that omits.

botocore itself checks required members, types and minima when a call is made, but neither enums, patterns and maxima
nor anything between two members. All of it is checked here, and every problem is reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean
from flytekit_sagemaker.models.remedies import path_as_uri
from flytekit_sagemaker.requests import algorithm_rules, service_rules

AWS_URI_SCHEMES = ("s3", "https")
LOCAL_URI_SCHEMES = (*AWS_URI_SCHEMES, "file")


@dataclass(frozen=True)
class Findings:
    """What a check found.

    Attributes:
        problems: what the service, or the algorithm inside the job, would refuse.
        warnings: sentences about what looks odd but may be right.
    """

    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()

    def __add__(self, other: Findings) -> Findings:
        return Findings(self.problems + other.problems, self.warnings + other.warnings)

    def with_others(self, problems: Iterable[Problem]) -> Findings:
        """These findings and further problems, without those of members that are known to be wrong already.

        Problems that are not fatal become warnings.
        """
        broken = {problem.field for problem in self.problems}
        others = [problem for problem in problems if broken.isdisjoint(_holders(problem.field))]
        warnings = (str(problem) for problem in others if not problem.fatal)
        return Findings(
            (*self.problems, *(problem for problem in others if problem.fatal)), (*self.warnings, *warnings)
        )

    def raise_problems(self, subject: str) -> None:
        """Raise what was found to be wrong with ``subject``, once what is wrong in several of its parts alike.

        Raises:
            InvalidInput: when there are problems.
        """
        if self.problems:
            raise InvalidInput(subject, tuple({str(problem): problem for problem in self.problems}.values()))


def _holders(path: str) -> Iterator[str]:
    """A path and the paths of everything that holds what it names."""
    yield path
    yield from (path[: joint.start()] for joint in re.finditer(r"[.\[]", path))


def check_request(
    operation: str, request: Mapping[str, Any], *, uri_schemes: Sequence[str] = AWS_URI_SCHEMES
) -> Findings:
    """Everything that can be known to be wrong with a request before it is sent.

    Args:
        operation: name of the API operation, such as ``CreateTrainingJob``.
        request: its parameters as boto3 takes them.
        uri_schemes: schemes that data may have: AWS knows no ``file://``, the local SageMaker does.
    """
    findings = check_service_rules(operation, request, uri_schemes=uri_schemes)
    return findings.with_others(algorithm_rules.problems(operation, request))


def check_service_rules(
    operation: str, request: Mapping[str, Any], *, uri_schemes: Sequence[str] = AWS_URI_SCHEMES
) -> Findings:
    """What the SageMaker service itself would refuse; arguments as :func:`check_request`."""
    walk = _Walk(uri_schemes)
    problems = tuple(walk.problems(_input_shape(operation), request, ""))
    return Findings(problems, tuple(walk.warnings)).with_others(service_rules.problems(operation, request))


def check_part(operation: str, path: Sequence[str], part: Any) -> Findings:
    """What the service's model does not allow of one part of a request, an item where the part is a list.

    Args:
        operation: name of the API operation.
        path: names of the members that lead to the part.
        part: the part itself; the problems' fields are paths inside it.
    """
    shape = _input_shape(operation)
    for name in path:
        shape = shape.members[name]
    walk = _Walk(LOCAL_URI_SCHEMES)
    problems = tuple(walk.problems(getattr(shape, "member", shape), part, ""))
    return Findings(problems, tuple(walk.warnings))


def removals_of_nothing(operation: str, path: Sequence[str], overrides: Mapping[str, Any]) -> Iterator[Problem]:
    """Members that overrides are to remove and that the service does not have: misspelled, most likely.

    Args:
        operation: name of the API operation.
        path: names of the members that lead to what is overridden.
        overrides: with None for what is to be removed; the problems' fields are paths inside it.
    """
    shape = _input_shape(operation)
    for name in path:
        shape = shape.members[name]
    for name, value in overrides.items():
        if name not in shape.members:
            if value is None:
                yield _no_member(shape, name, value, name)
        elif isinstance(value, Mapping) and shape.members[name].type_name == "structure":
            inner = removals_of_nothing(operation, (*path, name), value)
            yield from (problem.under(name) for problem in inner)


@cache
def _service_model() -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


@cache
def _input_shape(operation: str) -> Any:
    return _service_model().operation_model(operation).input_shape


# The service's patterns are Java's: Python's `re` lacks these classes. They occur inside brackets only.
_CLASSES = {
    r"\p{Alnum}": "0-9A-Za-z",
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    unicode = r"\p{L}" in pattern  # elsewhere Java's \w and \d are ASCII
    for java, python in _CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern, re.UNICODE if unicode else re.ASCII)


# What the patterns and long enums that users meet most mean, by the name of the shape or by the pattern itself.
_IN_WORDS = {
    "TrainingJobName": "must consist of letters, digits and inner hyphens",
    "HyperParameterTuningJobName": "must consist of letters, digits and inner hyphens",
    "ChannelName": "must consist of letters, digits and . - _",
    "RoleArn": "must be the ARN of an IAM role, such as arn:aws:iam::123456789012:role/SageMaker",
    "S3Uri": "must be an s3:// URI",
    "TrainingInstanceType": "is no instance type",
    r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)": "must consist of letters, digits, spaces and _ . : / = + - @",
    "[a-zA-Z_][a-zA-Z0-9_]*": "must be a name of letters, digits and _ that does not start with a digit",
    ".*": "must not contain a line break",
    ".+": "must not contain a line break",
}


_WHERE_TO_SET = {
    "RoleArn": "Set role_arn in the sagemaker section of the Flyte config, FLYTEKIT_SAGEMAKER_ROLE_ARN, "
    "or training_job_config.",
}

_PYTHON_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "structure": ((Mapping,), "a dictionary"),
    "map": ((Mapping,), "a dictionary"),
    "list": ((list, tuple), "a list"),
    "string": ((str,), "a text"),
    "integer": ((int,), "a whole number"),
    "long": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "double": ((int, float), "a number"),
    "boolean": ((bool,), "True or False"),
}


def _wrong_type(type_name: str, value: Any) -> str:
    """What the value should have been, or an empty text."""
    classes, noun = _PYTHON_TYPES.get(type_name, ((object, bool), ""))
    fits = isinstance(value, classes) and (bool in classes or not isinstance(value, bool))
    return "" if fits else noun


_INSTANCE_TYPE = re.compile(r"ml\.[a-z]+\d+[a-z0-9]*(-[a-z0-9]+)*\.(nano|micro|small|medium|large|\d*xlarge|metal)")


def _no_member(shape: Any, name: str, value: Any, field: str) -> Problem:
    import botocore

    known_by = f"botocore {botocore.__version__}; a newer one may know it"
    rule = f"is not a member of {shape.name} in {known_by}"
    return Problem(field, value, rule, did_you_mean(str(name), shape.members))


class _Walk:
    """One walk over a request, side by side with the shape that describes it."""

    def __init__(self, uri_schemes: Sequence[str]) -> None:
        self._uri_schemes = tuple(uri_schemes)
        self.warnings: list[str] = []

    def problems(self, shape: Any, value: Any, path: str) -> Iterator[Problem]:
        if noun := _wrong_type(shape.type_name, value):
            yield Problem(path, value, f"must be {noun}")
        elif shape.type_name == "structure":
            yield from self._structure(shape, value, path)
        elif shape.type_name == "list":
            yield from self._size(shape, value, path)
            for index, item in enumerate(value):
                yield from self.problems(shape.member, item, f"{path}[{index}]")
        elif shape.type_name == "map":
            yield from self._size(shape, value, path)
            for key, item in value.items():
                yield from self.problems(shape.key, key, f"{path}.{key}")
                yield from self.problems(shape.value, item, f"{path}.{key}")
        elif shape.type_name == "string":
            yield from self._text(shape, value, path)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield from self._bounds(shape, value, value, path, "have value", "")

    def _structure(self, shape: Any, value: Mapping[str, Any], path: str) -> Iterator[Problem]:
        prefix = f"{path}." if path else ""
        for name in shape.required_members:
            if name not in value:
                yield Problem(
                    prefix + name, None, "is required", _WHERE_TO_SET.get(name, ""), "Member must not be null"
                )
        for name, member in value.items():
            if name in shape.members:
                yield from self.problems(shape.members[name], member, prefix + name)
            else:
                yield _no_member(shape, name, member, f"{prefix}{name}")

    def _text(self, shape: Any, value: str, path: str) -> Iterator[Problem]:
        scheme = value.partition("://")[0] if "://" in value else ""
        if shape.name.endswith("Uri") and scheme == "file":
            if "file" not in self._uri_schemes:
                yield Problem(path, value, "cannot be read by AWS", "Give an s3:// URI, or use the local SageMaker.")
            return
        local = "file" in self._uri_schemes and shape.name == "S3Uri"
        if shape.enum and value not in shape.enum:
            if shape.name == "TrainingInstanceType" and _INSTANCE_TYPE.fullmatch(value):
                hint = did_you_mean(value, shape.enum)
                self.warnings.append(f"{path} = {value!r} is unknown to the installed botocore. {hint}".rstrip())
                return
            constraint = f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
            several = _IN_WORDS.get(shape.name, f"is not a {shape.name}")
            few = f"must be one of {', '.join(shape.enum)}" if len(shape.enum) <= 12 else several
            yield Problem(path, value, few, did_you_mean(value, shape.enum), constraint)
            return
        sizes = list(self._size(shape, value, path))
        yield from sizes
        pattern = shape.metadata.get("pattern")
        # Many patterns state the length once more.
        if pattern and not sizes and not _compiled(pattern).fullmatch(value):
            constraint = f"Member must satisfy regular expression pattern: {pattern}"
            rule = _IN_WORDS.get(shape.name) or _IN_WORDS.get(pattern) or f"must match the pattern {pattern}"
            if local:
                rule = "must be an s3:// or file:// URI"
            yield Problem(path, value, rule, path_as_uri(value) if local else "", constraint)

    def _size(self, shape: Any, value: Any, path: str) -> Iterator[Problem]:
        unit = " characters" if isinstance(value, str) else " entries"
        yield from self._bounds(shape, len(value), value, path, "have length", unit)

    @staticmethod
    def _bounds(shape: Any, size: float, value: Any, path: str, verb: str, unit: str) -> Iterator[Problem]:
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        has = f", has {size}" if unit else ""
        must = "must have" if unit else "must be"
        if low is not None and size < low:
            constraint = f"Member must {verb} greater than or equal to {low}"
            yield Problem(path, value, f"{must} at least {low}{unit}{has}", constraint=constraint)
        if high is not None and size > high:
            constraint = f"Member must {verb} less than or equal to {high}"
            yield Problem(path, value, f"{must} at most {high}{unit}{has}", constraint=constraint)
