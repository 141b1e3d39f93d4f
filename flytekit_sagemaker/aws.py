"""The way to SageMaker: one cached client per endpoint, and its errors in this package's terms."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flytekit_sagemaker.errors import SageMakerError, ServiceError, TransientError, UserError

# Flyte gives a call to a connector 10 seconds: both attempts together stay below them.
_CONNECT_TIMEOUT_IN_SECONDS = 1
_READ_TIMEOUT_IN_SECONDS = 3
_ATTEMPTS = 2
# The local SageMaker looks at the training data before it takes a job on.
_LOCAL_READ_TIMEOUT_IN_SECONDS = 60
_MAX_CONNECTIONS = 50


@dataclass(frozen=True)
class Endpoint:
    """A SageMaker: the key under which its client is cached.

    Attributes:
        region: AWS region.
        url: URL of the endpoint; empty for the region's own.
    """

    region: str
    url: str = ""

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the endpoint is on this machine, where there are neither accounts nor credentials."""
        return urlsplit(self.url).hostname in ("127.0.0.1", "localhost", "::1")


class RefusedCall(SageMakerError):
    """A call that SageMaker answered with an error; mixed into the class that says whose move it is.

    Attributes:
        code: the service's error code, such as ``ResourceInUse``.
    """

    code: str = ""

    @property
    def is_not_found(self) -> bool:
        """Whether the service says that there is no such job; it has two ways to say so."""
        return self.code == "ResourceNotFound" or (self.code == "ValidationException" and "not found" in str(self))


class RefusedByUserFault(RefusedCall, UserError):
    """The request, its credentials or its permissions have to change."""


class RefusedByService(RefusedCall, ServiceError):
    """The service refused for a reason of its own."""


class RefusedForNow(RefusedCall, TransientError):
    """Throttled, out of capacity, unreachable or broken: the same call may succeed later."""


# https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html and what the service was seen to send.
_TRANSIENT_CODES = {
    "BandwidthLimitExceeded",
    "InternalFailure",
    "InternalServerError",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ResourceLimitExceeded",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
}
_USER_CODES = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "NotAuthorized",
    "OptInRequired",
    "ResourceInUse",
    "ResourceNotFound",
    "UnrecognizedClientException",
    "ValidationException",
    "ValidationError",
}

# What the service answers when it is asked to stop a job that ended or never was.
NOTHING_TO_DO_CODES = ("ValidationException", "ResourceNotFound")

# Access keys of the local SageMakers that ask for one, by URL.
_local_keys: dict[str, str] = {}
_clients: dict[tuple[str, Endpoint], Any] = {}
_clients_lock = threading.Lock()


def sign_for(url: str, access_key: str | None) -> None:
    """Sign calls to a local SageMaker with the access key that it asks for, if it does."""
    if access_key is not None:
        _local_keys[url] = access_key


def client(endpoint: Endpoint, service: str = "sagemaker") -> Any:
    """The boto3 client of an endpoint; made once, safe to share between threads."""
    key = (service, endpoint)
    with _clients_lock:
        if key not in _clients:
            _clients[key] = _new_client(endpoint, service)
        return _clients[key]


def default_region() -> str:
    """The region that boto3 finds in the environment or the AWS config; empty when there is none."""
    import boto3

    return boto3.session.Session().region_name or ""


def call(endpoint: Endpoint, operation: str, **parameters: Any) -> Mapping[str, Any]:
    """Call one operation of SageMaker and return its answer.

    Args:
        endpoint: which SageMaker.
        operation: name of the client's method, such as ``describe_training_job``.
        parameters: its parameters.

    Raises:
        RefusedByUserFault, RefusedByService: when trying again as it is cannot succeed.
        RefusedForNow: when it may succeed later.
    """
    answer: Mapping[str, Any] = _translated(lambda: getattr(client(endpoint), operation)(**parameters), operation)
    return answer


def pages(endpoint: Endpoint, operation: str, member: str, **parameters: Any) -> Iterator[Mapping[str, Any]]:
    """The entries of a list operation over all its pages; raises as :func:`call`."""
    while True:
        answer = call(endpoint, operation, MaxResults=100, **parameters)
        yield from answer.get(member, ())
        if not answer.get("NextToken"):
            return
        parameters["NextToken"] = answer["NextToken"]


def _translated(make: Callable[[], Any], operation: str) -> Any:
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    try:
        return make()
    except exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        message = error.response.get("Error", {}).get("Message", "") or str(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        kind: type[RefusedCall] = RefusedByService
        if code in _TRANSIENT_CODES or status >= 500:
            kind = RefusedForNow
        elif code in _USER_CODES:
            kind = RefusedByUserFault
        refused = kind(f"{operation} was refused: {message} ({code})")
        refused.code = code
        raise refused from error
    except (exceptions.ParamValidationError, exceptions.NoCredentialsError) as error:
        raise RefusedByUserFault(f"{operation} cannot be called: {error}") from error
    except (exceptions.HTTPClientError, exceptions.ConnectionError, ResponseParserError) as error:
        raise RefusedForNow(f"{operation} got no answer: {error}") from error
    except exceptions.BotoCoreError as error:
        raise RefusedByService(f"{operation} failed: {error}") from error


def _new_client(endpoint: Endpoint, service: str) -> Any:
    import boto3
    from botocore.config import Config

    here = endpoint.is_on_this_machine
    key = _local_keys.get(endpoint.url, "local")
    return boto3.session.Session(region_name=endpoint.region).client(
        service,
        endpoint_url=endpoint.url or None,
        config=Config(
            connect_timeout=_CONNECT_TIMEOUT_IN_SECONDS,
            read_timeout=_LOCAL_READ_TIMEOUT_IN_SECONDS if here else _READ_TIMEOUT_IN_SECONDS,
            max_pool_connections=_MAX_CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        ),
        **({"aws_access_key_id": key, "aws_secret_access_key": "local"} if here else {}),
    )
