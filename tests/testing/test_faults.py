"""Each fault as a real boto3 client meets it, over HTTP and within the process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from flytekit_sagemaker.testing.conformance import training_request
from flytekit_sagemaker.testing.faults import PASSING, Fault, Faults
from flytekit_sagemaker.testing.simulation import SimulatedSageMaker

from .conftest import new_account

Create = Callable[[SimulatedSageMaker], Callable[[], Any]]

ERRORS = {
    Fault.THROTTLED: ("ThrottlingException", 400),
    Fault.INTERNAL_ERROR: ("InternalFailure", 500),
    Fault.INTERNAL_ERROR_AFTER_ACCEPTANCE: ("InternalFailure", 500),
    Fault.UNAVAILABLE: ("ServiceUnavailable", 503),
    Fault.ACCESS_DENIED: ("AccessDeniedException", 400),
    Fault.EXPIRED_TOKEN: ("ExpiredTokenException", 400),
    Fault.RESOURCE_LIMIT: ("ResourceLimitExceeded", 400),
}
LOST = {
    Fault.RESET: ConnectionClosedError,
    Fault.DROPPED: ConnectionClosedError,
    Fault.SLOW: ReadTimeoutError,
}
ACCEPTED = {
    Fault.INTERNAL_ERROR_AFTER_ACCEPTANCE,
    Fault.DROPPED,
    Fault.SLOW,
    Fault.TRUNCATED,
    Fault.SPOT_INTERRUPTION,
    Fault.PENDING,
    Fault.NO_CAPACITY,
}


@pytest.fixture(params=["over HTTP", "in process"])
def create(request: pytest.FixtureRequest, connect: Callable[..., Any]) -> Create:
    """Makes the call that creates the training job ``job``."""

    def caller(account: SimulatedSageMaker) -> Callable[[], Any]:
        asked = training_request("job")
        if request.param == "in process":
            return lambda: account.call("create_training_job", **asked)
        client = connect(account)
        return lambda: client.create_training_job(**asked)

    return caller


def with_fault(fault: Fault) -> SimulatedSageMaker:
    return new_account(faults=Faults.scheduled([("CreateTrainingJob", 1, fault)]))


@pytest.mark.parametrize("fault", ERRORS)
def test_errors_of_the_service(fault: Fault, create: Create) -> None:
    account = with_fault(fault)
    call = create(account)
    with pytest.raises(ClientError) as caught:
        call()
    code, status = ERRORS[fault]
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert account.creates("job") == (fault in ACCEPTED)


@pytest.mark.parametrize("fault", LOST)
def test_lost_answers(fault: Fault, create: Create) -> None:
    account = with_fault(fault)
    call = create(account)
    with pytest.raises(LOST[fault]):
        call()
    assert account.creates("job") == (fault in ACCEPTED)


def test_half_an_answer_is_an_answer_without_members_to_botocore(create: Create) -> None:
    account = with_fault(Fault.TRUNCATED)
    answer = create(account)()
    assert set(answer) == {"ResponseMetadata"}
    assert account.creates("job") == 1


def test_half_an_error_has_no_code(create: Create) -> None:
    account = new_account(faults=Faults.scheduled([("Create*", 2, Fault.TRUNCATED)]))
    call = create(account)
    call()
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.response["Error"]["Code"] == "400"


@pytest.mark.parametrize("fault", [fault for fault in PASSING if fault in ACCEPTED])
def test_after_a_lost_answer_the_name_is_taken(fault: Fault, create: Create) -> None:
    account = with_fault(fault)
    call = create(account)
    with contextlib.suppress(ClientError, ConnectionClosedError, ReadTimeoutError):
        call()
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    assert account.creates("job") == 1


def test_a_reset_connection_leaves_the_next_call_alone(create: Create) -> None:
    account = with_fault(Fault.RESET)
    call = create(account)
    with pytest.raises(ConnectionClosedError):
        call()
    assert call()["TrainingJobArn"].endswith("/job")


@pytest.mark.parametrize(
    ("fault", "seconds", "secondary", "status"),
    [
        (Fault.SPOT_INTERRUPTION, 400, "Interrupted", "InProgress"),
        (Fault.SPOT_INTERRUPTION, 700, "Starting", "InProgress"),
        (Fault.SPOT_INTERRUPTION, 2000, "Completed", "Completed"),
        (Fault.PENDING, 500, "Pending", "InProgress"),
        (Fault.PENDING, 2000, "Completed", "Completed"),
        (Fault.NO_CAPACITY, 100, "Failed", "Failed"),
    ],
)
def test_faults_of_the_job_itself(fault: Fault, seconds: float, secondary: str, status: str) -> None:
    account = with_fault(fault)
    account.call("create_training_job", **training_request("job"))
    account.clock.advance(seconds)
    described = account.call("describe_training_job", TrainingJobName="job")
    assert (described["SecondaryStatus"], described["TrainingJobStatus"]) == (secondary, status)
    assert ("FailureReason" in described) == (status == "Failed")
    assert described.get("FailureReason", "CapacityError").startswith("CapacityError")


def test_schedules_count_the_calls_that_fit_their_pattern() -> None:
    faults = Faults.scheduled([("Describe*", 2, Fault.THROTTLED), ("*", 4, Fault.UNAVAILABLE)])
    operations = [
        "DescribeTrainingJob",
        "ListTags",
        "DescribeHyperParameterTuningJob",
        "ListTags",
        "DescribeTrainingJob",
    ]
    assert [faults.next(operation) for operation in operations] == [
        None,
        None,
        Fault.THROTTLED,
        Fault.UNAVAILABLE,
        None,
    ]


def test_a_seed_fixes_the_faults_and_they_end() -> None:
    def drawn(seed: int) -> list[Fault | None]:
        faults = Faults.seeded(seed, rate=0.5, last_call=200)
        return [faults.next("DescribeTrainingJob") for _ in range(1000)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert set(drawn(1)[:200]) == {None, *PASSING}
    assert set(drawn(1)[200:]) == {None}


def test_what_only_befalls_creates_befalls_nothing_else() -> None:
    faults = Faults.seeded(1, rate=1.0, kinds=(Fault.RESOURCE_LIMIT, Fault.PENDING))
    assert faults.next("DescribeTrainingJob") is None
    assert faults.next("CreateHyperParameterTuningJob") is Fault.RESOURCE_LIMIT
    assert {faults.next("CreateTrainingJob") for _ in range(50)} == {Fault.RESOURCE_LIMIT, Fault.PENDING}


@pytest.mark.parametrize("seed", range(20))
def test_whoever_tries_again_gets_through_and_makes_one_job(seed: int) -> None:
    account = new_account(faults=Faults.seeded(seed, rate=0.9, last_call=30))
    for _ in range(31):
        with contextlib.suppress(ClientError, ConnectionClosedError, ReadTimeoutError):
            account.call("create_training_job", **training_request("job"))
    assert account.creates("job") == 1
    assert account.call("describe_training_job", TrainingJobName="job")["TrainingJobStatus"] == "InProgress"
