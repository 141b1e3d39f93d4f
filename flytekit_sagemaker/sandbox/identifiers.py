"""Which names the sandbox takes, and identifiers as keys and as words."""

from __future__ import annotations

import re
import secrets
from typing import Any

from flyteidl.core import identifier_pb2

from flytekit_sagemaker.sandbox.refusals import refuse_all

KINDS = {
    identifier_pb2.TASK: "task",
    identifier_pb2.WORKFLOW: "workflow",
    identifier_pb2.LAUNCH_PLAN: "launch plan",
}
_LONGEST_NAME = 255
_PLACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
# What Admin takes: https://docs.flyte.org/en/latest/api/flyteidl/docs/admin/admin.html
_EXECUTION = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[^\s\x00-\x1f]+")
_VERSION = re.compile(r"[^\s\x00-\x1f!*'();:@&=+$,/?#\[\]]+")
_RULES = {
    "project": (_PLACE, "must be letters, digits, '_', '.' and '-', 63 at most"),
    "domain": (_PLACE, "must be letters, digits, '_', '.' and '-', 63 at most"),
    "name": (_NAME, f"must be given, without white space and with {_LONGEST_NAME} characters at most"),
    "version": (_VERSION, f"must be given, fit into a URL and have {_LONGEST_NAME} characters at most"),
}
_EXECUTION_RULE = "must start with a lower-case letter and go on with such letters, digits and '-', 63 at most"


def check_entity(identifier: Any) -> None:
    """Refuse the identifier of a task, workflow or launch plan that breaks a rule, naming each."""
    refuse_all(
        f"The {KINDS.get(identifier.resource_type, 'resource')} cannot have this identifier", problems(identifier)
    )


def check_execution(project: str, domain: str, name: str) -> None:
    """Refuse the identifier of an execution that breaks a rule, naming each."""
    place = identifier_pb2.WorkflowExecutionIdentifier(project=project, domain=domain)
    found = problems(place, ("project", "domain"))
    if not _EXECUTION.fullmatch(name):
        found.append(f"its name {name!r} {_EXECUTION_RULE}")
    refuse_all("The execution cannot have this identifier", found)


def problems(identifier: Any, fields: tuple[str, ...] = ("project", "domain", "name", "version")) -> list[str]:
    """What is wrong with the fields of an identifier."""
    found = []
    for field in fields:
        pattern, rule = _RULES[field]
        value = getattr(identifier, field)
        if not pattern.fullmatch(value) or len(value) > _LONGEST_NAME:
            found.append(f"its {field} {value!r} {rule}")
    return found


def words(identifier: Any) -> str:
    """An identifier of an entity as people read it."""
    kind = KINDS.get(identifier.resource_type, "resource")
    return f"{kind} {identifier.name} in version {identifier.version} of {identifier.project}/{identifier.domain}"


def new_execution_name() -> str:
    """A name for an execution whose caller gave none."""
    return f"f{secrets.token_hex(10)[1:]}"


def node_id_of_single_task(task_name: str) -> str:
    """The id of the node that runs a task alone, as Flyte makes it."""
    return re.sub(r"[^a-zA-Z0-9-]", "", task_name.replace("_", "-"))[-63:].strip("-").lower() or "task"
