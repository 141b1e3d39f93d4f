"""How a workflow is made of a class, and everything that is wrong with the class is found."""

from __future__ import annotations

import inspect
from typing import Any

from flytekit.core.context_manager import ExecutionState, FlyteContext, FlyteContextManager, FlyteEntities
from flytekit.core.docstring import Docstring
from flytekit.core.node import Node as FlyteNode
from flytekit.core.promise import NodeOutput, Promise
from flytekit.core.type_engine import TypeEngine
from flytekit.core.workflow import GLOBAL_START_NODE, WorkflowFailurePolicy

from flytekit_sagemaker.errors import InvalidInput, did_you_mean
from flytekit_sagemaker.sdk.blueprint import Blueprint
from flytekit_sagemaker.sdk.calls import call_problems, defaults, override_problems, unknown_inputs, workflow_names
from flytekit_sagemaker.sdk.castable import is_castable
from flytekit_sagemaker.sdk.conversion import (
    accepts_none,
    adapted,
    container_type,
    conversion_problem,
    element_type,
    is_data,
    optional,
    shown_type,
)
from flytekit_sagemaker.sdk.declarations import Input, Output
from flytekit_sagemaker.sdk.problems import Problems
from flytekit_sagemaker.sdk.sdk_workflow import SdkWorkflow
from flytekit_sagemaker.tasks.deferral import Location, Node, Reference, Symbol, has_symbol, here
from flytekit_sagemaker.tasks.descriptions import Descriptions
from flytekit_sagemaker.tasks.inputs import named_inputs

literal_type = TypeEngine.to_literal_type
UNKNOWN = Promise("unknown", NodeOutput(node=GLOBAL_START_NODE, var="unknown"))
"""Stands for what a problem keeps from being known, so that everything else can still be checked."""


def build(
    declaration: type, name: str | None, failure_policy: WorkflowFailurePolicy | None, kind: type[SdkWorkflow]
) -> SdkWorkflow:
    """The workflow of a class.

    Args:
        declaration: the class.
        name: name of the workflow; ``<module>.<qualified name>`` where left out.
        failure_policy: what becomes of the other tasks when one fails.
        kind: of what it is made an instance.

    Raises:
        InvalidInput: listing everything that is wrong with the class.
    """
    with FlyteContextManager.with_context(_outside_of_tasks()):
        building = _Building(Blueprint(declaration), name, failure_policy, kind)
        try:
            return building.finished()
        except BaseException:
            building.forget()
            raise


def _outside_of_tasks() -> FlyteContext.Builder:
    """A context in which nothing is compiled or executed, for a module may be imported while a task runs."""
    ctx = FlyteContextManager.current_context()
    state = ctx.new_execution_state()
    if ctx.execution_state is not None and ctx.execution_state.is_local_execution():  # files stay where they are
        state.mode = ExecutionState.Mode.LOCAL_WORKFLOW_EXECUTION
    return ctx.new_builder().with_compilation_state(None).with_execution_state(state)


class _Building:
    def __init__(
        self, blueprint: Blueprint, name: str | None, policy: WorkflowFailurePolicy | None, kind: type[SdkWorkflow]
    ) -> None:
        self._blueprint = blueprint
        self._problems = Problems()
        self._inputs = {name: self._input(name, given) for name, given in blueprint.inputs.items()}
        name = name or blueprint.workflow_name
        self._workflow = kind(blueprint.declaration, name, self._inputs, self._docs(), policy)
        self._ids = blueprint.node_ids()
        self._made: dict[int, FlyteNode | None] = {}
        self._under_way: list[Node] = []

    def finished(self) -> SdkWorkflow:
        """The workflow, when nothing is wrong."""
        if not self._blueprint.nodes:
            self._problems.add("the body", None, "calls no task, and Flyte runs no empty workflow", here())
        for node in self._blueprint.nodes:
            self._node(node)
        outputs = {name: self._output(name, given) for name, given in self._blueprint.outputs.items()}
        self._problems.raise_any(f"workflow class {self._blueprint.class_name}")
        self._workflow.add_workflow_outputs(outputs)
        return self._workflow

    def forget(self) -> None:
        """Take the unfinished workflow from those that flytekit would register."""
        FlyteEntities.entities[:] = [each for each in FlyteEntities.entities if each is not self._workflow]

    def _docs(self) -> Descriptions:
        parsed = Docstring(inspect.getdoc(self._blueprint.declaration) or "")
        return Descriptions(
            short_description=parsed.short_description or f"Workflow {self._blueprint.declaration.__name__}.",
            long_description=parsed.long_description or "",
            input_descriptions={name: given.help for name, given in self._blueprint.inputs.items()},
            output_descriptions={name: given.help for name, given in self._blueprint.outputs.items()},
        )

    # Inputs and outputs of the workflow

    def _input(self, name: str, given: Input) -> tuple[Any, Any]:
        """Type and default of an input."""
        self._problems.adopt(given.problems, name, given.location)
        if given.problems:
            return optional(str), None
        if given.required or given.default is None:
            return given.python_type if given.required else optional(given.python_type), None
        default = self._adapted(given.default, given.python_type, f"{name}.default", given.location)
        if default is not UNKNOWN and not is_data(given.python_type):  # which would be copied
            problem = conversion_problem(f"{name}.default", default, given.python_type)
            self._problems.adopt([problem] if problem else [], "", given.location)
        return given.python_type, default

    def _output(self, name: str, given: Output) -> tuple[Any, Any]:
        """Type and value of an output."""
        self._problems.adopt(given.problems, name, given.location)
        python_type = given.python_type or self._type_of(given.value)
        value = self._value(given.value, given.python_type, name, given.location)
        if python_type is None and value is not UNKNOWN:
            self._problems.add(name, None, "has no obvious type", given.location, "Give the Output its sdk_type.")
        if python_type is None or value is UNKNOWN:
            return None, UNKNOWN
        value = self._adapted(value, python_type, name, given.location)
        if not isinstance(value, Promise) and (problem := conversion_problem(name, value, python_type)):
            self._problems.adopt([problem], "", given.location)
        return python_type, value

    def _type_of(self, value: Any) -> Any:
        """The type of a value of the body; None when it does not show."""
        value = self._blueprint.current(value)
        if isinstance(value, Input):
            return self._inputs.get(self._blueprint.name(value) or "", (None,))[0]
        if isinstance(value, Reference):
            node = self._blueprint.current(value.node)
            return node.entity.python_interface.outputs.get(value.output) if isinstance(node, Node) else None
        if isinstance(value, Node):
            outputs = list(value.entity.python_interface.outputs.values())
            return outputs[0] if len(outputs) == 1 else None
        if isinstance(value, (list, tuple, dict)) and has_symbol(value) or isinstance(value, (list, tuple)) and value:
            kinds = [self._type_of(each) for each in (value.values() if isinstance(value, dict) else value)]
            return container_type(dict if isinstance(value, dict) else list, kinds)
        return type(value) if isinstance(value, (bool, int, float, str, dict)) else None

    # Calls

    def _node(self, node: Node) -> FlyteNode | None:
        """The node in flytekit's workflow, and before it all that it depends on; None where problems prevent it."""
        if any(each is node for each in self._under_way):
            start = next(place for place, each in enumerate(self._under_way) if each is node)
            labels = [self._blueprint.label(each) for each in [*self._under_way[start:], node]]
            self._problems.add(labels[0], None, f"waits for itself: {' waits for '.join(labels)}", node.location)
            return None
        if id(node) not in self._made:
            self._under_way.append(node)
            self._made[id(node)] = self._call(node, self._blueprint.label(node))
            self._under_way.pop()
        return self._made[id(node)]

    def _call(self, node: Node, label: str) -> FlyteNode | None:
        upstream = [self._upstream(each, label, node.location) for each in node.upstream]
        if self._workflow.name in workflow_names(node.entity):
            self._problems.add(label, None, "calls the workflow that it is part of", node.location)
            return None
        inputs = self._arguments(node, label)
        try:
            made = self._workflow.add_call(node.entity, inputs)
        except Exception as error:
            self._problems.adopt(call_problems(node.entity, inputs, error), label, node.location)
            return None
        for each in upstream:
            if each is not None:
                each.runs_before(made)
        self._override(made, node, f"{label}.with_overrides")
        self._workflow.name_node(made, self._ids[id(node)], label)
        return made

    def _upstream(self, node: Node, label: str, location: Location) -> FlyteNode | None:
        current = self._blueprint.current(node)
        if isinstance(current, Node) and self._blueprint.has(current):
            return self._node(current)
        self._problems.add(label, None, f"waits for {node!r}, which is not of this class", location)
        return None

    def _override(self, made: FlyteNode, node: Node, field: str) -> None:
        if problems := list(override_problems(node.overrides)):
            self._problems.adopt(problems, field, node.location)
            return
        try:
            made.with_overrides(**{name: value for name, value in node.overrides.items() if name != "node_name"})
        except Exception as error:
            self._problems.add(field, node.overrides, f"is refused by flytekit: {error}", node.location)

    def _arguments(self, node: Node, label: str) -> dict[str, Any]:
        """The inputs of a call as flytekit takes them; what is wrong or missing is replaced by something unknown."""
        entity = node.entity
        declared = entity.python_interface.inputs
        try:
            given = named_inputs(entity.name, list(declared), node.args, node.inputs)
        except InvalidInput as error:
            self._problems.adopt(error.problems, label, node.location)
            given = {**dict(zip(declared, node.args, strict=False)), **node.inputs}
        unknown = unknown_inputs(entity, given)
        self._problems.adopt(unknown.values(), label, node.location)
        arguments = {}
        for name, value in given.items():
            if name not in unknown:
                field = f"{label}.{name}"
                resolved = self._value(value, declared[name], field, node.location)
                arguments[name] = self._adapted(resolved, declared[name], field, node.location)
        left_out, required = defaults(entity, given)
        for name in required:
            self._problems.add(f"{label}.{name}", None, "is required", node.location)
            arguments[name] = UNKNOWN
        for name, default in left_out.items():
            if isinstance(default, (list, dict)):  # flytekit refuses to take such a default for itself
                arguments[name] = default
        return arguments

    # Values

    def _adapted(self, value: Any, python_type: Any, field: str, location: Location) -> Any:
        try:
            return adapted(value, python_type)
        except InvalidInput as error:
            self._problems.adopt(error.problems, field, location)
            return UNKNOWN

    def _value(self, value: Any, python_type: Any, field: str, location: Location) -> Any:
        """A value of the body with promises in place of the symbols in it.

        Args:
            python_type: what is expected, None for anything.
        """
        value = self._blueprint.current(value)
        if isinstance(value, Symbol):
            return self._promise(value, python_type, field, location)
        if isinstance(value, Output):
            self._problems.add(field, None, "is given an Output", location, "Give it what the Output is made of.")
            return UNKNOWN
        if not has_symbol(value):
            return value
        inner = element_type(python_type)
        if inner is None and python_type is not None:
            rule = f"is {shown_type(python_type)} and cannot have inputs or outputs of tasks inside"
            self._problems.add(field, None, rule, location, "Make the whole of it in a task.")
            return UNKNOWN
        if isinstance(value, dict):
            return {key: self._value(each, inner, f"{field}.{key}", location) for key, each in value.items()}
        return [self._value(each, inner, f"{field}[{place}]", location) for place, each in enumerate(value)]

    def _promise(self, symbol: Symbol, expected: Any, field: str, location: Location) -> Promise:
        found = (
            self._input_promise(symbol, field, location)
            if isinstance(symbol, Input)
            else self._output_promise(symbol, field, location)
        )
        if found is None:
            return UNKNOWN
        promise, python_type, label = found
        if expected not in (None, python_type) and not is_castable(literal_type(python_type), literal_type(expected)):
            optional_input = isinstance(symbol, Input) and accepts_none(python_type)
            remedy = "Give the Input a default, or make it required." if optional_input else ""
            rule = f"must be {shown_type(expected)}, and {label} is {shown_type(python_type)}"
            self._problems.add(field, None, rule, location, remedy)
        return promise

    def _input_promise(self, given: Input, field: str, location: Location) -> tuple[Promise, Any, str] | None:
        """The promise of an input, its type, and what to call it."""
        name = self._blueprint.name(given)
        if name is None or name not in self._inputs:
            self._problems.add(field, None, "is given an Input without a name", location, "Make it an attribute.")
            return None
        return self._workflow.inputs[name], self._inputs[name][0], f"the input {name}"

    def _output_promise(self, symbol: Symbol, field: str, location: Location) -> tuple[Promise, Any, str] | None:
        """The promise of a node's output, its type, and what to call it."""
        node = self._blueprint.current(symbol.node if isinstance(symbol, Reference) else symbol)
        if not isinstance(node, Node) or not self._blueprint.has(node):
            self._problems.add(field, None, f"is given {symbol!r}, which is not of this class", location)
            return None
        outputs = node.entity.python_interface.outputs
        label = self._blueprint.label(node)
        if isinstance(symbol, Reference) and symbol.output not in outputs:
            hint = did_you_mean(symbol.output, outputs) or f"It has {', '.join(outputs) or 'none'}."
            rule = f"is not an output of {node.entity.name}"
            self._problems.add(f"{label}.outputs.{symbol.output}", None, rule, symbol.location, hint)
            return None
        if isinstance(symbol, Node) and len(outputs) != 1:
            remedy = f"Choose one: {', '.join(f'{label}.outputs.{each}' for each in outputs)}." if outputs else ""
            rule = f"is given {label}, which has {len(outputs) or 'no'} outputs"
            self._problems.add(field, None, rule, location, remedy)
            return None
        output = symbol.output if isinstance(symbol, Reference) else next(iter(outputs))
        made = self._node(node)
        promise = Promise(output, NodeOutput(node=made, var=output)) if made is not None else UNKNOWN
        return promise, outputs[output], f"{label}.outputs.{output}"
