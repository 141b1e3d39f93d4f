"""An embedded Flyte for development: an Admin over gRPC, flytekit's connector service, and the local SageMaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flytekit_sagemaker.sandbox.server import Sandbox

__all__ = ["Sandbox"]


def __getattr__(name: str) -> Any:
    if name in __all__:  # on demand: the processes that the sandbox starts come through here, too
        from flytekit_sagemaker.sandbox import server

        return getattr(server, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
