"""Requests that SageMaker had no room for yet, kept under the execution's output prefix until a later poll.

Flyte keeps the metadata of a job in its own database; the request, with the environment of the user's job, is not to be
there. The metadata has its digest instead: users may write under the prefix, and what they change is not sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flytekit_sagemaker.connector import outputs
from flytekit_sagemaker.errors import ServiceError

_FILE = "sagemaker-request.json"

WAITING = "waiting"  # the request is there, to be tried again
GRANTED = "granted"  # the job was created
REFUSED = "refused"  # it never will be
ABORTED = "aborted"  # nobody wants it any more


@dataclass(frozen=True)
class Note:
    """What became of a request.

    Attributes:
        state: one of the words above.
        since: when that was, in seconds since the epoch.
        request: the request, as long as it waits.
        may_exist: whether a create has been sent that nobody knows the fate of.
    """

    state: str
    since: float
    request: Mapping[str, Any] | None = None
    may_exist: bool = False


def keep(prefix: str, request: Mapping[str, Any], now: float, may_exist: bool) -> str:
    """Keep a request and return its digest; raises OSError when nothing can be written there."""
    _write(prefix, Note(WAITING, now, request, may_exist))
    return digest(request)


def mark(prefix: str, state: str, now: float, may_exist: bool = False) -> None:
    """Write down what became of the request, in its place."""
    _write(prefix, Note(state, now, may_exist=may_exist))


def find(prefix: str) -> Note | None:
    """The note under a prefix, None when there is none.

    Raises:
        ServiceError: for a file that is not a note.
    """
    content = outputs.read(prefix, _FILE)
    if content is None:
        return None
    try:
        found = json.loads(content)
        request = found.get("request")
        return Note(
            state=str(found["state"]),
            since=float(found["since"]),
            request=None if request is None else dict(request),
            may_exist=bool(found.get("may_exist")),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ServiceError(f"{prefix}/{_FILE} cannot be read: {error}") from error


def digest(request: Mapping[str, Any]) -> str:
    """What tells a request from every other."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def _write(prefix: str, note: Note) -> None:
    content: dict[str, Any] = {"state": note.state, "since": note.since, "may_exist": note.may_exist}
    if note.request is not None:
        content["request"] = dict(note.request)
    outputs.write(prefix, _FILE, json.dumps(content).encode())
