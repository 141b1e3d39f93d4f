"""The rules of a tuning job: its quotas, its strategy, its ranges and its definitions side by side.

Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-limits.html
"""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from flytekit_sagemaker.algorithms import algorithm_of_image
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.requests import training_job_rules
from flytekit_sagemaker.requests.request_members import (
    NOTHING,
    TUNING_CONFIG,
    Request,
    definitions,
    entries,
    number,
    ranges,
    search_of,
    struct,
)

MAX_RANGES = 30
_MAX_TRIALS = {"Random": 10000}
_MAX_TRIALS_OTHERWISE = 750
MAX_PARALLEL_TRIALS = 100
MAX_VARIABLES_OF_TRIALS = 48
# Hyperband reads the most resources of a trial from the first of these that it finds.
EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
_HYPERBAND = "StrategyConfig.HyperbandStrategyConfig"
_MOST_RESOURCES = 20000
_COUNT = re.compile(r"0*[1-9][0-9]{0,8}")


def most_trials(config: Request) -> int:
    """How many trials the service allows a tuning job, by the ``Strategy`` of its configuration."""
    return _MAX_TRIALS.get(str(config.get("Strategy")), _MAX_TRIALS_OTHERWISE)


def problems(request: Request) -> Iterator[Problem]:
    """Every broken rule of a CreateHyperParameterTuningJob request."""
    config = struct(request, TUNING_CONFIG)
    found = definitions(request)
    if len(found) == 0:
        yield Problem("TrainingJobDefinition", None, "is required")
    if "TrainingJobDefinition" in request and request.get("TrainingJobDefinitions"):
        yield Problem("TrainingJobDefinitions", None, "must not be given together with TrainingJobDefinition")
    yield from _limits(config)
    yield from _strategy(config)
    if request.get("TrainingJobDefinitions"):
        yield from _several_definitions(request)
    searches = [search_of(request, path, definition) for path, definition in found]
    for (path, definition), search in zip(found, searches, strict=True):
        prefix = f"{path}."
        yield from _resource_of_hyperband(config, definition, prefix)
        yield from training_job_rules.problems(definition, prefix)
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
        yield Problem("WarmStartConfig", None, "is for a single training job definition")
    if struct(request, TUNING_CONFIG).get("TrainingJobEarlyStoppingType") == "Auto":
        field = f"{TUNING_CONFIG}.TrainingJobEarlyStoppingType"
        yield Problem(field, "Auto", "must be Off with several training job definitions")


def _limits(config: Request) -> Iterator[Problem]:
    limits, path = struct(config, "ResourceLimits"), f"{TUNING_CONFIG}.ResourceLimits"
    most, parallel = limits.get("MaxNumberOfTrainingJobs"), limits.get("MaxParallelTrainingJobs")
    quota = most_trials(config)
    if most is None and config.get("Strategy") != "Grid" and "MaxRuntimeInSeconds" not in limits:
        yield Problem(f"{path}.MaxNumberOfTrainingJobs", None, "is required")
    if number(most) > quota:
        yield Problem(f"{path}.MaxNumberOfTrainingJobs", most, f"must be at most {quota}")
    if number(parallel) > MAX_PARALLEL_TRIALS:
        yield Problem(f"{path}.MaxParallelTrainingJobs", parallel, f"must be at most {MAX_PARALLEL_TRIALS}")
    if most is not None and number(parallel) > number(most):
        limit = f"must not exceed MaxNumberOfTrainingJobs ({most})"
        yield Problem(f"{path}.MaxParallelTrainingJobs", parallel, limit, f"Set it to {most} or less.")


def _strategy(config: Request) -> Iterator[Problem]:
    hyperband = config.get("Strategy") == "Hyperband"
    if "StrategyConfig" in config and not hyperband:
        yield Problem(f"{TUNING_CONFIG}.StrategyConfig", None, "is for the Hyperband strategy only")
    if hyperband and config.get("TrainingJobEarlyStoppingType") == "Auto":
        yield Problem(f"{TUNING_CONFIG}.TrainingJobEarlyStoppingType", "Auto", "must be Off with Hyperband")

    if hyperband:
        resources, path = _resources_of_hyperband(config), f"{TUNING_CONFIG}.{_HYPERBAND}"
        for name in ("MinResource", "MaxResource"):
            if number(resources.get(name)) > _MOST_RESOURCES:
                yield Problem(f"{path}.{name}", resources[name], f"must be at most {_MOST_RESOURCES}")
        fewest, most = resources.get("MinResource"), resources.get("MaxResource")
        if most is not None and number(fewest) > number(most):
            yield Problem(f"{path}.MinResource", fewest, f"must not exceed MaxResource ({most})")


def _resources_of_hyperband(config: Request) -> Request:
    return struct(struct(config, "StrategyConfig"), "HyperbandStrategyConfig")


def rounds_of_hyperband(config: Request) -> int | None:
    """How many rounds or epochs Hyperband lets a trial have, by ``MaxResource``; None where nothing says so."""
    most = _resources_of_hyperband(config).get("MaxResource")
    return most if config.get("Strategy") == "Hyperband" and isinstance(most, int) else None


def _resource_of_hyperband(config: Request, definition: Request, prefix: str) -> Iterator[Problem]:
    resources = _resources_of_hyperband(config)
    if config.get("Strategy") != "Hyperband" or resources.get("MaxResource") is not None:
        return
    static = struct(definition, "StaticHyperParameters")
    name = next((each for each in EPOCHS if static.get(each)), "")
    if not name:
        rule = "is required with Hyperband, which has to know how many rounds or epochs a trial may have"
        field = f"{TUNING_CONFIG}.{_HYPERBAND}.MaxResource"
        built_in = algorithm_of_image(str(struct(definition, "AlgorithmSpecification").get("TrainingImage", "")))
        epochs = "" if built_in else f", or one of the static hyperparameters {', '.join(EPOCHS)}"
        yield Problem(field, None, rule, f"Set it{epochs}.")
    elif not _COUNT.fullmatch(str(static[name])):
        rule = "must be a whole number above 0: Hyperband takes it for the most epochs of a trial"
        yield Problem(f"{prefix}StaticHyperParameters.{name}", static[name], rule, "Or set MaxResource.")
    elif (most := int(str(static[name]))) > _MOST_RESOURCES:
        rule = f"must be at most {_MOST_RESOURCES} with Hyperband"
        remedy = "Set MaxResource, after which Hyperband stops a trial."
        yield Problem(f"{prefix}StaticHyperParameters.{name}", static[name], rule, remedy)
    elif number(resources.get("MinResource")) > most:
        rule = f"must not exceed the most epochs of a trial ({name}: {most})"
        yield Problem(f"{TUNING_CONFIG}.{_HYPERBAND}.MinResource", resources["MinResource"], rule)


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
    kinds: dict[str, list[str]] = {}
    for kind, index, item in ranges(holder):
        field, name = f"{path}.{kind}[{index}]".lstrip("."), str(item.get("Name"))
        kinds.setdefault(name, []).append(kind)
        if name in static:
            yield Problem(f"{field}.Name", name, "must not be a static hyperparameter as well")
        if kind == "CategoricalParameterRanges":
            continue
        if grid:
            remedy = "Give its values as a categorical range, or use another strategy."
            yield Problem(f"{field} ({name})", None, "cannot be searched by Grid", remedy)
        yield from _bounds(kind, item, field)
    for name, those in kinds.items():
        if len(those) > 1:
            yield Problem(path, name, f"must have one range only, and has {len(those)} ({', '.join(those)})")


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
            yield Problem(f"{path}.{end}", item.get(end), f"must be {noun} (range of {name})")
            return
    low, high = bounds["MinValue"], bounds["MaxValue"]
    if low > high:
        yield Problem(f"{path}.MinValue", item["MinValue"], f"must not exceed MaxValue ({high}) (range of {name})")
    if high - low > sys.float_info.max:
        rule = f"must be at most {sys.float_info.max} above MinValue ({low}) (range of {name})"
        yield Problem(f"{path}.MaxValue", item["MaxValue"], rule)
    scaling = item.get("ScalingType")
    if scaling == "Logarithmic" and low <= 0:
        yield Problem(
            f"{path}.MinValue", item["MinValue"], f"must be above 0 with Logarithmic scaling (range of {name})"
        )
    if scaling == "ReverseLogarithmic" and (parse is int or not 0 <= low <= high < 1):
        yield Problem(f"{path}.ScalingType", scaling, f"needs a continuous range inside [0, 1) (range of {name})")


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


def _objective(definition: Request, prefix: str, objective: Request) -> Iterator[Problem]:
    specification = struct(definition, "AlgorithmSpecification")
    field = f"{prefix}AlgorithmSpecification.MetricDefinitions"
    defined = [item for item in entries(specification, "MetricDefinitions") if isinstance(item, Mapping)]
    given = [item.get("Name") for item in defined]
    metric = objective.get("MetricName")
    if not metric:
        yield Problem(f"{TUNING_CONFIG}.HyperParameterTuningJobObjective", None, "is required")
    elif algorithm_of_image(str(specification.get("TrainingImage", ""))):
        if given:
            rule = "cannot override the metric definitions of an Amazon SageMaker algorithm"
            yield Problem(field, given, rule, "Leave them out.")
    elif specification.get("TrainingImage") and metric not in given:
        remedy = (
            f"Add a metric definition named {metric!r} with the regular expression that finds it in the log: "
            f"{specification['TrainingImage']} is no image of a built-in algorithm, which has its own."
        )
        yield Problem(field, given, "must define the objective metric", remedy)
    else:
        for index, item in enumerate(defined):
            if item.get("Name") == metric and not _finds_a_value(str(item.get("Regex"))):
                rule = "must have a group, which finds the value of the objective"
                remedy = "Put parentheses around what matches the number, as in 'error=([0-9.]+)'."
                yield Problem(f"{field}[{index}].Regex", item.get("Regex"), rule, remedy)


def _finds_a_value(regex: str) -> bool:
    try:
        return re.compile(regex).groups > 0
    except (re.error, OverflowError, RecursionError):
        return True  # the service may know more than Python
