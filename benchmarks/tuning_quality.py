"""How good the local SageMaker's searches are, and what they cost: ``python benchmarks/tuning_quality.py``.

Three questions, each a part that can be asked alone (``--parts``):

- quality: the best objective after 30 trials of the strategies Bayesian and Random, and of a loop over Optuna's sampler
  with the same settings that calls the same training programs in one process. All share seeds 0 to 19, but a seed does
  not mean the same numbers to each.
- hyperband: how much training Hyperband takes to be as good as Random is at its end.
- overhead: a tuning job of one-second trials beside the same loop over Optuna.

The jobs run one trial at a time in real local SageMakers, over HTTP and boto3, each trial in a process of its own.
"""

from __future__ import annotations

import argparse
import itertools
import math
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from parts.sleeping_trials import seconds_of_ways
from parts.tables import machine, table
from parts.tuning_problems import PROBLEMS, ROUNDS, Problem
from parts.tuning_runs import ONE_THREAD, Request, Trial, differing, plain_loop, tuning_job

from flytekit_sagemaker.local.server import LocalSageMaker

PARTS = ("quality", "hyperband", "overhead")
FEWEST_ROUNDS = 10
HYPERBAND_TRIALS_PER_TRIAL = 3
CHECKED_TRIALS = 20

Runs = Mapping[str, Sequence[Sequence[Trial]]]
"""Of each way, the trials for each seed."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    seeds: int
    trials: int
    at_a_time: int


def searches(problem: Problem, parts: Sequence[str], size: Size) -> Runs:
    """Run every way of searching with every seed, the ways in turns."""
    ways: dict[str, Callable[[int], Future[list[Trial]]]] = {}
    with tempfile.TemporaryDirectory() as folder, LocalSageMaker(folder) as server:
        root = server.root
        problem.write(root / "data" / problem.name)
        context = multiprocessing.get_context("spawn")
        with ThreadPoolExecutor(size.at_a_time) as jobs, ProcessPoolExecutor(size.at_a_time, context) as loops:

            def job(
                strategy: str, trials: int, resources: tuple[int, int] | None = None
            ) -> Callable[[int], Future[list[Trial]]]:
                return lambda seed: jobs.submit(
                    tuning_job, server.url, root, problem, Request(strategy, trials, seed, resources)
                )

            ways["Random"] = job("Random", size.trials)
            if "quality" in parts:
                ways["Bayesian"] = job("Bayesian", size.trials)
                ways["plain Optuna"] = lambda seed: loops.submit(plain_loop, problem.name, size.trials, seed)
            if "hyperband" in parts and problem.steps > 1:
                more = HYPERBAND_TRIALS_PER_TRIAL * size.trials
                ways["Hyperband"] = job("Hyperband", more, (FEWEST_ROUNDS, problem.steps))
            runs: dict[str, list[list[Trial]]] = {way: [] for way in ways}
            for first in range(0, size.seeds, size.at_a_time):
                for way, start in ways.items():
                    seeds = range(first, min(size.seeds, first + size.at_a_time))
                    runs[way] += [each.result() for each in [start(seed) for seed in seeds]]
    return runs


def best(trials: Sequence[Trial]) -> float:
    """The best objective of a tuning job."""
    return min(trial.objective for trial in trials)


def quality(problem: str, runs: Runs) -> list[list[object]]:
    """A row for each way."""
    bests = {way: [best(trials) for trials in of_seeds] for way, of_seeds in runs.items() if way != "Hyperband"}
    rows = []
    for way, values in bests.items():
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
        cells = [f"{value:.6g}" for value in (middle, low, high)]
        for rival in ("Random", "plain Optuna"):
            cells += ["", ""] if way == rival else paired(values, bests[rival])
        rows.append([f"{problem}, {way}", *cells])
    return rows


def paired(ours: Sequence[float], theirs: Sequence[float]) -> list[str]:
    """Seeds won, lost and drawn, and how likely such differences are between equals (Wilcoxon's signed ranks)."""
    from scipy.stats import wilcoxon

    won = sum(one < other for one, other in zip(ours, theirs, strict=True))
    lost = sum(one > other for one, other in zip(ours, theirs, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it says about few seeds
        p = wilcoxon(ours, theirs).pvalue if won + lost else 1.0
    return [f"{won}-{lost}-{len(ours) - won - lost}", f"{p:.3f}"]


def share_until(trials: Sequence[Trial], goal: float, cost: Callable[[Trial], float], whole: float) -> float:
    """The share of a whole cost that a tuning job has spent once its best objective reaches a goal, or infinity."""
    spent = 0.0
    for trial in trials:
        spent += cost(trial)
        if trial.objective <= goal:
            return spent / whole
    return math.inf


def hyperband(problem: str, runs: Runs) -> list[list[object]]:
    """A row for each cost and goal: the share that Hyperband has spent when it is as good as Random is at its end."""
    costs: dict[str, Callable[[Trial], float]] = {
        "rounds": lambda trial: trial.steps,
        "seconds": lambda trial: trial.seconds,
    }
    finals = [best(trials) for trials in runs["Random"]]
    goals = {"same seed": finals, "median": [statistics.median(finals)] * len(finals)}
    rows: list[list[object]] = []
    for (unit, cost), (goal, objectives) in itertools.product(costs.items(), goals.items()):
        wholes = [sum(map(cost, trials)) for trials in runs["Random"]]
        alls = [sum(map(cost, trials)) / whole for trials, whole in zip(runs["Hyperband"], wholes, strict=True)]
        own, shares = (
            list(map(share_until, runs[way], objectives, itertools.repeat(cost), wholes))
            for way in ("Random", "Hyperband")
        )
        rows.append(
            [
                f"{problem}, {unit}, {goal}",
                f"{statistics.median(wholes):,.0f}",
                percent(quartiles(own)[1]),
                *map(percent, quartiles(shares)),
                *(f"{sum(share <= most for share in shares)} of {len(shares)}" for most in (0.5, sys.float_info.max)),
                percent(statistics.median(alls)),
            ]
        )
    return rows


def percent(share: float) -> str:
    """A share for a table."""
    return f"{share:.0%}" if share < math.inf else "never"


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile; the next value where one lies between two, as some are infinite."""
    ranked = sorted(values)
    low, middle, high = (ranked[math.ceil(len(ranked) * part / 4) - 1] for part in (1, 2, 3))
    return low, max(middle, ranked[len(ranked) // 2]), high


def overhead(trials: int, seconds: float) -> list[list[object]]:
    """A row for each way to run trials that do nothing but sleep."""
    taken = seconds_of_ways(trials, seconds)
    ours = next(iter(taken.values()))
    return [
        [way, f"{whole:.2f}", f"{1000 * (whole / trials - seconds):.0f}", f"{ours / whole - 1:.1%}"]
        for way, whole in taken.items()
    ]


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=tuple(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--at-a-time", type=int, default=1, help="tuning jobs, and loops beside them (default: 1)")
    parser.add_argument("--seconds", type=float, default=1.0, help="what a trial of the overhead lasts (default: 1)")
    arguments = parser.parse_args()
    size = Size(arguments.seeds, arguments.trials, arguments.at_a_time)
    os.environ.update(ONE_THREAD)
    print(machine(), flush=True)
    if "overhead" in arguments.parts:
        head = ("way", "all, s", "more than they sleep, ms each", "ours takes longer by")
        title = f"Overhead: {size.trials} trials of {arguments.seconds:g} s, one at a time"
        print_table(title, head, overhead(size.trials, arguments.seconds))
    rows, bands = [], []
    for name in arguments.problems if {"quality", "hyperband"} & set(arguments.parts) else ():
        problem = PROBLEMS[name]
        runs = searches(problem, arguments.parts, size)
        for way, of_seeds in runs.items():
            everything = [trial for trials in of_seeds for trial in trials if trial.steps >= problem.steps]
            checked = random.Random(0).sample(everything, min(CHECKED_TRIALS, len(everything)))
            differences = differing(problem, checked)
            print(f"{name}, {way}: {differences} of {len(checked)} full trials differ when repeated in this process")
        if "quality" in arguments.parts:
            rows += quality(name, runs)
        if "Hyperband" in runs:
            bands += hyperband(name, runs)
    if rows:
        head = ("best objective", "median", "quarter", "3 quarters", "to Random", "p", "to plain Optuna", "p")
        print_table(f"{size.trials} trials, {size.seeds} seeds", head, rows)
    if bands:
        head = (
            "problem, cost, goal",
            "Random, all",
            "Random, median",
            "Hyperband, quarter",
            "median",
            "3 quarters",
            "by half",
            "ever",
            "all",
        )
        trials = HYPERBAND_TRIALS_PER_TRIAL * size.trials
        print_table(f"Hyperband, {trials} trials of {FEWEST_ROUNDS} to {ROUNDS} rounds", head, bands)


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table under a title."""
    print(f"\n{title}\n\n{table(head, rows)}", flush=True)


if __name__ == "__main__":
    main()
