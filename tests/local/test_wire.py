"""The protocol: errors in the service's codes and words, lists and their pages, tags, and who is served at all."""

from __future__ import annotations

import base64
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from flytekit_sagemaker.local.server import LocalSageMaker

from .support import Jobs, boto3_client, channel, warm_start


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def post(url: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url, body, {name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_name_is_used_once(jobs: Jobs) -> None:
    arn = jobs.train("once")
    with pytest.raises(jobs.client.exceptions.ResourceInUse, match=f"already exists .{arn}"):
        jobs.train("once")
    jobs.tune("once", jobs=1)
    with pytest.raises(jobs.client.exceptions.ResourceInUse, match="with the name, once, already exists"):
        jobs.tune("once", jobs=1)


def test_a_name_is_used_once_by_clients_at_the_same_time(jobs: Jobs) -> None:
    outcomes: list[str] = []

    def create() -> None:
        other = Jobs(jobs.server, jobs.folder)
        try:
            other.train("contested")
            outcomes.append("created")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["ResourceInUse"] * 3 + ["created"]
    assert jobs.ended("contested")["TrainingJobStatus"] == "Completed"


def test_what_does_not_exist(jobs: Jobs) -> None:
    client = jobs.client
    missing = ("ValidationException", "Requested resource not found.")
    assert refusal(client.describe_training_job, TrainingJobName="nobody") == missing
    assert refusal(client.stop_training_job, TrainingJobName="nobody") == missing
    for call in (
        client.describe_hyper_parameter_tuning_job,
        client.stop_hyper_parameter_tuning_job,
        client.list_training_jobs_for_hyper_parameter_tuning_job,
    ):
        assert refusal(call, HyperParameterTuningJobName="nobody")[0] == "ResourceNotFound"


def test_what_has_ended_cannot_be_stopped(jobs: Jobs) -> None:
    jobs.train("over", {"exit": "1"})
    jobs.ended("over")
    assert refusal(jobs.client.stop_training_job, TrainingJobName="over") == (
        "ValidationException",
        "The request was rejected because the training job is in status Failed.",
    )
    jobs.tune("over", jobs=1)
    jobs.tuning_ended("over")
    code, message = refusal(jobs.client.stop_hyper_parameter_tuning_job, HyperParameterTuningJobName="over")
    assert code == "ValidationException"
    assert "is in status Completed" in message


def test_broken_rules_are_told_in_the_service_s_words_all_at_once(jobs: Jobs) -> None:
    definition = jobs.definition(ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1})
    definition["RoleArn"] = "arn:aws:iam::1:role/short-account"
    code, message = refusal(jobs.client.create_training_job, TrainingJobName="under_score", **definition)
    assert code == "ValidationException"
    assert message.startswith(
        "2 validation errors detected: Value 'under_score' at 'trainingJobName' failed to satisfy"
    )
    assert "at 'roleArn' failed to satisfy constraint: Member must satisfy regular expression pattern" in message


@pytest.mark.parametrize("name", ["../escape", "a/b", "..", "", "x" * 64, "a\0b"])
def test_no_name_leaves_the_root(jobs: Jobs, name: str) -> None:
    body = json.dumps({"TrainingJobName": name, **jobs.definition()}).encode()
    status, answer = post(jobs.server.url, body, X_Amz_Target="SageMaker.CreateTrainingJob")
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert "trainingJobName" in answer["message"]


def test_unknown_members_are_named_with_the_one_that_was_meant(jobs: Jobs) -> None:
    body = json.dumps({"TrainingJobName": "typo", "HyperParametres": {}, **jobs.definition()}).encode()
    status, answer = post(jobs.server.url, body, X_Amz_Target="SageMaker.CreateTrainingJob")
    assert status == 400
    assert "HyperParametres" in answer["message"]
    assert "Did you mean 'HyperParameters'?" in answer["message"]


def test_an_unknown_operation(jobs: Jobs) -> None:
    assert refusal(jobs.client.list_endpoints)[0] == "UnknownOperationException"
    status, answer = post(jobs.server.url, b"{}")
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


NESTED = b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize("depth", range(100, 1000, 20))
def test_a_body_of_any_depth_is_the_client_s_fault(jobs: Jobs, depth: int) -> None:
    body = b'{"a": ' + b"[" * depth + b"]" * depth + b"}"
    assert post(jobs.server.url, body, X_Amz_Target="SageMaker.DescribeTrainingJob")[0] == 400


def token(value: object, name: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(["ListTrainingJobs", value, name]).encode()).decode()


@pytest.mark.parametrize(
    ("operation", "members", "code"),
    [
        ("SageMaker.ListTrainingJobs", {"CreationTimeAfter": "yesterday"}, "SerializationException"),
        ("SageMaker.ListTrainingJobs", {"CreationTimeAfter": 10**30}, "SerializationException"),
        ("SageMaker.ListTrainingJobs", {"NextToken": token(10**30, "a")}, "ValidationException"),
        ("SageMaker.ListTrainingJobs", {"NextToken": token(1, 2)}, "ValidationException"),
        ("SageMaker.ListTrainingJobs", {"MaxResults": "5"}, "ValidationException"),
        ("SageMaker.ListHyperParameterTuningJobs", {"NextToken": token("a", "a")}, "ValidationException"),
        ("SageMaker.ListTags", {"ResourceArn": "arn:x", "NextToken": token("a", "a")}, "ValidationException"),
        ("Logs_20140328.DescribeLogStreams", {"logStreamNamePrefix": 5}, "InvalidParameterException"),
        ("Logs_20140328.DescribeLogStreams", {"limit": "5"}, "InvalidParameterException"),
        ("Logs_20140328.DescribeLogStreams", {"nextToken": "f/" + "9" * 5000}, "InvalidParameterException"),
        ("Logs_20140328.GetLogEvents", {}, "InvalidParameterException"),
    ],
)
def test_members_of_no_use_are_refused(jobs: Jobs, operation: str, members: dict[str, Any], code: str) -> None:
    group = {"logGroupName": "/aws/sagemaker/TrainingJobs"} if operation.startswith("Logs") else {}
    status, answer = post(jobs.server.url, json.dumps({**group, **members}).encode(), X_Amz_Target=operation)
    assert (status, answer["__type"]) == (400, code)


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"TrainingJobName": "a"} x', NESTED, b'{"a": "\\ud800"}'])
def test_a_body_that_is_no_json_object(jobs: Jobs, body: bytes) -> None:
    status, answer = post(jobs.server.url, body, X_Amz_Target="SageMaker.DescribeTrainingJob")
    assert (status, answer["__type"]) == (400, "SerializationException")


def test_a_body_that_is_too_large(jobs: Jobs) -> None:
    status, answer = post(jobs.server.url, b" " * (5 << 20), X_Amz_Target="SageMaker.ListTrainingJobs")
    assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "[::1]", "[", ""])
def test_other_hosts_names_are_refused(jobs: Jobs, host: str) -> None:
    status, _ = post(jobs.server.url, b"{}", X_Amz_Target="SageMaker.ListTrainingJobs", Host=host)
    assert status in (400, 403)


def test_localhost_is_served(jobs: Jobs) -> None:
    url = jobs.server.url.replace("127.0.0.1", "localhost")
    assert post(url, b"{}", X_Amz_Target="SageMaker.ListTrainingJobs")[0] == 200


def test_the_region_is_the_one_that_the_request_was_signed_for(jobs: Jobs) -> None:
    elsewhere = Jobs(jobs.server, jobs.folder)
    elsewhere.client = boto3_client(jobs.server.url, "cn-north-1")
    assert elsewhere.train("Far-Away") == "arn:aws-cn:sagemaker:cn-north-1:000000000000:training-job/far-away"
    assert jobs.train("near") == "arn:aws:sagemaker:us-east-1:000000000000:training-job/near"


def test_a_server_with_an_access_key_serves_only_those_who_sign_with_it(
    new_server: Callable[..., LocalSageMaker],
) -> None:
    server = new_server(access_key="sesame")
    assert server.access_key == "sesame"
    assert boto3_client(server.url, access_key="sesame").list_training_jobs()["TrainingJobSummaries"] == []
    stranger = boto3_client(server.url, access_key="sesam")
    assert refusal(stranger.list_training_jobs) == (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )
    assert post(server.url, b"{}", X_Amz_Target="SageMaker.ListTrainingJobs")[0] == 403


def test_data_that_is_not_there_is_refused(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for index, uri in enumerate(("empty", "nowhere/at/all")):
        with pytest.raises(ClientError, match="no objects found under the prefix"):
            jobs.train(f"no-data-{index}", InputDataConfig=[channel("train", tmp_path / uri)])


def test_data_of_no_use_for_the_algorithm_is_refused(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("label,feature\n1,2\n0,3\n")
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    with pytest.raises(ClientError, match="header"):
        jobs.train("header", image=image, InputDataConfig=[channel("train", tmp_path, ContentType="text/csv")])


def test_paths_with_too_few_slashes_are_refused(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(ClientError) as caught:
        jobs.train(
            "slashes",
            InputDataConfig=[channel("train", "file://data/train")],
            OutputDataConfig={"S3OutputPath": "file://out"},
        )
    message = caught.value.response["Error"]["Message"]
    assert message.startswith("2 validation errors detected: ")
    assert message.count("a path here begins with file:///") == 2


def test_a_metric_definition_that_is_no_regular_expression_is_refused(jobs: Jobs) -> None:
    algorithm = jobs.definition()["AlgorithmSpecification"]
    algorithm["MetricDefinitions"] = [{"Name": "loss", "Regex": "loss=(.*"}]
    with pytest.raises(ClientError, match="Regex = 'loss=.*is no regular expression"):
        jobs.train("bad-regex", AlgorithmSpecification=algorithm)
    with pytest.raises(ClientError, match="not found"):
        jobs.describe("bad-regex")


def test_the_hosts_of_instance_groups_are_counted(jobs: Jobs) -> None:
    group = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
    groups = [{**group, "InstanceGroupName": name} for name in ("one", "two")]
    jobs.train("groups", ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1})
    assert jobs.ended("groups")["TrainingJobStatus"] == "Completed"
    hosts = (jobs.server.root / "training-jobs" / "groups").iterdir()
    assert sorted(host.name for host in hosts) == ["algo-1", "algo-2"]


@pytest.mark.parametrize(
    ("source", "instead"),
    [
        (
            {
                "DatasetSource": {
                    "DatasetArn": "arn:aws:sagemaker:us-east-1:123456789012:hub-content/hub/DataSet/rows/1.0.0"
                }
            },
            "no data sets of hubs. Download it",
        ),
        (
            {"S3DataSource": {"S3DataType": "Converse", "S3Uri": "s3://bucket/talk"}},
            "converts no conversations. Give files",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_data_that_is_not_to_be_had_here_is_refused_with_what_to_use_instead(
    jobs: Jobs, source: dict[str, Any], instead: str
) -> None:
    with pytest.raises(ClientError, match=instead):
        jobs.train("elsewhere", InputDataConfig=[{"ChannelName": "train", "DataSource": source}])


def test_an_image_that_cannot_be_run_here_is_refused_with_a_remedy(jobs: Jobs) -> None:
    definition = jobs.definition(image="111122223333.dkr.ecr.us-east-1.amazonaws.com/mine:1")
    code, message = refusal(jobs.client.create_training_job, TrainingJobName="no-image", **definition)
    assert code == "ValidationException"
    assert "mine:1" in message
    assert "--image" in message


def test_what_the_search_cannot_do_is_refused(jobs: Jobs) -> None:
    with pytest.raises(ClientError, match="MaxResource is required with Hyperband"):
        jobs.tune("band", strategy="Hyperband")
    with pytest.raises(ClientError, match="Autotune is not supported by the local SageMaker"):
        jobs.tune("autotune", extra={"Autotune": {"Mode": "Enabled"}})
    with pytest.raises(ClientError, match="nobody.: does not exist"):
        jobs.tune("orphan", extra={"WarmStartConfig": warm_start("nobody")})


def test_an_objective_that_the_algorithm_does_not_report_is_refused(jobs: Jobs, tmp_path: Path) -> None:
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    with pytest.raises(ClientError, match="A metric is required"):
        jobs.tune("objective", image=image, objective=("Minimize", "validation:beauty"))
    with pytest.raises(ClientError, match="define the objective metric"):
        jobs.tune("objective", objective=("Minimize", "accuracy"))


def test_training_jobs_are_listed_page_by_page(jobs: Jobs) -> None:
    for number in range(5):
        jobs.train(f"page-{number}", {"exit": str(number % 2)})
    for number in range(5):
        jobs.ended(f"page-{number}")

    def names(**filters: Any) -> list[str]:
        pages = jobs.client.get_paginator("list_training_jobs").paginate(
            NameContains="PAGE-", PaginationConfig={"PageSize": 2}, **filters
        )
        return [each["TrainingJobName"] for page in pages for each in page["TrainingJobSummaries"]]

    everything = [f"page-{number}" for number in range(5)]
    assert names() == everything
    assert names(SortBy="Name", SortOrder="Descending") == everything[::-1]
    assert names(StatusEquals="Failed") == ["page-1", "page-3"]
    assert names(SortBy="Status") == ["page-0", "page-2", "page-4", "page-1", "page-3"]
    third = jobs.describe("page-2")["CreationTime"]
    assert names(CreationTimeBefore=jobs.describe("page-1")["CreationTime"]) == ["page-0"]
    assert [name for name in names(CreationTimeAfter=third) if name > "page-2"] == ["page-3", "page-4"]
    assert names(WarmPoolStatusEquals="Available") == []


def test_a_page_has_ten_jobs_by_default_and_tokens_are_checked(jobs: Jobs) -> None:
    for number in range(11):
        jobs.train(f"default-{number}")
    answer = jobs.client.list_training_jobs(NameContains="default-")
    assert len(answer["TrainingJobSummaries"]) == 10
    assert len(jobs.client.list_training_jobs(NextToken=answer["NextToken"])["TrainingJobSummaries"]) >= 1
    for token in ("made-up", "", "NQ==", "W1tdLCAibmFtZSJd"):
        assert refusal(jobs.client.list_training_jobs, NextToken=token)[0] == "ValidationException"
    assert refusal(jobs.client.list_training_jobs, MaxResults=101)[0] == "ValidationException"


def test_tags(jobs: Jobs) -> None:
    client = jobs.client
    arn = jobs.train("tags", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    answer = client.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "c", "Value": "3"}])
    assert {"Key": "a", "Value": "2"} in answer["Tags"]
    client.delete_tags(ResourceArn=arn, TagKeys=["b"])
    pages = client.get_paginator("list_tags").paginate(ResourceArn=arn)
    assert [tag for page in pages for tag in page["Tags"]] == [{"Key": "a", "Value": "2"}, {"Key": "c", "Value": "3"}]
    assert "Tags" not in jobs.describe("tags")


def test_tags_belong_to_a_job(jobs: Jobs) -> None:
    arn = jobs.train("with-tags", Tags=[{"Key": str(number), "Value": ""} for number in range(3)])
    client = jobs.client
    missing = ("ValidationException", "Requested resource not found.")
    for other in (arn + "x", arn.replace("us-east-1", "us-east-2"), arn.replace("training-job", "model")):
        assert refusal(client.list_tags, ResourceArn=other) == missing
        assert refusal(client.add_tags, ResourceArn=other, Tags=[{"Key": "a", "Value": "1"}]) == missing
        assert refusal(client.delete_tags, ResourceArn=other, TagKeys=["a"]) == missing
    request: dict[str, Any] = {"ResourceArn": arn, "MaxResults": 50}
    client.add_tags(ResourceArn=arn, Tags=[{"Key": f"{number:02}", "Value": ""} for number in range(50)])
    first = client.list_tags(**request)
    rest = client.list_tags(**request, NextToken=first["NextToken"])
    assert len(first["Tags"]) == 50
    assert [tag["Key"] for tag in rest["Tags"]] == ["47", "48", "49"]


def test_names_that_differ_in_case_are_one(jobs: Jobs) -> None:
    arn = jobs.train("Two-Cases")
    assert refusal(jobs.train, name="two-cases")[0] == "ResourceInUse"
    assert jobs.describe("two-cases")["TrainingJobArn"] == arn
    jobs.tune("Two-Cases", jobs=1)
    assert refusal(jobs.tune, name="TWO-cases")[0] == "ResourceInUse"


def test_the_metrics_of_a_built_in_algorithm_are_shown(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("1,2\n0,3\n1,4\n0,1\n")
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    jobs.train(
        "built-in",
        {"num_round": "2", "eval_metric": "rmse"},
        image=image,
        InputDataConfig=[channel("train", tmp_path, ContentType="text/csv")],
    )
    job = jobs.ended("built-in")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert "train:rmse" in {each["MetricName"] for each in job["FinalMetricDataList"]}
    assert any(each["Name"] == "validation:auc" for each in job["AlgorithmSpecification"]["MetricDefinitions"])
