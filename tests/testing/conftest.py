"""A simulated account behind a real HTTP server, and real boto3 clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest
from botocore.config import Config

from flytekit_sagemaker.testing.clock import MovableClock
from flytekit_sagemaker.testing.quotas import Quotas
from flytekit_sagemaker.testing.simulated_server import SimulatedServer
from flytekit_sagemaker.testing.simulation import SimulatedSageMaker


def new_account(clock: Any = None, **options: Any) -> SimulatedSageMaker:
    """An account without request quotas, unless the options say otherwise."""
    return SimulatedSageMaker(clock or MovableClock(), **{"quotas": Quotas.unlimited(), **options})


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    """Serves an account and makes a boto3 client that calls it once, without retries."""
    with ExitStack() as servers:

        def client(account: SimulatedSageMaker, service: str = "sagemaker", **credentials: str) -> Any:
            url = servers.enter_context(SimulatedServer(account)).url
            keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret", **credentials}
            config = Config(retries={"total_max_attempts": 1}, read_timeout=0.5)
            return boto3.client(service, "us-east-1", endpoint_url=url, config=config, **keys)

        yield client
