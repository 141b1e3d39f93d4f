"""A hyperparameter tuning job: what to search, how, and for how long.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flytekit_sagemaker._generated import hpo_job_pb2 as pb
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.limits import between, rule
from flytekit_sagemaker.models.parameter_ranges import ParameterRanges
from flytekit_sagemaker.models.training_job import Channel, Function, TrainingJob
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
    "TrainingJobDefinitionConfig",
    "WarmStartConfig",
]

_JOB_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}"
_DEFINITION_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,63}")
_SAME_IN_ALL = ("region", "assume_role_arn", "endpoint_url", "enable_managed_spot_training")


def _repeated(field: str, names: Sequence[str], spelling: Callable[[str], str] = str) -> Iterable[Problem]:
    """A problem for each name that is there more than once, by its ``spelling``."""
    spellings = [spelling(name) for name in names]
    again = {spelled: names[index] for index, spelled in enumerate(spellings) if spelled in spellings[:index]}
    for _, name in sorted(again.items()):
        yield Problem(field, name, "must not be named twice")


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

    @between("parent_hyperparameter_tuning_jobs")
    def _parents_differ(self) -> Iterable[Problem]:
        # Names of jobs are the same in capital and in small letters.
        yield from _repeated("parent_hyperparameter_tuning_jobs", self.parent_hyperparameter_tuning_jobs, str.lower)


class TrainingJobDefinitionConfig(Model, message=pb.TrainingJobDefinitionConfig):
    """What one of a tuning job's several training job definitions has for itself.

    Attributes:
        hyperparameter_ranges: its ranges; the tuning job's where left out.
        tuning_objective: its objective; the tuning job's where left out.
    """

    hyperparameter_ranges: ParameterRanges | None = None
    tuning_objective: HyperparameterTuningObjective | None = None


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
        training_job_definitions: ranges and objectives by name of the definition, where several algorithms are tuned.
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
    training_job_definitions: Mapping[str, TrainingJobDefinitionConfig] | None = rule(default=None, length=(0, 10))

    @between("tuning_strategy")
    def _settings_are_of_the_strategy(self) -> Iterable[Problem]:
        hyperband = self.tuning_strategy is HyperparameterTuningStrategy.HYPERBAND
        for name in ("hyperband_min_resource", "hyperband_max_resource"):
            if getattr(self, name) is not None and not hyperband:
                yield Problem(name, getattr(self, name), "is for the HYPERBAND strategy only")
        if hyperband and self.training_job_early_stopping_type is TrainingJobEarlyStoppingType.AUTO:
            yield Problem(
                "training_job_early_stopping_type", "AUTO", "must be OFF with HYPERBAND, which stops by itself"
            )

    @between("hyperband_min_resource", "hyperband_max_resource")
    def _resources_are_in_order(self) -> Iterable[Problem]:
        fewest, most = self.hyperband_min_resource, self.hyperband_max_resource
        if fewest is not None and most is not None and fewest > most:
            yield Problem("hyperband_min_resource", fewest, f"must not exceed hyperband_max_resource ({most})")


class HyperparameterTuningJob(Model, message=pb.HyperparameterTuningJob):
    """A tuning job as a task template carries it.

    Attributes:
        max_number_of_training_jobs: trials in all, at most 750 (10,000 with RANDOM).
        max_parallel_training_jobs: trials at a time, at most 100.
        training_job: what each trial runs.
        training_jobs: what the trials run where several are tuned together: up to 10 training jobs by the name of their
            definition, in place of ``training_job``.
        tunable_parameters: names of the inputs of the task that are ranges.
        overrides: members of the request that replace, in the end, what the rest of the models made of them.
    """

    max_number_of_training_jobs: int = rule(at_least=1, at_most=10000)
    max_parallel_training_jobs: int = rule(at_least=1, at_most=100)
    training_job: TrainingJob | None = None
    training_jobs: Mapping[str, TrainingJob] | None = rule(default=None, length=(0, 10))
    tunable_parameters: Sequence[str] = rule(default=(), length=(0, 30))
    overrides: Mapping[str, Any] | None = None

    @property
    def definitions(self) -> dict[str, TrainingJob]:
        """The training jobs by the name of their definition, in the order of the names (messages keep no
        order); a single one has an empty name."""
        return (
            dict(sorted((self.training_jobs or {}).items())) if self.training_job is None else {"": self.training_job}
        )

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels of all its training jobs, those of a name once: an input where it is one in any of them, and
        required where any of them requires it."""
        declared = [channel for job in self.definitions.values() for channel in job.channels]
        by_name: dict[str, Channel] = {}
        for channel in declared:
            other = by_name.get(channel.name)
            if other is None or (channel.is_input, channel.required) > (other.is_input, other.required):
                by_name[channel.name] = channel
        return tuple(by_name.values())

    @property
    def function(self) -> Function | None:
        """The user's function that each trial runs, None where trials run what is in an image."""
        return self.training_job.function if self.training_job is not None else None

    @between("tunable_parameters")
    def _tunable_parameters_differ(self) -> Iterable[Problem]:
        yield from _repeated("tunable_parameters", self.tunable_parameters)

    @between("max_number_of_training_jobs", "max_parallel_training_jobs")
    def _has_trials_for_all_places(self) -> Iterable[Problem]:
        if self.max_parallel_training_jobs > self.max_number_of_training_jobs:
            limit = f"must not exceed max_number_of_training_jobs ({self.max_number_of_training_jobs})"
            remedy = f"Set it to {self.max_number_of_training_jobs} or less."
            yield Problem("max_parallel_training_jobs", self.max_parallel_training_jobs, limit, remedy)

    @between()
    def _trains_one_thing_or_several(self) -> Iterable[Problem]:
        if (self.training_job is None) == (not self.training_jobs):
            yield Problem("training_job", None, "must be given, or training_jobs in its place")

    @between("training_jobs")
    def _several_go_together(self) -> Iterable[Problem]:
        jobs = self.training_jobs or {}
        for name, job in jobs.items():
            if not _DEFINITION_NAME.fullmatch(name):
                rule_ = "must be named with up to 64 letters, digits and inner hyphens"
                yield Problem("training_jobs", name, rule_, "Use a name such as 'xgboost'.")
            if job.function is not None:
                yield Problem(f"training_jobs.{name}", "function", "cannot be a function among several training jobs")
        for member in _SAME_IN_ALL:
            values = dict.fromkeys(getattr(job.training_job_config, member) or None for job in jobs.values())
            if len(values) > 1:
                field = f"training_jobs.training_job_config.{member}"
                yield Problem(field, list(values), "must be the same in all of a tuning job's training jobs")

    @between("training_jobs", "tunable_parameters")
    def _ranges_of_several_are_not_inputs(self) -> Iterable[Problem]:
        if self.training_jobs and self.tunable_parameters:
            remedy = "Put the ranges into training_job_definitions of the tuning job's config."
            rule_ = "are for a single training job"
            yield Problem("tunable_parameters", list(self.tunable_parameters), rule_, remedy)
