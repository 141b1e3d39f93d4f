"""What it takes to follow many jobs within AWS's quotas: ``python benchmarks/scale.py``.

A simulated account with AWS's quotas, always with the same number of jobs in progress: they take 5 to 40 minutes, every
tenth is a tuning job, and another begins when one has ended. Flyte polls each every 30 seconds. Two ways of answering:

- ours: ``get`` of the real connectors, down to botocore's serializers and parsers; what would be sent is handed to the
  account within the process;
- a describe for every poll; when that is throttled, the last known state.

Time is virtual, so an hour takes seconds, and the same happens every time. A call takes 0.2 seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import itertools
import json
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from flyteidl.core.execution_pb2 import TaskExecution
from flytekit.extend.backend.utils import is_terminal_phase
from parts.jobs import DEFINITION
from parts.services import ENVIRONMENT, REGION
from parts.tables import machine, table
from parts.virtual_time import VirtualThreads, VirtualTimeLoop

from flytekit_sagemaker import aws
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.runtime import Runtime
from flytekit_sagemaker.connector.training import TrainingJobConnector
from flytekit_sagemaker.connector.tuning import TuningJobConnector
from flytekit_sagemaker.local.descriptions import trial_name
from flytekit_sagemaker.testing.quotas import Quotas, Rate
from flytekit_sagemaker.testing.simulation import Life, SimulatedSageMaker

BETWEEN_POLLS_IN_SECONDS = 30.0
SECONDS_PER_CALL = 0.2
SHORTEST, LONGEST = 5 * 60.0, 40 * 60.0
TRIALS, AT_A_TIME = 4, 2
# Not on this machine, where there would be no pace to keep; it is never connected to.
URL = "http://simulated.invalid"

Poll = Callable[[JobMetadata, bool], Awaitable[bool]]
TUNING = {
    "Strategy": "Random",
    "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
    "ResourceLimits": {"MaxNumberOfTrainingJobs": TRIALS, "MaxParallelTrainingJobs": AT_A_TIME},
    "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}]},
}


@dataclass
class World:
    """An account, and Flyte beside it."""

    loop: VirtualTimeLoop
    account: SimulatedSageMaker
    folder: str
    random: random.Random
    polls: int = 0
    late: list[float] = field(default_factory=list)

    async def follow(self, poll: Poll, first_seconds: float, numbers: itertools.count[int]) -> None:
        """One job after another; the first has been running for a while."""
        seconds = first_seconds
        while True:
            meta = self._create(next(numbers), seconds)
            is_tuning = not meta.name.startswith("flyte-training-")
            await asyncio.sleep(self.random.uniform(0, BETWEEN_POLLS_IN_SECONDS))
            while True:
                self.polls += 1
                next_poll = self.loop.time() + BETWEEN_POLLS_IN_SECONDS
                if await poll(meta, is_tuning):
                    break
                await asyncio.sleep(next_poll - self.loop.time())
            self.late.append(self.loop.time() - self._end(meta, is_tuning))
            seconds = self.random.uniform(SHORTEST, LONGEST)

    def _create(self, number: int, seconds: float) -> JobMetadata:
        is_tuning = number % 10 == 0
        name = f"flyte-tuning-{number}" if is_tuning else f"flyte-training-{number}"
        shared = {**DEFINITION, "OutputDataConfig": {"S3OutputPath": f"file://{self.folder}"}}
        if is_tuning:
            definition = {**shared, "StaticHyperParameters": {"seconds": str(seconds * AT_A_TIME / TRIALS)}}
            self.account.call(
                "create_hyper_parameter_tuning_job",
                HyperParameterTuningJobName=name,
                HyperParameterTuningJobConfig=TUNING,
                TrainingJobDefinition=definition,
            )
        else:
            parameters = {"seconds": str(seconds)}
            self.account.call("create_training_job", TrainingJobName=name, HyperParameters=parameters, **shared)
        execution, now = f"p/d/f{number}/n0/0", int(self.loop.time())
        task = f"module.task_{number % 20}"  # jobs of a task are of all lengths: no telling when one will end
        return JobMetadata(name, f"{self.folder}/{name}", REGION, URL, execution=execution, task=task, created=now)

    def _end(self, meta: JobMetadata, is_tuning: bool) -> float:
        names = [trial_name(meta.name, number) for number in range(1, TRIALS + 1)] if is_tuning else [meta.name]
        jobs = [job for name in names if (job := self.account.training_job(name))]
        return max(job.plan.end for job in jobs)


def ours(world: World) -> Poll:
    """Polls answered by the connectors."""
    _send_to(world.account)
    runtime = Runtime(world.loop, threads=VirtualThreads(world.loop, SECONDS_PER_CALL))
    connectors = TrainingJobConnector("training", runtime), TuningJobConnector("tuning", runtime)

    async def poll(meta: JobMetadata, is_tuning: bool) -> bool:
        answer = await connectors[is_tuning].get(meta)
        if is_terminal_phase(answer.phase) and answer.phase != TaskExecution.SUCCEEDED:
            raise RuntimeError(answer.message)
        return bool(is_terminal_phase(answer.phase))

    return poll


def describe_per_poll(world: World) -> Poll:
    """Polls answered by a describe each."""

    async def poll(meta: JobMetadata, is_tuning: bool) -> bool:
        await asyncio.sleep(SECONDS_PER_CALL)
        kind, shape = (
            ("hyper_parameter_tuning_job", "HyperParameterTuningJob") if is_tuning else ("training_job", "TrainingJob")
        )
        try:
            description = world.account.call(f"describe_{kind}", **{f"{shape}Name": meta.name})
        except ClientError as error:
            if error.response["Error"]["Code"] != "ThrottlingException":
                raise
            return False
        return description[f"{shape}Status"] not in ("InProgress", "Stopping")

    return poll


WAYS = {"ours": ours, "a describe per poll": describe_per_poll}


def measure(way: str, jobs: int, warm_up: float, minutes: float) -> list[object]:
    """Follow so many jobs for some minutes after some others; a row of the table."""
    loop = VirtualTimeLoop()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        account = SimulatedSageMaker(loop, quotas=Quotas(creates=Rate(1e9, 1e9)), lives=_life)
        world = World(loop, account, folder, random.Random(jobs))
        begin = time.process_time()
        row = loop.run_until_complete(_watch(world, WAYS[way](world), jobs, warm_up, minutes))
        aws.forget_clients()
    return [way, f"{jobs:,}", *row, f"{time.process_time() - begin:.0f}"]


async def _watch(world: World, poll: Poll, jobs: int, warm_up: float, minutes: float) -> list[object]:
    numbers = itertools.count()
    followers = []
    for _ in range(jobs):
        # What is left, at a random moment, of a job that is in progress.
        whole = max(world.random.uniform(SHORTEST, LONGEST) for _ in range(2))
        followers.append(asyncio.ensure_future(world.follow(poll, whole * world.random.random(), numbers)))
    await asyncio.sleep(60 * warm_up)
    before, throttled = Counter(world.account.calls.operations), world.account.calls.throttled
    world.polls, world.late = 0, []
    await asyncio.sleep(60 * minutes)
    for each in followers:
        if each.done():
            each.result()
    calls, throttled = Counter(world.account.calls.operations) - before, world.account.calls.throttled - throttled
    lists, describes = (
        sum(count for name, count in calls.items() if name.startswith(how)) for how in ("List", "Describe")
    )
    for each in followers:
        each.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    late = sorted(world.late)
    return [
        f"{world.polls / minutes:,.0f}",
        f"{(describes + lists) / minutes:,.1f}",
        f"{describes / minutes:,.1f}",
        f"{lists / minutes:,.1f}",
        f"{throttled / minutes:,.1f}",
        f"{len(late):,}",
        f"{statistics.median(late):.1f}" if late else "-",
        f"{late[int(0.99 * len(late))]:.1f}" if late else "-",
        f"{late[-1]:.1f}" if late else "-",
    ]


def _life(request: Mapping[str, Any]) -> Life:
    return Life(final_metrics={"validation:rmse": 0.5}).lasting(max(1.0, float(request["HyperParameters"]["seconds"])))


def _send_to(account: SimulatedSageMaker) -> None:
    """Hand what boto3 would send to the account."""

    def answer(request: Any, **_: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        reply = account.answer(operation, json.loads(request.body))
        failure = reply.failure
        content = {"__type": failure.code, "message": failure.message} if failure else reply.content
        body = json.dumps(content, default=datetime.timestamp).encode()
        headers = {"Content-Type": "application/x-amz-json-1.1"}
        return AWSResponse(request.url, failure.status if failure else 200, headers, _Body(body))

    aws.client(aws.Endpoint(REGION, URL)).meta.events.register("before-send.sagemaker", answer)


class _Body:
    def __init__(self, content: bytes) -> None:
        self.stream = functools.partial(iter, [content])


def main() -> None:
    """Measure and print a table."""
    options = _options()
    os.environ.update(ENVIRONMENT)
    os.environ["FLYTEKIT_SAGEMAKER_ENDPOINT_URL"] = URL
    sizes, warm_up, minutes = ((10, 50), 2, 8) if options.quick else (options.jobs, 10, options.minutes)
    print(machine(), end="\n\n")
    rows = [measure(way, jobs, warm_up, minutes) for jobs in sizes for way in WAYS]
    head = ("way", "jobs", "polls/min", "calls/min", "describes/min", "lists/min", "throttles/min", "ended")
    print(table((*head, "late: median, s", "99 %, s", "most, s", "CPU, s"), rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="seconds: whether it runs at all")
    parser.add_argument("--jobs", type=int, nargs="+", default=[10, 100, 1000, 5000])
    parser.add_argument("--minutes", type=float, default=20.0, help="of virtual time that are measured")
    return parser.parse_args()


if __name__ == "__main__":
    main()
