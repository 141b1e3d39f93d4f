"""Workflows as classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, overload

from flytekit import WorkflowFailurePolicy

from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.sdk.building import build
from flytekit_sagemaker.sdk.declarations import Input, Output
from flytekit_sagemaker.sdk.sdk_workflow import SdkWorkflow
from flytekit_sagemaker.tasks import deferral

__all__ = ["Input", "Output", "SdkWorkflow", "workflow_class"]

deferral.activate()


@overload
def workflow_class(declaration: type, /) -> SdkWorkflow: ...


@overload
def workflow_class(
    *,
    name: str | None = None,
    on_failure: WorkflowFailurePolicy | int | None = None,
    disable_default_launch_plan: bool = False,
    cls: type[SdkWorkflow] = SdkWorkflow,
) -> Callable[[type], SdkWorkflow]: ...


def workflow_class(
    declaration: type | None = None,
    /,
    *,
    name: str | None = None,
    on_failure: WorkflowFailurePolicy | int | None = None,
    disable_default_launch_plan: bool = False,
    cls: type[SdkWorkflow] = SdkWorkflow,
) -> SdkWorkflow | Callable[[type], SdkWorkflow]:
    """Make a workflow of a class: a decorator, bare or with options.

    In the body, an attribute that is an :class:`Input` is an input of the workflow, one that is an :class:`Output` an
    output. Whatever flytekit can call (tasks of any kind, workflows of any kind, launch plans) is called there without
    running: a call makes a node, named as its attribute. ``node.outputs.x`` is one of its outputs, to be given to other
    calls, alone or in lists and dictionaries; ``node.with_overrides(...)`` says what is different for this call, and
    ``first >> second`` that one waits for the other.

    A class may have a base, be it a plain class or a workflow. It inherits inputs, calls and outputs, and what it
    defines under the name of one of them takes its place everywhere: another task, another default, a constant in place
    of an input. In the body, those of the base are attributes of the base: ``Base.train.outputs.model``.

    Args:
        declaration: the class.
        name: name of the workflow; ``<module>.<qualified name>`` where left out.
        on_failure: what becomes of the other tasks when one fails, a ``WorkflowFailurePolicy`` or its number.
        disable_default_launch_plan: only False: flytekit registers a launch plan with each workflow.
        cls: a subclass of :class:`SdkWorkflow` to make an instance of.

    Raises:
        InvalidInput: listing everything that is wrong with the class, each with its line.
    """
    if problems := list(_problems(declaration, on_failure, disable_default_launch_plan, cls)):
        raise InvalidInput("workflow_class", problems)
    policy = _POLICIES.get(on_failure, on_failure)

    def workflow_of(declaration: type) -> SdkWorkflow:
        if problems := list(_problems(declaration, None, False, SdkWorkflow)):
            raise InvalidInput("workflow_class", problems)
        return build(declaration, name, policy, cls)

    return workflow_of if declaration is None else workflow_of(declaration)


_POLICIES: dict[Any, Any] = {policy.value: policy for policy in WorkflowFailurePolicy}


def _problems(declaration: Any, on_failure: Any, disable: bool, kind: Any) -> Iterator[Problem]:
    if declaration is not None and not isinstance(declaration, type):
        yield Problem("the decorated", declaration, "must be a class")
    if not (on_failure is None or isinstance(on_failure, WorkflowFailurePolicy) or on_failure in (0, 1)):
        yield Problem("on_failure", on_failure, "must be a WorkflowFailurePolicy")
    if disable:
        yield Problem(
            "disable_default_launch_plan", disable, "must be False: flytekit registers one with each workflow"
        )
    if not (isinstance(kind, type) and issubclass(kind, SdkWorkflow)):
        yield Problem("cls", kind, "must be a subclass of SdkWorkflow")
