"""The jobs of the simulated SageMaker: what they are at a moment, and what Describe and the lists say of them."""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from flytekit_sagemaker.container.contract import OBJECTIVE_METRIC_HYPERPARAMETER
from flytekit_sagemaker.local.definitions import Definition, best, definitions_of, members_of
from flytekit_sagemaker.local.descriptions import counters, resources, trial_members, trial_name
from flytekit_sagemaker.local.workspace import model_uri
from flytekit_sagemaker.testing.lives import Life, Plan
from flytekit_sagemaker.uris import local_path

Members = dict[str, Any]
_A_DAY = 24 * 60 * 60
_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Pending": "Waiting for capacity",
    "Downloading": "Downloading input data",
    "Training": "Training in progress",
    "Interrupted": "The spot instances were reclaimed",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds",
}
_SWITCHES = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")


def moment(seconds: float) -> datetime:
    """A moment as boto3 returns it."""
    return datetime.fromtimestamp(seconds, timezone.utc)


@dataclass
class TrainingJob:
    """A training job, or a trial when it has a ``tuning_job``.

    Attributes:
        request: what it was created with, without its tags.
        created: when.
        plan: when it is in which status.
        status: its status, as of the last event.
        number: place in the order of creation.
        definition: the training job definition that it is a trial of.
        tuned: the hyperparameters that its tuning job chose.
    """

    request: Members
    arn: str
    created: float
    life: Life
    plan: Plan
    status: str = "InProgress"
    number: int = -1
    tuning_job: TuningJob | None = None
    definition: Definition | None = None
    tuned: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.request["TrainingJobName"])

    @property
    def ended(self) -> bool:
        return self.status not in ("InProgress", "Stopping")

    @property
    def instances(self) -> dict[str, int]:
        """How many instances of each type it has."""
        config = resources(self.request)
        groups = config.get("InstanceGroups") or [
            {**config, **preference} for preference in config.get("InstancePreferences", [{}])[:1]
        ]
        counts = Counter[str]()
        for group in groups:
            counts[group.get("InstanceType", "")] += group.get("InstanceCount", 1)
        return counts

    def modified(self, now: float) -> float:
        return self.plan.until(now)[-1][1]

    @property
    def final_metrics(self) -> Mapping[str, float]:
        """The metrics of a job that has come to the end of its life without failing."""
        return self.life.final_metrics if self.status == self.life.end != "Failed" else {}

    @property
    def objective(self) -> float | None:
        """A trial's objective, once it has one."""
        return self.final_metrics.get(self.definition.objective["MetricName"]) if self.definition else None

    @property
    def objective_status(self) -> str:
        if not self.ended:
            return "Pending"
        return "Failed" if self.objective is None else "Succeeded"

    def leave_model(self) -> None:
        """Make an empty file in the place of a completed job's model, where that is on this machine."""
        path = local_path(model_uri(self.request))
        if path and self.status == "Completed":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def described(self, now: float) -> Members:
        """What DescribeTrainingJob answers."""
        steps = self.plan.until(now)
        answer = {
            **dict.fromkeys(_SWITCHES, False),
            **self.request,
            "StoppingCondition": {"MaxRuntimeInSeconds": _A_DAY, **self.request.get("StoppingCondition", {})},
            "TrainingJobArn": self.arn,
            "ModelArtifacts": {"S3ModelArtifacts": model_uri(self.request)},
            "TrainingJobStatus": self.status,
            "SecondaryStatus": steps[-1][0],
            "SecondaryStatusTransitions": self._transitions(steps),
            "CreationTime": moment(self.created),
            "LastModifiedTime": moment(steps[-1][1]),
            **self._times(now),
        }
        if self.tuning_job:
            answer["TuningJobArn"] = self.tuning_job.arn
        if self.final_metrics:
            answer["FinalMetricDataList"] = [
                {"MetricName": name, "Value": value, "Timestamp": moment(self.plan.end)}
                for name, value in self.final_metrics.items()
            ]
        return answer

    def _transitions(self, steps: list[tuple[str, float]]) -> list[Members]:
        transitions = [
            {"Status": name, "StartTime": moment(begin), "StatusMessage": _MESSAGES.get(name, name)}
            for name, begin in steps
        ]
        for transition, (_, end) in zip(transitions, [*steps[1:], *(steps[-1:] * self.ended)], strict=False):
            transition["EndTime"] = moment(end)
        if self.ended and self.plan.reason:
            transitions[-1]["StatusMessage"] = self.plan.reason
        return transitions

    def _times(self, now: float) -> Members:
        start = self.plan.start
        answer: Members = {}
        if start is not None and start <= now:
            answer["TrainingStartTime"] = moment(start)
        if self.ended:
            answer["TrainingEndTime"] = moment(self.plan.end)
            answer["BillableTimeInSeconds"] = int(self.plan.billed())
            answer["TrainingTimeInSeconds"] = int(self.plan.end - start) if start is not None else 0
            if self.plan.reason:
                answer["FailureReason"] = self.plan.reason
        return answer

    def summary(self, now: float) -> Members:
        """An element of what ListTrainingJobs answers."""
        steps = self.plan.until(now)
        return {
            "TrainingJobName": self.name,
            "TrainingJobArn": self.arn,
            "CreationTime": moment(self.created),
            "LastModifiedTime": moment(steps[-1][1]),
            "TrainingJobStatus": self.status,
            "SecondaryStatus": steps[-1][0],
            **({"TrainingEndTime": moment(self.plan.end)} if self.ended else {}),
        }

    def trial_summary(self, now: float) -> Members:
        """An element of what ListTrainingJobsForHyperParameterTuningJob answers."""
        times = self._times(now)
        answer: Members = {
            "TrainingJobName": self.name,
            "TrainingJobArn": self.arn,
            "CreationTime": moment(self.created),
            "TrainingJobStatus": self.status,
            "TunedHyperParameters": self.tuned,
            "ObjectiveStatus": self.objective_status,
            **{key: times[key] for key in ("TrainingStartTime", "TrainingEndTime", "FailureReason") if key in times},
        }
        if self.definition and self.definition.name:
            answer["TrainingJobDefinitionName"] = self.definition.name
        if self.definition and self.objective is not None:
            metric = {**self.definition.objective, "Value": self.objective}
            answer["FinalHyperParameterTuningJobObjectiveMetric"] = metric
        return answer


@dataclass
class TuningJob:
    """A tuning job and its trials; attributes as those of :class:`TrainingJob`.

    Attributes:
        changed: when its status changed last.
        reason: its ``FailureReason``.
        closing: whether it launches no more trials.
    """

    request: Members
    arn: str
    created: float
    changed: float
    status: str = "InProgress"
    number: int = -1
    reason: str = ""
    closing: bool = False
    trials: list[TrainingJob] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.request["HyperParameterTuningJobName"])

    @property
    def ended(self) -> bool:
        return self.status not in ("InProgress", "Stopping")

    @property
    def config(self) -> Members:
        config: Members = self.request["HyperParameterTuningJobConfig"]
        return config

    @functools.cached_property
    def definitions(self) -> list[Definition]:
        """Its training job definitions, one or several."""
        return definitions_of(self.request)

    @property
    def limits(self) -> Members:
        limits: Members = self.config["ResourceLimits"]
        return limits

    def modified(self, now: float) -> float:
        return max([self.changed, *(trial.modified(now) for trial in self.trials)])

    @property
    def best(self) -> TrainingJob | None:
        """The trial with the best objective so far; of objectives that cannot be compared, the first one counts."""
        return best(self.definitions, self._scored)

    @property
    def _scored(self) -> Iterator[tuple[Definition, float, TrainingJob]]:
        for trial in self.trials:
            if trial.definition and trial.objective is not None:
                yield trial.definition, trial.definition.signed(trial.objective), trial

    @property
    def is_complete(self) -> bool:
        """Whether a trial has reached the target of the completion criteria."""
        target = self.config.get("TuningJobCompletionCriteria", {}).get("TargetObjectiveMetricValue")
        return target is not None and any(value <= definition.signed(target) for definition, value, _ in self._scored)

    def next_trial(self, seed: int) -> tuple[Members, Definition, dict[str, str]]:
        """The next trial's request, definition and chosen hyperparameters: a function of the seed alone."""
        number = len(self.trials) + 1
        place = len(self.trials) % len(self.definitions)
        definition, members = self.definitions[place], trial_members(members_of(self.request)[place])
        chosen = tuned(definition.ranges, random.Random(f"{seed}/{self.name}/{number}"))
        hyperparameters = {
            **definition.static,
            **chosen,
            OBJECTIVE_METRIC_HYPERPARAMETER: definition.objective["MetricName"],
        }
        request = {"TrainingJobName": trial_name(self.name, number), "HyperParameters": hyperparameters, **members}
        return request, definition, chosen

    def described(self, now: float) -> Members:
        """What DescribeHyperParameterTuningJob answers."""
        answer = {**self.request, **self._common(now)}
        if best := self.best:
            answer["BestTrainingJob"] = best.trial_summary(now)
        if self.reason:
            answer["FailureReason"] = self.reason
        answer["ConsumedResources"] = {"RuntimeInSeconds": int((self.changed if self.ended else now) - self.created)}
        return answer

    def summary(self, now: float) -> Members:
        """An element of what ListHyperParameterTuningJobs answers."""
        return {
            "HyperParameterTuningJobName": self.name,
            **self._common(now),
            "Strategy": self.config["Strategy"],
            "ResourceLimits": self.limits,
        }

    def _common(self, now: float) -> Members:
        return {
            "HyperParameterTuningJobArn": self.arn,
            "HyperParameterTuningJobStatus": self.status,
            "CreationTime": moment(self.created),
            "LastModifiedTime": moment(self.modified(now)),
            **({"HyperParameterTuningEndTime": moment(self.changed)} if self.ended else {}),
            **counters((trial.status, trial.plan.reason, trial.objective_status) for trial in self.trials),
        }


def tuned(ranges: Mapping[str, Iterable[Mapping[str, Any]]], source: random.Random) -> dict[str, str]:
    """A value for each tunable hyperparameter, anywhere in its range."""
    chosen = {}
    for each in ranges.get("ContinuousParameterRanges", ()):
        chosen[each["Name"]] = repr(source.uniform(float(each["MinValue"]), float(each["MaxValue"])))
    for each in ranges.get("IntegerParameterRanges", ()):
        chosen[each["Name"]] = str(source.randint(int(float(each["MinValue"])), int(float(each["MaxValue"]))))
    for each in ranges.get("CategoricalParameterRanges", ()):
        chosen[each["Name"]] = source.choice(each["Values"])
    return chosen
