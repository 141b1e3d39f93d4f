"""Which files of a channel are training data: no hidden ones, no markers, and none that lie too deep.

Source: https://github.com/aws/sagemaker-xgboost-container (what the container of XGBoost reads, and what it refuses)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MAX_FOLDER_DEPTH = 3
"""The XGBoost container looks for data this many folders down and leaves out what lies deeper."""


def data_files(root: Path) -> list[Path]:
    """The data files at a path, sorted: itself, or those in it, three levels down, but no hidden and no ``_`` files."""
    if root.is_file():
        return [root]
    return sorted(path for path in _files(root) if not _is_hidden(path, root) and not path.name.startswith("_"))


def hidden_files(root: Path) -> list[Path]:
    """Files at a path whose name, or whose folder's name, begins with a dot; the XGBoost container refuses them."""
    return sorted(path for path in _files(root) if _is_hidden(path, root))


def _files(root: Path) -> Iterator[Path]:
    """The regular files in a folder: neither pipes, which would be waited for, nor links that lead nowhere."""
    for folder, folders, names in os.walk(root, followlinks=True):
        if len(Path(folder).relative_to(root).parts) >= MAX_FOLDER_DEPTH:
            folders.clear()
        yield from (path for name in names if os.path.isfile(path := Path(folder, name)))


def _is_hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)
