"""Functions as users write them, run as training jobs by the tests."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flytekit import current_context
from flytekit.exceptions.user import FlyteRecoverableException
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker import SdkSimpleHPOJobTask, checkpoint, custom_training_job_task, report_metric
from flytekit_sagemaker.models.training_job import Channel, StoppingCondition, TrainingJobConfig

CONFIG = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10)
MINUTE = StoppingCondition(max_runtime_in_seconds=60)
TWO_HOSTS = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10, instance_count=2)


class Trained(NamedTuple):
    model: FlyteFile
    error: float
    seen: dict


@custom_training_job_task(training_job_config=CONFIG, environment={"COLOR": "green"})
def train_model(
    train: FlyteDirectory,
    validation: FlyteDirectory | None,
    hyperparameters: dict,
    stopping_condition: StoppingCondition,
    depth: int,
    kernel: str = "rbf",
    weights: list[float] | None = None,
) -> Trained:
    """A model that is the mean of the labels.

    Args:
        depth: how deep it would be.
    """
    labels = np.loadtxt(next(Path(train).glob("*.csv")), delimiter=",")[:, 0]
    error = float(abs(labels.mean() - hyperparameters.get("target", 0.5)) + depth / 100)
    report_metric("validation:error", error, step=1)
    model = Path("model.txt")
    model.write_text(str(labels.mean()))
    seen = {
        "hyperparameters": hyperparameters,
        "types": {name: type(value).__name__ for name, value in hyperparameters.items()},
        "depth": depth,
        "kernel": kernel,
        "weights": weights,
        "train": str(train),
        "has_validation": validation is not None,
        "max_runtime": stopping_condition.max_runtime_in_seconds,
        "color": os.environ["COLOR"],
        "execution": current_context().execution_id.name,
    }
    return Trained(FlyteFile(str(model)), error, seen)


tune_model = SdkSimpleHPOJobTask(train_model, 4, 2, tunable_parameters=["depth", "rate", "kernel"])


@dataclass
class Settings:
    rate: float = 0.1
    rounds: int = 3


@custom_training_job_task(training_job_config=CONFIG)
def with_dataclass(hyperparameters: Settings) -> float:
    assert isinstance(hyperparameters, Settings)
    report_metric("score", hyperparameters.rate * hyperparameters.rounds)
    return hyperparameters.rate * hyperparameters.rounds


tune_dataclass = SdkSimpleHPOJobTask(with_dataclass, 2, 1, tunable_parameters=["rounds"])


@custom_training_job_task(training_job_config=CONFIG, channels=[Channel(name="table", content_type="text/plain")])
def from_file(table: FlyteFile) -> str:
    return Path(table).read_text()


@custom_training_job_task(training_job_config=CONFIG)
def fail(kind: str) -> float:
    report_metric("validation:error", 1.0)
    if kind == "recoverable":
        raise FlyteRecoverableException("the weather is bad")
    if kind == "long":
        raise ValueError("x" * 5000 + " at the end")
    if kind == "output":
        return "no number"  # type: ignore[return-value]
    if kind == "leave":
        sys.exit(0)
    if kind == "exit":
        raise SystemExit(3)
    if kind == "killed":
        os.kill(os.getpid(), 9)
    if kind == "sleep":
        time.sleep(600)
    return _broken(kind)


def _broken(kind: str) -> float:
    raise ValueError(f"cannot train on {kind}")


tune_failure = SdkSimpleHPOJobTask(fail, 2, 2, tunable_parameters=["kind"])


@custom_training_job_task(training_job_config=CONFIG)
def return_array() -> NamedTuple("Result", model=np.ndarray, mean=float):  # type: ignore[valid-type]
    array = np.arange(4.0)
    return array, float(array.mean())


@custom_training_job_task(training_job_config=CONFIG)
def keep_model_in_place(hyperparameters: dict) -> NamedTuple("Kept", model=FlyteDirectory):  # type: ignore[valid-type]
    folder = Path(os.environ["SM_MODEL_DIR"])
    (folder / "weights").mkdir()
    (folder / "weights" / "a.txt").write_text("a")
    return (FlyteDirectory(str(folder)),)


@custom_training_job_task(training_job_config=TWO_HOSTS)
def on_two_hosts(kind: str = "") -> dict:
    place: Any = current_context().distributed_context
    if kind == place.current_host:
        raise ValueError(f"{place.current_host} is broken")
    report_metric("rank", place.rank)
    return {
        "hosts": list(place.hosts),
        "host": place.current_host,
        "rank": place.rank,
        "interface": place.network_interface_name,
        "world": os.environ["WORLD_SIZE"],
        "master": os.environ["MASTER_ADDR"],
    }


@custom_training_job_task(training_job_config=TWO_HOSTS, should_persist_output=lambda context: context.rank == 1)
def persisted_by_the_second() -> str:
    return str(current_context().distributed_context.current_host)


SPOT = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10, enable_managed_spot_training=True)


@custom_training_job_task(training_job_config=SPOT)
def descend(steps: int, rate: float, pause_at: int, signs: str) -> NamedTuple(
    "Descended", weights=list[float], begun=int
):  # type: ignore[valid-type]
    """Gradient descent on a parabola, a checkpoint per step; once at ``pause_at`` it waits for a file to appear."""
    rng = np.random.default_rng(7)
    weights, begun = rng.normal(size=3), 0
    if (latest := checkpoint.latest()) is not None:
        weights, begun = np.load(latest.path / "weights.npy"), latest.step + 1
    for step in range(begun, steps):
        weights = weights - rate * 2 * (weights - np.array([1.0, 2.0, 3.0]))
        with checkpoint.saving(step) as folder:
            np.save(folder / "weights.npy", weights)
        report_metric("loss", float(((weights - [1.0, 2.0, 3.0]) ** 2).sum()), step=step)
        if step == pause_at and begun == 0:
            Path(signs, os.environ["TRAINING_JOB_NAME"]).touch()
            while True:
                time.sleep(0.01)
    return weights.tolist(), begun


tune_descent = SdkSimpleHPOJobTask(descend, 2, 1, tunable_parameters=["rate"])


@custom_training_job_task(training_job_config=CONFIG, container_image="bare")
def in_a_bare_image() -> float:
    return 1.0


@custom_training_job_task(training_job_config=CONFIG, container_image="other")
def in_an_image_that_does_something_else() -> float:
    return 1.0


@custom_training_job_task(training_job_config=CONFIG)
def write_depth(depth: int) -> NamedTuple("Written", model=FlyteFile, folder=str, left=list[str]):  # type: ignore[valid-type]
    """A model that says which trial it is of, in the folder that flytekit gives."""
    folder = Path(current_context().working_directory)
    left = sorted(path.name for path in folder.iterdir())
    (folder / "model.txt").write_text(str(depth))
    report_metric("loss", abs(depth - 2))
    return FlyteFile(str(folder / "model.txt")), str(folder), left


tune_depth = SdkSimpleHPOJobTask(write_depth, 4, 2, tunable_parameters=["depth"])


@custom_training_job_task(training_job_config=CONFIG)
def best_leaves_nothing(depth: int) -> int:
    report_metric("loss", depth)
    sys.stdout.flush()
    if depth == 1:
        os._exit(0)
    if depth == 2:
        raise ValueError("after the metric")
    return depth


tune_leaving = SdkSimpleHPOJobTask(best_leaves_nothing, 3, 1, tunable_parameters=["depth"])


@custom_training_job_task(training_job_config=CONFIG)
def show_hyperparameters(hyperparameters: dict | None = None) -> str:
    report_metric("loss", 1.0)
    return repr(hyperparameters)


@custom_training_job_task(training_job_config=CONFIG)
def with_floats(hyperparameters: dict[str, float]) -> dict[str, float]:
    report_metric("loss", sum(hyperparameters.values()))
    return hyperparameters


tune_floats = SdkSimpleHPOJobTask(with_floats, 1, 1, tunable_parameters=["rate"])
tune_optional = SdkSimpleHPOJobTask(show_hyperparameters, 1, 1, tunable_parameters=["rate"])


@custom_training_job_task(training_job_config=CONFIG)
def with_lists(hyperparameters: dict[str, list[int]]) -> dict[str, list[int]]:
    return hyperparameters


@custom_training_job_task(training_job_config=CONFIG)
def same_name(hyperparameters: dict, depth: int) -> list[int]:
    report_metric("loss", 1.0)
    return [hyperparameters["depth"], depth]


tune_same_name = SdkSimpleHPOJobTask(same_name, 1, 1, tunable_parameters=["depth"])


@custom_training_job_task(training_job_config=CONFIG)
def own_limit(stopping_condition: StoppingCondition = MINUTE) -> int:
    return stopping_condition.max_runtime_in_seconds


@custom_training_job_task(training_job_config=CONFIG)
def read_inputs(text: FlyteFile, folder: FlyteDirectory) -> list[str]:
    return [Path(text).read_text(), *sorted(path.name for path in Path(folder).iterdir())]


@custom_training_job_task(training_job_config=CONFIG, channels=["table"], cacheable=True, cache_version="1")
def read_cached(table: FlyteFile) -> str:
    return Path(table).read_text()


@custom_training_job_task(training_job_config=CONFIG, environment={"HOME": "/home/" + "x" * 600, "LANG": "mine"})
def show_variables() -> list[str]:
    return [os.environ["HOME"], os.environ["LANG"]]


@custom_training_job_task(training_job_config=CONFIG)
def remember(depth: int, rate: float, sharp: bool, label: str, api_token: str) -> dict:
    report_metric("loss", depth * rate)
    return {"depth": depth, "rate": rate, "sharp": sharp, "label": label, "api_token": api_token}


tune_rate = SdkSimpleHPOJobTask(remember, 1, 1, tunable_parameters=["rate"])
tune_rate_and_depth = SdkSimpleHPOJobTask(remember, 1, 1, tunable_parameters=["rate", "depth"])
