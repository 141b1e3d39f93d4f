"""What a tuning job must have in common with the parents of its warm start.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-warm-start.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from flytekit_sagemaker.container.contract import OBJECTIVE_METRIC_HYPERPARAMETER
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.requests.request_members import (
    RANGE_KINDS,
    TUNING_CONFIG,
    Request,
    entries,
    ranges,
    search_of,
    struct,
)
from flytekit_sagemaker.requests.tuning_job_rules import most_trials

_PARENTS = "WarmStartConfig.ParentHyperParameterTuningJobs"
_ENDED = ("Completed", "Failed", "Stopped")
_MOST_MADE_STATIC = 10


def parent_names(request: Request) -> list[str]:
    """The tuning jobs that a tuning job (its request or its description) starts from."""
    parents = entries(struct(request, "WarmStartConfig"), "ParentHyperParameterTuningJobs")
    return [str(each.get("HyperParameterTuningJobName")) for each in parents if isinstance(each, Mapping)]


def problems(request: Request, parents: Mapping[str, Request | None]) -> Iterator[Problem]:
    """Why a tuning job cannot start from its parents.

    Args:
        request: parameters of CreateHyperParameterTuningJob.
        parents: what DescribeHyperParameterTuningJob answers for its parents, None where there is no such job; of a
            parent that is left out nothing is known.
    """
    if "TrainingJobDefinition" not in request:
        return  # several definitions have no parents at all
    launched = 0
    for index, name in enumerate(parent_names(request)):
        field = f"{_PARENTS}[{index}]"
        if name not in parents:
            continue
        parent = parents[name]
        if parent is None:
            yield Problem(field, name, "does not exist", "Name a tuning job of this account and region.")
        elif (status := parent["HyperParameterTuningJobStatus"]) not in _ENDED:
            rule = f"is in status {status}: it has to end before another job can start from it"
            yield Problem(field, name, rule, "Wait for its end, or stop it.")
        elif "TrainingJobDefinition" not in parent:
            yield Problem(field, name, "has several training job definitions, from which no warm start is possible")
        else:
            launched += sum(parent.get("TrainingJobStatusCounters", {}).values())
            for rule, remedy in _differences(request, parent):
                yield Problem(field, name, rule, remedy)
    yield from _too_many(request, launched)


def _differences(request: Request, parent: Request) -> Iterator[tuple[str, str]]:
    ours, theirs = _Space(request), _Space(parent)
    if ours.objective != theirs.objective:
        wanted, other = (" ".join(each) for each in (theirs.objective, ours.objective))
        yield f"has another objective: {wanted}, not {other}", f"Use the objective {wanted}, or another parent."
    # Autotune chooses hyperparameters itself, and does not tell them all.
    if len(ours.names) != len(theirs.names) and "Autotune" not in parent:
        rule = f"has {len(theirs.names)} hyperparameters, static and tuned together, not {len(ours.names)}"
        missing, extra = sorted(theirs.names - ours.names), sorted(ours.names - theirs.names)
        remedy = " ".join(
            f"{verb} {', '.join(some)}." for verb, some in (("Add", missing), ("Leave out", extra)) if some
        )
        yield rule, remedy
    for name in sorted(ours.kinds.keys() & theirs.kinds.keys()):
        if ours.kinds[name] != theirs.kinds[name]:
            kind, other = (RANGE_WORDS[each] for each in (theirs.kinds[name], ours.kinds[name]))
            yield f"tunes {name} with {kind} range, not {other} one", f"Give {name} {kind} range."
    made_static = sorted(theirs.kinds.keys() - ours.kinds.keys())
    if len(made_static) > _MOST_MADE_STATIC:
        rule = f"tunes {len(made_static)} hyperparameters that are static here, of which {_MOST_MADE_STATIC} may be"
        yield rule, f"Tune more of them: {', '.join(made_static)}."
    identical = struct(request, "WarmStartConfig").get("WarmStartType") == "IdenticalDataAndAlgorithm"
    if identical and ours.runs != theirs.runs:
        rule = f"runs {theirs.runs}, which IdenticalDataAndAlgorithm asks for, not {ours.runs}"
        yield rule, "Use the same image, or TransferLearning."


# A newer version of an image may be the same algorithm still; which it is, only the user can tell.
_TAG = re.compile(r"(:[^:/@]+)?(@[^@]+)?$")
RANGE_WORDS = dict(zip(RANGE_KINDS, ("an integer", "a continuous", "a categorical"), strict=True))


class _Space:
    """What a tuning job searches with a single definition, be it a request or a description."""

    def __init__(self, job: Request) -> None:
        definition = struct(job, "TrainingJobDefinition")
        search = search_of(job, "TrainingJobDefinition", definition)
        self.objective = (str(search.objective.get("Type")), str(search.objective.get("MetricName")))
        self.kinds = {str(item.get("Name")): kind for kind, _, item in ranges(search.ranges)}
        static = set(struct(definition, "StaticHyperParameters")) - {OBJECTIVE_METRIC_HYPERPARAMETER}
        self.names = static | set(self.kinds)
        specification = struct(definition, "AlgorithmSpecification")
        image = _TAG.sub("", str(specification.get("TrainingImage") or ""))
        self.runs = image or str(specification.get("AlgorithmName"))


def _too_many(request: Request, launched: int) -> Iterator[Problem]:
    config = struct(request, TUNING_CONFIG)
    quota = most_trials(config)
    most = struct(config, "ResourceLimits").get("MaxNumberOfTrainingJobs")
    if isinstance(most, int) and most <= quota < most + launched:
        rule = f"must be at most {max(0, quota - launched)}: the {launched} trials of the parents count too"
        yield Problem(f"{TUNING_CONFIG}.ResourceLimits.MaxNumberOfTrainingJobs", most, rule)
