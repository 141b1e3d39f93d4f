"""Workflows as classes: what they mean, run on this machine."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from flytekit import LaunchPlan, map_task, task, workflow
from flytekit.core.context_manager import FlyteContextManager
from flytekit.types.file import FlyteFile

from flytekit_sagemaker.models.training_job import StoppingCondition
from flytekit_sagemaker.sdk.types import Types
from flytekit_sagemaker.sdk.workflow import Input, Output, SdkWorkflow, workflow_class

from . import workflows
from .workflows import Arithmetic, add, describe, half, log, longest, statistics


def ids(workflow: Any) -> list[str]:
    return [node.id for node in workflow.nodes]


def test_a_class_runs_as_a_workflow_and_returns_its_outputs_by_name() -> None:
    result = Arithmetic(b=1, a=2)
    assert result._asdict() == {"total": 3 + 1 + 6 + 1 + 100, "name": "of 4", "given": 1, "several": [3, 4, 1]}
    assert Arithmetic(b=1).several == [1, 2, 1]
    assert Arithmetic(2).given == 2


def test_everything_is_in_the_order_of_its_definition() -> None:
    assert list(Arithmetic.python_interface.inputs) == ["b", "a", "unused"]
    assert list(Arithmetic.python_interface.outputs) == ["total", "name", "given", "several"]
    assert ids(Arithmetic) == ["zeroth", "many-parts-0", "many-parts-1", "stats", "mapped"]


def test_a_single_output_has_a_name_too() -> None:
    @workflow_class
    class One:
        n = add(a=1)
        only = Output(n)

    assert One().only == 6


def test_a_class_without_outputs_runs() -> None:
    @workflow_class
    class Silent:
        text = Input(str, default="heard")
        log(text)

    workflows.calls.clear()
    assert Silent() is None
    assert workflows.calls == ["heard"]


def test_nothing_runs_in_the_body() -> None:
    workflows.calls.clear()

    def twice(number: int) -> Any:
        return [add(a=number), add(a=number)]

    @workflow_class
    class Constants:
        a = add(1, 2)
        pair = twice(3)
        more = [add(a=number) for number in range(2)]
        for number in range(2):
            last = add(a=number)
        total = Output([a, *pair, *more, last])

    assert workflows.calls == []
    assert ids(Constants) == ["a", "pair-0", "pair-1", "more-0", "more-1", "add", "last"]
    assert Constants().total == [3, 8, 8, 5, 6, 6]


def test_outside_of_a_class_body_calls_are_what_they_were() -> None:
    assert add(a=1) == 6
    assert half.python_interface.outputs == {"o0": float}

    @workflow
    def ordinary(a: int) -> int:
        return add(a=add(a=a))

    assert ordinary(a=1) == 11
    assert Arithmetic(b=1).given == 1


def test_defaults_are_given_whatever_they_are() -> None:
    @workflow_class
    class Defaults:
        zero = Input(Types.Integer, default=0)
        no = Input(Types.Boolean, default=False)
        empty = Input(Types.String, default="")
        whole = Input(Types.Float, default=2)
        mapping = Input(Types.Generic, default={"deep": [1]})
        sequence = Input([Types.String], default=[])
        nothing = Input(Types.String, required=False)
        limit = Input(StoppingCondition, default={"max_runtime_in_seconds": 60})

        shown = describe(mapping, nothing, whole, sequence)
        left_out = describe(value={})
        texts = Output([shown.outputs.o0, left_out])
        rest = Output([zero, 5])
        said = Output(no)
        word = Output(empty)
        seconds = Output(longest(limit))

    for _ in range(2):
        assert Defaults().texts == ["{'deep': [1]} None 2.0 []", "{} None 1.0 ['none']"]
    assert (Defaults().rest, Defaults().said, Defaults().word, Defaults().seconds) == ([0, 5], False, "", 60)
    assert Defaults(mapping={}, nothing="x", zero=3).texts[0] == "{} x 2.0 []"


@pytest.mark.parametrize(
    "condition",
    [
        StoppingCondition(max_runtime_in_seconds=60),
        StoppingCondition(max_runtime_in_seconds=60).to_flyte_idl(),
        {"max_runtime_in_seconds": 60},
    ],
    ids=["model", "message", "dict"],
)
def test_a_model_is_a_constant_in_any_form(condition: Any) -> None:
    @workflow_class
    class Limited:
        seconds = Output(longest(condition))

    assert Limited().seconds == 60


def test_a_node_runs_after_those_it_waits_for() -> None:
    @workflow_class
    class Ordered:
        first = log("first")
        second = log("second")
        third = log("third")
        third >> first >> second

    workflows.calls.clear()
    Ordered()
    assert workflows.calls == ["third", "first", "second"]
    assert [node.id for node in Ordered.nodes[2].upstream_nodes] == ["first"]


def test_a_node_lists_those_before_it_in_the_same_order_each_time() -> None:
    @workflow_class
    class Wide:
        parts = [add(a=number).with_overrides(node_name=name) for number, name in enumerate("lkjihgfedcba")]
        total = statistics(values=parts)

    assert [node.id for node in Wide.nodes[-1].upstream_nodes] == list("abcdefghijkl")


def test_any_callable_of_flytekit_may_be_called() -> None:
    plan = LaunchPlan.create("a plan of the tests", workflows.doubled, default_inputs={"number": 4})

    @workflow_class
    class Callables:
        number = Input(int)
        of_function = workflows.doubled(number=number)
        of_class = Arithmetic(b=of_function)
        of_plan = plan()
        of_given_plan = plan(number=number)
        mapped = map_task(add)(a=[number, 2], b=[3, 4])
        point = workflows.make_point(x=of_class.outputs.total)
        x = Output(workflows.read_point(point=point))
        several = Output([of_function, of_plan, of_given_plan])
        sums = Output(mapped)

    result = Callables(number=1)
    assert result.several == [2, 8, 2]
    assert result.sums == [4, 6]
    assert result.x == Arithmetic(b=2).total
    assert ids(Callables)[-1] == "read-point"


def test_functions_of_class_style_may_be_called() -> None:
    assert workflows.Shown(number=3).text == "number 3"


def test_a_class_is_a_sub_workflow_of_an_ordinary_workflow() -> None:
    @workflow
    def outer(b: int) -> tuple[int, str]:
        inner = Arithmetic(b=b)
        return add(a=inner.total, b=0), inner.name

    assert outer(b=1) == (Arithmetic(b=1).total, "of 4")


def test_a_class_may_be_defined_while_another_workflow_is_compiled() -> None:
    @workflow
    def outer(a: int) -> int:
        @workflow_class
        class Inner:
            given = Input(int)
            result = Output(add(a=given))

        return Inner(given=a).result

    assert outer(a=1) == 6


def test_a_class_may_be_defined_while_a_task_runs(caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    monkeypatch.setattr(logging.getLogger("flytekit"), "propagate", True)

    @task
    def imports() -> str:
        @workflow_class
        class Late:
            result = Output(add(a=1))

        return str(Late)

    caplog.clear()
    assert "Late" in imports()
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []


def test_a_module_that_a_class_body_imports_is_no_part_of_it(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "imported_by_a_body.py").write_text("from tests.sdk.workflows import add\n\nSEVEN = add(a=2)\n")
    monkeypatch.syspath_prepend(tmp_path)

    @workflow_class
    class Importing:
        import imported_by_a_body

        result = Output(add(a=imported_by_a_body.SEVEN))

    assert Importing.imported_by_a_body.SEVEN == 7
    assert len(Importing.nodes) == 1


class Shared:
    a = Input(int, default=1)
    prepared = add(a=a, b=10)


@workflow_class
class Base(Shared):
    """What others are made of."""

    trained = add(a=Shared.prepared, b=100)
    result = Output(trained)


def test_inputs_calls_and_outputs_are_inherited() -> None:
    assert Base(a=2).result == 112

    @workflow_class
    class More(Base):  # type: ignore[valid-type, misc]
        doubled = add(a=Base.trained, b=Base.trained.outputs.o0)
        twice = Output(doubled)

    assert More(a=2)._asdict() == {"result": 112, "twice": 224}
    assert ids(More) == ["prepared", "trained", "doubled"]
    assert More.docs.short_description == "What others are made of."
    assert isinstance(More, SdkWorkflow)


def test_what_is_overridden_is_replaced_everywhere() -> None:
    @workflow_class
    class OtherTask(Base):  # type: ignore[valid-type, misc]
        prepared = workflows.doubled(number=Shared.a)

    assert OtherTask(a=3).result == 106
    assert ids(OtherTask) == ["prepared", "trained"]
    assert Base(a=3).result == 113


def test_an_input_is_given_another_default_or_fixed() -> None:
    @workflow_class
    class OtherDefault(Base):  # type: ignore[valid-type, misc]
        a = Input(int, default=5)

    @workflow_class
    class Fixed(Base):  # type: ignore[valid-type, misc]
        a = 7

    assert OtherDefault().result == 115
    assert Fixed().result == 117
    assert list(Fixed.python_interface.inputs) == []
    assert Base().result == 111


def test_node_ids_are_distinct_and_fit_into_a_dns_label() -> None:
    @workflow_class
    class Names:
        trainModel = add(a=1)
        train_model = add(a=2)
        start_node = add(a=3)
        _private = add(a=4)
        ä = add(a=5)
        by_key = {"left": add(a=6), "right": (add(a=7),)}
        x = add(a=8).with_overrides(node_name="Another_Name")
        nested = add(a=add(a=add(a=9)))
        long = add(a=1).with_overrides(node_name="n" * 100)

    assert ids(Names) == [
        "train-model",
        "train-model-1",
        "start-node-1",
        "private",
        "node",
        "by-key-left",
        "by-key-right-0",
        "another-name",
        "add",
        "add-1",
        "nested",
        "n" * 55,
    ]


def test_the_names_of_a_workflow() -> None:
    assert Arithmetic.name == "tests.sdk.workflows.Arithmetic"

    class Outer:
        @workflow_class
        class Nested:
            n = add(a=1)

        @workflow_class(name="my.own")
        class Named:
            n = add(a=1)

    assert Outer.Nested.name == f"{__name__}.test_the_names_of_a_workflow.Outer.Nested"
    assert Outer.Named.name == "my.own"


def test_outputs_may_have_names_that_flytekits_nodes_have() -> None:
    @task
    def identify() -> Any:
        return 1

    @workflow_class
    class Named:
        stats = statistics(values=[1])
        name = Output(stats.outputs.name)

    assert Named().name == "of 1"


def test_an_exception_in_a_body_leaves_nothing_behind() -> None:
    before = FlyteContextManager.size()
    with pytest.raises(ZeroDivisionError):

        @workflow_class
        class Broken:
            a = Input(int)
            n = add(a=a)
            x = 1 / 0

    assert FlyteContextManager.size() == before
    assert FlyteContextManager.current_context().compilation_state is None
    assert add(a=1) == 6
    assert Arithmetic(b=1).given == 1


def test_a_launch_plan_runs_with_its_inputs() -> None:
    assert workflows.NIGHTLY().several[0] == 10
    assert workflows.NIGHTLY(a=0).several[0] == 3


def test_files_pass_between_tasks(tmp_path: Any) -> None:
    (tmp_path / "m.txt").write_text("12345")

    @workflow_class
    class Files:
        model = Input(Types.Blob)
        size = Output(workflows.file_size(model))
        same = Output(model, sdk_type=FlyteFile)

    result = Files(model=str(tmp_path / "m.txt"))
    assert result.size == 5
    assert Path(result.same).read_text() == "12345"
