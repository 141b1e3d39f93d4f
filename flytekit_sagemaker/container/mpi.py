"""One process per host of a training job under Open MPI's ``mpirun``.

The first host runs ``mpirun`` and fails for all; the others let themselves be reached and wait until it is done. A rank
has the environment and the ``/opt/ml`` of its own host: every host leaves its environment in a file for its rank, as
``mpirun`` knows only the first host's. Where the hosts are processes on one machine, their trees lie side by side.

Source: https://docs.open-mpi.org/en/main/man-openmpi/man1/mpirun.1.html
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from flytekit_sagemaker.container.checkpoints import RANK_VARIABLE, STOPPED_EXIT_CODE
from flytekit_sagemaker.container.contract import Contract
from flytekit_sagemaker.container.distributed import DistributedContext, share_a_machine, wait_for_hosts
from flytekit_sagemaker.container.programs import run_program
from flytekit_sagemaker.errors import SageMakerError, UserError

_SSH_PORT = 22
_SECONDS_UNTIL_HOSTS_ARE_READY = 15 * 60.0
_SECONDS_TO_TELL_HOSTS = 60.0
_SECONDS_PER_LOOK = 0.05
_PR_SET_PDEATHSIG = 1

# For Open MPI 4 and 5; whatever the environment says already wins.
_EVERYWHERE = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
}
_NO_QUESTIONS = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"

# What a rank is before it is the command; it dies with its mpirun, which on one machine is nobody's process group.
_RANK = """
import ctypes, json, os, sys
base, *command = sys.argv[1:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
with open(base + "/mpi/environment.json") as file:
    os.environ.update(json.load(file))
os.execvp(command[0], command)
"""

# Prints what the rank of a host has failed of, and tells the host that all is done.
_TELL = """
import os, sys
base = sys.argv[1]
open(base + "/mpi/done", "w").close()
if os.path.exists(base + "/output/failure"):
    print(open(base + "/output/failure").read())
"""


def is_rank(environ: Mapping[str, str]) -> bool:
    """Whether this process is one that ``mpirun`` has started."""
    return RANK_VARIABLE in environ


def leave(code: int) -> NoReturn:
    """End a rank with an exit code that does to the other ranks what it should.

    After a failure they are not waited for, as the end of MPI would do: ``mpirun`` ends them. A rank that SageMaker has
    stopped leaves with 0 and does wait for them, since they may still be saving their checkpoints.
    """
    if code in (0, STOPPED_EXIT_CODE):
        sys.exit(0)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def run(context: DistributedContext, contract: Contract, command: Sequence[str]) -> int:
    """Run a command on every host, as one rank each.

    SIGTERM reaches the ranks as SIGUSR1. What a rank leaves in ``output/failure`` is left there on the first host, too;
    without any, it is the last lines of all standard errors.

    Returns:
        The exit code of ``mpirun`` on the first host. On the others 0, whatever happened: the first one, which has the
        reason of a failure, would not come to tell it.

    Raises:
        UserError: the image has no ``mpirun``, or no ``sshd`` where the hosts are machines of their own.
        SageMakerError: the hosts do not find each other.
    """
    mpirun = shutil.which("mpirun")
    if mpirun is None:
        raise UserError("This job's distributed_protocol is MPI, and its image has no mpirun: install Open MPI in it.")
    folder = contract.base / "mpi"
    folder.mkdir(exist_ok=True)
    done, environment = folder / "done", folder / "environment.json"
    done.unlink(missing_ok=True)
    _write_for_nobody_else(environment, json.dumps(dict(os.environ)))
    try:
        if not context.is_first:
            _let_in(context)
            signal.signal(signal.SIGTERM, lambda *_: None)  # the first host tells the rank
            _wait(done.exists)
            return 0
        _wait_for_others(context, contract)
        return _run_first(mpirun, context, contract, command)
    finally:
        environment.unlink(missing_ok=True)


def _run_first(mpirun: str, context: DistributedContext, contract: Contract, command: Sequence[str]) -> int:
    variables = {**_settings(context), **os.environ}
    ended = run_program(
        "mpirun",
        [mpirun, *_processes(context.hosts, context, contract, _RANK, *command)],
        Path.cwd(),
        variables,
        for_sigterm=signal.SIGUSR1,
        at_start=_with_parent() if sys.platform == "linux" else None,
    )
    others = context.hosts[1:]
    failure = ""
    if others:
        tell = [mpirun, *_processes(others, context, contract, _TELL)]
        try:
            options = {"capture_output": True, "text": True, "timeout": _SECONDS_TO_TELL_HOSTS, "check": True}
            failure = subprocess.run(tell, env=variables, **options).stdout.strip()  # type: ignore[call-overload]
        except subprocess.SubprocessError as error:
            if ended.code == 0:
                raise SageMakerError(f"The other hosts cannot be told that all ranks are done: {error}") from error
    if ended.code and not contract.failure_file.exists():
        contract.fail(failure or ended.reason)
    return ended.code


def _processes(
    hosts: Sequence[str], context: DistributedContext, contract: Contract, program: str, *arguments: str
) -> list[str]:
    """Arguments that make ``mpirun`` start one process on each of the hosts, with the tree of that host."""
    together = share_a_machine(os.environ)
    words: list[str] = []
    for host in hosts:
        if together:
            place = f"localhost:{context.world_size}"
        else:  # mpirun does not recognize its own machine by the name that SageMaker gives it
            place = f"{'localhost' if host == context.hosts[0] else host}:1"
        base = contract.base.with_name(host) if together and context.world_size > 1 else contract.base
        words += [":"] if words else []
        words += ["-np", "1", "--host", place, sys.executable, "-ISc", program, str(base), *arguments]
    return words


def _settings(context: DistributedContext) -> dict[str, str]:
    if share_a_machine(os.environ):
        return _EVERYWHERE
    interface = context.network_interface_name
    return {
        **_EVERYWHERE,
        "OMPI_MCA_btl_tcp_if_include": interface,
        "OMPI_MCA_oob_tcp_if_include": interface,
        "PRTE_MCA_prte_if_include": interface,
        "OMPI_MCA_plm_rsh_no_tree_spawn": "1",
        "PRTE_MCA_plm_ssh_no_tree_spawn": "1",
        "OMPI_MCA_plm_rsh_args": _NO_QUESTIONS,
        "PRTE_MCA_plm_ssh_args": _NO_QUESTIONS,
    }


def _let_in(context: DistributedContext) -> None:
    """Have an SSH server through which ``mpirun`` on the first host starts the rank of this one."""
    if share_a_machine(os.environ):
        return
    sshd = shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
    if sshd is None:
        raise UserError("Several hosts under MPI reach each other by SSH, and this image has no sshd: install it.")
    Path("/run/sshd").mkdir(parents=True, exist_ok=True)
    subprocess.run([sshd], check=True)


def _wait_for_others(context: DistributedContext, contract: Contract) -> None:
    wait_for_hosts(context, os.environ)
    for host in context.hosts[1:]:
        if share_a_machine(os.environ):
            file = contract.base.with_name(host) / "mpi" / "environment.json"
            ready: Callable[[], bool] = file.exists
        else:

            def ready(host: str = host) -> bool:
                return _answers(host, _SSH_PORT)

        if not _wait(ready, _SECONDS_UNTIL_HOSTS_ARE_READY):
            raise SageMakerError(f"The host {host} of this job is not ready for MPI.")


def _wait(reached: Callable[[], bool], seconds: float = float("inf")) -> bool:
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(_SECONDS_PER_LOOK)
    return True


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def _write_for_nobody_else(path: Path, text: str) -> None:
    """Write a file at once, readable by this user alone: an environment has secrets."""
    written = path.with_suffix(".partial")
    written.unlink(missing_ok=True)
    with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    written.replace(path)


def _with_parent() -> Callable[[], None]:
    """What a new process does so as to be told to end when this one ends, whatever ends it."""
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
