"""The builders' inverse: from members of a request, as the API has them, to models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.models.channels import Channel
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.parameter_ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRangeOneOf,
)
from flytekit_sagemaker.models.text import text_of
from flytekit_sagemaker.requests.api_words import API_WORDS
from flytekit_sagemaker.requests.fields import member_at, values_of
from flytekit_sagemaker.requests.request_members import struct
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
    uri = str(struct(struct(member, "DataSource"), "S3DataSource").get("S3Uri", ""))
    try:
        return Channel.from_dict({"content_type": "", **values_of(Channel, member)}), uri
    except InvalidInput as error:
        raise InvalidInput("the channel", [_of_member(Channel, problem) for problem in error.problems]) from None


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
                ranges[item["Name"]] = ParameterRangeOneOf(param=_range(_RANGES[kind], item))
            except InvalidInput as error:
                told = (_of_member(_RANGES[kind], problem) for problem in error.problems)
                problems += [problem.under(f"{kind}[{index}]") for problem in told]
    if problems:
        raise InvalidInput("the parameter ranges", problems)
    return ranges


def _of_member(model: type[Model], problem: Problem) -> Problem:
    """A model's problem as one of the member that the model was read from."""
    value = API_WORDS.get(problem.value, problem.value) if isinstance(problem.value, str) else problem.value
    return replace(problem, field=member_at(model, problem.field), value=value)


_RANGES: dict[str, type[Model]] = {
    "IntegerParameterRanges": IntegerParameterRange,
    "ContinuousParameterRanges": ContinuousParameterRange,
    "CategoricalParameterRanges": CategoricalParameterRange,
}


def _range(model: type[Model], item: Mapping[str, Any]) -> Any:
    number = int if model is IntegerParameterRange else float
    bounds = ("min_value", "max_value")
    return model.from_dict(
        {name: number(value) if name in bounds else value for name, value in values_of(model, item).items()}
    )


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
