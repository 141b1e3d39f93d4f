"""Whether the files of a channel are compressed as the channel says: SageMaker decompresses what it streams, no more.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Channel.html (CompressionType)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flytekit_sagemaker.algorithms.files import data_files
from flytekit_sagemaker.errors import Problem

GZIP_START = b"\x1f\x8b"


def compression_problems(
    roots: Iterable[Path], channel: Mapping[str, Any], *, may_read_gzip: bool = True
) -> Iterator[Problem]:
    """The problem, at most one, that files of a channel are compressed and it does not say so, or the other way round.

    Args:
        roots: local files or directories, of whose files the data files are looked at.
        channel: an entry of ``InputDataConfig``; its name is the problem's field.
        may_read_gzip: whether what reads the channel may decompress files by itself.
    """
    declared = channel.get("CompressionType") == "Gzip"
    if may_read_gzip and not declared:
        return
    wrong = [file for root in roots for file in data_files(root) if _is_gzip(file) is (not declared)]
    if not wrong:
        return
    where = f"{wrong[0]}, and {len(wrong) - 1} more" if len(wrong) > 1 else f"{wrong[0]}"
    if declared:
        rule = f"must be a gzip file, as the channel's compression type says ({where})"
        remedy = "Compress it, or leave the compression type out."
    else:
        rule = f"must not be a gzip file: the channel has no compression type ({where})"
        remedy = "Decompress it, or set the compression type Gzip, with which SageMaker does so in Pipe mode."
    yield Problem(str(channel.get("ChannelName")), wrong[0].name, rule, remedy)


def _is_gzip(file: Path) -> bool | None:
    """None of an empty file, which is as good compressed as not, and of one that cannot be read."""
    try:
        with file.open("rb") as stream:
            start = stream.read(len(GZIP_START))
    except OSError:
        return None
    return start == GZIP_START if start else None
