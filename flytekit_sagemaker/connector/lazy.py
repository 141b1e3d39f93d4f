"""Stand-ins that flytekit registers for everybody; what they stand for is imported when it is needed."""

from __future__ import annotations

import asyncio
import importlib
from functools import cached_property
from typing import Any

from flytekit.core.type_engine import TypeTransformer
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


class LazyModel:
    """Any model of this package."""


class LazyModelTransformer(TypeTransformer[LazyModel]):  # type: ignore[misc]
    """Finds the models that a task takes which was fetched from Flyte, where nobody has imported them."""

    def __init__(self) -> None:
        super().__init__("SageMaker models", LazyModel)

    def guess_python_type(self, literal_type: Any) -> Any:
        """The model class of a literal type that names one; ValueError tells flytekit to ask the next transformer."""
        if any(key.startswith(__name__.partition(".")[0]) for key in literal_type.metadata or {}):
            return importlib.import_module("flytekit_sagemaker.transformers").model_of(literal_type)
        raise ValueError("no model of this package")

    def _never(self, *_: Any, **__: Any) -> Any:
        raise TypeError("stands for models that are not imported yet")

    get_literal_type = to_literal = to_python_value = _never
