"""What the user says about a request in the API's own words, merged into it last of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.requests.assembly import merged
from flytekit_sagemaker.requests.training import BuiltRequest
from flytekit_sagemaker.requests.validation import removals_of_nothing
from flytekit_sagemaker.requests.wording import Overrides, Wording

_NAME = "The name says whose job it is, so that no attempt makes two: set job_name_prefix in the deployment's settings."
_TAGS = "Put them into training_job_config.tags, beside those that say whose job it is."
NOT_TO_OVERRIDE = {"TrainingJobName": _NAME, "HyperParameterTuningJobName": _NAME, "Tags": _TAGS}


def overridden(built: BuiltRequest, overrides: Mapping[str, Any] | None) -> BuiltRequest:
    """A request with some members replaced.

    Dictionaries are merged, None removes a member, and anything else takes the place of what was there. The outcome is
    to be checked like every request. The name of the job and its tags are not to be replaced, which is a problem of the
    request.

    Args:
        built: the request in all its other parts.
        overrides: members of the request, as boto3 takes them.
    """
    if not overrides:
        return built
    problems = tuple(
        Problem(f"overrides.{name}", overrides[name], "cannot be overridden", remedy)
        for name, remedy in NOT_TO_OVERRIDE.items()
        if name in overrides
    )
    removals = removals_of_nothing(built.operation, (), overrides)
    others = {name: value for name, value in overrides.items() if name not in NOT_TO_OVERRIDE}
    return replace(
        built,
        parameters=merged(built.parameters, others),
        problems=(*built.problems, *problems, *(problem.under("overrides") for problem in removals)),
        wording=built.wording + Wording(overrides=(Overrides("", "overrides", others),)),
    )


def definition_overridden(built: BuiltRequest, overrides: Mapping[str, Any] | None, name: str = "") -> BuiltRequest:
    """A tuning request with some members of a training job definition replaced: a training job's own overrides.

    Args:
        built: the request in all its other parts.
        overrides: members of the definition, as boto3 takes them.
        name: the definition's name; empty for the only one.
    """
    if not overrides:
        return built
    several = list(built.parameters.get("TrainingJobDefinitions", ()))
    path, of = "TrainingJobDefinition", "training_job"
    for index, each in enumerate(several):
        if each.get("DefinitionName") == name:
            several[index] = merged(each, overrides)
            path, of = f"TrainingJobDefinitions[{index}]", f"training_job.{name}"
    one = built.parameters.get("TrainingJobDefinition", {})
    changed = {"TrainingJobDefinitions": several} if name else {"TrainingJobDefinition": merged(one, overrides)}
    member = ("TrainingJobDefinition",)
    removals = (problem.under(path) for problem in removals_of_nothing(built.operation, member, overrides))
    wording = built.wording + Wording(overrides=(Overrides(path, f"{of}.overrides", overrides),))
    problems = (*built.problems, *removals)
    return replace(built, parameters={**built.parameters, **changed}, problems=problems, wording=wording)
