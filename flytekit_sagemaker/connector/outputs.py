"""Writes what a finished job leaves for Flyte under the execution's output prefix.

Files, since outputs that a connector returns in its answer hide the deck from Flyte's console.
"""

from __future__ import annotations

import contextvars
import io
import os
import queue
import tarfile
import threading
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flyteidl.core import literals_pb2
from flytekit.core.context_manager import FlyteContextManager

from flytekit_sagemaker.connector.literals import output_map
from flytekit_sagemaker.uris import local_path

OUTPUTS = "outputs.pb"
DECK = "deck.html"
MODEL = "model.tar.gz"

# A store that takes a connection and says nothing keeps its caller for minutes.
_SECONDS_TO_LOOK = 5


def write_outputs(prefix: str, outputs: Mapping[str, literals_pb2.Literal]) -> None:
    """Write the outputs of the task where Flyte reads them."""
    write(prefix, OUTPUTS, output_map(outputs))


def write_deck(prefix: str, page: str) -> None:
    """Write the report of the job where Flyte shows it."""
    write(prefix, DECK, page.encode())


def write_table(prefix: str, name: str, csv: str) -> str:
    """Write a table as flytekit reads CSV, in a file named ``.csv`` in a folder of its own; return the folder."""
    write(prefix, f"{name}/.csv", csv.encode())
    return f"{prefix.rstrip('/')}/{name}"


def exists(uri: str) -> bool:
    """Whether there is something at a URI."""
    path = str(local_path(uri) or uri)
    file_system = _file_system(path)
    file_system.invalidate_cache()  # a job may have written it since somebody looked
    return bool(file_system.exists(path))


def may_exist(uri: str) -> bool:
    """Whether there is something at a URI; True where that cannot be told.

    That is where the store does not answer this process, or not in time, and where it has no such bucket: what Flyte's
    storage is need not be where SageMaker writes.
    """
    bucket = "/".join(uri.split("/", 3)[:3])
    answer: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def look() -> None:
        try:
            answer.put(exists(uri) or not exists(f"{bucket}/"))
        except Exception:  # whatever the store raises
            answer.put(True)

    threading.Thread(target=contextvars.copy_context().run, args=(look,), name="look", daemon=True).start()
    try:
        return answer.get(timeout=_SECONDS_TO_LOOK)
    except queue.Empty:
        return True


def model_left(prefix: str, uri: str, job: str) -> tuple[str, str]:
    """The URI of the model that a job left; where it left none, of an empty archive, and a sentence that says so.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-output.html

    Args:
        prefix: where the outputs of the task are.
        uri: where the service says that the model is.
        job: the job, in words.

    Raises:
        OSError, or what else the store raises: the archive cannot be written.
    """
    if may_exist(uri):
        return uri, ""
    archive = io.BytesIO()
    tarfile.open(fileobj=archive, mode="w:gz").close()
    write(prefix, MODEL, archive.getvalue())
    how = "its model is what the program saves in SM_MODEL_DIR (/opt/ml/model on AWS)"
    return f"{prefix.rstrip('/')}/{MODEL}", f"{job} saved no model, so the output model is an empty archive: {how}."


def write(prefix: str, name: str, content: bytes) -> None:
    """Write a file under a prefix: who reads it meanwhile gets the old content or the new, never a part."""
    path = f"{prefix.rstrip('/')}/{name}"
    file_system = _file_system(path)
    file_system.makedirs(path.rpartition("/")[0], exist_ok=True)
    if "file" in file_system.protocol:  # an object store shows no part of a file; a disk does
        part = f"{path}.{uuid.uuid4().hex}"
        file_system.pipe_file(part, content)
        os.replace(file_system._strip_protocol(part), file_system._strip_protocol(path))
    else:
        file_system.pipe_file(path, content)


def read(prefix: str, name: str) -> bytes | None:
    """The content of a file under a prefix, None when there is no such file."""
    path = f"{prefix.rstrip('/')}/{name}"
    file_system = _file_system(path)
    file_system.invalidate_cache()  # somebody else may have written or removed it
    try:
        return bytes(file_system.cat_file(path))
    except FileNotFoundError:
        return None


def remove(prefix: str, name: str) -> None:
    """Remove a file under a prefix, if it is there."""
    path = f"{prefix.rstrip('/')}/{name}"
    with suppress(FileNotFoundError):
        _file_system(path).rm_file(path)


def _file_system(path: str) -> Any:
    """flytekit's own file system for a path, with its credentials."""
    return FlyteContextManager.current_context().file_access.get_filesystem_for_path(path)
