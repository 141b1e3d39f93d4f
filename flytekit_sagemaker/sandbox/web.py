"""The HTTP side of the sandbox: uploads and downloads by capability, and the pages of its console."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from flyteidl.core import identifier_pb2

from flytekit_sagemaker.sandbox.attempts import DECK
from flytekit_sagemaker.sandbox.console import Console, execution_path
from flytekit_sagemaker.sandbox.dataproxy import DataProxy
from flytekit_sagemaker.sandbox.logs import last_lines
from flytekit_sagemaker.sandbox.places import Places
from flytekit_sagemaker.sandbox.processes import LOG
from flytekit_sagemaker.sandbox.store import Store

OWN_HOSTS = ("127.0.0.1", "localhost")
_CHUNK_BYTES = 1 << 20
_LOG_LINES, _LOG_CHARACTERS = 10_000, 1 << 20
_RELOAD = {"Refresh": "2"}
_EXECUTION = "/console/projects/{project}/domains/{domain}/executions/{name}"
_ENTITY = "/console/projects/{project}/domains/{domain}/{kind}/{name}/version/{version}"
_KINDS = {
    "task": identifier_pb2.TASK,
    "workflow": identifier_pb2.WORKFLOW,
    "launch_plan": identifier_pb2.LAUNCH_PLAN,
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def log_path(places: Places, attempt: Path) -> str:
    """The path of the page that shows the log in the folder of an attempt."""
    project, domain, name, node, number = attempt.relative_to(places.executions).parts
    return f"{execution_path(project, domain, name)}/nodes/{node}/{number}/log"


def application(proxy: DataProxy, console: Console, store: Store, places: Places) -> web.Application:
    """What answers on the HTTP port."""

    async def put(request: web.Request) -> web.Response:
        token = request.match_info["token"]
        capability = proxy.capability(token, writes=True)
        if capability is None:
            return web.Response(status=403, text="This upload was not announced, was made already, or came too late.")
        problem = await _received(request, capability.path, capability.md5)
        if problem:
            return web.Response(status=400, text=problem)
        proxy.spend(token)
        return web.Response()

    async def download(request: web.Request) -> web.StreamResponse:
        capability = proxy.capability(request.match_info["token"], writes=False)
        if capability is None:
            return web.Response(status=403, text="This address is unknown, or has expired.")
        return web.FileResponse(capability.path)

    async def executions(_: web.Request) -> web.Response:
        return _page(console.executions(), _RELOAD)

    async def execution(request: web.Request) -> web.Response:
        key = _key(request)
        record = store.execution(key)
        return _page(console.execution(key), {} if record is None or record.ended else _RELOAD)

    async def deck(request: web.Request) -> web.StreamResponse:
        project, domain, name = _key(request)
        execution_id = identifier_pb2.WorkflowExecutionIdentifier(project=project, domain=domain, name=name)
        node = identifier_pb2.NodeExecutionIdentifier(node_id=request.match_info["node"], execution_id=execution_id)
        record = store.node(node)
        path = places.path(record.message.closure.deck_uri) if record else None
        if path is None or path.name != DECK or not path.is_file():
            return _page(None)
        return web.FileResponse(path)

    async def log(request: web.Request) -> web.Response:
        node, attempt = request.match_info["node"], request.match_info["attempt"]
        path = places.execution(*_key(request)) / node / attempt / LOG
        if not path.resolve().is_relative_to(places.executions.resolve()) or not path.is_file():
            return _page(None)
        return _page(console.text(f"Log of {node}", last_lines(path, _LOG_LINES, _LOG_CHARACTERS)))

    async def job(request: web.Request) -> web.Response:
        return _page(console.job(request.match_info["name"]))

    async def entity(request: web.Request) -> web.Response:
        given = dict(request.match_info)
        kind = _KINDS.get(given.pop("kind"))
        found = kind and store.entity(identifier_pb2.Identifier(resource_type=kind, **given))
        return _page(console.entity(found[0]) if found else None)

    async def home(_: web.Request) -> web.Response:
        raise web.HTTPFound("/console")

    app = web.Application(middlewares=[_for_this_machine])
    app.router.add_put("/data/{token}/{name}", put)
    for path, handler in {
        "/data/{token}/{name}": download,
        "/": home,
        "/console": executions,
        _EXECUTION: execution,
        f"{_EXECUTION}/nodes/{{node}}/deck": deck,
        f"{_EXECUTION}/nodes/{{node}}/{{attempt}}/log": log,
        _ENTITY: entity,
        "/console/jobs/{name}": job,
    }.items():
        app.router.add_get(path, handler)
    return app


@web.middleware
async def _for_this_machine(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuse what a page of another site has the browser ask under a name of its own."""
    if not _is_own(request.host):
        return web.Response(status=403, text="This server answers only to 127.0.0.1 and localhost.")
    return await handler(request)


def _is_own(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in OWN_HOSTS
    except ValueError:
        return False


def _key(request: web.Request) -> tuple[str, str, str]:
    given = request.match_info
    return given["project"], given["domain"], given["name"]


def _page(content: str | None, headers: dict[str, str] | None = None) -> web.Response:
    if content is None:
        return web.Response(status=404, text="There is no such thing in this sandbox.")
    return web.Response(text=content, content_type="text/html", headers=headers)


async def _received(request: web.Request, path: Path, md5: bytes) -> str:
    """Write the body of a request to a file, all of it or nothing; what is wrong with it, or an empty text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".upload-")
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with os.fdopen(handle, "wb") as file:
            async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
        if md5 and digest.digest() != md5:
            return f"The content has the MD5 {digest.hexdigest()}, and {md5.hex()} was announced."
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
    return ""
