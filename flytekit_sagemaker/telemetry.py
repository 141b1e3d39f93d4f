"""What a platform team watches: Prometheus metrics of the connector, beside flytekit's own in the default registry.

``pyflyte serve connector --prometheus_port`` exposes them. Values of labels are bounded, whatever an endpoint answers.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

M = TypeVar("M", Counter, Gauge, Histogram)

OTHER = "other"
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_. -]{0,63}")
_MOST_VALUES = 100


class _Bounded:
    """Values of one label: the first hundred that look like names, all others as ``other``."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        if value in self._seen:
            return value
        if len(self._seen) >= _MOST_VALUES or not _LABEL.fullmatch(value):
            return OTHER
        self._seen.add(value)
        return value


_operation, _result, _kind, _how, _outcome = (_Bounded() for _ in range(5))


def _metric(metric: type[M], name: str, documentation: str, labels: tuple[str, ...] = (), **options: Any) -> M:
    """A metric of the default registry: the one that is there already when this module is loaded again."""
    existing = REGISTRY._names_to_collectors.get(f"flytekit_sagemaker_{name}")
    if isinstance(existing, metric):
        return existing
    return metric(f"flytekit_sagemaker_{name}", documentation, labels, **options)


_AWS_CALLS = _metric(Counter, "aws_calls_total", "Calls to AWS.", ("operation", "result"))
_AWS_CALL_SECONDS = _metric(
    Histogram,
    "aws_call_seconds",
    "Time that a call to AWS took.",
    ("operation",),
    buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
_THROTTLES = _metric(Counter, "throttles_total", "Calls to AWS that were throttled.", ("operation",))
_BOARD_JOBS = _metric(Gauge, "board_jobs", "Jobs on the status board that have not ended.", ("kind",))
_ANSWER_AGE = _metric(
    Histogram,
    "answer_age_seconds",
    "Age of the state that a poll was answered with.",
    buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 900),
)
_LOOKS = _metric(Counter, "looks_total", "Looks at jobs: a describe, or a page of a list.", ("kind", "how"))
_CREATES = _metric(Counter, "creates_total", "Requests to create a job, by what became of them.", ("kind", "outcome"))


def aws_call(operation: str, result: str, seconds: float, *, throttled: bool) -> None:
    """Count one call to AWS, and its throttle if it was one.

    Args:
        operation: name of the client's method, such as ``describe_training_job``.
        result: ``ok``, the service's error code, or ``no answer``.
        seconds: how long it took.
        throttled: whether AWS said that it was asked too often.
    """
    operation = _operation(operation)
    _AWS_CALLS.labels(operation, _result(result)).inc()
    _AWS_CALL_SECONDS.labels(operation).observe(seconds)
    if throttled:
        _THROTTLES.labels(operation).inc()


def tracked(kind: str, change: int) -> None:
    """Count a job of a kind (``training``, ``tuning``) that a status board begins (1) or ceases (-1) to follow."""
    _BOARD_JOBS.labels(_kind(kind)).inc(change)


def answer_age(seconds: float) -> None:
    """Record how old the state was that a poll was answered with."""
    _ANSWER_AGE.observe(seconds)


def look(kind: str, how: str) -> None:
    """Count one look at a job of a kind: ``describe`` (one job) or ``sweep`` (a page of a list)."""
    _LOOKS.labels(_kind(kind), _how(how)).inc()


def create(kind: str, outcome: str) -> None:
    """Count one request to create a job: ``created``, ``adopted``, ``waiting`` (to be tried again) or ``refused``."""
    _CREATES.labels(_kind(kind), _outcome(outcome)).inc()
