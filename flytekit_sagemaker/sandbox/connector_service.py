"""flytekit's connector service on a socket of the file system: ``python -m ...connector_service SOCKET MODULE...``.

What ``pyflyte serve connector`` serves, but for the owner of the socket's folder alone, without a port, and only as
long as the process lives that has the other end of standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Sequence

import grpc
from flyteidl.service.agent_pb2_grpc import (
    add_AgentMetadataServiceServicer_to_server,
    add_AsyncAgentServiceServicer_to_server,
)


async def serve(socket: str, modules: Sequence[str]) -> None:
    """Serve until the process is ended.

    Args:
        socket: path of the socket to make.
        modules: modules that register connectors when they are imported.
    """
    from flytekit.extend.backend.connector_service import AsyncConnectorService, ConnectorMetadataService

    for module in modules:
        importlib.import_module(module)
    server = grpc.aio.server()
    add_AsyncAgentServiceServicer_to_server(AsyncConnectorService(), server)
    add_AgentMetadataServiceServicer_to_server(ConnectorMetadataService(), server)
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    await server.wait_for_termination()


def _end_with_starter(socket: str) -> None:
    """End this process as soon as nobody has the other end of standard input any more, whatever has become of them."""
    while os.read(0, 1024):
        pass
    with contextlib.suppress(OSError):  # the starter may have done so
        os.unlink(socket)
        os.rmdir(os.path.dirname(socket))
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_starter, args=(sys.argv[1],), daemon=True).start()
    asyncio.run(serve(sys.argv[1], sys.argv[2:]))
