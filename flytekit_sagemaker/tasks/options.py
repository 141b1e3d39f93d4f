"""What every SageMaker task takes beside its job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from flytekit.core.base_task import TaskMetadata

from flytekit_sagemaker.errors import InvalidInput, Problem


@dataclass(frozen=True)
class TaskOptions:
    """How Flyte treats a task.

    Attributes:
        name: full name; ``<module>.<variable>`` where None.
        retries: attempts after the first.
        cacheable: whether Flyte may reuse the outputs of an earlier run with the same inputs.
        cache_version: version of the cache; required when cacheable.
        interruptible: whether Flyte counts the task as interruptible.
        timeout: after how long Flyte gives an attempt up, a timedelta or seconds; 0 for never.

    Raises:
        InvalidInput: listing every option that breaks a rule.
    """

    name: str | None
    retries: int
    cacheable: bool
    cache_version: str
    interruptible: bool
    timeout: timedelta | int = 0

    def __post_init__(self) -> None:
        if problems := list(self._problems()):
            raise InvalidInput("the task", problems)

    def metadata(self) -> TaskMetadata:
        """The options as flytekit has them."""
        return TaskMetadata(
            cache=self.cacheable,
            cache_version=self.cache_version if self.cacheable else "",
            retries=self.retries,
            interruptible=self.interruptible,
            timeout=self.timeout or None,
            generates_deck=True,
        )

    def _problems(self) -> Iterator[Problem]:
        if self.name is not None and (not isinstance(self.name, str) or not self.name):
            yield Problem("name", self.name, "must be a text, or left out")
        if not isinstance(self.retries, int) or isinstance(self.retries, bool) or self.retries < 0:
            yield Problem("retries", self.retries, "must be a whole number, at least 0")
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, (int, timedelta)):
            yield Problem("timeout", self.timeout, "must be a timedelta, or whole seconds")
        elif (self.timeout.total_seconds() if isinstance(self.timeout, timedelta) else self.timeout) < 0:
            yield Problem("timeout", self.timeout, "must not be negative")
        for name in ("cacheable", "interruptible"):
            if not isinstance(getattr(self, name), bool):
                yield Problem(name, getattr(self, name), "must be True or False")
        if not isinstance(self.cache_version, str):
            yield Problem("cache_version", self.cache_version, "must be a text")
        elif self.cacheable is True and not self.cache_version:
            yield Problem("cache_version", self.cache_version, "must be given when cacheable is True")
