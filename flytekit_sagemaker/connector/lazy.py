"""Stand-ins that flytekit registers for everybody; a connector itself is imported when its first job comes."""

from __future__ import annotations

import asyncio
import importlib
from functools import cached_property
from typing import Any

from flytekit.extend.backend.base_connector import AsyncConnectorBase

# Task type: the class that runs it.
CONNECTORS = {
    "sagemaker_training_job_task": ("flytekit_sagemaker.connector.training", "TrainingJobConnector"),
    "sagemaker_custom_training_job_task": ("flytekit_sagemaker.connector.custom", "CustomTrainingJobConnector"),
    "sagemaker_hyperparameter_tuning_job_task": ("flytekit_sagemaker.connector.tuning", "TuningJobConnector"),
}


class LazyConnector(AsyncConnectorBase):  # type: ignore[misc]
    """Passes every call on to the connector of its task type."""

    name = "SageMaker connector"

    def __init__(self, task_type: str) -> None:
        super().__init__(task_type_name=task_type, metadata_type=None)
        self._task_type = task_type

    @cached_property
    def connector(self) -> Any:
        """The connector itself."""
        module, name = CONNECTORS[self._task_type]
        connector = getattr(importlib.import_module(module), name)(self._task_type)
        for call in ("create", "get", "delete"):  # no detour for the calls to come
            setattr(self, call, getattr(connector, call))
        return connector

    @property
    def metadata_type(self) -> Any:
        """The class that reads and writes the metadata of a job."""
        return self.connector.metadata_type

    async def create(self, *given: Any, **named: Any) -> Any:
        """Create a job."""
        connector = await asyncio.to_thread(lambda: self.connector)  # the import takes a second: other calls go on
        return await connector.create(*given, **named)

    async def get(self, *given: Any, **named: Any) -> Any:
        """Look at a job."""
        return await self.connector.get(*given, **named)

    async def delete(self, *given: Any, **named: Any) -> None:
        """Stop a job."""
        await self.connector.delete(*given, **named)

    def log_of(self, meta: Any) -> Any:
        """What follows the log of a job."""
        return self.connector.log_of(meta)
