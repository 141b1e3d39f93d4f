"""``file://`` URIs and the paths of this machine that they name, percent-encoding included."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

SCHEME = "file://"


def file_uri(path: str | os.PathLike[str]) -> str:
    """The ``file://`` URI of a local path, made absolute."""
    return Path(path).absolute().as_uri()


def local_path(uri: str) -> Path | None:
    """The local path that a ``file://`` URI names; None for a URI of another scheme."""
    return Path(unquote(urlsplit(uri).path)) if uri.startswith(SCHEME) else None


def at_paths(literal: Any) -> Any:
    """A literal with paths in place of ``file://`` URIs of files and directories, which flytekit does not take.

    Args:
        literal: a protobuf ``Literal``; it is changed in place, and returned.
    """
    kind = literal.WhichOneof("value")
    if kind in ("collection", "map"):
        literals = getattr(literal, kind).literals
        for each in literals.values() if kind == "map" else literals:
            at_paths(each)
    elif kind == "scalar" and literal.scalar.HasField("union"):
        at_paths(literal.scalar.union.value)
    elif kind == "scalar" and literal.scalar.HasField("blob"):
        blob = literal.scalar.blob
        path = local_path(blob.uri)
        if path is not None:
            # Of a directory with one file in it, flytekit's uploads give the URI of the file.
            one_file = blob.metadata.type.dimensionality and path.is_file()
            blob.uri = str(path.parent if one_file else path)
    return literal
