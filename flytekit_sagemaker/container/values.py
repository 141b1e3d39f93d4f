"""Values of the types that a tuning job can choose, as the texts in which SageMaker carries them."""

from __future__ import annotations

import json
from typing import Any

_BOOLEANS = {"true": True, "false": False}


def parsed(kind: str, text: str) -> int | float | str | bool:
    """The value of a text.

    Args:
        kind: ``int``, ``float``, ``str`` or ``bool``.
        text: as the tuner wrote it.

    Raises:
        ValueError: when the text is no value of the type.
    """
    if kind == "bool":
        if text not in _BOOLEANS:
            raise ValueError(f"{text!r} is neither true nor false")
        return _BOOLEANS[text]
    if kind == "str":
        return text
    return int(text) if kind == "int" else float(text)


def like(example: Any, text: str) -> Any:
    """The value of a text that takes the place of an example.

    The type is that of the example where the text allows it; else, and without an example (None), the text is read as
    JSON, and stays what it is when it is none.
    """
    kind = type(example).__name__
    if kind in ("int", "float", "str", "bool"):
        try:
            return parsed(kind, text)
        except ValueError:
            pass
    try:
        return json.loads(text)
    except ValueError:
        return text
