"""All jobs of one local SageMaker: starting and stopping them, and taking them up again after a crash."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.local.containers import Container, container, image_of
from flytekit_sagemaker.local.file_systems import FolderOf
from flytekit_sagemaker.local.lifecycle import STOPPED, Outcome, end, failed, is_waiting
from flytekit_sagemaker.local.processes import Launcher
from flytekit_sagemaker.local.scraping import Scraper
from flytekit_sagemaker.local.store import Job, Kind, Page, Store
from flytekit_sagemaker.local.training import Surroundings, TrainingRun
from flytekit_sagemaker.local.tuning import TuningRun

_STATE = "sagemaker.sqlite"
_INTERRUPTED = "InternalServerError: The local SageMaker ended while the job was running. Please try again."


def has_failed_jobs(root: Path) -> bool:
    """Whether a job under a root that no engine has open any more ended Failed."""
    with contextlib.closing(Store(root / _STATE)) as store:
        return any(store.page(Page(kind, [("status = ?", "Failed")], limit=1))[0] for kind in Kind)


class Engine:
    """Runs the jobs of a store. Everything happens in the loop that it is opened in; nothing needs a lock."""

    def __init__(self, root: Path, clock: Clock, images: Mapping[str, Sequence[str]], folder_of: FolderOf) -> None:
        self.images = images
        self.folder_of = folder_of
        self.store = Store(root / _STATE)
        self.clock = clock
        self.launcher = Launcher(root)
        self._scraper = Scraper()
        self.folder = root / "training-jobs"
        self._surroundings = Surroundings(
            self.store, clock, self.launcher, self._scraper, self.folder, Path.cwd(), folder_of
        )
        self._training: dict[str, TrainingRun] = {}
        self._tuning: dict[str, TuningRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, *, resume: bool) -> None:
        """Take up what was unfinished when the last server on this store ended, or close it for good."""
        if not resume:
            self.abandon(failed(_INTERRUPTED))
            return
        for job in self.store.unfinished(Kind.TUNING):
            if job.status == "Stopping":
                self._abandon_trials(job, STOPPED)
                self._end_tuning_job(job, "Stopped")
            else:
                self._abandon_trials(job, STOPPED, only_status="Stopping")
                self.start_tuning(job)
        for job in self.store.unfinished(Kind.TRAINING):
            if job.tuning_job is None:
                self._take_up(job)
            elif job.tuning_job not in self._tuning:
                self._end_training_job(job, failed(_INTERRUPTED))

    def _take_up(self, job: Job) -> None:
        retries = job.description.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0)
        if job.status == "Stopping":
            self._end_training_job(job, STOPPED)
        elif is_waiting(job) or job.memory.get("attempts", 0) <= retries:
            self.start_training(job, restarted=not is_waiting(job))
        else:
            self._end_training_job(job, failed(_INTERRUPTED))

    def abandon(self, outcome: Outcome) -> None:
        """End every unfinished job in the store without running it; one that was being stopped ends Stopped."""
        with self.store.transaction():
            for job in self.store.unfinished(Kind.TRAINING):
                stopping = job.status == "Stopping"
                self._end_training_job(job, STOPPED if stopping else outcome)
            for job in self.store.unfinished(Kind.TUNING):
                stopping = job.status == "Stopping"
                self._end_tuning_job(job, "Stopped" if stopping else outcome.status, "" if stopping else outcome.reason)

    def _abandon_trials(self, tuning_job: Job, outcome: Outcome, only_status: str = "") -> None:
        for trial in self.store.trials(tuning_job.name):
            if not trial.ended and only_status in ("", trial.status):
                self._end_training_job(trial, outcome)

    def _end_training_job(self, job: Job, outcome: Outcome) -> None:
        end(job, outcome, self.clock.time())
        self.store.save(job)

    def _end_tuning_job(self, job: Job, status: str, reason: str = "") -> None:
        now = self.clock.time()
        job.description.update(
            HyperParameterTuningJobStatus=status, HyperParameterTuningEndTime=now, LastModifiedTime=now
        )
        if reason:
            job.description["FailureReason"] = reason
        self.store.save(job)

    def start_training(
        self,
        job: Job,
        *,
        restarted: bool = False,
        processes_beside: int = 1,
        on_metric: Callable[[TrainingRun, str, float], None] = lambda *_: None,
    ) -> TrainingRun:
        """Run a stored training job."""
        runs = container(job.description, self.images) or _no_container(job)
        beside = max(processes_beside, len(self._training) + 1)
        run = TrainingRun(job, runs, self._surroundings, processes_beside=beside, on_metric=on_metric)
        self._training[job.name] = run
        self._run(run.run(restarted=restarted), lambda: self._training.pop(job.name))
        return run

    def start_tuning(self, job: Job) -> None:
        """Run a stored tuning job."""

        def start_trial(trial: Job, again: bool, on_metric: Callable[[TrainingRun, str, float], None]) -> TrainingRun:
            limits = job.description["HyperParameterTuningJobConfig"]["ResourceLimits"]
            parallel = limits["MaxParallelTrainingJobs"]
            return self.start_training(trial, restarted=again, processes_beside=parallel, on_metric=on_metric)

        run = TuningRun(job, self.store, self.clock, job.memory["seed"], start_trial)
        self._tuning[job.name] = run
        self._run(run.run(), lambda: self._tuning.pop(job.name))

    def _run(self, work: Coroutine[Any, Any, None], afterwards: Callable[[], object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: afterwards())

    def stop(self, job: Job) -> None:
        """Ask a running job to end."""
        runs: Mapping[str, TrainingRun | TuningRun] = self._training if job.kind is Kind.TRAINING else self._tuning
        if run := runs.get(job.name):
            run.stop()

    def interrupt(self, job: Job) -> None:
        """Take the instances of a training job in status Training back; it starts again."""
        if run := self._training.get(job.name):
            run.interrupt()

    async def close(self, *, abandon: bool = False) -> None:
        """End every process at once.

        Args:
            abandon: end the unfinished jobs as Stopped; else they are taken up when the store is opened again.
        """
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.launcher.close()
        self._scraper.close()
        if abandon:
            self.abandon(STOPPED)
        self.store.close()


def _no_container(job: Job) -> Container:
    """What stands in for an image that this server, unlike the one that took the job on, has no command for."""
    image = image_of(job.description["AlgorithmSpecification"])
    return Container(argv=("sh", "-c", 'echo "no command for the image $0 on this server" >&2; exit 1', image))
