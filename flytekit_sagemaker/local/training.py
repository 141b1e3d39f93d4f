"""One training job from Starting to its end.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.local.containers import Container
from flytekit_sagemaker.local.descriptions import instance_count, region_of
from flytekit_sagemaker.local.logs import LogReader
from flytekit_sagemaker.local.processes import Command, Launcher, LauncherDied, Process
from flytekit_sagemaker.local.scraping import Scraper
from flytekit_sagemaker.local.store import Job, Store
from flytekit_sagemaker.local.workspace import Workspace, upload_artifacts

STOP_GRACE_SECONDS = 120
MAX_FAILURE_REASON = 1024
_METRICS_FLUSH_SECONDS = 0.25
_LOG_DRAIN_SECONDS = 1.0
_LINES_PER_SEARCH = 1000
_MAX_UNSEARCHED_LINES = 10_000

_MESSAGES = {
    "Restarting": "Restarting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training in progress",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds",
}


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: the final status, the secondary one, and the reason of a failure."""

    status: str
    secondary: str
    reason: str = ""


COMPLETED = Outcome("Completed", "Completed")


def failed(reason: str) -> Outcome:
    """A failure; the reason is cut to what the service allows."""
    return Outcome("Failed", "Failed", reason[:MAX_FAILURE_REASON])


def begin(job: Job, status: str, secondary: str, now: float) -> None:
    """Move a training job into another status, as its list of transitions shows afterwards."""
    description = job.description
    transitions = description["SecondaryStatusTransitions"]
    transitions[-1].setdefault("EndTime", now)
    transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": _MESSAGES[secondary]})
    description.update(TrainingJobStatus=status, SecondaryStatus=secondary, LastModifiedTime=now)


def end(job: Job, outcome: Outcome, now: float) -> None:
    """Move a training job into its final status."""
    begin(job, outcome.status, outcome.secondary, now)
    job.description["SecondaryStatusTransitions"][-1]["EndTime"] = now
    if outcome.reason:
        job.description["FailureReason"] = outcome.reason
        job.description["SecondaryStatusTransitions"][-1]["StatusMessage"] = outcome.reason
    if started := job.description.get("TrainingStartTime"):
        seconds = int(now - started)
        job.description.update(TrainingEndTime=now, TrainingTimeInSeconds=seconds, BillableTimeInSeconds=seconds)


@dataclass(frozen=True)
class Surroundings:
    """What all training jobs of a server share.

    Attributes:
        folder: where the jobs' workspaces are.
        directory: where commands and users' functions run, so that ``python train.py`` means the file that its author
            means.
    """

    store: Store
    clock: Clock
    launcher: Launcher
    scraper: Scraper
    folder: Path
    directory: Path


class TrainingRun:
    """Runs one training job; ``finished`` is set when its end is on disk, or cannot be brought there.

    Args:
        job: the job, which this run alone changes from now on.
        runs: what its image is on this machine.
        processes_beside: how many such jobs share the machine's cores.
        on_metric: called with this run, a metric's name and its value as soon as the value is printed.
    """

    def __init__(
        self,
        job: Job,
        runs: Container,
        surroundings: Surroundings,
        *,
        processes_beside: int = 1,
        on_metric: Callable[[TrainingRun, str, float], None] = lambda *_: None,
    ) -> None:
        self.job = job
        self.finished = asyncio.Event()
        self._container = runs
        self._at = surroundings
        self._on_metric = on_metric
        self._stop = asyncio.Event()
        self._unsaved: list[tuple[str, float, float]] = []
        self._flush: asyncio.TimerHandle | None = None
        definitions = job.description["AlgorithmSpecification"].get("MetricDefinitions", ())
        self._metrics = [(each["Name"], each["Regex"]) for each in definitions]
        self._readers: list[LogReader] = []
        self._unsearched: list[str] = []
        self._search: asyncio.Task[None] | None = None
        count = instance_count(job.description["ResourceConfig"])
        hosts = [f"algo-{number}" for number in range(1, count + 1)]
        self._workspaces = [Workspace(surroundings.folder / job.name / host, host, hosts) for host in hosts]
        self._threads = max(1, (os.cpu_count() or 1) // (processes_beside * count))

    def stop(self) -> None:
        """Ask the job to end: SIGTERM, and SIGKILL when the grace period is over. Returns at once."""
        if not self._stop.is_set() and not self.job.ended:
            self._begin("Stopping", "Stopping")
            self._stop.set()

    async def run(self, *, restarted: bool = False) -> None:
        """Run the job to its end, again when the machinery failed and its RetryStrategy allows it."""
        try:
            try:
                outcome = await self._outcome(restarted)
            finally:
                if self._search:
                    self._search.cancel()
                self._save_metrics()
            end(self.job, outcome, self._at.clock.time())
            self._at.store.save(self.job)
        finally:
            self.finished.set()

    async def _outcome(self, restarted: bool) -> Outcome:
        retries = self.job.description.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0)
        while True:
            if restarted:
                self._forget()
            self.job.memory["attempts"] = self.job.memory.get("attempts", 0) + 1
            try:
                outcome = await self._attempt()
            except LauncherDied as fault:
                outcome = failed(f"InternalServerError: {fault}. Please try again.")
            except Exception as fault:
                logging.getLogger(__name__).exception("training job %s", self.job.name)
                outcome = failed(f"InternalServerError: {''.join(traceback.format_exception_only(fault)).strip()}")
            if self._stop.is_set() and outcome.reason.startswith("InternalServerError"):
                return Outcome("Stopped", "Stopped")
            restarted = outcome.reason.startswith("InternalServerError") and self.job.memory["attempts"] <= retries
            if not restarted:
                return outcome

    def _begin(self, status: str, secondary: str) -> None:
        begin(self.job, status, secondary, self._at.clock.time())
        self._at.store.save(self.job)

    def _forget(self) -> None:
        self._unsaved.clear()
        self._at.store.forget_metrics(self.job.name)
        self.job.description.pop("FinalMetricDataList", None)
        self.job.objective = None
        self._begin("InProgress", "Restarting")

    async def _attempt(self) -> Outcome:
        job = self.job.description
        if not self._stop.is_set():
            job.setdefault("TrainingStartTime", self._at.clock.time())
            self._begin("InProgress", "Downloading")
            try:
                for workspace in self._workspaces:
                    await asyncio.to_thread(workspace.prepare, job)
            except Exception as fault:
                return failed(f"ClientError: Data download failed: {fault}")
        if self._stop.is_set():
            return Outcome("Stopped", "Stopped")
        outcome = await self._train()
        if outcome is COMPLETED and not self._stop.is_set():
            self._begin("InProgress", "Uploading")
        if outcome.status != "Failed":
            try:
                await asyncio.to_thread(upload_artifacts, self._workspaces, job)
            except Exception as fault:
                return failed(f"ClientError: Artifact upload failed: {fault}")
            if outcome.status == "Completed":
                for workspace in self._workspaces:
                    await asyncio.to_thread(workspace.clear)
        return Outcome("Stopped", "Stopped") if self._stop.is_set() and outcome is COMPLETED else outcome

    async def _train(self) -> Outcome:
        began = self._at.clock.time()
        self._begin("InProgress", "Training")
        processes: list[Process] = []
        readers: list[LogReader] = []
        self._readers = readers
        try:
            for workspace in self._workspaces:
                reader = LogReader(workspace.log, self._read_line)
                readers.append(reader)
                try:
                    processes.append(self._at.launcher.start(self._command(workspace), reader.write_end))
                finally:
                    os.close(reader.write_end)
            outcome = await self._wait(processes, began)
            for reader in readers:  # what a process has handed down to others does not hold up the job
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(reader.finished.wait(), _LOG_DRAIN_SECONDS)
        finally:
            for process in processes:
                process.signal(signal.SIGKILL)
            for reader in readers:
                reader.close()
        if self._search:
            await self._search
        return outcome or self._verdict(processes, readers)

    def _command(self, workspace: Workspace) -> Command:
        job, runs = self.job.description, self._container
        environment = {**workspace.environment(job, region_of(self.job), self._threads), **runs.environment}
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
        directory = workspace.base if runs.algorithm else self._at.directory
        return Command(directory, environment, runs.module, runs.libraries, runs.argv)

    async def _wait(self, processes: list[Process], began: float) -> Outcome | None:
        """Wait for the processes; the outcome is None when it is theirs to decide."""
        limit = self.job.description["StoppingCondition"]["MaxRuntimeInSeconds"]
        stop: asyncio.Future[Any] = asyncio.ensure_future(self._stop.wait())
        limit_reached: asyncio.Future[Any] = asyncio.ensure_future(self._at.clock.sleep_until(began + limit))
        exits: set[asyncio.Future[Any]] = {process.exit for process in processes}
        try:
            while exits:
                done, _ = await asyncio.wait({*exits, stop, limit_reached}, return_when=asyncio.FIRST_COMPLETED)
                if stop in done:
                    await self._terminate(processes)
                    return Outcome("Stopped", "Stopped")
                if limit_reached in done:
                    self.stop()
                    await self._terminate(processes)
                    return Outcome("Stopped", "MaxRuntimeExceeded")
                if any(future.result() for future in exits & done):
                    for process in processes:
                        process.signal(signal.SIGKILL)
                exits -= done
        finally:
            stop.cancel()
            limit_reached.cancel()
        return None

    async def _terminate(self, processes: list[Process]) -> None:
        for process in processes:
            process.signal(signal.SIGTERM)
        patience = asyncio.ensure_future(self._kill_after_grace(processes))
        try:
            await asyncio.wait([process.exit for process in processes])
        finally:
            patience.cancel()

    async def _kill_after_grace(self, processes: list[Process]) -> None:
        await self._at.clock.sleep_until(self._at.clock.time() + STOP_GRACE_SECONDS)
        for process in processes:
            process.signal(signal.SIGKILL)

    def _verdict(self, processes: list[Process], readers: list[LogReader]) -> Outcome:
        """The outcome that the processes' exits make; the first host that failed by itself gives the reason."""
        codes = [process.exit.result() for process in processes]
        if not any(codes):
            return COMPLETED
        failures = [workspace.failure() for workspace in self._workspaces]
        # A host that was killed because another one failed has nothing to say.
        blamed = min((not failures[i], code == -signal.SIGKILL, i) for i, code in enumerate(codes) if code)[2]
        code = codes[blamed] if codes[blamed] > 0 else 128 - codes[blamed]
        ending = f", exit code: {code}"
        room = MAX_FAILURE_REASON - len("AlgorithmError: ") - len(ending)
        text = failures[blamed][:room] or "\n".join(readers[blamed].last_lines)[-room:]
        return failed(f"AlgorithmError: {text}{ending}" if text else f"AlgorithmError: Exit Code: {code}")

    def _read_line(self, line: str) -> None:
        if not self._metrics:
            return
        self._unsearched.append(line)
        if len(self._unsearched) > _MAX_UNSEARCHED_LINES:
            for reader in self._readers:
                reader.pause()
        if self._search is None or self._search.done():
            self._search = asyncio.get_running_loop().create_task(self._search_lines())

    async def _search_lines(self) -> None:
        while self._unsearched:
            lines, self._unsearched = self._unsearched[:_LINES_PER_SEARCH], self._unsearched[_LINES_PER_SEARCH:]
            metrics = self._metrics
            found = await asyncio.to_thread(self._at.scraper.search, [regex for _, regex in metrics], lines)
            for place, value in found.values:
                self._take(metrics[place][0], value)
            for place in found.given_up:
                name, regex = metrics[place]
                for reader in self._readers:
                    reader.note(
                        f"The local SageMaker gives up the metric {name!r}: to search for {regex!r} takes too long."
                    )
            self._metrics = [metric for place, metric in enumerate(metrics) if place not in found.given_up]
            if len(self._unsearched) <= _LINES_PER_SEARCH:
                for reader in self._readers:
                    reader.resume()

    def _take(self, name: str, value: float) -> None:
        self._unsaved.append((name, self._at.clock.time(), value))
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(_METRICS_FLUSH_SECONDS, self._save_metrics)
        self._on_metric(self, name, value)

    def _save_metrics(self) -> None:
        if self._flush:
            self._flush.cancel()
            self._flush = None
        if not self._unsaved:
            return
        points, self._unsaved = self._unsaved, []
        final = {each["MetricName"]: each for each in self.job.description.get("FinalMetricDataList", ())}
        for name, moment, value in points:
            final[name] = {"MetricName": name, "Value": value, "Timestamp": moment}
        self.job.description["FinalMetricDataList"] = list(final.values())
        objective = self.job.memory.get("objective")
        if objective in final:
            self.job.objective = final[objective]["Value"]
        with self._at.store.transaction():
            self._at.store.add_metrics(self.job.name, points)
            self._at.store.save(self.job)
