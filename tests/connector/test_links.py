"""Links into the console of every partition, and none for a SageMaker that has no console."""

from __future__ import annotations

import pytest

from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.connector.links import job_links


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("cn-north-1", "console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_links_lead_to_the_partitions_console(region: str, host: str) -> None:
    links = job_links(Endpoint(region), "training", "my-job")
    assert links["SageMaker job"] == f"https://{host}/sagemaker/home?region={region}#/jobs/my-job"
    assert links["CloudWatch logs"] == (
        f"https://{host}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/"
        "$252Faws$252Fsagemaker$252FTrainingJobs$3FlogStreamNameFilter$3Dmy-job$252F"
    )


def test_a_tuning_job_links_to_the_logs_of_all_its_trials() -> None:
    links = job_links(Endpoint("us-east-1"), "tuning", "search")
    assert links["SageMaker job"].endswith("#/hyper-tuning-jobs/search")
    assert links["CloudWatch logs"].endswith("logStreamNameFilter$3Dsearch")


def test_a_private_link_endpoint_has_the_same_console() -> None:
    vpc = Endpoint("us-east-1", "https://vpce-0a1b.sagemaker.api.us-east-1.vpce.amazonaws.com")
    assert job_links(vpc, "training", "job") == job_links(Endpoint("us-east-1"), "training", "job")


def test_the_local_sagemaker_has_no_console() -> None:
    assert job_links(Endpoint("us-east-1", "http://127.0.0.1:8642"), "training", "job") == {}
