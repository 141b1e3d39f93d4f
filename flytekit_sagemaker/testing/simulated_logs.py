"""CloudWatch Logs of simulated training jobs: one stream per host in ``/aws/sagemaker/TrainingJobs``.

Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flytekit_sagemaker.local.admission import Refused
from flytekit_sagemaker.testing.simulated_account import Account, At
from flytekit_sagemaker.testing.simulated_jobs import Members, TrainingJob

_GROUP = "/aws/sagemaker/TrainingJobs"
_STREAMS_PER_PAGE = 50
_EVENTS_PER_PAGE = 10_000
_TOKEN = re.compile(r"[fb]/[0-9]{1,18}")


class SimulatedLogs:
    """Answers the two operations that follow a job's log; there is none before the training has begun."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.operations = {
            "DescribeLogStreams": self._describe_log_streams,
            "GetLogEvents": self._get_log_events,
        }

    def _describe_log_streams(self, request: Members, at: At) -> Members:
        _check_group(request)
        prefix = request.get("logStreamNamePrefix", "")
        streams = [
            {"logStreamName": stream, "creationTime": began, "firstEventTimestamp": began, "lastEventTimestamp": began}
            for job in self._jobs(prefix)
            for stream, _, began in _streams(job, at.now)
            if stream.startswith(prefix)
        ]
        start = _index(request.get("nextToken", "f/0"))
        stop = start + request.get("limit", _STREAMS_PER_PAGE)
        return {"logStreams": streams[start:stop], **({"nextToken": f"f/{stop}"} if stop < len(streams) else {})}

    def _jobs(self, prefix: str) -> Iterator[TrainingJob]:
        name, slash, _ = prefix.partition("/")
        if slash:
            job = self._account.training.find(name)
            return iter([job] if job else [])
        return (job for job in self._account.training if job.name.startswith(name))

    def _get_log_events(self, request: Members, at: At) -> Members:
        _check_group(request)
        wanted = request["logStreamName"]
        job = next(self._jobs(wanted), None)
        host = next((host for stream, host, _ in _streams(job, at.now) if stream == wanted), "") if job else ""
        if job is None or not host:
            raise Refused("ResourceNotFoundException", "The specified log stream does not exist.")
        events = _events(job, host, at.now)
        limit = request.get("limit", _EVENTS_PER_PAGE)
        head = 0 if request.get("startFromHead") else max(0, len(events) - limit)
        token = request.get("nextToken", f"f/{head}")
        forward = token.startswith("f/")
        start = _index(token) if forward else max(0, _index(token) - limit)
        stop = min(len(events), start + limit) if forward else min(len(events), _index(token))
        return {
            "events": events[start:stop],
            "nextForwardToken": f"f/{max(start, stop)}",
            "nextBackwardToken": f"b/{start}",
        }


def _streams(job: TrainingJob, now: float) -> Iterator[tuple[str, str, int]]:
    """Names, hosts and beginnings, in milliseconds, of a job's streams."""
    begin = job.plan.first("Training")
    if begin is not None and begin <= now:
        for number in range(sum(job.instances.values())):
            host = f"algo-{number + 1}"
            yield f"{job.name}/{host}-{int(1000 * begin)}", host, int(1000 * begin)


def _events(job: TrainingJob, host: str, now: float) -> list[dict[str, Any]]:
    begin, lines = job.plan.first("Training"), job.life.lines(host)
    assert begin is not None
    step = sum(seconds for name, seconds in job.life.phases if name == "Training") / (len(lines) or 1)
    moments = [begin + number * step for number in range(1, len(lines) + 1)]
    return [
        {"timestamp": int(1000 * moment), "ingestionTime": int(1000 * moment), "message": line}
        for moment, line in zip(moments, lines, strict=True)
        if moment <= min(now, job.plan.end)
    ]


def _check_group(request: Members) -> None:
    if request["logGroupName"] != _GROUP:
        raise Refused("ResourceNotFoundException", "The specified log group does not exist.")


def _index(token: str) -> int:
    if not _TOKEN.fullmatch(token):
        raise Refused("InvalidParameterException", "The specified nextToken is invalid.")
    return int(token[2:])
