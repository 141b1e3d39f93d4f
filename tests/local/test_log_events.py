"""The logs of training jobs, read as from CloudWatch Logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from .support import IMAGE, Jobs, eventually

GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def logs(jobs: Jobs) -> Any:
    return boto3.client(
        "logs",
        endpoint_url=jobs.server.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def streams(logs: Any, prefix: str) -> list[str]:
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=GROUP, logStreamNamePrefix=prefix, PaginationConfig={"PageSize": 1}
    )
    return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]


def test_every_host_has_a_stream_that_can_be_read_page_by_page(jobs: Jobs, logs: Any) -> None:
    algorithm = {
        "TrainingImage": IMAGE,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["sh", "-c", 'for n in 1 2 3 4 5; do echo "$SM_CURRENT_HOST $n"; done'],
    }
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    jobs.train("logged", AlgorithmSpecification=algorithm, ResourceConfig=resources)
    jobs.ended("logged")
    names = streams(logs, "logged/")
    assert [name.rpartition("-")[0] for name in names] == ["logged/algo-1", "logged/algo-2"]
    assert streams(logs, "logged/algo-2") == names[1:]

    lines, token = [], {}
    while True:
        page = logs.get_log_events(logGroupName=GROUP, logStreamName=names[1], startFromHead=True, limit=2, **token)
        if page["nextForwardToken"] == token.get("nextToken"):
            break
        lines += [event["message"] for event in page["events"]]
        token = {"nextToken": page["nextForwardToken"]}
    assert lines == [f"algo-2 {number}" for number in range(1, 6)]

    tail = logs.get_log_events(logGroupName=GROUP, logStreamName=names[0], limit=2)
    assert [event["message"] for event in tail["events"]] == ["algo-1 4", "algo-1 5"]
    before = logs.get_log_events(
        logGroupName=GROUP, logStreamName=names[0], limit=2, nextToken=tail["nextBackwardToken"]
    )
    assert [event["message"] for event in before["events"]] == ["algo-1 2", "algo-1 3"]


def test_a_running_job_s_log_grows(jobs: Jobs, logs: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    jobs.train("growing", {"print": "started", "wait_for": str(gate)})
    [name] = eventually(lambda: streams(logs, "growing/"), bool)
    look = lambda: logs.get_log_events(logGroupName=GROUP, logStreamName=name, startFromHead=True)  # noqa: E731
    assert eventually(look, lambda page: page["events"])["events"][0]["message"] == "started"
    gate.touch()
    jobs.ended("growing")


@pytest.mark.parametrize("stream", ["nobody/algo-1-1", "../../etc/passwd", "nobody", "\0/\0", "x" * 500 + "/x"])
def test_streams_and_groups_that_are_not_there(logs: Any, stream: str) -> None:
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_log_events(logGroupName=GROUP, logStreamName=stream)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.describe_log_streams(logGroupName="/aws/lambda/other")
    for prefix in ("nobody/", "\0/", "../", "x" * 500 + "/"):
        assert streams(logs, prefix) == []
