"""The local SageMaker as an HTTP server on the loopback interface: a development server.

It speaks the protocol of the SageMaker API (JSON 1.1: the operation in ``X-Amz-Target``, one POST for everything), so
that boto3, the AWS CLI and whatever is built on them need nothing but its URL for an endpoint.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import fcntl
import functools
import hmac
import json
import logging
import os
import queue
import re
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from aiohttp import web

from flytekit_sagemaker import settings
from flytekit_sagemaker.background import BackgroundServer
from flytekit_sagemaker.clock import Clock, SystemClock
from flytekit_sagemaker.errors import UserError
from flytekit_sagemaker.local import interruption
from flytekit_sagemaker.local.admission import Refused
from flytekit_sagemaker.local.api import Api
from flytekit_sagemaker.local.engine import Engine, has_failed_jobs
from flytekit_sagemaker.local.file_systems import FolderOf
from flytekit_sagemaker.settings import Settings

ROOT_VARIABLE = "FLYTEKIT_SAGEMAKER_LOCAL_ROOT"
DEFAULT_REGION = "us-east-1"
MAX_REQUEST_BYTES = 4 << 20
_CONTENT_TYPE = "application/x-amz-json-1.1"
_OWN_HOSTS = ("127.0.0.1", "localhost")
_SHARED_LOCK = threading.Lock()
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,]+)/\d{8}/(?P<region>[a-z0-9-]{1,32})/")


class CannotStart(UserError):
    """The server cannot start here; the message says why in one sentence."""


class LocalSageMaker(BackgroundServer):
    """A SageMaker on this machine, in a thread with an event loop of its own.

    It can be started from a notebook and from inside a running event loop. Trials are processes, each with its own
    ``/opt/ml`` tree under ``root``. What was unfinished when the last server on a root ended, even by a crash, is taken
    up: trials of tuning jobs are run again, other training jobs as far as their RetryStrategy allows.

    Args:
        root: folder for the state and the jobs' workspaces; a fresh temporary one by default.
        port: port to listen on; 0 lets the system choose.
        images: commands that stand for container images, by image URI; they run in the server's directory.
        file_systems: folders that stand for file systems of Amazon EFS and Amazon FSx for Lustre, by file system id.
        clock: the time that runtime limits and timestamps follow; the system's by default.
        resume: take up unfinished jobs; with False they end Failed.
        access_key: the access key id that requests must be signed with; whoever can make a job runs code as the user
            of this process, so a server that other users of the machine must not use needs one. None: all are served.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        *,
        port: int = 0,
        images: Mapping[str, Sequence[str]] | None = None,
        file_systems: FolderOf | None = None,
        clock: Clock | None = None,
        resume: bool = True,
        access_key: str | None = None,
    ) -> None:
        super().__init__("local-sagemaker")
        self.root = Path(root or tempfile.mkdtemp(prefix="sagemaker-local-")).resolve()
        self.url = ""
        self.access_key = access_key
        self._port = port
        self._images = {} if images is None else images
        self._folder_of = {} if file_systems is None else file_systems
        self._clock = clock or SystemClock()
        self._resume = resume
        self._abandon = False
        self._engine: Engine | None = None

    def stop_for_good(self) -> None:
        """End the server like :meth:`stop`, and unfinished jobs as Stopped."""
        self._abandon = True
        self.stop()

    def interrupt(self, job: str) -> None:
        """Interrupt a training job, or a trial, in status Training, as AWS does when it takes spot instances back.

        It gets SIGTERM, and SIGKILL two minutes later; then it starts anew, with nothing left of it but its checkpoints
        and metrics.

        Raises:
            NotInterrupted: there is no such job, it does no managed spot training, or it is not training.
        """
        interruption.interrupt(self.url, job, self.access_key or "local")

    @property
    def launcher_pid(self) -> int | None:
        """Process id of the parent of the training processes; None before the first job."""
        return self._engine.launcher.pid if self._engine else None

    async def _serve(self, started: concurrent.futures.Future[None], over: asyncio.Event) -> None:
        with _lock(self.root):
            engine = self._engine = Engine(self.root, self._clock, self._images, self._folder_of)
            runner = web.AppRunner(_application(Api(engine), self.access_key), access_log=None, shutdown_timeout=1)
            try:
                await runner.setup()
                site = web.TCPSite(runner, "127.0.0.1", self._port)
                try:
                    await site.start()
                except OSError as fault:
                    raise CannotStart(
                        f"Port {self._port} of 127.0.0.1 cannot be used: {fault.strerror or fault}. "
                        "Choose another one, or 0 for any."
                    ) from None
                engine.open(resume=self._resume)
                host, port = runner.addresses[0][:2]
                self.url = f"http://{host}:{port}"
                started.set_result(None)
                await over.wait()
            finally:
                await runner.cleanup()
                await engine.close(abandon=self._abandon)
                self._engine = None


def _application(api: Api, access_key: str | None) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        if not _is_own(request.host):
            return _error(403, "AccessDeniedException", "This server answers only to 127.0.0.1 and localhost.")
        signed_with, region = _signature(request)
        if access_key is not None and not _same(signed_with, access_key):
            message = "The security token included in the request is invalid."
            return _error(403, "UnrecognizedClientException", message)
        try:
            operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
            return _response(200, await api.answer(operation, _members(await request.read()), region))
        except RecursionError:
            return _error(400, "SerializationException", "The request's body is nested too deeply.")
        except Refused as refused:
            return _error(400, refused.code, str(refused))
        except web.HTTPRequestEntityTooLarge:
            return _error(413, "RequestEntityTooLargeException", f"A request has at most {MAX_REQUEST_BYTES} bytes.")
        except Exception as fault:
            logging.getLogger(__name__).exception("%s", request.headers.get("X-Amz-Target"))
            return _error(500, "InternalFailure", f"The local SageMaker has failed: {fault!r}")

    application = web.Application(client_max_size=MAX_REQUEST_BYTES)
    application.router.add_post("/", answer)
    return application


def _is_own(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in _OWN_HOSTS
    except ValueError:
        return False


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body or b"{}")
        json.dumps(members, ensure_ascii=False).encode()  # fails for halves of characters, which no file can take
    except ValueError as fault:
        raise Refused("SerializationException", f"The request's body is not JSON: {fault}") from None
    if not isinstance(members, dict):
        raise Refused("SerializationException", "The request's body is not a JSON object.")
    return members


def _signature(request: web.Request) -> tuple[str, str]:
    """The access key id and the region in a request's signature."""
    signature = _CREDENTIAL.search(request.headers.get("Authorization", ""))
    return (signature["key"], signature["region"]) if signature else ("", DEFAULT_REGION)


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), secret.encode())


def _response(status: int, content: Mapping[str, Any]) -> web.Response:
    return web.Response(status=status, body=json.dumps(content).encode(), content_type=_CONTENT_TYPE)


def _error(status: int, code: str, message: str) -> web.Response:
    # Errors that the service's model declares spell their only member so, the others in lower case.
    member = "Message" if code in ("ResourceInUse", "ResourceNotFound", "ResourceLimitExceeded") else "message"
    return _response(status, {"__type": code, member: message})


@contextlib.contextmanager
def _lock(root: Path) -> Any:
    """Hold the root for this server alone; the system lets go of it when the process dies."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        file: TextIO = (root / "lock").open("w")
    except OSError as fault:
        raise CannotStart(f"The folder {root} cannot be used: {fault.strerror}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(f"The folder {root} is in use by another local SageMaker.") from None
        yield


def shared() -> LocalSageMaker:
    """The local SageMaker of this process, started on the first call and stopped when the process exits.

    Its root is the folder that FLYTEKIT_SAGEMAKER_LOCAL_ROOT names, else a fresh temporary one, which is removed in the
    end unless the log of a failed job is in it. What an earlier process has left unfinished in the root is not taken
    up. The settings ``local_images`` and ``local_file_systems`` say what stands for images and file systems. It serves
    those only who sign with its ``access_key``.

    Raises:
        CannotStart: another server uses the root.
    """
    with _SHARED_LOCK:
        return _start_shared()


@functools.cache
def _start_shared() -> LocalSageMaker:
    root = os.environ.get(ROOT_VARIABLE)
    current: dict[str, Any] = {member: _Current(read) for member, read in _STAND_INS.items()}
    server = LocalSageMaker(root, resume=False, access_key=secrets.token_hex(16), **current).start()
    atexit.register(_end_shared, server, os.getpid(), temporary=not root)
    return server


class _Current(Mapping[str, Any]):
    """What is set now: who sets something after a job was refused need not begin a new process."""

    def __init__(self, read: Callable[[Settings], Mapping[str, Any]]) -> None:
        self._read = read

    def __getitem__(self, name: str) -> Any:
        return self._read(settings.current())[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read(settings.current()))

    def __len__(self) -> int:
        return len(self._read(settings.current()))


def _end_shared(server: LocalSageMaker, owner: int, *, temporary: bool) -> None:
    if os.getpid() != owner:  # a fork of the process that started it
        return
    server.stop_for_good()
    if temporary and not has_failed_jobs(server.root):
        shutil.rmtree(server.root, ignore_errors=True)


def serve(
    port: int, root: Path, images: Mapping[str, Sequence[str]] | None = None, file_systems: FolderOf | None = None
) -> None:
    """Serve until Ctrl-C or SIGTERM. A server that cannot start says why and exits with code 1.

    Args:
        port: port to listen on.
        root: folder for the state and the jobs' workspaces.
        images, file_systems: as of :class:`LocalSageMaker`, beside those of the settings, which they win over.
    """
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # unlike an event, it may be set while it is waited for
    try:
        found = stand_ins(images, file_systems)  # imports flytekit, which handles signals, too
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: signals.put(received))
        server = LocalSageMaker(root, port=port, **found).start()
    except CannotStart as fault:
        print(fault, file=sys.stderr)
        raise SystemExit(1) from None
    with server:
        print(_WELCOME.format(url=server.url, root=server.root), flush=True)
        signals.get()
    print("The local SageMaker has ended. Unfinished jobs are taken up when it is started on the same folder.")


def stand_ins(images: Mapping[str, Sequence[str]] | None, file_systems: FolderOf | None) -> dict[str, Any]:
    """What stands for images and file systems: arguments of :class:`LocalSageMaker`.

    Args:
        images, file_systems: those that win over the settings ``local_images`` and ``local_file_systems``.

    Raises:
        CannotStart: a setting cannot be read.
    """
    found = settings.current()
    for problem in found.problems():
        if problem.field.removeprefix("local_") in _STAND_INS:
            raise CannotStart(str(problem))
    given = {"images": images, "file_systems": file_systems}
    return {member: {**read(found), **(given[member] or {})} for member, read in _STAND_INS.items()}


# What each setting, which is named ``local_`` and this, gives to the argument of that name.
_STAND_INS: Mapping[str, Callable[[Settings], Mapping[str, Any]]] = {
    "images": lambda found: found.commands("local_images"),
    "file_systems": lambda found: found.folders("local_file_systems"),
}


_WELCOME = """\
Local SageMaker: a development server, for this machine only.

  Endpoint  {url}
  Root      {root}

From Python:
  sagemaker = boto3.client("sagemaker", endpoint_url="{url}", region_name="us-east-1",
                           aws_access_key_id="local", aws_secret_access_key="local")

From the AWS CLI, and for every boto3 client of a shell:
  export AWS_ENDPOINT_URL_SAGEMAKER={url} AWS_ENDPOINT_URL_CLOUDWATCH_LOGS={url}
  export AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
  aws sagemaker list-training-jobs

For flytekit-sagemaker:
  export FLYTEKIT_SAGEMAKER_ENDPOINT_URL={url}

Training really runs, as processes of yours. file:// is allowed wherever s3:// is. Ctrl-C ends the server."""
