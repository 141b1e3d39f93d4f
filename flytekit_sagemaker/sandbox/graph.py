"""Workflows as the sandbox can run them: their nodes, what each needs, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flyteidl.core import compiler_pb2, identifier_pb2, literals_pb2, workflow_pb2

from flytekit_sagemaker.sandbox.bindings import END, START, node_of, promises
from flytekit_sagemaker.sandbox.identifiers import node_id_of_single_task, words
from flytekit_sagemaker.sandbox.refusals import invalid, not_here, refuse_all

Key = tuple[str, str, str, str]


def entity_key(identifier: Any) -> Key:
    """An identifier of an entity as a key."""
    return identifier.project, identifier.domain, identifier.name, identifier.version


@dataclass(frozen=True)
class Graph:
    """A workflow with everything that it runs.

    Attributes:
        template: its ``WorkflowTemplate``.
        tasks: templates of the tasks, by :func:`entity_key` their identifiers.
        sub_workflows: templates of the workflows inside, likewise.
    """

    template: Any
    tasks: Mapping[Key, Any] = field(default_factory=dict)
    sub_workflows: Mapping[Key, Any] = field(default_factory=dict)

    @classmethod
    def of_task(cls, task: Any) -> Graph:
        """The workflow of one node that runs a task alone."""
        name = node_id_of_single_task(task.id.name)
        node = workflow_pb2.Node(
            id=name,
            metadata=workflow_pb2.NodeMetadata(name=task.id.name),
            inputs=[_through(each, START) for each in task.interface.inputs.variables],
            task_node=workflow_pb2.TaskNode(reference_id=task.id),
        )
        identifier = identifier_pb2.Identifier(
            resource_type=identifier_pb2.WORKFLOW,
            project=task.id.project,
            domain=task.id.domain,
            name=f".flytegen.{task.id.name}",
            version=task.id.version,
        )
        outputs = [_through(each, name) for each in task.interface.outputs.variables]
        template = workflow_pb2.WorkflowTemplate(id=identifier, interface=task.interface, nodes=[node], outputs=outputs)
        return cls(template, {entity_key(task.id): task})

    @classmethod
    def of_closure(cls, closure: Any) -> Graph:
        """The workflow of a ``CompiledWorkflowClosure``."""
        return cls(
            closure.primary.template,
            {entity_key(each.template.id): each.template for each in closure.tasks},
            {entity_key(each.template.id): each.template for each in closure.sub_workflows},
        )


def compiled(spec: Any, identifier: Any, find_task: Callable[[Any], Any]) -> Any:
    """The ``CompiledWorkflowClosure`` of a ``WorkflowSpec``.

    Args:
        find_task: the template of a registered task by its identifier, None where there is none.

    Raises:
        Refused: the workflow has nodes that the sandbox does not run, refers to what there is not, or is no graph.
    """
    primary = workflow_pb2.WorkflowTemplate()
    primary.CopyFrom(spec.template)
    primary.id.CopyFrom(identifier)
    known = {entity_key(each.id): each for each in spec.sub_workflows}
    tasks: dict[Key, Any] = {}
    problems: list[str] = []
    for template in (primary, *spec.sub_workflows):
        if template.HasField("failure_node"):
            raise not_here(f"The failure node of the workflow {template.id.name}")
        for node in every_node(template.nodes):
            _check_node(node, template, known)
            if node.WhichOneof("target") == "task_node":
                reference = node.task_node.reference_id
                task = find_task(reference)
                if task is None:
                    problems.append(f"its node {node.id} runs the {words(reference)}, which is not registered")
                else:
                    tasks[entity_key(reference)] = task
        problems += _problems(template)
    refuse_all(f"The workflow {identifier.name} cannot run", problems)
    return compiler_pb2.CompiledWorkflowClosure(
        primary=_compiled(primary),
        sub_workflows=[_compiled(each) for each in known.values()],
        tasks=[compiler_pb2.CompiledTask(template=each) for each in tasks.values()],
    )


def every_node(nodes: Any) -> Iterator[Any]:
    """The nodes that do something, and those inside of branches."""
    for node in nodes:
        if node.id in (START, END):
            continue
        yield node
        yield from every_node(inside_of(node))


def inside_of(node: Any) -> list[Any]:
    """The nodes of which a branch node runs one; none for any other node."""
    if node.WhichOneof("target") != "branch_node":
        return []
    choice = node.branch_node.if_else
    nodes = [block.then_node for block in (choice.case, *choice.other)]
    return [*nodes, choice.else_node] if choice.WhichOneof("default") == "else_node" else nodes


def needs(node: Any) -> set[str]:
    """Ids of the nodes that have to end before a node can begin.

    What a branch chooses from is numbered anew by flytekit, so that a node in it may have the id of one around it; an
    id always means the latter, since nothing waits for a part of a branch.
    """
    named = {node_of(promise) for each in node.inputs for promise in promises(each.binding)} | set(
        node.upstream_node_ids
    )
    for inner in inside_of(node):
        named |= needs(inner)
    return named - {START}


def _check_node(node: Any, template: Any, known: Mapping[Key, Any]) -> None:
    target = node.WhichOneof("target")
    where = f"the node {node.id} of the workflow {template.id.name}"
    if target == "workflow_node":
        if node.workflow_node.WhichOneof("reference") != "sub_workflow_ref":
            raise not_here(f"A launch plan as a node, such as {where},")
        if entity_key(node.workflow_node.sub_workflow_ref) not in known:
            raise invalid(f"The {words(node.workflow_node.sub_workflow_ref)}, of {where}, was not sent along.")
    elif target not in ("task_node", "branch_node"):
        kinds = {"gate_node": "A gate", "array_node": "A map task"}
        raise not_here(f"{kinds.get(str(target), 'A node of this kind')}, such as {where},")


def _problems(template: Any) -> list[str]:
    nodes = {node.id: node for node in template.nodes if node.id not in (START, END)}
    needed = {name: needs(node) for name, node in nodes.items()}
    problems = [
        f"its node {name} needs the node {each}, which there is not"
        for name, others in needed.items()
        for each in sorted(others - set(nodes))
    ]
    waiting = {name: others & set(nodes) for name, others in needed.items()}
    while ready := {name for name, others in waiting.items() if not others & set(waiting)}:
        waiting = {name: others for name, others in waiting.items() if name not in ready}
    if stuck := sorted(waiting):
        problems.append(f"its nodes {', '.join(stuck)} wait for each other")
    return problems


def _compiled(template: Any) -> Any:
    connections = compiler_pb2.ConnectionSet()
    for node in template.nodes:
        for other in needs(node) or {START}:
            connections.upstream[node.id].ids.append(other)
            connections.downstream[other].ids.append(node.id)
    return compiler_pb2.CompiledWorkflow(template=template, connections=connections)


def _through(name: str, node: str) -> Any:
    promise = {"node_id": node, "var": name}
    return literals_pb2.Binding(var=name, binding=literals_pb2.BindingData(promise=promise))
