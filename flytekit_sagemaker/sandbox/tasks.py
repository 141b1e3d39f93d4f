"""A node that runs a task: its result taken over where there is one, else attempts until one succeeds."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flyteidl.core import workflow_pb2
from flyteidl.core.catalog_pb2 import CatalogCacheStatus

from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.sandbox import messages, results
from flytekit_sagemaker.sandbox.attempts import DECK, INPUTS, OUTPUTS, Attempt
from flytekit_sagemaker.sandbox.graph import Key, entity_key
from flytekit_sagemaker.sandbox.places import Places, uri_of
from flytekit_sagemaker.sandbox.refusals import not_here
from flytekit_sagemaker.sandbox.runners import Runner
from flytekit_sagemaker.sandbox.store import ExecutionRecord, NodeRecord, Store, execution_key


class Failed(Exception):
    """Something in an execution has failed for good; ``error`` is the ``ExecutionError`` that says why."""

    def __init__(self, error: Any) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass
class Tasks:
    """Runs tasks for the nodes of executions.

    Attributes:
        runners: who can carry tasks out, in the order in which they are asked.
        closing: what is cancelled from now on is not to be ended: the next sandbox on this root follows it.
    """

    store: Store
    places: Places
    clock: Clock
    runners: Sequence[Runner]
    closing: bool = False
    _locks: dict[bytes, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    def runner(self, template: Any) -> Runner:
        """Who carries out a task.

        Raises:
            Refused: nobody here can.
        """
        for runner in self.runners:
            if runner.runs(template):
                return runner
        version = f" in version {template.task_type_version}" if template.task_type_version else ""
        raise not_here(f"The type {template.type!r}{version} of the task {template.id.name}")

    @staticmethod
    def cause(execution: ExecutionRecord) -> str:
        """Why something of an execution is ended before its time."""
        return execution.message.closure.abort_metadata.cause or "Ended because another node of the execution failed."

    async def run(self, execution: ExecutionRecord, node: NodeRecord, template: Any, settings: Any) -> Any:
        """The outputs of a task.

        Args:
            settings: ``NodeMetadata``, which wins over what the task says.

        Raises:
            Failed: the last attempt failed.
        """
        caching = results.Caching.of(template, settings)
        if not caching.wanted:
            self._tell(node, results.told(CatalogCacheStatus.CACHE_DISABLED, template))
            outputs, _ = await self._attempted(execution, node, template, settings)
            return outputs
        key = results.result_key(template, caching.version, node.inputs)
        overwrite = execution.message.spec.overwrite_cache
        async with self._turn(key, caching.serialized):
            begun = bool(self.store.attempts(node.message.id))  # under an earlier sandbox
            found = None if overwrite or begun else self.store.result(key)
            if found is not None:
                outputs, source = found
                self._tell(node, results.told(CatalogCacheStatus.CACHE_HIT, template, caching.version, key, source))
                self._show_deck(node, self._attempt_folder(source))
                return outputs
            before = CatalogCacheStatus.CACHE_SKIPPED if overwrite else CatalogCacheStatus.CACHE_MISS
            self._tell(node, results.told(before, template, caching.version, key))
            outputs, source = await self._attempted(execution, node, template, settings)
            self.store.save_result(key, outputs, source)
            after = CatalogCacheStatus.CACHE_POPULATED
            self._tell(node, results.told(after, template, caching.version, key, source))
            return outputs

    async def _attempted(
        self, execution: ExecutionRecord, node: NodeRecord, template: Any, settings: Any
    ) -> tuple[Any, Any]:
        """The outputs of the attempt that succeeded, and its identifier."""
        number = max(0, len(self.store.attempts(node.message.id)) - 1)
        while True:
            attempt = self._attempt(execution, node, template, settings, number)
            try:
                outcome = await attempt.run()
            except asyncio.CancelledError:
                if not self.closing:
                    await _whatever_happens(attempt.abort(self.cause(execution)))
                raise
            self._show_deck(node, attempt.place)
            if outcome.error is None:
                node.message.closure.output_uri = uri_of(attempt.place / OUTPUTS)
                return outcome.outputs, attempt.identifier
            number += 1
            if not outcome.retryable or number >= attempt.max_attempts:
                raise Failed(outcome.error)

    async def end(self, execution: ExecutionRecord, node: NodeRecord, templates: Mapping[Key, Any]) -> None:
        """End what an earlier sandbox has begun for a node.

        Args:
            templates: the task templates of the execution's workflow.
        """
        attempts = self.store.attempts(node.message.id)
        if attempts:
            last = attempts[-1].message.id
            template = templates[entity_key(last.task_id)]
            attempt = self._attempt(execution, node, template, workflow_pb2.NodeMetadata(), last.retry_attempt)
            await attempt.abort(self.cause(execution))

    def _attempt(
        self, execution: ExecutionRecord, node: NodeRecord, template: Any, settings: Any, number: int
    ) -> Attempt:
        # A node that says zero says nothing.
        retries = settings.retries.retries or template.metadata.retries.retries
        timeout = settings.timeout.ToMilliseconds() or template.metadata.timeout.ToMilliseconds()
        identifier = node.message.id
        folder = self.places.execution(*execution_key(identifier.execution_id)) / identifier.node_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / INPUTS).write_bytes(node.inputs.SerializeToString())
        return Attempt(
            self.store,
            self.clock,
            self.runner(template),
            execution,
            node,
            template,
            number,
            max_attempts=retries + 1,
            timeout=timeout / 1000,
            folder=folder,
        )

    def _attempt_folder(self, attempt: Any) -> Any:
        node = attempt.node_execution_id
        return self.places.execution(*execution_key(node.execution_id)) / node.node_id / str(attempt.retry_attempt)

    def _tell(self, node: NodeRecord, metadata: Any) -> None:
        node.message.closure.task_node_metadata.CopyFrom(metadata)
        self.store.save_node(node)

    def _show_deck(self, node: NodeRecord, attempt_folder: Any) -> None:
        if (attempt_folder / DECK).exists():
            node.message.closure.deck_uri = uri_of(attempt_folder / DECK)
            messages.change(node.message.closure, node.message.closure.phase, self.clock.time())
            self.store.save_node(node)

    @contextlib.asynccontextmanager
    async def _turn(self, key: bytes, serialized: bool) -> AsyncIterator[None]:
        """One run at a time of what is cached under a key, where the task wants that."""
        if not serialized:
            yield
            return
        async with self._locks[key]:
            yield


async def _whatever_happens(work: Awaitable[None]) -> None:
    """Wait for something to be done, even when that is cancelled on the way."""
    doing = asyncio.ensure_future(work)
    while not doing.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(doing)
    doing.result()
