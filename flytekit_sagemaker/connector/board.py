"""The status board: polls are answered from memory, and looks at SageMaker are kept within the account's quotas.

Flyte asks about every job again and again; SageMaker allows few calls. So a poll gets what is known, and a look at the
job is taken only when what is known is no longer fresh and the budget allows it:

- at most one look at a job at a time, shared by all who ask;
- a few jobs are described one by one. Where there are many, the jobs in progress are listed, a hundred for one call;
  described are those missing from the list, which have probably ended, and some that should end by their usual length;
- a job that nobody asks about costs nothing.

Looks are started by polls alone: there is no thread and no timer of its own. Any thread may call any method.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from flytekit_sagemaker import telemetry
from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.connector.answers import Answer, Sighting, Step
from flytekit_sagemaker.connector.budget import Budget
from flytekit_sagemaker.connector.entries import Entry, Kind, Sweep, Urgency, Watch
from flytekit_sagemaker.connector.usual_lengths import UsualLengths
from flytekit_sagemaker.errors import SageMakerError
from flytekit_sagemaker.settings import Pace

logger = logging.getLogger("flytekit_sagemaker")

_YOUNG_IN_SECONDS = 120.0
_ASKED_LATELY_IN_SECONDS = 120.0
_FORGET_AFTER_SECONDS = 900.0
_LONGEST_PAUSE_IN_SECONDS = 30.0
_LONGEST_PAUSE_BETWEEN_LISTS_IN_SECONDS = 300.0


class Board:
    """What is known of the jobs in one account and region.

    Args:
        pace: how often SageMaker may be called, and how old an answer may be.
        clock: the time.
        run: does blocking work later, in a thread.
        budgets: of the account and region, by the names of the fields of ``Step``; its own when not given.
    """

    def __init__(
        self,
        pace: Pace,
        clock: Clock,
        run: Callable[[Callable[[], None]], object],
        budgets: Mapping[str, Budget] | None = None,
    ) -> None:
        self._pace = pace
        self._clock = clock
        self._run = run
        self._budgets = budgets or budgets_for(pace, clock)
        self._entries: dict[Hashable, Entry] = {}
        self._kinds: dict[str, Kind] = {}
        self._usual_lengths = UsualLengths()
        self._queued = 0
        self._pruned_at = clock.time()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._entries)

    def ask(self, key: Hashable, watch: Callable[[], Watch]) -> tuple[Answer | None, Future[None] | None]:
        """What is known of a job, and the look at it that is under way, if there is one.

        Args:
            key: which job.
            watch: makes its watch, when it is new to the board.
        """
        with self._lock:
            now = self._clock.time()
            entry = self._entries.get(key) or self._admit(key, watch(), now)
            entry.asked_at = now
            if not entry.ended:
                if entry.looking is None and entry.urgency is None and self._is_stale(entry, now):
                    self._queue(key, entry, self._urgency(entry, now))
                self._start_what_may_start(now)
                telemetry.answer_age(max(0.0, now - max(entry.seen_at, entry.asked_first)))
            if now - self._pruned_at > _FORGET_AFTER_SECONDS / 10:
                self._forget_what_nobody_asks_about(now)
            return entry.answer, entry.looking

    def known(self, key: Hashable) -> Answer | None:
        """What is known of a job, without asking for more."""
        entry = self._entries.get(key)
        return entry.answer if entry else None

    def forget(self, key: Hashable) -> None:
        """The job is nobody's concern any more."""
        with self._lock:
            entry = self._entries.pop(key, None)
            if entry is not None:
                self._unqueue(key, entry)
                self._kinds[entry.watch.kind].keys.pop(entry.watch.name, None)
                if not entry.ended:
                    self._count(entry, -1)

    def _admit(self, key: Hashable, watch: Watch, now: float) -> Entry:
        entry = self._entries[key] = Entry(watch, now)
        self._kinds.setdefault(watch.kind, Kind()).keys[watch.name] = key
        self._count(entry, 1)
        return entry

    def _count(self, entry: Entry, change: int) -> None:
        self._kinds[entry.watch.kind].open += change
        telemetry.tracked(entry.watch.kind, change)

    def _is_stale(self, entry: Entry, now: float) -> bool:
        fresh = self._pace.freshness_in_seconds * (0.5 if self._is_about_to_change(entry, now) else 1.0)
        return now >= entry.again_at and now - entry.seen_at >= fresh

    def _is_about_to_change(self, entry: Entry, now: float) -> bool:
        age = now - (entry.asked_first if entry.created is None else entry.created)
        if age < _YOUNG_IN_SECONDS:
            return not self._kinds[entry.watch.kind].is_listed  # a list tells the beginning of a job well enough
        return self._usual_lengths.is_near(entry.watch.family, age)

    def _urgency(self, entry: Entry, now: float) -> Urgency:
        if entry.step is None:
            entry.step = entry.watch.first_step()
        if entry.step.creates:
            return Urgency.CREATE
        if entry.step.lists:
            return Urgency.FINISH
        is_soon = entry.answer is None or self._is_about_to_change(entry, now)
        return Urgency.SOON if is_soon else Urgency.ROUTINE

    def _queue(self, key: Hashable, entry: Entry, urgency: Urgency) -> None:
        self._unqueue(key, entry)
        self._queued += 1
        entry.urgency = urgency
        self._kinds[entry.watch.kind].queues[urgency][key] = entry

    def _unqueue(self, key: Hashable, entry: Entry) -> None:
        if entry.urgency is not None:
            del self._kinds[entry.watch.kind].queues[entry.urgency][key]
            entry.urgency = None
            self._queued -= 1

    def _start_what_may_start(self, now: float) -> None:
        if not self._queued and all(kind.sweep is None for kind in self._kinds.values()):
            return
        reserved: set[str] = set()  # for what is more urgent, and cannot be afforded yet
        for urgency in Urgency:
            if urgency is Urgency.GONE and "lists" not in reserved:
                self._sweep_where_that_is_cheaper(now)
            for kind in self._kinds.values():
                if urgency is Urgency.ROUTINE and kind.is_listed:
                    continue
                queue = kind.queues[urgency]
                while queue:
                    key, entry = next(iter(queue.items()))
                    step = entry.step or entry.watch.first_step()
                    needs = _needs(step, hunch=entry.answer is not None and urgency is Urgency.SOON and kind.is_listed)
                    if not reserved.isdisjoint(needs) or not self._may_make(needs):
                        reserved |= needs.keys() - {"hunches"}
                        break
                    self._unqueue(key, entry)
                    self._start(key, entry, step)

    def _may_make(self, needs: Mapping[str, int]) -> bool:
        wanted = [(self._budgets[name], calls) for name, calls in needs.items()]
        return all(budget.has(calls) for budget, calls in wanted) and all(
            budget.take(calls) for budget, calls in wanted
        )

    def _start(self, key: Hashable, entry: Entry, step: Step) -> None:
        entry.looking = Future()
        entry.looking.set_running_or_notify_cancel()  # whoever waits for it may give up waiting, but not cancel it
        try:
            self._run(partial(entry.context.copy().run, self._take, key, entry, step))
        except RuntimeError as error:  # no thread can be started
            entry.looking = None
            self._miss(entry, step, error)

    def _take(self, key: Hashable, entry: Entry, step: Step) -> None:
        looked_at = self._clock.time()
        follow_up = None
        try:
            sighting = step.run()
            with self._lock:
                self._note(key, entry, sighting, looked_at)
                follow_up = sighting.then
        except Exception as error:
            if not isinstance(error, SageMakerError | OSError):
                logger.exception("looking at %s failed", entry.watch.name)
            with self._lock:
                self._miss(entry, step, error)
        with self._lock:
            done, entry.looking = entry.looking, None
            if follow_up is not None and self._entries.get(key) is entry:
                self._queue(key, entry, Urgency.FINISH)
            self._start_what_may_start(self._clock.time())
        if done is not None:
            done.set_result(None)

    def _note(self, key: Hashable, entry: Entry, sighting: Sighting, looked_at: float) -> None:
        self._unqueue(key, entry)
        entry.answer, entry.seen_at, entry.tries = sighting.answer, looked_at, 0
        entry.created = sighting.created if sighting.created is not None else entry.created
        entry.again_at = looked_at + sighting.again_after
        entry.step = sighting.then
        if sighting.ended and not entry.ended:
            entry.ended = True
            if self._entries.get(key) is entry:
                self._count(entry, -1)
            if entry.created is not None:
                self._usual_lengths.learn(entry.watch.family, looked_at - entry.created)

    def _miss(self, entry: Entry, step: Step, error: Exception) -> None:
        entry.step = step
        entry.answer = entry.watch.in_doubt(error, entry.answer)
        entry.again_at = self._clock.time() + min(2.0**entry.tries, _LONGEST_PAUSE_IN_SECONDS)
        entry.tries += 1
        if getattr(error, "is_throttling", False):
            for name in ("describes", "lists", "creates"):
                if getattr(step, name):
                    self._budgets[name].slow_down()

    def _sweep_where_that_is_cheaper(self, now: float) -> None:
        for kind in self._kinds.values():
            waiting = kind.queues[Urgency.SOON] or kind.queues[Urgency.ROUTINE]
            if kind.sweep is None and kind.should_be_listed and waiting and now >= kind.no_sweep_before:
                kind.sweep = Sweep(now)
            sweep = kind.sweep
            if sweep is None or sweep.page_is_coming or not self._budgets["lists"].has():
                continue
            entry = next((entry for _, entry in self._entries_of(kind)), None)
            if entry is None:
                kind.sweep = None
            elif self._budgets["lists"].take():
                sweep.page_is_coming = True
                try:
                    self._run(partial(self._turn_page, kind, sweep, entry.watch))
                except RuntimeError as error:  # no thread can be started
                    self._give_up_sweep(kind, error)

    def _turn_page(self, kind: Kind, sweep: Sweep, watch: Watch) -> None:
        looked_at = self._clock.time()
        telemetry.look(watch.kind, "sweep")
        try:
            summaries, sweep.token = watch.list_page(sweep.token)
            with self._lock:
                self._note_page(kind, summaries, looked_at)
        except Exception as error:
            if not isinstance(error, SageMakerError):
                logger.exception("listing %s jobs failed", watch.kind)
            with self._lock:
                self._give_up_sweep(kind, error)
        else:
            with self._lock:
                sweep.pages += 1
                if sweep.token is None:
                    self._end_sweep(kind, sweep)
        with self._lock:
            sweep.page_is_coming = False
            self._start_what_may_start(self._clock.time())

    def _give_up_sweep(self, kind: Kind, error: Exception) -> None:
        if getattr(error, "is_throttling", False):
            self._budgets["lists"].slow_down()
        pause = self._pace.freshness_in_seconds * 2**kind.failed_sweeps
        kind.failed_sweeps = min(kind.failed_sweeps + 1, 10)
        kind.sweep = None
        kind.no_sweep_before = self._clock.time() + min(pause, _LONGEST_PAUSE_BETWEEN_LISTS_IN_SECONDS)

    def _note_page(self, kind: Kind, summaries: Sequence[Mapping[str, Any]], looked_at: float) -> None:
        for summary in summaries:
            key = kind.keys.get(_name(summary))
            entry = self._entries.get(key)
            if entry is None or entry.ended or entry.looking is not None or entry.seen_at > looked_at:
                continue
            if entry.step is None or not (entry.step.creates or entry.step.lists):
                sighting = entry.watch.glance(summary, entry.answer)
                if sighting is not None:
                    self._note(key, entry, sighting, looked_at)

    def _end_sweep(self, kind: Kind, sweep: Sweep) -> None:
        kind.sweep, kind.pages, kind.failed_sweeps = None, sweep.pages, 0
        kind.no_sweep_before = self._clock.time() + self._pace.freshness_in_seconds
        for key, entry in self._entries_of(kind):
            unseen = entry.seen_at < sweep.started and entry.asked_first < sweep.started
            wanted = sweep.started - entry.asked_at < _ASKED_LATELY_IN_SECONDS
            idle = not entry.ended and entry.looking is None and self._clock.time() >= entry.again_at
            if unseen and wanted and idle:
                urgency = self._urgency(entry, sweep.started)
                self._queue(key, entry, min(urgency, Urgency.GONE))

    def _entries_of(self, kind: Kind) -> Iterator[tuple[Hashable, Entry]]:
        return (item for item in self._entries.items() if self._kinds[item[1].watch.kind] is kind)

    def _forget_what_nobody_asks_about(self, now: float) -> None:
        self._pruned_at = now
        for key, entry in list(self._entries.items()):
            if entry.looking is None and now - entry.asked_at > _FORGET_AFTER_SECONDS:
                self.forget(key)


def budgets_for(pace: Pace, clock: Clock) -> dict[str, Budget]:
    """The budgets of one account and region.

    A create is rare, and far dearer to the service than a look; a hunch that a job may have ended is worth a describe
    only so often.
    """
    return {
        "hunches": Budget(pace.describes_per_second / 4, clock),
        "describes": Budget(pace.describes_per_second, clock),
        "lists": Budget(pace.lists_per_second, clock),
        "creates": Budget(pace.describes_per_second / 5, clock),
    }


def _needs(step: Step, hunch: bool) -> dict[str, int]:
    needs = {"describes": step.describes, "lists": step.lists, "creates": step.creates, "hunches": int(hunch)}
    return {name: calls for name, calls in needs.items() if calls}


def _name(summary: Mapping[str, Any]) -> str:
    return str(summary.get("TrainingJobName") or summary.get("HyperParameterTuningJobName") or "")
