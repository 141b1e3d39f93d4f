"""``file://`` URIs and the paths of this machine that they name, percent-encoding included."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

SCHEME = "file://"


def file_uri(path: str | os.PathLike[str]) -> str:
    """The ``file://`` URI of a local path, made absolute."""
    return Path(path).absolute().as_uri()


def local_path(uri: str) -> Path | None:
    """The local path that a ``file://`` URI names; None for a URI of another scheme."""
    return Path(unquote(urlsplit(uri).path)) if uri.startswith(SCHEME) else None
