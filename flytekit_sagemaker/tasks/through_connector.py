"""How every SageMaker task is called, and how it runs locally."""

from __future__ import annotations

import os
from typing import Any

from flytekit_sagemaker.container.command import Command
from flytekit_sagemaker.errors import UserError
from flytekit_sagemaker.tasks import transformers  # noqa: F401  (registers the models with flytekit)
from flytekit_sagemaker.tasks.inputs import accepted_inputs, named_inputs, with_fingerprint
from flytekit_sagemaker.tasks.local_execution import run_locally


class RunsThroughConnector:
    """Makes a flytekit task, whose type has a connector, take its inputs in any form and run through the connector.

    Locally that is the same connector as in a cluster, against the SageMaker that the settings name: the local one
    unless they say otherwise.
    """

    name: Any
    metadata: Any
    python_interface: Any

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task locally, or make it a node of the workflow that is being compiled.

        Raises:
            InvalidInput: listing every input that is unknown, missing or of the wrong type.
            JobNotCreated: listing everything else that is wrong, before anything starts.
            JobFailed: with the job's own explanation.
        """
        if Command.find(os.environ) is not None:  # the module is imported in a job, or the function calls a task
            remedy = "Put calls of tasks in a module under `if __name__ == '__main__':`"
            raise UserError(f"{self.name} was called inside a training job, where no other job is started. {remedy}")
        declared = self.python_interface.inputs_with_defaults
        given = named_inputs(self.name, list(declared), args, kwargs)
        return super().__call__(**accepted_inputs(self.name, declared, given))  # type: ignore[misc]

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
