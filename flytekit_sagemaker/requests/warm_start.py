"""What a tuning job must have in common with the parents of its warm start.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-warm-start.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

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
_IDENTICAL, _TRANSFER = "IdenticalDataAndAlgorithm", "TransferLearning"
_ENDED = ("Completed", "Failed", "Stopped")
_MOST_CHANGES = 10


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
    launched: dict[str, int] = {}  # one that is named twice is one parent
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
            counters = parent.get("TrainingJobStatusCounters", {})
            launched[parent.get("HyperParameterTuningJobName", name)] = sum(counters.values())
            for rule, remedy in _differences(request, parent):
                yield Problem(field, name, rule, remedy)
    yield from _too_many(request, sum(launched.values()))


def advice(request: Request, parents: Mapping[str, Request | None]) -> Iterator[Problem]:
    """What keeps no tuning job from starting from its parents, though they may not be what it takes them for.

    SageMaker believes that data and algorithm are identical when it is told so.

    Args:
        request: as :func:`problems`.
        parents: likewise.
    """
    if struct(request, "WarmStartConfig").get("WarmStartType") != _IDENTICAL:
        return
    for index, name in enumerate(parent_names(request)):
        for rule in _not_identical(request, parents.get(name) or {}):
            remedy = f"Its trials count as this job's own all the same; {_TRANSFER} expects such differences."
            yield Problem(f"{_PARENTS}[{index}]", name, rule, remedy, fatal=False)


def _not_identical(request: Request, parent: Request) -> Iterator[str]:
    ours, theirs = _Space(request), _Space(parent)
    if ours.runs == theirs.runs and ours.image != theirs.image:
        yield f"runs {theirs.image}, not {ours.image}"
    if not theirs.runs:
        return  # nothing is known of it
    for channel in sorted(ours.data.keys() | theirs.data.keys()):
        here, there = ours.data.get(channel), theirs.data.get(channel)
        if here != there:
            yield f"has {there or 'nothing'} in the channel {channel}, not {here or 'nothing'}"


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
    changes = ours.changes_from(theirs)
    if (count := sum(changes.values())) > _MOST_CHANGES:
        of_each = ", ".join(f"{name} ({number})" for name, number in sorted(changes.items()))
        rule = f"differs in values by {count} changes, of which {_MOST_CHANGES} may be: {of_each}"
        ways = "Another static number counts as 1, another static text as 2, a tuned one made static as 1, a choice as"
        yield rule, f"{ways} many as it had values. Keep more of them as they were, or tune them."
    if struct(request, "WarmStartConfig").get("WarmStartType") == _IDENTICAL and ours.runs != theirs.runs:
        rule = f"runs {theirs.runs}, which {_IDENTICAL} asks for, not {ours.runs}"
        yield rule, f"Use the same image, or {_TRANSFER}."


# A newer version of an image may be the same algorithm still; which it is, only the user can tell.
_TAG = re.compile(r"(:[^:/@]+)?(@[^@]+)?$")
RANGE_WORDS = dict(zip(RANGE_KINDS, ("an integer", "a continuous", "a categorical"), strict=True))


class _Space:
    """What a tuning job searches with a single definition, be it a request or a description."""

    def __init__(self, job: Request) -> None:
        definition = struct(job, "TrainingJobDefinition")
        search = search_of(job, "TrainingJobDefinition", definition)
        self.objective = (str(search.objective.get("Type")), str(search.objective.get("MetricName")))
        tuned = {str(item.get("Name")): (kind, item) for kind, _, item in ranges(search.ranges)}
        self.kinds = {name: kind for name, (kind, _) in tuned.items()}
        self.choices = {name: len(entries(item, "Values")) or 1 for name, (_, item) in tuned.items()}
        given = struct(definition, "StaticHyperParameters")
        self.static = {name: text for name, text in given.items() if name != OBJECTIVE_METRIC_HYPERPARAMETER}
        self.names = self.static.keys() | self.kinds.keys()
        specification = struct(definition, "AlgorithmSpecification")
        self.image = str(specification.get("TrainingImage") or "")
        self.runs = _TAG.sub("", self.image) or str(specification.get("AlgorithmName") or "")
        self.data = {
            str(channel.get("ChannelName")): _location(struct(channel, "DataSource"))
            for channel in entries(definition, "InputDataConfig")
            if isinstance(channel, Mapping)
        }

    def changes_from(self, parent: _Space) -> dict[str, int]:
        """As how many changes each hyperparameter counts, of those that do."""
        made_static = {name: parent.choices[name] for name in parent.kinds.keys() - self.kinds.keys()}
        others = {
            name: _changes_between(_meaning(self.static[name]), _meaning(parent.static[name]))
            for name in self.static.keys() & parent.static.keys()
        }
        return {**made_static, **{name: number for name, number in others.items() if number}}


def _meaning(text: object) -> Any:
    """What a static hyperparameter stands for, however it is spelled: a number (3, 3.0, "3"), or what is none."""
    try:
        value = json.loads(str(text))
    except (ValueError, RecursionError):
        value = str(text)
    if isinstance(value, (dict, list)):
        return value
    plain = value if isinstance(value, str) else str(text)
    try:
        number = Decimal(plain)
    except InvalidOperation:
        return plain
    return number if number.is_finite() else plain


def _changes_between(ours: object, theirs: object) -> int:
    """A choice that is another one counts twice: the value that it had, and the value that it has."""
    if ours == theirs:
        return 0
    return 1 if isinstance(ours, Decimal) and isinstance(theirs, Decimal) else 2


def _location(source: Request) -> str:
    """Where the data of a channel is, in one text."""
    if "S3DataSource" in source:
        return str(struct(source, "S3DataSource").get("S3Uri")).rstrip("/")
    files = struct(source, "FileSystemDataSource")
    if files:
        return f"{files.get('FileSystemId')}:{files.get('DirectoryPath')}".rstrip("/")
    return str(struct(source, "DatasetSource").get("DatasetArn"))


def _too_many(request: Request, launched: int) -> Iterator[Problem]:
    config = struct(request, TUNING_CONFIG)
    quota = most_trials(config)
    most = struct(config, "ResourceLimits").get("MaxNumberOfTrainingJobs")
    if isinstance(most, int) and most <= quota < most + launched:
        rule = f"must be at most {max(0, quota - launched)}: the {launched} trials of the parents count too"
        yield Problem(f"{TUNING_CONFIG}.ResourceLimits.MaxNumberOfTrainingJobs", most, rule)
