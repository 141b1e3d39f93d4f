"""What to do about a text that is something else than its field takes."""

from __future__ import annotations

from pathlib import PurePosixPath

SECURITY_GROUP, SUBNET = "sg-", "subnet-"
_PARTS_OF_A_VPC = {SECURITY_GROUP: "a security group", SUBNET: "a subnet"}


def swapped_ids(given: str) -> str:
    """For what should be the id of a part of a VPC, and is that of another part."""
    kind = next((kind for begin, kind in _PARTS_OF_A_VPC.items() if given.startswith(begin)), "")
    return f"It is the id of {kind}: did you swap them?" if kind else ""


def path_as_uri(given: str) -> str:
    """For what should be a URI, and is a path; a folder can be named in the local SageMaker only."""
    if "://" in given:
        return ""
    path = PurePosixPath(given)
    written = f"Write {path.as_uri()!r}" if path.is_absolute() else "Write file:// and its whole path"
    return f"{written} for a folder of this machine, which the local SageMaker reads."
