"""Polls per second through flytekit's gRPC service: ``python benchmarks/polls.py``.

Three connectors, each in its own ``pyflyte serve connector`` process, take turns before the same simulated SageMaker,
whose jobs all run for a day: one that answers without looking (flytekit's ceiling), ours, and
``flytekitplugins-awssagemaker``, which describes the job for every poll. The same program polls all of them. Ours keeps
the pace that it keeps with AWS; the server has no request quotas, as the other's polls would be refused.

A connector is served by one event loop: where its processor share is near 100 %, it is the connector that limits the
rate, and not whoever polls.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from parts import load, no_op_connector, rival
from parts.jobs import DEFINITION
from parts.services import REGION, Connector, SageMaker, connector, sagemaker
from parts.tables import machine, table

from flytekit_sagemaker.connector.metadata import JobMetadata

OURS = "sagemaker_training_job_task"
# The defaults for AWS; an endpoint on this machine has no limits by default.
PACE_OF_AWS = {
    "FLYTEKIT_SAGEMAKER_DESCRIBES_PER_SECOND": "5",
    "FLYTEKIT_SAGEMAKER_LISTS_PER_SECOND": "1",
    "FLYTEKIT_SAGEMAKER_STATUS_FRESHNESS_IN_SECONDS": "10",
}


@dataclass
class Contender:
    """A connector, and what it was measured at."""

    name: str
    connector: Connector
    polls: Sequence[bytes]
    rates: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    polled: float = 0.0

    def measure(self, account: SageMaker, jobs: int, concurrency: int, seconds: float) -> None:
        """Poll it for some seconds."""
        calls, cpu, begin = account.calls(), self.connector.cpu_seconds(), time.perf_counter()
        rate = load.poll(self.connector.address, self.polls[:jobs], concurrency, seconds)
        took, cpu = time.perf_counter() - begin, self.connector.cpu_seconds() - cpu
        self.rates.append(rate)
        self.shares.append(cpu / took)
        self.milliseconds.append(1000 * cpu / (rate * took))
        self.polled += rate * took
        time.sleep(0.2)  # looks that are under way
        self.calls += account.calls() - calls

    def forget(self) -> None:
        """Begin another row of the table."""
        self.rates, self.shares, self.milliseconds, self.calls, self.polled = [], [], [], Counter(), 0.0


def main() -> None:
    options = _options()
    jobs = (1, 10) if options.quick else (1, 100, 1000)
    repetitions, seconds = (1, 0.3) if options.quick else (options.repetitions, options.seconds)
    names = [f"flyte-training-benchmark-{number:05}" for number in range(max(jobs))]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        account = stack.enter_context(sagemaker("--seconds", "86400"))
        client = account.client()
        for name in names:
            client.create_training_job(TrainingJobName=name, **DEFINITION)

        def contender(
            name: str, task_type: str, metadata: list[bytes], settings: Mapping[str, str] = {}, **more: object
        ) -> Contender:
            served = stack.enter_context(connector(folder, settings, **more))
            return Contender(name, served, load.requests(task_type, metadata))

        no_op = [no_op_connector.NoMetadata(name).encode() for name in names]
        contenders = [
            contender("no-op", no_op_connector.TASK_TYPE, no_op, modules=["parts.no_op_connector"]),
            contender(
                "ours",
                OURS,
                [_metadata(name, folder, account.url) for name in names],
                {"FLYTEKIT_SAGEMAKER_ENDPOINT_URL": account.url, **PACE_OF_AWS},
            ),
        ]
        if not options.without_rival:
            pickles = rival.metadata(DEFINITION, names)
            environment = {"AWS_ENDPOINT_URL": account.url}
            where = {"scripts": rival.scripts(), "modules": [rival.MODULE]}
            contenders.append(contender("awssagemaker", rival.TASK_TYPE, pickles, environment, **where))
        print(machine(), end="\n\n")
        rows = []
        for count in jobs:
            for each in contenders:  # to a steady state, in which every job was looked at
                load.poll(each.connector.address, each.polls[:count], 1, 0 if options.quick else 3)
            for concurrency in (1, 32):
                for _ in range(repetitions):
                    for each in contenders:
                        each.measure(account, count, concurrency, seconds)
                rows += _rows(count, concurrency, contenders)
                for each in contenders:
                    each.forget()
    head = (
        "connector",
        "jobs",
        "at a time",
        "polls/s",
        "of no-op",
        f"times {contenders[-1].name}",
        "ms CPU per poll",
        "CPU share",
        "AWS calls",
        "calls/1,000 polls",
    )
    print(table(head, rows))


def _rows(jobs: int, concurrency: int, contenders: list[Contender]) -> list[list[object]]:
    rows = []
    ceiling, slowest = contenders[0], contenders[-1]
    for each in contenders:
        ratios = [rate / most for rate, most in zip(each.rates, ceiling.rates, strict=True)]
        rows.append(
            [
                each.name,
                f"{jobs:,}",
                concurrency,
                f"{statistics.median(each.rates):,.1f}",
                f"{statistics.median(ratios):.1%}",
                f"{statistics.median(each.rates) / statistics.median(slowest.rates):,.0f}",
                f"{statistics.median(each.milliseconds):.3f}",
                f"{statistics.median(each.shares):.0%}",
                f"{each.calls.total():,}",
                f"{1000 * each.calls.total() / each.polled:,.1f}",
            ]
        )
    return rows


def _metadata(name: str, folder: Path, url: str) -> bytes:
    created = int(time.time())
    return JobMetadata(
        name, f"{folder}/{name}", REGION, url, execution=f"p/d/{name}/n0/0", task="m.task", created=created
    ).encode()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="seconds: whether it runs at all")
    parser.add_argument("--without-rival", action="store_true", help="leave out flytekitplugins-awssagemaker")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each repetition")
    return parser.parse_args()


if __name__ == "__main__":
    main()
