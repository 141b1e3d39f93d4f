"""What AWS answers to a call that it does not carry out: in this package's terms, by whose move it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from flytekit_sagemaker.errors import SageMakerError, ServiceError, TransientError, UserError

T = TypeVar("T")


class RefusedCall(SageMakerError):
    """A call that did not succeed; mixed into the class that says whose move it is.

    Attributes:
        code: the service's error code, such as ``ResourceInUse``; empty where the service gave no answer.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code

    @property
    def is_not_found(self) -> bool:
        """Whether the service says that there is no such thing; it has several ways to say so."""
        codes = ("ResourceNotFound", "ResourceNotFoundException")
        return self.code in codes or (self.code == "ValidationException" and "not found" in str(self))

    @property
    def refuses_the_signature(self) -> bool:
        """Whether the service did not accept this call's own credentials; others may have been put in their place."""
        return self.code in _STALE_CODES and not isinstance(self.__cause__, RefusedCall)


class RefusedByUserFault(RefusedCall, UserError):
    """The request, its credentials or its permissions have to change."""


class RefusedByService(RefusedCall, ServiceError):
    """The service refused for a reason of its own."""


class RefusedForNow(RefusedCall, TransientError):
    """Throttled, out of capacity, unreachable or broken: the same call may succeed later.

    Attributes:
        certain: whether the service surely did not do what it was asked; where False, nobody knows.
    """

    def __init__(self, message: str, code: str = "", *, certain: bool = False) -> None:
        super().__init__(message, code)
        self.certain = certain

    @property
    def is_throttling(self) -> bool:
        """Whether the service was asked too often."""
        return self.code in _THROTTLING_CODES

    @property
    def lacks_room(self) -> bool:
        """Whether the account, or AWS, has no room for what was asked; that takes longer than a moment."""
        return self.code in _CAPACITY_CODES


# Codes by which AWS says that it was asked too often:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
_THROTTLING_CODES = {
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
}
# What an account has no room for now: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html
_CAPACITY_CODES = {"CapacityError", "InsufficientCapacityException", "ResourceLimitExceeded"}
# Credentials that ran out; whoever provides them provides new ones.
_EXPIRED_CODES = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
# Credentials that may have been replaced where they were found.
_STALE_CODES = _EXPIRED_CODES | {"InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException"}
_CERTAIN_CODES = _THROTTLING_CODES | _CAPACITY_CODES | _EXPIRED_CODES
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html and what the service was seen to send.
_UNCERTAIN_CODES = {
    "InternalFailure",
    "InternalServerError",
    "PriorRequestNotComplete",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
}
_USER_CODES = {
    "AccessDenied",
    "AccessDeniedException",
    "InvalidClientTokenId",
    "NotAuthorized",
    "OptInRequired",
    "ResourceInUse",
    "ResourceNotFound",
    "ResourceNotFoundException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "ValidationError",
    "ValidationException",
}

# What the service answers when it is asked to stop a job that ended or never was.
NOTHING_TO_DO_CODES = ("ValidationException", "ResourceNotFound")


def translated(make: Callable[[], T], operation: str) -> T:
    """The result of ``make``, with boto3's errors as those of :func:`flytekit_sagemaker.aws.call`."""
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    try:
        return make()
    except exceptions.ClientError as error:
        _raise_refusal(error.response, operation, error)
    except exceptions.NoCredentialsError as error:
        remedy = "Give the service account an IAM role, or set AWS_PROFILE or an access key"
        raise RefusedByUserFault(f"{operation} cannot be called: there are no AWS credentials. {remedy}") from error
    except (
        exceptions.NoRegionError,
        exceptions.ParamValidationError,
        exceptions.PartialCredentialsError,
        exceptions.ProfileNotFound,
        exceptions.SSOError,
        exceptions.TokenRetrievalError,
    ) as error:
        raise RefusedByUserFault(f"{operation} cannot be called: {error}") from error
    except (exceptions.CredentialRetrievalError, exceptions.MetadataRetrievalError) as error:
        raise RefusedForNow(f"{operation} cannot be signed: {error}", certain=True) from error
    except (exceptions.ConnectTimeoutError, exceptions.EndpointConnectionError) as error:
        raise RefusedForNow(f"{operation} was not sent: {error}", certain=True) from error
    except (exceptions.HTTPClientError, exceptions.ConnectionError, ResponseParserError) as error:
        raise RefusedForNow(f"{operation} got no answer: {error}") from error
    except exceptions.BotoCoreError as error:
        raise RefusedByService(f"{operation} failed: {error}") from error
    except RuntimeError as error:
        # botocore has no class of its own for credentials that are expired when they arrive, as with a wrong clock.
        if "expired" not in str(error):
            raise
        raise RefusedForNow(f"{operation} cannot be signed: {error}", certain=True) from error


def _raise_refusal(response: Mapping[str, Any], operation: str, cause: Exception) -> NoReturn:
    said = response.get("Error", {})
    code, status = said.get("Code", ""), response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = {"429": "TooManyRequestsException", "408": "RequestTimeout"}.get(code, code)  # of a proxy, without a body
    message = f"{operation} was refused: {said.get('Message') or cause} ({code})"
    if code in _CERTAIN_CODES:
        raise RefusedForNow(message, code, certain=True) from cause
    # A code that is the HTTP status is what botocore makes of an answer that it cannot read.
    if code in _UNCERTAIN_CODES or code.isdigit() or status >= 500:
        raise RefusedForNow(message, code) from cause
    raise (RefusedByUserFault if code in _USER_CODES else RefusedByService)(message, code) from cause
