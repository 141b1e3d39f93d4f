"""Workflows as users write them, registered with the tests' sandbox by pyflyte: no import of the tests in here."""

from __future__ import annotations

import time
from pathlib import Path

from flytekit import conditional, dynamic, task, workflow
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
def wait_for(marker: str) -> str:
    Path(marker + ".waiting").touch()
    while not Path(marker).exists():
        time.sleep(0.01)
    return marker


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
def failing(marker: str) -> tuple[str, int]:
    return wait_for(marker=marker), fail(reason="it is broken")


@dynamic
def many(number: int) -> list[int]:
    return [double(number=each) for each in range(number)]


@workflow
def with_dynamic(number: int) -> list[int]:
    return many(number=number)
