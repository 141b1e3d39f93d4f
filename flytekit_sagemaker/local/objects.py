"""What a URI names: the objects under ``s3://`` and ``file://`` prefixes, and where artifacts are put.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit

from flytekit_sagemaker import uris
from flytekit_sagemaker.errors import UserError

_WAY_OUT = (
    "The local SageMaker uses {} with the credentials and the network of its own process (AWS_PROFILE, "
    "AWS_ACCESS_KEY_ID): give it some that may, or give a folder of this machine, file:///FOLDER."
)
_REACHED = (FileNotFoundError, ValueError, LookupError)
"""What is raised where a store did answer: nobody is kept from anything by credentials."""


class TransferFailed(UserError):
    """Something was not brought from a URI, or to it; the message says what, which URI, why, and the way out."""

    def __init__(self, what: str, uri: str, fault: Exception) -> None:
        reason = str(fault) or type(fault).__name__
        remote = "://" in uri and not uri.startswith(uris.SCHEME)
        if remote and not isinstance(fault, _REACHED):
            reason = f"{reason.rstrip('.')}. {_WAY_OUT.format(uri.partition('://')[0].upper())}"
        super().__init__(f"{what}, {uri}: {reason}")


def download_of(channel: str) -> str:
    """What has failed when the data of a channel cannot be had."""
    return f"Data download failed: channel {channel}"


@contextlib.contextmanager
def transfer(what: str, uri: str) -> Iterator[None]:
    """Within this context something is brought from a URI, or to it.

    Args:
        what: the failure that it would be, such as ``Artifact upload failed: model``.

    Raises:
        TransferFailed: whatever is raised inside.
    """
    try:
        yield
    except Exception as fault:
        forget_connections()
        raise TransferFailed(what, uri, fault) from fault


@dataclass(frozen=True)
class DataObject:
    """One object of a channel: its path inside the channel and where it comes from (a path or a URI)."""

    path: str
    source: str

    def place(self, folder: Path) -> None:
        """Make the object a file under ``folder``: a link to a local one, a copy of a remote one."""
        target = folder / self.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if "://" not in self.source:
            target.symlink_to(self.source)
            return
        filesystem, path = _remote(self.source)
        filesystem.get_file(path, str(target))


NOTHING_FOUND = "no objects found under this prefix"


def local_path(uri: str) -> Path | None:
    """The path that a ``file://`` URI names, None for a URI of another scheme.

    Raises:
        ValueError: the URI names another machine, as one with too few slashes does.
    """
    if uri.startswith(uris.SCHEME) and (host := urlsplit(uri).netloc) not in ("", "localhost"):
        raise ValueError(f"{uri} names a file of the machine {host!r}: a path here begins with file:///")
    return uris.local_path(uri)


def channel_objects(source: Mapping[str, Any]) -> list[DataObject]:
    """The objects of a channel's ``S3DataSource``, ordered by path: those under its prefix or in its manifest.

    A prefix that is a folder names what is below it, as if it ended in a slash; one that is a file names that file;
    another one names the files beside it whose names begin so.
    """
    uri = str(source["S3Uri"])
    if source["S3DataType"] == "ManifestFile":
        found = _manifest_objects(uri)
    elif (path := local_path(uri)) is not None:
        found = _local_objects(path)
    else:
        found = _remote_objects(uri)
    items = sorted(found, key=lambda item: item.path)
    for item in items:
        if ".." in Path(item.path).parts:
            raise ValueError(f"{uri} names an object outside its channel: {item.path}")
    return items


def channel_entries(source: Mapping[str, Any]) -> list[list[dict[str, str]]]:
    """What a channel's ``S3DataSource`` streams in Pipe mode: entries, each of them a list of parts.

    A part is a ``source`` (a path or a URI) or a ``text``. An object is an entry with one part, a line of an augmented
    manifest one with a part for each attribute that the channel names: what is stored where its value says when the
    attribute's name ends in ``-ref``, else the value itself.

    Raises:
        OSError, ValueError: the data cannot be found, or the manifest is none.
    """
    if source["S3DataType"] != "AugmentedManifestFile":
        entries = [[{"source": item.source}] for item in channel_objects(source)]
    else:
        lines = enumerate(read_text(source["S3Uri"]).splitlines(), start=1)
        entries = [list(_attributes(line, number, source)) for number, line in lines if line.strip()]
    if not entries:
        raise FileNotFoundError(NOTHING_FOUND)
    return entries


def _attributes(line: str, number: int, source: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    try:
        values = json.loads(line)
    except ValueError as fault:
        raise ValueError(f"line {number} is no JSON: {fault}") from None
    for name in source["AttributeNames"]:
        if not isinstance(values, dict) or name not in values:
            raise ValueError(f"line {number} has no attribute {name!r}")
        value = values[name]
        text = value if isinstance(value, str) else json.dumps(value)
        yield {"source": str(local_path(text) or text)} if name.endswith("-ref") else {"text": text}


def opened(source: str) -> IO[bytes]:
    """An object for reading; ``source`` is a path or a URI."""
    if "://" not in source:
        return open(source, "rb")
    filesystem, path = _remote(source)
    return cast(IO[bytes], filesystem.open(path, "rb"))


def _local_objects(prefix: Path) -> Iterator[DataObject]:
    if prefix.is_dir():
        for folder, _, names in os.walk(prefix, followlinks=True):
            for name in names:
                path = Path(folder, name)
                yield DataObject(str(path.relative_to(prefix)), str(path.resolve()))
    elif prefix.is_file():
        yield DataObject(prefix.name, str(prefix.resolve()))
    elif prefix.parent.is_dir():
        for path in prefix.parent.iterdir():
            if path.name.startswith(prefix.name):
                for item in _local_objects(path):
                    inner = f"{path.name}/{item.path}" if path.is_dir() else item.path
                    yield DataObject(inner, item.source)


def _remote_objects(uri: str) -> Iterator[DataObject]:
    filesystem, path = _remote(uri)
    scheme = uri.partition("://")[0]
    prefix = path.rstrip("/")
    for found in filesystem.find(prefix) or filesystem.glob(f"{prefix}*"):
        inner = found[len(prefix) + 1 :] if found.startswith(f"{prefix}/") else found.rpartition("/")[2]
        yield DataObject(inner, f"{scheme}://{found}")


def _manifest_objects(uri: str) -> Iterator[DataObject]:
    head, *suffixes = json.loads(read_text(uri))
    prefix = head["prefix"]
    for suffix in suffixes:
        path = local_path(prefix + suffix)
        yield DataObject(suffix.lstrip("/"), prefix + suffix if path is None else str(path))


def read_text(uri: str) -> str:
    """The text of one object."""
    path = local_path(uri)
    if path is not None:
        return path.read_text(encoding="utf-8")
    filesystem, remote = _remote(uri)
    return str(filesystem.cat_file(remote).decode())


def upload(file: Path, prefix: str, name: str) -> None:
    """Put a file, which is used up by that, under a prefix; nobody ever sees half of it.

    Args:
        file: what to put there.
        prefix: URI, without a slash in the end.
        name: path below the prefix; unlike a URI, it is taken as it is.
    """
    folder = local_path(prefix)
    if folder is None:
        filesystem, path = _remote(f"{prefix}/{name}")
        filesystem.put_file(str(file), path)
        file.unlink()
        return
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.move(file, unfinished)
    unfinished.replace(target)


def forget_connections() -> None:
    """Connect to stores anew from now on: credentials that were missing, or ran out, may have been put right."""
    for store in list(_stores):
        store.clear_instance_cache()


_stores: set[Any] = set()


def _remote(uri: str) -> tuple[Any, str]:
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(uri)
    _stores.add(type(filesystem))
    return filesystem, path
