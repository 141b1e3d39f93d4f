"""One tuning job from its first trial to its end.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-how-it-works.html
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from flytekit_sagemaker.clock import Clock
from flytekit_sagemaker.local import completion, descriptions, warm_start
from flytekit_sagemaker.local.definition_search import DefinitionSearch
from flytekit_sagemaker.local.definitions import definitions_of, objective_status, place_of, scores
from flytekit_sagemaker.local.lifecycle import MAX_FAILURE_REASON, end, failed, is_waiting
from flytekit_sagemaker.local.store import Job, Store
from flytekit_sagemaker.local.training import TrainingRun
from flytekit_sagemaker.requests.tuning_job_rules import most_trials

TRIALS_THAT_MAY_FAIL = 5

StartTrial = Callable[[Job, bool, "Callable[[TrainingRun, str, float], None]"], TrainingRun]


class TuningRun:
    """Runs one tuning job; ``finished`` is set when its end is on disk.

    Its definitions take turns: the next trial is one of the definition that has the fewest, as long as that has
    anything left to try. The job ends Completed when its trials are used up, when a completion criterion is met and
    when its runtime is over; it ends Failed when its first five trials, at least one of each definition (all, when it
    has fewer), have brought no objective.

    Args:
        job: the job, which this run alone changes from now on.
        seed: fixes every random choice of the search.
        start_trial: starts a training job, the second argument says whether once more.
    """

    def __init__(self, job: Job, store: Store, clock: Clock, seed: int, start_trial: StartTrial) -> None:
        self.job = job
        self.finished = asyncio.Event()
        self._store = store
        self._clock = clock
        self._start_trial = start_trial
        self._config = config = job.description["HyperParameterTuningJobConfig"]
        self._parallel = config["ResourceLimits"]["MaxParallelTrainingJobs"]
        self._definitions = definitions_of(job.description)
        self._seed = seed
        self._searches: list[DefinitionSearch] = []
        self._limit = 0
        self._trials: list[Job] = []
        self._runs: dict[str, TrainingRun] = {}
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ask the job and its trials to end. Returns at once."""
        if not self._stop.is_set() and not self.job.ended:
            self._save(HyperParameterTuningJobStatus="Stopping")
            self._stop.set()

    async def run(self) -> None:
        """Run the job to its end, going on with the trials that are stored already."""
        try:
            reason = await self._run_trials()
        except Exception as fault:
            logging.getLogger(__name__).exception("tuning job %s", self.job.name)
            reason = f"InternalServerError: {fault!r}"
        await self._stop_trials()
        if reason:
            self._end("Failed", reason)
        else:
            self._end("Stopped" if self._stop.is_set() else "Completed")
        self.finished.set()

    async def _run_trials(self) -> str:
        """Launch trials as long as that makes sense; why there is no result, or an empty string."""
        self._prepare()
        for trial in self._store.trials(self.job.name):
            search = self._search_of(trial)
            points = self._store.metrics(trial.name, search.definition.objective["MetricName"])
            self._trials.append(trial)
            search.add(trial, [(moment, value) for _, moment, value in points])
            if not trial.ended:
                self._launch(trial, not is_waiting(trial))
        over = asyncio.ensure_future(self._time_is_over())
        stop = asyncio.ensure_future(self._stop.wait())
        waiting: set[asyncio.Future[Any]] = {over, stop}
        try:
            while not (over.done() or stop.done() or self._has_enough()):
                if self._may_launch():
                    await self._launch_next()
                    continue
                ends = {asyncio.ensure_future(run.finished.wait()) for run in self._runs.values()}
                await asyncio.wait({*waiting, *ends}, return_when=asyncio.FIRST_COMPLETED)
                for each in ends:
                    each.cancel()
                self._collect()
        finally:
            for future in waiting:
                future.cancel()
        return "" if self._stop.is_set() else self._hopeless()

    def _prepare(self) -> None:
        config, description = self._config, self.job.description
        limit = int(config["ResourceLimits"].get("MaxNumberOfTrainingJobs", most_trials(config)))
        budget = math.ceil(limit / len(self._definitions))
        self._searches = [
            DefinitionSearch(each, config, self._seed + place, budget, warm_start.prior(description, each, self._store))
            for place, each in enumerate(self._definitions)
        ]
        self._limit = int(min(limit, sum(each.size for each in self._searches)))

    async def _time_is_over(self) -> None:
        limit = self._config["ResourceLimits"].get("MaxRuntimeInSeconds")
        if limit is None:
            await asyncio.Event().wait()
        await self._clock.sleep_until(self.job.description["CreationTime"] + limit)

    async def _stop_trials(self) -> None:
        for run in self._runs.values():
            run.stop()
        for run in list(self._runs.values()):
            await run.finished.wait()
        self._collect()
        for trial in self._store.trials(self.job.name):
            if not trial.ended:
                end(trial, failed("InternalServerError: The trial could not be run."), self._clock.time())
                self._store.save(trial)

    def _collect(self) -> None:
        self._runs = {name: run for name, run in self._runs.items() if not run.finished.is_set()}

    def _may_launch(self) -> bool:
        if len(self._trials) >= self._limit or len(self._runs) >= self._parallel:
            return False
        # Under a seed, what a trial learns from must not depend on which of its neighbours was faster.
        return not self._is_reproducible() or all(trial.ended for trial in self._trials[: self._known_to_next()])

    def _is_reproducible(self) -> bool:
        return "RandomSeed" in self._config and self._config["Strategy"] == "Bayesian"

    def _known_to_next(self) -> int:
        """How many trials, the first ones, the next one learns from."""
        launched = len(self._trials)
        return max(0, launched - self._parallel + 1) if self._is_reproducible() else launched

    def _search_of(self, trial: Job) -> DefinitionSearch:
        return self._searches[place_of(trial)]

    async def _launch_next(self) -> None:
        place, search = min(
            ((place, search) for place, search in enumerate(self._searches) if not search.is_used_up),
            key=lambda each: len(each[1].trials),
        )
        values = await asyncio.to_thread(search.suggest, self._known_to_next())
        if self._stop.is_set():
            return
        trial = descriptions.new_trial(self.job, len(self._trials) + 1, place, values, self._clock.time())
        with self._store.transaction():
            self._store.save(trial)
            self._store.add_tags(trial.arn, self._store.tags(self.job.arn))
        self._trials.append(trial)
        search.add(trial)
        self._launch(trial, False)

    def _launch(self, trial: Job, again: bool) -> None:
        self._runs[trial.name] = self._start_trial(trial, again, self._watch)

    def _watch(self, run: TrainingRun, metric: str, value: float) -> None:
        """Note a running trial's objective, and stop the trial when the rule of the job says so."""
        search = self._search_of(run.job)
        if metric != search.definition.objective["MetricName"]:
            return
        if search.observe(run.job, self._clock.time(), value):
            run.stop()

    def _has_enough(self) -> bool:
        if self._hopeless() or (len(self._trials) >= self._limit and not self._runs):
            return True
        return self._is_complete()

    def _is_complete(self) -> bool:
        """Whether a completion criterion is met, or was met at any time: a trial that ends later changes nothing."""
        found = scores(self._definitions, self._trials)
        if completion.KEPT not in self.job.description and completion.is_complete(
            self._config, self._definitions, found
        ):
            self._save(**{completion.KEPT: completion.details(self._definitions, found)})
        return completion.KEPT in self.job.description

    def _hopeless(self) -> str:
        """Why it makes no sense to go on, or an empty string."""
        enough = min(max(TRIALS_THAT_MAY_FAIL, len(self._definitions)), self._limit)
        ended = [trial for trial in self._trials if trial.ended]
        if len(ended) < enough or any(objective_status(trial) == "Succeeded" for trial in ended):
            return ""
        if any(trial.status != "Failed" for trial in ended):
            metrics = dict.fromkeys(repr(each.objective["MetricName"]) for each in self._definitions)
            return (
                f"No objective metrics found after running {len(ended)} training jobs. Please ensure that the custom "
                f"algorithm is emitting the objective metric {', '.join(metrics)} as defined by its regular expression."
            )
        reasons = Counter(trial.description.get("FailureReason", "") for trial in ended)
        return (
            f"No training job succeeded after {len(ended)} attempts. Please take a look at the training job failures "
            f"to get more details. The most common one: {reasons.most_common(1)[0][0]}"
        )

    def _end(self, status: str, reason: str = "") -> None:
        changes = {"FailureReason": reason[:MAX_FAILURE_REASON]} if reason else {}
        self._save(HyperParameterTuningJobStatus=status, HyperParameterTuningEndTime=self._clock.time(), **changes)

    def _save(self, **changes: object) -> None:
        self.job.description.update(changes, LastModifiedTime=self._clock.time())
        self._store.save(self.job)
