"""The way to SageMaker: which one, one cached client each, and its errors in this package's terms."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flytekit_sagemaker import settings
from flytekit_sagemaker.errors import InvalidInput, Problem, SageMakerError, ServiceError, TransientError, UserError
from flytekit_sagemaker.requests.deployment import Deployment
from flytekit_sagemaker.requests.validation import AWS_URI_SCHEMES, LOCAL_URI_SCHEMES

LOCAL_REGION = "us-east-1"
LOCAL_ROLE_ARN = "arn:aws:iam::000000000000:role/local"

# A create has to be answered within Flyte's 10 seconds for a call to a connector, all attempts together.
_CONNECT_TIMEOUT_IN_SECONDS = 2
_READ_TIMEOUT_IN_SECONDS = 4
_ATTEMPTS = 2
_MAX_CONNECTIONS = 50


@dataclass(frozen=True)
class Endpoint:
    """A SageMaker: the key under which its client is cached.

    Attributes:
        region: AWS region.
        url: URL of the endpoint; empty for the region's own.
        role_arn: IAM role assumed for the calls; empty for the caller's own credentials.
    """

    region: str
    url: str = ""
    role_arn: str = ""

    @property
    def is_loopback(self) -> bool:
        """Whether the endpoint is on this machine, where there are neither accounts nor credentials."""
        return urlsplit(self.url).hostname in ("127.0.0.1", "localhost", "::1")


class RefusedCall(SageMakerError):
    """A call that SageMaker answered with an error; mixed into the class that says whose move it is.

    Attributes:
        code: the service's error code, such as ``ResourceInUse``.
    """

    code: str = ""


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

_clients: dict[tuple[str, Endpoint], Any] = {}
_clients_lock = threading.Lock()


def deployment(output_prefix: str, region: str | None = None) -> tuple[Endpoint, Deployment]:
    """The SageMaker in force, and what it supplies to a job.

    Args:
        output_prefix: where the job's execution writes its outputs.
        region: the job's own region.

    Raises:
        InvalidInput: when there is no region or no role to run the job with.
    """
    current = settings.current()
    local = current.endpoint == settings.LOCAL
    url = _local_url() if local else ("" if current.endpoint == settings.AWS else current.endpoint)
    endpoint = Endpoint(region or current.region or _session_region() or (LOCAL_REGION if url else ""), url)
    role = current.role_arn or (LOCAL_ROLE_ARN if endpoint.is_loopback else "")
    output_path = current.output_prefix or output_prefix
    if endpoint.is_loopback and output_path.startswith("/"):
        output_path = f"file://{output_path}"
    if not endpoint.region:
        remedy = "Set region in the [sagemaker] section of the Flyte config, or in training_job_config."
        raise InvalidInput("the deployment", [Problem("region", "", "is required", remedy)])
    return endpoint, Deployment(
        region=endpoint.region,
        role_arn=role,
        output_path=output_path,
        uri_schemes=LOCAL_URI_SCHEMES if endpoint.is_loopback else AWS_URI_SCHEMES,
        security_group_ids=settings.items(current.security_group_ids),
        subnets=settings.items(current.subnets),
        volume_kms_key_id=current.volume_kms_key_id or None,
        output_kms_key_id=current.output_kms_key_id or None,
        tags=settings.pairs(current.tags),
    )


def client(endpoint: Endpoint, service: str = "sagemaker") -> Any:
    """The boto3 client of an endpoint; made once, safe to share between threads."""
    key = (service, endpoint)
    with _clients_lock:
        if key not in _clients:
            _clients[key] = _new_client(endpoint, service)
        return _clients[key]


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
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        raise RefusedForNow(f"{operation} got no answer: {error}") from error
    except exceptions.BotoCoreError as error:
        raise RefusedByService(f"{operation} failed: {error}") from error


def _new_client(endpoint: Endpoint, service: str) -> Any:
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(region_name=endpoint.region)
    credentials = {}
    if endpoint.is_loopback and session.get_credentials() is None:
        credentials = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return session.client(
        service,
        endpoint_url=endpoint.url or None,
        config=Config(
            connect_timeout=_CONNECT_TIMEOUT_IN_SECONDS,
            read_timeout=_READ_TIMEOUT_IN_SECONDS,
            max_pool_connections=_MAX_CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        ),
        **credentials,
    )


def _session_region() -> str:
    import boto3

    return boto3.session.Session().region_name or ""


def _local_url() -> str:
    from flytekit_sagemaker.local import server

    return str(server.shared().url)
