"""The shapes of answers: create requests in, what Describe and the lists say out. Pure: no clock, no disk."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from flytekit_sagemaker.container.contract import OBJECTIVE_METRIC_HYPERPARAMETER
from flytekit_sagemaker.local import completion
from flytekit_sagemaker.local.definitions import (
    best_of,
    definitions_of,
    members_of,
    objective_status,
    place_of,
    scores,
    with_members,
)
from flytekit_sagemaker.local.instances import selected
from flytekit_sagemaker.local.store import Job, Kind
from flytekit_sagemaker.local.workspace import model_uri

ACCOUNT = "000000000000"
_A_DAY = 24 * 60 * 60
_ARN_RESOURCES = {Kind.TRAINING: "training-job", Kind.TUNING: "hyper-parameter-tuning-job"}
_OF_THE_DEFINITION_ALONE = (
    "DefinitionName",
    "TuningObjective",
    "HyperParameterRanges",
    "HyperParameterTuningResourceConfig",
    "StaticHyperParameters",
)
_RETRYABLE = ("InternalServerError", "CapacityError")


def arn(kind: Kind, name: str, region: str) -> str:
    """The ARN of a job."""
    return resource_arn(region, ACCOUNT, f"{_ARN_RESOURCES[kind]}/{name}")


def resource_arn(region: str, account: str, resource: str) -> str:
    """The ARN of a resource such as ``training-job/name``; the service writes names in lower case there."""
    partition = {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rsplit("-", 2)[0], "aws")
    return f"arn:{partition}:sagemaker:{region}:{account}:{resource.lower()}"


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
    description = {
        **{member: value for member, value in request.items() if member != "Tags"},
        "AlgorithmSpecification": {
            "EnableSageMakerMetricsTimeSeries": False,
            **_metrics_of_image(metric_definitions),
            **request["AlgorithmSpecification"],
        },
        "ResourceConfig": {**request["ResourceConfig"], **selected(request["ResourceConfig"])},
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
    request: Mapping[str, Any], region: str, now: float, metric_definitions: Iterable[Iterable[tuple[str, str]]]
) -> Job:
    """A tuning job as it is right after its creation; ``metric_definitions`` are those of each definition's image."""
    name = request["HyperParameterTuningJobName"]
    members = [
        {
            **member,
            "AlgorithmSpecification": {**_metrics_of_image(metrics), **member["AlgorithmSpecification"]},
            "StaticHyperParameters": {
                **definition.static,
                OBJECTIVE_METRIC_HYPERPARAMETER: definition.objective["MetricName"],
            },
        }
        for member, definition, metrics in zip(
            members_of(request), definitions_of(request), metric_definitions, strict=True
        )
    ]
    description = {
        **with_members({member: value for member, value in request.items() if member != "Tags"}, members),
        "HyperParameterTuningJobArn": arn(Kind.TUNING, name, region),
        "HyperParameterTuningJobConfig": {
            "TrainingJobEarlyStoppingType": "Off",
            **request["HyperParameterTuningJobConfig"],
        },
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    return Job(Kind.TUNING, description)


def _metrics_of_image(metric_definitions: Iterable[tuple[str, str]]) -> dict[str, Any]:
    definitions = [{"Name": metric, "Regex": expression} for metric, expression in metric_definitions]
    return {"MetricDefinitions": definitions} if definitions else {}


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


def trial_members(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a training job definition that its trials have too, with their ``ResourceConfig``."""
    shared = {member: value for member, value in definition.items() if member not in _OF_THE_DEFINITION_ALONE}
    return {**shared, "ResourceConfig": resources(definition)}


def new_trial(tuning_job: Job, number: int, place: int, tuned: Mapping[str, str], now: float) -> Job:
    """The training job that tries some values for the definition of a tuning job that is in a place, from 0.

    Its checkpoints are kept below its name: no trial goes on from the checkpoints of another.
    """
    name = trial_name(tuning_job.name, number)
    definition = members_of(tuning_job.description)[place]
    static, members = definition["StaticHyperParameters"], trial_members(definition)
    if checkpoints := members.get("CheckpointConfig"):
        members["CheckpointConfig"] = {**checkpoints, "S3Uri": f"{checkpoints['S3Uri'].rstrip('/')}/{name}"}
    request = {"TrainingJobName": name, "HyperParameters": {**static, **tuned}, **members}
    job = new_training_job(request, region_of(tuning_job), now, ())
    job.description["TuningJobArn"] = tuning_job.arn
    job.tuning_job, job.number = tuning_job.name, number
    job.memory = {"tuned": dict(tuned), "objective": static[OBJECTIVE_METRIC_HYPERPARAMETER], "definition": place}
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
    definition = definitions_of(tuning_job.description)[place_of(trial)]
    summary = {
        **({"TrainingJobDefinitionName": definition.name} if definition.name else {}),
        **_chosen(trial, members),
        "TunedHyperParameters": trial.memory["tuned"],
        "ObjectiveStatus": objective_status(trial),
    }
    if trial.ended and trial.objective is not None:
        summary["FinalHyperParameterTuningJobObjectiveMetric"] = {**definition.objective, "Value": trial.objective}
    return summary


def tuning_job_answer(job: Job, trials: list[Job], inherited: list[Job], now: float) -> dict[str, Any]:
    """What DescribeHyperParameterTuningJob answers; ``inherited`` are the trials of the parents of a warm start."""
    answer = {**job.description, **_counters(trials)}
    definitions = definitions_of(job.description)
    best = best_of(definitions, trials)
    if best:
        answer["BestTrainingJob"] = trial_summary(job, best)
    if details := answer.get(completion.KEPT) or completion.details(definitions, scores(definitions, trials)):
        answer[completion.KEPT] = details
    if job.description.get("WarmStartConfig", {}).get("WarmStartType") == "IdenticalDataAndAlgorithm":
        overall = best_of(definitions, [*inherited, *trials])
        if overall:
            answer["OverallBestTrainingJob"] = {**trial_summary(job, overall), "TuningJobName": overall.tuning_job}
    ended = job.description.get("HyperParameterTuningEndTime", now)
    answer["ConsumedResources"] = {"RuntimeInSeconds": int(ended - job.description["CreationTime"])}
    return answer


def _chosen(job: Job, members: Iterable[str]) -> dict[str, Any]:
    return {member: job.description[member] for member in members if member in job.description}


def _counters(trials: list[Job]) -> dict[str, Any]:
    return counters(
        (trial.status, trial.description.get("FailureReason", ""), objective_status(trial)) for trial in trials
    )


def counters(trials: Iterable[tuple[str, str, str]]) -> dict[str, dict[str, int]]:
    """The counters of a tuning job, from each trial's status, ``FailureReason`` and objective status."""
    jobs, objectives = Counter[str](), Counter[str]()
    for status, reason, objective in trials:
        jobs[_counted_as(status, reason)] += 1
        objectives[objective] += 1
    names = ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped")
    return {
        "TrainingJobStatusCounters": {name: jobs[name] for name in names},
        "ObjectiveStatusCounters": {name: objectives[name] for name in ("Succeeded", "Pending", "Failed")},
    }


def _counted_as(status: str, reason: str) -> str:
    if status == "Failed":
        return "RetryableError" if reason.startswith(_RETRYABLE) else "NonRetryableError"
    return status if status in ("Completed", "Stopped") else "InProgress"
