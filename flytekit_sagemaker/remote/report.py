"""The report of a job, as its connector left it beside the outputs: Flyte's deck."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from flyteidl.core import identifier_pb2
from flyteidl.service import dataproxy_pb2

from flytekit_sagemaker.errors import UserError
from flytekit_sagemaker.remote.admin import Admin, ExecutionId, NotThere
from flytekit_sagemaker.remote.states import State
from flytekit_sagemaker.remote.store import send

_FRAME = "width:100%;height:{height}px;border:1px solid #8884;border-radius:6px"


@dataclass(frozen=True)
class Report:
    """An HTML page; a notebook shows it as it is.

    Attributes:
        html: the whole document.
    """

    html: str

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, and return its path."""
        place = Path(path)
        place.write_text(self.html, encoding="utf-8")
        return place

    def __repr__(self) -> str:
        return f"<Report of {len(self.html)} characters; save(path) writes it>"

    def _repr_html_(self) -> str:
        frame = _FRAME.format(height=720)
        return f'<iframe title="Report" style="{frame}" srcdoc="{escape(self.html)}"></iframe>'


def fetch_report(admin: Admin, identifier: ExecutionId, state: State) -> Report:
    """Fetch the report of an execution through Flyte.

    Raises:
        UserError: when there is none.
    """
    none = f"There is no report of {identifier.name}{'' if state.is_done else ' yet'}: {state.phase}"
    if not state.node:
        raise UserError(none)
    node = identifier_pb2.NodeExecutionIdentifier(node_id=state.node, execution_id=identifier.to_flyte_idl())
    request = dataproxy_pb2.CreateDownloadLinkRequest(
        artifact_type=dataproxy_pb2.ARTIFACT_TYPE_DECK, node_execution_id=node
    )
    try:
        links = admin.call("create_download_link", request)
    except NotThere:
        raise UserError(none) from None
    answer = send("GET", links.pre_signed_urls.signed_url[0], timeout=60)
    if not answer.ok:
        raise UserError(none)
    answer.encoding = "utf-8"
    return Report(answer.text)
