"""The rules between the members of a request that the SageMaker service enforces and botocore's model does not state.

Sources: the pages of CreateTrainingJob and CreateHyperParameterTuningJob in
https://docs.aws.amazon.com/sagemaker/latest/APIReference/ and
https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-limits.html
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from flytekit_sagemaker.algorithms import identify_image
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.models.training_job import MAX_RUNTIME_IN_SECONDS

Request = Mapping[str, Any]
NOTHING: Request = MappingProxyType({})

MAX_RANGES = 30
MAX_TRIALS = {"Random": 10000}
MAX_TRIALS_OTHERWISE = 750
MAX_PARALLEL_TRIALS = 100
MAX_VARIABLES_OF_TRIALS = 48
RANGE_KINDS = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")
# Hyperband reads the most resources of a trial from the first of these that it finds.
EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
_COUNT = re.compile(r"0*[1-9][0-9]{0,8}")
TUNING_CONFIG = "HyperParameterTuningJobConfig"
_TUNING_RESOURCES = "HyperParameterTuningResourceConfig"


def problems(operation: str, request: Request) -> Iterator[Problem]:
    """Every broken rule of a create request; requests of other operations have none."""
    checks: dict[str, Callable[[Request], Iterator[Problem]]] = {
        "CreateTrainingJob": _training_job,
        "CreateHyperParameterTuningJob": _tuning_job,
    }
    if operation in checks:
        yield from checks[operation](request)
        yield from _tags(request)


def definitions(request: Request) -> list[tuple[str, Request]]:
    """The training job definitions of a tuning request with their paths; a well-formed request has at least one."""
    found = [("TrainingJobDefinition", struct(request, "TrainingJobDefinition"))]
    several = entries(request, "TrainingJobDefinitions")
    found += [(f"TrainingJobDefinitions[{index}]", item) for index, item in enumerate(several)]
    return [(path, item) for path, item in found if isinstance(item, Mapping) and item]


@dataclass(frozen=True)
class Search:
    """What a training job definition is tuned by, and where the request says so.

    Attributes:
        ranges: its own ``ParameterRanges``, or those of the whole job.
        objective: its own objective, or that of the whole job.
    """

    ranges: Request
    ranges_path: str
    objective: Request
    objective_path: str


def search_of(request: Request, path: str, definition: Request) -> Search:
    """The search of one of a tuning request's :func:`definitions`."""

    def member(own: str, common: str) -> tuple[Request, str]:
        if own in definition:
            return struct(definition, own), f"{path}.{own}"
        return struct(struct(request, TUNING_CONFIG), common), f"{TUNING_CONFIG}.{common}"

    return Search(
        *member("HyperParameterRanges", "ParameterRanges"),
        *member("TuningObjective", "HyperParameterTuningJobObjective"),
    )


def ranges(parameter_ranges: Request) -> list[tuple[str, int, Request]]:
    """Each range of a ``ParameterRanges`` structure with its kind and its place in that kind's list."""
    return [
        (kind, index, item)
        for kind in RANGE_KINDS
        for index, item in enumerate(entries(parameter_ranges, kind))
        if isinstance(item, Mapping)
    ]


def struct(holder: Request, name: str) -> Request:
    """A structure inside another; empty when it is not there, or is none."""
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}


def entries(holder: Request, name: str) -> Sequence[Any]:
    """A list inside a structure; empty when it is not there, or is none."""
    value = holder.get(name)
    return value if isinstance(value, (list, tuple)) else ()


def _number(value: Any, default: float = 0) -> float:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else default


def _tags(request: Request) -> Iterator[Problem]:
    keys = [str(tag.get("Key")) if isinstance(tag, Mapping) else "" for tag in entries(request, "Tags")]
    for index, key in enumerate(keys):
        if key.lower().startswith("aws:"):
            yield Problem(f"Tags[{index}].Key", key, "must not start with aws:, which is reserved")
    for key, count in Counter(keys).items():
        if count > 1:
            yield Problem("Tags", key, "must not repeat a key")


def _training_job(request: Request) -> Iterator[Problem]:
    yield from _job(request, "")


def _job(job: Request, path: str) -> Iterator[Problem]:
    """The rules that a training job and a training job definition of a tuning job share."""
    yield from _algorithm(struct(job, "AlgorithmSpecification"), f"{path}AlgorithmSpecification")
    yield from _stopping(job, path)
    yield from _resources(job, path)
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
    if _number(runtime) > MAX_RUNTIME_IN_SECONDS:
        limit = f"must be at most {MAX_RUNTIME_IN_SECONDS} (28 days)"
        yield Problem(f"{path}StoppingCondition.MaxRuntimeInSeconds", runtime, limit)
    if wait is None and spot:
        remedy = "Give at least MaxRuntimeInSeconds; in a stopping_condition it is max_wait_time_in_seconds."
        yield Problem(field, None, "is required with managed spot training", remedy)
    if wait is not None and not spot:
        yield Problem(field, wait, "is for managed spot training only", "Leave it out, or enable spot training.")
    if wait is not None and _number(wait) < _number(runtime):
        yield Problem(field, wait, f"must be at least MaxRuntimeInSeconds ({runtime})")


def _resources(job: Request, path: str) -> Iterator[Problem]:
    resources, field = struct(job, "ResourceConfig"), f"{path}ResourceConfig"
    if _TUNING_RESOURCES in job:
        yield from _tuning_resources(struct(job, _TUNING_RESOURCES), f"{path}{_TUNING_RESOURCES}")
        if resources:
            yield Problem(field, "...", f"must not be given together with {_TUNING_RESOURCES}")
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
            remedy = "Leave out instance_configs, or the spot instances."
            rule = "cannot be combined with managed spot training"
            yield Problem(f"{field}.InstancePreferences", "...", rule, remedy)
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
    counts = [_number(item["InstanceCount"]) for item in several if "InstanceCount" in item]
    if len(counts) != (0 if "InstanceCount" in resources else len(several)):
        rule = "must be given for the job, or else for each of its InstancePreferences"
        yield Problem(f"{field}.InstanceCount", resources.get("InstanceCount"), rule)
    for hosts in [*counts, _number(resources.get("InstanceCount", 1))]:
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
    if _number(count) < 1:
        constraint = "Member must have value greater than or equal to 1"
        yield Problem(f"{field}.InstanceCount", count, "must be at least 1", constraint=constraint)


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
            yield Problem(f"{field}.DataSource.FileSystemDataSource", "...", rule, remedy)
    for name, count in names.items():
        if count > 1:
            yield Problem(f"{path}InputDataConfig", name, "must not name a channel twice")


def _tuning_job(request: Request) -> Iterator[Problem]:
    config = struct(request, TUNING_CONFIG)
    found = definitions(request)
    if len(found) == 0:
        yield Problem("TrainingJobDefinition", None, "is required")
    if "TrainingJobDefinition" in request and request.get("TrainingJobDefinitions"):
        yield Problem("TrainingJobDefinitions", "...", "must not be given together with TrainingJobDefinition")
    yield from _limits(config)
    yield from _strategy(config)
    if request.get("TrainingJobDefinitions"):
        yield from _several_definitions(request)
    searches = [search_of(request, path, definition) for path, definition in found]
    for (path, definition), search in zip(found, searches, strict=True):
        prefix = f"{path}."
        yield from _resource_of_hyperband(config, definition, prefix)
        yield from _job(definition, prefix)
        if not ranges(search.ranges) and "Autotune" not in request:
            rule, remedy = "must have at least one range", "Say which hyperparameters to tune."
            yield Problem(search.ranges_path, None, rule, remedy)
        static = struct(definition, "StaticHyperParameters")
        yield from range_problems(search.ranges, search.ranges_path, config, static)
        yield from _objective(definition, prefix, search.objective)
    total = sum(len(ranges(search.ranges)) for search in searches)
    if total > MAX_RANGES:
        yield Problem(f"{TUNING_CONFIG}.ParameterRanges", total, f"must have at most {MAX_RANGES} ranges in total")
    yield from _combinations(config, [search.ranges for search in searches])


def _several_definitions(request: Request) -> Iterator[Problem]:
    """Source: https://docs.aws.amazon.com/sagemaker/latest/dg/multiple-algorithm-hpo-create-tuning-jobs.html"""
    names: Counter[str] = Counter()
    for index, definition in enumerate(entries(request, "TrainingJobDefinitions")):
        name = definition.get("DefinitionName") if isinstance(definition, Mapping) else ""
        if not name:
            field = f"TrainingJobDefinitions[{index}].DefinitionName"
            yield Problem(field, None, "is required with several definitions")
        names[str(name)] += 1
    for name, count in names.items():
        if name and count > 1:
            yield Problem("TrainingJobDefinitions", name, "must not name a definition twice")
    variables = sum(len(struct(each, "Environment")) for _, each in definitions(request))
    if variables > MAX_VARIABLES_OF_TRIALS:
        rule = f"must have at most {MAX_VARIABLES_OF_TRIALS} variables in all definitions together"
        yield Problem("TrainingJobDefinitions.Environment", variables, rule)
    if "WarmStartConfig" in request:
        yield Problem("WarmStartConfig", "...", "is for a single training job definition")
    if struct(request, TUNING_CONFIG).get("TrainingJobEarlyStoppingType") == "Auto":
        field = f"{TUNING_CONFIG}.TrainingJobEarlyStoppingType"
        yield Problem(field, "Auto", "must be Off with several training job definitions")


def _limits(config: Request) -> Iterator[Problem]:
    limits, path = struct(config, "ResourceLimits"), f"{TUNING_CONFIG}.ResourceLimits"
    most, parallel = limits.get("MaxNumberOfTrainingJobs"), limits.get("MaxParallelTrainingJobs")
    quota = MAX_TRIALS.get(str(config.get("Strategy")), MAX_TRIALS_OTHERWISE)
    if most is None and config.get("Strategy") != "Grid" and "MaxRuntimeInSeconds" not in limits:
        yield Problem(f"{path}.MaxNumberOfTrainingJobs", None, "is required")
    if _number(most) > quota:
        yield Problem(f"{path}.MaxNumberOfTrainingJobs", most, f"must be at most {quota}")
    if _number(parallel) > MAX_PARALLEL_TRIALS:
        yield Problem(f"{path}.MaxParallelTrainingJobs", parallel, f"must be at most {MAX_PARALLEL_TRIALS}")
    if most is not None and _number(parallel) > _number(most):
        limit = f"must not exceed MaxNumberOfTrainingJobs ({most})"
        yield Problem(f"{path}.MaxParallelTrainingJobs", parallel, limit, f"Set it to {most} or less.")


def _strategy(config: Request) -> Iterator[Problem]:
    hyperband = config.get("Strategy") == "Hyperband"
    if "StrategyConfig" in config and not hyperband:
        yield Problem(f"{TUNING_CONFIG}.StrategyConfig", "...", "is for the Hyperband strategy only")
    if hyperband and config.get("TrainingJobEarlyStoppingType") == "Auto":
        yield Problem(f"{TUNING_CONFIG}.TrainingJobEarlyStoppingType", "Auto", "must be Off with Hyperband")


def _resource_of_hyperband(config: Request, definition: Request, prefix: str) -> Iterator[Problem]:
    most = struct(struct(config, "StrategyConfig"), "HyperbandStrategyConfig").get("MaxResource")
    if config.get("Strategy") != "Hyperband" or most is not None:
        return
    static = struct(definition, "StaticHyperParameters")
    name = next((each for each in EPOCHS if static.get(each)), "")
    if not name:
        rule = "is required with Hyperband, which has to know how many rounds or epochs a trial may have"
        field = f"{TUNING_CONFIG}.StrategyConfig.HyperbandStrategyConfig.MaxResource"
        built_in = identify_image(str(struct(definition, "AlgorithmSpecification").get("TrainingImage", "")))
        epochs = "" if built_in else f", or one of the static hyperparameters {', '.join(EPOCHS)}"
        yield Problem(field, None, rule, f"Set it (hyperband_max_resource){epochs}.")
    elif not _COUNT.fullmatch(str(static[name])):
        rule = "must be a whole number above 0: Hyperband takes it for the most epochs of a trial"
        yield Problem(f"{prefix}StaticHyperParameters.{name}", static[name], rule, "Or set hyperband_max_resource.")


def range_problems(
    holder: Request, path: str = "", config: Request = NOTHING, static: Request = NOTHING
) -> Iterator[Problem]:
    """The rules that ranges break.

    Args:
        holder: a ``ParameterRanges`` structure.
        path: where it is in the request.
        config: how the tuning job searches.
        static: the static hyperparameters beside the ranges.
    """
    grid = config.get("Strategy") == "Grid"
    names: Counter[str] = Counter()
    for kind, index, item in ranges(holder):
        field, name = f"{path}.{kind}[{index}]".lstrip("."), str(item.get("Name"))
        names[name] += 1
        if name in static:
            yield Problem(f"{field}.Name", name, "must not be a static hyperparameter as well")
        if kind == "CategoricalParameterRanges":
            continue
        if grid:
            remedy = "Give its values as a categorical range, or use another strategy."
            yield Problem(f"{field} ({name})", kind, "cannot be searched by Grid", remedy)
        yield from _bounds(kind, item, field)
    for name, count in names.items():
        if count > 1:
            yield Problem(path, name, "must have one range only")


def _combinations(config: Request, searched: Sequence[Request]) -> Iterator[Problem]:
    """The number of trials of a grid, those of all definitions together."""
    most = struct(config, "ResourceLimits").get("MaxNumberOfTrainingJobs")
    every = [kind for holder in searched for kind, _, _ in ranges(holder)]
    if config.get("Strategy") != "Grid" or most is None or set(every) != {"CategoricalParameterRanges"}:
        return
    sizes = (math.prod(max(len(entries(item, "Values")), 1) for *_, item in ranges(holder)) for holder in searched)
    if most != (combinations := sum(sizes)):
        field = f"{TUNING_CONFIG}.ResourceLimits.MaxNumberOfTrainingJobs"
        rule = f"must be the number of combinations ({combinations}) with Grid"
        yield Problem(field, most, rule, f"Set it to {combinations}.")


def _bounds(kind: str, item: Request, path: str) -> Iterator[Problem]:
    parse: Callable[[str], float] = int if kind == "IntegerParameterRanges" else float
    noun = "a whole number" if parse is int else "a number"
    bounds = {}
    name = item.get("Name")
    for end in ("MinValue", "MaxValue"):
        try:
            bounds[end] = parse(item.get(end, ""))
            if not math.isfinite(bounds[end]):
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            yield Problem(f"{path}.{end}", item.get(end), f"must be {noun} as text (range of {name})")
            return
    low, high = bounds["MinValue"], bounds["MaxValue"]
    if low > high:
        yield Problem(f"{path}.MinValue", item["MinValue"], f"must not exceed MaxValue ({high}) (range of {name})")
    scaling = item.get("ScalingType")
    if scaling == "Logarithmic" and low <= 0:
        yield Problem(
            f"{path}.MinValue", item["MinValue"], f"must be above 0 with Logarithmic scaling (range of {name})"
        )
    if scaling == "ReverseLogarithmic" and (parse is int or not 0 <= low <= high < 1):
        yield Problem(f"{path}.ScalingType", scaling, f"needs a continuous range inside [0, 1) (range of {name})")


def _objective(definition: Request, prefix: str, objective: Request) -> Iterator[Problem]:
    specification = struct(definition, "AlgorithmSpecification")
    field = f"{prefix}AlgorithmSpecification.MetricDefinitions"
    given = [item.get("Name") for item in entries(specification, "MetricDefinitions") if isinstance(item, Mapping)]
    metric = objective.get("MetricName")
    if not metric:
        yield Problem(f"{TUNING_CONFIG}.HyperParameterTuningJobObjective", None, "is required")
    elif identify_image(str(specification.get("TrainingImage", ""))):
        if given:
            rule = "cannot override the metric definitions of an Amazon SageMaker algorithm"
            yield Problem(field, given, rule, "Leave them out.")
    elif specification.get("TrainingImage") and metric not in given:
        remedy = f"Add a metric definition named {metric!r} with the regular expression that finds it in the log."
        yield Problem(field, given, "must define the objective metric", remedy)
