"""The code of a task's function on its way to a job: as modules, or pickled where it was typed into a notebook."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytekit.configuration import FastSerializationSettings
from flytekit.constants import CopyFileDetection
from flytekit.core.python_auto_container import PICKLE_FILE_PATH
from flytekit.tools.fast_registration import FastPackageOptions, fast_package
from flytekit.tools.ignore import IgnoreGroup
from flytekit.tools.script_mode import ls_files

from flytekit_sagemaker.errors import UserError
from flytekit_sagemaker.tasks import interactive
from flytekit_sagemaker.tasks.rendering import folder_of_module

_LOADED = CopyFileDetection.LOADED_MODULES


@dataclass(frozen=True)
class Code:
    """Code that a job needs beside its image.

    Attributes:
        digest: changes when the code does.
        pickled: the function, pickled; None where it is in modules.
        root: folder of the modules; None where it is pickled.
    """

    digest: str
    pickled: bytes | None = None
    root: Path | None = None

    @classmethod
    def of(cls, task: Any) -> Code | None:
        """The code of a task's function; None where the task has no function, or the image has it installed.

        Modules are those that are loaded now and lie beside the function's own, installed packages left out.
        """
        function_task = getattr(task, "function_task", None)
        if function_task is None:
            return None
        if interactive.is_interactive(function_task):
            pickled = interactive.pickled(function_task)
            return cls(hashlib.sha256(pickled).hexdigest(), pickled=pickled)
        folder = folder_of_module(function_task)
        if not folder:
            raise UserError(f"the code of {function_task.name} is in no file, so no job can import it")
        files, digest = ls_files(folder, _LOADED, True, IgnoreGroup(folder, []))
        return cls(digest, root=Path(folder)) if files else None

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """The code as one file, for as long as this is open."""
        with tempfile.TemporaryDirectory() as folder:
            if self.pickled is not None:
                path = Path(folder) / PICKLE_FILE_PATH
                path.write_bytes(self.pickled)
            else:
                path = Path(fast_package(self.root, folder, True, FastPackageOptions([], copy_style=_LOADED)))
            yield path

    def found_at(self, uri: str) -> FastSerializationSettings:
        """flytekit's settings by which a job fetches the code."""
        return FastSerializationSettings(enabled=True, destination_dir=".", distribution_location=uri)
