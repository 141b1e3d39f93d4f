"""The jobs of a local SageMaker on disk: one SQLite file, in which every call is one committed transaction.

A job is kept as the answer that Describe gives for it, so reading is answering. What Describe does not show but the
engine has to remember (the attempt, the seed, a trial's tuned values) lies beside it in ``Job.memory``.
"""

from __future__ import annotations

import contextlib
import enum
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    kind TEXT, name TEXT COLLATE NOCASE, tuning_job TEXT, number INTEGER, status TEXT, created REAL, modified REAL,
    objective REAL, description TEXT, memory TEXT, PRIMARY KEY (kind, name)
);
CREATE INDEX IF NOT EXISTS trials ON jobs (tuning_job, number) WHERE tuning_job IS NOT NULL;
CREATE TABLE IF NOT EXISTS metrics (job TEXT, name TEXT, time REAL, value REAL);
CREATE INDEX IF NOT EXISTS metrics_of_job ON metrics (job);
CREATE TABLE IF NOT EXISTS tags (arn TEXT, key TEXT, value TEXT, PRIMARY KEY (arn, key)) WITHOUT ROWID;
"""


class Kind(enum.Enum):
    """The two kinds of jobs; the value is the prefix of their fields' names (``TrainingJobName``)."""

    TRAINING = "TrainingJob"
    TUNING = "HyperParameterTuningJob"


@dataclass
class Job:
    """A training or tuning job.

    Attributes:
        description: the answer of Describe, as it goes over the wire (times are seconds since the epoch).
        tuning_job: name of the tuning job that launched this training job, if any.
        number: a trial's number within its tuning job, from 1.
        objective: the last value of a trial's objective metric.
        memory: what the engine remembers and Describe does not show.
    """

    kind: Kind
    description: dict[str, Any]
    tuning_job: str | None = None
    number: int | None = None
    objective: float | None = None
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.description[f"{self.kind.value}Name"])

    @property
    def arn(self) -> str:
        return str(self.description[f"{self.kind.value}Arn"])

    @property
    def status(self) -> str:
        return str(self.description[f"{self.kind.value}Status"])

    @property
    def ended(self) -> bool:
        return self.status in ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class Page:
    """Which jobs a list call wants: SQL conditions with their values, the sort column, and where to go on."""

    kind: Kind
    conditions: Sequence[tuple[str, object]] = ()
    sort: str = "created"
    descending: bool = False
    limit: int = 10
    after: tuple[object, str] | None = None


class Store:
    """The jobs, tags and metrics under one root; used from one thread."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything that is written inside together, or nothing of it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def save(self, job: Job) -> None:
        """Write a job as it is now."""
        description = job.description
        self._db.execute(
            "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                job.kind.value,
                job.name,
                job.tuning_job,
                job.number,
                job.status,
                description["CreationTime"],
                description["LastModifiedTime"],
                job.objective,
                json.dumps(description),
                json.dumps(job.memory),
            ),
        )

    def find(self, kind: Kind, name: str) -> Job | None:
        """The job of that name, in whatever case, or None."""
        return next(self._jobs("WHERE kind = ? AND name = ?", (kind.value, name)), None)

    def trials(self, tuning_job: str) -> list[Job]:
        """The training jobs that a tuning job, named in whatever case, has launched, in the order of their launch."""
        stored_name = "SELECT name FROM jobs WHERE kind = ? AND name = ?"
        where = f"WHERE tuning_job = ({stored_name}) ORDER BY number"
        return list(self._jobs(where, (Kind.TUNING.value, tuning_job)))

    def unfinished(self, kind: Kind) -> list[Job]:
        """The jobs of one kind that have not ended, oldest first."""
        where = "WHERE kind = ? AND status NOT IN ('Completed', 'Failed', 'Stopped') ORDER BY created, number"
        return list(self._jobs(where, (kind.value,)))

    def page(self, page: Page) -> tuple[list[Job], tuple[object, str] | None]:
        """One page of jobs, and where the next one begins (None after the last)."""
        conditions = [("kind = ?", page.kind.value), *page.conditions]
        values = [value for _, value in conditions]
        where = " AND ".join(condition for condition, _ in conditions)
        order = "DESC" if page.descending else "ASC"
        if page.after is not None:
            where += f" AND ({page.sort}, name) {'<' if page.descending else '>'} (?, ?)"
            values += page.after
        clause = f"WHERE {where} ORDER BY {page.sort} {order}, name {order} LIMIT ?"
        rows = self._db.execute(f"SELECT {page.sort}, name FROM jobs {clause}", (*values, page.limit + 1)).fetchall()
        jobs = list(self._jobs(clause, (*values, page.limit)))
        return jobs, rows[page.limit - 1] if len(rows) > page.limit else None

    def _jobs(self, clause: str, values: Iterable[object]) -> Iterator[Job]:
        columns = "kind, tuning_job, number, objective, description, memory"
        for row in self._db.execute(f"SELECT {columns} FROM jobs {clause}", tuple(values)).fetchall():
            kind, tuning_job, number, objective, description, memory = row
            yield Job(Kind(kind), json.loads(description), tuning_job, number, objective, json.loads(memory))

    def add_metrics(self, job: str, points: Iterable[tuple[str, float, float]]) -> None:
        """Append points (metric name, seconds since the epoch, value) to a training job's time series."""
        self._db.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?)", [(job, *point) for point in points])

    def metrics(self, job: str, name: str | None = None) -> list[tuple[str, float, float]]:
        """A training job's points (metric name, seconds since the epoch, value) in the order of their emission."""
        return self._db.execute(
            "SELECT name, time, value FROM metrics WHERE job = ? AND name = coalesce(?, name) ORDER BY rowid",
            (job, name),
        ).fetchall()

    def forget_metrics(self, job: str) -> None:
        """Drop a training job's points, before it is run again."""
        self._db.execute("DELETE FROM metrics WHERE job = ?", (job,))

    def add_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        """Set tags of a resource; a key that is there already gets the new value."""
        self._db.executemany("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", [(arn, k, v) for k, v in tags.items()])

    def delete_tags(self, arn: str, keys: Iterable[str]) -> None:
        self._db.executemany("DELETE FROM tags WHERE arn = ? AND key = ?", [(arn, key) for key in keys])

    def tags(self, arn: str) -> dict[str, str]:
        return dict(self._db.execute("SELECT key, value FROM tags WHERE arn = ? ORDER BY key", (arn,)).fetchall())
