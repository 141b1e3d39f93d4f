"""What the connector keeps of a job between two calls: small, plain JSON, nothing secret."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from flytekit.extend.backend.base_connector import ResourceMeta

from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.errors import UserError

FORMAT = 1
MAX_BYTES = 64 * 1024
_MAX_FAILURE_CHARACTERS = 16 * 1024
_PATTERNS = {
    "name": r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
    "output_prefix": r".*",
    "region": r"[a-z0-9-]*",
    "endpoint_url": r"(https?://[^/\s]+.*)?",
    "failure": r".*",
}


@dataclass
class JobMetadata(ResourceMeta):  # type: ignore[misc]
    """One job of one task attempt.

    Attributes:
        name: name of the SageMaker job.
        output_prefix: where the execution expects outputs and deck.
        region, endpoint_url: the SageMaker that runs the job (:class:`flytekit_sagemaker.aws.Endpoint`).
        failure: why there is no job; the first look at it reports this.
        format: version of this format.
    """

    name: str
    output_prefix: str = ""
    region: str = ""
    endpoint_url: str = ""
    failure: str = ""
    format: int = FORMAT

    @property
    def endpoint(self) -> Endpoint:
        """The SageMaker that runs the job."""
        return Endpoint(self.region, self.endpoint_url)

    def encode(self) -> bytes:
        """The metadata as bounded JSON."""
        values = asdict(self)
        values["failure"] = self.failure[:_MAX_FAILURE_CHARACTERS]
        return json.dumps(values).encode()

    @classmethod
    def decode(cls, data: bytes) -> JobMetadata:
        """The metadata of bytes that came over a socket.

        Raises:
            UserError: for bytes that this connector did not write.
        """
        try:
            values = json.loads(data) if len(data) <= MAX_BYTES else None
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict) or not all(
            isinstance(values.get(name, ""), str) and re.fullmatch(pattern, values.get(name, ""), re.DOTALL)
            for name, pattern in _PATTERNS.items()
        ):
            raise UserError("the resource metadata is not of this connector")
        if values.get("format") != FORMAT:
            raise UserError(f"the resource metadata has format {values.get('format')!r}; this connector reads {FORMAT}")
        return cls(**{name: values.get(name, "") for name in _PATTERNS})
