"""A simulated SageMaker account over HTTP: the JSON protocol of the AWS API, and connections that fail as real ones do.

It serves SageMaker on the loopback interface, CloudWatch Logs of its jobs and the two operations of STS that a client
needs to assume a role. ``GET /state`` shows what became of the jobs and how many calls there were, as JSON; ``POST
/advance?seconds=60`` moves a clock that can be moved. By itself it runs as
``python -m flytekit_sagemaker.testing.simulated_server``; ``--help`` lists the options.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import json
import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from aiohttp import web

from flytekit_sagemaker.background import BackgroundServer
from flytekit_sagemaker.clock import SystemClock
from flytekit_sagemaker.testing.clock import MovableClock
from flytekit_sagemaker.testing.faults import Delivery, Failure, Faults
from flytekit_sagemaker.testing.lives import Life
from flytekit_sagemaker.testing.quotas import Quotas
from flytekit_sagemaker.testing.simulation import Reply, SimulatedSageMaker

__all__ = ["SimulatedServer"]

_CONTENT_TYPE = "application/x-amz-json-1.1"
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,]+)/\d{8}/(?P<region>[a-z0-9-]{1,32})/")
_NO_LINGER = struct.pack("ii", 1, 0)


class SimulatedServer(BackgroundServer):
    """Serves an account on the loopback interface, in a thread with an event loop of its own.

    Use it as a context manager; ``url`` is the endpoint while it runs.

    Args:
        account: what is served.
        port: port to listen on; 0 lets the system choose.
    """

    def __init__(self, account: SimulatedSageMaker, *, port: int = 0) -> None:
        super().__init__("simulated-sagemaker")
        self.account = account
        self.url = ""
        self._port = port

    async def _serve(self, started: concurrent.futures.Future[None], over: asyncio.Event) -> None:
        application = web.Application(client_max_size=4 << 20)
        application.router.add_post("/", self._answer)
        application.router.add_get("/state", self._state)
        application.router.add_post("/advance", self._advance)
        runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        try:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
            host, port = runner.addresses[0][:2]
            self.url = f"http://{host}:{port}"
            started.set_result(None)
            await over.wait()
        finally:
            await runner.cleanup()

    async def _state(self, request: web.Request) -> web.Response:
        return web.json_response(self.account.state())

    async def _advance(self, request: web.Request) -> web.Response:
        try:
            seconds = float(request.query["seconds"])
        except (KeyError, ValueError):
            raise web.HTTPBadRequest(text="How many seconds? POST /advance?seconds=60") from None
        if not isinstance(self.account.clock, MovableClock):
            raise web.HTTPConflict(text="This server follows the time of the system.")
        self.account.clock.advance(seconds)
        return await self._state(request)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        signature = _CREDENTIAL.search(request.headers.get("Authorization", ""))
        signed = {"access_key": signature["key"], "region": signature["region"]} if signature else {}
        target = request.headers.get("X-Amz-Target", "")
        if not target:
            form = dict(parse_qsl(body.decode(errors="replace")))
            operation = form.pop("Action", "")
            return await self._deliver(request, self.account.answer(operation, form, **signed), _as_xml(operation))
        try:
            members = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            members = None
        if not isinstance(members, dict):
            failure = Failure("SerializationException", "The request's body is not a JSON object.")
            return _as_json(Reply({}, failure))
        return await self._deliver(request, self.account.answer(target.rpartition(".")[2], members, **signed), _as_json)

    async def _deliver(
        self, request: web.Request, reply: Reply, written: Callable[[Reply], web.Response]
    ) -> web.StreamResponse:
        answer = written(reply)
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


def _as_json(reply: Reply) -> web.Response:
    failure = reply.failure
    content: Mapping[str, Any] = reply.content
    if failure:
        # Errors that the service's model declares spell their only member so, the others in lower case.
        declared = failure.code in ("ResourceInUse", "ResourceNotFound", "ResourceLimitExceeded")
        content = {"__type": failure.code, "Message" if declared else "message": failure.message}
    body = json.dumps(content, default=datetime.timestamp).encode()
    return web.Response(status=failure.status if failure else 200, body=body, content_type=_CONTENT_TYPE)


def _as_xml(operation: str) -> Callable[[Reply], web.Response]:
    def written(reply: Reply) -> web.Response:
        failure = reply.failure
        if failure:
            error = {"Type": "Sender", "Code": failure.code, "Message": failure.message}
            body = f"<ErrorResponse>{_xml({'Error': error})}</ErrorResponse>"
        else:
            body = _xml({f"{operation}Response": {f"{operation}Result": reply.content}})
        return web.Response(status=failure.status if failure else 200, text=body, content_type="text/xml")

    return written


def _xml(value: object) -> str:
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_xml(member)}</{name}>" for name, member in value.items())
    return escape(value.isoformat() if isinstance(value, datetime) else str(value))


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve an account until the process is told to end; its URL is the first line of the output."""
    options = _options().parse_args(arguments)
    account = SimulatedSageMaker(
        MovableClock(time.time()) if options.movable else SystemClock(),
        quotas=Quotas.unlimited() if options.unlimited else Quotas(),
        faults=Faults.seeded(options.seed, options.fault_rate, last_call=options.last_fault),
        lives=lambda request: Life().lasting(options.seconds),
        seed=options.seed,
        session_seconds=options.session_seconds,
    )
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with SimulatedServer(account, port=options.port) as server:
        print(server.url, flush=True)
        over.wait()


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulated_server", description="A simulated SageMaker account over HTTP.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0: any")
    parser.add_argument("--seed", type=int, default=0, help="fixes the faults and what tuning jobs find")
    parser.add_argument("--seconds", type=float, default=710.0, help="how long a training job takes in all")
    parser.add_argument("--fault-rate", type=float, default=0.0, help="share of calls that go wrong")
    parser.add_argument("--last-fault", type=int, default=100, help="number of the last call that may go wrong")
    parser.add_argument("--session-seconds", type=float, default=3600, help="how long an assumed role is good at most")
    parser.add_argument("--unlimited", action="store_true", help="no request quotas")
    parser.add_argument("--movable", action="store_true", help="time stands still but for POST /advance?seconds=...")
    return parser


if __name__ == "__main__":
    main()
