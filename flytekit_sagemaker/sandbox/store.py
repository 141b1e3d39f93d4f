"""What the sandbox knows, in one SQLite file: messages as Admin answers them, with the columns to find them by.

Every call is one committed transaction, so what was acknowledged is there after a crash.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flyteidl.admin import (
    execution_pb2,
    launch_plan_pb2,
    node_execution_pb2,
    task_execution_pb2,
    task_pb2,
    workflow_pb2,
)
from flyteidl.core import execution_pb2 as phases
from flyteidl.core import identifier_pb2, literals_pb2

from flytekit_sagemaker.sandbox.listing import listing

SCHEMA = """
CREATE TABLE IF NOT EXISTS entities (
    kind INTEGER, project TEXT, domain TEXT, name TEXT, version TEXT, state INTEGER, created REAL, updated REAL,
    digest BLOB, message BLOB, PRIMARY KEY (kind, project, domain, name, version)
);
CREATE TABLE IF NOT EXISTS executions (
    project TEXT, domain TEXT, name TEXT, phase TEXT, entity TEXT, created REAL, updated REAL,
    message BLOB, inputs BLOB, outputs BLOB, PRIMARY KEY (project, domain, name)
);
CREATE TABLE IF NOT EXISTS nodes (
    project TEXT, domain TEXT, execution TEXT, node TEXT, parent TEXT, phase TEXT, created REAL, updated REAL,
    message BLOB, inputs BLOB, outputs BLOB, PRIMARY KEY (project, domain, execution, node)
);
CREATE TABLE IF NOT EXISTS attempts (
    project TEXT, domain TEXT, execution TEXT, node TEXT, number INTEGER, phase TEXT, created REAL, updated REAL,
    message BLOB, resource_meta BLOB, PRIMARY KEY (project, domain, execution, node, number)
);
CREATE TABLE IF NOT EXISTS results (key BLOB PRIMARY KEY, outputs BLOB, source BLOB) WITHOUT ROWID;
"""
MESSAGES: dict[int, Any] = {
    identifier_pb2.TASK: task_pb2.Task,
    identifier_pb2.WORKFLOW: workflow_pb2.Workflow,
    identifier_pb2.LAUNCH_PLAN: launch_plan_pb2.LaunchPlan,
}
ENDED = (
    phases.WorkflowExecution.SUCCEEDED,
    phases.WorkflowExecution.FAILED,
    phases.WorkflowExecution.ABORTED,
    phases.WorkflowExecution.TIMED_OUT,
)
_TIMES = {"created_at": "created", "updated_at": "updated"}
_ENTITY_FIELDS = {name: name for name in ("project", "domain", "name", "version", "state")} | _TIMES
_EXECUTION_FIELDS = {
    **{name: name for name in ("project", "domain", "name", "phase")},
    **_TIMES,
    "execution_created_at": "created",
    "execution_updated_at": "updated",
    "execution_name": "name",
}
_NODE_FIELDS = {"node_id": "node", "phase": "phase"} | _TIMES
_ATTEMPT_FIELDS = {"retry_attempt": "number", "phase": "phase"} | _TIMES


@dataclass
class ExecutionRecord:
    """An execution, what it was given, and what it gave."""

    message: Any
    inputs: Any = field(default_factory=literals_pb2.LiteralMap)
    outputs: Any = field(default_factory=literals_pb2.LiteralMap)

    @property
    def key(self) -> tuple[str, str, str]:
        return execution_key(self.message.id)

    @property
    def ended(self) -> bool:
        return self.message.closure.phase in ENDED


@dataclass
class NodeRecord:
    """A node of an execution.

    Attributes:
        parent: id of the node that it is inside of, empty at the top.
    """

    message: Any
    parent: str = ""
    inputs: Any = field(default_factory=literals_pb2.LiteralMap)
    outputs: Any = field(default_factory=literals_pb2.LiteralMap)


@dataclass
class AttemptRecord:
    """One attempt of a node at its task, and by what its runner knows it."""

    message: Any
    resource_meta: bytes = b""


def execution_key(execution: Any) -> tuple[str, str, str]:
    """Project, domain and name of the identifier of an execution."""
    return execution.project, execution.domain, execution.name


class Store:
    """Used from one thread."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    # Tasks, workflows and launch plans

    def save_entity(self, message: Any, digest: bytes, created: float, updated: float, state: int = 0) -> None:
        """Write an entity; the digest is that of what it was made from."""
        key = _entity_key(message.id)
        row = (*key, state, created, updated, digest, message.SerializeToString())
        self._db.execute(f"INSERT OR REPLACE INTO entities VALUES ({_marks(10)})", row)

    def entity(self, identifier: Any) -> tuple[Any, bytes] | None:
        """The entity of that identifier and its digest."""
        where = "kind = ? AND project = ? AND domain = ? AND name = ? AND version = ?"
        row = self._one(f"SELECT message, digest FROM entities WHERE {where}", _entity_key(identifier))
        return (MESSAGES[identifier.resource_type].FromString(row[0]), row[1]) if row else None

    def entities(self, kind: int, request: Any, **scope: object) -> tuple[list[Any], str]:
        """A page of entities and the token of the next page."""
        found = listing(request, _ENTITY_FIELDS, {"kind": kind, **scope})
        rows, token = found.page(self._all(f"SELECT message FROM entities {found.clause}", found.values))
        return [MESSAGES[kind].FromString(row[0]) for row in rows], token

    def names(self, kind: int, request: Any) -> tuple[list[str], str]:
        """A page of the names of entities and the token of the next page."""
        found = listing(
            request, _ENTITY_FIELDS, {"kind": kind, "project": request.project, "domain": request.domain}, "name"
        )
        rows = self._all(f"SELECT DISTINCT name FROM entities WHERE {found.where} ORDER BY name", found.values)
        page, token = found.page(rows[found.offset : found.offset + found.limit + 1])
        return [row[0] for row in page], token

    def projects(self) -> list[tuple[str, str]]:
        """Every project and domain that anything is in."""
        tables = " UNION ".join(f"SELECT project, domain FROM {table}" for table in ("entities", "executions"))
        return [(project, domain) for project, domain in self._all(f"{tables} ORDER BY 1, 2")]

    # Executions

    def save_execution(self, record: ExecutionRecord) -> None:
        closure, spec = record.message.closure, record.message.spec
        row = (
            *record.key,
            phases.WorkflowExecution.Phase.Name(closure.phase),
            spec.launch_plan.name,
            *_times(closure),
            *(each.SerializeToString() for each in (record.message, record.inputs, record.outputs)),
        )
        self._db.execute(f"INSERT OR REPLACE INTO executions VALUES ({_marks(10)})", row)

    def execution(self, key: tuple[str, str, str]) -> ExecutionRecord | None:
        return next(self._executions("WHERE project = ? AND domain = ? AND name = ?", key), None)

    def unfinished(self) -> list[ExecutionRecord]:
        """The executions that have not ended, the oldest first."""
        ended = [phases.WorkflowExecution.Phase.Name(phase) for phase in ENDED]
        return list(self._executions(f"WHERE phase NOT IN ({_marks(len(ended))}) ORDER BY created", tuple(ended)))

    def executions(self, request: Any) -> tuple[list[ExecutionRecord], str]:
        """A page of executions and the token of the next page."""
        scope = {name: value for name in ("project", "domain", "name") if (value := getattr(request.id, name))}
        found = listing(request, _EXECUTION_FIELDS, scope)
        records, token = found.page(list(self._executions(found.clause, found.values)))
        return list(records), token

    def _executions(self, clause: str, values: tuple[object, ...]) -> Iterator[ExecutionRecord]:
        for message, inputs, outputs in self._all(f"SELECT message, inputs, outputs FROM executions {clause}", values):
            yield ExecutionRecord(execution_pb2.Execution.FromString(message), _literals(inputs), _literals(outputs))

    # Nodes of executions

    def save_node(self, record: NodeRecord) -> None:
        identifier, closure = record.message.id, record.message.closure
        row = (
            *execution_key(identifier.execution_id),
            identifier.node_id,
            record.parent,
            phases.NodeExecution.Phase.Name(closure.phase),
            *_times(closure),
            *(each.SerializeToString() for each in (record.message, record.inputs, record.outputs)),
        )
        self._db.execute(f"INSERT OR REPLACE INTO nodes VALUES ({_marks(11)})", row)

    def node(self, identifier: Any) -> NodeRecord | None:
        key = (*execution_key(identifier.execution_id), identifier.node_id)
        return next(self._nodes("WHERE project = ? AND domain = ? AND execution = ? AND node = ?", key), None)

    def nodes(self, request: Any) -> tuple[list[NodeRecord], str]:
        """A page of the nodes of an execution, of one node's inside or of the top, and the token of the next page."""
        scope = {**_execution_scope(request.workflow_execution_id), "parent": request.unique_parent_id}
        found = listing(request, _NODE_FIELDS, scope)
        records, token = found.page(list(self._nodes(found.clause, found.values)))
        return list(records), token

    def all_nodes(self, execution: Any) -> list[NodeRecord]:
        """Every node of an execution, whatever it is inside of."""
        where = "WHERE project = ? AND domain = ? AND execution = ? ORDER BY created, rowid"
        return list(self._nodes(where, execution_key(execution)))

    def _nodes(self, clause: str, values: tuple[object, ...]) -> Iterator[NodeRecord]:
        for message, parent, inputs, outputs in self._all(
            f"SELECT message, parent, inputs, outputs FROM nodes {clause}", values
        ):
            message = node_execution_pb2.NodeExecution.FromString(message)
            yield NodeRecord(message, parent, _literals(inputs), _literals(outputs))

    # Attempts of nodes

    def save_attempt(self, record: AttemptRecord) -> None:
        identifier, closure = record.message.id, record.message.closure
        row = (
            *execution_key(identifier.node_execution_id.execution_id),
            identifier.node_execution_id.node_id,
            identifier.retry_attempt,
            phases.TaskExecution.Phase.Name(closure.phase),
            *_times(closure),
            record.message.SerializeToString(),
            record.resource_meta,
        )
        self._db.execute(f"INSERT OR REPLACE INTO attempts VALUES ({_marks(10)})", row)

    def attempts(self, node: Any) -> list[AttemptRecord]:
        """The attempts of a node, the first first."""
        where = "WHERE project = ? AND domain = ? AND execution = ? AND node = ? ORDER BY number"
        return list(self._attempts(where, (*execution_key(node.execution_id), node.node_id)))

    def page_of_attempts(self, request: Any) -> tuple[list[AttemptRecord], str]:
        """A page of the attempts of a node and the token of the next page."""
        node = request.node_execution_id
        found = listing(
            request, _ATTEMPT_FIELDS, {**_execution_scope(node.execution_id), "node": node.node_id}, "number"
        )
        records, token = found.page(list(self._attempts(found.clause, found.values)))
        return list(records), token

    def _attempts(self, clause: str, values: tuple[object, ...]) -> Iterator[AttemptRecord]:
        for message, resource_meta in self._all(f"SELECT message, resource_meta FROM attempts {clause}", values):
            yield AttemptRecord(task_execution_pb2.TaskExecution.FromString(message), resource_meta)

    # Results that later executions may take over

    def save_result(self, key: bytes, outputs: Any, source: Any) -> None:
        """Keep outputs, and which attempt they are from."""
        row = (key, outputs.SerializeToString(), source.SerializeToString())
        self._db.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", row)

    def result(self, key: bytes) -> tuple[Any, Any] | None:
        """Outputs, and the identifier of the attempt that they are from."""
        row = self._one("SELECT outputs, source FROM results WHERE key = ?", (key,))
        return (_literals(row[0]), identifier_pb2.TaskExecutionIdentifier.FromString(row[1])) if row else None

    def _one(self, statement: str, values: tuple[object, ...] = ()) -> Any:
        return self._db.execute(statement, values).fetchone()

    def _all(self, statement: str, values: tuple[object, ...] = ()) -> list[Any]:
        return self._db.execute(statement, values).fetchall()


def _entity_key(identifier: Any) -> tuple[object, ...]:
    return identifier.resource_type, identifier.project, identifier.domain, identifier.name, identifier.version


def _execution_scope(execution: Any) -> Mapping[str, object]:
    return dict(zip(("project", "domain", "execution"), execution_key(execution), strict=True))


def _times(closure: Any) -> tuple[float, float]:
    return closure.created_at.ToMicroseconds() / 1e6, closure.updated_at.ToMicroseconds() / 1e6


def _literals(content: bytes) -> Any:
    return literals_pb2.LiteralMap.FromString(content)


def _marks(number: int) -> str:
    return ", ".join("?" * number)
