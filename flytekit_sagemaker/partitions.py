"""The partitions of AWS as botocore knows them: which regions they have, and under which domains they answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any


def partition_of(region: str) -> str:
    """The partition that a region belongs to; ``aws`` for a region that is like none known."""
    found = (item["id"] for item in _partitions() if region in item["regions"])
    alike = (item["id"] for item in _partitions() if re.match(item["regionRegex"], region))
    return next(found, None) or next(alike, "aws")


def is_host_of_aws(host: str) -> bool:
    """Whether a host is one of AWS's: a public endpoint, one for FIPS, or one inside a VPC."""
    return f".{host}".endswith(_domains())


@cache
def _domains() -> tuple[str, ...]:
    outputs = [item["outputs"] for item in _partitions()]
    return tuple({f".{output[member]}" for output in outputs for member in ("dnsSuffix", "dualStackDnsSuffix")})


@cache
def _partitions() -> list[Mapping[str, Any]]:
    from botocore.loaders import Loader

    return list(Loader().load_data("partitions")["partitions"])
