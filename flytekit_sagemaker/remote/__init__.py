"""A task by itself on Flyte: registered under a version of its content, launched, and followed from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flytekit.remote import FlyteRemote

from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.remote.admin import Admin
from flytekit_sagemaker.remote.execution import Execution
from flytekit_sagemaker.remote.inputs import to_literals
from flytekit_sagemaker.remote.registration import register
from flytekit_sagemaker.tasks.inputs import accepted_inputs

__all__ = ["Execution", "fetch_execution", "register_and_launch"]


def register_and_launch(
    task: Any,
    project: str,
    domain: str,
    name: str | None = None,
    version: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    *,
    remote: FlyteRemote | None = None,
    overwrite_cache: bool = False,
) -> Execution:
    """What ``task.register_and_launch`` does, for any task of this package; its documentation is there."""
    admin = Admin.of(remote, project, domain)
    if inputs is not None and not isinstance(inputs, Mapping):
        raise InvalidInput("the launch", [Problem("inputs", inputs, "must be a dictionary: values by name")])
    accepted = accepted_inputs(task.name, task.python_interface.inputs_with_defaults, inputs or {}, in_place=False)
    literals = to_literals(admin, task, accepted)
    identifier = register(admin, task, name or task.name, version)
    launched = admin.launch(identifier, literals, overwrite_cache=overwrite_cache)
    return Execution(admin, launched, task.python_interface)


def fetch_execution(
    execution: Any, project: str | None = None, domain: str | None = None, *, remote: FlyteRemote | None = None
) -> Execution:
    """The handle of an execution that was launched before, here or elsewhere: after a kernel's restart, say.

    Args:
        execution: a handle, its ``id``, the text of it (``project:domain:name``), the URL of its page, or its name.
        project, domain: where it runs; left out when the id says so.
        remote: the connection; the one of the Flyte config where left out.

    Raises:
        UserError: when there is no such execution, or no Flyte is configured.
    """
    identifier = Admin.identifier_of(execution, project, domain)
    return Execution(Admin.of(remote, identifier.project, identifier.domain), identifier).sync()
