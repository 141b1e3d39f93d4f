"""Who carries out the attempts of tasks, and what they are told: the four calls of Flyte's connector protocol.

``ConnectorRunner`` passes them on to a connector service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc
from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2
from flyteidl.service import agent_pb2_grpc

CALL_IN_SECONDS = 30.0
LOG_LINK = "Local SageMaker's log"
_PAUSES_IN_SECONDS = (0.2, 1.0, 3.0)


class RunnerFailed(Exception):
    """A runner could not carry out a call, and another try would not help."""


@dataclass(frozen=True)
class Work:
    """One attempt at a task, as its runner is told it.

    Attributes:
        template: the task template, with the arguments of its container rendered.
        inputs: a ``LiteralMap``.
        folder: folder of the attempt, in which its outputs are expected.
        output_prefix: URI of that folder.
        metadata: ``TaskExecutionMetadata``.
    """

    template: Any
    inputs: Any
    folder: Path
    output_prefix: str
    metadata: Any


class Runner(Protocol):
    """Carries out attempts; what it knows an attempt by is bytes of its own that survive a restart."""

    def runs(self, template: Any) -> bool:
        """Whether this runner can carry out a task."""

    async def create(self, work: Work) -> bytes:
        """Begin; doing so twice for one attempt has the effect of doing it once."""

    async def get(self, template: Any, resource_meta: bytes) -> Any:
        """The state, as ``flyteidl.admin.Resource``; None when it cannot be told at the moment."""

    async def delete(self, template: Any, resource_meta: bytes) -> None:
        """End what has not ended yet."""


class ConnectorRunner:
    """Tasks of the types that a connector service knows.

    Args:
        address: where the service is.
        url_of_log: address of the page that shows the logs of a job.
    """

    def __init__(self, address: str, url_of_log: Callable[[str], str]) -> None:
        self._url_of_log = url_of_log
        self._channel = grpc.aio.insecure_channel(address)
        self._stub = agent_pb2_grpc.AsyncAgentServiceStub(self._channel)
        self._types: frozenset[tuple[str, int]] = frozenset()

    async def open(self) -> None:
        """Wait until the service answers, and learn which types of tasks it knows."""
        stub = agent_pb2_grpc.AgentMetadataServiceStub(self._channel)
        known = await stub.ListAgents(agent_pb2.ListAgentsRequest(), wait_for_ready=True)
        categories = [category for agent in known.agents for category in agent.supported_task_categories]
        self._types = frozenset((category.name, category.version) for category in categories)

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    @property
    def task_types(self) -> list[str]:
        """The names of the types, in order."""
        return sorted({name for name, _ in self._types})

    def runs(self, template: Any) -> bool:
        return (template.type, template.task_type_version) in self._types

    async def create(self, work: Work) -> bytes:
        request = agent_pb2.CreateTaskRequest(
            template=work.template,
            inputs=work.inputs,
            output_prefix=work.output_prefix,
            task_execution_metadata=work.metadata,
        )
        answer = await self._repeated(self._stub.CreateTask, request, "create the job")
        return bytes(answer.resource_meta)

    async def get(self, template: Any, resource_meta: bytes) -> Any:
        request = agent_pb2.GetTaskRequest(task_category=_category(template), resource_meta=resource_meta)
        try:
            answer = await self._stub.GetTask(request, wait_for_ready=True, timeout=CALL_IN_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                return None  # it is being started again
            raise RunnerFailed(f"The connector could not tell the state of the job: {error.details()}") from None
        resource = answer.resource
        if "name" in resource.custom_info:
            page = self._url_of_log(resource.custom_info["name"])
            resource.log_links.append(execution_pb2.TaskLog(name=LOG_LINK, uri=page))
        return resource

    async def delete(self, template: Any, resource_meta: bytes) -> None:
        request = agent_pb2.DeleteTaskRequest(task_category=_category(template), resource_meta=resource_meta)
        await self._repeated(self._stub.DeleteTask, request, "end the job")

    @staticmethod
    async def _repeated(call: Any, request: Any, what: str) -> Any:
        """The answer of a call that may be repeated when it fails."""
        for pause in (*_PAUSES_IN_SECONDS, None):
            try:
                return await call(request, wait_for_ready=True, timeout=CALL_IN_SECONDS)
            except grpc.aio.AioRpcError as error:
                if pause is None:
                    raise RunnerFailed(f"The connector could not {what}: {error.details()}") from None
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")


def _category(template: Any) -> Any:
    return agent_pb2.TaskCategory(name=template.type, version=template.task_type_version)
