"""Polls as propeller makes them: GetTask over gRPC, so many at a time."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence

import grpc
from flyteidl.admin.agent_pb2 import GetTaskRequest, GetTaskResponse, TaskCategory
from flyteidl.core.execution_pb2 import TaskExecution


def requests(task_type: str, metadata: Sequence[bytes]) -> list[bytes]:
    """The request of a poll of each job, ready to send."""
    category = TaskCategory(name=task_type)
    return [GetTaskRequest(task_category=category, resource_meta=each).SerializeToString() for each in metadata]


def poll(address: str, requests: Sequence[bytes], concurrency: int, seconds: float) -> float:
    """Poll the jobs in turn; polls per second. Raises RuntimeError when an answer is not RUNNING or INITIALIZING."""
    return asyncio.run(_poll(address, requests, concurrency, seconds))


async def _poll(address: str, requests: Sequence[bytes], concurrency: int, seconds: float) -> float:
    async with grpc.aio.insecure_channel(address) as channel:
        # Bytes in, bytes out: what is measured is the connector, not this program's protobuf.
        get = channel.unary_unary("/flyteidl.service.AsyncAgentService/GetTask")
        turns = itertools.cycle(requests)
        answers: set[bytes] = set()
        polls = 0
        begin = time.perf_counter()
        end = begin + seconds

        async def ask() -> None:
            nonlocal polls
            while time.perf_counter() < end:
                answers.add(await get(next(turns)))
                polls += 1

        await asyncio.gather(*(ask() for _ in range(concurrency)))
        rate = polls / (time.perf_counter() - begin)
    phases = {GetTaskResponse.FromString(answer).resource.phase for answer in answers}
    if unexpected := phases - {TaskExecution.RUNNING, TaskExecution.INITIALIZING}:
        raise RuntimeError(f"unexpected phases: {[TaskExecution.Phase.Name(phase) for phase in unexpected]}")
    return rate
