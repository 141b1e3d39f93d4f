"""How long a workflow of many tasks takes to be made of a class: ``python benchmarks/class_workflow.py [--quick]``.

The same tasks are called in the body of a class, in flytekit's imperative workflow, and in a function under
``@workflow``, which flytekit compiles on first use. Each measurement has a process of its own; the first workflow of a
process, of one task, is not counted. The tasks are a chain: each takes an output of the one before, an input of the
workflow and two constants. The outputs of the workflow are those of its first task or of all its tasks.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from flytekit import Workflow, task, workflow
from parts.tables import machine, table

from flytekit_sagemaker.sdk.workflow import Input, Output, workflow_class

NODES = (50, 200, 800)


@task
def step(before: float, rate: float, depth: int, name: str = "x") -> float:
    """The task of every node."""
    return before


def of_class(nodes: int, outputs: int) -> Any:
    """The workflow as a class."""

    @workflow_class
    class Chain:
        rate = Input(float)
        last = rate
        for number in range(nodes):
            last = step(before=last, rate=rate, depth=number, name="y")
            locals()[f"node_{number}"] = last
            if number < outputs:
                locals()[f"output_{number}"] = Output(last)

    return Chain


def imperative(nodes: int, outputs: int) -> Any:
    """The workflow as flytekit's imperative one."""
    chain = Workflow(name="imperative")
    last = rate = chain.add_workflow_input("rate", float)
    for number in range(nodes):
        last = chain.add_entity(step, before=last, rate=rate, depth=number, name="y").outputs["o0"]
        if number < outputs:
            chain.add_workflow_output(f"output_{number}", last)
    return chain


def of_function(nodes: int, outputs: int) -> Any:
    """The workflow as a function."""

    @workflow
    def chain(rate: float) -> list[float]:
        results: list[Any] = [rate]
        for number in range(nodes):
            results.append(step(before=results[-1], rate=rate, depth=number, name="y"))
        return results[1 : outputs + 1]

    return chain


WAYS: dict[str, Callable[[int, int], Any]] = {
    "workflow_class": of_class,
    "imperative": imperative,
    "@workflow": of_function,
}


def measure(way: str, nodes: int, outputs: int) -> float:
    """Milliseconds of making one workflow in this process."""
    assert WAYS[way](1, 1).nodes
    begin = time.perf_counter()
    made = WAYS[way](nodes, outputs).nodes
    seconds = time.perf_counter() - begin
    assert len(made) == nodes
    return 1000 * seconds


def main() -> None:
    if sys.argv[1:2] == ["one"]:
        print(measure(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
        return
    quick = "--quick" in sys.argv
    rows = []
    for nodes, outputs in [(each, many) for each in ((10,) if quick else NODES) for many in (1, each)]:
        for way in WAYS:
            times = []
            for _ in range(1 if quick else 5):
                command = [sys.executable, __file__, "one", way, str(nodes), str(outputs)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                times.append(float(done.stdout.splitlines()[-1]))
            middle = statistics.median(times)
            rows.append([way, nodes, outputs, f"{min(times):.0f}", f"{middle:.0f}", f"{middle / nodes:.2f}"])
    print(machine())
    print()
    print(table(["way", "nodes", "outputs", "ms, min", "ms, median", "ms per node"], rows))


if __name__ == "__main__":
    main()
