"""The executions that are under way: started, followed over restarts, ended."""

from __future__ import annotations

import asyncio
import logging

from flyteidl.core.execution_pb2 import NodeExecution, WorkflowExecution

from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.sandbox import messages
from flytekit_sagemaker.sandbox.graph import Graph
from flytekit_sagemaker.sandbox.store import ExecutionRecord, Store
from flytekit_sagemaker.sandbox.tasks import Failed, Tasks
from flytekit_sagemaker.sandbox.workflows import WorkflowRun

PRINCIPAL = "sandbox"
_LETS_GO_WITHIN_SECONDS = 3.0


class Engine:
    """Runs executions, each as a task of the running event loop."""

    def __init__(self, store: Store, tasks: Tasks, clock: Clock) -> None:
        self._store, self._tasks, self._clock = store, tasks, clock
        self._running: dict[tuple[str, str, str], tuple[ExecutionRecord, asyncio.Task[None]]] = {}

    def start(self, record: ExecutionRecord, graph: Graph) -> None:
        """Run an execution, or go on with one that an earlier sandbox began."""
        aborting = record.message.closure.phase == WorkflowExecution.ABORTING
        go_on = self._end(record, graph) if aborting else self._run(record, graph)
        run = asyncio.get_running_loop().create_task(go_on)
        self._running[record.key] = record, run
        run.add_done_callback(lambda _: self._running.pop(record.key, None))

    def give_up(self, record: ExecutionRecord, why: str) -> None:
        """Fail an execution that cannot go on."""
        record.message.closure.error.CopyFrom(messages.error(why, "SandboxFailed", messages.SYSTEM))
        self._change(record, WorkflowExecution.FAILED)

    def abort(self, execution: tuple[str, str, str], cause: str) -> None:
        """End an execution and everything that runs for it; one that has ended, or is being ended, stays as it is."""
        record, run = self._running.get(execution, (None, None))
        if record is None or run is None or record.message.closure.phase == WorkflowExecution.ABORTING:
            return
        record.message.closure.abort_metadata.cause = cause
        record.message.closure.abort_metadata.principal = PRINCIPAL
        self._change(record, WorkflowExecution.ABORTING)
        run.cancel()

    async def close(self) -> None:
        """Let go of every execution; what runs for them goes on, and the next sandbox follows it."""
        self._tasks.closing = True
        running = [run for _, run in self._running.values()]
        for run in running:
            run.cancel()
        if running:
            await asyncio.wait(running, timeout=_LETS_GO_WITHIN_SECONDS)

    async def _run(self, record: ExecutionRecord, graph: Graph) -> None:
        closure = record.message.closure
        try:
            self._change(record, WorkflowExecution.RUNNING)
            outputs = await WorkflowRun(self._store, self._tasks, self._clock, record, graph).outputs()
        except Failed as failed:
            closure.error.CopyFrom(failed.error)
            self._change(record, WorkflowExecution.FAILED)
        except asyncio.CancelledError:
            if not self._tasks.closing:
                self._change(record, WorkflowExecution.ABORTED)
        except Exception as fault:
            logging.getLogger(__name__).exception("execution %s", record.message.id.name)
            self.give_up(record, f"The sandbox has failed: {fault!r}")
        else:
            record.outputs = outputs
            closure.output_data.CopyFrom(outputs)
            self._change(record, WorkflowExecution.SUCCEEDED)

    async def _end(self, record: ExecutionRecord, graph: Graph) -> None:
        """End what an earlier sandbox was to end, and did not come to."""
        for node in self._store.all_nodes(record.message.id):
            if node.message.closure.phase in (NodeExecution.QUEUED, NodeExecution.RUNNING):
                await self._tasks.end(record, node, graph.tasks)
                messages.change(node.message.closure, NodeExecution.ABORTED, self._clock.time())
                self._store.save_node(node)
        self._change(record, WorkflowExecution.ABORTED)

    def _change(self, record: ExecutionRecord, phase: int) -> None:
        messages.change(record.message.closure, phase, self._clock.time())
        self._store.save_execution(record)
