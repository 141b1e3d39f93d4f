"""The last lines of a training job's log, as CloudWatch Logs keeps it: one stream per host and attempt.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flytekit_sagemaker import aws
from flytekit_sagemaker.connector.links import LOG_GROUP
from flytekit_sagemaker.masking import masked
from flytekit_sagemaker.refusals import RefusedCall
from flytekit_sagemaker.reporting.wording import cut, printable

LINES = 20
LINE_LENGTH = 400

_STREAMS_TO_READ = 4
_STREAMS_TO_LIST = 50
# More than are shown, since progress bars leave many that are empty.
_EVENTS = 100
_EVENT_LENGTH = 8192

_STREAM = re.compile(r".*/(?P<host>algo-\d+)(?:-(?P<began>\d+))?")
_HOST = re.compile(r"\balgo-\d+\b")
# https://www.ecma-international.org/publications-and-standards/standards/ecma-48/
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?")
_LOOKS_LIKE_AN_ERROR = re.compile(
    r"Traceback|\b[A-Za-z_.]{0,80}(?:Error|Exception)\b|\b(?i:error|fatal|panic|killed|core dumped|out of memory)\b"
)


@dataclass(frozen=True)
class LogTail:
    """The end of a log.

    Attributes:
        lines: the last lines, at most ``LINES``, printable, without secrets, each at most ``LINE_LENGTH`` long.
        stream: the log stream that they are from.
        note: why there are no lines; empty where there are.
    """

    lines: tuple[str, ...] = ()
    stream: str = ""
    note: str = ""

    @property
    def host(self) -> str:
        """The host that wrote the stream, such as ``algo-1``."""
        return _began(self.stream)[1]


def log_tail(
    endpoint: aws.Endpoint, training_job_name: str, *, reason: str = "", secrets: Collection[str] = ()
) -> LogTail:
    """The end of the log of the host that made a training job fail; never raises.

    That host is the one that the reason names, else the one whose log has the reason's words, else the first that
    stopped with what looks like an error, else the first that stopped.

    Args:
        reason: the failure reason of the job.
        secrets: what must not be shown.
    """
    try:
        streams = _streams(endpoint, training_job_name, reason)
        tails = [LogTail(_lines(endpoint, stream, secrets), stream) for stream in streams]
    except RefusedCall as error:
        missing = error.code.startswith("ResourceNotFound")
        return LogTail(note=_NO_LOG if missing else f"the log could not be read: {cut(_first_line(error), 300)}")
    except Exception as error:  # an explanation without a log is better than none
        return LogTail(note=f"the log could not be read: {cut(_first_line(error), 300)}")
    told = [tail for tail in tails if tail.lines]
    if not told:
        return LogTail(note="the log is empty" if tails else _NO_LOG)
    return min(told, key=lambda tail: _rank(tail, _telling(reason)))


_NO_LOG = "there is no log: no container of the job has written any"


def _streams(endpoint: aws.Endpoint, name: str, reason: str) -> list[str]:
    """The latest stream of each host that may have failed, the first to stop coming first."""
    named = _HOST.search(reason)
    prefixes = [f"{name}/{named[0]}-"] if named else []
    for prefix in (*prefixes, f"{name}/"):
        found = aws.call(
            endpoint,
            "describe_log_streams",
            service="logs",
            logGroupName=LOG_GROUP,
            logStreamNamePrefix=prefix,
            limit=_STREAMS_TO_LIST,
        ).get("logStreams", ())
        latest: dict[str, tuple[int, float, str]] = {}
        for stream in found:
            began, host = _began(stream["logStreamName"])
            entry = (began, stream.get("lastEventTimestamp", math.inf), stream["logStreamName"])
            latest[host] = max(latest.get(host, entry), entry)
        if latest:
            ordered = sorted(latest.items(), key=lambda item: (item[1][1], len(item[0]), item[0]))
            return [stream for _, (_, _, stream) in ordered[:_STREAMS_TO_READ]]
    return []


def _began(stream: str) -> tuple[int, str]:
    found = _STREAM.fullmatch(stream)
    return (int(found["began"] or 0), found["host"]) if found else (0, stream)


def _lines(endpoint: aws.Endpoint, stream: str, secrets: Collection[str]) -> tuple[str, ...]:
    parameters: dict[str, Any] = {"logGroupName": LOG_GROUP, "logStreamName": stream, "limit": _EVENTS}
    page = aws.call(endpoint, "get_log_events", service="logs", **parameters)
    if not page.get("events") and page.get("nextBackwardToken"):  # the service may answer with an empty page first
        page = aws.call(endpoint, "get_log_events", service="logs", nextToken=page["nextBackwardToken"], **parameters)
    return readable(_messages(page), secrets)


def _messages(page: Mapping[str, Any]) -> Iterable[str]:
    return (str(event.get("message", ""))[:_EVENT_LENGTH] for event in page.get("events", ()))


def readable(messages: Iterable[str], secrets: Collection[str] = ()) -> tuple[str, ...]:
    """The last lines of log messages: printable, without secrets and empty lines, within the bounds of a tail."""
    told = [line for line in shown_lines(messages, secrets) if line]
    return tuple(cut(line, LINE_LENGTH) for line in told[-LINES:])


def shown_lines(messages: Iterable[str], secrets: Collection[str] = ()) -> list[str]:
    """The lines of log messages, printable and without secrets."""
    text = _ESCAPES.sub("", "\n".join(messages)).expandtabs(4)
    lines = masked(text.replace("\r", "\n"), secrets).split("\n") if text else []
    return [printable(line).rstrip() for line in lines]


def _telling(reason: str) -> set[str]:
    """The lines of a reason that are long enough to recognize it by."""
    return {line.strip() for line in reason.splitlines() if len(line.strip()) >= 12}


def _rank(tail: LogTail, telling: set[str]) -> tuple[bool, bool]:
    shared = telling.intersection(line.strip() for line in tail.lines)
    return not shared, not _LOOKS_LIKE_AN_ERROR.search("\n".join(tail.lines))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
