"""Tasks and workflow classes as users write them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from flytekit import WorkflowFailurePolicy, task, workflow
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker import SdkSimpleTrainingJobTask, custom_training_job_task
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, StoppingCondition, TrainingJobConfig
from flytekit_sagemaker.sdk.tasks import inputs, outputs, python_task
from flytekit_sagemaker.sdk.types import Types
from flytekit_sagemaker.sdk.workflow import Input, Output, workflow_class
from flytekit_sagemaker.types import AlgorithmName

CONFIG = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10)
XGBOOST = AlgorithmSpecification(algorithm_name=AlgorithmName.XGBOOST, algorithm_version="1.7-1")
train_xgboost = SdkSimpleTrainingJobTask(CONFIG, XGBOOST)
calls: list[str] = []


@task
def add(a: int, b: int = 5) -> int:
    calls.append("add")
    return a + b


@task
def statistics(values: list[int]) -> NamedTuple("Statistics", total=int, name=str):  # type: ignore[valid-type]
    return sum(values), f"of {len(values)}"


@task
def sum_values(values: dict[str, int]) -> int:
    return sum(values.values())


@task
def describe(value: dict, note: str | None = None, scale: float = 1.0, tags: list[str] = ["none"]) -> str:  # noqa: B006
    return f"{value} {note} {scale} {tags}"


@task
def log(text: str) -> None:
    calls.append(text)


@task
def longest(condition: StoppingCondition) -> int:
    return condition.max_runtime_in_seconds


@task
def find_data(folder: str) -> FlyteDirectory:
    return FlyteDirectory(folder)


@task
def file_size(model: FlyteFile) -> int:
    return Path(model).stat().st_size


@dataclass
class Point:
    x: int


@task
def make_point(x: int) -> Point:
    return Point(x)


@task
def read_point(point: Point) -> int:
    return point.x


@custom_training_job_task(training_job_config=CONFIG)
def half(number: int) -> float:
    return number / 2


@workflow
def doubled(number: int) -> int:
    return add(a=number, b=number)


@workflow_class
class Arithmetic:
    """Adds numbers in several ways.

    None of them is new.
    """

    b = Input(Types.Integer, required=True, help="where it begins")
    a = Input(int, default=0, help="what is added")
    unused = Input(Types.Generic, required=False)

    zeroth = add(a=b, b=a)
    Many_Parts = [add(zeroth, 1), add(a=1)]
    stats = statistics(values=[Many_Parts[0], Many_Parts[1].outputs.o0, b, 100]).with_overrides(retries=3)
    mapped = sum_values(values={"one": 1, "zeroth": zeroth.outputs.o0})

    total = Output(stats.outputs.total, sdk_type=Types.Integer, help="all of it")
    name = Output(stats.outputs["name"])
    given = Output(b)
    several = Output([zeroth.outputs.o0, mapped, b])


NIGHTLY = Arithmetic.create_launch_plan(default_inputs={"a": Input(int, default=7)}, fixed_inputs={"b": 3})


@workflow_class(on_failure=WorkflowFailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE)
class Trained:
    """Trains a model and weighs it."""

    folder = Input(Types.String)
    validation = Input(Types.MultiPartCSV)
    parameters = Input(Types.Generic, default={"num_round": 2, "objective": "binary:logistic"})

    found = find_data(folder=folder)
    trained = train_xgboost(
        static_hyperparameters=parameters,
        train=found,
        validation=validation,
        stopping_condition=StoppingCondition(max_runtime_in_seconds=43200).to_flyte_idl(),
    ).with_overrides(retries=2)
    weighed = file_size(model=trained.outputs.model)
    halved = half(number=weighed)

    size = Output(weighed, sdk_type=Types.Integer)
    half_size = Output(halved)
    metrics = Output(trained.outputs.final_metrics)


@inputs(number=Types.Integer, text=Types.String)
@outputs(shown=Types.String)
@python_task
def show(wf_params, number, text, shown):  # type: ignore[no-untyped-def]
    shown.set(f"{text} {number}")


@workflow_class
class Shown:
    number = Input(Types.Integer)
    node = show(number=number, text="number")
    text = Output(node.outputs.shown, sdk_type=Types.String)
