"""The files in which Kubeflow looks for outputs."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from flytekit_sagemaker.errors import Problem, UserError


class OutputFiles:
    """Writes outputs, each completely or not at all.

    Args:
        paths: the file of each output by its name; an output without one is not written.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths

    def problems(self) -> Iterator[Problem]:
        """What keeps outputs from being written, seen by making their folders."""
        for name, path in self._paths.items():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                yield Problem(f"{name}_output_path", str(path), f"cannot be written: {error.strerror}")
            else:
                if path.is_dir() or not os.access(path if _is_special(path) else path.resolve().parent, os.W_OK):
                    yield Problem(f"{name}_output_path", str(path), "must be a file that can be written")

    def write(self, outputs: Mapping[str, str]) -> None:
        """Write these outputs in the files that there are for them.

        Raises:
            UserError: when a file cannot be written.
        """
        for name, text in outputs.items():
            if path := self._paths.get(name):
                try:
                    _write(path.resolve(), text)
                except (OSError, RuntimeError) as error:
                    why = getattr(error, "strerror", None) or error
                    raise UserError(f"the output {name} cannot be written to {path}: {why}") from error


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if _is_special(path):
        path.write_text(text, encoding="utf-8")
        return
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _is_special(path: Path) -> bool:
    """Whether there is a device or a pipe, which is written to and stays what it is."""
    return path.exists() and not path.is_file()
