"""Launch plans of workflow classes, as flytekit 0.x created them, resting on those of today's flytekit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flytekit.core.launch_plan import LaunchPlan
from flytekit.core.workflow import WorkflowBase
from flytekit.models.common import Annotations, Labels, Notification
from flytekit.models.schedule import Schedule
from flytekit.models.security import Identity, SecurityContext

from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean
from flytekit_sagemaker.sdk.conversion import adapted, conversion_problem
from flytekit_sagemaker.sdk.declarations import Input
from flytekit_sagemaker.tasks.naming import defining_namespace, variable_name

_UNNAMED = "a launch plan that no variable holds yet"


class SdkLaunchPlan(LaunchPlan):  # type: ignore[misc]
    """A launch plan of a workflow class. Without a name of its own it has that of the variable that holds it."""

    _namespace: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """The name given, else ``<module>.<variable>``."""
        if self._namespace is None:
            return str(self._name)
        return variable_name(self, self._namespace) or f"{self.workflow.name}.launch_plan"


def create_launch_plan(
    workflow: WorkflowBase,
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
    """A launch plan of a workflow; see :meth:`SdkWorkflow.create_launch_plan`."""
    if role is not None and assumable_iam_role is not None:
        rule = "is the same as assumable_iam_role, which is given too"
        raise InvalidInput("the launch plan", [Problem("role", role, rule)])
    required = [each for each, given in (default_inputs or {}).items() if isinstance(given, Input) and given.required]
    defaults = {
        each: given.default if isinstance(given, Input) else given
        for each, given in (default_inputs or {}).items()
        if each not in required
    }
    values = {"default_inputs": defaults, "fixed_inputs": fixed_inputs or {}}
    problems = [problem for field, given in values.items() for problem in _problems(workflow, field, given)]
    problems += [Problem(f"default_inputs.{each}", None, "is required, and has no default") for each in required]
    problems += _name_problems(workflow, name)
    if problems:
        raise InvalidInput(f"the launch plan of {workflow.name}", problems)
    types = workflow.python_interface.inputs
    arguments = {
        field: {each: adapted(value, types[each]) for each, value in given.items()} for field, given in values.items()
    }
    identity = Identity(iam_role=role or assumable_iam_role, k8s_service_account=kubernetes_service_account)
    LaunchPlan.CACHE.pop(name or _UNNAMED, None)
    plan = SdkLaunchPlan.create(
        name or _UNNAMED,
        workflow,
        **arguments,
        schedule=schedule,
        notifications=list(notifications or []),
        labels=Labels(dict(labels)) if isinstance(labels, Mapping) else labels,
        annotations=Annotations(dict(annotations)) if isinstance(annotations, Mapping) else annotations,
        security_context=SecurityContext(run_as=identity) if any(vars(identity).values()) else None,
        **options,
    )
    if name is None:
        del LaunchPlan.CACHE[_UNNAMED]
        plan._namespace = defining_namespace() or {}
    return plan


def _problems(workflow: WorkflowBase, field: str, given: Mapping[str, Any]) -> Iterator[Problem]:
    declared = workflow.python_interface.inputs
    for name, value in given.items():
        if name not in declared:
            hint = did_you_mean(name, declared) or f"It takes {', '.join(declared) or 'none'}."
            yield Problem(f"{field}.{name}", value, f"is not an input of {workflow.name}", hint)
            continue
        try:
            problem = conversion_problem(f"{field}.{name}", adapted(value, declared[name]), declared[name])
        except InvalidInput as error:
            problem = error.problems[0].under(f"{field}.{name}")
        if problem is not None:
            yield problem


def _name_problems(workflow: WorkflowBase, name: str | None) -> Iterator[Problem]:
    """Two launch plans must not have one name, unless the cell or module that makes them was executed again."""
    other = LaunchPlan.CACHE.get(name) if name else None
    if name == workflow.name:
        yield Problem("name", name, "is the name of the workflow's default launch plan")
    elif other is not None and (other.workflow is workflow or other.workflow.name != workflow.name):
        yield Problem("name", name, f"is the name of another launch plan, of {other.workflow.name}")
