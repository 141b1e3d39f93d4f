"""The code of a task's function on its way to a job: its modules, and a pickle where it was typed into a notebook."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytekit.configuration import FastSerializationSettings
from flytekit.core.python_auto_container import PICKLE_FILE_PATH
from flytekit.core.tracker import extract_task_module

from flytekit_sagemaker.errors import UserError
from flytekit_sagemaker.remote.modules import own_modules
from flytekit_sagemaker.remote.pickles import digest_of_pickle, names_in
from flytekit_sagemaker.tasks import interactive
from flytekit_sagemaker.tasks.rendering import folder_of_module, own_folders


@dataclass(frozen=True)
class Code:
    """Code that a job needs beside its image.

    Attributes:
        archive: a tar.gz, as it is uploaded.
        digest: changes when the code does.
    """

    archive: bytes
    digest: str

    @classmethod
    def of(cls, task: Any) -> Code | None:
        """The code of a task's function; None where the task has none, or its image has it installed."""
        function_task = getattr(task, "function_task", None)
        if function_task is None:
            return None
        folders = [Path(folder) for folder in own_folders(function_task)]
        if interactive.is_interactive(function_task):
            pickled = interactive.pickled(function_task)
            modules = _contents(own_modules(folders, names_in(pickled)))
            changes = digest_of_pickle(pickled).encode() + _archive(modules)
            return cls(_archive({PICKLE_FILE_PATH: pickled, **modules}), hashlib.sha256(changes).hexdigest())
        root = folder_of_module(function_task)
        if not root:
            raise UserError(f"the code of {function_task.name} is in no file, so no job can import it")
        if Path(root).name in ("site-packages", "dist-packages"):
            return None
        archive = _archive(_contents(own_modules(folders, [extract_task_module(function_task)[1]])))
        return cls(archive, hashlib.sha256(archive).hexdigest())

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """The code as a file, for as long as this is open."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "code.tar.gz"
            path.write_bytes(self.archive)
            yield path

    def found_at(self, uri: str) -> FastSerializationSettings:
        """flytekit's settings by which a job fetches the code."""
        return FastSerializationSettings(enabled=True, destination_dir=".", distribution_location=uri)


def _contents(files: Mapping[str, Path]) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files.items()}


def _archive(files: Mapping[str, bytes]) -> bytes:
    """A tar.gz of files that depends on nothing but their names and contents."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), mtime=0)
