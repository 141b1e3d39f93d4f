"""The executions that are under way: started, followed over restarts, ended."""

from __future__ import annotations

import asyncio
import logging

from flyteidl.core.execution_pb2 import WorkflowExecution

from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.sandbox import messages
from flytekit_sagemaker.sandbox.graph import Graph
from flytekit_sagemaker.sandbox.store import ExecutionRecord, Store
from flytekit_sagemaker.sandbox.tasks import Failed, Tasks
from flytekit_sagemaker.sandbox.workflows import WorkflowRun

PRINCIPAL = "sandbox"


class Engine:
    """Runs executions, each as a task of the running event loop."""

    def __init__(self, store: Store, tasks: Tasks, clock: Clock) -> None:
        self._store, self._tasks, self._clock = store, tasks, clock
        self._running: dict[tuple[str, str, str], tuple[ExecutionRecord, asyncio.Task[None]]] = {}

    def start(self, record: ExecutionRecord, graph: Graph) -> None:
        """Run an execution, or go on with one that an earlier sandbox began."""
        run = asyncio.get_running_loop().create_task(self._run(record, graph))
        self._running[record.key] = record, run
        run.add_done_callback(lambda _: self._running.pop(record.key, None))
        if record.message.closure.phase == WorkflowExecution.ABORTING:  # an earlier sandbox had not come to the end
            run.cancel()

    def abort(self, execution: tuple[str, str, str], cause: str) -> None:
        """End an execution and everything that runs for it; one that has ended stays as it is."""
        if execution not in self._running:
            return
        record, run = self._running[execution]
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
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, record: ExecutionRecord, graph: Graph) -> None:
        closure = record.message.closure
        try:
            if closure.phase != WorkflowExecution.ABORTING:
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
            message = f"The sandbox has failed: {fault!r}"
            closure.error.CopyFrom(messages.error(message, "SandboxFailed", messages.SYSTEM))
            self._change(record, WorkflowExecution.FAILED)
        else:
            record.outputs = outputs
            closure.output_data.CopyFrom(outputs)
            self._change(record, WorkflowExecution.SUCCEEDED)

    def _change(self, record: ExecutionRecord, phase: int) -> None:
        messages.change(record.message.closure, phase, self._clock.time())
        self._store.save_execution(record)
