"""The rules of a training job, which hold for each training job definition of a tuning job too.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.models.remedies import SECURITY_GROUP, SUBNET, swapped_ids
from flytekit_sagemaker.models.training_job import MAX_RUNTIME_IN_SECONDS
from flytekit_sagemaker.requests.request_members import Request, entries, number, struct

_BEGINNINGS_OF_IDS = {"SecurityGroupIds": SECURITY_GROUP, "Subnets": SUBNET}
_TUNING_RESOURCES = "HyperParameterTuningResourceConfig"


def problems(job: Request, path: str = "") -> Iterator[Problem]:
    """Every broken rule.

    Args:
        job: parameters of CreateTrainingJob, or a training job definition.
        path: where a definition is in its request, with a dot at its end.
    """
    yield from _algorithm(struct(job, "AlgorithmSpecification"), f"{path}AlgorithmSpecification")
    yield from _stopping(job, path)
    yield from _resources(job, path)
    yield from _vpc(struct(job, "VpcConfig"), f"{path}VpcConfig")
    yield from _channels(job, path)


def _algorithm(specification: Request, path: str) -> Iterator[Problem]:
    image, name = specification.get("TrainingImage"), specification.get("AlgorithmName")
    if not image and not name:
        remedy = "Set training_image to the URI of an image, or algorithm_resource to the name of a resource."
        yield Problem(f"{path}.TrainingImage", None, "is required", remedy)
    elif image and name:
        yield Problem(f"{path}.AlgorithmName", name, "must not be given together with TrainingImage")


def _stopping(job: Request, path: str) -> Iterator[Problem]:
    stopping = struct(job, "StoppingCondition")
    if not stopping:
        yield Problem(f"{path}StoppingCondition", None, "is required")
        return
    runtime, wait = stopping.get("MaxRuntimeInSeconds"), stopping.get("MaxWaitTimeInSeconds")
    spot = job.get("EnableManagedSpotTraining") is True
    field = f"{path}StoppingCondition.MaxWaitTimeInSeconds"
    if number(runtime) > MAX_RUNTIME_IN_SECONDS:
        limit = f"must be at most {MAX_RUNTIME_IN_SECONDS} (28 days)"
        yield Problem(f"{path}StoppingCondition.MaxRuntimeInSeconds", runtime, limit)
    if wait is None and spot:
        remedy = "Give at least MaxRuntimeInSeconds."
        yield Problem(field, None, "is required with managed spot training", remedy)
    if wait is not None and not spot:
        yield Problem(field, wait, "is for managed spot training only", "Leave it out, or enable spot training.")
    if wait is not None and number(wait) < number(runtime):
        yield Problem(field, wait, f"must be at least MaxRuntimeInSeconds ({runtime})")


def _resources(job: Request, path: str) -> Iterator[Problem]:
    resources, field = struct(job, "ResourceConfig"), f"{path}ResourceConfig"
    if _TUNING_RESOURCES in job:
        yield from _tuning_resources(struct(job, _TUNING_RESOURCES), f"{path}{_TUNING_RESOURCES}")
        if resources:
            yield Problem(field, None, f"must not be given together with {_TUNING_RESOURCES}")
        return
    if not resources:
        yield Problem(field, None, "is required")
        return
    spot = job.get("EnableManagedSpotTraining") is True
    if spot and "KeepAlivePeriodInSeconds" in resources:
        value = resources["KeepAlivePeriodInSeconds"]
        yield Problem(f"{field}.KeepAlivePeriodInSeconds", value, "cannot be combined with managed spot training")
    if resources.get("InstanceGroups"):
        yield from _left_out(resources, ("InstanceType", "InstanceCount"), "InstanceGroups", field)
    elif "InstancePreferences" in resources:
        yield from _preferences(resources, field)
        if spot:
            remedy = "Leave them out, or the spot instances."
            rule = "cannot be combined with managed spot training"
            yield Problem(f"{field}.InstancePreferences", None, rule, remedy)
    else:
        yield from _instances(resources, field)


def _tuning_resources(resources: Request, field: str) -> Iterator[Problem]:
    several = entries(resources, "InstanceConfigs")
    if not several:
        yield from _instances(resources, field)
        return
    yield from _left_out(resources, ("InstanceType", "InstanceCount", "VolumeSizeInGB"), "InstanceConfigs", field)
    for index, item in enumerate(several):
        if isinstance(item, Mapping):
            yield from _instances(item, f"{field}.InstanceConfigs[{index}]")


def _preferences(resources: Request, field: str) -> Iterator[Problem]:
    yield from _left_out(resources, ("InstanceType", "InstancePlacementConfig"), "InstancePreferences", field)
    several = [item for item in entries(resources, "InstancePreferences") if isinstance(item, Mapping)]
    for name, count in Counter(str(item.get("InstanceType")) for item in several).items():
        if count > 1:
            yield Problem(f"{field}.InstancePreferences", name, "must not name an instance type twice")
    counts = [number(item["InstanceCount"]) for item in several if "InstanceCount" in item]
    if len(counts) != (0 if "InstanceCount" in resources else len(several)):
        rule = "must be given for the job, or else for each of its InstancePreferences"
        yield Problem(f"{field}.InstanceCount", resources.get("InstanceCount"), rule)
    for hosts in [*counts, number(resources.get("InstanceCount", 1))]:
        if hosts < 1:
            yield Problem(f"{field}.InstancePreferences", hosts, "must have an InstanceCount of at least 1")


def _left_out(resources: Request, names: Sequence[str], given: str, field: str) -> Iterator[Problem]:
    for name in names:
        if name in resources:
            yield Problem(f"{field}.{name}", resources[name], f"must be left out when {given} are given")


def _instances(resources: Request, field: str) -> Iterator[Problem]:
    if "InstanceType" not in resources:
        yield Problem(f"{field}.InstanceType", None, "is required")
    count = resources.get("InstanceCount")
    if number(count) < 1:
        constraint = "Member must have value greater than or equal to 1"
        yield Problem(f"{field}.InstanceCount", count, "must be at least 1", constraint=constraint)


def _vpc(vpc: Request, path: str) -> Iterator[Problem]:
    for member, beginning in _BEGINNINGS_OF_IDS.items():
        for index, given in enumerate(entries(vpc, member)):
            if not str(given).startswith(beginning):
                rule = f"must begin with {beginning}"
                yield Problem(f"{path}.{member}[{index}]", given, rule, swapped_ids(str(given)))


def _channels(job: Request, path: str) -> Iterator[Problem]:
    default_mode = struct(job, "AlgorithmSpecification").get("TrainingInputMode")
    names: Counter[str] = Counter()
    for index, channel in enumerate(entries(job, "InputDataConfig")):
        if not isinstance(channel, Mapping):
            continue
        field = f"{path}InputDataConfig[{index}]"
        names[str(channel.get("ChannelName"))] += 1
        source = struct(channel, "DataSource")
        if len(source) != 1:
            yield Problem(f"{field}.DataSource", dict(source), "must have exactly one source")
        mode = channel.get("InputMode", default_mode)
        s3 = struct(source, "S3DataSource")
        if s3.get("S3DataType") == "AugmentedManifestFile":
            if mode != "Pipe":
                yield Problem(f"{field}.InputMode", mode, "must be Pipe for an AugmentedManifestFile")
            if not s3.get("AttributeNames"):
                yield Problem(f"{field}.DataSource.S3DataSource.AttributeNames", None, "is required here")
        if channel.get("CompressionType") == "Gzip" and mode != "Pipe":
            yield Problem(f"{field}.CompressionType", "Gzip", "is for Pipe mode only")
        if "FileSystemDataSource" in source and not struct(job, "VpcConfig"):
            remedy = "Set subnets and security_group_ids to those of its VPC."
            rule = "can be reached only from the VPC of the file system"
            yield Problem(f"{field}.DataSource.FileSystemDataSource", None, rule, remedy)
    for name, count in names.items():
        if count > 1:
            yield Problem(f"{path}InputDataConfig", name, "must not name a channel twice")
