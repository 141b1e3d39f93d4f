"""The log of a training job line by line while it grows, for whoever waits for the job."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from flytekit_sagemaker import aws
from flytekit_sagemaker.connector.links import LOG_GROUP
from flytekit_sagemaker.connector.log_tail import shown_lines
from flytekit_sagemaker.masking import secrets_in

_LINES_AT_A_TIME = 1000


class LogFollower:
    """Reads on where it stopped. Its lines are printable and without secrets.

    Args:
        endpoint: where the job is.
        name: the training job.

    Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
    """

    def __init__(self, endpoint: aws.Endpoint, name: str) -> None:
        self._endpoint = endpoint
        self._name = name
        self._tokens: dict[str, str] = {}

    def new_lines(self) -> list[str]:
        """What all hosts have written since the last call, a bounded part of it; blocks.

        Lines of a job with several hosts begin with the name of the host. Never raises: without an answer, there is
        nothing new.
        """
        try:
            streams = sorted(each["logStreamName"] for each in self._streams())
            lines = {stream: self._lines(stream) for stream in streams}
        except Exception:  # whoever waits for a job wants the job, with or without its log
            return []
        several = len(lines) > 1
        return [f"{_host(stream)}: {line}" if several else line for stream, each in lines.items() for line in each]

    def _streams(self) -> Any:
        prefix = f"{self._name}/"
        found = aws.call(
            self._endpoint,
            "describe_log_streams",
            service="logs",
            logGroupName=LOG_GROUP,
            logStreamNamePrefix=prefix,
        )
        return found.get("logStreams", ())

    def _lines(self, stream: str) -> list[str]:
        token = self._tokens.get(stream)
        page = aws.call(
            self._endpoint,
            "get_log_events",
            service="logs",
            logGroupName=LOG_GROUP,
            logStreamName=stream,
            startFromHead=True,
            limit=_LINES_AT_A_TIME,
            **({"nextToken": token} if token else {}),
        )
        self._tokens[stream] = page["nextForwardToken"]
        return shown_lines((str(event.get("message", "")) for event in page.get("events", ())), self._secrets)

    @cached_property
    def _secrets(self) -> frozenset[str]:
        return secrets_in(aws.call(self._endpoint, "describe_training_job", TrainingJobName=self._name))


def _host(stream: str) -> str:
    return "-".join(stream.rpartition("/")[2].split("-")[:2])
