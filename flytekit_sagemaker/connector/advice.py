"""What the connector warned of when it made a request, kept for the job's report beside the outputs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress

from flytekit_sagemaker.connector import outputs

_FILE = "sagemaker-warnings.json"


def keep(prefix: str, warnings: Sequence[str]) -> None:
    """Keep the sentences, if there are any and something can be written there: the job does not wait for them."""
    if warnings:
        with suppress(Exception):  # whatever the store raises
            outputs.write(prefix, _FILE, json.dumps(list(warnings)).encode())


def kept(prefix: str) -> tuple[str, ...]:
    """The sentences that were kept under a prefix, as far as they can be read."""
    with suppress(Exception):
        return tuple(map(str, json.loads(outputs.read(prefix, _FILE) or b"[]")))
    return ()
