"""The shapes of answers: create requests in, what Describe and the lists say out. Pure: no clock, no disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from flytekit_sagemaker.container.contract import OBJECTIVE_METRIC_HYPERPARAMETER
from flytekit_sagemaker.local.store import Job, Kind
from flytekit_sagemaker.local.workspace import model_uri

ACCOUNT = "000000000000"
_A_DAY = 24 * 60 * 60
_ARN_RESOURCES = {Kind.TRAINING: "training-job", Kind.TUNING: "hyper-parameter-tuning-job"}
_RETRYABLE = ("InternalServerError", "CapacityError")


def arn(kind: Kind, name: str, region: str) -> str:
    """The ARN of a job; the service writes the name in lower case there."""
    partition = {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rsplit("-", 2)[0], "aws")
    return f"arn:{partition}:sagemaker:{region}:{ACCOUNT}:{_ARN_RESOURCES[kind]}/{name.lower()}"


def named_by(resource: str) -> tuple[Kind | None, str]:
    """The kind and the name, in lower case, of the job that an ARN names; None for another kind of resource."""
    noun, _, name = resource.rpartition(":")[2].partition("/")
    return next((kind for kind, each in _ARN_RESOURCES.items() if each == noun), None), name


def region_of(job: Job) -> str:
    """The region in whose name a job was created."""
    return job.arn.split(":")[3]


def new_training_job(
    request: Mapping[str, Any], region: str, now: float, metric_definitions: Iterable[tuple[str, str]]
) -> Job:
    """A training job as it is right after its creation."""
    name = request["TrainingJobName"]
    definitions = [{"Name": metric, "Regex": expression} for metric, expression in metric_definitions]
    description = {
        **{member: value for member, value in request.items() if member != "Tags"},
        "AlgorithmSpecification": {
            "EnableSageMakerMetricsTimeSeries": False,
            **({"MetricDefinitions": definitions} if definitions else {}),
            **request["AlgorithmSpecification"],
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": _A_DAY, **request.get("StoppingCondition", {})},
        "TrainingJobArn": arn(Kind.TRAINING, name, region),
        "ModelArtifacts": {"S3ModelArtifacts": model_uri(request)},
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": [
            {"Status": "Starting", "StartTime": now, "StatusMessage": "Preparing the instances for training"}
        ],
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    for switch in (
        "EnableNetworkIsolation",
        "EnableInterContainerTrafficEncryption",
        "EnableManagedSpotTraining",
    ):
        description.setdefault(switch, False)
    return Job(Kind.TRAINING, description)


def new_tuning_job(
    request: Mapping[str, Any], region: str, now: float, metric_definitions: Iterable[tuple[str, str]]
) -> Job:
    """A tuning job as it is right after its creation."""
    name = request["HyperParameterTuningJobName"]
    config, definition = request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"]
    definitions = [{"Name": metric, "Regex": expression} for metric, expression in metric_definitions]
    description = {
        **{member: value for member, value in request.items() if member != "Tags"},
        "HyperParameterTuningJobArn": arn(Kind.TUNING, name, region),
        "HyperParameterTuningJobConfig": {"TrainingJobEarlyStoppingType": "Off", **config},
        "TrainingJobDefinition": {
            **definition,
            "AlgorithmSpecification": {
                **({"MetricDefinitions": definitions} if definitions else {}),
                **definition["AlgorithmSpecification"],
            },
            "StaticHyperParameters": {
                **definition.get("StaticHyperParameters", {}),
                OBJECTIVE_METRIC_HYPERPARAMETER: config["HyperParameterTuningJobObjective"]["MetricName"],
            },
        },
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    return Job(Kind.TUNING, description)


def trial_name(tuning_job: str, number: int) -> str:
    """The name of a tuning job's trial: its number and a digest that tells it from other people's names."""
    return f"{tuning_job}-{number:03d}-{hashlib.sha256(f'{tuning_job}/{number}'.encode()).hexdigest()[:8]}"


def resources(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The ``ResourceConfig`` of a training job, or of a tuning job's trials: of several choices the first."""
    if "ResourceConfig" in definition:
        return dict(definition["ResourceConfig"])
    config = definition.get("HyperParameterTuningResourceConfig", {})
    wanted = {**config, **next(iter(config.get("InstanceConfigs", ())), {})}
    members = ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId")
    return {member: wanted[member] for member in members if member in wanted}


def instance_count(resource_config: Mapping[str, Any]) -> int:
    """How many instances a ``ResourceConfig`` has, those of all its groups together."""
    groups = resource_config.get("InstanceGroups", ())
    return int(resource_config.get("InstanceCount", 0)) or sum(each["InstanceCount"] for each in groups)


def new_trial(tuning_job: Job, number: int, tuned: Mapping[str, str], now: float) -> Job:
    """The training job that tries some values for a tuning job."""
    definition = dict(tuning_job.description["TrainingJobDefinition"])
    static = definition.pop("StaticHyperParameters")
    definition["ResourceConfig"] = resources(definition)
    for member in ("DefinitionName", "TuningObjective", "HyperParameterRanges", "HyperParameterTuningResourceConfig"):
        definition.pop(member, None)
    request = {
        "TrainingJobName": trial_name(tuning_job.name, number),
        "HyperParameters": {**static, **tuned},
        **definition,
    }
    job = new_training_job(request, region_of(tuning_job), now, ())
    job.description["TuningJobArn"] = tuning_job.arn
    job.tuning_job, job.number = tuning_job.name, number
    job.memory = {"tuned": dict(tuned), "objective": static[OBJECTIVE_METRIC_HYPERPARAMETER]}
    return job


def training_job_summary(job: Job) -> dict[str, Any]:
    """An element of what ListTrainingJobs answers."""
    members = (
        "TrainingJobName",
        "TrainingJobArn",
        "CreationTime",
        "TrainingEndTime",
        "LastModifiedTime",
        "TrainingJobStatus",
        "SecondaryStatus",
    )
    return _chosen(job, members)


def tuning_job_summary(job: Job, trials: list[Job]) -> dict[str, Any]:
    """An element of what ListHyperParameterTuningJobs answers."""
    members = (
        "HyperParameterTuningJobName",
        "HyperParameterTuningJobArn",
        "HyperParameterTuningJobStatus",
        "CreationTime",
        "LastModifiedTime",
        "HyperParameterTuningEndTime",
    )
    config = job.description["HyperParameterTuningJobConfig"]
    return {
        **_chosen(job, members),
        **_counters(trials),
        "Strategy": config["Strategy"],
        "ResourceLimits": config["ResourceLimits"],
    }


def trial_summary(tuning_job: Job, trial: Job) -> dict[str, Any]:
    """An element of what ListTrainingJobsForHyperParameterTuningJob answers."""
    members = (
        "TrainingJobName",
        "TrainingJobArn",
        "CreationTime",
        "TrainingStartTime",
        "TrainingEndTime",
        "TrainingJobStatus",
        "FailureReason",
    )
    summary = {
        **_chosen(trial, members),
        "TunedHyperParameters": trial.memory["tuned"],
        "ObjectiveStatus": objective_status(trial),
    }
    if trial.ended and trial.objective is not None:
        objective = tuning_job.description["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
        summary["FinalHyperParameterTuningJobObjectiveMetric"] = {**objective, "Value": trial.objective}
    return summary


def tuning_job_answer(job: Job, trials: list[Job], inherited: list[Job], now: float) -> dict[str, Any]:
    """What DescribeHyperParameterTuningJob answers; ``inherited`` are the trials of the parents of a warm start."""
    answer = {**job.description, **_counters(trials)}
    best = best_trial(job, trials)
    if best:
        answer["BestTrainingJob"] = trial_summary(job, best)
    if job.description.get("WarmStartConfig", {}).get("WarmStartType") == "IdenticalDataAndAlgorithm":
        overall = best_trial(job, [*inherited, *trials])
        if overall:
            answer["OverallBestTrainingJob"] = {**trial_summary(job, overall), "TuningJobName": overall.tuning_job}
    ended = job.description.get("HyperParameterTuningEndTime", now)
    answer["ConsumedResources"] = {"RuntimeInSeconds": int(ended - job.description["CreationTime"])}
    return answer


def objective_status(trial: Job) -> str:
    """Whether a trial has an objective: ``Succeeded``, ``Pending`` or ``Failed``."""
    if not trial.ended:
        return "Pending"
    return "Failed" if trial.objective is None or trial.status == "Failed" else "Succeeded"


def maximizes(job: Job) -> bool:
    """Whether a tuning job looks for the largest objective rather than the smallest."""
    objective = job.description["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    return bool(objective["Type"] == "Maximize")


def best_trial(job: Job, trials: Iterable[Job]) -> Job | None:
    """The trial with the best objective, the earlier one of two equals; None before the first objective."""
    sign = -1 if maximizes(job) else 1
    scored = [(sign * trial.objective, trial) for trial in trials if _succeeded(trial) and trial.objective is not None]
    return min(scored, key=lambda pair: pair[0])[1] if scored else None


def _succeeded(trial: Job) -> bool:
    return objective_status(trial) == "Succeeded"


def _chosen(job: Job, members: Iterable[str]) -> dict[str, Any]:
    return {member: job.description[member] for member in members if member in job.description}


def _counters(trials: list[Job]) -> dict[str, Any]:
    statuses = [_counted_as(trial) for trial in trials]
    names = ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped")
    objectives = [objective_status(trial) for trial in trials]
    return {
        "TrainingJobStatusCounters": {name: statuses.count(name) for name in names},
        "ObjectiveStatusCounters": {name: objectives.count(name) for name in ("Succeeded", "Pending", "Failed")},
    }


def _counted_as(trial: Job) -> str:
    if trial.status == "Failed":
        retryable = trial.description.get("FailureReason", "").startswith(_RETRYABLE)
        return "RetryableError" if retryable else "NonRetryableError"
    return trial.status if trial.ended else "InProgress"
