"""The parents of a warm start are asked for before the create; what cannot be learned is left to the service."""

from __future__ import annotations

import pytest

from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.connector.parents import parent_problems
from flytekit_sagemaker.testing.clock import MovableClock
from flytekit_sagemaker.testing.faults import Fault, Faults
from flytekit_sagemaker.testing.simulated_server import SimulatedServer
from flytekit_sagemaker.testing.simulation import SimulatedSageMaker
from tests.requests import samples
from tests.requests.changes import changed

NAMES = ("one", "two")
REQUEST = {
    "TrainingJobDefinition": {},
    "WarmStartConfig": {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": name} for name in NAMES],
        "WarmStartType": "TransferLearning",
    },
}


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-test")


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("fault", "unknown"),
    [(None, ["one", "two"]), (Fault.ACCESS_DENIED, ["two"]), (Fault.THROTTLED, [])],
)
def test_only_what_the_service_says_is_held_against_a_parent(fault: Fault | None, unknown: list[str]) -> None:
    schedule = [("DescribeHyperParameterTuningJob", 1, fault)] if fault else []
    with SimulatedServer(SimulatedSageMaker(MovableClock(), faults=Faults.scheduled(schedule))) as server:
        problems = parent_problems(Endpoint("us-east-1", server.url), REQUEST)
    assert [problem.value for problem in problems] == unknown
    assert all("does not exist" in problem.rule for problem in problems)


@pytest.mark.usefixtures("credentials")
def test_other_data_that_is_called_identical_is_advice_and_no_refusal() -> None:
    request = samples.tuning().parameters
    parents = {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}]}
    warm_start = {**parents, "WarmStartType": "IdenticalDataAndAlgorithm"}
    clock = MovableClock()
    account = SimulatedSageMaker(clock)
    account.call("create_hyper_parameter_tuning_job", **{**request, "HyperParameterTuningJobName": "parent"})
    clock.advance(100_000)
    where = "TrainingJobDefinition.InputDataConfig[0].DataSource.S3DataSource.S3Uri"
    child = changed(request, {"WarmStartConfig": warm_start, where: "s3://bucket/newer"})
    with SimulatedServer(account) as server:
        (advice,) = parent_problems(Endpoint("us-east-1", server.url), child)
    assert not advice.fatal
    assert "has s3://bucket/train in the channel train, not s3://bucket/newer" in advice.rule
