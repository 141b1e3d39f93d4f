"""The same function as an ordinary task of Flyte."""

from __future__ import annotations

import time

from flytekit import task


@task
def began() -> float:
    return time.time()
