"""The life of one tuning job: created, followed, stopped on request, and what it leaves."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from flytekit_sagemaker.connector.explanation import explain
from flytekit_sagemaker.connector.kinds import TUNING
from flytekit_sagemaker.connector.links import job_links
from flytekit_sagemaker.connector.submission import ADOPTED, NameIsTaken, Submission, belongs_to
from flytekit_sagemaker.errors import JobFailed, SageMakerError, TransientError, UserError
from flytekit_sagemaker.kubeflow.interruption import Interruption
from flytekit_sagemaker.kubeflow.results import best_outputs
from flytekit_sagemaker.kubeflow.tuning_job import TuningJob
from flytekit_sagemaker.masking import masked, secrets_in
from flytekit_sagemaker.refusals import RefusedCall, RefusedForNow
from flytekit_sagemaker.reporting.progress import progress_line, progress_of
from flytekit_sagemaker.status import JobState, job_state

T = TypeVar("T")
Tell = Callable[[str], None]
Write = Callable[[Mapping[str, str]], None]


class _Pace(NamedTuple):
    """First and longest pause between two looks, and for how long a create is repeated that is neither taken nor lacks
    room; in seconds."""

    first: float
    longest: float
    create_for: float


_AWS = _Pace(1.0, 30.0, 600.0)
_THIS_MACHINE = _Pace(0.05, 1.0, 15.0)
_LONGER_EACH_TIME = 1.5
# Proxies answer in it.
_PAGE = re.compile(r"<(!doctype|html).*(</html>|>)", re.DOTALL | re.IGNORECASE)
# Descriptions may lag behind the create that was answered.
_NOT_FOUND_IS_BELIEVED_AFTER_SECONDS = 60.0
# Permissions and credentials take a while to be known everywhere.
_REFUSALS_ARE_BELIEVED_AFTER_SECONDS = 600.0
# Kubernetes kills what has not ended 30 seconds after SIGTERM.
_STOP_FOR_SECONDS = 20.0
_LONGEST_PAUSE_WHILE_STOPPING = 2.0


class Interrupted(Exception):
    """Somebody asked the process to end."""


class TuningRun:
    """One tuning job from its creation to its results.

    Args:
        job: what to create.
        interruption: what ends the pauses.
        tell: takes lines for whoever reads the log of the step.
    """

    def __init__(self, job: TuningJob, interruption: Interruption, tell: Tell) -> None:
        self.name = job.name
        self._endpoint = job.endpoint
        self._interruption = interruption
        self._tags = job.request["Tags"]
        self._secrets = secrets_in(job.request)
        self._tell: Tell = lambda line: tell(self.masked(line))
        self._submission = Submission(TUNING, job.endpoint, job.request, job.name)
        self._pace = _THIS_MACHINE if job.endpoint.is_on_this_machine else _AWS
        self._last_line = ""
        self._is_there = False
        self._has_ended = False
        self._has_results = True

    def masked(self, text: object) -> str:
        """A text without the secrets of the request, and without the pages of proxies."""
        return _PAGE.sub("a page of HTML", masked(str(text), self._secrets))

    def create(self) -> None:
        """Create the job, once, however often the service has to be asked.

        Raises:
            Interrupted: when asked to end meanwhile.
            SageMakerError: when there will be no job.
        """
        where = self._endpoint.url or f"SageMaker in {self._endpoint.region}"
        self._tell(f"creating tuning job {self.name} at {where}")
        begun = time.monotonic()
        self._pause(0)
        for pause in self._lengths():
            try:
                # Nobody else has the submission's tag: until an answer is lost there is no job to be looked for.
                found = self._submission.attempt(hurried=not self._submission.may_exist) == ADOPTED
                self._tell("created, although the answer to it was lost" if found else "created")
                break
            except NameIsTaken as error:
                remedy = "Give a job_name that is new in this account and region, or none"
                raise UserError(f"{error}. {self._about_the_other(error.status)}. {remedy}") from error
            except TransientError as error:
                waits_for_room = isinstance(error, RefusedForNow) and error.lacks_room
                nobody_there = self._endpoint.is_on_this_machine and _was_not_sent(error)
                if not waits_for_room and time.monotonic() - begun > self._pace.create_for:
                    if nobody_there:
                        raise UserError(self._nobody_there) from error
                    raise
                trouble = self._nobody_there if nobody_there else f"not created yet: {error}"
                trying = "until there is room" if waits_for_room else f"for {self._pace.create_for:.0f} s"
                self._tell_once(f"{trouble}; trying {trying}")
            self._pause(pause)
        self._is_there = True
        for title, url in job_links(self._endpoint, TUNING.word, self.name).items():
            self._tell(f"{title}: {url}")

    @property
    def _nobody_there(self) -> str:
        return f"nothing answers at {self._endpoint.url}: start it with flytekit-sagemaker serve"

    def _about_the_other(self, status: str) -> str:
        """What there is to know of the job that has the name already."""
        if job_state(status)[0].is_terminal:
            return f"It is {status}"
        at = f" --endpoint-url {self._endpoint.url}" if self._endpoint.url else ""
        stop = f"aws sagemaker stop-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name {self.name}"
        return f"It is {status}; this stops it: {stop} --region {self._endpoint.region}{at}"

    def follow(self) -> Mapping[str, Any]:
        """The description of the job when it has ended; tells of its progress meanwhile.

        Raises:
            Interrupted: when asked to end meanwhile.
            UserError: when the service says, and goes on saying, that there is no such job or that it may not tell.
        """
        self._pause(0)
        for pause in self._lengths():
            description = self._patiently(self._describe)
            self._tell_once(progress_line(progress_of(description)))
            if _state(description).is_terminal:
                self._has_ended = True
                return description
            self._pause(pause)
        raise AssertionError  # the lengths have no end

    def leave(self, write: Write) -> None:
        """Stop the job where there is, or may be, one that has not ended, and write what there is of its outputs.

        The job is told to stop before anything else, and what there is then is written at once. Waits for the end of
        the job as far as time allows; a further signal ends the waiting.
        """
        if self._has_ended or not (self._is_there or self._submission.may_exist):
            return
        first = last = None
        for last in self._stopping():
            if first is None:  # some launchers leave a step a second
                first = last
                self._write_what_there_is(first, write)
        if last and last is not first:
            self._write_what_there_is(last, write)

    def _stopping(self) -> Iterator[Mapping[str, Any]]:
        """Descriptions of the job, which was told to stop, until it has ended or time is up."""
        deadline, told, is_over = time.monotonic() + _STOP_FOR_SECONDS, False, False
        signals = self._interruption.signals
        for pause in self._lengths():
            try:
                self._is_there = self._is_there or belongs_to(TUNING, self._endpoint, self.name, self._tags)
                if self._is_there:
                    told = told or TUNING.stop(self._endpoint, self.name, self.name)
                    description = self._describe()
                    self._tell_once(progress_line(progress_of(description)))
                    is_over = _state(description).is_terminal
                    yield description
            except NameIsTaken:
                return
            except SageMakerError as error:
                self._tell_once(f"not stopped yet: {error}")
            left = deadline - time.monotonic()
            if is_over or left <= 0 or self._interruption.signals > signals:
                break
            self._interruption.pause(min(pause, left, _LONGEST_PAUSE_WHILE_STOPPING))
        if not told:
            self._tell(f"tuning job {self.name} could not be told to stop, if there is one")

    def _write_what_there_is(self, description: Mapping[str, Any], write: Write) -> None:
        with suppress(SageMakerError, Interrupted):
            write({"hpo_job_name": self.name})
            write(self._outputs(description))

    def conclude(self, description: Mapping[str, Any], write: Write) -> None:
        """Write the outputs of a job that ended.

        Raises:
            JobFailed: when it did not succeed; the best training job's outputs are written all the same.
            ServiceError, UserError: when there are none, or they cannot be written.
        """
        self._has_results = succeeded = _state(description) is JobState.SUCCEEDED
        with suppress(*(() if succeeded else (SageMakerError,))):  # why it did not is what has to be told
            outputs = self._outputs(description)
            write(outputs)
            self._tell(f"best training job {outputs['best_job_name']}: {outputs['best_hyperparameters']}")
            self._tell(f"model: {outputs['model_artifact_url']}")
        if not succeeded:
            links = job_links(self._endpoint, TUNING.word, self.name)
            raise JobFailed(explain(self._endpoint, TUNING.word, description, links).message)

    def _describe(self) -> Mapping[str, Any]:
        return TUNING.describe(self._endpoint, self.name)

    def _outputs(self, description: Mapping[str, Any]) -> dict[str, str]:
        return best_outputs(self._endpoint, description, self._patiently, self._tell_once)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """The answer to a question about the job, however long it takes: no answer says nothing about the job."""
        refused_since = None
        for pause in self._lengths():
            try:
                return ask()
            except (RefusedCall, TransientError) as error:
                trouble = error
            if isinstance(trouble, TransientError) and not _is_for_good(trouble):
                refused_since = None
            else:
                refused_since = refused_since or time.monotonic()
                if time.monotonic() - refused_since >= self._patience_with(trouble):
                    raise trouble
            self._tell_once(f"no news: {trouble}")
            self._pause(pause)
        raise AssertionError  # the lengths have no end

    def _patience_with(self, refusal: SageMakerError) -> float:
        """For how many seconds a refusal is not believed."""
        if not self._has_results:  # why the job failed is to be told, not only what else there may be
            return 0.0
        is_not_found = isinstance(refusal, RefusedCall) and refusal.is_not_found
        return _NOT_FOUND_IS_BELIEVED_AFTER_SECONDS if is_not_found else _REFUSALS_ARE_BELIEVED_AFTER_SECONDS

    def _lengths(self) -> Iterator[float]:
        """Lengths of pauses, ever longer; those of processes that began together differ."""
        length = self._pace.first
        while True:
            yield length * random.uniform(0.7, 1.3)
            length = min(length * _LONGER_EACH_TIME, self._pace.longest)

    def _pause(self, seconds: float) -> None:
        if self._interruption.pause(seconds) or self._interruption.signals:
            raise Interrupted

    def _tell_once(self, line: str) -> None:
        if line != self._last_line:
            self._tell(line)
        self._last_line = line


def _state(description: Mapping[str, Any]) -> JobState:
    return job_state(description["HyperParameterTuningJobStatus"])[0]


def _was_not_sent(error: TransientError) -> bool:
    """Whether nobody took the connection."""
    return isinstance(error, RefusedForNow) and error.certain and not error.code


def _is_for_good(error: TransientError) -> bool:
    """Whether credentials ran out that nobody has renewed where they were found."""
    return isinstance(error, RefusedForNow) and error.refuses_the_signature
