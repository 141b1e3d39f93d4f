"""One attempt at a task: begun, followed to its end, and told to clients with every change on the way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyteidl.admin import agent_pb2, task_execution_pb2
from flyteidl.core import errors_pb2, identifier_pb2, literals_pb2
from flyteidl.core.execution_pb2 import TaskExecution

from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.sandbox import messages
from flytekit_sagemaker.sandbox.places import uri_of
from flytekit_sagemaker.sandbox.rendering import checkpoint_of, placeholders, rendered
from flytekit_sagemaker.sandbox.runners import Runner, RunnerFailed, Work
from flytekit_sagemaker.sandbox.store import AttemptRecord, ExecutionRecord, NodeRecord, Store

FIRST_POLL_IN_SECONDS, LONGEST_POLL_IN_SECONDS = 0.02, 1.0
INPUTS, OUTPUTS, ERROR, DECK = "inputs.pb", "outputs.pb", "error.pb", "deck.html"
_POLLS_GROW_BY = 1.3
_FAILED_POLLS = 5
_TERMINAL = {
    TaskExecution.SUCCEEDED,
    TaskExecution.FAILED,
    TaskExecution.RETRYABLE_FAILED,
    TaskExecution.ABORTED,
}


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: with outputs, or with an error, which another attempt may or may not get over."""

    outputs: Any = None
    error: Any = None
    retryable: bool = False


@dataclass
class Attempt:
    """An attempt at the task of a node.

    Attributes:
        number: 0 for the first.
        template: the task template as it was registered.
        max_attempts: how many there may be.
        timeout: seconds that it may take; 0 for no limit.
        folder: folder of the node.
    """

    store: Store
    clock: Clock
    runner: Runner
    execution: ExecutionRecord
    node: NodeRecord
    template: Any
    number: int
    max_attempts: int
    timeout: float
    folder: Path

    def __post_init__(self) -> None:
        known = self.store.attempts(self.node.message.id)
        self._record = known[self.number] if self.number < len(known) else self._new()
        self._closure = self._record.message.closure
        self._kept = self._content()

    @property
    def identifier(self) -> Any:
        """The ``TaskExecutionIdentifier``."""
        return self._record.message.id

    @property
    def place(self) -> Path:
        """Folder of the outputs."""
        return self.folder / str(self.number)

    async def run(self) -> Outcome:
        """Carry it out, or go on following what was begun before; what is cancelled goes on all the same."""
        work = self._work()
        try:
            if not self._record.resource_meta:
                await self._create(work)
            resource = await self._followed()
        except RunnerFailed as failed:
            outcome = Outcome(error=messages.error(str(failed), "SystemError", messages.SYSTEM))
        else:
            outcome = self._conclusion(resource)
        self._end(outcome)
        return outcome

    async def abort(self, cause: str) -> None:
        """End what the runner does for this attempt."""
        if self._record.resource_meta:
            try:
                await self.runner.delete(self.template, self._record.resource_meta)
            except RunnerFailed as failed:
                cause = f"{cause} ({failed})"
        self._say(cause)
        self._closure.error.CopyFrom(messages.error(cause, "Aborted"))
        self._change(TaskExecution.ABORTED)

    async def _create(self, work: Work) -> None:
        creating = asyncio.ensure_future(self.runner.create(work))
        try:
            await asyncio.shield(creating)
        except asyncio.CancelledError:  # who ends the attempt has to know what is created nevertheless
            await asyncio.wait((creating,))
            raise
        finally:
            if creating.done() and not creating.exception():
                self._record.resource_meta = creating.result()
                self.store.save_attempt(self._record)

    async def _followed(self) -> Any:
        """The report of the end."""
        pause, failures = FIRST_POLL_IN_SECONDS, 0
        begun = self._closure.created_at.ToMicroseconds() / 1e6
        while True:
            try:
                resource = await self.runner.get(self.template, self._record.resource_meta)
                failures = 0
            except RunnerFailed:
                failures += 1
                if failures == _FAILED_POLLS:
                    raise
                resource = None
            if resource is not None and self._note(resource) in _TERMINAL:
                return resource
            if self.timeout and self.clock.time() >= begun + self.timeout:
                return await self._timed_out()
            await asyncio.sleep(pause)
            pause = min(pause * _POLLS_GROW_BY, LONGEST_POLL_IN_SECONDS)

    async def _timed_out(self) -> Any:
        await self.runner.delete(self.template, self._record.resource_meta)
        message = f"The attempt has taken longer than the {self.timeout:g} s that the task allows."
        return agent_pb2.Resource(phase=TaskExecution.RETRYABLE_FAILED, message=message)

    def _note(self, resource: Any) -> int:
        """Show clients what the runner has reported, and return its phase."""
        closure, phase = self._closure, resource.phase
        self._say(resource.message)
        if resource.log_links:
            del closure.logs[:]
            closure.logs.extend(resource.log_links)
        if resource.HasField("custom_info"):
            closure.custom_info.CopyFrom(resource.custom_info)
        if phase not in _TERMINAL:
            self._change(phase)
        return int(phase)

    def _conclusion(self, resource: Any) -> Outcome:
        failed = resource.phase != TaskExecution.SUCCEEDED
        told = None if failed and resource.message else self._told_error()
        if told is not None:
            recoverable = told.kind == errors_pb2.ContainerError.RECOVERABLE
            return Outcome(error=messages.error(told.message, told.code), retryable=recoverable)
        if failed:
            error = messages.error(resource.message or "The job failed and gave no reason.")
            return Outcome(error=error, retryable=resource.phase == TaskExecution.RETRYABLE_FAILED)
        if not self.template.interface.outputs.variables:
            return Outcome(outputs=literals_pb2.LiteralMap())
        if resource.outputs.literals:
            (self.place / OUTPUTS).write_bytes(resource.outputs.SerializeToString())
            return Outcome(outputs=resource.outputs)
        if not (self.place / OUTPUTS).exists():
            message = f"The job succeeded, but left no {OUTPUTS} under {uri_of(self.place)}."
            return Outcome(error=messages.error(message, "OutputsNotFound"), retryable=True)
        return Outcome(outputs=literals_pb2.LiteralMap.FromString((self.place / OUTPUTS).read_bytes()))

    def _told_error(self) -> Any:
        path = self.place / ERROR
        return errors_pb2.ErrorDocument.FromString(path.read_bytes()).error if path.exists() else None

    def _end(self, outcome: Outcome) -> None:
        if outcome.error is None:
            self._closure.output_uri = uri_of(self.place / OUTPUTS)
            self._change(TaskExecution.SUCCEEDED)
        else:
            self._say(outcome.error.message)
            self._closure.error.CopyFrom(outcome.error)
            self._change(TaskExecution.FAILED)

    def _say(self, message: str) -> None:
        if message and message != self._closure.reason:
            self._closure.reason = message
            moment = messages.timestamp(self.clock.time())
            self._closure.reasons.append(task_execution_pb2.Reason(occurred_at=moment, message=message))

    def _change(self, phase: int) -> None:
        """Keep what has changed; most reports change nothing."""
        self._closure.phase = phase
        content = self._content()
        if content != self._kept:
            started = phase not in (TaskExecution.QUEUED, TaskExecution.WAITING_FOR_RESOURCES, TaskExecution.UNDEFINED)
            messages.change(self._closure, phase, self.clock.time(), started=started)
            self.store.save_attempt(self._record)
            self._kept = self._content()

    def _content(self) -> bytes:
        closure = task_execution_pb2.TaskExecutionClosure()
        closure.CopyFrom(self._closure)
        for time in ("updated_at", "duration"):
            closure.ClearField(time)
        return bytes(closure.SerializeToString(deterministic=True))

    def _new(self) -> AttemptRecord:
        message = task_execution_pb2.TaskExecution(
            id=identifier_pb2.TaskExecutionIdentifier(
                task_id=self.template.id, node_execution_id=self.node.message.id, retry_attempt=self.number
            ),
            input_uri=uri_of(self.folder / INPUTS),
        )
        message.closure.task_type = self.template.type
        messages.begin(message.closure, self.clock.time())
        messages.change(message.closure, TaskExecution.QUEUED, self.clock.time(), started=False)
        record = AttemptRecord(message)
        self.store.save_attempt(record)
        return record

    def _work(self) -> Work:
        self.place.mkdir(parents=True, exist_ok=True)
        raw = self._raw_prefix(self.number)
        before = checkpoint_of(self._raw_prefix(self.number - 1)) if self.number else ""
        return Work(
            template=rendered(self.template, placeholders(self.folder, self.place, raw, before)),
            inputs=self.node.inputs,
            folder=self.place,
            output_prefix=uri_of(self.place),
            metadata=self._metadata(),
        )

    def _raw_prefix(self, number: int) -> str:
        chosen = self.execution.message.spec.raw_output_data_config.output_location_prefix.rstrip("/")
        if not chosen:
            return uri_of(self.folder / str(number) / "raw")
        node = self.node.message.id
        return f"{chosen}/{node.execution_id.name}-{node.node_id}-{number}"

    def _metadata(self) -> Any:
        identifier, spec = self._record.message.id, self.execution.message.spec
        execution = identifier.node_execution_id.execution_id
        workflow = self.execution.message.closure.workflow_id
        task = self.template.id
        variables = {
            "FLYTE_INTERNAL_EXECUTION_ID": execution.name,
            "FLYTE_INTERNAL_EXECUTION_PROJECT": execution.project,
            "FLYTE_INTERNAL_EXECUTION_DOMAIN": execution.domain,
            "FLYTE_INTERNAL_EXECUTION_WORKFLOW": f"{workflow.project}:{workflow.domain}:{workflow.name}",
            "FLYTE_INTERNAL_EXECUTION_LAUNCHPLAN": spec.launch_plan.name,
            "FLYTE_INTERNAL_TASK_PROJECT": task.project,
            "FLYTE_INTERNAL_TASK_DOMAIN": task.domain,
            "FLYTE_INTERNAL_TASK_NAME": task.name,
            "FLYTE_INTERNAL_TASK_VERSION": task.version,
            "FLYTE_ATTEMPT_NUMBER": str(self.number),
        }
        labels = {
            "project": execution.project,
            "domain": execution.domain,
            "execution-id": execution.name,
            "node-id": identifier.node_execution_id.node_id,
        }
        return agent_pb2.TaskExecutionMetadata(
            task_execution_id=identifier,
            namespace=f"{execution.project}-{execution.domain}",
            labels={**labels, **spec.labels.values},
            annotations=dict(spec.annotations.values),
            environment_variables={**variables, **{each.key: each.value for each in spec.envs.values}},
            max_attempts=self.max_attempts,
            interruptible=spec.interruptible.value,
            identity=spec.security_context.run_as,
            k8s_service_account=spec.security_context.run_as.k8s_service_account,
        )
