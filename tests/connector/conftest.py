"""flytekit's connector service on a real gRPC port, and executions as propeller describes them."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import grpc
import pytest
from flyteidl.admin.agent_pb2 import (
    CreateTaskRequest,
    DeleteTaskRequest,
    GetTaskRequest,
    Resource,
    TaskCategory,
    TaskExecutionMetadata,
)
from flyteidl.core import identifier_pb2, literals_pb2
from flyteidl.service.agent_pb2_grpc import AsyncAgentServiceStub, add_AsyncAgentServiceServicer_to_server
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.extend.backend.connector_service import AsyncConnectorService
from flytekit.extend.backend.utils import is_terminal_phase
from flytekit.models.literals import LiteralMap
from flytekit.tools.translator import get_serializable

from flytekit_sagemaker.connector.literals import plain_values
from flytekit_sagemaker.tasks.images import not_built
from flytekit_sagemaker.tasks.inputs import accepted_inputs


def execution(name: str | None = None, attempt: int = 0) -> TaskExecutionMetadata:
    """What propeller says about an attempt."""
    return TaskExecutionMetadata(
        task_execution_id=identifier_pb2.TaskExecutionIdentifier(
            task_id=identifier_pb2.Identifier(project="p", domain="d", name="m.task", version="v1"),
            node_execution_id=identifier_pb2.NodeExecutionIdentifier(
                node_id="n0",
                execution_id=identifier_pb2.WorkflowExecutionIdentifier(
                    project="p", domain="d", name=name or f"f{uuid.uuid4().hex[:19]}"
                ),
            ),
            retry_attempt=attempt,
        )
    )


def render(container: Any, inputs: literals_pb2.LiteralMap, prefix: Path) -> None:
    """What propeller does before it starts a container: keep the inputs, fill in the arguments."""
    prefix.mkdir(parents=True, exist_ok=True)
    (prefix / "inputs.pb").write_bytes(inputs.SerializeToString())
    places = {
        "{{.input}}": f"{prefix}/inputs.pb",
        "{{.outputPrefix}}": str(prefix),
        "{{.rawOutputDataPrefix}}": f"{prefix}/raw",
        "{{.checkpointOutputPrefix}}": f"{prefix}/raw/_flytecheckpoints",
        "{{.prevCheckpointPrefix}}": "",
    }
    container.args[:] = [places.get(argument, argument) for argument in container.args]


@dataclass
class Flyte:
    """What propeller does with a task, over gRPC."""

    stub: Any
    folder: Path
    prefixes: dict[bytes, Path] = field(default_factory=dict)

    async def create(
        self,
        task: Any,
        inputs: dict[str, Any],
        who: Any = None,
        replaced: dict[str, literals_pb2.Literal] | None = None,
        prefix: Path | None = None,
        without_container: bool = False,
    ) -> bytes:
        settings = SerializationSettings(ImageConfig.auto_default_image(), project="p", domain="d", version="v1")
        with not_built():
            template = get_serializable({}, settings, task).template.to_flyte_idl()
        context = FlyteContextManager.current_context()
        values = accepted_inputs(task.name, task.python_interface.inputs_with_defaults, inputs)
        literals = await TypeEngine._dict_to_literal_map(context, values, task.python_interface.inputs)
        literals = literals.to_flyte_idl()
        for name, literal in (replaced or {}).items():
            literals.literals[name].CopyFrom(literal)
        who = who or execution()
        attempt = hashlib.sha256(who.task_execution_id.SerializeToString(deterministic=True)).hexdigest()
        prefix = prefix or self.folder / attempt  # the same place again when a call is repeated, as in Flyte
        if without_container:
            template.ClearField("container")
        if template.HasField("container"):
            render(template.container, literals, prefix)
        request = CreateTaskRequest(
            template=template,
            inputs=literals,
            output_prefix=str(prefix),
            task_execution_metadata=who,
        )
        meta = (await self.stub.CreateTask(request)).resource_meta
        self.prefixes[meta] = prefix
        return bytes(meta)

    async def get(self, task: Any, meta: bytes) -> Resource:
        request = GetTaskRequest(task_category=TaskCategory(name=task.task_type), resource_meta=meta)
        return (await self.stub.GetTask(request)).resource

    async def delete(self, task: Any, meta: bytes) -> None:
        await self.stub.DeleteTask(
            DeleteTaskRequest(task_category=TaskCategory(name=task.task_type), resource_meta=meta)
        )

    async def delete_or_not(self, task: Any, meta: bytes) -> bool:
        """Whether the connector could stop the job; propeller asks again until it can."""
        try:
            await self.delete(task, meta)
        except grpc.aio.AioRpcError:
            return False
        return True

    async def end(self, task: Any, meta: bytes) -> Resource:
        """The first report of a terminal phase."""
        while True:
            resource = await self.get(task, meta)
            if is_terminal_phase(resource.phase):
                return resource
            await asyncio.sleep(0.05)

    def outputs(self, meta: bytes) -> dict[str, literals_pb2.Literal]:
        content = (self.prefixes[meta] / "outputs.pb").read_bytes()
        return dict(literals_pb2.LiteralMap.FromString(content).literals)

    def plain_outputs(self, meta: bytes) -> dict[str, Any]:
        return plain_values(LiteralMap.from_flyte_idl(literals_pb2.LiteralMap(literals=self.outputs(meta))))

    def deck(self, meta: bytes) -> str:
        return (self.prefixes[meta] / "deck.html").read_text()


@pytest.fixture
async def flyte(tmp_path: Path, use_sagemaker: Any) -> AsyncIterator[Flyte]:
    server = grpc.aio.server()
    add_AsyncAgentServiceServicer_to_server(AsyncConnectorService(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Flyte(AsyncAgentServiceStub(channel), tmp_path)
    await server.stop(None)


@pytest.fixture
def boto(use_sagemaker: Any) -> Any:
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return boto3.client("sagemaker", region_name="us-east-1", endpoint_url=use_sagemaker.url, **keys)
