"""Parameters declared by decorators: what becomes of a function, and what is told when something does not fit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest
from flytekit import map_task, workflow
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.core.context_manager import FlyteEntities
from flytekit.tools.translator import get_serializable
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker import SdkSimpleHPOJobTask, custom_training_job_task
from flytekit_sagemaker.errors import InvalidInput, UserError
from flytekit_sagemaker.models.training_job import Channel, StoppingCondition
from flytekit_sagemaker.sdk.tasks import inputs, outputs, python_task
from flytekit_sagemaker.sdk.types import Types

from . import functions

custom = custom_training_job_task(functions.CONFIG)


def template(task: Any) -> Any:
    settings = SerializationSettings(ImageConfig.auto_default_image(), project="p", domain="d", version="v1")
    return get_serializable({}, settings, task).template


def test_a_python_task_is_an_ordinary_task_of_flytekits() -> None:
    task = template(functions.scale_numbers)
    assert task.id.name == "tests.sdk.functions.scale_numbers"
    assert task.type == "python-task"
    assert task.metadata.discoverable
    assert (task.metadata.discovery_version, task.metadata.retries.retries) == ("1", 1)
    assert list(task.interface.inputs) == ["numbers", "scale"]
    assert list(task.interface.outputs) == ["sums", "rows"]
    arguments = task.container.args
    place = arguments[arguments.index("--") + 1 :]
    assert place == ["task-module", "tests.sdk.functions", "task-name", "scale_numbers"]
    assert task.container.env["A"] == "b"
    assert [each.value for each in task.container.resources.requests] == ["1"]
    assert [each.value for each in task.container.resources.limits] == ["1Gi"]


def test_python_tasks_pass_what_they_set_to_each_other() -> None:
    @workflow
    def chain(scale: float) -> FlyteFile:
        rows = functions.scale_numbers(numbers=[1, 2], scale=scale).rows
        return functions.describe_rows(rows=rows).model

    assert Path(chain(scale=0.5).download()).read_text() == "[2, 2]"
    result = functions.scale_numbers(numbers=[1, 2], scale=0.5)
    assert result.sums == [0.5, 1.5]
    parts = [pandas.read_csv(each, header=None) for each in sorted(Path(result.rows.download()).iterdir())]
    assert [part.loc[0, 1] for part in parts] == [0.5, 1.0]


def test_a_function_is_mapped_over_a_list() -> None:
    @workflow
    def each(numbers: list[int]) -> list[FlyteFile]:
        return map_task(functions.write_number)(number=numbers)

    assert [Path(file.download()).read_text() for file in each(numbers=[1, 2])] == ["1", "2"]


def test_a_training_job_says_what_it_takes_and_leaves() -> None:
    interface = functions.train_tree.python_interface
    assert list(interface.inputs) == [
        *("train", "validation", "hyperparameters", "stopping_condition", "depth", "rate", "kernel", "shrink")
    ]
    assert interface.outputs == {"model": FlyteFile, "seen": dict, "error": float}
    assert issubclass(interface.inputs["train"], FlyteDirectory)
    assert interface.default_inputs_as_kwargs == {"stopping_condition": StoppingCondition(86400)}
    task = template(functions.train_tree)
    assert task.interface.inputs["depth"].description == "how deep it is at most."
    assert task.interface.inputs["train"].description.startswith("Data of the train channel")
    assert task.interface.outputs["error"].description == "part of the labels that it gets wrong."
    assert task.interface.outputs["model"].description == "model"
    assert task.metadata.retries.retries == 2
    job = functions.train_tree.training_job
    assert functions.train_tree.name == "tests.sdk.functions.train_tree"
    assert functions.train_tree.__doc__ == "A decision tree."
    assert [each.name for each in job.algorithm_specification.metric_definitions] == ["validation:error"]
    assert dict(job.function.tunable_inputs) == {"depth": "int", "rate": "float", "kernel": "str", "shrink": "bool"}
    assert job.function.takes_hyperparameters


def function(wf_params, train, number, model, text):  # type: ignore[no-untyped-def]
    """Stands for any function."""


def finished(*decorators: Callable[[Any], Any]) -> Any:
    """The function under decorators, the outermost first."""
    task: Any = function
    for decorate in reversed(decorators):
        task = decorate(task)
    return task


NUMBER, TEXT = inputs(number=Types.Integer), outputs(text=Types.String)


@pytest.mark.parametrize(
    "decorators",
    [
        (NUMBER, TEXT, custom),
        (TEXT, NUMBER, custom),
        (custom, NUMBER, TEXT),
        (NUMBER, custom, TEXT),
        (inputs(train=Types.MultiPartCSV), NUMBER, TEXT, custom),
        (inputs(train=Types.MultiPartCSV, number=Types.Integer), outputs(text=Types.String, model=Types.Blob), custom),
    ],
)
def test_decorators_may_stand_in_any_order(decorators: Any) -> None:
    task = finished(*decorators)
    assert list(task.python_interface.inputs) == ["train", "number", "stopping_condition"]
    assert list(task.python_interface.outputs) == ["model", "text"]
    assert task.name.endswith("tests.sdk.test_tasks.function")


def test_what_is_pre_defined_takes_the_type_that_is_declared() -> None:
    for decorators in (
        (inputs(train=Types.CSV), NUMBER, TEXT, custom),
        (NUMBER, TEXT, inputs(train=Types.CSV), custom),
    ):
        before = len(FlyteEntities.entities)
        task = finished(*decorators)
        assert issubclass(task.python_interface.inputs["train"], FlyteFile)
        assert len(FlyteEntities.entities) == before + 1, "what it took the place of would be registered, too"
    assert finished(NUMBER, TEXT, outputs(model=Types.Integer), custom).python_interface.outputs["model"] is int
    assert "train" not in finished(NUMBER, TEXT, outputs(train=Types.Integer), custom).python_interface.inputs


def test_a_channel_may_be_left_out() -> None:
    interface = functions.channels_of_other_kinds.python_interface
    assert type(None) in interface.inputs["more"].__args__
    channels = {each.name: each.required for each in functions.channels_of_other_kinds.training_job.channels}
    assert channels == {"table": True, "more": False}


def test_an_input_may_have_a_default() -> None:
    @inputs(a=Types.Integer, b=Types.Blob)
    @outputs(c=Types.String)
    @python_task
    def show(wf_params, a=3, b=None, *, c):  # type: ignore[no-untyped-def]
        c.set(f"{a} {b}")

    assert show.python_interface.default_inputs_as_kwargs["a"] == 3
    assert show(a=4, b=None).c == "4 None"


@pytest.mark.parametrize(
    "use",
    [
        lambda pending: pending(train="x"),
        lambda pending: pending.register_and_launch("p", "d"),
        lambda pending: pending.python_interface,
        lambda pending: SdkSimpleHPOJobTask(pending, 1, 1),
    ],
)
def test_an_unfinished_task_says_what_is_missing(use: Callable[[Any], Any]) -> None:
    with pytest.raises(UserError, match="number, text of function are not declared"):
        use(finished(custom))
    with pytest.raises(UserError, match="text of function is not declared: write @inputs"):
        use(finished(NUMBER, custom))


def test_a_function_without_a_kind_of_task_says_so() -> None:
    with pytest.raises(UserError, match="function is no task: write @python_task or @custom_training_job_task"):
        finished(NUMBER, TEXT, inputs(train=Types.Blob), outputs(model=Types.Blob))()
    assert "not declared" in repr(finished(NUMBER))


@pytest.mark.parametrize(
    ("decorators", "words"),
    [
        ((NUMBER, NUMBER, TEXT, custom), "number is declared already, as Types.Integer"),
        ((outputs(number=Types.Float), NUMBER, TEXT, custom), "number is declared already"),
        ((inputs(numbr=Types.Integer), custom), "numbr is no parameter of function. Did you mean 'number'?"),
        ((inputs(xyz=int), NUMBER, TEXT, custom), "xyz is no parameter of function. It takes train, number,"),
        (
            (inputs(wf_params=int), NUMBER, TEXT, custom),
            "The first parameter is the context: write def function(wf_params, train, number, model, text).",
        ),
        ((inputs(number="Integr"), custom), "number = 'Integr': is no type. Did you mean 'Integer'?"),
        ((inputs(train=Types.Integer), NUMBER, TEXT, custom), "must be a FlyteDirectory or a FlyteFile"),
        ((custom, NUMBER, TEXT, custom), "must be a function of a module"),
        ((python_task, NUMBER, TEXT, custom), "function is a task already"),
    ],
)
def test_a_declaration_that_does_not_fit_is_told(decorators: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        finished(*decorators)
    assert words in str(refused.value)


def test_a_function_without_the_context_is_told_how_to_write_it() -> None:
    def noctx(rows, columns):  # type: ignore[no-untyped-def]
        """Takes no context."""

    with pytest.raises(InvalidInput) as refused:
        inputs(rows=Types.Integer, columns=Types.Integer)(python_task(noctx))
    assert (
        "rows is no parameter of noctx. The first parameter is the context: write def noctx(wf_params, rows, columns)."
        in str(refused.value)
    )


def annotated(wf_params, train, depth: int):  # type: ignore[no-untyped-def]
    """Half typed."""


def without_context(train: FlyteDirectory, depth):  # type: ignore[no-untyped-def]
    """Typed but for one parameter."""


def with_result(wf_params, depth) -> int:  # type: ignore[no-untyped-def]
    return depth  # type: ignore[no-any-return]


def with_others(wf_params, *others, **more):  # type: ignore[no-untyped-def]
    """Of no fixed parameters."""


async def asynchronous(wf_params):  # type: ignore[no-untyped-def]
    """Not to be waited for."""


def generator(wf_params):  # type: ignore[no-untyped-def]
    yield 1


def nothing():  # type: ignore[no-untyped-def]
    """Takes nothing."""


def limited(wf_params, stopping_condition):  # type: ignore[no-untyped-def]
    """Takes what is pre-defined."""


@pytest.mark.parametrize(
    ("decorate", "words"),
    [
        (lambda: custom(annotated), "depth is annotated. Annotate every parameter, or none"),
        (lambda: custom(without_context), "train is annotated. Annotate every parameter, or none"),
        (lambda: custom(with_result), "the result is annotated"),
        (lambda: python_task(with_others), "**more is no parameter with a name"),
        (lambda: python_task(asynchronous), "must not be async"),
        (lambda: custom(generator), "must set its outputs, not yield them"),
        (lambda: python_task(nothing), "must take wf_params"),
        (lambda: python_task(_typed), "_typed is annotated, and @python_task is for functions that are not"),
        (lambda: inputs(train=int)(_typed), "@custom_training_job_task, and flytekit's own @task, take it as it is"),
        (lambda: python_task(functions.CONFIG), "must stand above a function"),
        (lambda: inputs(train=int)(custom_training_job_task(functions.CONFIG)(_typed)), "must stand above a function"),
        (lambda: custom(inputs(stopping_condition=Types.Integer)(limited)), "stopping_condition = Types.Integer"),
        (lambda: outputs(b=int)(python_task(lambda wf_params, b=3: None)), "b is an output, and can have no default"),
        (lambda: custom_training_job_task(functions.CONFIG, channels=[Channel(name="x")])(limited), "x"),
    ],
)
def test_a_function_that_is_none_of_class_style_is_told_why(decorate: Callable[[], Any], words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decorate()
    assert words in str(refused.value)


def _typed(train: FlyteDirectory) -> int:
    return 1


def test_outputs_that_are_forgotten_or_returned_are_told() -> None:
    @inputs(what=Types.String)
    @outputs(a=Types.Integer, b=Types.Integer)
    @python_task
    def forget(wf_params, what, a, b):  # type: ignore[no-untyped-def]
        if what != "set none":
            a.set(1)
        if what == "set both":
            b.set(2)
        return 7 if what == "return" else None

    assert forget(what="set both") == (1, 2)
    with pytest.raises(InvalidInput, match=r"b was never set. Call b.set\(...\)"):
        forget(what="set one")
    with pytest.raises(InvalidInput, match="2 problems") as refused:
        forget(what="set none")
    assert "a was never set" in str(refused.value)
    with pytest.raises(InvalidInput, match="7: was returned, and outputs are set"):
        forget(what="return")


SCRIPT = """
import subprocess, sys
import cloudpickle
from flytekit_sagemaker import custom_training_job_task, report_metric
from flytekit_sagemaker.sdk.tasks import inputs, outputs, python_task
from flytekit_sagemaker.sdk.types import Types
from tests.sdk.functions import CONFIG

FACTOR = 3

@inputs(a=Types.Integer)
@outputs(b=Types.Integer)
@python_task
def times(wf_params, a, b):
    b.set(a * FACTOR)

@inputs(a=Types.Integer)
@outputs(b=Types.Integer)
@custom_training_job_task(CONFIG)
def times_in_a_job(wf_params, a, b):
    if a == 5:
        report_metric("loss", a)
    b.set(a * FACTOR)

if __name__ == "__main__":
    assert times.name == "script.times" and times_in_a_job.name == "script.times_in_a_job", times.name
    assert times_in_a_job.training_job.algorithm_specification.metric_definitions[0].name == "loss"
    print(times_in_a_job(a=5).b, flush=True)
    load = "import cloudpickle, sys; a, b = cloudpickle.load(sys.stdin.buffer); print(a(a=2).b, b.task_function(a=3))"
    subprocess.run([sys.executable, "-c", load], input=cloudpickle.dumps((times, times_in_a_job)), check=True)
"""


def test_functions_of_a_script_run_in_jobs_and_can_be_pickled(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.isdecimal() or " " in line] == ["15", "6 9"]
