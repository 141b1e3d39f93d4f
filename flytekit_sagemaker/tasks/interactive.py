"""Functions of a notebook, which no job could import: they travel pickled, in flytekit's own way."""

from __future__ import annotations

import gzip
import sys
import tempfile
from dataclasses import replace
from platform import python_version
from typing import Any

import cloudpickle
from flytekit.configuration import FastSerializationSettings, SerializationSettings
from flytekit.core.python_auto_container import (
    PICKLE_FILE_PATH,
    PickledEntity,
    PickledEntityMetadata,
    default_notebook_task_resolver,
)

from flytekit_sagemaker.errors import UserError


def is_interactive(task: Any) -> bool:
    """Whether a task's function was typed in, so that there is no module to import it from."""
    typed_in = task.task_function.__module__ == "__main__"
    return typed_in and getattr(sys.modules["__main__"], "__file__", None) is None


def pickled(task: Any) -> bytes:
    """A task whose function was typed in, as flytekit's notebook resolver reads it; that resolves it from now on.

    Raises:
        UserError: when it uses something that cannot be pickled.
    """
    task.set_resolver(default_notebook_task_resolver)
    entity = PickledEntity(PickledEntityMetadata(python_version()), {task.name: task})
    try:
        content = cloudpickle.dumps(entity)
    except Exception as error:  # whatever an object raises that cannot be pickled
        remedy = "Make what it uses in the function itself, or put it into a module."
        raise UserError(f"{task.name} cannot travel to a job: {error}. {remedy}") from None
    return gzip.compress(content, mtime=0)


def with_pickled_code(
    serialization: SerializationSettings, task: Any, context: Any, folder: str
) -> SerializationSettings:
    """Settings by which a job finds the function of a task in a pickle, which is written for it.

    Args:
        serialization: the settings otherwise.
        task: a task whose function was typed in.
        context: flytekit's context.
        folder: URI of the folder for the pickle.
    """
    uri = f"{folder}/{PICKLE_FILE_PATH}"
    with tempfile.NamedTemporaryFile() as file:
        file.write(pickled(task))
        file.flush()
        context.file_access.put_data(file.name, uri)
    return replace(
        serialization,
        fast_serialization_settings=FastSerializationSettings(
            enabled=True, destination_dir=".", distribution_location=uri
        ),
    )
