"""Flyte Admin: the connection, the few calls that are needed, and its refusals in sentences.

Source: https://github.com/flyteorg/flyte/blob/master/flyteidl/protos/flyteidl/service/admin.proto
"""

from __future__ import annotations

import re
import tempfile
import uuid
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import grpc
from flyteidl.admin import common_pb2, execution_pb2, node_execution_pb2, task_execution_pb2, task_pb2
from flyteidl.core import identifier_pb2, interface_pb2, literals_pb2
from flytekit.clients.raw import RawSynchronousFlyteClient
from flytekit.configuration import Config, PlatformConfig
from flytekit.exceptions.base import FlyteException
from flytekit.exceptions.user import FlyteAuthenticationException
from flytekit.models.core.identifier import WorkflowExecutionIdentifier
from flytekit.remote import FlyteRemote

from flytekit_sagemaker import settings
from flytekit_sagemaker.errors import InvalidInput, Problem, SageMakerError, TransientError, UserError

_NOT_CONFIGURED = (
    "No Flyte is configured. Name one in ~/.flyte/config.yaml or in the file that FLYTECTL_CONFIG names, or pass "
    "remote=; without one, `flytekit-sagemaker sandbox` starts a small one on this machine."
)
_FOR_NOW = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)
_PAGE = 100
_PAGE_OF_AN_EXECUTION = re.compile(r"/projects/([^/]+)/domains/([^/]+)/executions/([^/?#]+)")


class ExecutionId(WorkflowExecutionIdentifier):  # type: ignore[misc]
    """Project, domain and name of an execution; as a text ``project:domain:name``."""

    def __str__(self) -> str:
        return f"{self.project}:{self.domain}:{self.name}"

    __repr__ = __str__


class NotThere(UserError):
    """Flyte does not know what was asked for."""


class AlreadyThere(UserError):
    """Flyte has something of that name already."""


_ERRORS: dict[grpc.StatusCode, type[SageMakerError]] = {
    grpc.StatusCode.NOT_FOUND: NotThere,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyThere,
    **dict.fromkeys(_FOR_NOW, TransientError),
}


@dataclass(frozen=True)
class Admin:
    """Flyte Admin for one project and domain."""

    remote: FlyteRemote
    project: str
    domain: str

    @classmethod
    def of(cls, remote: FlyteRemote | None, project: str, domain: str) -> Admin:
        """The given connection, else that of the Flyte config.

        Raises:
            InvalidInput: when the project or the domain is no text.
            UserError: when there is neither.
        """
        given = {"project": project, "domain": domain}
        problems = [
            Problem(name, value, "must be a text")
            for name, value in given.items()
            if not isinstance(value, str) or not value
        ]
        if remote is not None and not isinstance(remote, FlyteRemote):
            problems.append(Problem("remote", remote, "must be a flytekit.remote.FlyteRemote"))
        if problems:
            raise InvalidInput("the launch", problems)
        if remote is None:
            if missing := settings.missing_config_file():
                raise InvalidInput("the connection to Flyte", [missing])
            config = Config.auto(settings.flyte_config())
            if config.platform == PlatformConfig():
                raise UserError(_NOT_CONFIGURED)
            remote = _connection(repr(config.platform), project, domain)
        return cls(remote, project, domain)

    @staticmethod
    def identifier_of(execution: Any, project: str | None, domain: str | None) -> ExecutionId:
        """The identifier of an execution: out of a handle, an identifier, ``project:domain:name``, a URL or a name."""
        execution = getattr(execution, "id", execution)
        if isinstance(execution, str):
            page = _PAGE_OF_AN_EXECUTION.search(execution)
            parts = page.groups() if page is not None else tuple(execution.removeprefix("ex:").split(":"))
            if len(parts) == 3 and not any("/" in part for part in parts):
                return ExecutionId(*parts)
            if len(parts) == 1 and execution and project and domain:
                return ExecutionId(project, domain, execution)
        elif all(isinstance(getattr(execution, part, None), str) for part in ("project", "domain", "name")):
            return ExecutionId(execution.project, execution.domain, execution.name)
        rule = "must be the id of an execution: project:domain:name, or its name together with project and domain"
        raise InvalidInput("the execution", [Problem("execution", execution, rule)])

    def call(self, method: str, request: Any) -> Any:
        """One remote procedure call; the answer as it came over the wire.

        Raises:
            NotThere, AlreadyThere, TransientError, UserError: in Flyte's own words.
        """
        try:
            return getattr(RawSynchronousFlyteClient, method)(self.remote.client, request)
        except FlyteException as error:
            raise self._told(error) from None
        except grpc.RpcError as error:
            raise self._told(error) from None

    def task(self, identifier: identifier_pb2.Identifier) -> task_pb2.Task | None:
        """A registered task, or None."""
        try:
            return self.call("get_task", common_pb2.ObjectGetRequest(id=identifier))
        except NotThere:
            return None

    def create_task(self, identifier: identifier_pb2.Identifier, spec: task_pb2.TaskSpec) -> None:
        """Register a task; one that is there already stays as it is."""
        with suppress(AlreadyThere):
            self.call("create_task", task_pb2.TaskCreateRequest(id=identifier, spec=spec))

    def launch(
        self, task: identifier_pb2.Identifier, inputs: literals_pb2.LiteralMap, *, overwrite_cache: bool
    ) -> ExecutionId:
        """Launch one execution of a registered task."""
        # The name is chosen here, so that a call whose answer is lost can be repeated: flytekit repeats by itself.
        name = f"f{uuid.uuid4().hex[:19]}"
        request = execution_pb2.ExecutionCreateRequest(
            project=self.project,
            domain=self.domain,
            name=name,
            inputs=inputs,
            spec=execution_pb2.ExecutionSpec(
                launch_plan=task,  # Flyte takes a task here, too, and makes a workflow of one node
                metadata=execution_pb2.ExecutionMetadata(mode=execution_pb2.ExecutionMetadata.MANUAL),
                notifications=execution_pb2.NotificationList(),
                overwrite_cache=overwrite_cache,
            ),
        )
        identifier = ExecutionId(self.project, self.domain, name)
        with suppress(AlreadyThere):
            self.call("create_execution", request)
        return identifier

    def execution(self, identifier: ExecutionId) -> execution_pb2.Execution:
        """An execution as it is now."""
        request = execution_pb2.WorkflowExecutionGetRequest(id=identifier.to_flyte_idl())
        return self.call("get_execution", request)

    def data(self, identifier: ExecutionId, side: str) -> literals_pb2.LiteralMap:
        """The ``inputs`` or ``outputs`` of an execution, fetched from the store where they are too big."""
        request = execution_pb2.WorkflowExecutionGetDataRequest(id=identifier.to_flyte_idl())
        answer = self.call("get_execution_data", request)
        inline, elsewhere = getattr(answer, f"full_{side}"), getattr(answer, side)
        if inline.literals or not elsewhere.bytes:
            return inline
        with self.remote.remote_context() as context, tempfile.NamedTemporaryFile() as file:
            context.file_access.get_data(elsewhere.url, file.name)
            return literals_pb2.LiteralMap.FromString(Path(file.name).read_bytes())

    def interface(self, name: str, version: str) -> interface_pb2.TypedInterface:
        """What a registered task takes and gives."""
        task = self.task(self.task_identifier(name, version))
        if task is None:
            raise NotThere(f"Flyte does not know version {version} of the task {name}")
        return task.closure.compiled_task.template.interface

    def task_identifier(self, name: str, version: str) -> identifier_pb2.Identifier:
        """The identifier of a task of this project and domain."""
        kind = identifier_pb2.TASK
        return identifier_pb2.Identifier(
            resource_type=kind, project=self.project, domain=self.domain, name=name, version=version
        )

    def node(self, identifier: ExecutionId) -> node_execution_pb2.NodeExecution | None:
        """The one node of a single task's execution, as soon as there is one."""
        request = node_execution_pb2.NodeExecutionListRequest(
            workflow_execution_id=identifier.to_flyte_idl(), limit=_PAGE
        )
        nodes = self.call("list_node_executions_paginated", request).node_executions
        return next((node for node in nodes if node.id.node_id not in ("start-node", "end-node")), None)

    def attempts(self, node: node_execution_pb2.NodeExecution) -> list[task_execution_pb2.TaskExecution]:
        """The attempts of a node's task, first to last."""
        request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=node.id, limit=_PAGE)
        found = self.call("list_task_executions_paginated", request).task_executions
        return sorted(found, key=lambda each: each.id.retry_attempt)

    def terminate(self, identifier: ExecutionId, cause: str) -> None:
        """End an execution; one that has ended stays as it is."""
        self.call(
            "terminate_execution",
            execution_pb2.ExecutionTerminateRequest(id=identifier.to_flyte_idl(), cause=cause),
        )

    def _told(self, error: BaseException) -> SageMakerError:
        call = error if isinstance(error, grpc.RpcError) else error.__cause__
        endpoint = self.remote.config.platform.endpoint
        if isinstance(error, FlyteAuthenticationException):
            return UserError(f"Flyte at {endpoint} does not accept the login: see auth in the Flyte config.")
        if not isinstance(call, grpc.Call):
            return UserError(f"Flyte at {endpoint}: {error}")
        code, details = call.code(), call.details() or str(error)
        if code is grpc.StatusCode.UNAVAILABLE:
            return TransientError(f"Flyte at {endpoint} does not answer. Is it running there? ({details})")
        return _ERRORS.get(code, UserError)(f"Flyte at {endpoint}: {details}")


@lru_cache(maxsize=32)
def _connection(platform: str, project: str, domain: str) -> FlyteRemote:
    """One connection for each platform, kept open: a connection costs more than a call."""
    return FlyteRemote(Config.auto(settings.flyte_config()), project, domain, interactive_mode_enabled=False)
