"""One job on the status board: what looking at it takes, and what its connector answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flyteidl.core.execution_pb2 import TaskExecution

from flytekit_sagemaker import logs, settings, telemetry
from flytekit_sagemaker.connector import waiting
from flytekit_sagemaker.connector.answers import Answer, Sighting, Step
from flytekit_sagemaker.connector.kinds import JobKind
from flytekit_sagemaker.connector.links import job_links, task_logs
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.submission import Submission
from flytekit_sagemaker.errors import SageMakerError, TransientError
from flytekit_sagemaker.masking import masked, secrets_in
from flytekit_sagemaker.refusals import RefusedCall
from flytekit_sagemaker.reporting.progress import Progress, progress_of
from flytekit_sagemaker.status import JobState, job_state
from flytekit_sagemaker.uris import local_path

# SageMaker frees instances in minutes, and a quota is raised in hours.
_BETWEEN_CREATES_IN_SECONDS = 30.0
# Descriptions may lag behind the create that was answered.
NOT_FOUND_IS_BELIEVED_AFTER_SECONDS = 60.0

_TRIES_UNTIL_BELIEVED = 8
_MOST_TRIES = 100

_PHASES = {
    JobState.WAITING: TaskExecution.WAITING_FOR_RESOURCES,
    JobState.PREPARING: TaskExecution.INITIALIZING,
    JobState.RUNNING: TaskExecution.RUNNING,
}


@dataclass(frozen=True)
class Conclusion:
    """How a job ended.

    Attributes:
        phase, message: what its last answer says.
        progress: how far it came; None where the description of the job tells that.
    """

    phase: int
    message: str
    progress: Progress | None = None


class JobWatch:
    """A job and the calls that follow it.

    Args:
        kind: the kind of job.
        meta: the job.
        conclude: fetches and writes the results of a job that ended, given its description. Raises TransientError or
            OSError when it has to be done again.
        lists, describes: how many list and describe calls that takes, given the description.
        now: seconds since the epoch.
    """

    __slots__ = (
        "_conclude",
        "_created_at",
        "_describes",
        "_failed_ends",
        "_job_kind",
        "_lists",
        "_meta",
        "_now",
        "_waiting",
        "family",
        "kind",
        "name",
    )

    def __init__(
        self,
        kind: JobKind,
        meta: JobMetadata,
        conclude: Callable[[Mapping[str, Any]], Conclusion],
        lists: Callable[[Mapping[str, Any]], int],
        describes: Callable[[Mapping[str, Any]], int],
        now: Callable[[], float],
    ) -> None:
        self.kind = kind.word
        self.name = meta.name
        self.family = meta.task
        self._job_kind = kind
        self._meta = meta
        self._conclude = conclude
        self._lists = lists
        self._describes = describes
        self._now = now
        self._waiting = bool(meta.waiting)
        self._created_at = float(meta.created)
        self._failed_ends = 0

    @property
    def log(self) -> Any:
        """The logger of this job."""
        return logs.of(job=self.name, execution=self._meta.execution, kind=self.kind, operation="get")

    def first_step(self) -> Step:
        """Look at the job; where there is none yet, try to create it."""
        return Step(self._create, creates=1) if self._waiting else Step(self._look, describes=1)

    def list_page(self, token: str | None) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """A page of the jobs of this kind that are in progress."""
        prefix = self._job_kind.name_prefix(settings.current().text("job_name_prefix"))
        return self._job_kind.in_progress(self._meta.endpoint, f"{prefix}-", token)

    def glance(self, summary: Mapping[str, Any], last: Answer | None) -> Sighting | None:
        """What an entry in the list of jobs in progress says; None when only a description can tell."""
        state, words = self._state(summary)
        if state.is_terminal:  # a list may lag behind
            return None
        answer = last
        if answer is None or (answer.phase, answer.message) != (_PHASES[state], words):
            answer = self._answer(_PHASES[state], words, progress_of(summary).to_dict())
        return Sighting(answer, created=_epoch(summary))

    def unseen(self) -> Answer:
        """The answer before anything is known of the job."""
        if self._waiting:
            return self._answer(TaskExecution.WAITING_FOR_RESOURCES, "SageMaker had no room for the job yet")
        return self._answer(TaskExecution.RUNNING, "not looked at yet")

    def in_doubt(self, error: Exception, last: Answer | None) -> Answer:
        """The last known phase, with what keeps SageMaker from telling more."""
        phase = last.phase if last else TaskExecution.RUNNING
        return self._answer(TaskExecution.WAITING_FOR_RESOURCES if self._waiting else phase, masked(str(error)))

    def _look(self) -> Sighting:
        telemetry.look(self.kind, "describe")
        try:
            description = self._job_kind.describe(self._meta.endpoint, self.name)
        except RefusedCall as error:
            if not error.is_not_found or not not_found_is_believed(self._created_at, self._now()):
                raise
            return self._failed(str(error))
        state, words = self._state(description)
        created, progress = _epoch(description), progress_of(description).to_dict()
        if not state.is_terminal:
            return Sighting(self._answer(_PHASES[state], words, progress), created=created)
        if lists := self._lists(description):
            fetch = Step(partial(self._end, description), lists=lists, describes=self._describes(description))
            collecting = f"{words}; the results are being collected"
            return Sighting(self._answer(TaskExecution.RUNNING, collecting, progress), created=created, then=fetch)
        return self._end(description)

    def _end(self, description: Mapping[str, Any]) -> Sighting:
        try:
            conclusion = self._conclude(description)
        except TransientError:
            raise
        except Exception as error:
            if isinstance(error, SageMakerError) and not isinstance(error, RefusedCall):
                message = str(error)
            elif self._is_worth_another_try(error):
                raise
            else:
                message = f"the results of {self.name} cannot be written to {self._meta.output_prefix}: {error}"
            conclusion = Conclusion(TaskExecution.FAILED, message)
        phase, message = conclusion.phase, conclusion.message
        level = logging.INFO if phase == TaskExecution.SUCCEEDED else self._meta.level_of_failures
        self.log.log(level, "ended: %s: %s", TaskExecution.Phase.Name(phase), message)
        answer = self._answer(phase, message, (conclusion.progress or progress_of(description)).to_dict())
        return Sighting(answer, ended=True, created=_epoch(description))

    def _is_worth_another_try(self, error: Exception) -> bool:
        """Whether results that cannot be fetched or written now may be later.

        A store or a service may refuse for a moment, as with credentials that ran out, and results of many hours are
        worth some patience; but the disk of this machine does not change its mind.
        """
        self._failed_ends += 1
        lasting = isinstance(error, PermissionError | FileNotFoundError | NotADirectoryError | RefusedCall)
        on_disk = "://" not in self._meta.output_prefix or local_path(self._meta.output_prefix) is not None
        if lasting and on_disk and isinstance(error, OSError):
            return False
        return self._failed_ends < (_TRIES_UNTIL_BELIEVED if lasting else _MOST_TRIES)

    def _create(self) -> Sighting:
        meta, now = self._meta, self._now()
        try:
            note = waiting.find(meta.output_prefix)
        except SageMakerError as error:
            return self._failed(str(error))
        if note is not None and note.state == waiting.ABORTED:
            # Whoever aborted it could not know of a job that was being created.
            self._job_kind.stop(meta.endpoint, self.name, meta.session_name)
            return self._failed(f"{meta.name} was aborted")
        if note is None or note.request is None:
            self._was_created(note.since if note else now)
            return self._look()
        if waiting.digest(note.request) != meta.waiting:
            return self._failed(f"the request kept under {meta.output_prefix} is not the one that was put there")
        submission = Submission(self._job_kind, meta.endpoint, note.request, meta.session_name)
        secrets = secrets_in(note.request)
        try:
            outcome = submission.attempt()
        except TransientError as error:
            self.log.info("still waiting: %s", masked(str(error), secrets))
            if submission.may_exist and not note.may_exist:
                waiting.keep(meta.output_prefix, note.request, note.since, may_exist=True)
            if getattr(error, "is_throttling", False):
                raise
            answer = self._answer(TaskExecution.WAITING_FOR_RESOURCES, masked(str(error), secrets))
            return Sighting(answer, again_after=_BETWEEN_CREATES_IN_SECONDS)
        except SageMakerError as error:
            telemetry.create(self.kind, "refused")
            self.log.warning("refused: %s", masked(str(error), secrets))
            waiting.mark(meta.output_prefix, waiting.REFUSED, now)
            return self._failed(masked(str(error), secrets))
        telemetry.create(self.kind, outcome)
        self.log.info("%s after a wait", outcome)
        found = waiting.find(meta.output_prefix)
        if found is not None and found.state == waiting.ABORTED:
            self._job_kind.stop(meta.endpoint, self.name, meta.session_name)
            return self._failed(f"{meta.name} was aborted")
        waiting.mark(meta.output_prefix, waiting.GRANTED, self._now())
        self._was_created(self._now())
        return Sighting(self._answer(TaskExecution.INITIALIZING, "created"))

    def _was_created(self, moment: float) -> None:
        self._waiting = False
        self._created_at = max(self._created_at, moment)

    def _failed(self, message: str) -> Sighting:
        return Sighting(self._answer(TaskExecution.FAILED, message), ended=True)

    def _state(self, description: Mapping[str, Any]) -> tuple[JobState, str]:
        return job_state(
            description[f"{self._job_kind.shape}Status"],
            description.get("SecondaryStatus", ""),
        )

    def _answer(self, phase: int, message: str, progress: dict[str, Any] | None = None) -> Answer:
        links = task_logs(job_links(self._meta.endpoint, self.kind, self.name))
        return Answer(phase=phase, message=message, log_links=links, custom_info=progress)


def not_found_is_believed(created: float, now: float) -> bool:
    """Whether a service that knows no such job is right, given when the job was created, or may have been at last."""
    return now - created >= NOT_FOUND_IS_BELIEVED_AFTER_SECONDS


def _epoch(description: Mapping[str, Any]) -> float | None:
    created = description.get("CreationTime")
    return created.timestamp() if created is not None else None
