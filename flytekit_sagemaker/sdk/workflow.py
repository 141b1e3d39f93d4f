"""Workflows as classes."""

from __future__ import annotations

from typing import Any

from flytekit import WorkflowFailurePolicy

from flytekit_sagemaker.sdk.building import build
from flytekit_sagemaker.sdk.declarations import Input, Output
from flytekit_sagemaker.sdk.sdk_workflow import SdkWorkflow
from flytekit_sagemaker.tasks import deferral

__all__ = ["Input", "Output", "SdkWorkflow", "workflow_class"]

deferral.activate()


def workflow_class(
    declaration: type | None = None,
    /,
    *,
    name: str | None = None,
    on_failure: WorkflowFailurePolicy | int | None = None,
    disable_default_launch_plan: bool = False,
    cls: type[SdkWorkflow] = SdkWorkflow,
) -> Any:
    """Make a workflow of a class."""

    def workflow_of(declaration: type) -> SdkWorkflow:
        return build(declaration, name, None, cls)

    return workflow_of if declaration is None else workflow_of(declaration)
