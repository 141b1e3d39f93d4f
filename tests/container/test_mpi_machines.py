"""MPI on hosts that have host names, ``/opt/ml`` and environments of their own, and reach each other by SSH."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .test_mpi import PROGRAM

# One SSH server for the test, which answers and does nothing.
SSHD = """#!/bin/sh
setsid {python} -c '
import socket, time
try:
    server = socket.create_server(("127.0.0.1", 22))
    server.settimeout(10)
    while True:
        server.accept()
except OSError:
    pass
' >/dev/null 2>&1 &
"""

# Runs a command on the other host, with nothing of this one's environment.
SSH = """#!/bin/sh
while [ "$1" = -o ]; do shift 2; done
host=$1
shift
exec env -i HOME="$HOME" PATH=/usr/bin:/bin {folder}/on $host sh -c "$*"
"""

ON = """#!/bin/sh
host=$1
shift
exec unshare --mount --uts sh -c '
hostname $0 && mount --bind {folder}/$0 {folder}/ml && mount --bind {folder}/hosts /etc/hosts && exec "$@"
' $host "$@"
"""


def interface() -> str:
    """The first network interface of this machine that leads out of it."""
    with open("/proc/net/route") as routes:
        return next((line.split()[0] for line in list(routes)[1:]), "lo")


def write_program(path: Path, text: str, folder: Path) -> None:
    path.write_text(text.format(folder=folder, python=sys.executable))
    path.chmod(0o755)


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run(["unshare", "--mount", "--uts", "true"]).returncode != 0,
    reason="this user may not make name spaces",
)
def test_every_machine_is_a_rank_with_its_own_tree_and_environment(image: Path, tmp_path: Path) -> None:
    hosts = ["algo-1", "algo-2"]
    for name, text in (("sshd", SSHD), ("ssh-to", SSH), ("on", ON)):
        write_program(tmp_path / name, text, tmp_path)
    (tmp_path / "hosts").write_text("127.0.0.1 localhost algo-1 algo-2\n")
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "ml").mkdir()
    processes = []
    for host in hosts:
        config = tmp_path / host / "input" / "config"
        config.mkdir(parents=True)
        (tmp_path / host / "model").mkdir()
        (config / "hyperparameters.json").write_text(json.dumps({"what": "train"}))
        resources = {"current_host": host, "hosts": hosts, "network_interface_name": interface()}
        (config / "resourceconfig.json").write_text(json.dumps(resources))
        environment = {
            "HOME": os.environ.get("HOME", "/"),
            "PATH": os.pathsep.join([str(tmp_path), str(image / "bin"), os.environ["PATH"]]),
            "SAGEMAKER_BASE_DIR": str(tmp_path / "ml"),
            "SM_CURRENT_HOST": host,
            "PRTE_MCA_plm_ssh_agent": str(tmp_path / "ssh-to"),
        }
        command = [tmp_path / "on", host, image / "bin" / "python", tmp_path / "program.py"]
        processes.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
    outputs = []
    for process in processes:
        outputs.append(process.communicate()[0])
        if process.returncode:
            processes[-1].kill()
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert '"total" = 3.0' in outputs[0]
    for rank, host in enumerate(hosts):
        told = json.loads((tmp_path / host / "model" / f"rank-{rank}").read_text())
        assert told == {"host": host, "base": str(tmp_path / "ml"), "total": 3, "size": 2}
