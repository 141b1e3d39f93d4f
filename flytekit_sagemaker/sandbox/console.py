"""The pages of the sandbox's console, at the addresses that flytekit makes for Flyte's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from html import escape
from typing import Any
from urllib.parse import quote

from flyteidl.admin import common_pb2
from flyteidl.core import identifier_pb2
from flyteidl.core.catalog_pb2 import CatalogCacheStatus
from flyteidl.core.execution_pb2 import NodeExecution, TaskExecution, WorkflowExecution
from google.protobuf import json_format

from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.reporting.deck import progress_fragment
from flytekit_sagemaker.reporting.page import anchor, element, facts, page, section, table
from flytekit_sagemaker.reporting.progress import Progress
from flytekit_sagemaker.reporting.wording import duration, moment
from flytekit_sagemaker.sandbox.identifiers import KINDS
from flytekit_sagemaker.sandbox.literals import shown
from flytekit_sagemaker.sandbox.logs import last_lines
from flytekit_sagemaker.sandbox.places import Places
from flytekit_sagemaker.sandbox.store import ExecutionRecord, NodeRecord, Store, execution_key

_BADGES = {"SUCCEEDED": "done", "FAILED": "failed", "TIMED_OUT": "failed", "RUNNING": "running", "QUEUED": "running"}
_NOTE = "A sandbox for development: not Flyte itself."
_SHOWN = 200
_COLUMNS = [
    *((title, "") for title in ("Execution", "Project / domain", "Runs", "Version", "Phase", "Started")),
    ("Took", "number"),
]


def job_path(name: str) -> str:
    """The path of the page with the logs of a job of the local SageMaker."""
    return f"/console/jobs/{quote(name)}"


def execution_path(project: str, domain: str, name: str) -> str:
    """The path of an execution's page, as ``FlyteRemote.generate_console_url`` makes it."""
    return f"/console/projects/{quote(project)}/domains/{quote(domain)}/executions/{quote(name)}"


class Console:
    """Makes pages of what is in the store.

    Attributes:
        url: where they are served.
    """

    def __init__(self, store: Store, places: Places) -> None:
        self.url = ""
        self._store, self._places = store, places

    def executions(self) -> str:
        """The latest executions."""
        request = common_pb2.ResourceListRequest(limit=_SHOWN, sort_by=common_pb2.Sort(key="created_at", direction=0))
        records, _ = self._store.executions(request)
        rows = (self._row(record) for record in records)
        shown_rows = table(_COLUMNS, rows) or "<p>There are none yet.</p>"
        return page("Executions", _kicker(), element("h1", "Executions"), section("The latest", shown_rows))

    def execution(self, key: tuple[str, str, str]) -> str | None:
        """The page of an execution; None when there is none."""
        record = self._store.execution(key)
        if record is None:
            return None
        closure, spec = record.message.closure, record.message.spec
        about = {
            "Runs": _entity_link(self.url, spec.launch_plan),
            "In": escape(f"{key[0]} / {key[1]}"),
            "Started": moment(_time(closure, "started_at")),
            "Took": _took(closure, ended=record.ended),
            "Ended because": escape(closure.abort_metadata.cause),
        }
        nodes = self._store.all_nodes(record.message.id)
        return page(
            f"Execution {key[2]}",
            _kicker(anchor("All executions", f"{self.url}/console")),
            element("h1", escape(key[2])),
            _badge(WorkflowExecution.Phase.Name(closure.phase)),
            element("div", escape(closure.error.message), "alert") if closure.error.message else "",
            section("Execution", facts(about)),
            section("Inputs", _literals(record.inputs)),
            section("Outputs", _literals(record.outputs)),
            *(self._node(node, record) for node in nodes),
        )

    def entity(self, message: Any) -> str:
        """The page of a task, workflow or launch plan: what was registered."""
        content = json_format.MessageToJson(message)
        kicker = _kicker(anchor("All executions", f"{self.url}/console"))
        title = f"{message.id.name} {message.id.version}"
        return page(title, kicker, element("h1", escape(title)), section("Registered", element("pre", escape(content))))

    def job(self, name: str) -> str:
        """The logs of a training job, or of the trials of a tuning job."""
        jobs = self._places.sagemaker / "training-jobs"
        logs = [path for path in sorted(jobs.glob("*/*/log")) if f"{path.parts[-3]}-".startswith(f"{name}-")]
        parts = [
            section(f"{log.parts[-3]} on {log.parts[-2]}", element("pre", escape(last_lines(log)))) for log in logs
        ]
        parts = parts or [element("p", "There is no log of it yet.")]
        return page(f"Logs of {name}", _kicker(), element("h1", escape(name)), *parts)

    def text(self, title: str, content: str) -> str:
        """A page of plain text, such as a log."""
        return page(title, _kicker(), element("h1", escape(title)), element("pre", escape(content)))

    def _row(self, record: ExecutionRecord) -> str:
        closure, launched = record.message.closure, record.message.spec.launch_plan
        phase = WorkflowExecution.Phase.Name(closure.phase)
        cells = [
            (anchor(record.key[2], self.url + execution_path(*record.key)), ""),
            (escape(f"{record.key[0]} / {record.key[1]}"), ""),
            (escape(launched.name), ""),
            (f"<code>{escape(launched.version)}</code>", ""),
            (escape(phase), "failed" if _BADGES.get(phase) == "failed" else ""),
            (moment(_time(closure, "created_at")), ""),
            (_took(closure, ended=record.ended), "number"),
        ]
        return element("tr", "".join(element("td", content, css) for content, css in cells))

    def _node(self, node: NodeRecord, execution: ExecutionRecord) -> str:
        """A node, without what its execution says already."""
        identifier, closure = node.message.id, node.message.closure
        status = closure.task_node_metadata.cache_status
        source = closure.task_node_metadata.catalog_key.source_task_execution.node_execution_id.execution_id
        cache = CatalogCacheStatus.Name(status).replace("_", " ").lower() if status else ""
        if status == CatalogCacheStatus.CACHE_HIT:
            cache += f", from {anchor(source.name, self.url + execution_path(*execution_key(source)))}"
        base = f"{self.url}{execution_path(*execution_key(identifier.execution_id))}/nodes/{quote(identifier.node_id)}"
        about = {
            "Phase": escape(NodeExecution.Phase.Name(closure.phase)),
            "Took": _took(closure, ended=closure.phase not in (NodeExecution.QUEUED, NodeExecution.RUNNING)),
            "Cache": cache,
            "Report": anchor("Open", f"{base}/deck") if closure.deck_uri else "",
        }
        attempts = [each.message for each in self._store.attempts(identifier)]
        error = execution.message.closure.error.message
        is_alone = execution.message.spec.launch_plan.resource_type == identifier_pb2.TASK
        parts = [
            facts(about),
            *(self._attempt(each, error) for each in attempts),
            "" if is_alone else _literals(node.outputs),
        ]
        task = attempts[0].id.task_id.name if attempts else ""
        title = f"{task} (node {identifier.node_id})" if task else f"Node {identifier.node_id}"
        return section(title, _spaced(*parts))

    def _attempt(self, attempt: Any, told: str) -> str:
        closure = attempt.closure
        error = "" if closure.error.message in told else closure.error.message
        said = json_format.MessageToDict(closure.custom_info)
        progress = _progress(said)
        about = {
            f"Attempt {attempt.id.retry_attempt + 1}": escape(TaskExecution.Phase.Name(closure.phase)),
            "Links": " · ".join(anchor(log.name, log.uri) for log in closure.logs),
            "Says": escape(closure.reason) if closure.reason != closure.error.message else "",
            "Error": element("pre", escape(error)) if error else "",
            "Tells": escape(json.dumps(said)) if said and progress is None else "",
        }
        if progress is None:
            return facts(about)
        if closure.error.message:
            progress = replace(progress, message="")
        return _spaced(progress_fragment(progress), facts(about))


def _progress(said: Mapping[str, Any]) -> Progress | None:
    """What a job of SageMaker is at; other tasks say what they like."""
    try:
        return Progress.from_dict(said) if said else None
    except InvalidInput:
        return None


def _literals(literal_map: Any) -> str:
    values: Mapping[str, Any] = literal_map.literals
    return facts({name: f"<code>{escape(shown(values[name]))}</code>" for name in sorted(values)})


def _spaced(*parts: str) -> str:
    return "".join(f'<div style="margin:14px 0">{part}</div>' for part in parts if part)


def _badge(phase: str) -> str:
    return element("span", escape(phase), f"badge {_BADGES.get(phase, '')}")


def _kicker(*links: str) -> str:
    return element("p", " · ".join([*links, escape(_NOTE)]), "kicker")


def _took(closure: Any, *, ended: bool) -> str:
    """How long it has taken, or takes so far."""
    begun = _time(closure, "started_at")
    if ended or begun is None:
        return escape(duration(closure.duration.ToMilliseconds() / 1000))
    return f"{escape(duration((datetime.now(timezone.utc) - begun).total_seconds()))} so far"


def _entity_link(url: str, identifier: Any) -> str:
    """A link to what an execution runs, at the address that flytekit makes for it."""
    kind = KINDS[identifier.resource_type].replace(" ", "_")
    place = f"/console/projects/{quote(identifier.project)}/domains/{quote(identifier.domain)}"
    address = f"{url}{place}/{kind}/{quote(identifier.name)}/version/{quote(identifier.version)}"
    return f"{anchor(identifier.name, address)} <code>{escape(identifier.version)}</code>"


def _time(closure: Any, name: str) -> datetime | None:
    if not closure.HasField(name):
        return None
    return datetime.fromtimestamp(getattr(closure, name).ToMicroseconds() / 1e6, timezone.utc)
