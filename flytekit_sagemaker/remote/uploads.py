"""Local data where Flyte's jobs find it: under names made of its content, so that the same data has the same URI."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flyteidl.service import dataproxy_pb2

from flytekit_sagemaker.errors import ServiceError
from flytekit_sagemaker.remote.admin import Admin
from flytekit_sagemaker.remote.store import send

_AT_A_TIME = 8
_BLOCK_BYTES = 1 << 20


def upload(admin: Admin, path: Path) -> str:
    """Upload a file, or a folder with all that is in it, and return its URI.

    Raises:
        ServiceError: when the store does not take it.
    """
    return _upload_folder(admin, path) if path.is_dir() else _put(admin, path, path.name, "")


def _upload_folder(admin: Admin, folder: Path) -> str:
    files = {path.relative_to(folder).as_posix(): path for path in sorted(_files_in(folder))}
    digest = hashlib.md5(usedforsecurity=False)
    for name, path in files.items():
        digest.update(name.encode() + b"\0" + _md5(path))
    root = base64.b32encode(digest.digest()).decode().rstrip("=")
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        uris = pool.map(lambda name: _put(admin, files[name], name, root), files)
        [name, uri] = list(zip(files, uris, strict=True))[0]
    return uri.removesuffix(f"/{name}")


def _files_in(folder: Path) -> Iterator[Path]:
    """The files of a folder and its folders, those behind links, too; a link that leads back is not followed."""
    for place, folders, names in os.walk(folder, followlinks=True):
        here = Path(place)
        around = {here.resolve(), *here.resolve().parents}
        folders[:] = [name for name in folders if (here / name).resolve() not in around]
        yield from (here / name for name in names if (here / name).is_file())


def _put(admin: Admin, path: Path, name: str, root: str) -> str:
    remote, platform = admin.remote, admin.remote.config.platform
    md5, length = _md5(path), path.stat().st_size
    request = dataproxy_pb2.CreateUploadLocationRequest(
        project=admin.project, domain=admin.domain, content_md5=md5, filename=name, filename_root=root
    )
    request.add_content_md5_metadata = True
    location = admin.call("create_upload_location", request)
    headers = {"Content-Length": str(length), "Content-MD5": base64.b64encode(md5).decode()}
    headers |= remote.get_extra_headers_for_protocol(location.native_url) | dict(location.headers)
    with path.open("rb") as file:
        answer = send(
            "PUT",
            location.signed_url,
            data=file if length else b"",
            headers=headers,
            verify=False if platform.insecure_skip_verify else platform.ca_cert_file_path or True,
            timeout=600,
        )
    if not answer.ok:
        raise ServiceError(f"{path} was not uploaded: {answer.status_code} {answer.reason} {answer.text[:200]}")
    return str(location.native_url)


def _md5(path: Path) -> bytes:
    """The MD5 of a file's content; flytekit's own function remembers it by the path, though the content may change."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.digest()
