"""The sandbox as a whole: what it is made of, started and ended in the right order."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import grpc
from aiohttp import web
from flyteidl.service import admin_pb2, auth_pb2, dataproxy_pb2, identity_pb2, signal_pb2
from grpc_health.v1 import health_pb2

from flytekit_sagemaker.background import BackgroundServer
from flytekit_sagemaker.clock import SystemClock
from flytekit_sagemaker.local.server import CannotStart, LocalSageMaker
from flytekit_sagemaker.sandbox import ports
from flytekit_sagemaker.sandbox.admin import Admin, AuthMetadata, Health, Identity
from flytekit_sagemaker.sandbox.connector import ConnectorDied, ConnectorProcess
from flytekit_sagemaker.sandbox.console import Console, job_path
from flytekit_sagemaker.sandbox.dataproxy import DataProxy
from flytekit_sagemaker.sandbox.engine import Engine
from flytekit_sagemaker.sandbox.executions import Executions
from flytekit_sagemaker.sandbox.places import NOT_IN_URIS, Places
from flytekit_sagemaker.sandbox.ports import LOOPBACK
from flytekit_sagemaker.sandbox.processes import ProcessRunner
from flytekit_sagemaker.sandbox.registry import Registry
from flytekit_sagemaker.sandbox.rpc import service
from flytekit_sagemaker.sandbox.store import Store
from flytekit_sagemaker.sandbox.tasks import Tasks
from flytekit_sagemaker.sandbox.web import application, log_path

LARGEST_MESSAGE_BYTES = 64 << 20
_CONFIG = """\
admin:
  endpoint: {endpoint}
  insecure: true
console:
  endpoint: {console}
sagemaker:
  build_images: false  # the sandbox runs functions as processes
"""


class Sandbox(BackgroundServer):
    """A Flyte for development on this machine, in a thread with an event loop of its own.

    Executions that were under way when the last sandbox on a root ended, even by a crash, are followed further.

    Args:
        root: folder for everything that it keeps.
        port: port of its Flyte Admin; 0 for the one of the last time, or any.
        console_port: port of its console, likewise.
        sagemaker_port: port of the local SageMaker, likewise.
        images: commands that stand for container images, by image URI, as the local SageMaker takes them.
        file_systems: folders that stand for file systems, by file system id, as it takes them, too.

    Attributes:
        endpoint: host and port of the Flyte Admin, once it has started.
        console_url: where its console is.
        sagemaker_url: where the local SageMaker is, for boto3.
        task_types: types of the tasks that its connector service carries out.
        resumed: how many executions it has found unfinished.
    """

    def __init__(
        self,
        root: str | Path,
        port: int = 0,
        *,
        console_port: int = 0,
        sagemaker_port: int = 0,
        images: Mapping[str, Sequence[str]] | None = None,
        file_systems: Mapping[str, str | os.PathLike[str]] | None = None,
    ) -> None:
        super().__init__("flyte-sandbox")
        self.root = Path(root).resolve()
        self.endpoint = self.console_url = self.sagemaker_url = ""
        self.task_types: Sequence[str] = ()
        self.resumed = 0
        self._places = Places(self.root)
        self._ports = {"flyte": port, "console": console_port, "sagemaker": sagemaker_port}
        self._stand_ins: dict[str, Any] = {"images": images, "file_systems": file_systems}

    @property
    def config_file(self) -> Path:
        """A Flyte config that leads to this sandbox, for FLYTECTL_CONFIG."""
        return self._places.config

    def config(self) -> Any:
        """A ``flytekit.configuration.Config`` for FlyteRemote."""
        from flytekit.configuration import Config, PlatformConfig

        return Config(platform=PlatformConfig(endpoint=self.endpoint, insecure=True, console_endpoint=self.console_url))

    async def _serve(self, started: concurrent.futures.Future[None], over: asyncio.Event) -> None:
        async with contextlib.AsyncExitStack() as parts:
            parts.enter_context(_lock(self.root))
            store = Store(self._places.database)
            parts.callback(store.close)
            chosen = ports.choose(self._ports, self._places.ports, sagemaker_is_known=bool(store.unfinished()))

            sagemaker = LocalSageMaker(self._places.sagemaker, port=chosen["sagemaker"], **self._stand_ins)
            await asyncio.to_thread(sagemaker.start)
            parts.push_async_callback(asyncio.to_thread, sagemaker.stop)
            connector = ConnectorProcess(
                sagemaker.url, self._places.connector_log, lambda job: f"{self.console_url}{job_path(job)}"
            )
            parts.push_async_callback(connector.close)
            processes = ProcessRunner(self.root, lambda folder: f"{self.console_url}{log_path(self._places, folder)}")
            parts.push_async_callback(processes.close)

            clock = SystemClock()
            tasks = Tasks(store, self._places, clock, [connector.runner, processes])
            engine = Engine(store, tasks, clock)
            parts.push_async_callback(engine.close)
            registry = Registry(store, tasks, clock)
            executions = Executions(store, registry, engine, self._places, clock)
            proxy, console = DataProxy(executions, self._places), Console(store, self._places)
            handlers = [
                service(admin_pb2.DESCRIPTOR.services_by_name["AdminService"], Admin(store, registry, executions)),
                service(dataproxy_pb2.DESCRIPTOR.services_by_name["DataProxyService"], proxy),
                service(auth_pb2.DESCRIPTOR.services_by_name["AuthMetadataService"], AuthMetadata()),
                service(identity_pb2.DESCRIPTOR.services_by_name["IdentityService"], Identity()),
                service(signal_pb2.DESCRIPTOR.services_by_name["SignalService"], None),
                service(health_pb2.DESCRIPTOR.services_by_name["Health"], Health()),
            ]
            app = application(proxy, console, store, self._places)
            self.sagemaker_url = sagemaker.url
            self.console_url = proxy.url = console.url = await _serve_http(parts, app, chosen["console"])
            server, self.endpoint = _bound(handlers, chosen["flyte"])
            try:
                await connector.open()
            except ConnectorDied as died:
                raise CannotStart(str(died)) from None
            self.task_types = connector.runner.task_types
            self._keep_addresses()
            self.resumed = executions.resume()
            await server.start()
            parts.push_async_callback(server.stop, 0.5)
            started.set_result(None)
            await over.wait()

    def _keep_addresses(self) -> None:
        urls = {"flyte": self.endpoint, "console": self.console_url, "sagemaker": self.sagemaker_url}
        ports.keep(self._places.ports, {name: int(url.rpartition(":")[2]) for name, url in urls.items()})
        self._places.config.write_text(_CONFIG.format(endpoint=self.endpoint, console=self.console_url))


async def _serve_http(parts: contextlib.AsyncExitStack, app: web.Application, port: int) -> str:
    """Serve HTTP as long as the stack is open; the URL."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    parts.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
    except OSError as fault:
        raise ports.unusable({"console": port}, fault.strerror or str(fault)) from None
    host, bound = runner.addresses[0][:2]
    return f"http://{host}:{bound}"


def _bound(handlers: Sequence[grpc.GenericRpcHandler], port: int) -> tuple[Any, str]:
    """A gRPC server that has its port, and that address."""
    options = [
        ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
        ("grpc.so_reuseport", 0),  # else a second server takes half of the calls of a port that is in use
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5000),
    ]
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers(tuple(handlers))
    try:
        return server, f"{LOOPBACK}:{server.add_insecure_port(f'{LOOPBACK}:{port}')}"
    except RuntimeError:
        raise ports.unusable({"flyte": port}, "Address already in use") from None


@contextlib.contextmanager
def _lock(root: Path) -> Iterator[None]:
    """Hold the root for this sandbox alone; the system lets go of it when the process dies."""
    if NOT_IN_URIS.search(str(root)):
        raise CannotStart(f"The folder {root} cannot be used: its path has a character that no file URI may have.")
    try:
        root.mkdir(parents=True, exist_ok=True)
        file: TextIO = (root / "lock").open("w")
    except OSError as fault:
        raise CannotStart(f"The folder {root} cannot be used: {fault.strerror}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            remedy = "End that one, or choose another folder: --root DIR"
            raise CannotStart(f"The folder {root} is in use by another sandbox. {remedy}") from None
        yield
