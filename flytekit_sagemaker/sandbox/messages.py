"""Small protobuf values that the sandbox makes often."""

from __future__ import annotations

from typing import Any

from flyteidl.core import execution_pb2
from google.protobuf import timestamp_pb2

USER, SYSTEM = execution_pb2.ExecutionError.USER, execution_pb2.ExecutionError.SYSTEM


def timestamp(seconds: float) -> Any:
    """A moment, from seconds since the epoch."""
    moment = timestamp_pb2.Timestamp()
    moment.FromMicroseconds(round(seconds * 1e6))
    return moment


def begin(closure: Any, now: float) -> None:
    """Note in a closure that what it is of has been created."""
    closure.created_at.CopyFrom(timestamp(now))
    closure.updated_at.CopyFrom(timestamp(now))


def change(closure: Any, phase: int, now: float, *, started: bool = True) -> None:
    """Note in a closure that what it is of is in a phase."""
    closure.phase = phase
    closure.updated_at.CopyFrom(timestamp(now))
    if started and not closure.HasField("started_at"):
        closure.started_at.CopyFrom(timestamp(now))
    if closure.HasField("started_at"):
        closure.duration.FromMicroseconds(max(0, round(now * 1e6) - closure.started_at.ToMicroseconds()))


def error(message: str, code: str = "JobFailed", kind: int = USER) -> Any:
    """What went wrong, as Flyte tells it."""
    return execution_pb2.ExecutionError(code=code, message=message, kind=kind)
