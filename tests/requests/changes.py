"""Changes to a request, named by the path of a member."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

GONE = object()


def changed(request: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a request with the members at some paths (``a.b[0].c``) replaced, added, or ``GONE``."""
    result = copy.deepcopy(dict(request))
    for path, value in changes.items():
        *holders, last = (int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", path))
        target: Any = result
        for step in holders:
            target = target[step] if isinstance(step, int) else target.setdefault(step, {})
        if value is GONE:
            del target[last]
        elif isinstance(last, int) and last == len(target):
            target.append(value)
        else:
            target[last] = value
    return result
