"""What the built-in algorithm inside a job would refuse, known before the job is paid for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flytekit_sagemaker.algorithms import TunedRange, algorithm, identify_image
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.requests.service_rules import TUNING_CONFIG, definitions, ranges

Request = Mapping[str, Any]
_KINDS = {
    "IntegerParameterRanges": "integer",
    "ContinuousParameterRanges": "continuous",
    "CategoricalParameterRanges": "categorical",
}


def problems(operation: str, request: Request) -> Iterator[Problem]:
    """Every rule of the request's built-in algorithms that it breaks; a custom image has none."""
    if operation == "CreateTrainingJob":
        yield from _job(request, "", "HyperParameters", {}, None)
    elif operation == "CreateHyperParameterTuningJob":
        config = request.get(TUNING_CONFIG, {})
        for path, definition in definitions(request):
            holder = definition.get("HyperParameterRanges", config.get("ParameterRanges", {}))
            objective = definition.get("TuningObjective", config.get("HyperParameterTuningJobObjective"))
            yield from _job(definition, f"{path}.", "StaticHyperParameters", _tuned(holder), objective)


def _tuned(holder: Request) -> dict[str, TunedRange]:
    return {
        str(item.get("Name")): TunedRange(
            kind=_KINDS[kind],  # type: ignore[arg-type]
            min_value=str(item.get("MinValue", "")),
            max_value=str(item.get("MaxValue", "")),
            values=tuple(item.get("Values", ())),
        )
        for kind, _, item in ranges(holder)
    }


def _job(
    job: Request, prefix: str, static_member: str, tuned: Mapping[str, TunedRange], objective: Request | None
) -> Iterator[Problem]:
    image = job.get("AlgorithmSpecification", {}).get("TrainingImage", "")
    identity = identify_image(image)
    if identity is None:
        return
    name, version = identity
    rules = algorithm(name)
    static = {key: value for key, value in job.get(static_member, {}).items() if isinstance(value, str)}
    metric = objective.get("MetricName") if objective else None
    for problem in rules.check_hyperparameters(static, tuned, version=version, objective_metric=metric):
        holder = "ParameterRanges" if problem.field in tuned else static_member
        yield problem.under(holder if static_member == "HyperParameters" else f"{prefix}{holder}")
    if objective and metric:
        maximize = objective.get("Type") == "Maximize"
        yield from rules.check_objective(metric, maximize, version=version)
    channels = {
        str(channel.get("ChannelName")): channel.get("ContentType")
        for channel in job.get("InputDataConfig", ())
        if isinstance(channel, Mapping)
    }
    for problem in rules.check_channels(channels):
        yield problem.under(f"{prefix}InputDataConfig")
