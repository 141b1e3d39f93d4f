"""The object store behind Flyte, by the URLs that Flyte signs."""

from __future__ import annotations

from typing import Any

import requests

from flytekit_sagemaker.errors import TransientError


def send(method: str, url: str, **options: Any) -> requests.Response:
    """Send one request to the store and return its answer, whatever that is.

    Raises:
        TransientError: when there is none.
    """
    try:
        return requests.request(method, url, **options)
    except requests.RequestException as error:
        raise TransientError(f"The store of Flyte at {url.partition('?')[0]} does not answer: {error}") from None
