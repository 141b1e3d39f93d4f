"""The part of STS that lets a client act in a role: credentials that expire.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

from dataclasses import dataclass

from flytekit_sagemaker.local.admission import Refused
from flytekit_sagemaker.testing.simulated_account import At
from flytekit_sagemaker.testing.simulated_jobs import Members, moment

_AN_HOUR = 3600


@dataclass(frozen=True)
class Session:
    """A role that was assumed.

    Attributes:
        access_key: id of the access key given out.
        role_arn, name, external_id: as they were asked for.
        expires: the end of the credentials, in seconds since the epoch.
    """

    access_key: str
    role_arn: str
    name: str
    external_id: str
    expires: float


class SimulatedSessions:
    """Gives out credentials and remembers them.

    Args:
        account: account id.
        longest: seconds for which credentials are good at most.
    """

    def __init__(self, account: str, longest: float) -> None:
        self.sessions: dict[str, Session] = {}
        self._account = account
        self._longest = longest
        self.operations = {"AssumeRole": self._assume_role, "GetCallerIdentity": self._get_caller_identity}

    def have_expired(self, access_key: str, now: float) -> bool:
        """Whether an access key was given out here and is no longer good."""
        session = self.sessions.get(access_key)
        return session is not None and now >= session.expires

    def _assume_role(self, request: Members, at: At) -> Members:
        for member in ("RoleArn", "RoleSessionName"):
            if member not in request:
                raise Refused("ValidationError", f"1 validation error detected: {member} must not be null")
        seconds = min(float(request.get("DurationSeconds", _AN_HOUR)), self._longest)
        session = Session(
            f"ASIASIMULATED{len(self.sessions):07d}",
            request["RoleArn"],
            request["RoleSessionName"],
            request.get("ExternalId", ""),
            at.now + seconds,
        )
        self.sessions[session.access_key] = session
        return {
            "Credentials": {
                "AccessKeyId": session.access_key,
                "SecretAccessKey": f"secret-of-{session.access_key}",
                "SessionToken": f"token-of-{session.access_key}",
                "Expiration": moment(session.expires),
            },
            "AssumedRoleUser": {
                "AssumedRoleId": f"AROASIMULATED:{session.name}",
                "Arn": self._assumed(session),
            },
        }

    def _get_caller_identity(self, request: Members, at: At) -> Members:
        session = self.sessions.get(at.access_key)
        arn = self._assumed(session) if session else f"arn:aws:iam::{self._account}:user/simulated"
        return {"UserId": at.access_key, "Account": self._account, "Arn": arn}

    def _assumed(self, session: Session) -> str:
        role = session.role_arn.rpartition("/")[2]
        return f"arn:aws:sts::{self._account}:assumed-role/{role}/{session.name}"
