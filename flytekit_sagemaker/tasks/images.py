"""The images of functions, which are built for a cluster only: a local run needs none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from flytekit import ImageSpec

from flytekit_sagemaker import settings

_needed: ContextVar[bool] = ContextVar("flytekit_sagemaker_images_are_needed", default=True)


@contextmanager
def not_built() -> Iterator[None]:
    """While this is open, images are named and not built."""
    token = _needed.set(False)
    try:
        yield
    finally:
        _needed.reset(token)


def uri(image: str | ImageSpec | None, build: Callable[[], str]) -> str:
    """The URI of an image, which is built only where a Flyte is to run it.

    Args:
        image: as the task was given it.
        build: makes the image if there is none, and returns its URI.
    """
    if isinstance(image, ImageSpec) and not (_needed.get() and settings.current().flag("build_images")):
        return f"{image.registry or 'local'}/{image.name}"
    return build()
