"""Links into the console of every partition, and none for a SageMaker that has no console."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from botocore.loaders import Loader

from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.connector.links import job_links, stream_link, task_logs

PARTITIONS = {item["id"]: item for item in Loader().load_data("partitions")["partitions"]}


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("mx-central-1", "mx-central-1.console.aws.amazon.com"),
        ("eu-west-99", "eu-west-99.console.aws.amazon.com"),
        ("cn-north-1", "console.amazonaws.cn"),
        ("cn-northwest-1", "console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
        ("us-gov-east-1", "console.amazonaws-us-gov.com"),
        ("eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu"),
    ],
)
def test_links_lead_to_the_partitions_console(region: str, host: str) -> None:
    links = job_links(Endpoint(region), "training", "my-job")
    assert links["SageMaker job"] == f"https://{host}/sagemaker/home?region={region}#/jobs/my-job"
    assert links["CloudWatch logs"] == (
        f"https://{host}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/"
        "$252Faws$252Fsagemaker$252FTrainingJobs$3FlogStreamNameFilter$3Dmy-job$252F"
    )


@pytest.mark.parametrize("partition", PARTITIONS)
def test_every_region_of_a_partition_has_the_same_console_or_none(partition: str) -> None:
    regions = [region for region in PARTITIONS[partition]["regions"] if not region.endswith("-global")]
    hosts = set()
    for region in regions:
        links = job_links(Endpoint(region), "training", "job")
        hosts |= {str(urlsplit(url).hostname).replace(region, "") for url in links.values()}
    assert len(hosts) == (0 if "iso" in partition else 1)


def test_a_tuning_job_links_to_the_logs_of_all_its_trials() -> None:
    links = job_links(Endpoint("us-east-1"), "tuning", "search")
    assert links["SageMaker job"].endswith("#/hyper-tuning-jobs/search")
    assert links["CloudWatch logs"].endswith("logStreamNameFilter$3Dsearch")


def test_one_stream_of_a_log_has_a_page_of_its_own() -> None:
    url = stream_link(Endpoint("eu-west-1"), "my-job/algo-2-1700000000000")
    place = unquote(unquote(url.partition("#")[2].replace("$", "%")))
    assert place == ("logsV2:log-groups/log-group//aws/sagemaker/TrainingJobs/log-events/my-job/algo-2-1700000000000")
    assert stream_link(Endpoint("us-iso-east-1"), "my-job/algo-1-1") == ""


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-east-1", "https://api.sagemaker.us-east-1.amazonaws.com"),
        ("us-east-1", "https://api-fips.sagemaker.us-east-1.amazonaws.com"),
        ("us-east-1", "https://sagemaker.us-east-1.api.aws:443/"),
        ("us-east-1", "https://vpce-0a1b.sagemaker.api.us-east-1.vpce.amazonaws.com"),
        ("us-gov-west-1", "https://api-fips.sagemaker.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "https://api.sagemaker.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "https://api.sagemaker.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_a_private_or_fips_endpoint_of_aws_has_the_same_console(region: str, url: str) -> None:
    links = job_links(Endpoint(region), "training", "job")
    assert len(links) == 2
    assert job_links(Endpoint(region, url), "training", "job") == links


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8642", "http://localhost:1", "https://amazonaws.com.example.org", "https://x.amazonaws.evil/"],
)
def test_what_is_not_aws_has_no_console(url: str) -> None:
    assert job_links(Endpoint("us-east-1", url), "training", "job") == {}
    assert job_links(Endpoint("us-east-1", url), "tuning", "job") == {}
    assert stream_link(Endpoint("us-east-1", url), "job/algo-1-1") == ""


def test_flyte_shows_the_links_by_their_titles() -> None:
    links = job_links(Endpoint("us-east-1"), "training", "job")
    assert {log.name: log.uri for log in task_logs(links)} == links
