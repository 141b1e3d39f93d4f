"""A hyperparameter tuning job: what to search, how, and for how long.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flytekit_sagemaker._generated import hpo_job_pb2 as pb
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.limits import rule
from flytekit_sagemaker.models.parameter_ranges import ParameterRanges
from flytekit_sagemaker.models.training_job import TrainingJob
from flytekit_sagemaker.types import (
    HyperparameterTuningObjectiveType,
    HyperparameterTuningStrategy,
    TrainingJobEarlyStoppingType,
    WarmStartType,
)

__all__ = [
    "HyperparameterTuningJob",
    "HyperparameterTuningJobConfig",
    "HyperparameterTuningObjective",
    "WarmStartConfig",
]

_JOB_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}"


class HyperparameterTuningObjective(Model, message=pb.HyperparameterTuningObjective):
    """What a tuning job optimizes.

    Attributes:
        objective_type: whether smaller or larger is better.
        metric_name: a metric that the algorithm emits, such as ``validation:auc``.
    """

    objective_type: HyperparameterTuningObjectiveType
    metric_name: str = rule(length=(1, 255))


class WarmStartConfig(Model, message=pb.WarmStartConfig):
    """Tuning jobs whose trials a new one builds on.

    Attributes:
        warm_start_type: same data and algorithm, or transfer learning.
        parent_hyperparameter_tuning_jobs: names of 1 to 5 finished tuning jobs.
    """

    warm_start_type: WarmStartType
    parent_hyperparameter_tuning_jobs: Sequence[str] = rule(length=(1, 5), pattern=_JOB_NAME, like="my-tuning-job")


class HyperparameterTuningJobConfig(Model, message=pb.HyperparameterTuningJobConfig):
    """How a tuning job searches.

    Attributes:
        tuning_strategy: BAYESIAN, RANDOM, GRID (categorical ranges only) or HYPERBAND.
        tuning_objective: the metric and its direction.
        training_job_early_stopping_type: AUTO stops trials that fall behind.
        hyperparameter_ranges: ranges, beside those that come as inputs of the task.
        random_seed: makes the search reproducible.
        max_runtime_in_seconds: limit of the whole tuning job, 120 s to 15,768,000 s.
        hyperband_min_resource, hyperband_max_resource: fewest and most resource steps of a trial, up to 20,000.
        target_objective_metric_value: ends the tuning job once a trial reaches it.
        max_number_of_training_jobs_not_improving: ends it after so many trials without a better one, 3 or more.
        complete_on_convergence: ends it when further improvement is unlikely.
        warm_start_config: earlier tuning jobs to build on.
    """

    tuning_strategy: HyperparameterTuningStrategy
    tuning_objective: HyperparameterTuningObjective
    training_job_early_stopping_type: TrainingJobEarlyStoppingType = TrainingJobEarlyStoppingType.OFF
    hyperparameter_ranges: ParameterRanges | None = None
    random_seed: int | None = rule(default=None, at_least=0, at_most=2**31 - 1)
    max_runtime_in_seconds: int | None = rule(default=None, at_least=120, at_most=15768000)
    hyperband_min_resource: int | None = rule(default=None, at_least=1, at_most=20000)
    hyperband_max_resource: int | None = rule(default=None, at_least=1, at_most=20000)
    target_objective_metric_value: float | None = None
    max_number_of_training_jobs_not_improving: int | None = rule(default=None, at_least=3)
    complete_on_convergence: bool | None = None
    warm_start_config: WarmStartConfig | None = None

    def broken_rules(self) -> Iterable[Problem]:
        hyperband = self.tuning_strategy is HyperparameterTuningStrategy.HYPERBAND
        for name in ("hyperband_min_resource", "hyperband_max_resource"):
            if getattr(self, name) is not None and not hyperband:
                yield Problem(name, getattr(self, name), "is for the HYPERBAND strategy only")
        if hyperband and self.training_job_early_stopping_type is TrainingJobEarlyStoppingType.AUTO:
            yield Problem(
                "training_job_early_stopping_type", "AUTO", "must be OFF with HYPERBAND, which stops by itself"
            )


class HyperparameterTuningJob(Model, message=pb.HyperparameterTuningJob):
    """A tuning job as a task template carries it.

    Attributes:
        training_job: what each trial runs.
        max_number_of_training_jobs: trials in all, at most 750 (10,000 with RANDOM).
        max_parallel_training_jobs: trials at a time, at most 100.
        tunable_parameters: names of the inputs of the task that are ranges.
    """

    training_job: TrainingJob
    max_number_of_training_jobs: int = rule(at_least=1, at_most=10000)
    max_parallel_training_jobs: int = rule(at_least=1, at_most=100)
    tunable_parameters: Sequence[str] = rule(default=(), length=(0, 30))

    def broken_rules(self) -> Iterable[Problem]:
        for name in sorted({name for name in self.tunable_parameters if self.tunable_parameters.count(name) > 1}):
            yield Problem("tunable_parameters", name, "must not be named twice")
        if self.max_parallel_training_jobs > self.max_number_of_training_jobs:
            limit = f"must not exceed max_number_of_training_jobs ({self.max_number_of_training_jobs})"
            remedy = f"Set it to {self.max_number_of_training_jobs} or less."
            yield Problem("max_parallel_training_jobs", self.max_parallel_training_jobs, limit, remedy)
