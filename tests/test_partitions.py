"""Hosts and regions of every partition of AWS, and of what only looks like it."""

from __future__ import annotations

import pytest
from botocore.session import Session

from flytekit_sagemaker.partitions import is_host_of_aws, partition_of

PARTITIONS = Session().get_available_partitions()


@pytest.mark.parametrize("partition", PARTITIONS)
def test_every_region_is_in_its_partition_and_its_hosts_are_of_aws(partition: str) -> None:
    session = Session()
    for region in session.get_available_regions("sagemaker", partition):
        client = session.create_client("sagemaker", region, aws_access_key_id="key", aws_secret_access_key="secret")
        assert partition_of(region) == partition
        assert is_host_of_aws(client.meta.endpoint_url.removeprefix("https://"))


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-99", "aws"), ("cn-south-9", "aws-cn"), ("here", "aws"), ("", "aws")]
)
def test_a_region_that_is_not_known_is_in_a_likely_partition(region: str, partition: str) -> None:
    assert partition_of(region) == partition


@pytest.mark.parametrize("host", ["", "localhost", "amazonaws.com.example.org", "x.amazonaws.evil", "myamazonaws.com"])
def test_what_only_looks_like_aws_is_not(host: str) -> None:
    assert not is_host_of_aws(host)
