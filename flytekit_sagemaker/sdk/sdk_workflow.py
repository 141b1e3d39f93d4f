"""The workflow that is made of a class: an imperative workflow of flytekit's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.interface import Interface, transform_interface_to_typed_interface
from flytekit.core.launch_plan import LaunchPlan
from flytekit.core.node import Node
from flytekit.core.promise import binding_from_python_std
from flytekit.core.type_engine import TypeEngine
from flytekit.core.workflow import ImperativeWorkflow, WorkflowFailurePolicy, construct_input_promises
from flytekit.models.common import Annotations, Labels, Notification
from flytekit.models.documentation import Description, Documentation
from flytekit.models.schedule import Schedule

from flytekit_sagemaker.sdk.calls import checked_inputs
from flytekit_sagemaker.sdk.launch_plans import create_launch_plan
from flytekit_sagemaker.tasks.deferral import deferrable
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

    @deferrable
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the workflow here, or make it a node of the workflow that is being compiled.

        Raises:
            InvalidInput: listing every input that is unknown, missing or of the wrong type.
        """
        return super().__call__(**checked_inputs(self, args, kwargs))

    def create_launch_plan(
        self,
        default_inputs: Mapping[str, Any] | None = None,
        fixed_inputs: Mapping[str, Any] | None = None,
        schedule: Schedule | None = None,
        role: str | None = None,
        notifications: Sequence[Notification] | None = None,
        labels: Labels | Mapping[str, str] | None = None,
        annotations: Annotations | Mapping[str, str] | None = None,
        assumable_iam_role: str | None = None,
        kubernetes_service_account: str | None = None,
        name: str | None = None,
        **options: Any,
    ) -> LaunchPlan:
        """A launch plan of this workflow.

        Args:
            default_inputs: other defaults than the workflow's, as values or as ``Input(type, default=value)``.
            fixed_inputs: inputs that a launch cannot change.
            schedule: when it is launched, a ``CronSchedule`` or a ``FixedRate``.
            role: IAM role of the executions; ``assumable_iam_role`` is another word for it.
            notifications: who is told about the end of an execution.
            labels, annotations: of the executions.
            kubernetes_service_account: service account of the executions.
            name: its name; ``<module>.<variable>`` where left out.
            options: other options of flytekit's ``LaunchPlan.create``.

        Raises:
            InvalidInput: listing every input that is unknown or of the wrong type, and whatever else is wrong.
        """
        return create_launch_plan(
            self,
            default_inputs,
            fixed_inputs,
            schedule,
            role,
            notifications,
            labels,
            annotations,
            assumable_iam_role,
            kubernetes_service_account,
            name,
            **options,
        )

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
        """Name a node: its identifier, and what Flyte's console shows. Those before it have their names."""
        node.upstream_nodes.sort(key=lambda each: each.id)  # flytekit's own order changes from run to run
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
