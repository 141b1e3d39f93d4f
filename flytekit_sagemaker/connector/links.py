"""Links into the AWS console, for every partition that has a public one.

Sources: https://docs.aws.amazon.com/general/latest/gr/sagemaker.html and
https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from flyteidl.core.execution_pb2 import TaskLog

from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.partitions import partition_of

LOG_GROUP = "/aws/sagemaker/TrainingJobs"

# The isolated partitions have consoles, too, though none that can be reached or named from outside.
_CONSOLES = {
    "aws": "{region}.console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-eusc": "{region}.console.amazonaws-eusc.eu",
}
_PAGES = {"training": "jobs", "tuning": "hyper-tuning-jobs"}


def job_links(endpoint: Endpoint, kind: str, name: str) -> dict[str, str]:
    """Title to URL of a job's pages; none for a SageMaker that has no console.

    Args:
        endpoint: where the job runs.
        kind: ``training`` or ``tuning``.
        name: name of the job.
    """
    streams = f"{name}/" if kind == "training" else name  # the streams of trials begin with the tuning job's name
    pages = {
        "SageMaker job": _console(endpoint, "sagemaker", f"/{_PAGES[kind]}/{quote(name, safe='')}"),
        "CloudWatch logs": _console(
            endpoint, "cloudwatch", f"{_log_group()}$3FlogStreamNameFilter$3D{_escaped(streams)}"
        ),
    }
    return {title: url for title, url in pages.items() if url}


def stream_link(endpoint: Endpoint, stream: str) -> str:
    """URL of one stream of the training jobs' log; empty for a SageMaker that has no console."""
    return _console(endpoint, "cloudwatch", f"{_log_group()}/log-events/{_escaped(stream)}")


def task_logs(links: Mapping[str, str]) -> list[TaskLog]:
    """The links as Flyte shows them beside a task."""
    return [TaskLog(name=title, uri=uri) for title, uri in links.items()]


def _console(endpoint: Endpoint, service: str, fragment: str) -> str:
    host = _CONSOLES.get(partition_of(endpoint.region), "") if endpoint.is_of_aws else ""
    if not host:
        return ""
    return f"https://{host.format(region=endpoint.region)}/{service}/home?region={endpoint.region}#{fragment}"


def _log_group() -> str:
    return f"logsV2:log-groups/log-group/{_escaped(LOG_GROUP)}"


def _escaped(text: str) -> str:
    """The console wants names in its fragments quoted twice, the percent signs spelled ``$``."""
    return quote(quote(text, safe=""), safe="").replace("%", "$")
