"""A connector that knows the answer without looking: what flytekit's service can do at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flyteidl.core.execution_pb2 import TaskExecution
from flytekit.extend.backend.base_connector import AsyncConnectorBase, ConnectorRegistry, Resource, ResourceMeta

TASK_TYPE = "no-op"


@dataclass
class NoMetadata(ResourceMeta):
    name: str


class NoOpConnector(AsyncConnectorBase):
    name = "No-op connector"

    def __init__(self) -> None:
        super().__init__(task_type_name=TASK_TYPE, metadata_type=NoMetadata)

    async def create(self, *_: Any, **__: Any) -> NoMetadata:
        return NoMetadata("job")

    async def get(self, resource_meta: NoMetadata, **_: Any) -> Resource:
        return Resource(phase=TaskExecution.RUNNING)

    async def delete(self, resource_meta: NoMetadata, **_: Any) -> None:
        pass


ConnectorRegistry.register(NoOpConnector())
