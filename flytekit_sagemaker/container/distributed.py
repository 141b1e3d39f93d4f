"""The hosts of a training job, and how those on them find each other."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

from flytekit_sagemaker.container.contract import Contract
from flytekit_sagemaker.errors import SageMakerError

MASTER_PORT = 29500
"""The port that PyTorch's own launcher uses."""

_SECONDS_UNTIL_HOSTS_HAVE_NAMES = 15 * 60.0


@dataclass(frozen=True)
class DistributedContext:
    """The place of this host among those of its job.

    Attributes:
        hosts: names of all hosts, in the order of their ranks.
        current_host: name of this host.
        network_interface_name: the network interface that leads to the others.
    """

    hosts: tuple[str, ...]
    current_host: str
    network_interface_name: str

    @classmethod
    def of(cls, contract: Contract) -> DistributedContext:
        """The place that SageMaker's files give to a host."""
        return cls(contract.hosts, contract.current_host, contract.network_interface_name)

    @property
    def rank(self) -> int:
        """Number of this host, from 0."""
        return self.hosts.index(self.current_host)

    @property
    def world_size(self) -> int:
        """How many hosts there are."""
        return len(self.hosts)

    @property
    def is_first(self) -> bool:
        """Whether this host has rank 0."""
        return self.current_host == self.hosts[0]


def rendezvous(context: DistributedContext, environ: Mapping[str, str]) -> dict[str, str]:
    """What ``torchrun`` would set for one process per host, without what the environment has already.

    Source: https://docs.pytorch.org/docs/stable/elastic/run.html#environment-variables
    """
    rank, size = str(context.rank), str(context.world_size)
    variables = {
        "MASTER_ADDR": context.hosts[0],
        "MASTER_PORT": str(MASTER_PORT),
        "RANK": rank,
        "WORLD_SIZE": size,
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": "1",
        "NODE_RANK": rank,
        "GROUP_RANK": rank,
        "GROUP_WORLD_SIZE": size,
        "GLOO_SOCKET_IFNAME": context.network_interface_name,
        "NCCL_SOCKET_IFNAME": context.network_interface_name,
    }
    return {name: value for name, value in variables.items() if name not in environ}


def share_a_machine(environ: Mapping[str, str]) -> bool:
    """Whether the hosts of the job are processes on one machine, and their names are in no DNS."""
    return environ.get("SM_STUDIO_LOCAL_MODE", "").lower() == "true"


def wait_for_hosts(context: DistributedContext, environ: Mapping[str, str]) -> None:
    """Return as soon as the names of all hosts can be resolved, which takes a while after the first host's start.

    Raises:
        SageMakerError: a name cannot be resolved in 15 minutes.
    """
    if context.world_size == 1 or share_a_machine(environ):
        return
    deadline = time.monotonic() + _SECONDS_UNTIL_HOSTS_HAVE_NAMES
    for host in context.hosts:
        while not _has_address(host):
            if time.monotonic() > deadline:
                raise SageMakerError(f"The host {host} of this job has no address.")
            time.sleep(1)


def _has_address(host: str) -> bool:
    try:
        socket.gethostbyname(host)
    except OSError:
        return False
    return True
