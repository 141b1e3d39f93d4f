"""Where everything is under the root of a sandbox, and the ``file://`` URIs by which Flyte's clients know it.

URIs are the scheme and the bare path: flytekit takes no percent-encoding out of them. So no path may have a character
that a URI would have to encode to stay one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from flytekit_sagemaker.uris import SCHEME

NOT_IN_URIS = re.compile(r"[%#?\x00-\x1f\x7f]")


def uri_of(path: Path) -> str:
    """The URI of a path."""
    return f"{SCHEME}{path}"


@dataclass(frozen=True)
class Places:
    """The folders and files of one sandbox."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "flyte.db"

    @property
    def sagemaker(self) -> Path:
        return self.root / "sagemaker"

    @property
    def connector_log(self) -> Path:
        return self.root / "connector.log"

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def uploads(self) -> Path:
        return self.root / "data" / "uploads"

    @property
    def executions(self) -> Path:
        return self.root / "data" / "executions"

    def execution(self, project: str, domain: str, name: str) -> Path:
        """Folder of an execution."""
        return self.executions / project / domain / name

    def path(self, uri: str) -> Path | None:
        """The path of a URI of this sandbox; None for whatever is not under its data."""
        if not uri.startswith(SCHEME):
            return None
        path = Path(uri.removeprefix(SCHEME)).resolve()
        return path if path.is_relative_to((self.root / "data").resolve()) else None
