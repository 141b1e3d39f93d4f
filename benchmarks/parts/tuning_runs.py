"""One tuning job, run by the local SageMaker over HTTP or by a plain loop over Optuna in one process."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.tuning_problems import PROBLEMS, Problem, Program

STARTUP_TRIALS = 10
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Trial:
    """What came of one trial.

    Attributes:
        objective: the last value that it printed.
        steps: how often it printed the objective: boosting rounds for XGBoost.
        seconds: from its start to its end, as its description says.
    """

    values: Mapping[str, str]
    objective: float
    steps: int
    seconds: float


@contextmanager
def boto3_client(url: str) -> Iterator[Any]:
    """A client of the local SageMaker."""
    import boto3

    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    client = boto3.session.Session().client("sagemaker", endpoint_url=url, region_name="us-east-1", **keys)
    try:
        yield client
    finally:
        client.close()


@dataclass(frozen=True)
class Request:
    """What a tuning job is asked for, beside its problem."""

    strategy: str
    trials: int
    seed: int
    resources: tuple[int, int] | None = None


def tuning_job(url: str, root: Path, problem: Problem, asked: Request) -> list[Trial]:
    """Run a tuning job of the local SageMaker on ``url``, one trial at a time, and return its trials in their order.

    Args:
        root: the server's folder; the problem's channels are in ``root/data/<problem>``.
    """
    name = f"{problem.name}-{asked.strategy}-{next(_numbers)}"
    with boto3_client(url) as client:
        client.create_hyper_parameter_tuning_job(**_request(name, root, problem, asked))
        wait(client, name)
        return list(_trials(client, root, name))


def wait(client: Any, name: str, pause: float = 0.2) -> Mapping[str, Any]:
    """Wait for the end of a tuning job and return its description."""
    while True:
        job: Mapping[str, Any] = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        if job["HyperParameterTuningJobStatus"] != "InProgress":
            assert job["HyperParameterTuningJobStatus"] == "Completed", job
            return job
        time.sleep(pause)


def _request(name: str, root: Path, problem: Problem, asked: Request) -> dict[str, Any]:
    strategy: dict[str, Any] = {"Strategy": asked.strategy}
    if asked.resources:
        least, most = asked.resources
        strategy["StrategyConfig"] = {"HyperbandStrategyConfig": {"MinResource": least, "MaxResource": most}}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            **strategy,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": problem.metric},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": asked.trials, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": problem.ranges,
            "RandomSeed": asked.seed,
        },
        "TrainingJobDefinition": {
            "RoleArn": "arn:aws:iam::000000000000:role/benchmark",
            "AlgorithmSpecification": {"TrainingImage": problem.image, "TrainingInputMode": "File"},
            "StaticHyperParameters": dict(problem.static),
            "InputDataConfig": [
                {
                    "ChannelName": channel,
                    "ContentType": problem.content_type,
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": f"file://{root}/data/{problem.name}/{channel}/",
                        }
                    },
                }
                for channel in ("train", problem.second)
            ],
            "OutputDataConfig": {"S3OutputPath": f"file://{root}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "Environment": ONE_THREAD,
        },
    }


def _trials(client: Any, root: Path, name: str) -> Iterator[Trial]:
    pages = client.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    arguments = {"HyperParameterTuningJobName": name, "SortBy": "CreationTime", "SortOrder": "Ascending"}
    for page in pages.paginate(**arguments):
        for each in page["TrainingJobSummaries"]:
            assert each["ObjectiveStatus"] == "Succeeded", each
            metric = each["FinalHyperParameterTuningJobObjectiveMetric"]
            lasted = each["TrainingEndTime"] - each["TrainingStartTime"]
            log = (root / "training-jobs" / each["TrainingJobName"] / "algo-1" / "log").read_text()
            steps = log.count(metric["MetricName"].replace(":", "-")) or 1
            yield Trial(each["TunedHyperParameters"], metric["Value"], steps, lasted.total_seconds())


def plain_loop(problem: str, trials: int, seed: int) -> list[Trial]:
    """The same search without a SageMaker: Optuna's sampler, as it comes, and the training program in this process."""
    with tempfile.TemporaryDirectory() as folder:
        program = Program(PROBLEMS[problem], Path(folder))
        done = []

        def train(values: Mapping[str, str]) -> float:
            began = time.perf_counter()
            series = program.objectives(values)
            done.append(Trial(values, series[-1], len(series), time.perf_counter() - began))
            return series[-1]

        optuna_loop(PROBLEMS[problem].ranges, trials, seed, train)
    return done


def optuna_loop(
    ranges: Mapping[str, Sequence[Mapping[str, Any]]],
    trials: int,
    seed: int,
    train: Callable[[Mapping[str, str]], float],
) -> None:
    """Minimize with Optuna's TPE sampler, whose settings are those of the local SageMaker."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, constant_liar=True
    )

    def objective(trial: optuna.Trial) -> float:
        return train(dict(_suggested(trial, ranges)))

    optuna.create_study(sampler=sampler).optimize(objective, n_trials=trials)


def _suggested(trial: Any, ranges: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[tuple[str, str]]:
    for each in ranges.get("CategoricalParameterRanges", ()):
        yield each["Name"], trial.suggest_categorical(each["Name"], each["Values"])
    for kind, number, suggest in (
        ("IntegerParameterRanges", int, trial.suggest_int),
        ("ContinuousParameterRanges", float, trial.suggest_float),
    ):
        for each in ranges.get(kind, ()):
            low, high = number(each["MinValue"]), number(each["MaxValue"])
            yield each["Name"], repr(suggest(each["Name"], low, high, log=each["ScalingType"] == "Logarithmic"))


def differing(problem: Problem, trials: Sequence[Trial]) -> int:
    """How many trials have another objective when they are trained again in this process."""
    with tempfile.TemporaryDirectory() as folder:
        program = Program(problem, Path(folder))
        return sum(program.objectives(trial.values)[-1] != trial.objective for trial in trials)
