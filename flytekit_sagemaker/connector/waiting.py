"""Requests that SageMaker had no room for yet, kept under the execution's output prefix until a later poll.

Flyte keeps the metadata of a job in its own database; the request, with the environment of the user's job, is not to be
there. The file is in one of three states: the request; the mark that it was granted; or gone, when the execution was
aborted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flytekit_sagemaker.connector import outputs

_REQUEST = "sagemaker-request.json"
_GRANTED = "granted"


def keep(prefix: str, request: Mapping[str, Any]) -> None:
    """Keep a request; raises OSError when nothing can be written there."""
    outputs.write(prefix, _REQUEST, json.dumps(request).encode())


def find(prefix: str) -> Mapping[str, Any] | None:
    """The request that still has to be granted; an empty one when it was; None when the execution was aborted."""
    content = outputs.read(prefix, _REQUEST)
    if content is None:
        return None
    request = json.loads(content)
    return {} if request == _GRANTED else dict(request)


def grant(prefix: str) -> bool:
    """Mark the request as granted; False when the execution was aborted meanwhile."""
    if outputs.read(prefix, _REQUEST) is None:
        return False
    outputs.write(prefix, _REQUEST, json.dumps(_GRANTED).encode())
    return True


def withdraw(prefix: str) -> None:
    """Nobody is to grant the request any more."""
    outputs.remove(prefix, _REQUEST)
