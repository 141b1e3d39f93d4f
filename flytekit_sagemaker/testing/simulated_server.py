"""A simulated SageMaker account over HTTP: the JSON protocol of the AWS API, and connections that fail as real ones do.

It serves SageMaker on the loopback interface, CloudWatch Logs of its jobs and the two operations of STS that a client
needs to assume a role. ``python -m flytekit_sagemaker.testing.simulated_server --help`` runs one by itself.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import re
import socket
import struct
import threading
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any

from aiohttp import web

from flytekit_sagemaker.testing.faults import Delivery, Failure
from flytekit_sagemaker.testing.simulation import Reply, SimulatedSageMaker

__all__ = ["SimulatedServer"]

_CONTENT_TYPE = "application/x-amz-json-1.1"
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,]+)/\d{8}/(?P<region>[a-z0-9-]{1,32})/")
_NO_LINGER = struct.pack("ii", 1, 0)


class SimulatedServer:
    """Serves an account on the loopback interface, in a thread with an event loop of its own.

    Use it as a context manager; ``url`` is the endpoint while it runs.

    Args:
        account: what is served.
        port: port to listen on; 0 lets the system choose.
    """

    def __init__(self, account: SimulatedSageMaker, *, port: int = 0) -> None:
        self.account = account
        self.url = ""
        self._port = port
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None

    def start(self) -> SimulatedServer:
        """Start serving; ``url`` is set when this returns.

        Raises:
            OSError: the port is taken.
        """
        started: concurrent.futures.Future[str] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="simulated-sagemaker", daemon=True)
        self._thread.start()
        self.url = started.result()
        return self

    def stop(self) -> None:
        """End the server; whoever waits for an answer that is held gets none."""
        if self._thread and self._loop and self._over:
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join()
            self._thread = None

    def __enter__(self) -> SimulatedServer:
        return self if self._thread else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, started: concurrent.futures.Future[str]) -> None:
        try:
            asyncio.run(self._serve(started))
        except BaseException as fault:
            if started.done():
                raise
            started.set_exception(fault)

    async def _serve(self, started: concurrent.futures.Future[str]) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=4 << 20)
        application.router.add_post("/", self._answer)
        application.router.add_get("/state", self._state)
        runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        try:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
            host, port = runner.addresses[0][:2]
            started.set_result(f"http://{host}:{port}")
            await self._over.wait()
        finally:
            await runner.cleanup()

    async def _state(self, request: web.Request) -> web.Response:
        return web.json_response(self.account.state())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        signature = _CREDENTIAL.search(request.headers.get("Authorization", ""))
        key, region = (signature["key"], signature["region"]) if signature else ("", "")
        try:
            members = json.loads(body or b"{}")
        except ValueError as fault:
            return _whole(Reply({}, Failure("SerializationException", f"The request's body is not JSON: {fault}")))
        return await self._deliver(request, self.account.answer(operation, members, access_key=key, region=region))

    async def _deliver(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        answer = _whole(reply)
        if reply.delivery is Delivery.WHOLE or request.transport is None:
            return answer
        if reply.delivery is Delivery.HELD:
            assert self._over is not None
            await self._over.wait()
        elif reply.delivery is Delivery.TRUNCATED:
            body = bytes(answer.body)  # type: ignore[arg-type]
            head = (
                f"HTTP/1.1 {answer.status} OK\r\nContent-Type: {_CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            request.transport.write(head.encode() + body[: len(body) // 2])
        elif reply.delivery is Delivery.RESET:
            connection: socket.socket = request.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            request.transport.abort()
        request.transport.close()
        return answer


def _whole(reply: Reply) -> web.Response:
    failure = reply.failure
    if failure is None:
        return _response(200, reply.content)
    # Errors that the service's model declares spell their only member so, the others in lower case.
    declared = failure.code in ("ResourceInUse", "ResourceNotFound", "ResourceLimitExceeded")
    return _response(failure.status, {"__type": failure.code, "Message" if declared else "message": failure.message})


def _response(status: int, content: Mapping[str, Any]) -> web.Response:
    return web.Response(status=status, body=json.dumps(content, default=_wire).encode(), content_type=_CONTENT_TYPE)


def _wire(value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{value!r} cannot be sent")
