"""One execution's way through its workflow: nodes side by side as soon as what they need is there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from flyteidl.admin import node_execution_pb2
from flyteidl.core import identifier_pb2
from flyteidl.core.execution_pb2 import NodeExecution

from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.sandbox import messages
from flytekit_sagemaker.sandbox.bindings import END, START, Unbound, bound, holds
from flytekit_sagemaker.sandbox.graph import Graph, entity_key, inside_of, needs
from flytekit_sagemaker.sandbox.store import ExecutionRecord, NodeRecord, Store
from flytekit_sagemaker.sandbox.tasks import Failed, Tasks
from flytekit_sagemaker.uris import at_paths


class WorkflowRun:
    """Runs the workflow of one execution; nodes that an earlier sandbox has seen succeed are not run again."""

    def __init__(self, store: Store, tasks: Tasks, clock: Clock, execution: ExecutionRecord, graph: Graph) -> None:
        self._store, self._tasks, self._clock = store, tasks, clock
        self._execution, self._graph = execution, graph

    async def outputs(self) -> Any:
        """The outputs of the workflow.

        Raises:
            Failed: a node failed; whatever ran beside it has been ended.
        """
        return await self._workflow(self._graph.template, self._execution.inputs, parent="")

    async def _workflow(self, template: Any, inputs: Any, parent: str) -> Any:
        nodes = {node.id: node for node in template.nodes if node.id not in (START, END)}
        outputs: dict[str, Any] = {START: inputs}
        running: dict[str, asyncio.Task[None]] = {}

        async def run(node: Any) -> None:
            for needed in needs(node):
                await asyncio.shield(running[needed])
            outputs[node.id] = await self._node(node, outputs, parent)

        for name, node in nodes.items():
            running[name] = asyncio.ensure_future(run(node))
        try:
            if running:
                await asyncio.wait(running.values(), return_when=asyncio.FIRST_EXCEPTION)
        finally:
            failed = [each for each in running.values() if each.done() and not each.cancelled() and each.exception()]
            for each in running.values():
                each.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)
        if failed:
            raise failed[0].exception() or AssertionError
        return _bound("the outputs of the workflow", template.outputs, outputs)

    async def _node(self, node: Any, outputs: Mapping[str, Any], parent: str) -> Any:
        record = self._record(node, parent)
        closure = record.message.closure
        if closure.phase == NodeExecution.SUCCEEDED:
            return record.outputs
        try:
            record.inputs = _bound(f"the node {node.id}", node.inputs, outputs)
            for literal in record.inputs.literals.values():
                at_paths(literal)
            self._change(record, NodeExecution.RUNNING)
            record.outputs = await self._target(node, record, outputs)
        except Failed as failed:
            closure.error.CopyFrom(failed.error)
            self._change(record, NodeExecution.FAILED)
            raise
        except asyncio.CancelledError:
            if not self._tasks.closing:
                closure.error.CopyFrom(messages.error(self._tasks.cause(self._execution), "Aborted"))
                self._change(record, NodeExecution.ABORTED)
            raise
        self._change(record, NodeExecution.SUCCEEDED)
        return record.outputs

    async def _target(self, node: Any, record: NodeRecord, outputs: Mapping[str, Any]) -> Any:
        target = node.WhichOneof("target")
        if target == "task_node":
            template = self._graph.tasks[entity_key(node.task_node.reference_id)]
            return await self._tasks.run(self._execution, record, template, node.metadata)
        if target == "workflow_node":
            template = self._graph.sub_workflows[entity_key(node.workflow_node.sub_workflow_ref)]
            return await self._workflow(template, record.inputs, record.message.id.node_id)
        chosen = _chosen(node, record.inputs)
        for other in inside_of(node):
            if other.id != chosen.id:
                self._change(self._record(other, record.message.id.node_id), NodeExecution.SKIPPED)
        return await self._node(chosen, outputs, record.message.id.node_id)

    def _record(self, node: Any, parent: str) -> NodeRecord:
        identifier = identifier_pb2.NodeExecutionIdentifier(
            node_id=f"{parent}-0-{node.id}" if parent else node.id, execution_id=self._execution.message.id
        )
        known = self._store.node(identifier)
        if known is not None:
            return known
        message = node_execution_pb2.NodeExecution(
            id=identifier,
            metadata=node_execution_pb2.NodeExecutionMetaData(
                spec_node_id=node.id, is_parent_node=node.WhichOneof("target") != "task_node"
            ),
        )
        messages.begin(message.closure, self._clock.time())
        return NodeRecord(message, parent)

    def _change(self, record: NodeRecord, phase: int) -> None:
        messages.change(record.message.closure, phase, self._clock.time())
        self._store.save_node(record)


def _bound(what: str, bindings: Any, outputs: Mapping[str, Any]) -> Any:
    try:
        return bound(bindings, outputs)
    except Unbound as unbound:
        raise Failed(
            messages.error(f"{what[0].upper()}{what[1:]} cannot be made: {unbound}", "BindingFailed")
        ) from None


def _chosen(node: Any, values: Any) -> Any:
    choice = node.branch_node.if_else
    try:
        for block in (choice.case, *choice.other):
            if holds(block.condition, values):
                return block.then_node
    except Unbound as unbound:
        raise Failed(messages.error(f"The branch {node.id} cannot be decided: {unbound}", "BranchFailed")) from None
    if choice.WhichOneof("default") == "else_node":
        return choice.else_node
    message = choice.error.message or f"No condition of the branch {node.id} holds, and it has no else."
    raise Failed(messages.error(message, "BranchFailed"))
