"""Which ports a sandbox listens on: those that it is asked for, else those of the last time, which clients know."""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from flytekit_sagemaker.local.server import CannotStart

LOOPBACK = "127.0.0.1"
_OPTIONS = {"flyte": "--port", "console": "--console-port", "sagemaker": "--sagemaker-port"}


def choose(asked: Mapping[str, int], kept: Path, *, sagemaker_is_known: bool) -> dict[str, int]:
    """The port of each server, 0 for any; nothing listens on them yet.

    Args:
        asked: the port that each is to have; 0 for the one of the last time, if that is free.
        kept: the file with the ports of the last time.
        sagemaker_is_known: whether there are jobs that are known by the address of the local SageMaker.

    Raises:
        CannotStart: ports that are asked for cannot be used, or the local SageMaker would get another address.
    """
    last = _kept(kept)
    wanted = {name: port for name, port in asked.items() if port}
    shared = {name: port for name, port in wanted.items() if Counter(wanted.values())[port] > 1}
    if shared:
        raise unusable(shared, "each server needs one of its own")
    refusals = {name: refusal for name, port in wanted.items() if (refusal := _refusal(port))}
    if refusals:
        raise unusable({name: wanted[name] for name in refusals}, "; ".join(sorted(set(refusals.values()))))
    usable = {name: port for name, port in last.items() if port not in wanted.values() and not _refusal(port)}
    chosen = {name: port or usable.get(name, 0) for name, port in asked.items()}
    before = last.get("sagemaker", chosen["sagemaker"])
    if chosen["sagemaker"] != before and sagemaker_is_known:
        option = _OPTIONS["sagemaker"]
        remedy = f"start with {option} {before}, or with {option} 0 for the one of the last time"
        if _refusal(before):
            remedy = f"something else has it now: end that, then {remedy}"
        raise CannotStart(
            f"Executions of this root are unfinished, and their jobs are known by port {before} of the local "
            f"SageMaker. To go on with them, {remedy}"
        )
    return chosen


def keep(file: Path, ports: Mapping[str, int]) -> None:
    """Note the ports for the next time."""
    file.write_text(json.dumps(ports))


def unusable(ports: Mapping[str, int], why: str) -> CannotStart:
    """The error that names every one of these ports, and the option that chooses another."""
    named = _enumerated(f"{port} ({_OPTIONS[name]})" for name, port in ports.items())
    subject, others = ("Port", "another one") if len(ports) == 1 else ("Ports", "others")
    options = " ".join(f"{_OPTIONS[name]} 0" for name in ports)
    return CannotStart(f"{subject} {named} of {LOOPBACK} cannot be used: {why}. Choose {others}, or any: {options}")


def _enumerated(words: Iterable[str]) -> str:
    *before, last = words
    return f"{', '.join(before)} and {last}" if before else last


def _kept(file: Path) -> dict[str, int]:
    try:
        return {name: int(port) for name, port in json.loads(file.read_text()).items()}
    except (OSError, ValueError):
        return {}


def _refusal(port: int) -> str:
    """Why nobody can listen on a port at the moment; empty where one can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except OSError as fault:
            return os.strerror(fault.errno) if fault.errno else str(fault)
    return ""
