"""What the status board keeps of each job, and of each kind of job."""

from __future__ import annotations

import contextvars
import enum
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from flytekit_sagemaker.connector.answers import Answer, Sighting, Step

Page = tuple[Sequence[Mapping[str, Any]], "str | None"]

# A list call is the scarcer one: it has to stand for this many describes.
_DESCRIBES_FOR_A_PAGE = 10


class Watch(Protocol):
    """A job on the board, as its connector sees it.

    Attributes:
        kind: word of its kind; jobs of one kind are listed together.
        name: name of the job.
        family: jobs of one family take about the same time.
    """

    kind: str
    name: str
    family: str

    def first_step(self) -> Step:
        """The step that finds out what the job is doing."""

    def glance(self, summary: Mapping[str, Any], last: Answer | None) -> Sighting | None:
        """What an entry in the list of jobs in progress says; None when only a description can tell."""

    def list_page(self, token: str | None) -> Page:
        """A page of the jobs of this kind that are in progress."""

    def in_doubt(self, error: Exception, last: Answer | None) -> Answer:
        """The answer while SageMaker cannot be asked."""


class Urgency(enum.IntEnum):
    """Who comes first."""

    FINISH = 0  # a job has ended, and its results are being fetched
    CREATE = 1  # a job that could not be created so far
    GONE = 2  # a job is no longer in the list of those in progress
    SOON = 3  # a job just started, or is near its usual length
    ROUTINE = 4


class Entry:
    """What is known of one job.

    Attributes:
        answer: what polls are answered with; None before the first look.
        asked_first, asked_at: the first and the last poll; all times in seconds since the epoch.
        seen_at: when the job was looked at last.
        again_at: before this, another look is pointless.
        created: when the job was created; None while that is unknown.
        ended: whether the answer is the last one.
        tries: failed looks since the last that succeeded.
        step: what has to be done next.
        looking: the look that is under way.
        urgency: the queue that it is in.
        context: of the first poll; looks are taken in copies of it.
    """

    __slots__ = (
        "again_at",
        "answer",
        "asked_at",
        "asked_first",
        "context",
        "created",
        "ended",
        "looking",
        "seen_at",
        "step",
        "tries",
        "urgency",
        "watch",
    )

    def __init__(self, watch: Watch, now: float) -> None:
        self.watch = watch
        self.answer: Answer | None = None
        self.asked_first = self.asked_at = now
        self.seen_at = self.again_at = float("-inf")
        self.created: float | None = None
        self.ended = False
        self.tries = 0
        self.step: Step | None = None
        self.looking: Future[None] | None = None
        self.urgency: Urgency | None = None
        self.context = contextvars.copy_context()


class Kind:
    """The queues of one kind of job, and the walk through its list.

    Attributes:
        queues: the jobs that wait for a look, by urgency.
        keys: by name of a job, its key on the board.
        open: how many jobs have not ended.
        pages: length of the last list.
        sweep: the walk through the list that is under way.
        no_sweep_before: seconds since the epoch.
        failed_sweeps: since the last one that succeeded.
    """

    def __init__(self) -> None:
        self.queues: dict[Urgency, dict[Hashable, Entry]] = {urgency: {} for urgency in Urgency}
        self.keys: dict[str, Hashable] = {}
        self.open = 0
        self.pages = 1
        self.sweep: Sweep | None = None
        self.no_sweep_before = float("-inf")
        self.failed_sweeps = 0

    @property
    def should_be_listed(self) -> bool:
        """Whether listing the jobs is cheaper than describing each of them."""
        return self.open > _DESCRIBES_FOR_A_PAGE * self.pages

    @property
    def is_listed(self) -> bool:
        """Whether the list can be relied upon to tell about the jobs."""
        return self.should_be_listed and not self.failed_sweeps


class Sweep:
    """A walk through the list of the jobs in progress, page by page."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.pages = 0
        self.token: str | None = None
        self.page_is_coming = False
