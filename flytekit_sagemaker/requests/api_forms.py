"""The builders' inverse: from members of a request, as the API has them, to models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.models.channels import Channel
from flytekit_sagemaker.models.parameter_ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRangeOneOf,
)
from flytekit_sagemaker.models.text import text_of
from flytekit_sagemaker.requests.assembly import put
from flytekit_sagemaker.requests.channels import FORMS, URI
from flytekit_sagemaker.requests.tuning import SCALING_TYPES
from flytekit_sagemaker.requests.tuning_job_rules import range_problems
from flytekit_sagemaker.requests.validation import check_part


def channel_of(member: Mapping[str, Any]) -> tuple[Channel, str]:
    """The channel of one entry of ``InputDataConfig``, and the URI of its data.

    ``channel_member`` makes the same entry of both again. The URI is empty where the data is not in S3.

    Raises:
        InvalidInput: listing everything that is wrong, by the path of its member.
    """
    findings = check_part("CreateTrainingJob", ("InputDataConfig",), member)
    findings.raise_problems("the channel")
    if len(member["DataSource"]) != 1:
        problem = Problem("DataSource", dict(member["DataSource"]), "must have exactly one source")
        raise InvalidInput("the channel", [problem])
    values: dict[str, Any] = {"content_type": ""}
    for form in FORMS:
        value = _at(form.path, member)
        if value is None:
            continue
        put(values, form.field, _meant(value, form.words) if form.words else value)
    uri = values.pop(URI, "")
    try:
        return Channel.from_dict(values), uri
    except InvalidInput as error:
        paths = {form.field: form.path for form in FORMS}
        problems = [replace(problem, field=paths.get(problem.field, problem.field)) for problem in error.problems]
        raise InvalidInput("the channel", problems) from None


def ranges_of(
    integer: Sequence[Mapping[str, Any]] = (),
    continuous: Sequence[Mapping[str, Any]] = (),
    categorical: Sequence[Mapping[str, Any]] = (),
) -> dict[str, ParameterRangeOneOf]:
    """The ranges of the three lists of ``ParameterRanges`` by name; numbers are taken where the API has texts.

    Raises:
        InvalidInput: listing everything that is wrong, by paths such as ``IntegerParameterRanges[0].MinValue``.
    """
    given = {
        "IntegerParameterRanges": _in_texts(integer),
        "ContinuousParameterRanges": _in_texts(continuous),
        "CategoricalParameterRanges": _in_texts(categorical),
    }
    findings = check_part("CreateHyperParameterTuningJob", ("HyperParameterTuningJobConfig", "ParameterRanges"), given)
    findings.with_others(range_problems(given)).raise_problems("the parameter ranges")
    ranges: dict[str, ParameterRangeOneOf] = {}
    problems: list[Problem] = []
    for kind, items in given.items():
        for index, item in enumerate(items):
            try:
                ranges[item["Name"]] = ParameterRangeOneOf(param=_RANGES[kind](item))
            except InvalidInput as error:
                problems += [problem.under(f"{kind}[{index}]") for problem in error.problems]
    if problems:
        raise InvalidInput("the parameter ranges", problems)
    return ranges


def _meant(word: str, words: Mapping[Any, str]) -> Any:
    """The member of an enum that the API has a word for."""
    return next(member for member, each in words.items() if each == word)


def _scaling(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"scaling_type": _meant(item["ScalingType"], SCALING_TYPES)} if "ScalingType" in item else {}


_RANGES: dict[str, Any] = {
    "IntegerParameterRanges": lambda item: IntegerParameterRange(
        min_value=int(item["MinValue"]), max_value=int(item["MaxValue"]), **_scaling(item)
    ),
    "ContinuousParameterRanges": lambda item: ContinuousParameterRange(
        min_value=float(item["MinValue"]), max_value=float(item["MaxValue"]), **_scaling(item)
    ),
    "CategoricalParameterRanges": lambda item: CategoricalParameterRange(values=item["Values"]),
}


def _in_texts(ranges: Any) -> Any:
    """Ranges whose numbers are texts, as the API has them; what is no list of ranges is left to the check."""
    if not isinstance(ranges, (list, tuple)):
        return ranges
    return [
        {
            key: [_in_text(each) for each in value] if isinstance(value, list) else _in_text(value)
            for key, value in item.items()
        }
        if isinstance(item, Mapping)
        else item
        for item in ranges
    ]


def _in_text(value: Any) -> Any:
    return text_of(value) if isinstance(value, (int, float)) and math.isfinite(value) else value


def _at(path: str, member: Any) -> Any:
    for name in path.split("."):
        member = (member or {}).get(name)
    return member
