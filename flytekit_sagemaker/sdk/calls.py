"""What can be called in the body of a class, and what is wrong with a call."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flytekit.core.launch_plan import LaunchPlan
from flytekit.core.node import Node as FlyteNode
from flytekit.core.reference_entity import ReferenceEntity
from flytekit.core.workflow import WorkflowBase

from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean
from flytekit_sagemaker.sdk.conversion import accepts_none, adapted, conversion_problem, is_data
from flytekit_sagemaker.tasks.deferral import has_symbol
from flytekit_sagemaker.tasks.inputs import accepted_inputs, named_inputs

_DEPRECATED_OVERRIDES = ("cache_version", "cache_serialize", "cache_ignore_input_vars")
OVERRIDES = [
    *(
        name
        for name in inspect.signature(FlyteNode.with_overrides).parameters
        if name not in ("self", "args", "kwargs")
    ),
    *_DEPRECATED_OVERRIDES,
]


def checked_inputs(workflow: WorkflowBase, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a workflow that is called, as flytekit takes them, its defaults filled in.

    Raises:
        InvalidInput: listing every input that is unknown, missing or of the wrong type.
    """
    declared = workflow.python_interface.inputs_with_defaults
    given = named_inputs(workflow.name, list(declared), args, kwargs)
    unknown = unknown_inputs(workflow, given)
    problems: list[Problem | None] = list(unknown.values())
    accepted: dict[str, Any] = {}
    try:
        known = {name: value for name, value in given.items() if name not in unknown}
        accepted = accepted_inputs(workflow.name, declared, known)
    except InvalidInput as error:
        problems += error.problems
    for name, value in accepted.items():
        python_type = declared[name][0]
        if not (hasattr(value, "ref") or is_data(python_type)):
            accepted[name] = adapted(value, python_type)
            problems.append(conversion_problem(name, accepted[name], python_type))
    if found := [problem for problem in problems if problem is not None]:
        raise InvalidInput(f"the input of {workflow.name}", found)
    return accepted


def unknown_inputs(entity: Any, given: Mapping[str, Any]) -> dict[str, Problem]:
    """What a call gives that the entity does not take, and why it does not."""
    declared = entity.python_interface.inputs
    fixed = entity.raw_fixed_inputs if isinstance(entity, LaunchPlan) else {}
    problems = {}
    for name in given:
        if name in fixed:
            problems[name] = Problem(name, None, f"is fixed by the launch plan {entity.name}")
        elif name not in declared:
            hint = did_you_mean(name, declared) or f"It takes {', '.join(declared) or 'none'}."
            problems[name] = Problem(name, None, f"is not an input of {entity.name}", hint)
    return problems


def defaults(entity: Any, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What a call leaves out: the defaults of those inputs that have one, and the inputs that it must not leave out."""
    left_out: dict[str, Any] = {}
    required = []
    supplied = _supplied(entity)
    for name, (python_type, default) in entity.python_interface.inputs_with_defaults.items():
        if name in given or name in supplied:
            continue
        if default is None and not accepts_none(python_type):
            required.append(name)
        else:
            left_out[name] = default
    return left_out, required


def workflow_names(entity: Any) -> Iterator[str]:
    """The name of a workflow and of all that it contains; nothing for a task."""
    workflow = entity.workflow if isinstance(entity, LaunchPlan) and not isinstance(entity, ReferenceEntity) else entity
    if isinstance(workflow, WorkflowBase) and not isinstance(workflow, ReferenceEntity):
        yield workflow.name
        for node in workflow.nodes:
            yield from workflow_names(node.flyte_entity)


def call_problems(entity: Any, inputs: Mapping[str, Any], error: Exception) -> list[Problem]:
    """Which inputs flytekit, or the task itself, refused a call for."""
    if isinstance(error, InvalidInput):
        return list(error.problems)
    declared = entity.python_interface.inputs
    each = (conversion_problem(name, value, declared[name]) for name, value in inputs.items())
    found = [problem for problem in each if problem is not None]
    return found or [Problem("", None, f"cannot be called: {str(error).strip()}")]


def override_problems(overrides: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with what ``with_overrides`` was given; flytekit itself ignores what it does not know."""
    for name, value in overrides.items():
        if name not in OVERRIDES:
            hint = did_you_mean(name, OVERRIDES) or f"There are {', '.join(OVERRIDES)}."
            yield Problem(name, value, "is not an override", hint)
        elif has_symbol(value):
            yield Problem(name, None, "must be known before the workflow runs")


def _supplied(entity: Any) -> set[str]:
    """The inputs that an entity gives itself: those of a launch plan, and the bound ones of a mapped task."""
    partial = getattr(entity, "_partial", None)
    bound = partial.keywords if partial is not None else {}
    saved = entity.saved_inputs if isinstance(entity, LaunchPlan) else {}
    given = {**bound, **saved, **getattr(entity, "_bound_inputs_values", {})}
    return {name for name, value in given.items() if value is not None}
