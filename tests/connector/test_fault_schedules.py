"""Hundreds of executions, each with faults of its own: one job per attempt, the right end, and nothing left running.

FAULT_SCHEDULES=1000 makes them a thousand.

Propeller repeats creates whose answer it did not get; the connector dies between any two calls; calls to AWS are
throttled, denied, lost before or after they took effect, cut off and held back; jobs wait for capacity and lose spot
instances; one or two replicas take the calls; executions are aborted. Time moves only when somebody waits for it.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.execution_pb2 import TaskExecution
from flytekit.extend.backend.base_connector import ConnectorRegistry
from flytekit.extend.backend.utils import is_terminal_phase

from flytekit_sagemaker.connector.runtime import Runtime
from flytekit_sagemaker.connector.training import TrainingJobConnector
from flytekit_sagemaker.connector.tuning import TuningJobConnector
from flytekit_sagemaker.testing.clock import JumpingClock
from flytekit_sagemaker.testing.faults import PASSING, Fault, Faults
from flytekit_sagemaker.testing.lives import Life
from flytekit_sagemaker.testing.quotas import Quotas
from flytekit_sagemaker.testing.simulated_server import SimulatedServer
from flytekit_sagemaker.testing.simulation import SimulatedSageMaker

from .conftest import Flyte, execution
from .test_jobs import TRAIN, TUNE

SCHEDULES = int(os.environ.get("FAULT_SCHEDULES", "200"))  # a thousand take two minutes on two cores
CHUNKS = 20
BETWEEN_POLLS_IN_SECONDS = 75
PATIENCE_IN_POLLS = 400

CONNECTORS = {TRAIN: TrainingJobConnector, TUNE: TuningJobConnector}
SLOW = Fault.SLOW  # waits for a real timeout, so few schedules have it
MISHAPS = [fault for fault in PASSING if fault is not SLOW] + [
    Fault.EXPIRED_TOKEN,
    Fault.ACCESS_DENIED,
    Fault.RESOURCE_LIMIT,
    Fault.SPOT_INTERRUPTION,
    Fault.PENDING,
    Fault.NO_CAPACITY,
]
ENDLESS = Life(phases=(("Starting", 10), ("Training", 100_000), ("Uploading", 5)))
LIVES = [
    Life(),
    Life(),
    Life(end="Failed", failure_reason="AlgorithmError: the labels are not numbers"),
    Life(end="Failed", failure_reason="InternalServerError: We encountered an internal error. Please try again."),
    ENDLESS,
]
INPUTS = {
    "static_hyperparameters": {"num_round": 5, "objective": "binary:logistic"},
    "train": "s3://bucket/train",
    "validation": "s3://bucket/validation",
    "stopping_condition": {"max_runtime_in_seconds": 3600},
}
TUNING_INPUTS = {
    **INPUTS,
    "hyperparameter_tuning_job_config": {
        "tuning_strategy": "RANDOM",
        "tuning_objective": {"objective_type": "MAXIMIZE", "metric_name": "validation:auc"},
    },
    "eta": {"continuous_parameter_range": {"min_value": 0.1, "max_value": 0.5}},
}


class Schedule:
    """What goes wrong in one execution, and the execution itself."""

    def __init__(self, seed: int, flyte: Flyte, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.flyte = flyte
        self.folder = folder
        self.replicas: list[Any] = []
        self.clock = JumpingClock()
        self.task = TUNE if self.dice.random() < 0.15 else TRAIN
        self.life = self.dice.choice(LIVES)
        kinds = [*MISHAPS, SLOW] if self.dice.random() < 0.02 else MISHAPS
        self.account = SimulatedSageMaker(
            self.clock,
            quotas=Quotas(instances={"ml.m5.xlarge": 0} if self.dice.random() < 0.03 else {}),
            faults=Faults.seeded(seed, self.dice.uniform(0, 0.6), kinds, last_call=self.dice.randint(0, 60)),
            lives=lambda request: self.life,
            seed=seed,
        )
        self.abort_after = self.dice.randint(0, 40) if self.dice.random() < 0.3 else None
        self.monkeypatch = monkeypatch

    async def run(self) -> None:
        with SimulatedServer(self.account) as server:
            self.monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", server.url)
            self.replicas = [self.new_replica() for _ in range(self.dice.choice([1, 1, 2]))]
            meta = await self.create()
            polls, resource = 0, None
            while polls != self.abort_after:
                polls += 1
                assert polls < PATIENCE_IN_POLLS, f"no end; the last answer: {resource}"
                self.next_call()
                resource = await self.flyte.get(self.task, meta)
                if is_terminal_phase(resource.phase) or resource.phase == TaskExecution.RETRYABLE_FAILED:
                    return await self.check_end(resource, meta)
                self.clock.advance(BETWEEN_POLLS_IN_SECONDS * self.dice.uniform(0.5, 1.5))
            await self.abort(meta)
            self.clock.advance(3600)
            assert len(self.jobs()) <= 1
            assert self.account.running() == []
            return None

    def new_replica(self) -> Any:
        """A connector that knows nothing, as after a restart."""
        return CONNECTORS[self.task](self.task.task_type, Runtime(self.clock))

    def next_call(self) -> None:
        """Kill a replica now and then; any of them may get the next call."""
        if self.dice.random() < 0.05:
            self.replicas[self.dice.randrange(len(self.replicas))] = self.new_replica()
        ConnectorRegistry.register(self.dice.choice(self.replicas), override=True)

    async def create(self) -> bytes:
        """Create as propeller does: again and again until an answer gets through to it."""
        who, prefix = execution(), self.folder / str(self.seed)
        inputs = TUNING_INPUTS if self.task is TUNE else INPUTS
        while True:
            self.next_call()
            meta = await self.flyte.create(self.task, inputs, who, prefix=prefix)
            if self.dice.random() < 0.8:
                return meta

    async def abort(self, meta: bytes) -> None:
        for _ in range(PATIENCE_IN_POLLS):
            self.next_call()
            poll = self.flyte.get(self.task, meta) if self.dice.random() < 0.3 else asyncio.sleep(0)
            stopped, _ = await asyncio.gather(self.flyte.delete_or_not(self.task, meta), poll)
            if stopped and self.dice.random() < 0.8:
                return
            self.clock.advance(10)
        raise AssertionError("the job cannot be stopped")

    def jobs(self) -> list[str]:
        """The jobs that were made for the attempt; trials are the tuning job's own."""
        names = self.account.job_names()
        return [name for name in names if not any(name.startswith(f"{other}-") for other in names)]

    async def check_end(self, resource: Any, meta: bytes) -> None:
        if not self.jobs():
            assert resource.phase == TaskExecution.FAILED
            assert "Waiting will not help" in resource.message or "not authorized" in resource.message
            return
        (name,) = self.jobs()
        assert self.account.creates(name) == 1
        status = self.account.state()["jobs"][name]
        # A tuning job ends well even when none of its trials reported an objective; the task has no result then.
        succeeded = status == "Completed" and not (self.task is TUNE and self.life is ENDLESS)
        assert (resource.phase == TaskExecution.SUCCEEDED) == succeeded, resource
        if succeeded:
            assert set(self.flyte.outputs(meta)) == set(self.task.python_interface.outputs)
        elif self.task is TRAIN:
            reason = self.account.training_job(name).plan.reason
            passing = reason.startswith(("CapacityError", "InternalServerError"))
            assert resource.phase == (TaskExecution.RETRYABLE_FAILED if passing else TaskExecution.FAILED), reason
            assert (reason or "max_runtime_in_seconds") in resource.message
        assert self.account.running() == []
        again = await self.flyte.get(self.task, meta)
        assert (again.phase, again.message) == (resource.phase, resource.message)


@pytest.mark.parametrize("chunk", range(CHUNKS))
async def test_one_job_the_right_end_and_nothing_left(
    chunk: int, flyte: Flyte, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_READ_TIMEOUT_IN_SECONDS", "0.3")
    registered = {task: ConnectorRegistry.get_connector(task.task_type) for task in CONNECTORS}
    try:
        for seed in range(chunk, SCHEDULES, CHUNKS):
            try:
                await Schedule(seed, flyte, tmp_path, monkeypatch).run()
            except Exception as error:
                raise AssertionError(f"schedule {seed}: {error}") from error
    finally:
        for connector in registered.values():
            ConnectorRegistry.register(connector, override=True)
