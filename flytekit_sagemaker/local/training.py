"""One training job from Starting to its end.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeTrainingJob.html
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.local import pipes, resumption
from flytekit_sagemaker.local.containers import Container
from flytekit_sagemaker.local.descriptions import region_of
from flytekit_sagemaker.local.file_systems import FolderOf
from flytekit_sagemaker.local.instances import instance_count
from flytekit_sagemaker.local.lifecycle import (
    COMPLETED,
    INTERRUPTED,
    MAX_FAILURE_REASON,
    STOPPED,
    Outcome,
    begin,
    end,
    failed,
)
from flytekit_sagemaker.local.logs import LogReader
from flytekit_sagemaker.local.metrics import JobMetrics
from flytekit_sagemaker.local.objects import TransferFailed
from flytekit_sagemaker.local.processes import Command, Launcher, LauncherDied, Process
from flytekit_sagemaker.local.scraping import Scraper
from flytekit_sagemaker.local.store import Job, Store
from flytekit_sagemaker.local.workspace import Workspace, upload_artifacts, upload_checkpoints

STOP_GRACE_SECONDS = 120
_LOG_DRAIN_SECONDS = 1.0
_FEEDER_LOST = failed("InternalServerError: What streams the channels in Pipe mode has died. Please try again.")
_INTERRUPTION_NOTE = "The local SageMaker takes the instances of this job back, as spot instances are."


@dataclass(frozen=True)
class Surroundings:
    """What all training jobs of a server share.

    Attributes:
        folder: where the jobs' workspaces are.
        directory: where commands run and the modules of users' functions are looked for, so that ``python train.py``
            means the file that its author means.
        folder_of: folders that stand for file systems, by id.
    """

    store: Store
    clock: Clock
    launcher: Launcher
    scraper: Scraper
    folder: Path
    directory: Path
    folder_of: FolderOf


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
        self._metrics = JobMetrics(
            job,
            surroundings.store,
            surroundings.clock,
            surroundings.scraper,
            lambda name, value: on_metric(self, name, value),
        )
        self._stop = asyncio.Event()
        self._interruption = asyncio.Event()
        self._readers: list[LogReader] = []
        self._culprits: list[Process] = []
        count = instance_count(job.description["ResourceConfig"])
        hosts = [f"algo-{number}" for number in range(1, count + 1)]
        self._workspaces = [Workspace(surroundings.folder / job.name / host, host, hosts) for host in hosts]
        self._threads = max(1, (os.cpu_count() or 1) // (processes_beside * count))

    def stop(self) -> None:
        """Ask the job to end: SIGTERM, and SIGKILL when the grace period is over. Returns at once."""
        if not self._stop.is_set() and not self.job.ended:
            self._begin("Stopping", "Stopping")
            self._stop.set()

    def interrupt(self) -> None:
        """Take its instances from a job in status Training: SIGTERM, SIGKILL after the grace period, and a new start.

        Nothing but checkpoints and metrics outlives it. Returns at once.
        """
        self.job.memory["attempts"] -= 1  # retries are for failures
        self._begin("InProgress", "Interrupted")
        self._interruption.set()

    async def run(self, *, restarted: bool = False) -> None:
        """Run the job to its end, again when the machinery failed and its RetryStrategy allows it."""
        try:
            try:
                outcome = await self._outcome(restarted)
            finally:
                self._metrics.close()
            end(self.job, outcome, self._at.clock.time())
            self._at.store.save(self.job)
        finally:
            self.finished.set()

    async def _outcome(self, restarted: bool) -> Outcome:
        retries = self.job.description.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0)
        while True:
            if restarted:
                self._begin("InProgress", "Restarting")
            elif self.job.description["SecondaryStatus"] == "Interrupted":
                self._begin("InProgress", "Starting")
            self._interruption.clear()
            self.job.memory["attempts"] = self.job.memory.get("attempts", 0) + 1
            try:
                outcome = await self._attempt(restarted)
            except LauncherDied as fault:
                outcome = failed(f"InternalServerError: {fault}. Please try again.")
            except Exception as fault:
                logging.getLogger(__name__).exception("training job %s", self.job.name)
                outcome = failed(f"InternalServerError: {''.join(traceback.format_exception_only(fault)).strip()}")
            if self._stop.is_set() and outcome.reason.startswith("InternalServerError"):
                return STOPPED
            if outcome is INTERRUPTED:
                restarted = False
                continue
            restarted = outcome.reason.startswith("InternalServerError") and self.job.memory["attempts"] <= retries
            if not restarted:
                return outcome

    def _begin(self, status: str, secondary: str) -> None:
        begin(self.job, status, secondary, self._at.clock.time())
        self._at.store.save(self.job)

    async def _attempt(self, restarted: bool) -> Outcome:
        job = self.job.description
        if not self._stop.is_set():
            job.setdefault("TrainingStartTime", self._at.clock.time())
            self._begin("InProgress", "Downloading")
            try:
                for workspace in self._workspaces:
                    await asyncio.to_thread(workspace.prepare, job, self._at.folder_of)
            except TransferFailed as fault:
                return failed(f"ClientError: {fault}")
            start = await asyncio.to_thread(resumption.start_of, self.job, self._workspaces, self._at.clock.time())
            resumption.note(self.job, start)
            if restarted and start.saved is None:
                self._metrics.forget()
        if self._stop.is_set():
            return STOPPED
        outcome = await self._train()
        if outcome is COMPLETED and not self._stop.is_set():
            self._begin("InProgress", "Uploading")
        try:
            saved = await asyncio.to_thread(resumption.newest_checkpoint, self._workspaces)
            resumption.note_checkpoints(self.job, saved)
            await asyncio.to_thread(upload_checkpoints, self._workspaces, job)
            if outcome.status in ("Completed", "Stopped"):
                await asyncio.to_thread(upload_artifacts, self._workspaces, job)
        except TransferFailed as fault:
            return outcome if outcome.reason else failed(f"ClientError: {fault}")
        if outcome is COMPLETED:
            for workspace in self._workspaces:
                await asyncio.to_thread(workspace.clear)
        return STOPPED if self._stop.is_set() and outcome in (COMPLETED, INTERRUPTED) else outcome

    async def _train(self) -> Outcome:
        began = self._at.clock.time()
        self._begin("InProgress", "Training")
        self._culprits = []
        meeting_point = self._meeting_point()
        processes: list[Process] = []
        feeders: list[Process] = []
        readers: list[LogReader] = []
        self._readers = readers
        self._metrics.follow(readers)
        try:
            feeders += [self._start_feeder(each) for each in self._workspaces if pipes.has_orders(each.base)]
            for workspace in self._workspaces:
                reader = LogReader(workspace.log, self._metrics.read)
                readers.append(reader)
                command = await asyncio.to_thread(self._command, workspace, meeting_point)
                try:
                    processes.append(self._at.launcher.start(command, reader.write_end))
                finally:
                    os.close(reader.write_end)
            outcome = await self._wait(processes, feeders, *self._deadline(began))
            for reader in readers:  # what a process has handed down to others does not hold up the job
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(reader.finished.wait(), _LOG_DRAIN_SECONDS)
        finally:
            for process in (*processes, *feeders):
                process.signal(signal.SIGKILL)
            for reader in readers:
                reader.close()
            self._count_seconds_trained(began)
        await self._metrics.all_found()
        return outcome or self._verdict(processes, readers)

    def _start_feeder(self, workspace: Workspace) -> Process:
        """Start what streams the channels of a host into its pipes."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        try:
            return self._at.launcher.start(Command(workspace.base, dict(os.environ), pipes.MODULE), nothing)
        finally:
            os.close(nothing)

    def _count_seconds_trained(self, began: float) -> None:
        status = self.job.description["SecondaryStatusTransitions"][-1]
        ended = self._at.clock.time() if status["Status"] == "Training" else status["StartTime"]
        self.job.memory["seconds_trained"] = self.job.memory.get("seconds_trained", 0) + ended - began

    def _deadline(self, began: float) -> tuple[float, str]:
        """When the job's time is over, and what its secondary status is then; all attempts share one runtime."""
        condition = self.job.description["StoppingCondition"]
        runtime = condition["MaxRuntimeInSeconds"] - self.job.memory.get("seconds_trained", 0)
        wait = condition.get("MaxWaitTimeInSeconds", math.inf)
        created = self.job.description["CreationTime"]
        return min((began + runtime, "MaxRuntimeExceeded"), (created + wait, "MaxWaitTimeExceeded"))

    def _meeting_point(self) -> dict[str, str]:
        """Where the hosts of this attempt find each other: its own port on the machine that all jobs share."""
        if len(self._workspaces) == 1:
            return {}
        with socket.create_server(("127.0.0.1", 0)) as free:
            address, port = free.getsockname()
        return {"MASTER_ADDR": address, "MASTER_PORT": str(port)}

    def _command(self, workspace: Workspace, meeting_point: Mapping[str, str]) -> Command:
        job, runs = self.job.description, self._container
        own = {**meeting_point, **runs.environment}
        environment = workspace.environment(job, region_of(self.job), self._threads, own)
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
        if runs.argv:
            return Command(self._at.directory, environment, argv=runs.argv)
        # What a program leaves in its current directory stays its own, as in a container; the server's directory is
        # where a function's module is looked for, as an image's is.
        given = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([*([given] if given else []), str(self._at.directory)])
        return Command(workspace.code, environment, runs.module, runs.libraries)

    async def _wait(
        self, processes: list[Process], feeders: list[Process], deadline: float, exceeded: str
    ) -> Outcome | None:
        """Wait for the processes; the outcome is None when it is theirs to decide."""
        stop: asyncio.Future[Any] = asyncio.ensure_future(self._stop.wait())
        interruption: asyncio.Future[Any] = asyncio.ensure_future(self._interruption.wait())
        deadline_reached: asyncio.Future[Any] = asyncio.ensure_future(self._at.clock.sleep_until(deadline))
        events = {stop, interruption, deadline_reached}
        exits: set[asyncio.Future[Any]] = {process.exit for process in processes}
        broken: set[asyncio.Future[Any]] = {feeder.exit for feeder in feeders}
        lost = False
        try:
            while exits:
                done, _ = await asyncio.wait({*exits, *broken, *events}, return_when=asyncio.FIRST_COMPLETED)
                if stop in done:
                    await self._terminate(processes)
                    return STOPPED
                if deadline_reached in done:
                    self.stop()
                    await self._terminate(processes)
                    return Outcome("Stopped", exceeded)
                if interruption in done:
                    for reader in self._readers:
                        reader.note(_INTERRUPTION_NOTE)
                    await self._terminate(processes)
                    return INTERRUPTED
                if culprits := [each for each in processes if each.exit in exits & done and each.exit.result()]:
                    self._culprits = self._culprits or culprits
                    for process in processes:
                        process.signal(signal.SIGKILL)
                if broken & done:  # what is not streamed, nobody needs to wait for
                    for process in processes:
                        process.signal(signal.SIGKILL)
                    lost = not self._input_failure()
                exits -= done
                broken -= done
        finally:
            for event in events:
                event.cancel()
        return _FEEDER_LOST if lost else None

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

    def _input_failure(self) -> str:
        """Why a channel could not be streamed, or an empty string."""
        return next(filter(None, (pipes.failure(workspace.base) for workspace in self._workspaces)), "")

    def _verdict(self, processes: list[Process], readers: list[LogReader]) -> Outcome:
        """The outcome that the processes' exits make; a host that failed by itself gives the reason."""
        codes = [process.exit.result() for process in processes]
        if broken := self._input_failure():
            return failed(f"ClientError: {broken}")
        if not any(codes):
            return COMPLETED
        failures = [workspace.failure() for workspace in self._workspaces]
        failing = [(not failures[i], processes[i] not in self._culprits, i) for i, code in enumerate(codes) if code]
        _, _, blamed = min(failing)
        code = codes[blamed] if codes[blamed] > 0 else 128 - codes[blamed]
        ending = f", exit code: {code}"
        room = MAX_FAILURE_REASON - len("AlgorithmError: ") - len(ending)
        text = failures[blamed][:room] or "\n".join(readers[blamed].last_lines)[-room:]
        return failed(f"AlgorithmError: {text}{ending}" if text else f"AlgorithmError: Exit Code: {code}")
