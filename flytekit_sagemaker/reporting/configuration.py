"""What a job was asked to do, in words: what its description says of its request, label by label, and nothing else.

Sources:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_HyperParameterTuningJobConfig.html
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_HyperParameterTrainingJobDefinition.html
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flytekit_sagemaker.reporting.wording import duration, number

Members = Mapping[str, Any]


def definitions_of(description: Members) -> list[Members]:
    """The training job definitions of a tuning job, one or several."""
    single = description.get("TrainingJobDefinition")
    return [single] if single else list(description.get("TrainingJobDefinitions", ()))


def objective_of(description: Members) -> Mapping[str, str]:
    """``Type`` and ``MetricName`` of a tuning job's objective; one with several definitions has it in each of them."""
    config = description.get("HyperParameterTuningJobConfig", {})
    in_definitions = (item.get("TuningObjective") for item in definitions_of(description))
    return next(filter(None, [config.get("HyperParameterTuningJobObjective"), *in_definitions]), {})


def of_training_job(job: Members) -> dict[str, str]:
    """Where and for how long a training job, or each trial of a definition, runs.

    Args:
        job: description of a training job, or a training job definition of a tuning job.
    """
    limits = job.get("StoppingCondition", {})
    is_spot = job.get("EnableManagedSpotTraining")
    waiting = _seconds(limits.get("MaxWaitTimeInSeconds"))
    return _told(
        {
            "Instances": _instances(job),
            "Time limit": _seconds(limits.get("MaxRuntimeInSeconds")),
            "Managed spot training": f"yes{waiting and f', waiting included at most {waiting}'}" if is_spot else "",
            "Checkpoints": _checkpoints(job.get("CheckpointConfig", {})),
            "VPC": _vpc(job.get("VpcConfig", {})),
            "Network isolation": "yes" if job.get("EnableNetworkIsolation") else "",
            "Encryption between containers": "yes" if job.get("EnableInterContainerTrafficEncryption") else "",
            "Retries": str(job.get("RetryStrategy", {}).get("MaximumRetryAttempts", "")),
        }
    )


def of_tuning_job(description: Members) -> dict[str, str]:
    """How a tuning job searches, and when it ends, beside its strategy, objective and ranges."""
    config = description.get("HyperParameterTuningJobConfig", {})
    hyperband = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    return _told(
        {
            "Hyperband resources": _bounds(hyperband.get("MinResource"), hyperband.get("MaxResource")),
            "Completion criteria": "; ".join(_criteria(config.get("TuningJobCompletionCriteria", {}))),
            "Time limit": _seconds(config.get("ResourceLimits", {}).get("MaxRuntimeInSeconds")),
            "Autotune": description.get("Autotune", {}).get("Mode", ""),
            "Warm start": _warm_start(description.get("WarmStartConfig", {})),
        }
    )


def of_definitions(definitions: Sequence[Members], read: Callable[[Members], Mapping[str, str]]) -> dict[str, str]:
    """What ``read`` finds in the definitions of a tuning job, said once where they agree, else by their names."""
    found = {each.get("DefinitionName", ""): read(each) for each in definitions}
    return {
        label: _once_or_by_name({name: words.get(label, "–") for name, words in found.items()})
        for label in dict.fromkeys(label for words in found.values() for label in words)
    }


def _once_or_by_name(words: Mapping[str, str]) -> str:
    different = dict.fromkeys(words.values())
    return (
        next(iter(different)) if len(different) == 1 else "; ".join(f"{name}: {each}" for name, each in words.items())
    )


def _told(words: Mapping[str, str]) -> dict[str, str]:
    return {label: text for label, text in words.items() if text}


def _instances(job: Members) -> str:
    """All groups, or the choices of which SageMaker takes the first that it has."""
    resources = job.get("ResourceConfig") or job.get("HyperParameterTuningResourceConfig") or {}
    if groups := resources.get("InstanceGroups"):
        return " and ".join(map(_count_and_type, groups))
    if selected := resources.get("SelectedInstanceType"):
        return _count_and_type({"InstanceType": selected, "InstanceCount": resources.get("SelectedInstanceCount", 1)})
    choices = resources.get("InstanceConfigs") or resources.get("InstancePreferences") or [{}]
    each = (_count_and_type({**resources, **choice}) for choice in choices)
    return ", or ".join(dict.fromkeys(filter(None, each)))


def _count_and_type(group: Members) -> str:
    return f"{group.get('InstanceCount', 1)} × {group['InstanceType']}" if group.get("InstanceType") else ""


def _seconds(limit: int | None) -> str:
    if limit is None:
        return ""
    return f"{limit} s ({duration(limit)})" if limit >= 60 else duration(limit)


def _bounds(low: int | None, high: int | None) -> str:
    ends = [f"{word} {value}" for word, value in (("from", low), ("to", high)) if value is not None]
    return f"{' '.join(ends)} steps of a trial" if ends else ""


def _criteria(criteria: Members) -> Iterator[str]:
    target = criteria.get("TargetObjectiveMetricValue")
    patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
    if target is not None:
        yield f"an objective of {number(target)}"
    if patience is not None:
        yield f"{patience} trials without improvement"
    if criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled":
        yield "convergence"


def _warm_start(config: Members) -> str:
    parents = [each.get("HyperParameterTuningJobName", "") for each in config.get("ParentHyperParameterTuningJobs", ())]
    return f"{config.get('WarmStartType', '')} from {', '.join(parents)}" if parents else ""


def _checkpoints(config: Members) -> str:
    path = config.get("LocalPath", "")
    return f"{config.get('S3Uri', '')}{path and f', in the container at {path}'}" if config else ""


def _vpc(config: Members) -> str:
    parts = (("subnets", "Subnets"), ("security groups", "SecurityGroupIds"))
    return "; ".join(f"{words} {', '.join(config[member])}" for words, member in parts if config.get(member))
