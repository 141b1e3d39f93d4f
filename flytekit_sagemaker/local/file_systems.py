"""What a channel mounts of a file system: a directory of the folder that stands for it on this machine.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_FileSystemDataSource.html
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from flytekit_sagemaker.errors import InvalidInput, Problem

FolderOf = Mapping[str, str | os.PathLike[str]]
"""The folder that stands for a file system, by its id."""


def mounted(source: Mapping[str, Any], folder_of: FolderOf) -> Path:
    """The directory that a ``FileSystemDataSource`` names.

    A path of FSx for Lustre begins with the name under which the file system is mounted, and so the folder as a whole.

    Raises:
        InvalidInput: no folder stands for the file system, or it has no such directory.
    """
    file_system, path = source["FileSystemId"], PurePosixPath("/", source["DirectoryPath"])
    if file_system not in folder_of:
        raise _invalid(
            "FileSystemId",
            file_system,
            "must be a file system that a folder of this machine stands for",
            f"Name the folder: flytekit-sagemaker serve --file-system {file_system}=FOLDER, or {file_system}=FOLDER in "
            "the setting local_file_systems.",
        )
    folder = Path(folder_of[file_system])
    is_lustre = source["FileSystemType"] == "FSxLustre"
    try:
        directory = folder.joinpath(*path.parts[2 if is_lustre else 1 :]).resolve()
        exists = directory.is_dir()
    except (OSError, RuntimeError, ValueError) as fault:
        raise _invalid("DirectoryPath", path, f"cannot be read: {fault}") from None
    if not directory.is_relative_to(folder.resolve()):
        raise _invalid("DirectoryPath", path, f"must not lead out of {folder}, which stands for {file_system}")
    if not exists:
        rule = f"must be a directory of {file_system}, and there is no {directory}"
        remedy = f"Its first part is the mount name, which {folder} stands for." if is_lustre else ""
        raise _invalid("DirectoryPath", path, rule, remedy)
    return directory


def _invalid(member: str, value: object, rule: str, remedy: str = "") -> InvalidInput:
    field = f"DataSource.FileSystemDataSource.{member}"
    return InvalidInput("file system", [Problem(field, str(value), rule, remedy)])
