"""The handle of one launched task."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from flytekit.core.interface import Interface

from flytekit_sagemaker.errors import InvalidInput, JobFailed, Problem, TransientError, UserError
from flytekit_sagemaker.remote.admin import Admin, ExecutionId
from flytekit_sagemaker.remote.report import Report, fetch_report
from flytekit_sagemaker.remote.states import State, state_of
from flytekit_sagemaker.remote.values import Values
from flytekit_sagemaker.reporting.deck import progress_fragment
from flytekit_sagemaker.reporting.live import LiveDisplay
from flytekit_sagemaker.reporting.progress import Progress, progress_line

if TYPE_CHECKING:
    import pandas

__all__ = ["Execution"]

_FIRST_LOOK_IN_SECONDS = 0.1
_LONGEST_WAIT_IN_SECONDS = 3.0
_SLOWDOWN = 1.3
_PATIENCE_IN_SECONDS = 300.0
_ENDINGS = {"ABORTED": "was ended", "ABORTING": "is being ended", "TIMED_OUT": "took too long"}


class Execution:
    """One execution of a task on Flyte. It runs there whether or not anybody holds a handle of it.

    What the properties say is as of the last :meth:`sync`, which :meth:`wait` does all the time.
    """

    def __init__(self, admin: Admin, identifier: ExecutionId, interface: Interface | None = None) -> None:
        self._admin = admin
        self._id = identifier
        self._interface = interface
        self._state: State | None = None
        self._values: dict[str, Values] = {}
        self._shown_in_cell: int | None = None

    @property
    def id(self) -> ExecutionId:
        """Project, domain and name, by which ``fetch_execution`` finds it again."""
        return self._id

    @property
    def console_url(self) -> str:
        """Its page in Flyte's console."""
        return str(self._admin.remote.generate_console_url(self._id))

    @property
    def phase(self) -> str:
        """Flyte's word: QUEUED, RUNNING, SUCCEEDED, FAILED, ABORTED, TIMED_OUT, or one on the way to those."""
        return self._known.phase

    @property
    def is_done(self) -> bool:
        """Whether it has come to an end, however."""
        return self._known.is_done

    @property
    def is_cached(self) -> bool:
        """Whether its outputs are those of an earlier execution with the same inputs, so that nothing ran."""
        return self._known.is_cached

    @property
    def error(self) -> str:
        """SageMaker's reason when it failed, the cause when it was ended; empty otherwise."""
        return self._known.error

    @property
    def progress(self) -> Progress | None:
        """How far the SageMaker job is; None until Flyte passes that on."""
        return self._known.progress

    @property
    def links(self) -> Mapping[str, str]:
        """Pages and logs of the SageMaker job: URL by label."""
        return self._known.links

    @property
    def inputs(self) -> Values:
        """All inputs by name, as the task got them: local data under the URI that it was uploaded to."""
        return self._of("inputs")

    @property
    def outputs(self) -> Values:
        """The outputs by name; files and directories have a ``uri``.

        Raises:
            UserError: while it runs, and when it ended without any.
        """
        self._demand("outputs")
        return self._of("outputs")

    def trials(self) -> pandas.DataFrame:
        """The trials of a tuning job, a row each.

        Raises:
            UserError: while it runs, when it ended without any, and when it is no tuning job.
        """
        state = self._known
        if "trials" not in self._admin.interface(state.task, state.version).outputs.variables:
            raise UserError(f"{state.task} is no tuning job: it has no trials")
        self._demand("trials")
        import pandas

        return self.outputs["trials"].open(pandas.DataFrame).all()

    def report(self) -> Report:
        """The report of the job: its plots, phases, hyperparameters and, when it failed, the reason.

        Raises:
            UserError: when there is none (yet).
        """
        if not self._known.is_done:
            self.sync()
        return fetch_report(self._admin, self._id, self._known)

    def sync(self) -> Execution:
        """Ask Flyte once how it stands.

        Raises:
            UserError: when Flyte does not know it.
            TransientError: when Flyte does not answer.
        """
        if self._state is None or not self._state.is_done:
            self._state = state_of(self._admin, self._id)
        return self

    def wait(self, timeout: float | timedelta | None = None) -> Execution:
        """Wait for its end and show its progress meanwhile: in a notebook and a terminal in place.

        An interrupt ends the waiting, not the execution.

        Args:
            timeout: seconds, or a timedelta, after which the waiting ends; None for never.

        Raises:
            JobFailed: with SageMaker's reason, when it fails; with the cause, when it was ended.
            TimeoutError: when it takes longer.
            InvalidInput: when the timeout is no time.
        """
        limit = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, float))):
            raise InvalidInput("wait", [Problem("timeout", timeout, "must be seconds, a timedelta or None")])
        with LiveDisplay() as display:
            shown: set[str] = set()
            try:
                for state in self._states(limit):
                    for note in self._notes(state):
                        if note not in shown:
                            shown.add(note)
                            display.note(note)
                    if state.progress is not None:
                        display.update(state.progress.without_reason())
            except (KeyboardInterrupt, SystemExit):  # which flytekit makes of Ctrl-C outside of notebooks
                display.note(f"It runs on; terminate() ends it. {self._id}")
                raise
            finally:
                self._shown_in_cell = _cell()
        if not self._known.is_successful:
            raise JobFailed(self._end_in_words(self._known))
        return self

    def terminate(self, cause: str = "terminated by its handle") -> None:
        """End it, and its SageMaker job with it; one that has ended stays as it is.

        Args:
            cause: shown in Flyte's console.
        """
        if self.sync().is_done:
            return
        try:
            self._admin.terminate(self._id, cause)
        except UserError:
            if not self.sync().is_done:  # else it has ended in between
                raise
        self.sync()

    def __repr__(self) -> str:
        return f"<Execution {self._id}: {self._state.phase if self._state else 'launched'}>"

    def _repr_html_(self) -> str:
        state = self._known
        jobs = [] if state.progress is None else [state.progress]
        headline = "" if jobs else state.phase.capitalize()
        alert = self._end_in_words(state) if state.error else ""
        return progress_fragment(*jobs, headline=headline, alert=alert, notes=self._notes(state))

    def _ipython_display_(self) -> None:
        """Show the handle in a cell, unless waiting has shown it there."""
        if self._shown_in_cell is None or self._shown_in_cell != _cell():
            display = importlib.import_module("IPython.display").display
            display({"text/plain": repr(self), "text/html": self._repr_html_()}, raw=True)

    @property
    def _known(self) -> State:
        return self._state or self.sync()._known

    def _states(self, limit: float | None) -> Iterator[State]:
        """The state again and again until the end; a Flyte that does not answer for a while is asked again."""
        begin, wait, answered = time.monotonic(), _FIRST_LOOK_IN_SECONDS, time.monotonic()
        while True:
            try:
                yield self.sync()._known
                answered = time.monotonic()
            except TransientError:
                if time.monotonic() - answered > _PATIENCE_IN_SECONDS:
                    raise
            if self._state is not None and self._state.is_done:
                return
            if limit is not None and time.monotonic() - begin >= limit:
                raise TimeoutError(f"{self._id} has not ended after {limit:g} s; it runs on")
            left = wait if limit is None else min(wait, limit - (time.monotonic() - begin))
            time.sleep(max(left, 0))
            wait = min(wait * _SLOWDOWN, _LONGEST_WAIT_IN_SECONDS)

    def _notes(self, state: State) -> list[str]:
        """Sentences about it that stay true, in the order in which they come."""
        notes = [f"{state.task}, execution {self._id}: {self.console_url}"]
        notes += [f"{label}: {url}" for label, url in state.links.items()]
        if state.attempts > 1:
            notes.append(f"Attempt {state.attempts}")
        if state.is_cached:
            notes.append("Taken from the cache: the same task ran with the same inputs before, so nothing ran now.")
        return notes

    def _end_in_words(self, state: State) -> str:
        return f"{state.task} {_ENDINGS.get(state.phase, 'failed')}: {state.error or 'Flyte gives no reason'}"

    def _of(self, side: str) -> Values:
        if side not in self._values:
            types = getattr(self._interface, side, {})
            self._values[side] = Values.of(self._admin, self._id, self._known, side, types)
        return self._values[side]

    def _demand(self, what: str) -> None:
        """Raise unless there are outputs."""
        state = self.sync()._known
        if state.is_successful:
            return
        if state.is_done:
            raise UserError(f"There are no {what}. {self._end_in_words(state)}")
        far = progress_line(state.progress) if state.progress is not None else state.phase
        raise UserError(f"The {what} come when the execution ends; call wait() first. Now: {far}")


def _cell() -> int | None:
    """The number of the notebook cell that runs; None elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "execution_count", None)
