"""The HTTP side of the sandbox: uploads and downloads by capability, and its console."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from flytekit_sagemaker.sandbox.dataproxy import DataProxy

OWN_HOSTS = ("127.0.0.1", "localhost")
_CHUNK_BYTES = 1 << 20
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(proxy: DataProxy) -> web.Application:
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

    async def get(request: web.Request) -> web.StreamResponse:
        capability = proxy.capability(request.match_info["token"], writes=False)
        if capability is None:
            return web.Response(status=403, text="This address is unknown, or has expired.")
        return web.FileResponse(capability.path)

    app = web.Application(middlewares=[_for_this_machine])
    app.router.add_put("/data/{token}/{name}", put)
    app.router.add_get("/data/{token}/{name}", get)
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
