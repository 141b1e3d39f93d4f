"""What the connectors of training and tuning jobs share: create, follow, delete."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import uuid
from abc import abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from flyteidl.core.execution_pb2 import TaskExecution
from flytekit.extend.backend.base_connector import AsyncConnectorBase, Resource

from flytekit_sagemaker import aws
from flytekit_sagemaker.connector.data import data_problems
from flytekit_sagemaker.connector.links import job_links, task_logs
from flytekit_sagemaker.connector.literals import plain_values
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.outputs import write_deck, write_outputs
from flytekit_sagemaker.errors import SageMakerError, TransientError, UserError
from flytekit_sagemaker.models.training_job import TrainingJob
from flytekit_sagemaker.placement import ExecutionContext, Placement, place
from flytekit_sagemaker.reporting.progress import progress_of
from flytekit_sagemaker.requests.deployment import Deployment
from flytekit_sagemaker.requests.names import JobIdentity
from flytekit_sagemaker.requests.training import BuiltRequest
from flytekit_sagemaker.requests.validation import Findings, check_request
from flytekit_sagemaker.status import JobState, Move, job_state, whose_move

logger = logging.getLogger("flytekit_sagemaker")

T = TypeVar("T")

# boto3 blocks, and nothing may block the event loop that serves every job's polls.
_pool = ThreadPoolExecutor(max_workers=32, thread_name_prefix="sagemaker")

_PHASES = {
    JobState.WAITING: TaskExecution.WAITING_FOR_RESOURCES,
    JobState.PREPARING: TaskExecution.INITIALIZING,
    JobState.RUNNING: TaskExecution.RUNNING,
    JobState.SUCCEEDED: TaskExecution.SUCCEEDED,
}


async def in_thread(work: Callable[..., T], *args: Any) -> T:
    """The result of blocking work, done in the connectors' own threads with the caller's context."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_pool, partial(context.run, work, *args))


@dataclass(frozen=True)
class JobKind:
    """The names of one kind of job in the SageMaker API.

    Attributes:
        word: ``training`` or ``tuning``.
        noun: the same kind in the names of client methods.
        shape: the same kind in the names of members.
        name_length: most characters of a job's name.
    """

    word: str
    noun: str
    shape: str
    name_length: int


@dataclass(frozen=True)
class Submission:
    """Everything a request is built from.

    Attributes:
        custom: the task template's ``custom``.
        values: the inputs of the task as plain values.
        name: name of the job to be.
        deployment: where it runs.
        tags: tags that identify the execution.
    """

    custom: Mapping[str, Any]
    values: Mapping[str, Any]
    name: str
    deployment: Deployment
    tags: Mapping[str, str]


class JobConnector(AsyncConnectorBase):  # type: ignore[misc]
    """Create, get and delete for one kind of job.

    Blocking work runs in threads; any number of jobs may be handled at a time. Create raises only what Flyte should
    try again; what cannot succeed becomes metadata whose first look reports the failure.
    """

    name = "SageMaker connector"
    kind: JobKind

    def __init__(self, task_type: str) -> None:
        super().__init__(task_type_name=task_type, metadata_type=JobMetadata)

    @abstractmethod
    def build(self, submission: Submission) -> BuiltRequest:
        """The request that creates the job; raises InvalidInput when the template or the inputs are not valid."""

    @abstractmethod
    def training_job(self, custom: Mapping[str, Any]) -> TrainingJob:
        """The training job that the template carries."""

    @abstractmethod
    def record(self, meta: JobMetadata, description: Mapping[str, Any]) -> Any:
        """What is known of a job that ended, as ``reporting`` has it."""

    @abstractmethod
    def outputs(self, meta: JobMetadata, record: Any) -> dict[str, Any]:
        """The outputs of the task as literals; raises ServiceError when the job has no result after all."""

    @abstractmethod
    def page(self, record: Any) -> str:
        """The report of the job as an HTML page."""

    async def create(
        self,
        task_template: Any,
        output_prefix: str,
        inputs: Any = None,
        task_execution_metadata: Any = None,
        **_: Any,
    ) -> JobMetadata:
        """Create the job of a task execution, or find the one that an earlier call created.

        Raises:
            TransientError: when the service could not be reached or has no capacity; the call may be repeated.
        """
        return await in_thread(self._create, task_template, output_prefix, inputs, task_execution_metadata)

    async def get(self, resource_meta: JobMetadata, **_: Any) -> Resource:
        """The state of the job; never raises for throttling or an unreachable service."""
        if resource_meta.failure:
            return Resource(phase=TaskExecution.FAILED, message=resource_meta.failure)
        return await in_thread(self._look, resource_meta)

    async def delete(self, resource_meta: JobMetadata, **_: Any) -> None:
        """Stop the job; a job that ended, or never was, is left as it is.

        Raises:
            TransientError: when the service could not be reached; the call may be repeated.
        """
        if not resource_meta.failure:
            await in_thread(self._stop, resource_meta)

    def _create(self, template: Any, output_prefix: str, inputs: Any, execution: Any) -> JobMetadata:
        identity = _identity(template, execution)
        meta = JobMetadata(identity.job_name(self.kind.name_length), output_prefix)
        try:
            config = self.training_job(template.custom).training_job_config
            context = ExecutionContext(identity.project, identity.domain, identity.execution)
            placement = place(output_prefix, config, context)
            meta.region, meta.endpoint_url = placement.endpoint.region, placement.endpoint.url
            values, tags = plain_values(inputs), identity.tags()
            built = self.build(Submission(template.custom, values, meta.name, placement.deployment, tags))
            self._check(built, placement)
            self._submit(placement.endpoint, built, identity)
        except TransientError:
            raise
        except SageMakerError as error:
            meta.failure = str(error)
        return meta

    def _check(self, built: BuiltRequest, placement: Placement) -> None:
        findings = Findings(placement.problems + built.problems)
        schemes = placement.deployment.uri_schemes
        findings += check_request(built.operation, built.parameters, uri_schemes=schemes)
        findings += Findings(tuple(data_problems(built.operation, built.parameters)))
        for warning in (*built.warnings, *findings.warnings):
            logger.warning("%s", warning)
        findings.raise_problems(f"the {self.kind.word} job")

    def _submit(self, endpoint: aws.Endpoint, built: BuiltRequest, identity: JobIdentity) -> None:
        name = built.parameters[f"{self.kind.shape}Name"]
        try:
            aws.call(endpoint, f"create_{self.kind.noun}", **built.parameters)
        except aws.RefusedByUserFault as error:
            if error.code != "ResourceInUse":
                raise
            self._adopt(endpoint, name, identity)
        except aws.RefusedForNow as error:
            # Without an answer nobody knows whether the service accepted: only the job itself can tell.
            try:
                self._adopt(endpoint, name, identity)
            except (aws.RefusedCall, TransientError):
                raise error from None

    def _adopt(self, endpoint: aws.Endpoint, name: str, identity: JobIdentity) -> None:
        """Accept an existing job of this name when its tags say that it belongs to this very attempt."""
        description = self._describe(endpoint, name)
        tags = aws.call(endpoint, "list_tags", ResourceArn=description[f"{self.kind.shape}Arn"])["Tags"]
        found = {tag["Key"]: tag["Value"] for tag in tags}
        if any(found.get(key) != value for key, value in identity.tags().items()):
            owner = ", ".join(f"{key}={value}" for key, value in sorted(found.items())) or "no tags"
            raise UserError(f"a {self.kind.word} job named {name!r} exists and is not of this execution ({owner})")

    def _describe(self, endpoint: aws.Endpoint, name: str) -> Mapping[str, Any]:
        return aws.call(endpoint, f"describe_{self.kind.noun}", **{f"{self.kind.shape}Name": name})

    def _look(self, meta: JobMetadata) -> Resource:
        links = task_logs(job_links(meta.endpoint, self.kind.word, meta.name))
        try:
            description = self._describe(meta.endpoint, meta.name)
        except SageMakerError as error:
            # Whatever else keeps the service from answering (expired credentials, say) says nothing about the job.
            gone = isinstance(error, aws.RefusedCall) and error.is_not_found
            phase = TaskExecution.FAILED if gone else TaskExecution.RUNNING
            return Resource(phase=phase, message=str(error), log_links=links)
        try:
            return self._report(meta, description, links)
        except (PermissionError, FileNotFoundError, NotADirectoryError) as error:
            message = f"the results of {meta.name} cannot be written to {meta.output_prefix}: {error}"
            return Resource(phase=TaskExecution.FAILED, message=message, log_links=links)
        except (TransientError, OSError) as error:
            return Resource(phase=TaskExecution.RUNNING, message=str(error), log_links=links)
        except SageMakerError as error:
            return Resource(phase=TaskExecution.FAILED, message=str(error), log_links=links)

    def _report(self, meta: JobMetadata, description: Mapping[str, Any], links: list[Any]) -> Resource:
        secondary = description.get("SecondaryStatus", "")
        state, message = job_state(description[f"{self.kind.shape}Status"], secondary)
        progress = progress_of(description)
        if state.is_terminal:
            self._leave_results(meta, description, state is JobState.SUCCEEDED)
        if state in (JobState.FAILED, JobState.STOPPED):
            reason = description.get("FailureReason", "")
            phase = TaskExecution.FAILED
            if whose_move(state, reason, secondary) is Move.NOBODY:
                phase = TaskExecution.RETRYABLE_FAILED
            message = f"{self.kind.word} job {meta.name}: {reason or message}"
        else:
            phase = _PHASES[state]
        return Resource(phase=phase, message=message, log_links=links, custom_info=progress.to_dict())

    def _leave_results(self, meta: JobMetadata, description: Mapping[str, Any], succeeded: bool) -> None:
        record = self.record(meta, description)
        if succeeded:
            write_outputs(meta.output_prefix, self.outputs(meta, record))
        try:
            write_deck(meta.output_prefix, self.page(record))
        except Exception:  # the result counts, not how it is drawn
            logger.exception("the report of %s could not be written", meta.name)

    def _stop(self, meta: JobMetadata) -> None:
        try:
            aws.call(meta.endpoint, f"stop_{self.kind.noun}", **{f"{self.kind.shape}Name": meta.name})
        except (aws.RefusedByUserFault, aws.RefusedByService) as error:
            # A job that ended or never was has nothing to stop: the service answers both with these codes.
            if error.code not in aws.NOTHING_TO_DO_CODES:
                raise


def _identity(template: Any, execution: Any) -> JobIdentity:
    task = template.id.name if template.id else ""
    version = template.id.version if template.id else ""
    task_execution = getattr(execution, "task_execution_id", None)
    if task_execution is None:  # outside a Flyte cluster nobody else knows the job, so any unique name will do
        return JobIdentity("", "", task.rpartition(".")[2] or "task", uuid.uuid4().hex, task, version)
    node = task_execution.node_execution_id
    return JobIdentity(
        project=node.execution_id.project,
        domain=node.execution_id.domain,
        execution=node.execution_id.name,
        node=node.node_id,
        task=task_execution.task_id.name if task_execution.task_id else task,
        version=task_execution.task_id.version if task_execution.task_id else version,
        attempt=task_execution.retry_attempt,
    )
