"""What an execution looks like at one moment, out of Flyte's answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from flyteidl.core import catalog_pb2, execution_pb2, identifier_pb2
from google.protobuf import json_format

from flytekit_sagemaker.errors import InvalidInput, UserError
from flytekit_sagemaker.remote.admin import Admin, ExecutionId
from flytekit_sagemaker.reporting.progress import Progress

_ENDED = ("SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")
# What Flyte puts around a connector's message: attempts, whose fault, and a remark of its own.
_AROUND_A_REASON = re.compile(
    r"^(\[\d+/\d+\] currentAttempt done\. Last Error: |(USER|SYSTEM|UNKNOWN)::|\s|"
    r"(rpc error: code = \w+ desc = )?failed to run the job:)+"
)


@dataclass(frozen=True)
class State:
    """An execution at one moment.

    Attributes:
        task: name of the task, and ``version`` its version.
        phase: Flyte's word: QUEUED, RUNNING, SUCCEEDED, FAILED, ABORTED, TIMED_OUT, or one on the way to those.
        error: why it failed or who ended it; empty otherwise.
        reason: what the task says about itself right now.
        progress: of the SageMaker job, as far as Flyte passes it on.
        links: pages and logs of the job by label.
        is_cached: whether the outputs are those of an earlier execution, so that nothing ran.
        attempts: how many there have been.
        node: id of the one node.
    """

    task: str
    version: str
    phase: str
    error: str = ""
    reason: str = ""
    progress: Progress | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    is_cached: bool = False
    attempts: int = 0
    node: str = ""

    @property
    def is_done(self) -> bool:
        """Whether it has come to an end, however."""
        return self.phase in _ENDED

    @property
    def is_successful(self) -> bool:
        """Whether there are outputs."""
        return self.phase == "SUCCEEDED"


def state_of(admin: Admin, identifier: ExecutionId) -> State:
    """Ask Flyte about an execution."""
    execution = admin.execution(identifier)  # first: what is asked for afterwards is not older
    launched = execution.spec.launch_plan
    if launched.resource_type != identifier_pb2.TASK:
        remedy = "flytekit's FlyteRemote follows workflows: FlyteRemote(...).fetch_execution(...)"
        raise UserError(f"{identifier} is an execution of the workflow {launched.name}, not of one task. {remedy}")
    node = admin.node(identifier)
    attempts = admin.attempts(node) if node is not None else []
    closure, last = execution.closure, attempts[-1].closure if attempts else None
    error = closure.error.message or closure.abort_metadata.cause
    if last is not None and closure.error.message and last.error.message:
        error = last.error.message  # the execution's own wraps it
    return State(
        task=launched.name,
        version=launched.version,
        phase=execution_pb2.WorkflowExecution.Phase.Name(closure.phase),
        error=_AROUND_A_REASON.sub("", error),
        reason=last.reason if last is not None else "",
        progress=_progress(json_format.MessageToDict(last.custom_info)) if last is not None else None,
        links={log.name: log.uri for log in last.logs} if last is not None else {},
        is_cached=node is not None
        and node.closure.task_node_metadata.cache_status == catalog_pb2.CatalogCacheStatus.CACHE_HIT,
        attempts=len(attempts),
        node=node.id.node_id if node is not None else "",
    )


def _progress(info: Mapping[str, object]) -> Progress | None:
    try:
        return Progress.from_dict(info) if info else None
    except InvalidInput:
        return None
