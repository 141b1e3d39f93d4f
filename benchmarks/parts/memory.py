"""What a tracked job costs in memory: ``python -m parts.memory URL traced|resident NAME...``, in a process of its own.

Polls every job, as Flyte does, until each has been seen on SageMaker, and prints what the process grew by, as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
import tracemalloc
from typing import Any

from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.training import TrainingJobConnector
from parts.services import REGION, Process

WARM_UP = 100


async def follow(connector: Any, requests: list[bytes]) -> None:
    """Poll the jobs until all have been seen."""
    waiting = requests
    while waiting:
        unseen = []
        for request in waiting:
            answer = await connector.get(JobMetadata.decode(request))
            await answer.to_flyte_idl()  # flytekit's service does so, and an answer keeps it
            if answer.message == "not looked at yet":
                unseen.append(request)
        waiting = unseen
        await asyncio.sleep(0.2)


def main() -> None:
    """Measure and print."""
    url, how, *names = sys.argv[1:]
    requests = [
        JobMetadata(
            name,
            f"s3://bucket/metadata/propeller/flytesnacks-development-{name[-20:]}/n0/data/0",
            REGION,
            url,
            execution=f"flytesnacks/development/{name[-20:]}/n0/0",
            task="package.module.task",
            created=int(time.time()),
        ).encode()
        for name in names
    ]
    connector = TrainingJobConnector("benchmark")
    asyncio.run(follow(connector, requests[:WARM_UP]))
    gc.collect()
    if how == "traced":
        tracemalloc.start(10)
    process = Process(os.getpid())
    before = process.resident_mib(), tracemalloc.get_traced_memory()[0]
    asyncio.run(follow(connector, requests[WARM_UP:]))
    gc.collect()
    result: dict[str, Any] = {
        "resident": (process.resident_mib() - before[0]) * (1 << 20),
        "traced": tracemalloc.get_traced_memory()[0] - before[1],
        "jobs": len(requests) - WARM_UP,
    }
    if how == "traced":
        statistics = tracemalloc.take_snapshot().statistics("lineno")[:12]
        result["places"] = [
            (f"{'/'.join(each.traceback[0].filename.split('/')[-2:])}:{each.traceback[0].lineno}", each.size)
            for each in statistics
        ]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
