"""Where SageMaker keeps the images of its built-in algorithms: an account per region, a repository and a tag.

The table is ``images.json``. Its ``accounts`` map a registry's name to the account that holds it in every region; its
``algorithms`` map each version, oldest first, to ``[registry, repository, tag, other tags of the same image ...]``.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/sagemaker-algo-docker-registry-paths.html
"""

from __future__ import annotations

import functools
import json
import re
from importlib import resources
from typing import NamedTuple

from flytekit_sagemaker.algorithms.rules import in_words
from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean
from flytekit_sagemaker.types import AlgorithmName


class _Image(NamedTuple):
    registry: str
    repository: str
    tags: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.repository}:{self.tags[0]}"


class _Table(NamedTuple):
    dns_suffixes: dict[str, str]
    accounts: dict[str, dict[str, str]]
    images: dict[AlgorithmName, dict[str, _Image]]


@functools.cache
def _table() -> _Table:
    document = json.loads(resources.files(__package__).joinpath("images.json").read_text(encoding="utf-8"))
    return _Table(
        document["dns_suffixes"],
        document["accounts"],
        {
            AlgorithmName[name]: {
                version: _Image(registry, repository, tuple(tags))
                for version, (registry, repository, *tags) in versions.items()
            }
            for name, versions in document["algorithms"].items()
        },
    )


_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.]+/(?P<repository>[^:@]+)"
    r"(?::(?P<tag>[^:@]+))?(?:@sha256:[0-9a-f]+)?"
)


@functools.cache
def versions(name: AlgorithmName) -> tuple[str, ...]:
    """The versions of a built-in algorithm, oldest first."""
    return tuple(_table().images[name])


@functools.lru_cache(maxsize=256)
def resolve_version(name: AlgorithmName, version: str) -> str:
    """The version that ``version`` stands for.

    Empty is the newest. A version without its build ("1.7") is the newest build of it ("1.7-1"), an image tag
    ("0.90-2-cpu-py3") the version that it was built from. XGBoost 0.72 is also known by its image tags "1" and
    "latest", which is *not* the newest one.

    Raises:
        InvalidInput: there is no such version (field ``algorithm_version``).
    """
    images = _table().images[name]
    if not version:
        return next(reversed(images))
    for known, image in images.items():
        if version == known or version in image.tags:
            return known
    builds = [known for known in images if known.startswith(f"{version}-")]
    if builds:
        return builds[-1]
    raise InvalidInput(
        f"{name.name} image",
        [
            Problem(
                "algorithm_version",
                version,
                f"must be one of {', '.join(images)}, or empty for the newest",
                did_you_mean(version, images),
            )
        ],
    )


def image_uri(name: AlgorithmName, version: str, region: str) -> str:
    """The URI of a built-in algorithm's training image in the registry of ``region``.

    Args:
        name: the algorithm; not ``CUSTOM``, whose image the user brings.
        version: as ``resolve_version`` takes it; empty is the newest.
        region: the region of the training job, such as ``us-east-1``.

    Raises:
        InvalidInput: unknown version (field ``algorithm_version``), or a region that has no such image (``region``).
    """
    table = _table()
    image = table.images[name][resolve_version(name, version)]
    accounts = table.accounts[image.registry]
    if region not in accounts:
        raise InvalidInput(
            f"{name.name} image",
            [
                Problem(
                    "region",
                    region,
                    f"must be a region that offers {image}: {in_words(sorted(accounts), region)}",
                    did_you_mean(region, accounts),
                )
            ],
        )
    suffix = next(suffix for prefix, suffix in table.dns_suffixes.items() if region.startswith(prefix))
    return f"{accounts[region]}.dkr.ecr.{region}.{suffix}/{image}"


@functools.cache
def _identities() -> dict[tuple[str, str, str, str], tuple[AlgorithmName, str]]:
    table = _table()
    return {
        (account, region, image.repository, tag): (name, version)
        for name, images in table.images.items()
        for version, image in images.items()
        for tag in image.tags
        for region, account in table.accounts[image.registry].items()
    }


@functools.cache
def _repositories() -> dict[tuple[str, str, str], AlgorithmName]:
    return {
        (account, region, repository): name for (account, region, repository, _), (name, _) in _identities().items()
    }


def algorithm_of_image(uri: str) -> AlgorithmName | None:
    """The algorithm whose repository an image URI names, be the image a version of the table, one that only a digest
    tells or one that is newer."""
    match = _URI.fullmatch(uri)
    return _repositories().get((match["account"], match["region"], match["repository"])) if match else None


def identify_image(uri: str) -> tuple[AlgorithmName, str] | None:
    """The algorithm and version behind an image URI, or None when no tag of the table tells it."""
    match = _URI.fullmatch(uri)
    if match is None:
        return None
    account, region, repository, tag = match.groups()
    return _identities().get((account, region, repository, tag))
