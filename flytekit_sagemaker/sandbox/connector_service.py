"""flytekit's connector service on a socket of the file system: ``python -m ... SOCKET MODULE...``.

What ``pyflyte serve connector`` serves, but for the owner of the socket's folder alone, and without a port.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Sequence

import grpc
from flyteidl.service.agent_pb2_grpc import (
    add_AgentMetadataServiceServicer_to_server,
    add_AsyncAgentServiceServicer_to_server,
)
from flytekit.extend.backend.connector_service import AsyncConnectorService, ConnectorMetadataService


async def serve(socket: str, modules: Sequence[str]) -> None:
    """Serve until the process is ended.

    Args:
        socket: path of the socket to make.
        modules: modules that register connectors when they are imported.
    """
    for module in modules:
        importlib.import_module(module)
    server = grpc.aio.server()
    add_AsyncAgentServiceServicer_to_server(AsyncConnectorService(), server)
    add_AgentMetadataServiceServicer_to_server(ConnectorMetadataService(), server)
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2:]))
