"""What the connector keeps of a job between two calls: small, plain JSON, nothing secret."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Hashable
from dataclasses import asdict, dataclass, fields
from functools import cached_property, lru_cache

from flytekit.extend.backend.base_connector import ResourceMeta

from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.errors import UserError

FORMAT = 1
MAX_BYTES = 64 * 1024
_USUAL_BYTES = 2048
_SHARED = ("region", "endpoint_url", "assume_role_arn", "external_id", "task")
_MAX_FAILURE_CHARACTERS = 16 * 1024
_PATTERNS = {
    "name": r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
    "output_prefix": r"[^\0]*",
    "region": r"[a-z0-9-]*",
    "endpoint_url": r"(https?://[^/\s]+.*)?",
    "assume_role_arn": r"(arn:aws[a-z-]*:iam::\d{12}:role/\S+)?",
    "external_id": r"[\w+=,.@:/-]*",
    "failure": r".*",
    "execution": r".*",
    "task": r".*",
    "waiting": r"([0-9a-f]{64})?",
}


@dataclass
class JobMetadata(ResourceMeta):  # type: ignore[misc]
    """One job of one task attempt.

    Attributes:
        name: name of the SageMaker job.
        output_prefix: where the execution expects outputs and deck.
        region, endpoint_url, assume_role_arn, external_id: the SageMaker that runs the job, and how its account is
            reached (:class:`flytekit_sagemaker.aws.Endpoint`).
        failure: why there is no job; the first look at it reports this.
        execution: the attempt as ``project/domain/execution/node/attempt``; empty outside a Flyte cluster.
        task: full name of the task.
        created: when the job was asked for, in whole seconds since the epoch.
        waiting: digest of the request, where SageMaker had no room for the job yet; the request lies under the output
            prefix, and polls try it again.
        format: version of this format.
    """

    name: str
    output_prefix: str = ""
    region: str = ""
    endpoint_url: str = ""
    assume_role_arn: str = ""
    external_id: str = ""
    failure: str = ""
    execution: str = ""
    task: str = ""
    created: int = 0
    waiting: str = ""
    format: int = FORMAT

    @cached_property
    def endpoint(self) -> Endpoint:
        """The SageMaker that runs the job."""
        return _endpoint(self.region, self.endpoint_url, self.assume_role_arn, self.external_id)

    @property
    def level_of_failures(self) -> int:
        """How a failure of the job is logged: outside a cluster, whoever runs the task is told as it is."""
        return logging.WARNING if self.execution else logging.INFO

    @cached_property
    def key(self) -> Hashable:
        """What tells this job from every other."""
        return (self.name, self.output_prefix)

    @property
    def session_name(self) -> str:
        """Under which name the job's creation and end are found in CloudTrail."""
        return self.execution.replace("/", "-")

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
        return _decoded(data) if len(data) <= _USUAL_BYTES else _decoded.__wrapped__(data)


# Thousands of jobs are at few endpoints.
_endpoint = lru_cache(maxsize=256)(Endpoint)


# Flyte sends the same bytes with every poll.
@lru_cache(maxsize=8192)
def _decoded(data: bytes) -> JobMetadata:
    try:
        values = json.loads(data) if len(data) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not _is_ours(values):
        raise UserError("the resource metadata is not of this connector")
    if values.get("format") != FORMAT:
        given = values.get("format")
        raise UserError(f"the resource metadata has format {given!r}; this connector reads {FORMAT}: upgrade it")
    known = {field.name: values[field.name] for field in fields(JobMetadata) if field.name in values}
    for name in _SHARED:  # thousands of jobs have these in common
        known[name] = sys.intern(known.get(name, ""))
    return JobMetadata(**known)


_MATCHES = {name: re.compile(pattern, re.DOTALL).fullmatch for name, pattern in _PATTERNS.items()}


def _is_ours(values: dict[str, object]) -> bool:
    for name, matches in _MATCHES.items():
        value = values.get(name, "")
        if not isinstance(value, str) or (value or name == "name") and not matches(value):
            return False
    return type(values.get("created", 0)) is int
