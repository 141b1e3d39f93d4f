"""The way to AWS: one attempt per call, and clients by endpoint and role."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flytekit_sagemaker import settings, telemetry
from flytekit_sagemaker.partitions import is_host_of_aws
from flytekit_sagemaker.refusals import RefusedByUserFault, RefusedCall, RefusedForNow, translated

T = TypeVar("T")

SESSION_NAME = "flytekit-sagemaker"
_SESSION_NAME_LENGTH = 64
_READ_TIMEOUT_IN_SECONDS = 3
# The local SageMaker looks at the training data before it takes a job on.
_LOCAL_READ_TIMEOUT_IN_SECONDS = 60
_MAX_CONNECTIONS = 50
_MAX_CLIENTS = 32


@dataclass(frozen=True)
class Endpoint:
    """A SageMaker, and as whom it is called.

    Attributes:
        region: AWS region.
        url: URL of the endpoint; empty for the region's own.
        assume_role_arn: IAM role to assume before calling; empty to call with the credentials found.
        external_id: external id that the role asks for.
    """

    region: str
    url: str = ""
    assume_role_arn: str = ""
    external_id: str = ""

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the endpoint is on this machine, where there are neither accounts nor credentials."""
        return urlsplit(self.url).hostname in ("127.0.0.1", "localhost", "::1")

    @property
    def is_of_aws(self) -> bool:
        """Whether AWS serves the endpoint: the region's own, or one inside a VPC."""
        return not self.url or is_host_of_aws(urlsplit(self.url).hostname or "")


# Access keys of the local SageMakers that ask for one, by URL.
_local_keys: dict[str, str] = {}


def sign_for(url: str, access_key: str | None) -> None:
    """Sign calls to a local SageMaker with the access key that it asks for, if it does."""
    if access_key is not None:
        _local_keys[url] = access_key


def client(endpoint: Endpoint, service: str = "sagemaker", session_name: str = "") -> Any:
    """The boto3 client of an endpoint, safe to share between threads; made once while it is in use."""
    name = _legal_session_name(session_name) if endpoint.assume_role_arn else ""
    return _clients.get((service, endpoint, name))


def forget_clients(endpoint: Endpoint | None = None) -> None:
    """Look for credentials again on the next call to an endpoint, or to any, as after they expired or moved."""
    _clients.forget(endpoint)


def default_region() -> str:
    """The region that the environment or the AWS config names; empty when there is none."""
    named = os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION")
    return named or translated(lambda: _clients.session().get_config_variable("region"), "the AWS config") or ""


def configured_url() -> str:
    """The URL that the environment or the AWS config gives for SageMaker, as every AWS SDK reads it; empty for none.

    AWS_ENDPOINT_URL_SAGEMAKER, then AWS_ENDPOINT_URL, then the config file; none of them where
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is set:
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html

    Raises:
        RefusedByUserFault: when the AWS config cannot be read.
    """
    return translated(lambda: _configured_url("sagemaker"), "the AWS config")


def call(
    endpoint: Endpoint, operation: str, *, service: str = "sagemaker", session_name: str = "", **parameters: Any
) -> Mapping[str, Any]:
    """Call one operation once and return its answer; whether to try again is the caller's to decide.

    A call whose signature is refused was surely not carried out; it is made once more, with the credentials that are
    found then: those of before may have been replaced.

    Args:
        endpoint: which SageMaker.
        operation: name of the client's method, such as ``describe_training_job``.
        service: ``sagemaker``, or another service of the same account and region, such as ``logs``.
        session_name: name of the session in which a role is assumed, as it will stand in the account's audit trail.
        parameters: the operation's parameters.

    Raises:
        RefusedByUserFault, RefusedByService: when trying again as it is cannot succeed.
        RefusedForNow: when it may succeed later.
    """
    attempt = partial(_counted, endpoint, operation, service, session_name, parameters)
    try:
        return attempt()
    except RefusedCall as error:
        if not error.refuses_the_signature:
            raise
    forget_clients(endpoint)
    return attempt()


def pages(
    endpoint: Endpoint, operation: str, member: str, *, service: str = "sagemaker", **parameters: Any
) -> Iterator[Mapping[str, Any]]:
    """The entries of a list operation over all its pages; raises as :func:`call`."""
    while True:
        answer = call(endpoint, operation, service=service, MaxResults=100, **parameters)
        yield from answer.get(member, ())
        if not answer.get("NextToken"):
            return
        parameters["NextToken"] = answer["NextToken"]


def _counted(
    endpoint: Endpoint, operation: str, service: str, session_name: str, parameters: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The answer of one attempt, which the metrics count."""
    start, result, throttled = time.monotonic(), "ok", False
    try:
        return translated(lambda: _attempt(client(endpoint, service, session_name), operation, parameters), operation)
    except RefusedCall as error:
        result = error.code or ("no answer" if isinstance(error, RefusedForNow) else "not sent")
        throttled = isinstance(error, RefusedForNow) and error.is_throttling
        raise
    finally:
        telemetry.aws_call(operation, result, time.monotonic() - start, throttled=throttled)


def _attempt(client: Any, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer of one attempt; botocore takes a page of HTML, or half an answer, for one that says nothing."""
    answer: Mapping[str, Any] = getattr(client, operation)(**parameters)
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).output_shape
    promised = shape.required_members if shape else ()
    if promised and not any(member in answer for member in promised):
        raise RefusedForNow(f"{operation} got an answer that makes no sense")
    return answer


class _Clients:
    """The clients in use, the least recently used dropped first; one is made at a time, which botocore asks for."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[str, Endpoint, str], Any] = OrderedDict()
        self._session: Any = None
        self._assuming: Any = None
        self._looking = threading.Lock()
        self._making = threading.RLock()

    def get(self, key: tuple[str, Endpoint, str]) -> Any:
        found = self._find(key)
        if found is not None:
            return found
        with self._making:
            found = self._find(key)
            if found is None:
                found = self._new_client(*key)
                with self._looking:
                    self._made[key] = found
                    if len(self._made) > _MAX_CLIENTS:
                        self._made.popitem(last=False)
            return found

    def session(self) -> Any:
        """The botocore session that finds the connector's own credentials."""
        with self._making:
            if self._session is None:
                self._session = _new_session()
            return self._session

    def forget(self, endpoint: Endpoint | None) -> None:
        with self._making, self._looking:
            for key in [key for key in self._made if endpoint in (None, key[1])]:
                del self._made[key]
            self._session = None

    def _find(self, key: tuple[str, Endpoint, str]) -> Any:
        with self._looking:
            found = self._made.get(key)
            if found is not None:
                self._made.move_to_end(key)
            return found

    def _new_client(self, service: str, endpoint: Endpoint, session_name: str) -> Any:
        from botocore.config import Config
        from botocore.exceptions import NoCredentialsError

        here, keys = endpoint.is_on_this_machine, {}
        session = self.session()
        if endpoint.assume_role_arn:
            session = self._assuming = self._assuming or _new_session()
            session.get_credentials = lambda: _assumed(endpoint, session_name)
        elif here:
            key = _local_keys.get(endpoint.url, "local")
            keys = {"aws_access_key_id": key, "aws_secret_access_key": "local"}
        elif session.get_credentials() is None:
            raise NoCredentialsError()
        found = settings.current()
        read_timeout = _LOCAL_READ_TIMEOUT_IN_SECONDS if here else _READ_TIMEOUT_IN_SECONDS
        config = Config(
            connect_timeout=found.number("connect_timeout_in_seconds"),
            read_timeout=found.number("read_timeout_in_seconds", read_timeout),
            max_pool_connections=_MAX_CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": 1},
            user_agent_extra=SESSION_NAME,
        )
        url = endpoint.url if service == "sagemaker" else _url_beside(endpoint, service)
        try:
            return session.create_client(
                service, region_name=endpoint.region, endpoint_url=url or None, config=config, **keys
            )
        except ValueError as error:
            raise RefusedByUserFault(f"{url or endpoint.region} cannot be called: {error}") from error


def _assumed(endpoint: Endpoint, session_name: str) -> Any:
    """The credentials of a role as botocore keeps them: STS gives them, and again before they expire."""
    from botocore.credentials import DeferredRefreshableCredentials

    role, external_id = endpoint.assume_role_arn, endpoint.external_id
    parameters = {"RoleArn": role, "RoleSessionName": session_name}
    if external_id:
        parameters["ExternalId"] = external_id

    def assume() -> dict[str, str]:
        try:
            given = call(Endpoint(endpoint.region), "assume_role", service="sts", **parameters)["Credentials"]
        except RefusedForNow as error:
            raise RefusedForNow(f"the role {role} cannot be assumed now: {error}", error.code, certain=True) from error
        except RefusedCall as error:
            whom = f" with the external id {external_id!r}" if external_id else ""
            remedy = f"Its trust policy has to let the caller's own identity assume it{whom}."
            raise type(error)(f"the role {role} cannot be assumed: {error}. {remedy}", error.code) from error
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }

    return DeferredRefreshableCredentials(assume, "assume-role")


def _url_beside(endpoint: Endpoint, service: str) -> str:
    """The URL of another service for the jobs of an endpoint; empty for the one that botocore finds.

    A VPC endpoint of SageMaker serves SageMaker alone. What stands in for AWS serves all that it has, unless the
    configuration that names it names others for the rest.
    """
    if endpoint.is_of_aws:
        return ""
    if endpoint.url != _configured_url("sagemaker"):
        return endpoint.url
    return _configured_url(service) or (endpoint.url if endpoint.is_on_this_machine else "")


def _configured_url(service: str) -> str:
    from botocore.configprovider import ConfiguredEndpointProvider

    session = _clients.session()
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return ""
    found = ConfiguredEndpointProvider(session.full_config, session.get_scoped_config(), service).provide()
    return str(found or "").rstrip("/")


def _new_session() -> Any:
    import botocore.session

    session = botocore.session.Session()
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return session


@cache
def _loader(data_path: str | None) -> Any:
    """The reader of service models: what it read is most of a client's memory and time, and the same for all."""
    from botocore.loaders import create_loader

    return create_loader(data_path)


def _legal_session_name(name: str) -> str:
    # https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    legal = re.sub(r"[^\w+=,.@-]", "-", name, flags=re.ASCII)[:_SESSION_NAME_LENGTH]
    return legal if len(legal) > 1 else SESSION_NAME


_clients = _Clients()
