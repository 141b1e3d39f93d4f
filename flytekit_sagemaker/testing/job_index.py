"""The jobs of one kind in an account, found by name, and by status in the order of their creation."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from flytekit_sagemaker.local import paging
from flytekit_sagemaker.testing.simulated_jobs import TrainingJob, TuningJob

J = TypeVar("J", TrainingJob, TuningJob)
_DEFAULT_PAGE = 10
_SORT_KEYS: dict[str, Callable[[Any], Any]] = {
    "Name": lambda job: job.name,
    "Status": lambda job: job.status,
    "CreationTime": lambda job: job.created,
    "FinalObjectiveMetricValue": lambda job: job.objective,
}
# No simulated job has a warm pool or a training plan.
_NEVER = {"WarmPoolStatusEquals", "TrainingPlanArnEquals"}


class JobIndex(Generic[J]):
    """Jobs of one kind.

    A page in the order of creation costs as much as it is long, however many jobs there are.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, J] = {}
        self._in_order: list[J | None] = []
        self._created: list[float] = []
        self._numbers: dict[str, list[int]] = {}

    def find(self, name: str) -> J | None:
        """The job with a name, in any case."""
        return self._by_name.get(name.lower())

    def add(self, job: J) -> None:
        """Take in a job that was created after all others."""
        job.number = len(self._in_order)
        self._by_name[job.name.lower()] = job
        self._in_order.append(job)
        self._created.append(job.created)
        self._numbers.setdefault(job.status, []).append(job.number)

    def move(self, job: J, status: str) -> None:
        """Give a job another status."""
        self._forget(job)
        job.status = status
        bisect.insort(self._numbers.setdefault(status, []), job.number)

    def remove(self, job: J) -> None:
        """Delete a job; its name is free again."""
        self._forget(job)
        del self._by_name[job.name.lower()]
        self._in_order[job.number] = None

    def _forget(self, job: J) -> None:
        numbers = self._numbers[job.status]
        del numbers[bisect.bisect_left(numbers, job.number)]

    def __iter__(self) -> Iterator[J]:
        return iter(job for job in self._in_order if job is not None)

    def of_status(self, status: str) -> list[J]:
        """The jobs in a status, in the order of their creation."""
        return [job for number in self._numbers.get(status, ()) if (job := self._in_order[number])]

    def page(self, operation: str, request: Mapping[str, Any], now: float) -> tuple[list[J], dict[str, str]]:
        """A page of a list operation, and its ``NextToken`` if there is more.

        Raises:
            Refused: the token is none of this operation's.
        """
        if request.get("SortBy", "CreationTime") == "CreationTime":
            return _cut(operation, request, self._by_creation(operation, request), now)
        return page_of(
            (job for number in self._candidates(request) if (job := self._in_order[number])), operation, request, now
        )

    def _by_creation(self, operation: str, request: Mapping[str, Any]) -> Iterator[J]:
        numbers = self._candidates(request)
        low, high = 0, len(self._in_order)
        if "CreationTimeAfter" in request:
            low = bisect.bisect_right(self._created, seconds(request["CreationTimeAfter"]))
        if "CreationTimeBefore" in request:
            high = bisect.bisect_left(self._created, seconds(request["CreationTimeBefore"]))
        descending = request.get("SortOrder") == "Descending"
        if "NextToken" in request:
            last = paging.position(operation, request["NextToken"])[0]
            low, high = (low, min(high, last)) if descending else (max(low, last + 1), high)
        start, stop = bisect.bisect_left(numbers, low), bisect.bisect_left(numbers, high)
        places = range(stop - 1, start - 1, -1) if descending else range(start, stop)
        return (job for place in places if (job := self._in_order[numbers[place]]))

    def _candidates(self, request: Mapping[str, Any]) -> Sequence[int]:
        if "StatusEquals" in request:
            return self._numbers.get(request["StatusEquals"], [])
        return range(len(self._in_order))


def page_of(
    jobs: Iterable[J], operation: str, request: Mapping[str, Any], now: float
) -> tuple[list[J], dict[str, str]]:
    """A page of a list operation over some jobs, as :meth:`JobIndex.page`."""
    key = _SORT_KEYS[request.get("SortBy", "CreationTime")]
    ordered = sorted(jobs, key=lambda job: (key(job), job.number), reverse=request.get("SortOrder") == "Descending")
    if "NextToken" in request:
        last = paging.position(operation, request["NextToken"])[0]
        ordered = ordered[next((place + 1 for place, job in enumerate(ordered) if job.number == last), len(ordered)) :]
    return _cut(operation, request, ordered, now)


def _cut(operation: str, request: Mapping[str, Any], jobs: Iterable[J], now: float) -> tuple[list[J], dict[str, str]]:
    page: list[J] = []
    for job in jobs:
        if _fits(job, request, now):
            if len(page) == request.get("MaxResults", _DEFAULT_PAGE):
                return page, {"NextToken": paging.token(operation, (page[-1].number, page[-1].name))}
            page.append(job)
    return page, {}


def seconds(time: datetime | float) -> float:
    """A moment in a request, as boto3 takes it or as it comes over the wire, in seconds since the epoch."""
    return time.timestamp() if isinstance(time, datetime) else time


def _fits(job: J, request: Mapping[str, Any], now: float) -> bool:
    if request.get("NameContains", "").lower() not in job.name.lower() or not _NEVER.isdisjoint(request):
        return False
    if request.get("StatusEquals", job.status) != job.status:
        return False
    created = job.created
    if "CreationTimeAfter" in request and created <= seconds(request["CreationTimeAfter"]):
        return False
    if "CreationTimeBefore" in request and created >= seconds(request["CreationTimeBefore"]):
        return False
    if "LastModifiedTimeAfter" in request and job.modified(now) <= seconds(request["LastModifiedTimeAfter"]):
        return False
    return "LastModifiedTimeBefore" not in request or job.modified(now) < seconds(request["LastModifiedTimeBefore"])
