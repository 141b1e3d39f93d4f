"""A simulated reply as boto3 hands it to its caller: an answer or an exception."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any

from flytekit_sagemaker.testing.faults import Delivery

if TYPE_CHECKING:
    from flytekit_sagemaker.testing.simulation import Reply

_URL = "https://api.sagemaker.invalid/"


def received(operation: str, reply: Reply) -> dict[str, Any]:
    """The answer, in an object of the caller's own; without any members if it was cut in the middle.

    Raises:
        botocore.exceptions.ClientError: the reply is an error.
        botocore.exceptions.ReadTimeoutError: the reply did not come in time.
        botocore.exceptions.ConnectionClosedError: it was lost.
    """
    from botocore import exceptions

    if reply.delivery is Delivery.HELD:
        raise exceptions.ReadTimeoutError(endpoint_url=_URL)
    if reply.delivery in (Delivery.RESET, Delivery.CLOSED):
        raise exceptions.ConnectionClosedError(endpoint_url=_URL)
    status = reply.failure.status if reply.failure else 200
    metadata = {"RequestId": "", "HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}
    # botocore does not compare an answer's length with its header, and reads half an answer as one without members.
    cut = reply.delivery is Delivery.TRUNCATED
    if reply.failure:
        code = str(status) if cut else reply.failure.code
        error = {"Code": code, "Message": reply.failure.message}
        raise exceptions.ClientError({"Error": error, "ResponseMetadata": metadata}, operation)
    return {**({} if cut else copy.deepcopy(reply.content)), "ResponseMetadata": metadata}


def operation_name(method: str) -> str:
    """The operation that a method of one of boto3's clients calls.

    Raises:
        AttributeError: neither the client of SageMaker nor that of CloudWatch Logs or STS has such a method.
    """
    if method not in _operations():
        raise AttributeError(f"boto3's SageMaker client has no method {method!r}")
    return _operations()[method]


@functools.cache
def _operations() -> dict[str, str]:
    from botocore import xform_name
    from botocore.loaders import Loader

    models = (Loader().load_service_model(service, "service-2") for service in ("sts", "logs", "sagemaker"))
    return {xform_name(operation): operation for model in models for operation in model["operations"]}
