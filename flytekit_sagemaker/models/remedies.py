"""What to do about a text that is something else than its field takes."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

SECURITY_GROUP, SUBNET = "sg-", "subnet-"
_PARTS_OF_A_VPC = {SECURITY_GROUP: "a security group", SUBNET: "a subnet"}
_ALMOST_S3 = re.compile(r"s3:/*(?P<rest>[^/].*)", re.IGNORECASE)


def swapped_ids(given: str) -> str:
    """For what should be the id of a part of a VPC, and is that of another part."""
    kind = next((kind for begin, kind in _PARTS_OF_A_VPC.items() if given.startswith(begin)), "")
    return f"It is the id of {kind}: did you swap them?" if kind else ""


def path_as_uri(given: str) -> str:
    """For what should be a URI, and is a path; a folder can be named in the local SageMaker only."""
    if almost := _ALMOST_S3.fullmatch(given):
        written = f"s3://{almost['rest']}"
        return f"Write {written!r}." if written != given else ""
    if "://" in given:
        return ""
    local = "for a folder of this machine, which the local SageMaker reads"
    path = PurePosixPath(given)
    if path.is_absolute():
        return f"Write {path.as_uri()!r} {local}."
    return f"Write {f's3://{given}'!r} for a place in a bucket, or file:// and the whole path {local}."
