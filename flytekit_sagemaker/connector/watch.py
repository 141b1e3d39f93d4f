"""One job on the status board: what looking at it takes, and what its connector answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from flyteidl.core.execution_pb2 import TaskExecution

from flytekit_sagemaker import aws, logs, settings, telemetry
from flytekit_sagemaker.connector import waiting
from flytekit_sagemaker.connector.answers import Answer, Sighting, Step
from flytekit_sagemaker.connector.kinds import JobKind
from flytekit_sagemaker.connector.links import job_links, task_logs
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.submission import submit
from flytekit_sagemaker.errors import SageMakerError, ServiceError, TransientError
from flytekit_sagemaker.reporting.progress import progress_of
from flytekit_sagemaker.status import JobState, job_state

# SageMaker frees instances in minutes, and a quota is raised in hours.
_BETWEEN_CREATES_IN_SECONDS = 30.0
# A description may lag behind the create that was answered.
_NOT_FOUND_IS_BELIEVED_AFTER_SECONDS = 60.0

_MOST_SURPRISES = 8

_PHASES = {
    JobState.WAITING: TaskExecution.WAITING_FOR_RESOURCES,
    JobState.PREPARING: TaskExecution.INITIALIZING,
    JobState.RUNNING: TaskExecution.RUNNING,
}

Conclusion = tuple[int, str]


class JobWatch:
    """A job and the calls that follow it.

    Args:
        kind: the kind of job.
        meta: the job.
        conclude: fetches and writes the results of a job that ended, given its description; returns the phase and the
            message of the last answer. Raises TransientError or OSError when it has to be done again.
        lists: how many list calls that takes, given the description.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        kind: JobKind,
        meta: JobMetadata,
        conclude: Callable[[Mapping[str, Any]], Conclusion],
        lists: Callable[[Mapping[str, Any]], int],
        now: Callable[[], float],
    ) -> None:
        self.kind = kind.word
        self.name = meta.name
        self.family = meta.task
        self._job_kind = kind
        self._meta = meta
        self._conclude = conclude
        self._lists = lists
        self._now = now
        self._pending = meta.pending
        self._surprises = 0

    @property
    def log(self) -> Any:
        """The logger of this job."""
        return logs.of(job=self.name, execution=self._meta.execution, kind=self.kind, operation="get")

    def first_step(self) -> Step:
        """Look at the job; where there is none yet, try to create it."""
        return Step(self._create, creates=1) if self._pending else Step(self._look, describes=1)

    def list_page(self, token: str | None) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """A page of the jobs of this kind that are in progress."""
        prefix = self._job_kind.name_prefix(settings.current().text("job_name_prefix"))
        return self._job_kind.in_progress(self._meta.endpoint, f"{prefix}-", token)

    def glance(self, summary: Mapping[str, Any], last: Answer | None) -> Sighting:
        """What an entry in the list of jobs in progress says."""
        state, words = self._state(summary)
        answer = last
        if answer is None or (answer.phase, answer.message) != (_PHASES[state], words):
            answer = self._answer(_PHASES[state], words, progress_of(summary).to_dict())
        return Sighting(answer, created=_epoch(summary))

    def unseen(self) -> Answer:
        """The answer before anything is known of the job."""
        if self._pending:
            return self._answer(TaskExecution.WAITING_FOR_RESOURCES, "SageMaker had no room for the job yet")
        return self._answer(TaskExecution.RUNNING, "not looked at yet")

    def in_doubt(self, error: Exception, last: Answer | None) -> Answer:
        """The last known phase, with what keeps SageMaker from telling more."""
        if isinstance(error, TransientError) and self._pending:
            return self._answer(TaskExecution.WAITING_FOR_RESOURCES, str(error))
        return self._answer(last.phase if last else TaskExecution.RUNNING, str(error))

    def _look(self) -> Sighting:
        telemetry.look(self.kind, "describe")
        try:
            description = self._job_kind.describe(self._meta.endpoint, self.name)
        except aws.RefusedCall as error:
            if not error.is_not_found or self._now() - self._meta.created < _NOT_FOUND_IS_BELIEVED_AFTER_SECONDS:
                raise
            return Sighting(self._answer(TaskExecution.FAILED, str(error)), ended=True)
        state, words = self._state(description)
        created, progress = _epoch(description), progress_of(description).to_dict()
        if not state.is_terminal:
            return Sighting(self._answer(_PHASES[state], words, progress), created=created)
        if lists := self._lists(description):
            fetch = Step(partial(self._end, description), lists=lists, describes=1)
            collecting = f"{words}; the results are being collected"
            return Sighting(self._answer(TaskExecution.RUNNING, collecting, progress), created=created, then=fetch)
        return self._end(description)

    def _end(self, description: Mapping[str, Any]) -> Sighting:
        try:
            phase, message = self._conclude(description)
        except (PermissionError, FileNotFoundError, NotADirectoryError) as error:
            phase = TaskExecution.FAILED
            message = f"the results of {self.name} cannot be written to {self._meta.output_prefix}: {error}"
        except (TransientError, OSError):
            raise
        except SageMakerError as error:
            phase, message = TaskExecution.FAILED, str(error)
        except Exception as error:  # of a storage that is not known to us, perhaps
            self._surprises += 1
            if self._surprises < _MOST_SURPRISES:
                raise
            phase = TaskExecution.FAILED
            message = f"the results of {self.name} could not be collected: {type(error).__name__}: {error}"
        self.log.info("ended: %s", TaskExecution.Phase.Name(phase))
        answer = self._answer(phase, message, progress_of(description).to_dict())
        return Sighting(answer, ended=True, created=_epoch(description))

    def _create(self) -> Sighting:
        meta = self._meta
        request = waiting.find(meta.output_prefix)
        if request is None:
            return Sighting(self._answer(TaskExecution.FAILED, f"{meta.name} was aborted"), ended=True)
        if request:
            if request.get(f"{self._job_kind.shape}Name") != self.name:
                raise ServiceError(f"the request kept under {meta.output_prefix} is of another job")
            try:
                outcome = submit(self._job_kind, meta.endpoint, request, meta.session_name)
            except TransientError as error:
                telemetry.create(self.kind, "waiting")
                self.log.info("still waiting: %s", error)
                if getattr(error, "is_throttling", False):
                    raise
                answer = self._answer(TaskExecution.WAITING_FOR_RESOURCES, str(error))
                return Sighting(answer, again_after=_BETWEEN_CREATES_IN_SECONDS)
            except SageMakerError as error:
                telemetry.create(self.kind, "refused")
                return Sighting(self._answer(TaskExecution.FAILED, str(error)), ended=True)
            telemetry.create(self.kind, outcome)
            self.log.info("%s after a wait", outcome)
            if not waiting.grant(meta.output_prefix):
                # Aborted between the look and the create, perhaps by another replica: it could not know of the job.
                self._job_kind.stop(meta.endpoint, self.name, meta.session_name)
        self._pending = False
        return Sighting(self._answer(TaskExecution.INITIALIZING, "created"))

    def _state(self, description: Mapping[str, Any]) -> tuple[JobState, str]:
        return job_state(
            description[f"{self._job_kind.shape}Status"],
            description.get("SecondaryStatus", ""),
        )

    def _answer(self, phase: int, message: str, progress: dict[str, Any] | None = None) -> Answer:
        links = task_logs(job_links(self._meta.endpoint, self.kind, self.name))
        return Answer(phase=phase, message=message, log_links=links, custom_info=progress)


def _epoch(description: Mapping[str, Any]) -> float | None:
    created = description.get("CreationTime")
    return created.timestamp() if created is not None else None
