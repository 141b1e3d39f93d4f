"""Calls to AWS: one attempt, the right credentials, errors that say whose move it is; real boto3 over real HTTP."""

from __future__ import annotations

import gc
import json
import re
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import boto3
import pytest
from prometheus_client import REGISTRY

from flytekit_sagemaker import aws
from flytekit_sagemaker.aws import Endpoint, call
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.refusals import RefusedByService, RefusedByUserFault, RefusedCall, RefusedForNow
from flytekit_sagemaker.testing.conformance import training_request

ROLE = "arn:aws:iam::123456789012:role/Team"
REGION = "eu-central-1"


class Request(NamedTuple):
    operation: str
    access_key: str
    region: str
    parameters: dict[str, Any]


Answer = Callable[[BaseHTTPRequestHandler, Request], tuple[int, str] | None]


class Aws:
    """STS and SageMaker on one port: takes down every request, and answers as a test says."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: dict[str, Answer] = {"AssumeRole": self.credentials}
        self.lifetime = timedelta(hours=1)
        self.url = ""

    def of(self, operation: str) -> list[Request]:
        return [request for request in self.requests if request.operation == operation]

    def answer(self, handler: BaseHTTPRequestHandler, request: Request) -> tuple[int, str] | None:
        self.requests.append(request)
        return self.answers.get(request.operation, lambda *_: (200, '{"TrainingJobName": "job"}'))(handler, request)

    def credentials(self, _: BaseHTTPRequestHandler, request: Request) -> tuple[int, str]:
        number = len(self.of("AssumeRole"))
        expiration = (datetime.now(timezone.utc) + self.lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")
        return 200, (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
            f"<AccessKeyId>ASIAASSUMEDROLE{number}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
            f"<SessionToken>token{number}</SessionToken><Expiration>{expiration}</Expiration></Credentials>"
            f"</AssumeRoleResult></AssumeRoleResponse>"
        )

    def denies(self, status: int, code: str, message: str) -> Answer:
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        return lambda *_: (status, body)

    def refuses(self, status: int, code: str, message: str = "no") -> None:
        body = json.dumps({"__type": code, "message": message})
        self.answers["DescribeTrainingJob"] = lambda *_: (status, body)


@pytest.fixture(autouse=True)
def own_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The connector's own credentials, and nothing else of the machine that runs the tests."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIACONNECTOR")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    aws.forget_clients()
    yield
    aws.forget_clients()


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    cloud = Aws()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            form = {name: values[0] for name, values in parse_qs(body).items()} if not target else json.loads(body)
            signed = re.search(r"Credential=([^/]+)/\d+/([^/]+)/", self.headers["Authorization"])
            answer = cloud.answer(self, Request(target or form["Action"], *signed.groups(), form))
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(answer[1].encode())))
            self.end_headers()
            self.wfile.write(answer[1].encode())

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        cloud.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", cloud.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", cloud.url)
        yield cloud
        server.shutdown()


def describe(endpoint: Endpoint, **options: Any) -> Any:
    return call(endpoint, "describe_training_job", TrainingJobName="job", **options)


def count(operation: str, result: str) -> float:
    labels = {"operation": operation, "result": result}
    return REGISTRY.get_sample_value("flytekit_sagemaker_aws_calls_total", labels) or 0


def test_without_a_role_calls_are_signed_with_the_credentials_found(cloud: Aws) -> None:
    describe(Endpoint(REGION))
    assert cloud.requests == [Request("DescribeTrainingJob", "AKIACONNECTOR", REGION, {"TrainingJobName": "job"})]


def test_a_role_is_assumed_in_the_region_with_external_id_and_session_name(cloud: Aws) -> None:
    describe(Endpoint(REGION, cloud.url, ROLE, "flyte:shop:production"), session_name="shop/production f00d")

    assumed, described = cloud.requests
    assert (assumed.operation, assumed.access_key, assumed.region) == ("AssumeRole", "AKIACONNECTOR", REGION)
    assert assumed.parameters["RoleArn"] == ROLE
    assert assumed.parameters["ExternalId"] == "flyte:shop:production"
    assert assumed.parameters["RoleSessionName"] == "shop-production-f00d"
    assert described.access_key == "ASIAASSUMEDROLE1"


def test_credentials_of_a_role_are_kept_until_they_are_about_to_expire(cloud: Aws) -> None:
    endpoint = Endpoint(REGION, cloud.url, ROLE)
    describe(endpoint)
    describe(endpoint)
    assert [each.access_key for each in cloud.of("DescribeTrainingJob")] == ["ASIAASSUMEDROLE1"] * 2
    aws.forget_clients()
    cloud.lifetime = timedelta(minutes=1)
    describe(endpoint)
    describe(endpoint)
    assert [each.access_key[-1] for each in cloud.of("DescribeTrainingJob")] == ["1", "1", "2", "3"]


@pytest.mark.parametrize(
    ("given", "sent"),
    [("", "flytekit-sagemaker"), ("x", "flytekit-sagemaker"), ("é" * 3, "---"), ("a" * 80, "a" * 64)],
)
def test_every_session_name_is_legal(cloud: Aws, given: str, sent: str) -> None:
    describe(Endpoint(REGION, cloud.url, ROLE), session_name=given)
    assert cloud.of("AssumeRole")[0].parameters["RoleSessionName"] == sent


def test_a_role_that_may_not_be_assumed_is_named(cloud: Aws) -> None:
    cloud.answers["AssumeRole"] = cloud.denies(403, "AccessDenied", "not authorized to perform: sts:AssumeRole")
    with pytest.raises(RefusedByUserFault) as caught:
        describe(Endpoint(REGION, cloud.url, ROLE, "flyte:shop:production"))
    assert caught.value.code == "AccessDenied"
    for part in (ROLE, "not authorized to perform: sts:AssumeRole", "trust policy", "'flyte:shop:production'"):
        assert part in str(caught.value)
    assert cloud.of("DescribeTrainingJob") == []


@pytest.mark.parametrize("code", ["Throttling", "ServiceUnavailable"])
def test_a_job_is_surely_not_made_while_its_role_cannot_be_assumed(cloud: Aws, code: str) -> None:
    cloud.answers["AssumeRole"] = cloud.denies(503, code, "later")
    with pytest.raises(RefusedForNow, match=re.escape(ROLE)) as caught:
        describe(Endpoint(REGION, cloud.url, ROLE))
    assert caught.value.certain


def test_credentials_that_are_expired_on_arrival_are_for_later(cloud: Aws) -> None:
    cloud.lifetime = timedelta(minutes=-5)
    with pytest.raises(RefusedForNow, match="expired") as caught:
        describe(Endpoint(REGION, cloud.url, ROLE))
    assert caught.value.certain


@pytest.mark.parametrize(
    ("status", "code", "kind", "certain", "throttling"),
    [
        (400, "ThrottlingException", RefusedForNow, True, True),
        (503, "SlowDown", RefusedForNow, True, True),
        (400, "ResourceLimitExceeded", RefusedForNow, True, False),
        (400, "CapacityError", RefusedForNow, True, False),
        (500, "InternalFailure", RefusedForNow, False, False),
        (503, "ServiceUnavailable", RefusedForNow, False, False),
        (502, "NeverHeardOf", RefusedForNow, False, False),
        (400, "ValidationException", RefusedByUserFault, None, None),
        (400, "AccessDeniedException", RefusedByUserFault, None, None),
        (400, "ResourceInUse", RefusedByUserFault, None, None),
        (400, "NeverHeardOf", RefusedByService, None, None),
    ],
)
def test_each_refusal_comes_from_one_attempt_and_says_whose_move_it_is(
    cloud: Aws, status: int, code: str, kind: type[RefusedCall], certain: bool, throttling: bool
) -> None:
    cloud.refuses(status, code, "the service's own words")
    before = count("describe_training_job", code)
    with pytest.raises(kind, match="the service's own words") as caught:
        describe(Endpoint(REGION))
    assert caught.value.code == code
    assert getattr(caught.value, "certain", None) is certain
    assert getattr(caught.value, "is_throttling", None) is throttling
    assert len(cloud.requests) == 1
    assert count("describe_training_job", code) == before + 1


@pytest.mark.parametrize(("status", "certain"), [(429, True), (408, False), (503, False)])
def test_a_proxy_s_refusal_is_for_now(cloud: Aws, status: int, certain: bool) -> None:
    cloud.answers["DescribeTrainingJob"] = lambda *_: (status, "<html>a proxy's page</html>")
    with pytest.raises(RefusedForNow) as caught:
        describe(Endpoint(REGION))
    assert caught.value.certain is caught.value.is_throttling is certain


@pytest.mark.parametrize("body", [None, "<html>a proxy's page</html>", '{"TrainingJobName": '])
def test_an_answer_that_never_came_or_makes_no_sense_leaves_it_open(cloud: Aws, body: str | None) -> None:
    cloud.answers["DescribeTrainingJob"] = lambda *_: body and (200, body)
    before = count("describe_training_job", "no answer")
    with pytest.raises(RefusedForNow) as caught:
        describe(Endpoint(REGION))
    assert not caught.value.certain
    assert len(cloud.requests) == 1
    assert count("describe_training_job", "no answer") == before + 1


def test_the_read_timeout_is_a_setting(cloud: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_READ_TIMEOUT_IN_SECONDS", "0.1")
    over = threading.Event()
    cloud.answers["DescribeTrainingJob"] = lambda *_: over.wait() and None
    with pytest.raises(RefusedForNow, match="timeout") as caught:
        describe(Endpoint(REGION, cloud.url))
    over.set()
    assert not caught.value.certain


def test_what_could_not_be_sent_was_surely_not_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(RefusedForNow, match="was not sent") as caught:
        describe(Endpoint(REGION, url))
    assert caught.value.certain


def test_a_call_without_credentials_is_refused_until_there_are_some(
    cloud: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(RefusedByUserFault, match="credentials"):
        describe(Endpoint(REGION))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIALATER")
    describe(Endpoint(REGION))
    assert [request.access_key for request in cloud.requests] == ["AKIALATER"]


KEY_REFUSALS = [
    ("ExpiredTokenException", RefusedForNow),
    ("InvalidClientTokenId", RefusedByUserFault),
    ("SignatureDoesNotMatch", RefusedByUserFault),
    ("UnrecognizedClientException", RefusedByUserFault),
]


@pytest.mark.parametrize("code", [code for code, _ in KEY_REFUSALS])
def test_a_job_is_created_though_the_key_was_rotated(cloud: Aws, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    endpoint, elsewhere = Endpoint(REGION), Endpoint("eu-west-1")
    describe(endpoint)
    describe(elsewhere)
    before, other = count("create_training_job", code), aws.client(elsewhere)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIARENEWED")
    refusal, created = (400, json.dumps({"__type": code})), (200, '{"TrainingJobArn": "arn"}')
    cloud.answers["CreateTrainingJob"] = lambda _, request: created if "RENEWED" in request.access_key else refusal
    assert call(endpoint, "create_training_job", **training_request("job"))["TrainingJobArn"] == "arn"
    assert [each.access_key for each in cloud.of("CreateTrainingJob")] == ["AKIACONNECTOR", "AKIARENEWED"]
    assert count("create_training_job", code) == before + 1
    assert aws.client(elsewhere) is other


@pytest.mark.parametrize(("code", "kind"), KEY_REFUSALS)
def test_a_key_that_stays_wrong_is_tried_twice(cloud: Aws, code: str, kind: type[RefusedCall]) -> None:
    cloud.refuses(400, code)
    before = count("describe_training_job", code)
    with pytest.raises(kind) as caught:
        describe(Endpoint(REGION))
    assert caught.value.code == code
    assert len(cloud.requests) == 2
    assert count("describe_training_job", code) == before + 2


def test_a_role_is_assumed_again_when_its_credentials_are_refused(cloud: Aws) -> None:
    refusal, answer = (400, '{"__type": "ExpiredTokenException"}'), (200, '{"TrainingJobName": "job"}')
    cloud.answers["DescribeTrainingJob"] = lambda _, request: refusal if request.access_key[-1] == "1" else answer
    assert describe(Endpoint(REGION, cloud.url, ROLE))["TrainingJobName"] == "job"
    assert len(cloud.of("AssumeRole")) == 2


def test_a_role_is_assumed_though_the_key_was_rotated(cloud: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    describe(Endpoint(REGION, cloud.url, ROLE))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIARENEWED")
    denies = cloud.denies(403, "InvalidClientTokenId", "no")
    cloud.answers["AssumeRole"] = lambda *of: (cloud.credentials if "RENEWED" in of[1].access_key else denies)(*of)
    describe(Endpoint(REGION, cloud.url, ROLE), session_name="another")
    assert [each.access_key for each in cloud.of("AssumeRole")] == ["AKIACONNECTOR", "AKIACONNECTOR", "AKIARENEWED"]


def test_a_role_cannot_be_assumed_with_a_key_that_stays_wrong(cloud: Aws) -> None:
    cloud.answers["AssumeRole"] = cloud.denies(403, "InvalidClientTokenId", "no")
    with pytest.raises(RefusedByUserFault, match=re.escape(ROLE)):
        describe(Endpoint(REGION, cloud.url, ROLE))
    assert len(cloud.requests) == len(cloud.of("AssumeRole")) == 2


def test_a_url_that_is_none_is_the_user_s_fault() -> None:
    with pytest.raises(RefusedByUserFault, match="cannot be called"):
        describe(Endpoint(REGION, "http://not a host"))


def test_wrong_parameters_are_the_user_s_fault(cloud: Aws) -> None:
    with pytest.raises(RefusedByUserFault, match="TrainingJobName"):
        call(Endpoint(REGION), "describe_training_job")
    assert cloud.requests == []


def test_many_threads_share_one_client(cloud: Aws) -> None:
    endpoint, start = Endpoint(REGION), threading.Barrier(32)

    def one(_: int) -> Any:
        start.wait()
        describe(endpoint)
        return aws.client(endpoint)

    with ThreadPoolExecutor(32) as pool:
        clients = set(pool.map(one, range(32)))
    assert len(clients) == 1
    assert len(cloud.requests) == 32


def test_sessions_without_a_role_are_one(cloud: Aws) -> None:
    endpoint = Endpoint(REGION)
    assert aws.client(endpoint, session_name="one") is aws.client(endpoint, session_name="another")


def test_clients_of_a_thousand_sessions_do_not_pile_up() -> None:
    """A client in steady use outlives them all; those dropped leave the memory."""
    endpoint = Endpoint(REGION, "http://127.0.0.1:1", ROLE)
    polls = aws.client(endpoint)
    made = weakref.WeakSet()
    for number in range(1000):
        made.add(aws.client(endpoint, "sts", f"execution-{number}"))
        assert aws.client(endpoint) is polls
    gc.collect()
    assert len(made) < 100


def test_logs_of_an_endpoint_with_a_url_are_asked_for_there(sagemaker: LocalSageMaker) -> None:
    endpoint, group = Endpoint("us-east-1", sagemaker.url), "/aws/sagemaker/TrainingJobs"
    streams = call(
        endpoint, "describe_log_streams", service="logs", logGroupName=group, logStreamNamePrefix="no-such-job/"
    )
    assert streams["logStreams"] == []
    with pytest.raises(RefusedByUserFault) as caught:
        call(endpoint, "get_log_events", service="logs", logGroupName=group, logStreamName="no-such-job/algo-1-1")
    assert caught.value.is_not_found


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("", "logs.eu-central-1.amazonaws.com"),
        ("https://vpce-0a1b.api.sagemaker.eu-central-1.vpce.amazonaws.com", "logs.eu-central-1.amazonaws.com"),
        ("https://aws.example.com", "aws.example.com"),
    ],
)
def test_a_vpc_endpoint_of_sagemaker_is_not_asked_for_logs(url: str, host: str) -> None:
    assert aws.client(Endpoint(REGION, url), "logs").meta.endpoint_url == f"https://{host}"


HERE, GATEWAY, LOGS = "http://127.0.0.1:1", "https://gateway.example.com", "https://logs.example.com"


@pytest.mark.parametrize(
    ("variables", "asked"),
    [
        ({"SAGEMAKER": HERE}, HERE),  # it has them all
        ({"SAGEMAKER": HERE, "CLOUDWATCH_LOGS": LOGS}, LOGS),
        ({"SAGEMAKER": GATEWAY}, "https://logs.eu-central-1.amazonaws.com"),  # which nobody said serves more
        ({"SAGEMAKER": GATEWAY, "CLOUDWATCH_LOGS": LOGS}, LOGS),
    ],
)
def test_logs_of_an_endpoint_of_the_environment_are_where_it_says(
    variables: dict[str, str], asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, url in variables.items():
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", url)
    assert aws.client(Endpoint(REGION, aws.configured_url()), "logs").meta.endpoint_url == asked


def test_the_url_of_sagemaker_is_found_as_boto3_finds_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = "[default]\nservices = mine\n[services mine]\nsagemaker =\n  endpoint_url = https://config.example.com\n"
    (tmp_path / "config").write_text(config)
    for name, url in (("", GATEWAY), ("_SAGEMAKER", LOGS), ("_S3", HERE)):
        found = aws.configured_url()
        assert found == boto3.Session().client("sagemaker", REGION).meta.endpoint_url
        monkeypatch.setenv(f"AWS_ENDPOINT_URL{name}", url)
    assert found == aws.configured_url() == LOGS
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    aws.forget_clients()
    assert aws.configured_url() == ""


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert aws.default_region() == ""
    monkeypatch.setenv(name, "eu-west-3")
    assert aws.default_region() == "eu-west-3"


def test_a_profile_that_is_not_there_is_the_user_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    aws.forget_clients()
    with pytest.raises(RefusedByUserFault, match="nobody"):
        describe(Endpoint(REGION))
