"""The URL of the endpoint, as people write it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flytekit_sagemaker.aws import Endpoint

_HOST_ALONE = re.compile(r"(localhost|[\w-]+(\.[\w-]+)*:\d+|[\w-]+(\.[\w-]+)+)(/.*)?")


def is_url(text: str) -> bool:
    """Whether a text is a URL that can be called."""
    try:
        return bool(urlsplit(text).hostname) and urlsplit(text).port != 0
    except ValueError:
        return False


def with_scheme(text: str) -> str:
    """The URL that somebody means who leaves the scheme out, or an empty text."""
    if not _HOST_ALONE.fullmatch(text):
        return ""
    here = Endpoint("", f"http://{text}").is_on_this_machine
    return f"{'http' if here else 'https'}://{text}"
