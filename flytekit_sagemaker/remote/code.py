"""The code of a task's function on its way to a job: as modules, or pickled where it was typed into a notebook."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytekit.configuration import FastSerializationSettings
from flytekit.core.python_auto_container import PICKLE_FILE_PATH
from flytekit.core.tracker import extract_task_module

from flytekit_sagemaker.errors import UserError
from flytekit_sagemaker.remote.modules import modules_beside
from flytekit_sagemaker.remote.pickles import digest_of_pickle
from flytekit_sagemaker.tasks import interactive
from flytekit_sagemaker.tasks.rendering import folder_of_module

_ARCHIVE = "code.tar.gz"


@dataclass(frozen=True)
class Code:
    """Code that a job needs beside its image.

    Attributes:
        content: the file as it is uploaded.
        file_name: its name, which tells flytekit how to read it.
        digest: changes when the code does.
    """

    content: bytes
    file_name: str
    digest: str

    @classmethod
    def of(cls, task: Any) -> Code | None:
        """The code of a task's function; None where the task has none, or its image has it installed."""
        function_task = getattr(task, "function_task", None)
        if function_task is None:
            return None
        if interactive.is_interactive(function_task):
            pickled = interactive.pickled(function_task)
            return cls(pickled, PICKLE_FILE_PATH, digest_of_pickle(pickled))
        root = folder_of_module(function_task)
        if not root:
            raise UserError(f"the code of {function_task.name} is in no file, so no job can import it")
        if Path(root).name in ("site-packages", "dist-packages"):
            return None
        archive = _archive(modules_beside(Path(root), extract_task_module(function_task)[1]))
        return cls(archive, _ARCHIVE, hashlib.sha256(archive).hexdigest())

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """The code as a file, for as long as this is open."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / self.file_name
            path.write_bytes(self.content)
            yield path

    def found_at(self, uri: str) -> FastSerializationSettings:
        """flytekit's settings by which a job fetches the code."""
        return FastSerializationSettings(enabled=True, destination_dir=".", distribution_location=uri)


def _archive(files: dict[str, Path]) -> bytes:
    """A tar.gz of files that depends on nothing but their names and contents."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, path in files.items():
            member = tarfile.TarInfo(name)
            content = path.read_bytes()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), mtime=0)
