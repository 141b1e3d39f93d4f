"""Registration: tasks, workflows and launch plans, each written once per version."""

from __future__ import annotations

import hashlib
from typing import Any

import grpc
from flyteidl.admin import common_pb2, launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2

from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.sandbox import messages
from flytekit_sagemaker.sandbox.graph import Graph, compiled
from flytekit_sagemaker.sandbox.identifiers import check_entity, words
from flytekit_sagemaker.sandbox.literals import check_inputs
from flytekit_sagemaker.sandbox.refusals import Refused, invalid, not_found, not_here
from flytekit_sagemaker.sandbox.store import Store
from flytekit_sagemaker.sandbox.tasks import Tasks

ACTIVE = launch_plan_pb2.ACTIVE


class Registry:
    """The part of ``AdminService`` that is about what can be run. Each public method is the RPC of its name."""

    def __init__(self, store: Store, tasks: Tasks, clock: Clock) -> None:
        self._store, self._tasks, self._clock = store, tasks, clock

    def CreateTask(self, request: Any) -> Any:
        message = task_pb2.Task(id=_typed(request.id, identifier_pb2.TASK))
        template = message.closure.compiled_task.template
        template.CopyFrom(request.spec.template)
        template.id.CopyFrom(message.id)
        message.short_description = request.spec.description.short_description
        message.closure.created_at.CopyFrom(messages.timestamp(self._clock.time()))
        if not template.type:
            raise invalid(f"The task {message.id.name} has no type.")
        self._add(message, template)
        return task_pb2.TaskCreateResponse()

    def CreateWorkflow(self, request: Any) -> Any:
        message = workflow_pb2.Workflow(id=_typed(request.id, identifier_pb2.WORKFLOW))
        closure = compiled(request.spec, message.id, self._template)
        for task in closure.tasks:
            self._tasks.runner(task.template)
        message.closure.compiled_workflow.CopyFrom(closure)
        message.closure.created_at.CopyFrom(messages.timestamp(self._clock.time()))
        message.short_description = request.spec.description.short_description
        self._add(message, request.spec)
        return workflow_pb2.WorkflowCreateResponse()

    def CreateLaunchPlan(self, request: Any) -> Any:
        message = launch_plan_pb2.LaunchPlan(id=_typed(request.id, identifier_pb2.LAUNCH_PLAN), spec=request.spec)
        spec, closure = message.spec, message.closure
        if spec.entity_metadata.schedule.WhichOneof("ScheduleExpression"):
            raise not_here(f"The schedule of the launch plan {message.id.name}")
        spec.workflow_id.resource_type = identifier_pb2.WORKFLOW
        interface = self.GetWorkflow(spec.workflow_id).closure.compiled_workflow.primary.template.interface
        given = spec.default_inputs.parameters
        check_inputs(f"the workflow {spec.workflow_id.name}", spec.fixed_inputs, interface.inputs.variables, set(given))
        for name, variable in interface.inputs.variables.items():
            if name in spec.fixed_inputs.literals:
                continue
            expected = closure.expected_inputs.parameters[name]
            if name in given:
                expected.CopyFrom(given[name])
            else:
                expected.required = True
            expected.var.CopyFrom(variable)
        closure.expected_outputs.CopyFrom(interface.outputs)
        messages_now = messages.timestamp(self._clock.time())
        closure.created_at.CopyFrom(messages_now)
        closure.updated_at.CopyFrom(messages_now)
        self._add(message, spec)
        return launch_plan_pb2.LaunchPlanCreateResponse()

    def UpdateLaunchPlan(self, request: Any) -> Any:
        identifier = _typed(request.id, identifier_pb2.LAUNCH_PLAN)
        if request.state == ACTIVE:
            self._set_state(self._active(identifier), launch_plan_pb2.INACTIVE)
        self._set_state(identifier, request.state)
        return launch_plan_pb2.LaunchPlanUpdateResponse()

    def GetTask(self, request: Any) -> Any:
        return self._get(request, identifier_pb2.TASK)

    def GetWorkflow(self, request: Any) -> Any:
        return self._get(request, identifier_pb2.WORKFLOW)

    def GetLaunchPlan(self, request: Any) -> Any:
        return self._get(request, identifier_pb2.LAUNCH_PLAN)

    def GetActiveLaunchPlan(self, request: Any) -> Any:
        active = self._active(request.id)
        if active is None:
            raise not_found(f"active launch plan {request.id.name} of {request.id.project}/{request.id.domain}")
        return self.GetLaunchPlan(active)

    def ListTasks(self, request: Any) -> Any:
        tasks, token = self._page(request, identifier_pb2.TASK)
        return task_pb2.TaskList(tasks=tasks, token=token)

    def ListWorkflows(self, request: Any) -> Any:
        workflows, token = self._page(request, identifier_pb2.WORKFLOW)
        return workflow_pb2.WorkflowList(workflows=workflows, token=token)

    def ListLaunchPlans(self, request: Any) -> Any:
        launch_plans, token = self._page(request, identifier_pb2.LAUNCH_PLAN)
        return launch_plan_pb2.LaunchPlanList(launch_plans=launch_plans, token=token)

    def ListActiveLaunchPlans(self, request: Any) -> Any:
        scope = {"project": request.project, "domain": request.domain, "state": ACTIVE}
        found, token = self._store.entities(identifier_pb2.LAUNCH_PLAN, request, **scope)
        return launch_plan_pb2.LaunchPlanList(launch_plans=found, token=token)

    def ListTaskIds(self, request: Any) -> Any:
        return self._ids(request, identifier_pb2.TASK)

    def ListWorkflowIds(self, request: Any) -> Any:
        return self._ids(request, identifier_pb2.WORKFLOW)

    def ListLaunchPlanIds(self, request: Any) -> Any:
        return self._ids(request, identifier_pb2.LAUNCH_PLAN)

    def graph(self, identifier: Any) -> Graph:
        """What a task or a launch plan runs.

        Raises:
            Refused: there is no such entity, or the sandbox cannot run it.
        """
        if identifier.resource_type == identifier_pb2.TASK:
            graph = Graph.of_task(self.GetTask(identifier).closure.compiled_task.template)
        else:
            workflow = self.GetWorkflow(self.GetLaunchPlan(identifier).spec.workflow_id)
            graph = Graph.of_closure(workflow.closure.compiled_workflow)
        for template in graph.tasks.values():
            self._tasks.runner(template)
        return graph

    def _template(self, identifier: Any) -> Any:
        found = self._store.entity(_typed(identifier, identifier_pb2.TASK))
        return found[0].closure.compiled_task.template if found else None

    def _add(self, message: Any, content: Any) -> None:
        check_entity(message.id)
        digest = hashlib.sha256(content.SerializeToString(deterministic=True)).digest()
        found = self._store.entity(message.id)
        if found is None:
            now = self._clock.time()
            self._store.save_entity(message, digest, now, now)
        elif found[1] == digest:
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"The {words(message.id)} is registered already.")
        else:
            raise invalid(
                f"The {words(message.id)} is registered with another content, and a version does not change: "
                "register this content under another version."
            )

    def _get(self, request: Any, kind: int) -> Any:
        identifier = _typed(getattr(request, "id", request), kind)
        found = self._store.entity(identifier)
        if found is None:
            raise not_found(words(identifier))
        return found[0]

    def _page(self, request: Any, kind: int) -> tuple[list[Any], str]:
        scope = {name: value for name in ("project", "domain", "name") if (value := getattr(request.id, name))}
        return self._store.entities(kind, request, **scope)

    def _ids(self, request: Any, kind: int) -> Any:
        names, token = self._store.names(kind, request)
        ids = [
            common_pb2.NamedEntityIdentifier(project=request.project, domain=request.domain, name=name)
            for name in names
        ]
        return common_pb2.NamedEntityIdentifierList(entities=ids, token=token)

    def _active(self, identifier: Any) -> Any:
        scope = {"project": identifier.project, "domain": identifier.domain, "name": identifier.name, "state": ACTIVE}
        found, _ = self._store.entities(identifier_pb2.LAUNCH_PLAN, common_pb2.ResourceListRequest(limit=1), **scope)
        return found[0].id if found else None

    def _set_state(self, identifier: Any, state: int) -> None:
        if identifier is None:
            return
        launch_plan, now = self._get(identifier, identifier_pb2.LAUNCH_PLAN), self._clock.time()
        digest = self._store.entity(identifier)[1]  # type: ignore[index]
        launch_plan.closure.state = state
        launch_plan.closure.updated_at.CopyFrom(messages.timestamp(now))
        created = launch_plan.closure.created_at.ToMicroseconds() / 1e6
        self._store.save_entity(launch_plan, digest, created, now, state)


def _typed(identifier: Any, kind: int) -> Any:
    typed = identifier_pb2.Identifier()
    typed.CopyFrom(identifier)
    typed.resource_type = kind
    return typed
