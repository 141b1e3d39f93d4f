"""The metrics of one training job: found in what its hosts print, and kept with the job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.local.logs import LogReader
from flytekit_sagemaker.local.scraping import Scraper
from flytekit_sagemaker.local.store import Job, Store

_FLUSH_SECONDS = 0.25
_LINES_PER_SEARCH = 1000
_MAX_UNSEARCHED_LINES = 10_000


class JobMetrics:
    """Finds a job's metrics in lines, in the order in which they were printed.

    Args:
        job: its metric definitions are searched for, its final metrics are kept up to date.
        on_metric: called with a metric's name and its value as soon as it is found.
    """

    def __init__(
        self, job: Job, store: Store, clock: Clock, scraper: Scraper, on_metric: Callable[[str, float], None]
    ) -> None:
        self._job = job
        self._store = store
        self._clock = clock
        self._scraper = scraper
        self._on_metric = on_metric
        definitions = job.description["AlgorithmSpecification"].get("MetricDefinitions", ())
        self._wanted = [(each["Name"], each["Regex"]) for each in definitions]
        self._readers: Sequence[LogReader] = ()
        self._unsearched: list[str] = []
        self._search: asyncio.Task[None] | None = None
        self._unsaved: list[tuple[str, float, float]] = []
        self._flush: asyncio.TimerHandle | None = None

    def follow(self, readers: Sequence[LogReader]) -> None:
        """Name the readers that hand on the lines, so that they can be slowed down."""
        self._readers = readers

    def read(self, line: str) -> None:
        """Search a line. Returns at once."""
        if not self._wanted:
            return
        self._unsearched.append(line)
        if len(self._unsearched) > _MAX_UNSEARCHED_LINES:
            for reader in self._readers:
                reader.pause()
        if self._search is None or self._search.done():
            self._search = asyncio.get_running_loop().create_task(self._search_lines())

    async def all_found(self) -> None:
        """Wait until every line has been searched."""
        if self._search:
            await self._search

    def close(self) -> None:
        """Search no further, and save what was found."""
        if self._search:
            self._search.cancel()
        self._save()

    def forget(self) -> None:
        """Drop everything that was found so far."""
        self._unsaved.clear()
        self._store.forget_metrics(self._job.name)
        self._job.description.pop("FinalMetricDataList", None)
        self._job.objective = None

    async def _search_lines(self) -> None:
        while self._unsearched:
            lines, self._unsearched = self._unsearched[:_LINES_PER_SEARCH], self._unsearched[_LINES_PER_SEARCH:]
            wanted = self._wanted
            found = await asyncio.to_thread(self._scraper.search, [regex for _, regex in wanted], lines)
            for place, value in found.values:
                self._take(wanted[place][0], value)
            for place in found.given_up:
                name, regex = wanted[place]
                for reader in self._readers:
                    reader.note(
                        f"The local SageMaker gives up the metric {name!r}: to search for {regex!r} takes too long."
                    )
            self._wanted = [metric for place, metric in enumerate(wanted) if place not in found.given_up]
            if len(self._unsearched) <= _LINES_PER_SEARCH:
                for reader in self._readers:
                    reader.resume()

    def _take(self, name: str, value: float) -> None:
        self._unsaved.append((name, self._clock.time(), value))
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self._save)
        self._on_metric(name, value)

    def _save(self) -> None:
        if self._flush:
            self._flush.cancel()
            self._flush = None
        if not self._unsaved:
            return
        points, self._unsaved = self._unsaved, []
        description = self._job.description
        final = {each["MetricName"]: each for each in description.get("FinalMetricDataList", ())}
        for name, moment, value in points:
            final[name] = {"MetricName": name, "Value": value, "Timestamp": moment}
        description["FinalMetricDataList"] = list(final.values())
        objective = self._job.memory.get("objective")
        if objective in final:
            self._job.objective = final[objective]["Value"]
        with self._store.transaction():
            self._store.add_metrics(self._job.name, points)
            self._store.save(self._job)
