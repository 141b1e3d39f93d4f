"""What polls cost: looks at SageMaker are shared, kept within its quotas, and enough to tell the truth in time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.execution_pb2 import TaskExecution

from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.runtime import Runtime
from flytekit_sagemaker.connector.training import TrainingJobConnector
from flytekit_sagemaker.testing.clock import JumpingClock
from flytekit_sagemaker.testing.faults import Fault, Faults
from flytekit_sagemaker.testing.lives import Life
from flytekit_sagemaker.testing.quotas import Quotas, Rate
from flytekit_sagemaker.testing.simulated_server import SimulatedServer
from flytekit_sagemaker.testing.simulation import SimulatedSageMaker

HOURS = Life().lasting(10 * 3600)
RUNNING, SUCCEEDED, INITIALIZING = TaskExecution.RUNNING, TaskExecution.SUCCEEDED, TaskExecution.INITIALIZING


class CountedThreads(ThreadPoolExecutor):
    """Threads whose work can be waited for, so that time does not run ahead of it."""

    def __init__(self) -> None:
        super().__init__(8)
        self._begun: set[Future[Any]] = set()

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = super().submit(work, *args, **kwargs)
        self._begun.add(future)
        future.add_done_callback(self._begun.discard)
        return future

    def settle(self) -> None:
        """Return when nothing is being done."""
        while begun := list(self._begun):
            wait(begun)


@dataclass
class Cluster:
    """Jobs in a simulated account with AWS's quotas, and a connector that polls them at the pace for AWS."""

    account: SimulatedSageMaker
    clock: JumpingClock
    url: str
    folder: Path
    jobs: list[JobMetadata] = field(default_factory=list)
    threads: CountedThreads = field(default_factory=CountedThreads)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A connector that knows nothing."""
        runtime = Runtime(self.clock, patience=60, threads=self.threads)
        self.connector = TrainingJobConnector("sagemaker_training_job_task", runtime)

    def start(self, count: int) -> None:
        """Jobs that another connector has created."""
        for number in range(len(self.jobs), len(self.jobs) + count):
            name = f"flyte-training-{number}"
            reply = self.account.answer(
                "CreateTrainingJob",
                {
                    "TrainingJobName": name,
                    "RoleArn": "arn:aws:iam::123456789012:role/SageMaker",
                    "AlgorithmSpecification": {
                        "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
                        "TrainingInputMode": "File",
                    },
                    "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
                    "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
                    "StoppingCondition": {"MaxRuntimeInSeconds": 24 * 3600},
                },
            )
            assert reply.failure is None
            prefix = str(self.folder / name)
            self.jobs.append(JobMetadata(name, prefix, "us-east-1", self.url, task="m.task"))

    def calls(self, operation: str) -> int:
        """How often SageMaker was asked."""
        return self.account.calls.operations[operation]

    async def poll(self, jobs: list[JobMetadata] | None = None) -> list[int]:
        """The phases that polls report, all at once."""
        self.threads.settle()
        answers = [self.connector.get(job) for job in (self.jobs if jobs is None else jobs)]
        return [answer.phase for answer in await asyncio.gather(*answers)]

    async def follow(self, seconds: float, every: float = 30.0) -> dict[str, float]:
        """Poll every job at its own moments, as propeller does; by job, when a poll first said that it succeeded."""
        start = self.clock.time()
        dice = random.Random(0)
        first = [dice.uniform(0, every) for _ in self.jobs]
        turns = range(int(seconds / every))
        moments = sorted((moment + turn * every, index) for index, moment in enumerate(first) for turn in turns)
        told: dict[str, float] = {}
        for moment, index in moments:
            self.threads.settle()
            self.clock.advance(max(0.0, start + moment - self.clock.time()))
            job = self.jobs[index]
            if job.name not in told and (await self.connector.get(job)).phase == SUCCEEDED:
                told[job.name] = self.clock.time()
        return told


NewCluster = Callable[..., Cluster]


@pytest.fixture
def new_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewCluster]:
    pace = {"DESCRIBES_PER_SECOND": "5", "LISTS_PER_SECOND": "1", "STATUS_FRESHNESS_IN_SECONDS": "10"}  # for AWS
    for name, value in pace.items():
        monkeypatch.setenv(f"FLYTEKIT_SAGEMAKER_{name}", value)
    with ExitStack() as open_servers:

        def new(life: Life | Callable[[Any], Life] = HOURS, faults: Faults | None = None, **quotas: Any) -> Cluster:
            clock = JumpingClock()
            account = SimulatedSageMaker(
                clock,
                quotas=Quotas(creates=Rate(1e9, 1e9), **quotas),
                faults=faults,
                lives=life if callable(life) else lambda _: life,
            )
            url = open_servers.enter_context(SimulatedServer(account)).url
            monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", url)
            return Cluster(account, clock, url, tmp_path)

        yield new


async def test_a_poll_within_the_freshness_costs_nothing(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    cluster.start(1)
    for _ in range(50):
        assert await cluster.poll() == [INITIALIZING]
        cluster.clock.advance(0.1)
    assert cluster.calls("DescribeTrainingJob") <= 2


async def test_those_who_ask_at_the_same_time_share_one_look(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    cluster.start(1)
    assert await cluster.poll(cluster.jobs * 50) == [INITIALIZING] * 50
    assert cluster.calls("DescribeTrainingJob") == 1


async def test_a_job_that_nobody_asks_about_costs_nothing(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    cluster.start(2)
    await cluster.poll()
    for _ in range(100):
        cluster.clock.advance(30)
        await cluster.poll(cluster.jobs[:1])
    described = [call for call in cluster.account.calls.recent if call.operation == "DescribeTrainingJob"]
    assert len(described) <= 2 + 100
    assert cluster.calls("ListTrainingJobs") == 0


async def test_a_few_jobs_are_described_and_tell_their_end_at_the_next_poll(new_cluster: NewCluster) -> None:
    cluster = new_cluster(life=lambda _: Life())
    cluster.start(5)
    ended = cluster.clock.time() + sum(seconds for _, seconds in Life().phases)
    told = await cluster.follow(900)
    assert len(told) == 5
    assert all(moment - ended <= 30 for moment in told.values())
    assert cluster.account.calls.throttled == 0
    assert cluster.calls("ListTrainingJobs") == 0


async def test_polls_without_end_stay_within_the_budget(
    new_cluster: NewCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_STATUS_FRESHNESS_IN_SECONDS", "0.1")
    cluster = new_cluster()
    cluster.start(8)
    await cluster.follow(60, every=0.5)
    assert cluster.calls("DescribeTrainingJob") <= 60 * 5 + 10
    assert cluster.account.calls.throttled == 0


async def test_many_jobs_are_listed_and_nothing_is_throttled(new_cluster: NewCluster) -> None:
    dice = random.Random(1)
    lengths: dict[str, float] = {}

    def life(request: Any) -> Life:
        lengths[request["TrainingJobName"]] = dice.uniform(200, 700)
        return Life().lasting(lengths[request["TrainingJobName"]])

    cluster = new_cluster(life=life)
    cluster.start(400)
    started = cluster.clock.time()
    told = await cluster.follow(900)
    assert set(told) == set(lengths)
    late = sorted(told[name] - started - lengths[name] for name in told)
    assert late[0] >= 0
    assert late[-1] < 90
    polls = 400 * 15
    assert cluster.account.calls.total - 400 < polls / 3
    assert cluster.calls("ListTrainingJobs") > 0
    assert cluster.account.calls.throttled == 0


async def test_a_restart_costs_no_job_and_no_quota(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    cluster.start(300)
    cluster.clock.advance(3 * 3600)
    for _ in range(3):
        cluster.restart()
        assert set(await cluster.poll()) == {RUNNING}
        await cluster.follow(90)
    assert cluster.account.calls.throttled == 0
    assert set(await cluster.poll()) == {RUNNING}


async def test_a_throttled_account_is_asked_less_and_polls_keep_the_last_known_state(new_cluster: NewCluster) -> None:
    faults = Faults.scheduled([("Describe*", call, Fault.THROTTLED) for call in range(2, 40)])
    cluster = new_cluster(faults=faults)
    cluster.start(1)
    assert await cluster.poll() == [INITIALIZING]
    for _ in range(60):
        cluster.clock.advance(1)
        assert await cluster.poll() == [INITIALIZING]
    assert cluster.calls("DescribeTrainingJob") <= 8
    cluster.clock.advance(5 * 3600)
    for _ in range(40):
        cluster.clock.advance(30)
        phases = await cluster.poll()
    assert phases == [RUNNING]


@pytest.mark.parametrize("fault", [Fault.INTERNAL_ERROR, Fault.RESET, Fault.TRUNCATED, Fault.ACCESS_DENIED])
async def test_polls_keep_the_last_known_phase_while_sagemaker_does_not_answer(
    new_cluster: NewCluster, fault: Fault
) -> None:
    cluster = new_cluster(faults=Faults.scheduled([("*TrainingJob", call, fault) for call in range(3, 50)]))
    cluster.start(1)
    assert await cluster.poll() == [INITIALIZING]
    for _ in range(10):
        cluster.clock.advance(20)
        answer = await cluster.connector.get(cluster.jobs[0])
        assert answer.phase == INITIALIZING
    assert "describe_training_job" in answer.message


async def test_a_list_that_fails_harms_nobody(new_cluster: NewCluster) -> None:
    cluster = new_cluster(
        life=lambda _: Life(), faults=Faults.scheduled([("List*", call, Fault.INTERNAL_ERROR) for call in range(1, 30)])
    )
    cluster.start(100)
    assert len(await cluster.follow(1200)) == 100


async def test_a_list_that_is_never_allowed_leaves_describes(new_cluster: NewCluster) -> None:
    denied = Faults.scheduled([("List*", call, Fault.ACCESS_DENIED) for call in range(1, 10_000)])
    cluster = new_cluster(life=lambda _: Life(), faults=denied)
    cluster.start(100)
    assert len(await cluster.follow(1200)) == 100
    assert cluster.calls("ListTrainingJobs") < 20
    assert cluster.account.calls.throttled == 0


async def test_a_list_that_lags_behind_is_not_believed(new_cluster: NewCluster) -> None:
    cluster = new_cluster(life=lambda _: Life())
    answer = cluster.account.answer

    def lagging(operation: str, request: dict[str, Any], **more: Any) -> Any:
        """Lists show jobs that have ended, too."""
        if operation == "ListTrainingJobs":
            request = {name: value for name, value in request.items() if name != "StatusEquals"}
        return answer(operation, request, **more)

    cluster.account.answer = lagging  # type: ignore[method-assign]
    cluster.start(100)
    assert len(await cluster.follow(1200)) == 100


async def test_without_threads_polls_are_answered_all_the_same(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    cluster.start(1)
    cluster.threads.shutdown()
    for _ in range(10):
        assert await cluster.poll() == [RUNNING]
        cluster.clock.advance(60)
    cluster.threads = CountedThreads()
    cluster.connector._runtime.board(cluster.jobs[0].endpoint)._run = cluster.threads.submit
    assert await cluster.poll() == [INITIALIZING]
    assert cluster.calls("DescribeTrainingJob") == 1


async def test_a_stopping_job_is_not_taken_for_one_that_ended(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    cluster.start(100)
    await cluster.follow(60)
    cluster.account.answer("StopTrainingJob", {"TrainingJobName": cluster.jobs[0].name})
    await cluster.follow(30, every=10)
    assert (await cluster.connector.get(cluster.jobs[0])).phase == RUNNING
    await cluster.follow(120)
    answer = await cluster.connector.get(cluster.jobs[0])
    assert answer.phase == TaskExecution.FAILED
    assert "stopped" in answer.message.lower()


async def test_the_last_answer_is_kept_and_costs_nothing(new_cluster: NewCluster) -> None:
    cluster = new_cluster(life=lambda _: Life())
    cluster.start(1)
    await cluster.follow(900)
    before = cluster.account.calls.total
    first = await cluster.connector.get(cluster.jobs[0])
    for _ in range(20):
        cluster.clock.advance(30)
        assert await cluster.connector.get(cluster.jobs[0]) == first
    assert cluster.account.calls.total == before


async def test_a_forgotten_job_is_found_again(new_cluster: NewCluster) -> None:
    cluster = new_cluster(life=lambda _: Life())
    cluster.start(2)
    await cluster.follow(900)
    cluster.clock.advance(7200)
    await cluster.poll(cluster.jobs[:1])  # the others are forgotten by now
    cluster.clock.advance(120)
    assert await cluster.poll() == [SUCCEEDED, SUCCEEDED]
