"""What is wrong with a workflow class: told in sentences, with names and lines, all at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from flytekit import LaunchPlan, WorkflowFailurePolicy
from flytekit.core.context_manager import FlyteEntities

from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.sdk.types import Types
from flytekit_sagemaker.sdk.workflow import Input, Output, workflow_class

from . import workflows
from .workflows import Arithmetic, add, describe, log, statistics, train_xgboost

HERE = "tests/sdk/test_workflow_problems.py"


class Other:
    elsewhere = add(a=Input(int))


def told(make: Callable[[], Any]) -> list[str]:
    """The problems of a class that a function defines; ``{n}`` in them stands for the function's n-th line."""
    with pytest.raises(InvalidInput) as raised:
        make()
    first = inspect.getsourcelines(make)[1]
    problems = [str(each) for each in raised.value.problems]
    return [_relative(each, first) for each in problems]


def _relative(problem: str, first: int) -> str:
    before, _, rest = problem.rpartition(f"({HERE}:")
    return f"{before}[{int(rest.removesuffix(')')) - first}]" if rest else problem


def test_every_problem_of_a_class_is_listed_with_its_name_and_line() -> None:
    def make() -> None:
        @workflow_class
        class Broken:
            a = Input(Types.Integer, default="one")
            b = Input(int, required=True, default=2)
            c = Input("Integer")
            text = Input(str)

            unknown = add(aa=1, a=2)
            missing = add()
            wrong = add(
                a="x",
                b=text,
            )
            misspelled = statistics(values=[1])
            uses_it = add(a=misspelled.outputs.totl)
            out = Output(misspelled)
            typed = Output(uses_it, sdk_type=str)

    assert told(make) == [
        "a.default = 'one': must be int [3]",
        "b.default = 2: cannot be the default of a required input. Leave out required or default. [4]",
        "c.type = 'Integer': is no type. Did you mean 'Integer'? [5]",
        f"unknown.aa is not an input of {workflows.__name__}.add. Did you mean 'a'? [8]",
        "missing.a is required [9]",
        "wrong.b must be int, and the input text is str [10]",
        "wrong.a = 'x': must be int [10]",
        f"misspelled.outputs.totl is not an output of {workflows.__name__}.statistics. Did you mean 'total'? [15]",
        "out is given misspelled, which has 2 outputs. Choose one: misspelled.outputs.total, misspelled.outputs.name. "
        "[16]",
        "typed must be str, and uses_it.outputs.o0 is int [17]",
    ]


def test_a_cycle_is_told() -> None:
    def by_order() -> None:
        @workflow_class
        class Circle:
            a = add(a=1)
            b = add(a=a)
            c = add(a=b)
            c >> a

    def by_override() -> None:
        class Start:
            a = Input(int)
            b = add(a=a)

        @workflow_class
        class Circle(Start):
            a = add(a=Start.b)

    assert told(by_order) == ["a waits for itself: a waits for c waits for b waits for a [3]"]
    assert told(by_override) == ["b waits for itself: b waits for a waits for b [3]"]


def test_a_workflow_cannot_call_itself() -> None:
    def make() -> None:
        @workflow_class(name="the same")
        class First:
            n = add(a=1)

        @workflow_class(name="the same")
        class Second:
            n = First()

    assert told(make) == ["n calls the workflow that it is part of [7]"]


def test_what_is_not_of_the_class_is_told() -> None:
    def make() -> None:
        @workflow_class
        class Foreign:
            n = add(a=Other.elsewhere)  # type: ignore[attr-defined]
            m = add(a=Input(int))
            out = Output(Arithmetic.stats.outputs.total)
            late = Output(out)

    first, second, third, fourth = told(make)
    assert first.startswith("n.a is given the call of tests.sdk.workflows.add in tests/sdk/test_workflow_problems.py:")
    assert first.endswith("which is not of this class [3]")
    assert second == "m.a is given an Input without a name. Make it an attribute. [4]"
    assert "the output 'total' of the call of tests.sdk.workflows.statistics" in third
    assert fourth == "late is given an Output. Give it what the Output is made of. [6]"


def test_what_flyte_cannot_bind_is_told() -> None:
    def make() -> None:
        @workflow_class
        class Unbound:
            maybe = Input(int, required=False)
            number = Input(int)
            n = add(a=maybe)
            m = describe(value={"number": number})
            k = add(a=None)
            silent = log("x")
            out = Output(silent)
            empty = Output([])
            mixed = Output([number, n, "x"])

    assert told(make) == [
        "n.a must be int, and the input maybe is int or None. Give the Input a default, or make it required. [5]",
        "m.value is dict and cannot have inputs or outputs of tasks inside. Make the whole of it in a task. [6]",
        "k.a must not be None but int [7]",
        "out is given silent, which has no outputs [9]",
        "empty has no obvious type. Give the Output its sdk_type. [10]",
        "mixed has no obvious type. Give the Output its sdk_type. [11]",
    ]


def test_the_problems_of_our_own_tasks_are_told_the_same_way() -> None:
    def make() -> None:
        @workflow_class
        class Ours:
            number = Input(int)
            trained = train_xgboost(
                static_hyperparameters={"eta": 1},
                train=number,
                validatoin="s3://bucket/validation",
                stopping_condition={"max_runtime_in_seconds": 0},
            )

    assert told(make) == [
        "trained.validatoin is not an input of tests.sdk.workflows.train_xgboost. Did you mean 'validation'? [4]",
        "trained.train must be FlyteDirectory, and the input number is int [4]",
        "trained.stopping_condition.max_runtime_in_seconds = 0: must lie between 1 and 2419200 [4]",
        "trained.validation is required [4]",
    ]


def test_wrong_overrides_are_told() -> None:
    def make() -> None:
        @workflow_class
        class Overrides:
            number = Input(int)
            n = add(a=1).with_overrides(retry=3, interruptible=number)
            m = add(a=1).with_overrides(timeout="long")

    first, second, third = told(make)
    assert first == "n.with_overrides.retry = 3: is not an override. Did you mean 'retries'? [4]"
    assert second == "n.with_overrides.interruptible must be known before the workflow runs [4]"
    assert third.startswith("m.with_overrides = {'timeout': 'long'}: is refused by flytekit")


def test_a_class_that_calls_nothing_is_no_workflow() -> None:
    def make() -> None:
        @workflow_class
        class Empty:
            a = Input(int)
            same = Output(a)

    assert told(make)[0].startswith("the body calls no task")


def test_a_class_with_problems_is_not_registered() -> None:
    before = list(FlyteEntities.entities)
    with pytest.raises(InvalidInput):

        @workflow_class
        class Broken:
            n = add(a="x")

    assert FlyteEntities.entities == before


@pytest.mark.parametrize(
    ("use", "remedy"),
    [
        (bool, "decide in a task, or with flytekit's conditional in an ordinary @workflow"),
        (lambda each: each > 3, "decide in a task, or with flytekit's conditional"),
        (lambda each: 3.5 > each, "decide in a task"),  # noqa: SIM300  (asks the number first)
        (lambda each: each == 3, "decide in a task"),
        (lambda each: each != "x", "decide in a task"),
        (lambda each: each + 1, "calculate with it in a task"),
        (lambda each: 1 - each, "calculate with it in a task"),
        (lambda each: -each, "calculate with it in a task"),
        (float, "calculate with it in a task"),
        (list, "take it apart in a task"),
        (len, "take it apart in a task"),
        (lambda each: "x" in each, "take it apart in a task"),
        (lambda each: each[0], "take it apart in a task"),
        (lambda each: f"s3://{each}/x", "make the text in a task"),
    ],
)
@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        (Input(int), "the Input of"),
        (Other.elsewhere, "the call of tests.sdk.workflows.add in"),  # type: ignore[attr-defined]
        (Other.elsewhere.outputs.o0, "the output 'o0' of the call of tests.sdk.workflows.add in"),  # type: ignore[attr-defined]
    ],
)
def test_a_value_that_does_not_exist_yet_cannot_be_used(
    symbol: Any, name: str, use: Callable[[Any], Any], remedy: str
) -> None:
    with pytest.raises(TypeError) as refused:
        use(symbol)
    told = str(refused.value)
    assert told.startswith(f"{name} {HERE}:")
    assert f"has no value before the workflow runs ({HERE}:" in told
    assert remedy in told


def test_nodes_are_told_apart() -> None:
    first, second = Other.elsewhere, Arithmetic.stats  # type: ignore[attr-defined]
    assert first != second
    assert [second, first].index(first) == 1
    assert len({first, second, first}) == 2


def test_an_output_is_no_attribute_of_its_node() -> None:
    with pytest.raises(AttributeError, match=r"write \.outputs\.total"):
        _ = Arithmetic.stats.total
    with pytest.raises(AttributeError, match=r"outputs are attributes of \.outputs: total, name"):
        _ = Arithmetic.stats.totl


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"on_failure": "stop"}, "on_failure = 'stop': must be a WorkflowFailurePolicy"),
        ({"disable_default_launch_plan": True}, "disable_default_launch_plan = True: must be False"),
        ({"cls": int}, "cls = <class 'int'>: must be a subclass of SdkWorkflow"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        workflow_class(**options)
    with pytest.raises(InvalidInput, match="must be a class"):
        workflow_class(lambda: None)  # type: ignore[call-overload]
    for policy in (1, WorkflowFailurePolicy.FAIL_IMMEDIATELY):
        assert callable(workflow_class(on_failure=policy))


def test_a_workflow_is_called_with_its_inputs() -> None:
    with pytest.raises(InvalidInput) as raised:
        Arithmetic(a="x", d=1)
    assert [str(each) for each in raised.value.problems] == [
        f"d is not an input of {Arithmetic.name}. It takes b, a, unused.",
        "b is required",
    ]
    with pytest.raises(InvalidInput, match="a = 'x': must be int"):
        Arithmetic(a="x", b=1)


def test_wrong_inputs_of_a_launch_plan_are_told() -> None:
    with pytest.raises(InvalidInput) as raised:
        Arithmetic.create_launch_plan(
            default_inputs={"aa": 1, "a": Input(int)}, fixed_inputs={"b": "x"}, name=Arithmetic.name
        )
    assert [str(each) for each in raised.value.problems] == [
        f"default_inputs.aa = 1: is not an input of {Arithmetic.name}. Did you mean 'a'?",
        "fixed_inputs.b = 'x': must be int",
        "default_inputs.a is required, and has no default",
        f"name = '{Arithmetic.name}': is the name of the workflow's default launch plan",
    ]
    Arithmetic.create_launch_plan(fixed_inputs={"b": 1}, name="taken")
    with pytest.raises(InvalidInput, match="is the name of another launch plan"):
        Arithmetic.create_launch_plan(fixed_inputs={"b": 2}, name="taken")
    assert LaunchPlan.CACHE["taken"].fixed_inputs.literals["b"].scalar.primitive.integer == 1


def test_what_a_launch_plan_fixes_cannot_be_given() -> None:
    def make() -> None:
        @workflow_class
        class Nightly:
            n = workflows.NIGHTLY(b=1)

    assert told(make) == [f"n.b is fixed by the launch plan {workflows.__name__}.NIGHTLY [3]"]


def test_what_stands_for_a_value_goes_nowhere_but_into_a_class() -> None:
    number = Input(Types.Integer)
    with pytest.raises(InvalidInput, match="in the body of a workflow class alone"):
        add(a=number, b=1)
