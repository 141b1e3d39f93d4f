"""The NextToken of the list operations: where the next page begins, in a form that nobody is tempted to write."""

from __future__ import annotations

import base64
import json
from typing import Any

from flytekit_sagemaker.local.admission import Refused

_LARGEST = 1 << 53


def token(operation: str, position: tuple[object, str]) -> str:
    """The token of an operation's next page; ``position`` is the sorted value and the name before its first entry."""
    return base64.urlsafe_b64encode(json.dumps([operation, *position]).encode()).decode()


def position(operation: str, given: str) -> tuple[Any, str]:
    """What :func:`token` was made from.

    Raises:
        Refused: it was not made for this operation.
    """
    try:
        made_for, value, name = json.loads(base64.urlsafe_b64decode(given.encode()))
        number = isinstance(value, (int, float)) and abs(value) < _LARGEST
        if made_for != operation or not isinstance(name, str) or not (number or isinstance(value, str)):
            raise TypeError
    except (ValueError, TypeError, RecursionError):
        message = f"Invalid NextToken: it is none that {operation} has given."
        raise Refused("ValidationException", message) from None
    return value, name
