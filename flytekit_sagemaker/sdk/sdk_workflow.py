"""The workflow that is made of a class: an imperative workflow of flytekit's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.interface import Interface, transform_interface_to_typed_interface
from flytekit.core.node import Node
from flytekit.core.promise import binding_from_python_std
from flytekit.core.type_engine import TypeEngine
from flytekit.core.workflow import ImperativeWorkflow, WorkflowFailurePolicy, construct_input_promises
from flytekit.models.documentation import Description, Documentation

from flytekit_sagemaker.tasks.descriptions import Descriptions


class SdkWorkflow(ImperativeWorkflow):  # type: ignore[misc]
    """What :func:`workflow_class` makes of a class.

    Everything that takes a workflow of flytekit's takes it. Called, it runs locally and returns its outputs by name;
    called in another workflow, it is a sub-workflow. It can be the base of another class: see :func:`workflow_class`.
    Attributes of the class are attributes of the workflow, as far as flytekit has no attribute of that name.
    """

    def __init__(
        self,
        declaration: type,
        name: str,
        inputs: Mapping[str, tuple[Any, Any]],
        docs: Descriptions,
        failure_policy: WorkflowFailurePolicy | None = None,
    ) -> None:
        super().__init__(name=name, failure_policy=failure_policy)
        self._declaration = declaration
        self._docs = Documentation(
            short_description=docs.short_description, long_description=Description(value=docs.long_description)
        )
        self.__doc__ = "\n\n".join(filter(None, [docs.short_description, docs.long_description]))
        self._inputs = construct_input_promises(list(inputs))
        self._set_interface(Interface(dict(inputs), {}, declaration.__name__, docs))

    def add_call(self, entity: Any, inputs: Mapping[str, Any]) -> Node:
        """Let the workflow call a task, a workflow or a launch plan.

        Unlike flytekit's ``add_entity``, the outputs may have any name.
        """
        ctx = FlyteContextManager.current_context()
        with FlyteContextManager.with_context(ctx.with_compilation_state(self.compilation_state)):
            entity(**inputs)
        return self.nodes[-1]

    def add_workflow_outputs(self, outputs: Mapping[str, tuple[Any, Any]]) -> None:
        """Give the workflow its outputs: type and value of each."""
        ctx = FlyteContextManager.current_context()
        for name, (python_type, value) in outputs.items():
            binding, _ = binding_from_python_std(ctx, name, TypeEngine.to_literal_type(python_type), value, python_type)
            self._output_bindings.append(binding)
        before = self.python_interface
        types = {name: python_type for name, (python_type, _) in outputs.items()}
        inputs = before.inputs_with_defaults
        self._set_interface(Interface(dict(inputs), types, before.output_tuple_name, before.docstring))

    def ready(self) -> bool:
        """Whether there is anything to run; an input that no task takes is no obstacle."""
        return bool(self.nodes)

    def name_node(self, node: Node, node_id: str, shown: str) -> None:
        """Name a node: its identifier, and what Flyte's console shows."""
        node._id = node_id
        node._metadata._name = shown

    def _set_interface(self, interface: Interface) -> None:
        self._python_interface = interface
        self._interface = transform_interface_to_typed_interface(interface)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (self._declaration,)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            return getattr(self._declaration, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        inputs = ", ".join(
            name if default is None else f"{name}={default!r}"
            for name, (_, default) in self.python_interface.inputs_with_defaults.items()
        )
        return f"workflow {self.name}({inputs}) -> ({', '.join(self.python_interface.outputs)})"
