"""Short errors in a notebook, where flytekit shows a stack of everything, even of what renders itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import flytekit  # noqa: F401  (so that what it installs is in place, and what is installed here goes first)

from flytekit_sagemaker.errors import SageMakerError


def install() -> None:
    """Let IPython show the exceptions of this package as they render themselves; all others stay as they are."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return
    ours, others = MethodType(type(shell)._showtraceback, shell), shell._showtraceback

    def show(kind: type[BaseException], error: BaseException, rendered: Sequence[str]) -> None:
        shown: Callable[..., Any] = ours if isinstance(error, SageMakerError) else others
        shown(kind, error, rendered)

    shell._showtraceback = show
