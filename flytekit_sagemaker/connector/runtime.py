"""What the connectors of a process share: its threads, its clock, and a status board for each endpoint."""

from __future__ import annotations

import asyncio
import contextvars
import importlib.metadata
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache, partial
from typing import Any, TypeVar

from flytekit_sagemaker import logs, settings
from flytekit_sagemaker.aws import Endpoint, default_region
from flytekit_sagemaker.clock import Clock, SystemClock
from flytekit_sagemaker.connector.board import Board, budgets_for
from flytekit_sagemaker.connector.budget import Budget
from flytekit_sagemaker.errors import SageMakerError
from flytekit_sagemaker.masking import masked

T = TypeVar("T")

_MOST_BOARDS = 64
_THREADS_FOR_CALLS = 16


class Runtime:
    """Threads, boards and time of the connectors in one process.

    boto3 blocks, and nothing may block the event loop that serves every job's polls: so SageMaker is called in threads
    of our own, whose number is the setting ``threads``.

    Args:
        clock: the time.
        patience: seconds that a poll waits for the look that it started. That is worth a moment; but Flyte polls with
            few workers, which wait meanwhile.
        threads: does the blocking work; as many threads as the settings say when not given.
    """

    def __init__(self, clock: Clock, patience: float = 1.0, threads: Executor | None = None) -> None:
        self.clock = clock
        self.patience = patience
        self._threads = threads or ThreadPoolExecutor(
            int(settings.current().number("threads")), thread_name_prefix="sagemaker"
        )
        # Whoever creates or stops a job waits for it, and for no more than 10 seconds: looks do not stand in the way.
        self._calls = threads or ThreadPoolExecutor(_THREADS_FOR_CALLS, thread_name_prefix="sagemaker-call")
        self._boards: dict[Endpoint, Board] = {}
        self._budgets: dict[tuple[str, str, str], dict[str, Budget]] = {}
        self._lock = threading.Lock()

    def known_board(self, endpoint: Endpoint) -> Board | None:
        """The status board of an endpoint, if it has one already."""
        return self._boards.get(endpoint)

    def board(self, endpoint: Endpoint) -> Board:
        """The status board of an endpoint."""
        board = self._boards.get(endpoint)
        if board is None:
            with self._lock:
                pace = settings.pace(endpoint.is_on_this_machine)
                budgets = self._budgets.setdefault(_account(endpoint), budgets_for(pace, self.clock))
                board = self._boards.setdefault(endpoint, Board(pace, self.clock, self._threads.submit, budgets))
                while len(self._boards) > _MOST_BOARDS:  # what is dropped is looked up again
                    dropped = min(self._boards, key=lambda each: (each == endpoint, len(self._boards[each])))
                    del self._boards[dropped]
                    if _account(dropped) not in map(_account, self._boards):
                        del self._budgets[_account(dropped)]
        return board

    async def in_thread(self, work: Callable[..., T], *args: Any) -> T:
        """The result of work for a create or a delete, done in a thread with the caller's context."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._calls, partial(context.run, work, *args))


def _account(endpoint: Endpoint) -> tuple[str, str, str]:
    """What shares quotas: roles of one account do, and field 4 of an ARN is the account."""
    return endpoint.region, endpoint.url, (endpoint.assume_role_arn.split(":") + [""] * 5)[4]


@cache
def shared() -> Runtime:
    """The runtime of this process, made when its first job comes.

    It sets up the logs that the settings ask for, and logs which settings these are and what is wrong with them.
    """
    found = settings.current()
    logs.configure(found.text("log_format"))
    _log_settings(found)
    return Runtime(SystemClock())


def _log_settings(found: settings.Settings) -> None:
    log = logs.of()
    try:
        region = found.region or default_region()
    except SageMakerError:  # every job says so
        region = ""
    log.info(
        "flytekit-sagemaker %s: endpoint %s, region %s, job_name_prefix %s, config file %s",
        importlib.metadata.version("flytekit-sagemaker"),
        masked(found.endpoint),
        region or "none",
        found.text("job_name_prefix"),
        settings.config_file() or "none",
    )
    missing = settings.missing_config_file()
    for problem in (*found.problems(), *([missing] if missing else [])):
        log.error("%s", problem)
