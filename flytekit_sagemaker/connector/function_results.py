"""What the process of a function leaves for Flyte under its output prefix: outputs, or an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flyteidl.core import errors_pb2, literals_pb2

from flytekit_sagemaker.connector.outputs import OUTPUTS, read, remove

ERROR = "error.pb"
_CLOCKS_DIFFER_BY_SECONDS = 5.0


def outputs_left(prefix: str) -> dict[str, literals_pb2.Literal] | None:
    """The outputs that a function left, None when it left none.

    With outputs, an error that an interrupted attempt of the same job left is removed: Flyte would take it for the end.
    """
    content = read(prefix, OUTPUTS)
    if content is None:
        return None
    remove(prefix, ERROR)
    return dict(literals_pb2.LiteralMap.FromString(content).literals)


def may_be_retried(prefix: str, description: Mapping[str, Any]) -> bool:
    """Whether a function that failed left an error that it calls recoverable.

    Args:
        prefix: its output prefix.
        description: the service's description of its training job, by which an error of an interrupted attempt is told
            from that of the last one.
    """
    content = read(prefix, ERROR)
    if content is None:
        return False
    error = errors_pb2.ErrorDocument.FromString(content).error
    began = [
        each["StartTime"].timestamp()
        for each in description.get("SecondaryStatusTransitions", ())
        if each["Status"] == "Training"
    ]
    of_the_last = not began or error.timestamp.seconds >= began[-1] - _CLOCKS_DIFFER_BY_SECONDS
    return of_the_last and bool(error.kind == errors_pb2.ContainerError.RECOVERABLE)
