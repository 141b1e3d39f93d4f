"""What the built-in algorithm inside a job would refuse, known before the job is paid for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from flytekit_sagemaker.algorithms import TunedRange, algorithm, identify_image
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.requests.request_members import (
    TUNING_CONFIG,
    Request,
    Search,
    definitions,
    entries,
    ranges,
    search_of,
    struct,
)
from flytekit_sagemaker.requests.tuning_job_rules import rounds_of_hyperband

_KINDS = {
    "IntegerParameterRanges": "integer",
    "ContinuousParameterRanges": "continuous",
    "CategoricalParameterRanges": "categorical",
}

_NOTHING = Search({}, "", {}, "")
_OBJECTIVE_MEMBERS = {"metric_name": "MetricName", "objective_type": "Type"}


def problems(operation: str, request: Request) -> Iterator[Problem]:
    """Every rule of the request's built-in algorithms that it breaks; the user's own code has none.

    Members of a wrong type are passed over: they are problems of the request, not of the algorithm.
    """
    if operation == "CreateTrainingJob":
        yield from _job(request, "", "HyperParameters", _NOTHING)
    elif operation == "CreateHyperParameterTuningJob":
        most = rounds_of_hyperband(struct(request, TUNING_CONFIG))
        for path, definition in definitions(request):
            yield from _job(definition, f"{path}.", "StaticHyperParameters", search_of(request, path, definition), most)


def _tuned(holder: Request) -> dict[str, TunedRange]:
    return {
        str(item.get("Name")): TunedRange(
            kind=_KINDS[kind],  # type: ignore[arg-type]
            min_value=str(item.get("MinValue", "")),
            max_value=str(item.get("MaxValue", "")),
            values=tuple(str(value) for value in entries(item, "Values")),
        )
        for kind, _, item in ranges(holder)
    }


def _runs_own_code(job: Request, hyperparameters: Request) -> bool:
    """Whether the image of a built-in algorithm only serves as the environment of the user's script."""
    return bool(
        "sagemaker_program" in hyperparameters
        or "SAGEMAKER_PROGRAM" in struct(job, "Environment")
        or entries(struct(job, "AlgorithmSpecification"), "ContainerEntrypoint")
    )


def _job(
    job: Request, prefix: str, static_member: str, search: Search, most_rounds: int | None = None
) -> Iterator[Problem]:
    given = struct(job, static_member)
    identity = identify_image(str(struct(job, "AlgorithmSpecification").get("TrainingImage", "")))
    if identity is None or _runs_own_code(job, given):
        return
    name, version = identity
    rules = algorithm(name)
    static = {str(key): value for key, value in given.items() if isinstance(value, str)}
    tuned = _tuned(search.ranges)
    metric = str(search.objective.get("MetricName") or "")
    for problem in rules.check_hyperparameters(
        static, tuned, version=version, objective_metric=metric, most_rounds=most_rounds
    ):
        holder = search.ranges_path if problem.field in tuned else f"{prefix}{static_member}"
        yield problem.under(holder)
    if metric:
        maximize = search.objective.get("Type") == "Maximize"
        for problem in rules.check_objective(metric, maximize, version=version):
            yield replace(problem, field=f"{search.objective_path}.{_OBJECTIVE_MEMBERS[problem.field]}")
    default_mode = struct(job, "AlgorithmSpecification").get("TrainingInputMode")
    content_types: dict[str, str | None] = {}
    piped, places = set(), {}
    for index, channel in enumerate(entries(job, "InputDataConfig")):
        if isinstance(channel, Mapping):
            channel_name, content_type = str(channel.get("ChannelName")), channel.get("ContentType")
            content_types[channel_name] = content_type if isinstance(content_type, str) else None
            places[channel_name] = f"{prefix}InputDataConfig[{index}]"
            if channel.get("InputMode", default_mode) == "Pipe":
                piped.add(channel_name)
    for problem in rules.check_channels(content_types, version=version, piped=piped, objective_metric=metric or None):
        place = places.get(problem.field, "")
        if place and problem.value == "Pipe":
            yield replace(problem, field=f"{place}.InputMode")
        elif place and "content types" in problem.rule:
            yield replace(problem, field=f"{place}.ContentType")
        else:  # the channel itself is what is too much, or missing
            yield replace(problem, field=f"{prefix}InputDataConfig.{problem.field}", value=None)
