"""How every SageMaker task is called, and how it runs locally."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flytekit.core.context_manager import FlyteContextManager

from flytekit_sagemaker import transformers  # noqa: F401  (registers the models with flytekit)
from flytekit_sagemaker.container.command import Command
from flytekit_sagemaker.errors import UserError
from flytekit_sagemaker.tasks.deferral import deferrable
from flytekit_sagemaker.tasks.inputs import accepted_inputs, named_inputs, with_fingerprint
from flytekit_sagemaker.tasks.local_execution import run_locally

if TYPE_CHECKING:
    from flytekit.remote import FlyteRemote

    from flytekit_sagemaker.remote import Execution


class RunsThroughConnector:
    """Makes a flytekit task, whose type has a connector, take its inputs in any form and run through the connector.

    Locally that is the same connector as in a cluster, against the SageMaker that the settings name: the local one
    unless they say otherwise.
    """

    name: Any
    metadata: Any
    python_interface: Any

    @deferrable
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task locally, or make it a node of the workflow that is being compiled.

        Raises:
            InvalidInput: listing every input that is unknown, missing or of the wrong type.
            JobNotCreated: listing everything else that is wrong, before anything starts.
            JobFailed: with the job's own explanation.
        """
        refuse_inside_a_job(self.name)
        declared = self.python_interface.inputs_with_defaults
        given = named_inputs(self.name, list(declared), args, kwargs)
        return super().__call__(**accepted_inputs(self.name, declared, given))  # type: ignore[misc]

    def register_and_launch(
        self,
        project: str,
        domain: str,
        name: str | None = None,
        version: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        remote: FlyteRemote | None = None,
        overwrite_cache: bool = False,
    ) -> Execution:
        """Register the task with Flyte, launch one execution of it, and return its handle without waiting.

        The code of a function travels along: the modules of your own that it imports and, where it was typed into a
        notebook, flytekit's pickle of it. Local files and directories among the inputs are uploaded.

        Args:
            project, domain: where it is registered and runs.
            name: its name there; the task's own where left out.
            version: made of the content where left out, so that an unchanged task is registered once.
            inputs: the inputs by name; those with a default may be left out.
            remote: the connection; the one of the Flyte config where left out.
            overwrite_cache: run even if the outputs for these inputs are cached.

        Raises:
            InvalidInput: listing every input that is unknown, missing or wrong, before anything is registered.
            UserError: when no Flyte is configured, it refuses, or the version is that of another content.
            TransientError: when Flyte does not answer.
        """
        from flytekit_sagemaker import remote as remote_executions

        return remote_executions.register_and_launch(
            self, project, domain, name, version, inputs, remote=remote, overwrite_cache=overwrite_cache
        )

    def local_execute(self, ctx: Any, **kwargs: Any) -> Any:
        """Run the task locally, or take its outputs from flytekit's cache."""
        if self.metadata.cache:
            kwargs = {name: with_fingerprint(value) for name, value in kwargs.items()}
        return super().local_execute(ctx, **kwargs)  # type: ignore[misc]

    def dispatch_execute(self, ctx: Any, input_literal_map: Any) -> Any:
        """Run the job through the connector and return the outputs that it wrote.

        The connector works on literals, so nothing is converted to Python values (or downloaded) on the way.
        """
        return run_locally(self, input_literal_map)


def refuse_inside_a_job(task: str) -> None:
    """Do nothing, unless this process is a training job: its module calls a task on import, or its function does.

    What only becomes part of a workflow, as in the body of a workflow class, starts nothing.

    Raises:
        UserError: with what to do about it.
    """
    compiling = FlyteContextManager.current_context().compilation_state is not None
    if Command.find(os.environ) is not None and not compiling:
        remedy = "Put calls of tasks in a module under `if __name__ == '__main__':`"
        raise UserError(f"{task} was called inside a training job, where no other job is started. {remedy}")
