"""What the connectors of training and tuning jobs share: create, follow, delete."""

from __future__ import annotations

import asyncio
import random
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from flyteidl.core.execution_pb2 import TaskExecution
from flytekit.extend.backend.base_connector import AsyncConnectorBase, Resource

from flytekit_sagemaker import logs, settings, telemetry
from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.connector import advice, waiting
from flytekit_sagemaker.connector import runtime as runtimes
from flytekit_sagemaker.connector import submission as submissions
from flytekit_sagemaker.connector.answers import Answer
from flytekit_sagemaker.connector.board import Board
from flytekit_sagemaker.connector.containers import container_of
from flytekit_sagemaker.connector.data import data_problems
from flytekit_sagemaker.connector.explanation import Explanation, explain
from flytekit_sagemaker.connector.identity import execution_role, identity_of
from flytekit_sagemaker.connector.kinds import JobKind
from flytekit_sagemaker.connector.links import job_links
from flytekit_sagemaker.connector.literals import plain_values
from flytekit_sagemaker.connector.log_follower import LogFollower
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.outputs import write_deck, write_outputs
from flytekit_sagemaker.connector.watch import NOT_FOUND_IS_BELIEVED_AFTER_SECONDS, Conclusion, JobWatch
from flytekit_sagemaker.errors import Problem, SageMakerError, ServiceError, TransientError, UserError
from flytekit_sagemaker.masking import masked, secrets_in
from flytekit_sagemaker.models.training_job import TrainingJob
from flytekit_sagemaker.placement import ExecutionContext, Placement, allowed, place
from flytekit_sagemaker.reporting.progress import progress_of
from flytekit_sagemaker.requests.deployment import Deployment
from flytekit_sagemaker.requests.functions import Container, function_problems
from flytekit_sagemaker.requests.names import JobIdentity
from flytekit_sagemaker.requests.training import BuiltRequest
from flytekit_sagemaker.requests.validation import AWS_URI_SCHEMES, Findings, check_request
from flytekit_sagemaker.status import JobState, Move, job_state

# Flyte gives each call 10 seconds; the last attempt takes up to 4, and then the job may be asked about.
_ATTEMPTS_BEGIN_WITHIN_SECONDS = 3.0
_FIRST_PAUSE_IN_SECONDS = 0.3
_LONGEST_WAIT_IN_SECONDS = 8.0
_LONGEST_CREATE_IN_SECONDS = 6.0


@dataclass(frozen=True)
class Submission:
    """Everything a request is built from.

    Attributes:
        custom: the task template's ``custom``.
        values: the inputs of the task as plain values.
        name: name of the job to be.
        deployment: where it runs.
        tags: tags that identify the execution.
        output_prefix: where the outputs of the task go.
        container: how Flyte would start the task's function, None for a task without one.
    """

    custom: Mapping[str, Any]
    values: Mapping[str, Any]
    name: str
    deployment: Deployment
    tags: Mapping[str, str]
    output_prefix: str = ""
    container: Container | None = None


class JobConnector(AsyncConnectorBase):  # type: ignore[misc]
    """Create, get and delete for one kind of job.

    Any number of jobs may be handled at a time. Create raises only when nothing could be written under the output
    prefix: what cannot succeed becomes metadata whose first look reports the failure, and what SageMaker has no room
    for waits and is tried again by later polls. Get never raises for throttling or an unreachable service.

    Args:
        task_type: which tasks it runs.
        runtime: threads, boards and time; those of the process when not given.
    """

    name = "SageMaker connector"
    kind: JobKind

    def __init__(self, task_type: str, runtime: runtimes.Runtime | None = None) -> None:
        super().__init__(task_type_name=task_type, metadata_type=JobMetadata)
        self._runtime = runtime or runtimes.shared()

    @abstractmethod
    def build(self, submission: Submission) -> BuiltRequest:
        """The request that creates the job; raises InvalidInput when the template or the inputs are not valid."""

    @abstractmethod
    def training_job(self, custom: Mapping[str, Any]) -> TrainingJob:
        """The training job that the template carries."""

    def problems_at(self, endpoint: Endpoint, request: Mapping[str, Any]) -> Iterable[Problem]:
        """What is wrong with a request at its endpoint, as far as only SageMaker itself can tell. Blocks."""
        return ()

    @abstractmethod
    def list_calls(self, description: Mapping[str, Any]) -> int:
        """How many list calls it takes to fetch the results of a job that ended."""

    def describe_calls(self, description: Mapping[str, Any]) -> int:
        """How many describe calls it takes, where it takes list calls at all."""
        return 1

    @abstractmethod
    def record(self, meta: JobMetadata, description: Mapping[str, Any], explanation: Explanation | None = None) -> Any:
        """What is known of a job that ended, as ``reporting`` has it."""

    @abstractmethod
    def outputs(self, meta: JobMetadata, record: Any) -> tuple[dict[str, Any], Any]:
        """The outputs of the task as literals, and the record with what is known of the job now that they are.

        Raises:
            ServiceError: when the job has no result after all.
        """

    def may_be_retried(self, meta: JobMetadata, description: Mapping[str, Any], record: Any) -> bool:
        """Whether what ran in a job that failed says itself that it may succeed when it is run again."""
        return False

    def log_of(self, meta: JobMetadata) -> LogFollower | None:
        """Follows the log of the job, for a run that somebody waits for; None for a job without a log of its own."""
        return None

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
            TransientError: when a job that has to wait could not be noted down; the call may be repeated.
        """
        begun = self._runtime.clock.time()
        meta, request = await self._runtime.in_thread(
            self._prepare, task_template, output_prefix, inputs, task_execution_metadata
        )
        if request is not None:
            await self._submit(meta, request, begun)
        return meta

    async def get(self, resource_meta: JobMetadata, **_: Any) -> Resource:
        """The state of the job; never raises for throttling or an unreachable service.

        Raises:
            UserError: for metadata that names an endpoint which this deployment does not allow.
        """
        meta = resource_meta
        if meta.failure:
            return Answer(phase=TaskExecution.FAILED, message=meta.failure)
        board = self._board(meta)
        answer, looking = board.ask(meta.key, lambda: self._watch(meta))
        if looking is not None:
            await asyncio.wait({asyncio.wrap_future(looking)}, timeout=self._runtime.patience)
            answer = board.known(meta.key) or answer
        return answer or self._watch(meta).unseen()

    async def delete(self, resource_meta: JobMetadata, **_: Any) -> None:
        """Stop the job; a job that ended, or never was, is left as it is.

        Raises:
            TransientError: when the service could not be reached; the call may be repeated.
            UserError: for metadata that names an endpoint which this deployment does not allow.
        """
        meta = resource_meta
        if meta.failure:
            return
        board, log = self._board(meta), self._log(meta, "delete")
        begun = self._runtime.clock.time()
        for pause in self._pauses(begun):
            try:
                until = await self._runtime.in_thread(self._stop, meta)
                if until is not None and until < begun + _LONGEST_WAIT_IN_SECONDS:
                    await self._runtime.clock.sleep_until(until)
                    until = await self._runtime.in_thread(self._stop, meta)
            except TransientError as error:
                if pause is None:
                    log.warning("not stopped yet: %s", error)
                    raise TransientError(str(error)) from None
                await self._pause(pause)
            else:
                if until is not None:
                    message = "a create of this job had no answer, and SageMaker is given a minute to know of the job"
                    log.info("not believed to be gone yet: %s", message)
                    raise TransientError(message)
                board.forget(meta.key)
                log.info("stopped, or had ended")
                return

    def _board(self, meta: JobMetadata) -> Board:
        board = self._runtime.known_board(meta.endpoint)
        if board is not None:
            return board
        if not allowed(meta.endpoint_url):
            remedy = settings.where_to_set("allowed_endpoint_urls")
            where = f"the job is at {meta.endpoint_url!r}, an endpoint that this deployment does not allow"
            raise UserError(f"{where}. {remedy}")
        return self._runtime.board(meta.endpoint)

    def _prepare(
        self, template: Any, output_prefix: str, inputs: Any, execution: Any
    ) -> tuple[JobMetadata, Mapping[str, Any] | None]:
        """The job to be and the request for it; no request when there can be none."""
        identity = identity_of(template, execution, output_prefix)
        prefix = self.kind.name_prefix(settings.current().text("job_name_prefix"))
        meta = JobMetadata(
            name=identity.job_name(self.kind.name_length, prefix),
            output_prefix=output_prefix,
            execution=_execution(identity),
            task=identity.task,
            created=int(self._runtime.clock.time()),
        )
        built = None
        try:
            context = ExecutionContext(
                identity.project, identity.domain, identity.execution, execution_role(template, execution)
            )
            placement = place(output_prefix, self.training_job(template.custom).training_job_config, context)
            endpoint = placement.endpoint
            meta.region, meta.endpoint_url = endpoint.region, endpoint.url
            meta.assume_role_arn, meta.external_id = endpoint.assume_role_arn, endpoint.external_id
            submission = Submission(
                template.custom,
                plain_values(inputs),
                meta.name,
                placement.deployment,
                identity.tags(),
                output_prefix,
                container_of(template, execution),
            )
            built = self.build(submission)
            self._check(meta, built, placement, runs_function=submission.container is not None)
        except SageMakerError as error:
            self._refuse(meta, error, built, identity)
            return meta, None
        except Exception as error:  # Flyte would repeat the call in vain
            self._log(meta).exception("no request could be made of the task")
            cause = UserError(f"no request could be made of the task: {type(error).__name__}: {error}")
            self._refuse(meta, cause, built, identity)
            return meta, None
        return meta, built.parameters

    def _check(self, meta: JobMetadata, built: BuiltRequest, placement: Placement, *, runs_function: bool) -> None:
        schemes = placement.deployment.uri_schemes
        found = check_request(built.operation, built.parameters, uri_schemes=schemes)
        if not placement.problems:
            found = found.with_others(self.problems_at(placement.endpoint, built.parameters))
        problems = [*placement.problems, *map(built.wording.problem, built.problems)]
        if runs_function:
            problems += function_problems(built, on_aws=tuple(schemes) == AWS_URI_SCHEMES)
        problems += map(built.wording.problem, found.problems)
        if placement.endpoint.is_on_this_machine:  # elsewhere, files of this machine are nobody's data
            problems += data_problems(built.operation, built.parameters)
        findings = Findings(tuple(problems), tuple(map(built.wording.warning, found.warnings)))
        secrets = secrets_in(built.parameters)
        warnings = [masked(warning, secrets) for warning in (*built.warnings, *findings.warnings)]
        for warning in warnings:
            self._log(meta).warning("%s", warning)
        findings.raise_problems(f"the {self.kind.word} job")
        advice.keep(meta.output_prefix, warnings)

    async def _submit(self, meta: JobMetadata, request: Mapping[str, Any], begun: float) -> None:
        submission = submissions.Submission(self.kind, meta.endpoint, request, meta.session_name)
        for pause in self._pauses(begun):
            try:
                outcome = await self._runtime.in_thread(submission.attempt, pause is None)
            except TransientError as error:
                if pause is not None:
                    await self._pause(pause)
                    continue
                await self._runtime.in_thread(self._wait, meta, request, error, submission.may_exist)
            except SageMakerError as error:
                self._give_up(meta, masked(str(error), secrets_in(request)))
            else:
                telemetry.create(self.kind.word, outcome)
                self._log(meta).info("%s", outcome)
            return

    def _pauses(self, begun: float) -> Iterator[float | None]:
        """The pauses after the attempts of one call; None after the last attempt."""
        pause = _FIRST_PAUSE_IN_SECONDS
        while self._runtime.clock.time() + pause < begun + _ATTEMPTS_BEGIN_WITHIN_SECONDS:
            yield pause
            pause *= 2
        yield None

    async def _pause(self, seconds: float) -> None:
        jitter = random.uniform(0.7, 1.3)  # calls that were refused together do not come back together
        await self._runtime.clock.sleep_until(self._runtime.clock.time() + seconds * jitter)

    def _refuse(
        self, meta: JobMetadata, error: SageMakerError, built: BuiltRequest | None, identity: JobIdentity
    ) -> None:
        """There is no request to send; but there may be a job, of an earlier call that was answered better."""
        if meta.execution and meta.region:
            tags = [{"Key": key, "Value": value} for key, value in identity.tags().items()]
            with suppress(SageMakerError):
                if submissions.belongs_to(self.kind, meta.endpoint, meta.name, tags):
                    self._log(meta).warning("adopted, although the request is refused now: %s", masked(str(error)))
                    return
        self._give_up(meta, masked(str(error), secrets_in(built.parameters) if built else ()))

    def _give_up(self, meta: JobMetadata, why: str) -> None:
        meta.failure = why
        telemetry.create(self.kind.word, "refused")
        self._log(meta).log(meta.level_of_failures, "refused: %s", why)

    def _wait(self, meta: JobMetadata, request: Mapping[str, Any], error: TransientError, may_exist: bool) -> None:
        try:
            meta.waiting = waiting.keep(meta.output_prefix, request, self._runtime.clock.time(), may_exist)
        except Exception as failed:  # whatever the store raises: Flyte repeats the call
            raise TransientError(f"{masked(str(error))}; the request could not be kept: {failed}") from failed
        telemetry.create(self.kind.word, "waiting")
        self._log(meta).info("has to wait: %s", masked(str(error), secrets_in(request)))

    def _watch(self, meta: JobMetadata) -> JobWatch:
        return JobWatch(
            self.kind,
            meta,
            conclude=lambda description: self._conclude(meta, description),
            lists=self.list_calls,
            describes=self.describe_calls,
            now=self._runtime.clock.time,
        )

    def _conclude(self, meta: JobMetadata, description: Mapping[str, Any]) -> Conclusion:
        """Write the results of a job that ended."""
        status = description[f"{self.kind.shape}Status"]
        state, words = job_state(status, description.get("SecondaryStatus", ""))
        if state is JobState.SUCCEEDED:
            record = self.record(meta, description)
            try:
                outputs, record = self.outputs(meta, record)
            except ServiceError as error:
                why = masked(str(error), secrets_in(description))
                self._report(meta, replace(record, notes=(*record.notes, f"There are no outputs: {why}")))
                raise
            write_outputs(meta.output_prefix, outputs)
            self._report(meta, record)
            return Conclusion(TaskExecution.SUCCEEDED, words, progress_of(record))
        links = job_links(meta.endpoint, self.kind.word, meta.name)
        explanation = explain(meta.endpoint, self.kind.word, description, links)
        record = self.record(meta, description, explanation)
        self._report(meta, record)
        passes = explanation.move is Move.NOBODY or self.may_be_retried(meta, description, record)
        retryable = passes and settings.current().flag("retryable_failures")
        phase = TaskExecution.RETRYABLE_FAILED if retryable else TaskExecution.FAILED
        return Conclusion(phase, explanation.message, progress_of(record))

    def _report(self, meta: JobMetadata, record: Any) -> None:
        notes = (*record.notes, *advice.kept(meta.output_prefix))
        try:
            write_deck(meta.output_prefix, self.page(replace(record, notes=notes)))
        except Exception:  # the result counts, not how it is drawn
            self._log(meta, "get").exception("the report could not be written")

    def _stop(self, meta: JobMetadata) -> float | None:
        """Stop the job; where SageMaker knows no such job, the moment from which that is to be believed."""
        now = self._runtime.clock.time()
        believed = meta.created + NOT_FOUND_IS_BELIEVED_AFTER_SECONDS
        if meta.waiting:
            note = waiting.find(meta.output_prefix)
            if note is not None and note.request is not None and not self._may_be_ours(meta, note.request):
                waiting.mark(meta.output_prefix, waiting.ABORTED, now)
                return None
            if note is None or note.state not in (waiting.ABORTED, waiting.REFUSED):
                note = waiting.Note(waiting.ABORTED, now, may_exist=note is None or note.may_exist)
                waiting.mark(meta.output_prefix, note.state, now, note.may_exist)
            if note.state == waiting.ABORTED:  # a create may be on its way, in another replica
                grace = NOT_FOUND_IS_BELIEVED_AFTER_SECONDS if note.may_exist else _LONGEST_CREATE_IN_SECONDS
                believed = note.since + grace
        if self.kind.stop(meta.endpoint, meta.name, meta.session_name) or now >= believed:
            return None
        return believed

    def _may_be_ours(self, meta: JobMetadata, request: Mapping[str, Any]) -> bool:
        """Whether a job of this name, if there is any, is one that the request may have made; changes nothing."""
        try:
            submissions.belongs_to(self.kind, meta.endpoint, meta.name, request.get("Tags", ()))
        except submissions.Untold:
            return True
        except UserError:
            return False
        return True

    def _log(self, meta: JobMetadata, operation: str = "create") -> Any:
        return logs.of(job=meta.name, execution=meta.execution, kind=self.kind.word, operation=operation)


def _execution(identity: JobIdentity) -> str:
    if not identity.project:
        return ""
    return "/".join((identity.project, identity.domain, identity.execution, identity.node, str(identity.attempt)))
