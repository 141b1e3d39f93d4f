"""The connector's process is killed at the worst moments; whoever comes after it goes on as if nothing had happened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from flyteidl.core.execution_pb2 import TaskExecution
from flyteidl.service.agent_pb2_grpc import AsyncAgentServiceStub

from flytekit_sagemaker.testing.clock import MovableClock
from flytekit_sagemaker.testing.faults import Fault, Faults
from flytekit_sagemaker.testing.simulated_server import SimulatedServer
from flytekit_sagemaker.testing.simulation import SimulatedSageMaker

from .conftest import Flyte, execution
from .service import ConnectorProcess, served
from .test_fault_schedules import INPUTS
from .test_jobs import TRAIN

pytestmark = [pytest.mark.xdist_group("serving"), pytest.mark.timeout(300)]


@dataclass
class Cluster:
    """A simulated account, and the folder under which connectors come and go."""

    account: SimulatedSageMaker
    clock: MovableClock
    url: str
    folder: Path

    @asynccontextmanager
    async def connector(self) -> AsyncIterator[tuple[Flyte, ConnectorProcess]]:
        """A new process, and a client of it."""
        folder = self.folder / f"connector-{time.monotonic_ns()}"
        folder.mkdir()
        with served(folder, settings={"endpoint_url": self.url}) as process:
            async with grpc.aio.insecure_channel(process.address) as channel:
                yield Flyte(AsyncAgentServiceStub(channel), self.folder), process

    async def until(self, operation: str, calls: int) -> None:
        """Return once an operation was called so often."""
        while self.account.calls.operations[operation] < calls:
            await asyncio.sleep(0.01)


@pytest.fixture
def cluster(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The first call of the operation that the test names takes effect, but its answer never comes."""
    clock = MovableClock(time.time())
    account = SimulatedSageMaker(clock, faults=Faults.scheduled([(request.param, 1, Fault.SLOW)]))
    with SimulatedServer(account) as server:
        yield Cluster(account, clock, server.url, tmp_path)


@pytest.mark.parametrize("cluster", ["CreateTrainingJob"], indirect=True)
async def test_killed_between_the_create_and_its_answer_and_again_while_the_job_runs(cluster: Cluster) -> None:
    who = execution()
    async with cluster.connector() as (flyte, process):
        waiting = asyncio.create_task(flyte.create(TRAIN, INPUTS, who))
        await cluster.until("CreateTrainingJob", 1)
        process.process.kill()
        with pytest.raises(grpc.aio.AioRpcError):
            await waiting
    async with cluster.connector() as (flyte, process):
        meta = await flyte.create(TRAIN, INPUTS, who)
        prefix = flyte.prefixes[meta]
        assert (await flyte.get(TRAIN, meta)).phase == TaskExecution.INITIALIZING
        process.process.kill()
    cluster.clock.advance(3600)
    async with cluster.connector() as (flyte, _):
        resource = await flyte.end(TRAIN, meta)
    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    assert (prefix / "outputs.pb").exists()
    assert len(cluster.account.job_names()) == 1


@pytest.mark.parametrize("cluster", ["StopTrainingJob"], indirect=True)
async def test_killed_while_it_stops_a_job(cluster: Cluster) -> None:
    async with cluster.connector() as (flyte, process):
        meta = await flyte.create(TRAIN, INPUTS)
        stopping = asyncio.create_task(flyte.delete(TRAIN, meta))
        await cluster.until("StopTrainingJob", 1)
        process.process.kill()
        with pytest.raises(grpc.aio.AioRpcError):
            await stopping
    async with cluster.connector() as (flyte, _):
        await flyte.delete(TRAIN, meta)
        await flyte.delete(TRAIN, meta)
    cluster.clock.advance(600)
    assert cluster.account.running() == []
    assert len(cluster.account.job_names()) == 1
