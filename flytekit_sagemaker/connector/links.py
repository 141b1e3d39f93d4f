"""Links into the AWS console, for every partition.

Source: https://docs.aws.amazon.com/general/latest/gr/sagemaker.html
"""

from __future__ import annotations

from urllib.parse import quote

from flyteidl.core.execution_pb2 import TaskLog

from flytekit_sagemaker.aws import Endpoint

LOG_GROUP = "/aws/sagemaker/TrainingJobs"


def job_links(endpoint: Endpoint, kind: str, name: str) -> dict[str, str]:
    """Title to URL of a job's pages; none for a SageMaker that is not AWS.

    Args:
        endpoint: where the job runs.
        kind: ``training`` or ``tuning``.
        name: name of the job.
    """
    if endpoint.url and not _is_aws(endpoint.url):
        return {}
    host, region = _console_host(endpoint.region), endpoint.region
    page = {"training": "jobs", "tuning": "hyper-tuning-jobs"}[kind]
    # The console wants a fragment whose percent signs are themselves escaped as $25.
    group = quote(quote(LOG_GROUP, safe=""), safe="").replace("%", "$")
    prefix = quote(quote(f"{name}/" if kind == "training" else name, safe=""), safe="").replace("%", "$")
    logs = f"#logsV2:log-groups/log-group/{group}$3FlogStreamNameFilter$3D{prefix}"
    return {
        "SageMaker job": f"https://{host}/sagemaker/home?region={region}#/{page}/{name}",
        "CloudWatch logs": f"https://{host}/cloudwatch/home?region={region}{logs}",
    }


def task_logs(links: dict[str, str]) -> list[TaskLog]:
    """The links as Flyte shows them beside a task."""
    return [TaskLog(name=title, uri=uri) for title, uri in links.items()]


def _is_aws(url: str) -> bool:
    return ".amazonaws." in url


def _console_host(region: str) -> str:
    if region.startswith("cn-"):
        return "console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return "console.amazonaws-us-gov.com"
    return f"{region}.console.aws.amazon.com"
