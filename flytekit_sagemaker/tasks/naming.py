"""Names tasks as Flyte names function tasks: by the module and the variable that hold them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flytekit.core.tracker import get_full_module_path


def defining_namespace() -> dict[str, Any] | None:
    """The globals of the module whose code is making a task right now, or None when a function makes it."""
    frame = sys._getframe(1)
    own = __name__.partition(".")[0]
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in (own, "flytekit"):
            return frame.f_globals if frame.f_code.co_name == "<module>" else None
        frame = frame.f_back  # type: ignore[assignment]
    return None


def variable_name(task: object, namespace: Mapping[str, Any]) -> str | None:
    """``module.variable`` of a task that a module's global variable holds; just the variable in a notebook."""
    variable = next((name for name, value in list(namespace.items()) if value is task), None)
    if variable is None:
        return None
    module_name = namespace.get("__name__", "")
    module = sys.modules.get(module_name)
    if module_name == "__main__":
        if "__file__" not in namespace or module is None:
            return variable
        module_name = Path(namespace["__file__"]).stem
    if module is not None and getattr(module, "__file__", None):
        module_name = get_full_module_path(module, module_name)
    return f"{module_name}.{variable}"
