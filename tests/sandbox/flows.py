"""Workflows as users write them, registered with the tests' sandbox by pyflyte: no import of the tests in here."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flytekit import LaunchPlan, conditional, dynamic, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException


@task
def double(number: int) -> int:
    return 2 * number


@task
def total(numbers: list[int], names: dict[str, int]) -> int:
    return sum(numbers) + sum(names.values())


@task
def fail(reason: str) -> int:
    if reason:
        raise ValueError(reason)
    return 0


@task(retries=1)
def second_time_lucky(marker: str) -> str:
    path = Path(marker)
    if not path.exists():
        path.touch()
        raise FlyteRecoverableException("the first time")
    return "lucky"


@task
def fail_beside(marker: str) -> int:
    waiting = Path(marker + ".waiting")
    while not (waiting.exists() and waiting.read_text()):
        time.sleep(0.01)
    return fail(reason="it is broken")


@task
def wait_for(marker: str) -> str:
    Path(marker + ".waiting").write_text(str(os.getpid()))
    while not Path(marker).exists():
        time.sleep(0.01)
    return marker


@task(timeout=timedelta(seconds=0.5), retries=1)
def too_long() -> int:
    time.sleep(600)
    return 0


@task(cache=True, cache_version="1", cache_serialize=True)
def note(path: str) -> int:
    with Path(path).open("a") as file:
        file.write("computed\n")
    return 1


@dataclass
class Shape:
    sides: int
    names: list[str]


@task
def shape() -> tuple[dict[str, int], Shape]:
    return {"a": 4}, Shape(5, ["x", "y"])


@task
def length(name: str, optional: int | None = None) -> int:
    return len(name) + (optional or 0)


@workflow
def parts() -> tuple[int, int, int]:
    sizes, found = shape()
    return double(number=sizes["a"]), double(number=found.sides), length(name=found.names[1], optional=sizes["a"])


@workflow
def lucky(marker: str) -> str:
    return second_time_lucky(marker=marker)


@workflow
def inner(number: int) -> int:
    return double(number=double(number=number))


@workflow
def adding(number: int = 3) -> int:
    left = double(number=number)
    right = inner(number=number)
    return total(numbers=[left, right, 1], names={"left": left})


adding_five = LaunchPlan.get_or_create(adding, "flows.adding_five", fixed_inputs={"number": 5})


@workflow
def choosing(number: int) -> int:
    return (
        conditional("size")
        .if_((number > 10) & (number < 100))
        .then(double(number=number))
        .elif_(number == 0)
        .then(fail(reason="zero"))
        .else_()
        .then(inner(number=number))
    )


@workflow
def choosing_by_result(number: int) -> int:
    first = double(number=number)
    second = double(number=first)
    chosen = conditional("result").if_(first > 10).then(double(number=second)).else_().then(double(number=number))
    return double(number=chosen)


@workflow
def failing(marker: str) -> tuple[str, int]:
    return wait_for(marker=marker), fail_beside(marker=marker)


@dynamic
def many(number: int) -> list[int]:
    return [double(number=each) for each in range(number)]


@workflow
def with_dynamic(number: int) -> list[int]:
    return many(number=number)
