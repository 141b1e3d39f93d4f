"""Creating a job: never two for one attempt, never a lost one.

SageMaker has no request token; the name is what makes a create safe to repeat. So the name is a function of the
attempt, and a create that meets the name, or whose answer is lost, looks at the job of that name and takes it for its
own when its tags say so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flytekit_sagemaker import aws
from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.connector.kinds import JobKind
from flytekit_sagemaker.errors import TransientError, UserError
from flytekit_sagemaker.requests.names import is_identity_tag

CREATED = "created"
ADOPTED = "adopted"

# "The account-level service limit 'ml.p3.2xlarge for training job usage' is 0 Instances, with current utilization of 0
# Instances and a request delta of 1 Instances." A quota below what is asked for will not clear by waiting.
_QUOTA = re.compile(r" is (\d+) [\w-]+, with current utilization of \d+ [\w-]+ and a request delta of (\d+) ")


def submit(kind: JobKind, endpoint: Endpoint, request: Mapping[str, Any], session_name: str) -> str:
    """Create the job of a request, or find that it was created before; returns ``created`` or ``adopted``.

    Args:
        kind: what the request creates.
        endpoint: where.
        request: parameters of the create operation, with the tags that identify the attempt.
        session_name: names the attempt in CloudTrail, where a role is assumed for it.

    Raises:
        TransientError: when there is no job yet, or nobody knows; repeat the call, now or later.
        UserError, ServiceError: when there will be none.
    """
    try:
        kind.create(endpoint, request, session_name)
        return CREATED
    except aws.RefusedByUserFault as error:
        if error.code != "ResourceInUse":
            raise
        try:
            _adopt(kind, endpoint, request)
        except aws.RefusedCall as unseen:
            raise TransientError(f"{error}, but {unseen}") from unseen
        return ADOPTED
    except aws.RefusedForNow as error:
        if error.certain:
            if quota := _QUOTA.search(str(error)):
                limit, wanted = map(int, quota.groups())
                if wanted > limit:
                    raise UserError(f"{error}. Waiting will not help: ask AWS for a higher quota") from error
            raise
        # Without an answer nobody knows whether the service accepted: only the job itself can tell.
        try:
            _adopt(kind, endpoint, request)
        except aws.RefusedCall:
            raise error from None
        return ADOPTED


def _adopt(kind: JobKind, endpoint: Endpoint, request: Mapping[str, Any]) -> None:
    """Accept an existing job of this name when its tags say that it belongs to this very attempt."""
    name = request[f"{kind.shape}Name"]
    found = kind.tags(endpoint, kind.describe(endpoint, name))
    ours = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ()) if is_identity_tag(tag["Key"])}
    if any(found.get(key) != value for key, value in ours.items()):
        owner = ", ".join(f"{key}={value}" for key, value in sorted(found.items()) if is_identity_tag(key))
        raise UserError(
            f"a {kind.word} job named {name!r} exists and is not of this execution; "
            + (f"its tags say: {owner}" if owner else "it has no tags that say whose it is")
        )
