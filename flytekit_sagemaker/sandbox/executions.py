"""Executions as clients start, watch and end them."""

from __future__ import annotations

from typing import Any

import grpc
from flyteidl.admin import common_pb2, execution_pb2, node_execution_pb2, task_execution_pb2
from flyteidl.core import identifier_pb2, literals_pb2
from flyteidl.core.execution_pb2 import WorkflowExecution

from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.sandbox import messages
from flytekit_sagemaker.sandbox.engine import PRINCIPAL, Engine
from flytekit_sagemaker.sandbox.identifiers import check_execution, new_execution_name, words
from flytekit_sagemaker.sandbox.literals import check_inputs
from flytekit_sagemaker.sandbox.places import Places
from flytekit_sagemaker.sandbox.refusals import Refused, invalid, not_found
from flytekit_sagemaker.sandbox.registry import Registry
from flytekit_sagemaker.sandbox.store import ExecutionRecord, Store, execution_key


class Executions:
    """The part of ``AdminService`` that is about executions. Each public method is the RPC of its name."""

    def __init__(self, store: Store, registry: Registry, engine: Engine, places: Places, clock: Clock) -> None:
        self._store, self._registry, self._engine = store, registry, engine
        self._places, self._clock = places, clock

    def resume(self) -> int:
        """Go on with what an earlier sandbox has left unfinished; how many executions that is."""
        unfinished = self._store.unfinished()
        for record in unfinished:
            try:
                graph = self._registry.graph(record.message.spec.launch_plan)
            except Refused as refused:
                self._engine.give_up(record, f"It cannot go on: {refused}")
            else:
                self._engine.start(record, graph)
        return len(unfinished)

    def CreateExecution(self, request: Any) -> Any:
        spec = execution_pb2.ExecutionSpec()
        spec.CopyFrom(request.spec)
        entity = spec.launch_plan
        if entity.resource_type != identifier_pb2.TASK:
            entity.resource_type = identifier_pb2.LAUNCH_PLAN
        identifier = identifier_pb2.WorkflowExecutionIdentifier(
            project=request.project, domain=request.domain, name=request.name or new_execution_name()
        )
        check_execution(*execution_key(identifier))
        if self._store.execution(execution_key(identifier)) is not None:
            place = f"{identifier.project}/{identifier.domain}"
            sentence = f"The execution {identifier.name} of {place} exists already: choose another name."
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, sentence)
        graph = self._registry.graph(entity)
        record = ExecutionRecord(execution_pb2.Execution(id=identifier, spec=spec))
        given = request.inputs if request.inputs.literals else spec.inputs
        record.inputs = self._inputs(given, entity, graph.template)
        record.message.closure.workflow_id.CopyFrom(graph.template.id)
        record.message.closure.computed_inputs.CopyFrom(record.inputs)
        spec = record.message.spec
        spec.inputs.CopyFrom(given)  # for who launches it again
        spec.metadata.principal = spec.metadata.principal or PRINCIPAL
        messages.begin(record.message.closure, self._clock.time())
        record.message.closure.phase = WorkflowExecution.QUEUED
        self._store.save_execution(record)
        self._engine.start(record, graph)
        return execution_pb2.ExecutionCreateResponse(id=identifier)

    def RelaunchExecution(self, request: Any) -> Any:
        before = self._record(request.id)
        again = execution_pb2.ExecutionCreateRequest(
            project=request.id.project,
            domain=request.id.domain,
            name=request.name,
            spec=before.message.spec,
        )
        again.spec.metadata.reference_execution.CopyFrom(request.id)
        again.spec.metadata.mode = execution_pb2.ExecutionMetadata.RELAUNCH
        again.spec.overwrite_cache = request.overwrite_cache
        return self.CreateExecution(again)

    def TerminateExecution(self, request: Any) -> Any:
        record = self._record(request.id)
        if record.ended:
            phase = WorkflowExecution.Phase.Name(record.message.closure.phase)
            raise invalid(f"The execution {request.id.name} has ended already, as {phase}.")
        self._engine.abort(record.key, request.cause or "Terminated by a client.")
        return execution_pb2.ExecutionTerminateResponse()

    def GetExecution(self, request: Any) -> Any:
        return self._record(request.id).message

    def GetExecutionData(self, request: Any) -> Any:
        record = self._record(request.id)
        return execution_pb2.WorkflowExecutionGetDataResponse(full_inputs=record.inputs, full_outputs=record.outputs)

    def ListExecutions(self, request: Any) -> Any:
        records, token = self._store.executions(request)
        return execution_pb2.ExecutionList(executions=[record.message for record in records], token=token)

    def GetNodeExecution(self, request: Any) -> Any:
        return self._node(request.id).message

    def GetNodeExecutionData(self, request: Any) -> Any:
        node = self._node(request.id)
        return node_execution_pb2.NodeExecutionGetDataResponse(
            full_inputs=node.inputs,
            full_outputs=node.outputs,
            flyte_urls=_urls(request.id, deck=node.message.closure.deck_uri),
        )

    def ListNodeExecutions(self, request: Any) -> Any:
        self._record(request.workflow_execution_id)
        records, token = self._store.nodes(request)
        return node_execution_pb2.NodeExecutionList(node_executions=[each.message for each in records], token=token)

    def GetTaskExecution(self, request: Any) -> Any:
        return self._attempt(request.id)

    def GetTaskExecutionData(self, request: Any) -> Any:
        attempt, node = self._attempt(request.id), self._node(request.id.node_execution_id)
        path = self._places.path(attempt.closure.output_uri)
        outputs = path.read_bytes() if path and path.exists() else b""
        return task_execution_pb2.TaskExecutionGetDataResponse(
            full_inputs=node.inputs,
            full_outputs=literals_pb2.LiteralMap.FromString(outputs),
            flyte_urls=_urls(request.id.node_execution_id, request.id.retry_attempt, node.message.closure.deck_uri),
        )

    def ListTaskExecutions(self, request: Any) -> Any:
        self._node(request.node_execution_id)
        records, token = self._store.page_of_attempts(request)
        return task_execution_pb2.TaskExecutionList(task_executions=[each.message for each in records], token=token)

    def _inputs(self, given: Any, entity: Any, template: Any) -> Any:
        """What the execution runs with: what is given, over the launch plan's defaults, under what it fixes."""
        open_inputs = dict(template.interface.inputs.variables)
        defaults, fixed, optional = literals_pb2.LiteralMap(), literals_pb2.LiteralMap(), set()
        if entity.resource_type == identifier_pb2.LAUNCH_PLAN:
            launch_plan = self._registry.GetLaunchPlan(entity)
            expected, fixed = launch_plan.closure.expected_inputs.parameters, launch_plan.spec.fixed_inputs
            open_inputs = {name: parameter.var for name, parameter in expected.items()}
            optional = {name for name, parameter in expected.items() if not parameter.required}
            for name, parameter in expected.items():
                if parameter.HasField("default"):
                    defaults.literals[name].CopyFrom(parameter.default)
        check_inputs(f"the {words(entity)}", given, open_inputs, optional)
        inputs = literals_pb2.LiteralMap()
        for source in (defaults, given, fixed):
            for name, literal in source.literals.items():
                inputs.literals[name].CopyFrom(literal)
        return inputs

    def _record(self, identifier: Any) -> ExecutionRecord:
        record = self._store.execution(execution_key(identifier))
        if record is None:
            raise not_found(f"execution {identifier.name} of {identifier.project}/{identifier.domain}")
        return record

    def _node(self, identifier: Any) -> Any:
        node = self._store.node(identifier)
        if node is None:
            raise not_found(f"node {identifier.node_id} of the execution {identifier.execution_id.name}")
        return node

    def _attempt(self, identifier: Any) -> Any:
        for record in self._store.attempts(identifier.node_execution_id):
            if record.message.id.retry_attempt == identifier.retry_attempt:
                return record.message
        node = identifier.node_execution_id
        raise not_found(f"attempt {identifier.retry_attempt} of the node {node.node_id} of {node.execution_id.name}")


def _urls(node: Any, attempt: int | None = None, deck: str = "") -> Any:
    """The ``flyte://`` addresses of a node's data, which ``pyflyte fetch`` takes."""
    execution = node.execution_id
    base = f"flyte://v1/{execution.project}/{execution.domain}/{execution.name}/{node.node_id}"
    suffix = "" if attempt is None else f"/{attempt}"
    return common_pb2.FlyteURLs(
        inputs=f"{base}{suffix}/i", outputs=f"{base}{suffix}/o", deck=f"{base}{suffix}/d" if deck else ""
    )
