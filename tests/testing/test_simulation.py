"""The simulated account: the lives of its jobs, its quotas, and that it is quick with thousands of jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from flytekit_sagemaker.testing.conformance import training_request, tuning_request
from flytekit_sagemaker.testing.faults import Fault, Faults
from flytekit_sagemaker.testing.lives import Life
from flytekit_sagemaker.testing.quotas import Quotas, Rate
from flytekit_sagemaker.testing.simulation import SimulatedSageMaker

from .conftest import new_account


def create(account: SimulatedSageMaker, name: str = "job", **members: Any) -> None:
    account.call("create_training_job", **training_request(name, **members))


def after(account: SimulatedSageMaker, seconds: float, name: str = "job") -> dict[str, Any]:
    account.clock.advance(seconds)
    return account.call("describe_training_job", TrainingJobName=name)


def code_of(call: Callable[[], Any]) -> str:
    """The error code that a call ends with; empty when it goes well."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_a_job_follows_the_clock_and_stands_still_with_it() -> None:
    account = new_account()
    create(account)
    seen = [after(account, seconds)["SecondaryStatus"] for seconds in (0, 59, 1, 29, 1, 599, 1, 19, 1, 10_000)]
    phases = ["Starting", "Starting", "Downloading", "Downloading", "Training", "Training", "Uploading", "Uploading"]
    assert seen == [*phases, "Completed", "Completed"]
    described = account.call("describe_training_job", TrainingJobName="job")
    assert (described["TrainingTimeInSeconds"], described["BillableTimeInSeconds"]) == (650, 650)


def test_a_life_is_chosen_by_the_request() -> None:
    def lives(request: Any) -> Life:
        bad = request["HyperParameters"]["eta"] == "9"
        return Life(end="Failed", failure_reason="AlgorithmError: eta is too big") if bad else Life()

    account = new_account(lives=lives)
    create(account, "good", HyperParameters={"eta": "0.1"})
    create(account, "bad", HyperParameters={"eta": "9"})
    assert after(account, 1000, "good")["TrainingJobStatus"] == "Completed"
    bad = account.call("describe_training_job", TrainingJobName="bad")
    assert (bad["TrainingJobStatus"], bad["FailureReason"]) == ("Failed", "AlgorithmError: eta is too big")


def test_the_runtime_limit_counts_from_the_start_of_training() -> None:
    account = new_account()
    create(account, StoppingCondition={"MaxRuntimeInSeconds": 100})
    assert after(account, 159)["SecondaryStatus"] == "Training"
    assert after(account, 1)["SecondaryStatus"] == "Uploading"
    ended = after(account, 20)
    assert (ended["TrainingJobStatus"], ended["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_the_wait_limit_counts_interruptions() -> None:
    account = new_account(lives=lambda request: Life().interrupted(3600))
    limits = {"MaxRuntimeInSeconds": 1800, "MaxWaitTimeInSeconds": 1800}
    create(account, StoppingCondition=limits, EnableManagedSpotTraining=True)
    assert after(account, 1799)["SecondaryStatus"] == "Interrupted"
    ended = after(account, 1)
    assert (ended["TrainingJobStatus"], ended["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert ended["BillableTimeInSeconds"] == 330


def test_stopping_twice_is_stopping_once() -> None:
    account = new_account()
    create(account)
    account.clock.advance(100)
    account.call("stop_training_job", TrainingJobName="job")
    assert after(account, 20)["TrainingJobStatus"] == "Stopping"
    account.call("stop_training_job", TrainingJobName="job")
    assert account.running() == ["job"]
    assert after(account, 10)["TrainingJobStatus"] == "Stopped"
    assert account.running() == []
    assert after(account, 10_000)["TrainingJobStatus"] == "Stopped"


def test_names_are_taken_in_any_case_until_the_job_is_deleted() -> None:
    account = new_account()
    create(account, "Job")
    assert code_of(lambda: create(account, "jOB")) == "ResourceInUse"
    assert code_of(lambda: account.call("delete_training_job", TrainingJobName="Job")) == "ResourceInUse"
    account.clock.advance(1000)
    assert code_of(lambda: create(account, "Job")) == "ResourceInUse"
    account.call("delete_training_job", TrainingJobName="Job")
    assert account.job_names() == []
    create(account, "Job")
    assert account.creates("Job") == 2


def test_request_quotas_are_token_buckets_of_each_operation() -> None:
    account = new_account(quotas=Quotas(lists=Rate(2, 3)))

    def list_jobs() -> Any:
        return account.call("list_training_jobs")

    assert [code_of(list_jobs) for _ in range(4)] == ["", "", "", "ThrottlingException"]
    assert code_of(lambda: account.call("list_hyper_parameter_tuning_jobs")) == ""
    account.clock.advance(0.5)
    assert [code_of(list_jobs) for _ in range(2)] == ["", "ThrottlingException"]
    account.clock.advance(3600)
    assert [code_of(list_jobs) for _ in range(4)] == ["", "", "", "ThrottlingException"]
    assert account.calls.throttled == 3
    assert account.calls.operations["ListTrainingJobs"] == 10


def test_what_is_throttled_has_no_effect() -> None:
    account = new_account(quotas=Quotas(creates=Rate(1, 1)))
    create(account, "first")
    assert code_of(lambda: create(account, "second")) == "ThrottlingException"
    assert account.job_names() == ["first"]


def test_instance_quotas_are_freed_when_jobs_end() -> None:
    quotas = Quotas(instances={"ml.m5.large": 3})
    account = new_account(quotas=quotas)
    pair = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    create(account, "first", ResourceConfig=pair)
    with pytest.raises(ClientError) as caught:
        create(account, "second", ResourceConfig=pair)
    assert caught.value.response["Error"]["Code"] == "ResourceLimitExceeded"
    assert (
        "'ml.m5.large for training job usage' is 3 Instances, with current utilization of 2 Instances and a request "
        "delta of 2 Instances" in caught.value.response["Error"]["Message"]
    )
    create(account, "other", ResourceConfig={**pair, "InstanceType": "ml.c5.large"})
    account.clock.advance(1000)
    create(account, "second", ResourceConfig=pair)


def test_sweeps_over_thousands_of_jobs_find_each_running_one_once() -> None:
    account = new_account()
    for number in range(3000):
        create(account, f"job-{number}")
        if number == 999:
            account.clock.advance(1000)
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = account.call(
            "list_training_jobs", StatusEquals="InProgress", MaxResults=100, SortBy="CreationTime", **token
        )
        seen += [summary["TrainingJobName"] for summary in page["TrainingJobSummaries"]]
        # Jobs that end between two pages do not disturb the rest of the sweep.
        account.call("stop_training_job", TrainingJobName=seen[-1])
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert seen == [f"job-{number}" for number in range(1000, 3000)]
    assert account.calls.operations["ListTrainingJobs"] == 20


def test_sort_orders_and_moments_of_lists() -> None:
    account = new_account()
    for name in ("b", "c", "a"):
        create(account, name)
        account.clock.advance(300)

    def listed(**filters: Any) -> str:
        summaries = account.call("list_training_jobs", **filters)["TrainingJobSummaries"]
        return "".join(summary["TrainingJobName"] for summary in summaries)

    second = account.call("describe_training_job", TrainingJobName="c")
    assert listed() == "bca"
    assert listed(SortOrder="Descending") == "acb"
    assert listed(SortBy="Name") == "abc"
    assert listed(SortBy="Status", SortOrder="Ascending") == "bca"
    assert listed(StatusEquals="Completed") == "b"
    assert listed(CreationTimeAfter=second["CreationTime"]) == "a"
    assert listed(CreationTimeBefore=second["CreationTime"]) == "b"
    assert listed(LastModifiedTimeAfter=second["LastModifiedTime"]) == "ba"
    assert code_of(lambda: listed(NextToken="made-up")) == "ValidationException"


def tune(account: SimulatedSageMaker, name: str = "search", trials: int = 6) -> Callable[[], dict[str, Any]]:
    account.call("create_hyper_parameter_tuning_job", **tuning_request(name, training_request("x"), trials=trials))
    return lambda: account.call("describe_hyper_parameter_tuning_job", HyperParameterTuningJobName=name)


def test_a_tuning_job_whose_trials_all_fail_fails_after_five() -> None:
    failure = Life(end="Failed", failure_reason="AlgorithmError: no")
    account = new_account(lives=lambda request: failure)
    describe = tune(account, trials=20)
    account.clock.advance(100_000)
    described = describe()
    assert described["HyperParameterTuningJobStatus"] == "Failed"
    assert described["FailureReason"].startswith("No training job succeeded after ")
    assert "BestTrainingJob" not in described
    assert described["TrainingJobStatusCounters"]["NonRetryableError"] in (5, 6)
    assert account.running() == []


def test_a_seed_fixes_what_a_tuning_job_finds() -> None:
    def best(seed: int) -> Any:
        account = new_account(seed=seed)
        describe = tune(account)
        account.clock.advance(100_000)
        trial = describe()["BestTrainingJob"]
        return trial["TunedHyperParameters"], trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]

    assert best(1) == best(1)
    assert best(1) != best(2)


def test_objectives_come_from_the_lives_of_trials() -> None:
    account = new_account(
        lives=lambda request: Life(final_metrics={"loss": float(request["HyperParameters"]["eta"]) ** 2})
    )
    describe = tune(account)
    account.clock.advance(100_000)
    best = describe()["BestTrainingJob"]
    found = best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    assert found == float(best["TunedHyperParameters"]["eta"]) ** 2
    described = account.call("describe_training_job", TrainingJobName=best["TrainingJobName"])
    assert described["FinalMetricDataList"][0]["Value"] == pytest.approx(found)


def test_trials_carry_the_tags_of_their_tuning_job() -> None:
    account = new_account()
    request = tuning_request("search", training_request("x"), trials=1)
    account.call("create_hyper_parameter_tuning_job", **request, Tags=[{"Key": "who", "Value": "me"}])
    trial = account.call("list_training_jobs")["TrainingJobSummaries"][0]
    assert account.call("list_tags", ResourceArn=trial["TrainingJobArn"])["Tags"] == [{"Key": "who", "Value": "me"}]


def test_a_tuning_job_ends_with_its_runtime() -> None:
    account = new_account()
    request = tuning_request("search", training_request("x"), trials=100)
    request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxRuntimeInSeconds"] = 1000
    account.call("create_hyper_parameter_tuning_job", **request)
    account.clock.advance(1100)
    described = account.call("describe_hyper_parameter_tuning_job", HyperParameterTuningJobName="search")
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    assert described["TrainingJobStatusCounters"]["Stopped"] == 2
    assert described["TrainingJobStatusCounters"]["Completed"] == 2


def test_answers_belong_to_their_caller() -> None:
    account = new_account()
    create(account)
    account.call("describe_training_job", TrainingJobName="job")["ResourceConfig"]["InstanceCount"] = 99
    assert after(account, 0)["ResourceConfig"]["InstanceCount"] == 1


def test_calls_are_recorded_with_what_became_of_them() -> None:
    account = new_account(faults=Faults.scheduled([("CreateTrainingJob", 1, Fault.UNAVAILABLE)]))
    assert code_of(lambda: create(account)) == "ServiceUnavailable"
    create(account)
    assert [(call.operation, call.code) for call in account.calls.recent] == [
        ("CreateTrainingJob", "ServiceUnavailable"),
        ("CreateTrainingJob", ""),
    ]
    assert account.calls.codes["CreateTrainingJob", ""] == 1
    assert account.calls.total == 2
