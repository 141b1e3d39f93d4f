"""The logs of training jobs as CloudWatch Logs serves them: one stream per host in ``/aws/sagemaker/TrainingJobs``.

Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flytekit_sagemaker.local.admission import Refused
from flytekit_sagemaker.local.store import Job, Kind, Store

GROUP = "/aws/sagemaker/TrainingJobs"
_STREAMS_PER_PAGE = 50
_EVENTS_PER_PAGE = 10_000
_TOKEN = re.compile(r"[fb]/[0-9]{1,18}")


class LogEvents:
    """Answers the two operations that follow a training job's log; all lines bear the time of the job's start.

    Args:
        store: the jobs.
        folder: where the jobs' workspaces are.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self.operations: dict[str, Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]] = {
            "DescribeLogStreams": self._describe_log_streams,
            "GetLogEvents": self._get_log_events,
        }

    async def _describe_log_streams(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._check_group(request)
        streams = await self._streams(request.get("logStreamNamePrefix", ""))
        start = _index(request.get("nextToken", "f/0"))
        stop = start + request.get("limit", _STREAMS_PER_PAGE)
        return {"logStreams": streams[start:stop], **({"nextToken": f"f/{stop}"} if stop < len(streams) else {})}

    async def _streams(self, prefix: str) -> list[dict[str, Any]]:
        name, slash, _ = prefix.partition("/")
        if slash and self._store.find(Kind.TRAINING, name) is None:
            return []
        return list(self._described(await asyncio.to_thread(self._hosts, name, whole=bool(slash)), prefix))

    def _hosts(self, name: str, *, whole: bool) -> list[tuple[str, str]]:
        """Hosts that have a log, with the (beginning of the) name of their job; reads from disk."""
        folders = [self._folder / name] if whole else sorted(self._folder.glob("*"))
        matching = [folder for folder in folders if folder.name.startswith(name)]
        return [(folder.name, log.parent.name) for folder in matching for log in sorted(folder.glob("*/log"))]

    def _described(self, hosts: Iterable[tuple[str, str]], prefix: str) -> Iterator[dict[str, Any]]:
        for name, host in hosts:
            if job := self._store.find(Kind.TRAINING, name):
                began = _start_ms(job)
                stream = f"{name}/{host}-{began}"
                if stream.startswith(prefix):
                    times = dict.fromkeys(("creationTime", "firstEventTimestamp", "lastEventTimestamp"), began)
                    yield {"logStreamName": stream, **times}

    async def _get_log_events(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._check_group(request)
        name, _, host = request.get("logStreamName", "").partition("/")
        job = self._store.find(Kind.TRAINING, name)
        log = self._folder / name / host.rpartition("-")[0] / "log"
        if job is None or f"{name}/{host}" not in (each["logStreamName"] for each in await self._streams(f"{name}/")):
            raise Refused("ResourceNotFoundException", "The specified log stream does not exist.")
        text = await asyncio.to_thread(log.read_text, encoding="utf-8", errors="replace")
        lines = text.splitlines()
        limit = request.get("limit", _EVENTS_PER_PAGE)
        first = 0 if request.get("startFromHead") else max(0, len(lines) - limit)
        token = request.get("nextToken", f"f/{first}")
        start = _index(token) if token.startswith("f/") else max(0, _index(token) - limit)
        stop = min(len(lines), start + limit if token.startswith("f/") else _index(token))
        moment = _start_ms(job)
        return {
            "events": [{"timestamp": moment, "ingestionTime": moment, "message": line} for line in lines[start:stop]],
            "nextForwardToken": f"f/{max(start, stop)}",
            "nextBackwardToken": f"b/{start}",
        }

    def _check_group(self, request: Mapping[str, Any]) -> None:
        if request.get("logGroupName") != GROUP:
            raise Refused("ResourceNotFoundException", "The specified log group does not exist.")


def _start_ms(job: Job) -> int:
    return int(1000 * job.description.get("TrainingStartTime", job.description["CreationTime"]))


def _index(token: str) -> int:
    if not _TOKEN.fullmatch(token):
        raise Refused("InvalidParameterException", "The specified nextToken is invalid.")
    return int(token[2:])
