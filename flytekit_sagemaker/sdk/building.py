"""How a workflow is made of a class, and everything that is wrong with the class is found."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flytekit.core.context_manager import FlyteContextManager, FlyteEntities
from flytekit.core.docstring import Docstring
from flytekit.core.launch_plan import LaunchPlan
from flytekit.core.node import Node as FlyteNode
from flytekit.core.promise import NodeOutput, Promise
from flytekit.core.reference_entity import ReferenceEntity
from flytekit.core.type_engine import TypeEngine
from flytekit.core.workflow import GLOBAL_START_NODE, WorkflowBase, WorkflowFailurePolicy
from flytekit.models.types import LiteralType
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean
from flytekit_sagemaker.sdk.blueprint import Blueprint
from flytekit_sagemaker.sdk.castable import is_castable
from flytekit_sagemaker.sdk.conversion import accepts_none, adapted, conversion_problem, optional, shown_type
from flytekit_sagemaker.sdk.declarations import Input, Output
from flytekit_sagemaker.sdk.sdk_workflow import SdkWorkflow
from flytekit_sagemaker.tasks.deferral import Location, Node, Reference, Symbol, has_symbol, here
from flytekit_sagemaker.tasks.descriptions import Descriptions
from flytekit_sagemaker.tasks.inputs import named_inputs

UNKNOWN = Promise("unknown", NodeOutput(node=GLOBAL_START_NODE, var="unknown"))
"""Stands for what a problem keeps from being known, so that everything else can still be checked."""


@dataclass(frozen=True)
class LocatedProblem(Problem):
    """A problem and the line that has it."""

    location: Location | None = None

    def __str__(self) -> str:
        return f"{super().__str__()} ({self.location})"


def build(
    declaration: type, name: str | None, failure_policy: WorkflowFailurePolicy | None, kind: type[SdkWorkflow]
) -> SdkWorkflow:
    """The workflow of a class.

    Raises:
        InvalidInput: listing everything that is wrong with the class.
    """
    ctx = FlyteContextManager.current_context()
    with FlyteContextManager.with_context(ctx.new_builder().with_compilation_state(None)):
        known = list(FlyteEntities.entities)
        building = _Building(Blueprint(declaration), name, failure_policy, kind)
        try:
            return building.finished()
        except BaseException:
            FlyteEntities.entities[:] = known
            raise


class _Building:
    def __init__(
        self, blueprint: Blueprint, name: str | None, policy: WorkflowFailurePolicy | None, kind: type[SdkWorkflow]
    ) -> None:
        self._blueprint = blueprint
        self._problems: list[Problem] = []
        self._inputs = {name: self._input(name, given) for name, given in blueprint.inputs.items()}
        self._input_types = {name: TypeEngine.to_literal_type(declared) for name, (declared, _) in self._inputs.items()}
        self._workflow = kind(
            blueprint.declaration, name or blueprint.workflow_name, self._inputs, self._docs(), policy
        )
        self._ids = blueprint.node_ids()
        self._made: dict[int, FlyteNode | None] = {}
        self._under_way: list[Node] = []

    def finished(self) -> SdkWorkflow:
        for node in self._blueprint.nodes:
            self._node(node)
        outputs = {name: self._output(name, given) for name, given in self._blueprint.outputs.items()}
        if not self._blueprint.nodes:
            self._problem("nodes", None, "there must be a task to run: nothing is called in the body", here())
        if not self._problems:
            self._workflow.add_workflow_outputs(outputs)
        if self._problems:
            raise InvalidInput(f"workflow class {self._blueprint.declaration.__qualname__}", self._problems)
        return self._workflow

    def _docs(self) -> Descriptions:
        text = inspect.getdoc(self._blueprint.declaration) or ""
        parsed = Docstring(text)
        outputs = self._blueprint.outputs
        return Descriptions(
            short_description=parsed.short_description or f"Workflow {self._blueprint.declaration.__name__}.",
            long_description=parsed.long_description or "",
            input_descriptions={name: given.help for name, given in self._blueprint.inputs.items()},
            output_descriptions={name: given.help for name, given in outputs.items()},
        )

    def _problem(self, field: str, value: object, rule: str, location: Location, remedy: str = "") -> None:
        self._problems.append(LocatedProblem(field, value, rule, remedy, location=location))

    def _located(self, problem: Problem, location: Location) -> None:
        self._problem(problem.field, problem.value, problem.rule, location, problem.remedy)

    def _input(self, name: str, given: Input) -> tuple[Any, Any]:
        """Type and default of an input."""
        for problem in given.problems:
            self._located(problem.under(name), given.location)
        if given.problems:
            return optional(str), None
        if given.required or given.default is None:
            return given.python_type if given.required else optional(given.python_type), None
        try:
            default = adapted(given.default, given.python_type)
            is_path = isinstance(given.python_type, type) and issubclass(given.python_type, (FlyteFile, FlyteDirectory))
            problem = None if is_path else conversion_problem("default", default, given.python_type)
        except InvalidInput as error:
            default, problem = None, error.problems[0].under("default")
        if problem is not None:
            self._located(problem.under(name), given.location)
        return given.python_type, default

    def _output(self, name: str, given: Output) -> tuple[Any, Any]:
        """Type and value of an output."""
        for problem in given.problems:
            self._located(problem.under(name), given.location)
        declared = given.python_type
        expected = TypeEngine.to_literal_type(declared) if declared is not None else None
        value = self._value(given.value, expected, name, given.location, declared)
        if declared is None and not given.problems and (declared := self._type_of(given.value)) is None:
            self._problem(name, None, "has no obvious type", given.location, "Give the Output its sdk_type.")
        if declared is not None and value is not UNKNOWN:
            value = self._constant(value, declared, name, given.location)
        return declared, value

    def _type_of(self, value: Any) -> Any:
        """The type of a value as an Output; None when it does not show."""
        value = self._blueprint.current(value)
        if isinstance(value, Input):
            name = self._blueprint.name(value)
            return self._inputs[name][0] if name in self._inputs else str
        if isinstance(value, Node):
            outputs = list(value.entity.python_interface.outputs.values())
            return outputs[0] if len(outputs) == 1 else str
        if isinstance(value, Reference):
            return value.node.entity.python_interface.outputs.get(value.output, str)
        if isinstance(value, (list, tuple)) and value:
            kinds = [self._type_of(each) for each in value]
            return list[kinds[0]] if kinds.count(kinds[0]) == len(kinds) and kinds[0] else None  # type: ignore[valid-type]
        if isinstance(value, dict) and value and has_symbol(value):
            kinds = [self._type_of(each) for each in value.values()]
            return dict[str, kinds[0]] if kinds.count(kinds[0]) == len(kinds) and kinds[0] else None  # type: ignore[valid-type]
        return type(value) if isinstance(value, (bool, int, float, str, dict)) else None

    def _node(self, node: Node) -> FlyteNode | None:
        """The node in flytekit's workflow, and before it all that it depends on; None where problems prevent it."""
        if id(node) in self._made:
            return self._made[id(node)]
        if any(each is node for each in self._under_way):
            self._cycle(node)
            return None
        self._under_way.append(node)
        try:
            self._made[id(node)] = made = self._call(node)
            return made
        finally:
            self._under_way.pop()

    def _cycle(self, node: Node) -> None:
        start = next(place for place, each in enumerate(self._under_way) if each is node)
        labels = [self._blueprint.label(each) for each in [*self._under_way[start:], node]]
        self._problem(labels[0], None, f"waits for itself: {' waits for '.join(labels)}", node.location)

    def _call(self, node: Node) -> FlyteNode | None:
        label = self._blueprint.label(node)
        before = len(self._problems)
        upstream = [self._node(each) for each in map(self._blueprint.current, node.upstream)]
        if self._workflow.name in _workflow_names(node.entity):
            self._problem(label, None, "is a call of the workflow itself", node.location)
            return None
        inputs = self._arguments(node, label)
        if has_symbol(node.overrides):
            self._problem(f"{label}.with_overrides", node.overrides, "must be given constants", node.location)
        try:
            made = self._workflow.add_call(node.entity, inputs)
        except Exception as error:
            for problem in _call_problems(node.entity, inputs, error):
                self._located(problem.under(label), node.location)
            return None
        if len(self._problems) > before:
            return made
        try:
            made.with_overrides(**{key: value for key, value in node.overrides.items() if key != "node_name"})
        except Exception as error:
            self._problem(f"{label}.with_overrides", node.overrides, f"cannot be: {error}", node.location)
        for each in upstream:
            if each is not None:
                each.runs_before(made)
        self._workflow.name_node(made, self._ids[id(node)], label)
        return made

    def _arguments(self, node: Node, label: str) -> dict[str, Any]:
        """The inputs of a call as flytekit takes them; what is wrong or missing is replaced by something unknown."""
        declared = node.entity.python_interface.inputs_with_defaults
        try:
            given = named_inputs(node.entity.name, list(declared), node.args, node.inputs)
        except InvalidInput as error:
            for problem in error.problems:
                self._located(problem.under(label), node.location)
            given = node.inputs
        supplied = _supplied(node.entity)
        fixed = node.entity.raw_fixed_inputs if isinstance(node.entity, LaunchPlan) else {}
        arguments = {}
        for name, value in given.items():
            field = f"{label}.{name}"
            if name not in declared:
                hint = did_you_mean(name, declared) or f"It takes {', '.join(declared) or 'none'}."
                self._problem(field, _shown(value), f"is not an input of {node.entity.name}", node.location, hint)
            elif name in fixed:
                self._problem(field, _shown(value), "is fixed by the launch plan", node.location)
            else:
                expected = node.entity.interface.inputs[name].type
                resolved = self._value(value, expected, field, node.location, declared[name][0])
                arguments[name] = self._constant(resolved, declared[name][0], field, node.location)
        for name, (python_type, default) in declared.items():
            if name in given or name in supplied:
                continue
            if default is None and not accepts_none(python_type):
                self._problem(f"{label}.{name}", None, "is required", node.location)
                arguments[name] = UNKNOWN
            elif isinstance(default, (list, dict, set)):  # flytekit refuses to take such a default for itself
                arguments[name] = copy.deepcopy(default)
        return arguments

    def _constant(self, value: Any, python_type: Any, field: str, location: Location) -> Any:
        try:
            return adapted(value, python_type)
        except InvalidInput as error:
            for problem in error.problems:
                self._located(problem.under(field), location)
            return UNKNOWN

    def _value(self, value: Any, expected: LiteralType | None, field: str, location: Location, python_type: Any) -> Any:
        """A value of the body with promises in place of what stands in it for values."""
        value = self._blueprint.current(value)
        if isinstance(value, Symbol):
            return self._promise(value, expected, field, location, python_type)
        if isinstance(value, Output):
            self._problem(field, value, "cannot be given to a task", location, "Give it what the Output was given.")
            return UNKNOWN
        if isinstance(value, (list, tuple)) and has_symbol(value):
            inner = _inner(expected, "collection_type")
            return [
                self._value(each, inner, f"{field}[{place}]", location, python_type) for place, each in enumerate(value)
            ]
        if isinstance(value, dict) and has_symbol(value):
            inner = _inner(expected, "map_value_type")
            if inner is None and expected is not None:
                rule = f"cannot have the output of a task inside, being {shown_type(python_type)}"
                self._problem(field, _shown(value), rule, location, "Make the whole of it in a task.")
                return UNKNOWN
            return {
                key: self._value(each, inner, f"{field}.{key}", location, python_type) for key, each in value.items()
            }
        return value

    def _promise(
        self, symbol: Symbol, expected: LiteralType | None, field: str, location: Location, python_type: Any
    ) -> Promise:
        if isinstance(symbol, Input):
            name = self._blueprint.name(symbol)
            if name not in self._inputs:
                self._problem(field, symbol, "is no attribute of the class", location, "Give the Input a name in it.")
                return UNKNOWN
            promise, actual, shown = self._workflow.inputs[name], self._input_types[name], self._inputs[name][0]
        else:
            found = self._reference(symbol, field, location)
            if found is None:
                return UNKNOWN
            promise, actual, shown = found
        if expected is not None and not is_castable(actual, expected):
            remedy = ""
            if accepts_none(shown) and not accepts_none(python_type):
                remedy = "Give the Input a default, or make it required." if isinstance(symbol, Input) else ""
            rule = f"is {shown_type(shown)}, and {shown_type(python_type)} is expected"
            self._problem(field, symbol, rule, location, remedy)
        return promise

    def _reference(self, symbol: Symbol, field: str, location: Location) -> tuple[Promise, LiteralType, Any] | None:
        """The promise of a node's output, its literal type and its type."""
        node = self._blueprint.current(symbol.node if isinstance(symbol, Reference) else symbol)
        if not isinstance(node, Node) or not self._blueprint.has(node):
            self._problem(field, symbol, "is not of this class", location)
            return None
        outputs = node.entity.python_interface.outputs
        label = self._blueprint.label(node)
        if isinstance(symbol, Reference):
            output = symbol.output
            if output not in outputs:
                hint = did_you_mean(output, outputs) or f"It has {', '.join(outputs) or 'none'}."
                rule = f"is not an output of {node.entity.name}"
                self._problem(f"{label}.outputs.{output}", None, rule, symbol.location, hint)
                return None
        elif len(outputs) == 1:
            (output,) = outputs
        else:
            remedy = f"Choose one: {', '.join(f'{label}.outputs.{each}' for each in outputs)}." if outputs else ""
            self._problem(field, symbol, f"has {len(outputs) or 'no'} outputs", location, remedy)
            return None
        made = self._node(node)
        promise = Promise(output, NodeOutput(node=made, var=output)) if made is not None else UNKNOWN
        return promise, node.entity.interface.outputs[output].type, outputs[output]


def _inner(kind: LiteralType | None, part: str) -> LiteralType | None:
    """The type of the elements of a list or dictionary type, also of an optional one; None where there is none."""
    if kind is None:
        return None
    variants = kind.union_type.variants if kind.union_type is not None else [kind]
    return next((inner for each in variants if (inner := getattr(each, part)) is not None), None)


def _supplied(entity: Any) -> set[str]:
    """The inputs that an entity gives itself: those of a launch plan, and the bound ones of a mapped task."""
    partial = getattr(entity, "_partial", None)
    saved = entity.saved_inputs if isinstance(entity, LaunchPlan) else {}
    given = {
        **(partial.keywords if partial is not None else {}),
        **saved,
        **getattr(entity, "_bound_inputs_values", {}),
    }
    return {name for name, value in given.items() if value is not None}


def _workflow_names(entity: Any) -> Iterator[str]:
    """The name of a workflow and of all that it contains; nothing for a task."""
    workflow = entity.workflow if isinstance(entity, LaunchPlan) else entity
    if isinstance(workflow, WorkflowBase) and not isinstance(entity, ReferenceEntity):
        yield workflow.name
        for node in workflow.nodes:
            yield from _workflow_names(node.flyte_entity)


def _call_problems(entity: Any, inputs: Mapping[str, Any], error: Exception) -> Iterator[Problem]:
    """Which inputs a call was refused for, one by one."""
    if isinstance(error, InvalidInput):
        yield from error.problems
        return
    declared = entity.python_interface.inputs
    found = [conversion_problem(name, value, declared[name]) for name, value in inputs.items()]
    yield from filter(None, found)
    if not any(found):
        yield Problem("", None, f"cannot be called: {str(error).strip()}")


def _shown(value: Any) -> Any:
    return value
