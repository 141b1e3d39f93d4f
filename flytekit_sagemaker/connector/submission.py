"""Creating a job: never two for one attempt, never a lost one.

SageMaker has no request token; the name is what makes a create safe to repeat. So the name is a function of the
attempt, and whenever a create does not simply succeed, the job of that name is looked for: it may be there from an
earlier call, whose answer was lost or whose caller died. It is taken for the attempt's own when its tags say so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.connector.kinds import JobKind
from flytekit_sagemaker.errors import SageMakerError, TransientError, UserError
from flytekit_sagemaker.refusals import RefusedByService, RefusedByUserFault, RefusedCall, RefusedForNow
from flytekit_sagemaker.requests.names import identity_tags

CREATED = "created"
ADOPTED = "adopted"

# "The account-level service limit 'ml.p3.2xlarge for training job usage' is 0 Instances, with current utilization of 0
# Instances and a request delta of 1 Instances." A quota below what is asked for will not clear by waiting.
_QUOTA = re.compile(r" is (\d+) [\w-]+, with current utilization of \d+ [\w-]+ and a request delta of (\d+) ")

# What a web server that is something else answers to a create; from SageMaker there would be an error code of AWS's.
_NO_SAGEMAKER = ("404", "405", "501")


class Submission:
    """The attempts to create one job.

    Attributes:
        may_exist: whether an attempt may have made the job although its answer did not say so.

    Args:
        kind: what the request creates.
        endpoint: where.
        request: parameters of the create operation, with the tags that identify the attempt.
        session_name: names the attempt in CloudTrail, where a role is assumed for it.
    """

    def __init__(self, kind: JobKind, endpoint: Endpoint, request: Mapping[str, Any], session_name: str) -> None:
        self._kind = kind
        self._endpoint = endpoint
        self._request = request
        self._session_name = session_name
        self._name = request[f"{kind.shape}Name"]
        self.may_exist = False

    def attempt(self, hurried: bool = False) -> str:
        """Create the job, or find that it was created before; returns ``created`` or ``adopted``. Blocks.

        Args:
            hurried: there is no time to look for the job when the answer to the create is lost, nor to hope that the
                connector will be allowed to (permissions take a while to be known everywhere).

        Raises:
            TransientError: when there is no job yet, or nobody knows; repeat the call, now or later.
            UserError, ServiceError: when there will be none.
        """
        try:
            self._kind.create(self._endpoint, self._request, self._session_name)
            return CREATED
        except RefusedForNow as error:
            if error.code in _NO_SAGEMAKER and not self.may_exist:
                where = self._endpoint.url or f"what answers for SageMaker in {self._endpoint.region}"
                raise UserError(
                    f"{where} is no SageMaker endpoint: it answers with HTTP status {error.code}"
                ) from error
            if not error.certain:
                self.may_exist = True
                if not hurried and self._exists():
                    return ADOPTED
                raise
            if not _will_not_clear(error):
                raise
            refusal: SageMakerError = UserError(f"{error}. Waiting will not help: ask AWS for a higher quota")
        except RefusedCall as error:
            if not error.code and not self.may_exist:
                raise  # it was not even sent
            refusal = error
        self.may_exist = self.may_exist or getattr(refusal, "code", "") == "ResourceInUse"
        if self._exists(hopeful=not hurried):
            return ADOPTED
        if self.may_exist:
            raise TransientError(f"{refusal}. Whether the job exists cannot be told yet")
        raise refusal

    def _exists(self, hopeful: bool = True) -> bool:
        """Whether the job exists, as far as anybody can tell."""
        try:
            return belongs_to(self._kind, self._endpoint, self._name, self._request.get("Tags", ()))
        except TransientError:
            self.may_exist = True
            return False
        except Untold:
            self.may_exist = self.may_exist or hopeful
            return False


class NameIsTaken(UserError):
    """There is a job of this name, and it is somebody else's.

    Attributes:
        status: of that job, as the service has it, such as ``InProgress``.
    """

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


class Untold(UserError):
    """The service does not let the connector know whose a job is."""


def belongs_to(kind: JobKind, endpoint: Endpoint, name: str, tags: Any) -> bool:
    """Whether there is a job of this name that belongs to the attempt; False when there is no job.

    Args:
        kind: kind of the job.
        endpoint: where.
        name: name of the job.
        tags: tags of the attempt, as in a request.

    Raises:
        Untold: when the connector may not know.
        NameIsTaken: when a job of this name is not the attempt's.
        TransientError: when the service does not answer.
    """
    try:
        description = kind.describe(endpoint, name)
        found = kind.tags(endpoint, description)
    except (RefusedByUserFault, RefusedByService) as error:
        if error.is_not_found:
            return False
        raise Untold(f"whether {name!r} is a job of this execution cannot be told: {error}") from error
    theirs = identity_tags(found)
    ours = identity_tags({tag["Key"]: tag["Value"] for tag in tags})
    if theirs != ours:
        owner = ", ".join(f"{key}={value}" for key, value in sorted(theirs.items()))
        raise NameIsTaken(
            f"a {kind.word} job named {name!r} exists and is not of this execution; "
            + (f"its tags say: {owner}" if owner else "it has no tags that say whose it is"),
            status=description[f"{kind.shape}Status"],
        )
    return True


def _will_not_clear(error: RefusedForNow) -> bool:
    quota = _QUOTA.search(str(error))
    return quota is not None and int(quota[2]) > int(quota[1])
