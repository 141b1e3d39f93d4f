"""``DataProxyService``: where clients bring data to, and get it from."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyteidl.core import identifier_pb2
from flyteidl.service import dataproxy_pb2

from flytekit_sagemaker.sandbox import messages
from flytekit_sagemaker.sandbox.executions import Executions
from flytekit_sagemaker.sandbox.identifiers import problems
from flytekit_sagemaker.sandbox.places import NOT_IN_URIS, Places, uri_of
from flytekit_sagemaker.sandbox.refusals import invalid, not_found, refuse_all

LIFE_IN_SECONDS = 3600.0


@dataclass(frozen=True)
class Capability:
    """What whoever knows an unguessable address may do: write one file once, or read it.

    Attributes:
        md5: what the content has to be, empty for anything.
        writes: whether the file is to be written.
        expires: seconds since the epoch.
    """

    path: Path
    md5: bytes
    writes: bool
    expires: float


class DataProxy:
    """Each public method in CamelCase is the RPC of its name.

    Attributes:
        url: where the HTTP server is that honours the capabilities.
    """

    def __init__(self, executions: Executions, places: Places) -> None:
        self.url = ""
        self._executions, self._places = executions, places
        self._capabilities: dict[str, Capability] = {}

    def capability(self, token: str, *, writes: bool) -> Capability | None:
        """What a token allows now."""
        found = self._capabilities.get(token)
        return found if found and found.writes == writes and found.expires > time.time() else None

    def spend(self, token: str) -> None:
        """Forget a token that has served its purpose."""
        self._capabilities.pop(token, None)

    def CreateUploadLocation(self, request: Any) -> Any:
        found = problems(request, ("project", "domain"))
        folder = request.filename_root or request.content_md5.hex() or secrets.token_hex(16)
        parts = [*folder.split("/"), *(request.filename or secrets.token_hex(16)).split("/")]
        found += [
            f"its path has {part!r}, which no file of the sandbox can be named"
            for part in parts
            if part in ("", ".", "..") or NOT_IN_URIS.search(part) or len(part.encode()) > 255
        ]
        if len(request.content_md5) not in (0, 16):
            found.append(f"its content_md5 has {len(request.content_md5)} bytes instead of 16")
        refuse_all("The upload cannot be made", found)
        path = self._places.uploads.joinpath(request.project, request.domain, *parts)
        url, expires = self._allow(path, request, request.content_md5, writes=True)
        return dataproxy_pb2.CreateUploadLocationResponse(
            signed_url=url, native_url=uri_of(path), expires_at=messages.timestamp(expires)
        )

    def CreateDownloadLocation(self, request: Any) -> Any:
        url, expires = self._readable(self._places.path(request.native_url), request.native_url, request)
        return dataproxy_pb2.CreateDownloadLocationResponse(signed_url=url, expires_at=messages.timestamp(expires))

    def CreateDownloadLink(self, request: Any) -> Any:
        if request.artifact_type != dataproxy_pb2.ARTIFACT_TYPE_DECK:
            raise invalid("The only artifact that there are links to is the deck.")
        links = self._deck(request.node_execution_id, request)
        return dataproxy_pb2.CreateDownloadLinkResponse(
            signed_url=links.signed_url, expires_at=links.expires_at, pre_signed_urls=links
        )

    def GetData(self, request: Any) -> Any:
        """``flyte://v1/PROJECT/DOMAIN/EXECUTION/NODE[/ATTEMPT]/{i,o,d}[/NAME]``"""
        parts = request.flyte_url.removeprefix("flyte://").split("/")
        if parts[0] != "v1" or len(parts) < 6:
            raise invalid(f"{request.flyte_url!r} is not flyte://v1/PROJECT/DOMAIN/EXECUTION/NODE/i, .../o or .../d.")
        project, domain, execution, node, *rest = parts[1:]
        what, *names = rest[1:] if rest[0].isdigit() and len(rest) > 1 else rest
        identifier = identifier_pb2.NodeExecutionIdentifier(
            node_id=node, execution_id={"project": project, "domain": domain, "name": execution}
        )
        if what == "d":
            return dataproxy_pb2.GetDataResponse(pre_signed_urls=self._deck(identifier, request))
        data = self._executions.GetNodeExecutionData(_With(identifier))
        if what not in ("i", "o"):
            raise invalid(f"{request.flyte_url!r} has {what!r} in place of i (inputs), o (outputs) or d (deck).")
        literals = data.full_inputs if what == "i" else data.full_outputs
        if not names:
            return dataproxy_pb2.GetDataResponse(literal_map=literals)
        if names[0] not in literals.literals:
            raise not_found(f"{'input' if what == 'i' else 'output'} {names[0]!r} of the node {node}")
        return dataproxy_pb2.GetDataResponse(literal=literals.literals[names[0]])

    def _deck(self, node: Any, request: Any) -> Any:
        uri = self._executions.GetNodeExecution(_With(node)).closure.deck_uri
        url, expires = self._readable(self._places.path(uri), f"deck of the node {node.node_id}", request)
        return dataproxy_pb2.PreSignedURLs(signed_url=[url], expires_at=messages.timestamp(expires))

    def _readable(self, path: Path | None, what: str, request: Any) -> tuple[str, float]:
        if path is None or not path.is_file():
            raise not_found(f"file {what}" if "://" in what else what)
        return self._allow(path, request, b"", writes=False)

    def _allow(self, path: Path, request: Any, md5: bytes, *, writes: bool) -> tuple[str, float]:
        now = time.time()
        self._capabilities = {token: each for token, each in self._capabilities.items() if each.expires > now}
        asked = getattr(request, "expires_in", None)
        expires = now + ((asked and asked.ToMilliseconds() / 1000) or LIFE_IN_SECONDS)
        token = secrets.token_urlsafe(24)
        self._capabilities[token] = Capability(path, md5, writes, expires)
        return f"{self.url}/data/{token}/{path.name}", expires


@dataclass(frozen=True)
class _With:
    """A request that is no more than an identifier."""

    id: Any
