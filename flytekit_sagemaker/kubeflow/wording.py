"""Problems in the words of the component's arguments: models and the service have others for the same things."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.kubeflow.arguments import ARGUMENTS, BY_NAME
from flytekit_sagemaker.kubeflow.paths import AT
from flytekit_sagemaker.requests import wording
from flytekit_sagemaker.requests.api_words import API_WORDS

# The words that models and the service have for what is an argument here, where no other thing has the same word.
_NAMES = (
    {
        word: argument.name
        for argument in ARGUMENTS
        for word in (argument.sets.rpartition(".")[2], argument.member.rpartition(".")[2])
        if "_" in word or wording.is_name(word)
    }
    | dict.fromkeys(("hyperband_min_resource", "hyperband_max_resource"), "overrides")
    | {"static_hyperparameters": "static_parameters", "min_value": "MinValue", "max_value": "MaxValue"}
)
_WORDS = _NAMES | API_WORDS
_BOUNDS = (".MinValue", ".MaxValue")
# Where the tasks say it, beside the member that says it here.
_OF_TASKS = re.compile(r" \(input_content_type \w+\)")


def sentence(text: str) -> str:
    """A sentence about a request in the words of the arguments."""
    return wording.sentence(_OF_TASKS.sub("", text), _WORDS)


def in_words(problem: Problem, field: str, given: Mapping[str, Any]) -> Problem:
    """A problem in the words of the arguments.

    Args:
        problem: as a model or the request's checks tell it.
        field: the argument, and maybe a part of it, that it is about; empty where the problem says so itself.
        given: values of the arguments.
    """
    field, value = field or problem.field, problem.value
    if problem.rule.startswith("is not a member of "):  # whose words are the service's own
        name = field.removeprefix("overrides.")
        remedy = problem.remedy or (f"Use the argument {name}." if name in BY_NAME else "")
        return replace(problem, field=field, remedy=remedy)
    if value is None and (argument_there := AT.get(field.removeprefix("overrides."))) and field not in AT:
        return replace(problem, field=field, remedy=f"The argument {argument_there} says it: do not override it.")
    rule = sentence(problem.rule)
    if rule == "must be a text" and field.endswith(_BOUNDS):
        rule = "must be a number"
    remedy = sentence(problem.remedy)
    if argument := BY_NAME.get(field):
        if isinstance(value, str):
            value = API_WORDS.get(value, value) if argument.choices else value
        elif isinstance(value, (list, tuple)):
            value = given.get(field, value)
        if not value and value == argument.default:  # an empty dictionary says nothing
            value = None
        if value is not None and value == argument.default:
            remedy = f"{value} is the default. {remedy}".rstrip()
    return replace(problem, field=field, value=value, rule=rule, remedy=remedy)
