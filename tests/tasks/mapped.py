"""Functions that the tests map over lists."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from flytekit import current_context, dynamic, map_task, workflow
from flytekit.types.directory import FlyteDirectory

from flytekit_sagemaker import custom_training_job_task
from flytekit_sagemaker.models.training_job import StoppingCondition, TrainingJobConfig

CONFIG = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10)


@custom_training_job_task(training_job_config=CONFIG)
def lines_of(train: FlyteDirectory, factor: int, stopping_condition: StoppingCondition) -> dict:
    """What the job of one element sees."""
    lines = (Path(train) / "data.txt").read_text().split()
    return {
        "lines": lines * factor,
        "folder": str(train),
        "seconds": stopping_condition.max_runtime_in_seconds,
        "hosts": current_context().distributed_context.world_size,
    }


@custom_training_job_task(training_job_config=CONFIG)
def meet(folder: str, name: str, others: list[str]) -> str:
    """Wait for the others, which is in vain unless they run at the same time."""
    (Path(folder) / name).touch()
    give_up = time.monotonic() + 60
    while not all((Path(folder) / other).exists() for other in others):
        if time.monotonic() > give_up:
            raise TimeoutError(f"{name} is alone")
        time.sleep(0.02)
    return name


@custom_training_job_task(training_job_config=CONFIG)
def alone(folder: str, name: str) -> bool:
    """Whether nobody else was here."""
    place = Path(folder) / "occupied"
    place.touch(exist_ok=False)
    time.sleep(0.3)
    place.unlink()
    return True


@custom_training_job_task(training_job_config=CONFIG)
def named_root(square: int) -> NamedTuple("Root", root=float):  # type: ignore[valid-type]
    return (square**0.5,)


@custom_training_job_task(training_job_config=CONFIG)
def root(square: int) -> float:
    """The square root, if there is one."""
    if square < 0:
        raise ValueError(f"{square} has no root")
    return square**0.5


@custom_training_job_task(training_job_config=CONFIG)
def last_long(folder: str, name: str, fails: bool) -> str:
    """Fail as soon as the other has begun, or run until stopped."""
    (Path(folder) / name).touch()
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        if fails and (Path(folder) / "long").exists():
            raise ValueError("this one fails")
        time.sleep(0.02)
    return name


@custom_training_job_task(training_job_config=CONFIG, cacheable=True, cache_version="1")
def counted(train: FlyteDirectory, log: str) -> int:
    """How many lines the log has after one more."""
    with Path(log).open("a") as file:
        file.write(f"{(Path(train) / 'data.txt').read_text()}\n")
    return len(Path(log).read_text().split())


class Two(NamedTuple):
    first: int
    second: int


@custom_training_job_task(training_job_config=CONFIG)
def two(number: int) -> Two:
    """Two outputs."""
    return Two(number, number)


@workflow
def roots(squares: list[int] = [4, 9]) -> list[float]:  # noqa: B006
    """Map in a workflow."""
    return map_task(root, concurrency=2)(square=squares)


@dynamic
def fanned_out(squares: list[int]) -> list[float]:
    """Loop in a dynamic workflow."""
    return [root(square=square) for square in squares]


@workflow
def dynamic_roots(squares: list[int]) -> list[float]:
    """A dynamic workflow in a workflow."""
    return fanned_out(squares=squares)
