"""``map_task`` over functions that run as training jobs: one job per element.

flytekit makes every map task of one class, which calls the function of the task right here, one element after the
other, and inside a job calls it past the task. Over a training job it makes one of ours instead.
"""

from __future__ import annotations

import contextvars
import functools
import logging
import math
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from flytekit.core.array_node_map_task import ArrayNodeMapTask
from flytekit.core.promise import Promise
from flytekit.core.python_function_task import PythonFunctionTask
from flytekit.models.literals import Literal, LiteralCollection, LiteralMap, Scalar, Void

from flytekit_sagemaker.errors import InvalidInput, JobFailed, JobNotCreated, Problem, UserError
from flytekit_sagemaker.tasks.inputs import accepted_inputs, named_inputs, with_fingerprint
from flytekit_sagemaker.tasks.local_execution import side_by_side
from flytekit_sagemaker.tasks.through_connector import RunsThroughConnector, refuse_inside_a_job

_IN_A_LOOP = (
    "Call it in a loop inside a @dynamic function: every call is a node of its own there, and they run at once."
)
_NOT_EVERY_FLYTE = (
    "%s maps over training jobs. A Flyte whose map tasks keep no state of connectors cannot run it "
    "(https://github.com/flyteorg/flyte/issues/3926); a loop inside a @dynamic function runs on every Flyte."
)
_log = logging.getLogger(__name__)
_NOTHING = Literal(scalar=Scalar(none_type=Void()))


class MappedTrainingJobs(ArrayNodeMapTask):  # type: ignore[misc]
    """What ``map_task`` makes of a function that runs as a training job; the arguments are flytekit's.

    The inputs that every job takes beside those of its function, as ``stopping_condition``, are the same for all
    elements, and have their defaults. Locally, ``concurrency`` jobs run at a time; as many as there are processors
    when it is left out, all of them when it is 0.

    Raises:
        UserError: for a function with several outputs, which flytekit does not map.
    """

    def __init__(
        self,
        python_function_task: Any,
        *args: Any,
        bound_inputs: Iterable[str] | None = None,
        bound_inputs_values: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        task = _target(python_function_task)
        if (count := len(task.python_interface.outputs)) > 1:
            rule = f"{task.name} has {count} outputs, and flytekit's map_task takes tasks with one"
            raise UserError(f"{rule}. Let the function return one, such as a dictionary. Or: {_IN_A_LOOP}")
        self._same_for_all = dict(task.inputs_of_every_job)
        values = {**self._same_for_all, **bound_inputs_values} if bound_inputs_values else None
        bound = {*self._same_for_all, *(bound_inputs or ())} - {""}
        super().__init__(python_function_task, *args, bound_inputs=bound, bound_inputs_values=values, **options)
        self._task_type_version = task.task_type_version  # the one by which Flyte finds the connector

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run a job for each element, or make the map task a node of the workflow that is being compiled.

        Raises:
            InvalidInput: listing every input that is unknown, missing or of the wrong type.
        """
        refuse_inside_a_job(self.name)
        declared = {name: (kind, None) for name, kind in self.python_interface.inputs.items()}
        given = named_inputs(self.name, list(declared), args, kwargs)
        bound = {**self._same_for_all, **(self._partial.keywords if self._partial else {})}
        return super().__call__(**accepted_inputs(self.name, declared, {**bound, **given, **self._bound_inputs_values}))

    def get_container(self, settings: Any) -> Any:
        """The container of one element, as Flyte would start it."""
        _log.warning(_NOT_EVERY_FLYTE, self.name)
        return super().get_container(settings)

    def local_execute(self, ctx: Any, **kwargs: Any) -> Any:
        """Run the jobs locally, or take their outputs from flytekit's cache."""
        if self.metadata.cache:
            kwargs = {name: with_fingerprint(value) for name, value in kwargs.items()}
        return super().local_execute(ctx, **kwargs)

    def dispatch_execute(self, ctx: Any, input_literal_map: LiteralMap) -> Any:
        """Locally: run a job for each element. Inside a job: run the function with its element."""
        if ctx.execution_state.is_local_execution():
            return self._run_all(ctx, input_literal_map)
        return self._run_task.dispatch_execute(ctx, self._element(input_literal_map, self._compute_array_job_index()))

    def _element(self, inputs: LiteralMap, index: int) -> LiteralMap:
        """The inputs of one element."""
        return LiteralMap(
            {
                name: literal if name in self.bound_inputs else literal.collection.literals[index]
                for name, literal in inputs.literals.items()
            }
        )

    def _run_all(self, ctx: Any, inputs: LiteralMap) -> LiteralMap:
        count = _length({name: each for name, each in inputs.literals.items() if name not in self.bound_inputs})
        at_a_time = (os.cpu_count() or 1) if self.concurrency is None else self.concurrency or count
        ratio = 1.0 if self.min_success_ratio is None else self.min_success_ratio
        required = self.min_successes or math.ceil(count * ratio)

        def run(index: int) -> Any:
            if jobs.stopped:
                raise KeyboardInterrupt
            promises = {name: Promise(name, each) for name, each in self._element(inputs, index).literals.items()}
            try:
                return self._run_task.local_execute(ctx, **promises)
            except (JobFailed, JobNotCreated) as error:
                raise type(error)(f"Element {index} of {count}: {error}") from None

        with side_by_side() as jobs, ThreadPoolExecutor(max_workers=max(1, at_a_time)) as threads:
            begun = [threads.submit(contextvars.copy_context().run, run, index) for index in range(count)]
            try:
                _wait(begun, failures_allowed=count - required, to_the_end=self.run_all_sub_nodes)
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                jobs.stop()
                raise
        ended = [_NOTHING if each.exception() else _literal(each.result()) for each in begun]
        return LiteralMap({name: Literal(collection=LiteralCollection(ended)) for name in self.interface.outputs})


def _literal(result: Any) -> Any:
    """The one output of an element; flytekit puts one that has a name into a tuple."""
    if isinstance(result, tuple):
        (result,) = result
    return getattr(result, "val", _NOTHING)


def _wait(begun: list[Future[Any]], failures_allowed: int, to_the_end: bool) -> None:
    """Wait for all, or until more have failed than may: then raise the first failure."""
    running, failures = set(begun), list[BaseException]()
    while running and (to_the_end or len(failures) <= failures_allowed):
        # A wait without limit would keep the handler of Ctrl-C from running.
        ended, running = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
        failures += [error for each in ended if (error := each.exception()) is not None]
        if interrupt := next((error for error in failures if not isinstance(error, Exception)), None):
            raise interrupt
    if len(failures) > failures_allowed:
        raise failures[0]


def _target(mapped: Any) -> Any:
    return mapped.func if isinstance(mapped, functools.partial) else mapped


def _length(lists: Mapping[str, Literal]) -> int:
    """How many elements all lists have.

    Raises:
        InvalidInput: when they have not the same.
    """
    lengths = {name: len(each.collection.literals) for name, each in lists.items()}
    longest = max(lengths.values(), default=0)
    rule = f"must have as many elements as the longest list, {longest}"
    problems = [Problem(name, f"{length} elements", rule) for name, length in lengths.items() if length != longest]
    if problems:
        raise InvalidInput("the input of the map task", problems)
    return longest


def _of_our_own(cls: Any, python_function_task: Any = None, *args: Any, **options: Any) -> Any:
    """What is made when somebody asks for a map task: one of ours for one of our tasks."""
    task = _target(python_function_task)
    if isinstance(task, RunsThroughConnector):
        if not isinstance(task, PythonFunctionTask):
            rule = f"flytekit's map_task takes tasks with a function, and {task.name or 'this task'} has none"
            raise UserError(f"{rule}. {_IN_A_LOOP}")
        cls = MappedTrainingJobs if cls is ArrayNodeMapTask else cls
    return object.__new__(cls)


ArrayNodeMapTask.__new__ = _of_our_own
