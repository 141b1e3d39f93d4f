"""What is known of every built-in algorithm, and the checks that spare a user a job that is bound to fail.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/algos.html
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flytekit_sagemaker.algorithms import images, kmeans, linear_learner, xgboost
from flytekit_sagemaker.algorithms.rules import (
    Channel,
    Given,
    Hyperparameter,
    Kind,
    Metric,
    Rules,
    TunedRange,
    close_to,
    in_words,
)
from flytekit_sagemaker.errors import Problem, did_you_mean
from flytekit_sagemaker.types import AlgorithmName

_RULES: Mapping[AlgorithmName, Rules] = {
    AlgorithmName.XGBOOST: xgboost.RULES,
    AlgorithmName.KMEANS: kmeans.RULES,
    AlgorithmName.LINEAR_LEARNER: linear_learner.RULES,
}


@dataclass(frozen=True)
class _Edition:
    """The rules of one version: an algorithm's tables without what this version does not know."""

    knows: Callable[[str], bool]
    hyperparameters: Mapping[str, tuple[Hyperparameter, tuple[str, ...]]]
    metrics: Mapping[str, Metric]


@functools.cache
def _edition(name: AlgorithmName, version: str) -> _Edition:
    age = {known: position for position, known in enumerate(images.versions(name))}
    now = age[version]

    def knows(since: str) -> bool:
        return not since or age[since] <= now

    def lives(row: Hyperparameter | Metric) -> bool:
        return knows(row.since) and (not row.until or now <= age[row.until])

    rules = _RULES[name]
    return _Edition(
        knows,
        {
            spelling: (row, row.choices_of(knows))
            for row in rules.hyperparameters
            if lives(row)
            for spelling in (row.name, row.alias)
            if spelling
        },
        {metric.name: metric for metric in rules.metrics if lives(metric)},
    )


@dataclass(frozen=True)
class Algorithm:
    """A built-in algorithm of SageMaker.

    Every check returns the problems that it found, in the order of what was given, and an empty list when there are
    none or when this package knows the algorithm's images only. Their ``version`` is as for ``image_uri``: empty is the
    newest; an unknown one raises ``InvalidInput``.

    Attributes:
        name: its name in this package.
        versions: its image versions, oldest first.
    """

    name: AlgorithmName
    versions: tuple[str, ...]

    @property
    def has_rules(self) -> bool:
        """Whether hyperparameters, metrics and channels of the algorithm are known here, not only its images."""
        return self.name in _RULES

    @property
    def default_content_type(self) -> str:
        """What the container takes a channel's data for when the channel names no content type; empty if unknown."""
        return _RULES[self.name].default_content_type if self.has_rules else ""

    @property
    def csv_content_type(self) -> str:
        """What says that a channel holds CSV with as many label columns as the algorithm learns from."""
        unlabelled = "text/csv;label_size=0"
        channels = _RULES[self.name].channels if self.has_rules else ()
        return unlabelled if any(unlabelled in channel.content_types for channel in channels) else "text/csv"

    def check_hyperparameters(
        self,
        static: Mapping[str, str],
        ranges: Mapping[str, TunedRange] = {},
        *,
        version: str = "",
        objective_metric: str | None = None,
        most_rounds: int | None = None,
    ) -> list[Problem]:
        """What is wrong with a job's hyperparameters; the field of each problem is the hyperparameter's name.

        A problem whose ``constraint`` is empty does not stop the container: the value would be ignored, or training
        would fail on it.

        Args:
            static: values as SageMaker hands them to the container, all text.
            ranges: what a tuning job chooses; a name here counts as given.
            version: the image's version.
            objective_metric: the tuning job's objective, such as ``validation:auc``.
            most_rounds: the rounds or epochs after which the tuning job stops a training job, None where it does not.
        """
        if not self.has_rules:
            return []
        edition = self._edition(version)
        problems: list[Problem] = []
        parsed: dict[str, Any] = {}
        spelled: dict[str, str] = {}
        for name in (*static, *ranges):
            row, choices = edition.hyperparameters.get(name, (None, ()))
            if row is None:
                unknown = self._unknown(name, static.get(name, ranges.get(name)), edition, version)
                told = any(each.remedy == unknown.remedy for each in problems)
                problems.append(replace(unknown, remedy="") if told else unknown)
                continue
            if row.name in spelled:
                problems.append(
                    Problem(
                        name,
                        static.get(name, ranges.get(name)),
                        f"is given already, as {spelled[row.name]!r}"
                        + ("" if spelled[row.name] != name else " among the static hyperparameters"),
                        "Give it once, either as a static value or as a range.",
                    )
                )
                continue
            spelled[row.name] = name
            if name in ranges:
                problems += _range_problems(row, choices, name, ranges[name])
                continue
            problem, value = _read(row, choices, name, static[name])
            if problem is None:
                parsed[row.name] = value
            else:
                problems.append(problem)
        problems += [
            Problem(row.name, None, "is required", f"Set {row.name}.", f"Missing required hyperparameter: {row.name}")
            for row in _RULES[self.name].hyperparameters
            if row.required and row.name not in spelled
        ]
        given = Given(
            parsed,
            frozenset(spelled) - frozenset(parsed),
            (objective_metric or str(parsed.get("_tuning_objective_metric", ""))).rpartition(":")[2],
            edition.knows,
            most_rounds,
            ranges,
        )
        for rule in _RULES[self.name].cross_rules:
            problems += rule(given)
        return problems

    def parse_hyperparameters(self, static: Mapping[str, str], *, version: str = "") -> dict[str, Any]:
        """The values that the container makes of checked hyperparameters, under their canonical names."""
        known = self._edition(version).hyperparameters
        return {known[name][0].name: known[name][0].parse(text) for name, text in static.items()}

    def check_objective(self, metric_name: str, maximize: bool, *, version: str = "") -> list[Problem]:
        """What is wrong with a tuning job's objective (fields ``metric_name`` and ``objective_type``)."""
        known = self.objective_metrics(version)
        if not known:
            return []
        if metric_name not in known:
            rule = f"must be an objective metric of {self._title(version)}: {in_words(sorted(known), metric_name)}"
            close = close_to(metric_name, known)
            hint = f"Did you mean {close[0]!r}?" if close else ""
            return [Problem("metric_name", metric_name, rule, hint)]
        best = known[metric_name]
        if best is None or best == maximize:
            return []
        wanted = "MAXIMIZE" if best else "MINIMIZE"
        return [
            Problem(
                "objective_type",
                "MAXIMIZE" if maximize else "MINIMIZE",
                f"must be {wanted} for {metric_name}, of which {'more' if best else 'less'} is better",
                f"Use {wanted}.",
            )
        ]

    def check_channels(
        self,
        content_types: Mapping[str, str | None],
        *,
        version: str = "",
        piped: Collection[str] = (),
        objective_metric: str | None = None,
    ) -> list[Problem]:
        """What is wrong with the channels of a job; the field of each problem is the channel's name.

        Args:
            content_types: every channel's name and content type, None when it names none.
            version: the image's version.
            piped: names of the channels in Pipe mode.
            objective_metric: the tuning job's objective; ``validation:auc`` takes a channel ``validation``.
        """
        if not self.has_rules:
            return []
        channels = {channel.name: channel for channel in _RULES[self.name].channels}
        problems = [
            Problem(
                name,
                None,
                "is a required channel",
                f"Add a channel {name!r}.",
                f"Missing required channel: {name}",
            )
            for name, channel in channels.items()
            if channel.required and name not in content_types
        ]
        measured = (objective_metric or "").partition(":")[0]
        if measured in channels and measured not in content_types and not channels[measured].required:
            problems.append(
                Problem(
                    measured,
                    None,
                    f"is needed to measure {objective_metric}: without it no trial has an objective value",
                    f"Add a channel {measured!r}.",
                )
            )
        for name, content_type in content_types.items():
            if name not in channels:
                problems.append(
                    Problem(
                        name,
                        content_type,
                        f"must be a channel of {self.name.name}: {', '.join(channels)}",
                        did_you_mean(name, channels),
                        f"Extraneous channel found: {name}",
                    )
                )
            elif not channels[name].takes(content_type):
                accepted = channels[name].content_types
                tidy = "".join(str(content_type).split()).lower()
                close = [each for each in (tidy, tidy.partition(";")[0]) if each in accepted]
                problems.append(
                    Problem(
                        name,
                        content_type,
                        f"must have one of the content types {', '.join(accepted)}",
                        f"Use {close[0]!r}." if close else did_you_mean(tidy, accepted),
                        f"Channel {name}: content type {content_type} is not one that the algorithm takes",
                    )
                )
            elif name in piped:
                problems += self._pipe_problems(channels[name], content_type or self.default_content_type, version)
        return problems

    def _pipe_problems(self, channel: Channel, content_type: str, version: str) -> Iterator[Problem]:
        constraint = f"Channel {channel.name}: Pipe mode is not supported"
        if channel.piped_until and not self._edition(channel.piped_until).knows(
            images.resolve_version(self.name, version)
        ):
            rule = f"is no input mode of {self._title(version)}, only of versions up to {channel.piped_until}"
            yield Problem(channel.name, "Pipe", rule, "Use the input mode File or FastFile.", constraint)
        elif content_type not in channel.piped_content_types:
            rule = f"is no input mode of {self.name.name} for the content type {content_type}"
            choices = f", or data of the content type {' or '.join(channel.piped_content_types)}"
            remedy = f"Use the input mode File or FastFile{choices if channel.piped_content_types else ''}."
            yield Problem(channel.name, "Pipe", rule, remedy, f"{constraint} for {content_type}")

    def objective_metrics(self, version: str = "") -> dict[str, bool | None]:
        """The metrics that a tuning job may take as its objective: name to whether more is better, None for either."""
        if not self.has_rules:
            return {}
        return {name: metric.maximize for name, metric in self._edition(version).metrics.items() if metric.tunable}

    def metric_definitions(self, version: str = "") -> tuple[tuple[str, str], ...]:
        """Name and regex of every metric that the service has built in for the image.

        The regexes expect a log line in which a TAB has become the four characters ``#011``.
        """
        if not self.has_rules:
            return ()
        return tuple((metric.name, metric.regex) for metric in self._edition(version).metrics.values())

    def _edition(self, version: str) -> _Edition:
        return _edition(self.name, images.resolve_version(self.name, version))

    def _title(self, version: str) -> str:
        return f"{self.name.name} {images.resolve_version(self.name, version)}"

    def _unknown(self, name: str, value: object, edition: _Edition, version: str) -> Problem:
        constraint = f"Extraneous hyperparameter found: {name}"
        for row in _RULES[self.name].hyperparameters:
            if name in (row.name, row.alias):
                lifetime = f"since {row.since}" if not edition.knows(row.since) else f"up to {row.until}"
                remedy = f"Use {row.successor!r} instead." if row.successor else "Leave it out, or use such a version."
                return Problem(
                    name,
                    value,
                    f"is not known to {self._title(version)}, only to versions {lifetime}",
                    remedy,
                    constraint,
                )
        known = edition.hyperparameters
        remedy = did_you_mean(name, known) or f"Known are {', '.join(sorted(n for n in known if n[0] != '_'))}."
        return Problem(name, value, f"is no hyperparameter of {self._title(version)}", remedy, constraint)


def _read(row: Hyperparameter, choices: tuple[str, ...], name: str, text: str) -> tuple[Problem | None, Any]:
    rewritten = row.rewritten(text)
    try:
        value = row.parse(text)
    except ValueError:
        return (
            Problem(
                name,
                text,
                row.rule(choices),
                f"Write {rewritten!r}." if rewritten else "",
                f"Hyperparameter {name}: could not parse value",
            ),
            None,
        )
    illegal = row.illegal(value, choices)
    if illegal is None:
        return None, value
    if rewritten:
        rule, remedy = f"must be {row.kind.value}", f"Write {rewritten!r}."
    else:
        rule = row.rule(choices, illegal)
        remedy = did_you_mean(illegal, choices) if isinstance(illegal, str) and choices else ""
    return (
        Problem(
            name,
            text,
            rule,
            remedy,
            f"Hyperparameter {name}: {value} is not in {list(choices) if choices else row.interval}",
        ),
        None,
    )


def _range_problems(row: Hyperparameter, choices: tuple[str, ...], name: str, tuned: TunedRange) -> list[Problem]:
    if not row.tunable:
        return [
            Problem(name, tuned, "cannot be tuned", "Give it a static value.", f"Hyperparameter {name} is not tunable")
        ]
    if tuned.kind != "categorical" and row.kind is Kind.CATEGORICAL:
        return [Problem(name, tuned, f"{row.rule(choices)}: tune it with a categorical range")]
    if tuned.kind == "continuous" and row.kind is Kind.INTEGER:
        return [Problem(name, tuned, "must be tuned with an integer or categorical range, since it is an integer")]
    problems = []
    for attribute, text in tuned.fields():
        problem, _ = _read(row, choices, name, text)
        if problem is not None:
            problems.append(Problem(name, tuned, f"{attribute} {problem.rule}", problem.remedy, problem.constraint))
    return problems


@functools.cache
def algorithm(name: AlgorithmName) -> Algorithm:
    """The catalogue's entry of a built-in algorithm.

    Raises:
        KeyError: ``CUSTOM`` is no built-in algorithm.
    """
    return Algorithm(name, images.versions(name))
