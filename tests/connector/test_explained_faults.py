"""What is said when it was AWS: capacity, spot instances, and logs that cannot be read, from a simulated account."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.connector.explanation import Explanation, explain
from flytekit_sagemaker.status import Move
from flytekit_sagemaker.testing.clock import MovableClock
from flytekit_sagemaker.testing.faults import Fault, Faults
from flytekit_sagemaker.testing.lives import Life
from flytekit_sagemaker.testing.quotas import Quotas
from flytekit_sagemaker.testing.simulated_server import SimulatedServer
from flytekit_sagemaker.testing.simulation import SimulatedSageMaker

DEFINITION: dict[str, Any] = {
    "RoleArn": "arn:aws:iam::123456789012:role/training",
    "AlgorithmSpecification": {"TrainingImage": "123456789012.dkr.ecr/image", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://models/out"},
    "ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
}
FAILS = Life(end="Failed", failure_reason="AlgorithmError: Exit Code: 1", logs=("epoch 1", "MemoryError: 9 GiB"))


class Account:
    """A simulated account over HTTP in which jobs are run to their end and explained."""

    def __init__(self, server: SimulatedServer, clock: MovableClock) -> None:
        self.simulated, self.clock = server.account, clock
        self.endpoint = Endpoint("us-east-1", server.url)

    def explained(self, **changes: Any) -> Explanation:
        self.simulated.call("create_training_job", TrainingJobName="job", **{**DEFINITION, **changes})
        self.clock.advance(100_000)
        description = self.simulated.call("describe_training_job", TrainingJobName="job")
        return explain(self.endpoint, "training", description, {})

    def explained_search(self, trials: int = 6) -> Explanation:
        config = {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": trials, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]},
        }
        metrics = [{"Name": "loss", "Regex": "loss=(.*)"}]
        algorithm = {**DEFINITION["AlgorithmSpecification"], "MetricDefinitions": metrics}
        self.simulated.call(
            "create_hyper_parameter_tuning_job",
            HyperParameterTuningJobName="search",
            HyperParameterTuningJobConfig=config,
            TrainingJobDefinition={**DEFINITION, "AlgorithmSpecification": algorithm},
        )
        self.clock.advance(1_000_000)
        name = {"HyperParameterTuningJobName": "search"}
        description = self.simulated.call("describe_hyper_parameter_tuning_job", **name)
        return explain(self.endpoint, "tuning", description, {})

    def calls(self, operation: str) -> int:
        return self.simulated.calls.operations[operation]


@contextlib.contextmanager
def account(life: Life | Mapping[int, Life] = FAILS, faults: Faults | None = None) -> Iterator[Account]:
    clock = MovableClock()
    lives = iter(life.values()) if isinstance(life, Mapping) else None
    choose = (lambda request: next(lives)) if lives else (lambda request: life)
    simulated = SimulatedSageMaker(clock, quotas=Quotas.unlimited(), faults=faults, lives=choose)
    with SimulatedServer(simulated) as server:
        yield Account(server, clock)


def test_no_capacity_is_the_platforms_and_says_what_can_be_done() -> None:
    with account(Life().without_capacity()) as here:
        found = here.explained()
    first, remedy, note = found.message.splitlines()
    assert first.startswith(
        "training job job failed: CapacityError: Unable to provision requested ML compute capacity."
    )
    assert "1 × ml.g5.xlarge in us-east-1" in remedy
    assert note.startswith("there is no log")
    assert found.move is Move.NOBODY


def test_spot_instances_that_never_came_back_end_in_the_wait_limit() -> None:
    limits = {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 4000}
    with account(Life(logs=["step 1", "step 2"]).interrupted(50_000)) as here:
        found = here.explained(StoppingCondition=limits, EnableManagedSpotTraining=True)
    assert found.message.startswith(
        "training job job was stopped because it reached max_wait_time_in_seconds = 4000, which counts the waiting"
    )
    assert "spot instances were reclaimed by AWS once; with checkpoint_s3_uri" in found.message
    assert "s3://models/out/job/output/model.tar.gz" in found.message
    assert found.log_tail == ("step 1", "step 2")
    assert found.move is Move.NOBODY


@pytest.mark.parametrize(
    ("operation", "fault", "words"),
    [
        ("DescribeLogStreams", Fault.ACCESS_DENIED, "not authorized"),
        ("GetLogEvents", Fault.ACCESS_DENIED, "not authorized"),
        ("DescribeLogStreams", Fault.THROTTLED, "Rate exceeded"),
        ("GetLogEvents", Fault.DROPPED, "got no answer"),
        ("GetLogEvents", Fault.INTERNAL_ERROR, "unknown error"),
    ],
)
def test_a_log_that_is_refused_leaves_a_note(operation: str, fault: Fault, words: str) -> None:
    with account(faults=Faults.scheduled([(operation, 1, fault)])) as here:
        first, note = here.explained().message.splitlines()
    assert first == "training job job failed: AlgorithmError: Exit Code: 1"
    assert note.startswith("the log could not be read: ")
    assert words in note


def test_of_many_hosts_a_few_are_read() -> None:
    resources = {**DEFINITION["ResourceConfig"], "InstanceCount": 40}
    logs = {f"algo-{number}": [f"host {number}"] for number in range(1, 41)}
    life = Life(end="Failed", failure_reason="AlgorithmError: see algo-33", logs=logs)
    with account(life) as here:
        assert here.explained(ResourceConfig=resources).log_tail == ("host 33",)
        assert (here.calls("DescribeLogStreams"), here.calls("GetLogEvents")) == (1, 1)
    with account(Life(end="Failed", failure_reason="AlgorithmError: boom", logs=logs)) as here:
        assert here.explained(ResourceConfig=resources).log_tail == ("host 1",)
        assert (here.calls("DescribeLogStreams"), here.calls("GetLogEvents")) == (1, 4)


def test_a_tuning_job_without_capacity_for_any_trial_is_the_platforms() -> None:
    with account(Life().without_capacity()) as here:
        found = here.explained_search()
    assert "failed trials), here of search-" in found.message
    assert "AWS has no capacity for 1 × ml.g5.xlarge in us-east-1" in found.message
    assert found.move is Move.NOBODY


def test_one_trial_that_failed_by_its_own_fault_makes_it_the_users() -> None:
    lives = {number: FAILS if number == 3 else Life().without_capacity() for number in range(6)}
    with account(lives) as here:
        found = here.explained_search()
    assert "most common failure (4 of 5 failed trials)" in found.message
    assert found.move is Move.USER


def test_trials_that_cannot_be_listed_cost_only_the_trials() -> None:
    faults = Faults.scheduled([("ListTrainingJobsForHyperParameterTuningJob", 1, Fault.THROTTLED)])
    with account(faults=faults) as here:
        found = here.explained_search()
    assert found.message.startswith("tuning job search failed: ")
    assert "its trials could not be listed: " in found.message
    assert "Rate exceeded" in found.message


def test_the_listing_of_failed_trials_is_bounded() -> None:
    lives = {number: Life(final_metrics={"loss": 1.0}) if number == 0 else FAILS for number in range(700)}
    with account(lives) as here:
        found = here.explained_search(450)
        assert here.calls("ListTrainingJobsForHyperParameterTuningJob") == 2
    assert "most common failure (200 of the first 200 failed trials)" in found.message
