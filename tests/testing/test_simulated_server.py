"""The simulated account over HTTP: logs, assumed roles, and a server in a process of its own."""

from __future__ import annotations

import concurrent.futures
import functools
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from flytekit_sagemaker.clock import SystemClock
from flytekit_sagemaker.testing.clock import MovableClock
from flytekit_sagemaker.testing.conformance import training_request
from flytekit_sagemaker.testing.faults import Fault, Faults
from flytekit_sagemaker.testing.lives import Life
from flytekit_sagemaker.testing.simulated_server import SimulatedServer

from ..local.support import boto3_client
from .conftest import new_account

GROUP = "/aws/sagemaker/TrainingJobs"
ROLE = "arn:aws:iam::123456789012:role/Platform"


def test_logs_of_every_host_grow_with_the_training(connect: Callable[..., Any]) -> None:
    lines = {"algo-1": [f"epoch {number}" for number in range(10)], "algo-2": ["hello", "Killed"]}
    account = new_account(lives=lambda request: Life(logs=lines, end="Failed", failure_reason="AlgorithmError: x"))
    pair = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    account.call("create_training_job", **training_request("job", ResourceConfig=pair))
    logs = connect(account, "logs")

    def streams() -> list[str]:
        found = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="job/")["logStreams"]
        return [stream["logStreamName"] for stream in found]

    def messages(stream: str, **options: Any) -> list[str]:
        events = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, **options)["events"]
        return [event["message"] for event in events]

    assert streams() == []
    account.clock.advance(90 + 300)
    first, second = streams()
    assert first == f"job/algo-1-{int(1000 * (account.clock.time() - 300))}"
    assert messages(first, startFromHead=True) == lines["algo-1"][:5]
    assert messages(first, limit=2) == ["epoch 3", "epoch 4"]
    assert messages(second) == ["hello"]
    account.clock.advance(1000)
    assert messages(second) == ["hello", "Killed"]
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        messages("job/algo-3-1")


def test_a_role_that_was_assumed_expires(connect: Callable[..., Any]) -> None:
    clock = MovableClock(time.time())
    account = new_account(clock, session_seconds=900)
    asked = {"RoleArn": ROLE, "RoleSessionName": "flyte-f1", "ExternalId": "secret"}
    answer = connect(account, "sts").assume_role(**asked)
    credentials = answer["Credentials"]
    assert credentials["Expiration"].timestamp() == pytest.approx(clock.time() + 900, abs=0.001)
    assert [(session.role_arn, session.name, session.external_id) for session in account.sessions()] == [
        (ROLE, "flyte-f1", "secret")
    ]
    keys = {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
    sagemaker = connect(account, **keys)
    assert sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
    assert account.calls.recent[-1].access_key == credentials["AccessKeyId"]
    identity = connect(account, "sts", **keys).get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/Platform/flyte-f1"
    clock.advance(900)
    with pytest.raises(ClientError) as caught:
        sagemaker.list_training_jobs()
    assert caught.value.response["Error"]["Code"] == "ExpiredTokenException"


@pytest.mark.parametrize("name", ["ended", "running", "nobody"])
def test_calls_in_the_process_return_what_boto3_does(name: str, connect: Callable[..., Any]) -> None:
    account = new_account()
    for seconds, each in ((1000, "ended"), (100, "running")):
        account.call("create_training_job", **training_request(each))
        account.clock.advance(seconds)
    client = connect(account)
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}"
    for operation, parameters in (
        ("describe_training_job", {"TrainingJobName": name}),
        ("list_training_jobs", {"NameContains": name}),
        ("list_tags", {"ResourceArn": arn}),
        ("stop_training_job", {"TrainingJobName": name}),
    ):
        real = _outcome(functools.partial(getattr(client, operation), **parameters))
        assert _outcome(functools.partial(account.call, operation, **parameters)) == real


def _outcome(call: Callable[[], Any]) -> Any:
    """The answer, or the error's code and message, without what tells one response from another."""
    try:
        answer = call()
    except ClientError as error:
        return error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"], error.operation_name
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def test_faults_befall_the_other_services_too(connect: Callable[..., Any]) -> None:
    account = new_account(faults=Faults.scheduled([("AssumeRole", 1, Fault.ACCESS_DENIED)]))
    with pytest.raises(ClientError) as caught:
        connect(account, "sts").assume_role(RoleArn=ROLE, RoleSessionName="flyte")
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


def test_jobs_belong_to_the_region_that_the_request_was_signed_for() -> None:
    with SimulatedServer(new_account()) as server:
        client = boto3_client(server.url, region="cn-north-1")
        arn = client.create_training_job(**training_request("job"))["TrainingJobArn"]
    assert arn == "arn:aws-cn:sagemaker:cn-north-1:123456789012:training-job/job"


def test_one_of_many_concurrent_creates_is_accepted() -> None:
    account = new_account()
    with SimulatedServer(account) as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
        client = boto3_client(server.url)

        def create(_: int) -> bool:
            try:
                client.create_training_job(**training_request("job"))
            except client.exceptions.ResourceInUse:
                return False
            return True

        assert sum(pool.map(create, range(40))) == 1
    assert account.creates("job") == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"TrainingJobName": 5}'])
def test_whatever_is_no_request_is_refused(body: bytes) -> None:
    with SimulatedServer(new_account()) as server:
        target = {"X-Amz-Target": "SageMaker.DescribeTrainingJob"}
        request = urllib.request.Request(server.url, data=body, headers=target)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code == 400
        assert json.load(caught.value)["__type"] in ("SerializationException", "ValidationException")


def test_a_held_answer_does_not_keep_the_server_from_ending() -> None:
    account = new_account(SystemClock(), faults=Faults.scheduled([("ListTrainingJobs", 1, Fault.SLOW)]))
    with SimulatedServer(account) as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
        request = urllib.request.Request(server.url, data=b"{}", headers={"X-Amz-Target": "SageMaker.ListTrainingJobs"})
        held = pool.submit(urllib.request.urlopen, request)
        while not account.calls.total:
            time.sleep(0.005)
        server.stop()
        assert isinstance(held.exception(), ConnectionError)


def test_a_server_in_a_process_of_its_own_tells_its_url_and_its_state() -> None:
    command = [sys.executable, "-m", "flytekit_sagemaker.testing.simulated_server", "--movable", "--seconds", "71"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        boto3_client(url).create_training_job(**training_request("job"))
        state = json.load(urllib.request.urlopen(f"{url}/state"))
        assert state["jobs"] == {"job": "InProgress"}
        assert (state["creates"], state["running"], state["calls"]) == ({"job": 1}, ["job"], {"CreateTrainingJob": 1})
        moved = urllib.request.Request(f"{url}/advance?seconds=71", method="POST")
        assert json.load(urllib.request.urlopen(moved))["jobs"] == {"job": "Completed"}
        process.terminate()
    assert process.returncode == 0
