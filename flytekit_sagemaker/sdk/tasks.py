"""Functions as tasks in class style: parameters declared by decorators, as flytekit 0.x had them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import flytekit
from flytekit import ImageSpec, Resources

from flytekit_sagemaker.tasks.class_style.functions import Maker, declared, made

__all__ = ["inputs", "outputs", "python_task"]


def inputs(**types: Any) -> Callable[[Any], Any]:
    """Declare inputs of the function below.

    It may stand above or below other ``@inputs`` and ``@outputs``, any number of times.

    Args:
        types: type of each input: a member of ``Types``, ``[T]`` for a list of T, or any type that flytekit carries.

    Raises:
        InvalidInput: listing every name that is no parameter of the function, or is declared already, and every value
            that is no type.
    """
    return lambda decorated: declared(decorated, "@inputs", inputs=types)


def outputs(**types: Any) -> Callable[[Any], Any]:
    """Declare outputs of the function below, which sets each of them with ``name.set(value)``.

    Args:
        types: as of :func:`inputs`.

    Raises:
        InvalidInput: as :func:`inputs`.
    """
    return lambda decorated: declared(decorated, "@outputs", outputs=types)


def python_task(
    function: Callable[..., Any] | None = None,
    *,
    cache_version: str = "",
    cache: bool = False,
    retries: int = 0,
    timeout: timedelta | int = 0,
    interruptible: bool | None = None,
    deprecated: str = "",
    environment: Mapping[str, str] | None = None,
    container_image: str | ImageSpec | None = None,
    cpu_request: str | None = None,
    cpu_limit: str | None = None,
    memory_request: str | None = None,
    memory_limit: str | None = None,
    gpu_request: str | None = None,
    gpu_limit: str | None = None,
    storage_request: str | None = None,
    storage_limit: str | None = None,
) -> Any:
    """Make an ordinary Flyte task of a function in class style, bare or with options.

    The function's first parameter is the context (``flytekit.current_context()``); the others are declared by
    :func:`inputs` and :func:`outputs`.

    Args:
        function: the function, when the decorator is used bare.
        cache_version: version of the cache.
        cache: whether Flyte may reuse the outputs of an earlier run with the same inputs and version.
        retries: attempts after the first, for failures that may go away.
        timeout: after how long Flyte gives an attempt up, a timedelta or seconds; 0 for never.
        interruptible: whether it may run on machines that can be taken away.
        deprecated: why it should not be used any more.
        environment: variables of its container.
        container_image: URI of its image, or what to build it of.
        cpu_request, cpu_limit: processors, such as "2" or "500m".
        memory_request, memory_limit: memory, such as "4Gi".
        gpu_request, gpu_limit: number of graphics processors.
        storage_request, storage_limit: space on the local disk, such as "10Gi".

    Raises:
        InvalidInput: when the function is none of class style.
    """
    requests = Resources(cpu=cpu_request, mem=memory_request, gpu=gpu_request, ephemeral_storage=storage_request)
    limits = Resources(cpu=cpu_limit, mem=memory_limit, gpu=gpu_limit, ephemeral_storage=storage_limit)

    def task_of(decorated: Any) -> Any:
        return made(decorated, "@python_task", Maker(make))

    def make(typed: Callable[..., Any]) -> Any:
        return flytekit.task(
            typed,
            cache=cache,
            cache_version=cache_version if cache else "",
            retries=retries,
            timeout=timeout,
            interruptible=interruptible,
            deprecated=deprecated,
            environment=dict(environment or {}),
            container_image=container_image,
            requests=requests,
            limits=limits,
        )

    return task_of if function is None else task_of(function)
