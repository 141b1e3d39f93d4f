"""The vocabulary in which an algorithm's hyperparameters, metrics and channels are written down.

A value arrives as SageMaker hands it to the container: as text. A ``Hyperparameter`` says how that text is parsed,
which values are legal and which versions of the image know it. ``Problem.constraint`` carries the container's own
refusal; a problem without one is a mistake that the container would let pass in silence or that only training reveals.
"""

from __future__ import annotations

import ast
import difflib
import enum
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flytekit_sagemaker.errors import Problem


class Interval:
    """A range of numbers in the notation of mathematics: ``Interval("(0, 1]")``, ``Interval("[1, inf)")``."""

    def __init__(self, notation: str) -> None:
        low, high = notation[1:-1].split(",")
        self.notation = notation
        self.low, self.high = float(low), float(high)
        self.open_low, self.open_high = notation[0] == "(", notation[-1] == ")"

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return False
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        return self.notation


ANY_NUMBER = Interval("(-inf, inf)")
_MOST_CHOICES_SHOWN, _CLOSE_CHOICES_SHOWN = 12, 4


class Kind(enum.Enum):
    """How the text of a hyperparameter is read; the value names it in a sentence."""

    INTEGER = "an integer"
    CONTINUOUS = "a number"
    CATEGORICAL = "a word"
    COMMA_LIST = "a comma-separated list"
    JSON_LIST = 'a JSON list such as ["msd"]'
    NUMBER_TUPLE = 'a tuple of numbers such as "(1, 0, -1)"'
    NESTED_LIST = 'a list of lists of numbers such as "[[1, 2], [3, 4]]"'


def _json_list(text: str) -> list[Any]:
    value = json.loads(text)
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


def _number_tuple(text: str) -> tuple[Any, ...]:
    value = _literal(text)
    return value if isinstance(value, tuple) else (value,)


def _nested_list(text: str) -> list[list[Any]]:
    value = _literal(text)
    if not isinstance(value, list) or not all(isinstance(group, (list, tuple)) for group in value):
        raise ValueError("not a list of lists")
    return value


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(str(error)) from None


_PARSERS: Mapping[Kind, Callable[[str], Any]] = {
    Kind.INTEGER: int,
    Kind.CONTINUOUS: float,
    Kind.CATEGORICAL: str,
    Kind.COMMA_LIST: lambda text: text.split(","),
    Kind.JSON_LIST: _json_list,
    Kind.NUMBER_TUPLE: _number_tuple,
    Kind.NESTED_LIST: _nested_list,
}


@dataclass(frozen=True, repr=False)
class TunedRange:
    """What a tuning job may choose for one hyperparameter; the bounds are text, as the service takes them.

    Attributes:
        kind: the parameter range's type.
        min_value: lower bound of an integer or continuous range.
        max_value: upper bound of an integer or continuous range.
        values: the choices of a categorical range.
    """

    kind: Literal["integer", "continuous", "categorical"]
    min_value: str = ""
    max_value: str = ""
    values: tuple[str, ...] = ()

    def __repr__(self) -> str:
        if self.kind == "categorical":
            return f"one of {', '.join(map(repr, self.values))}"
        return f"{self.min_value} to {self.max_value}"

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Name and text of every value that has to be legal for the hyperparameter."""
        if self.kind == "categorical":
            return tuple(("values", value) for value in self.values)
        return (("min_value", self.min_value), ("max_value", self.max_value))


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter of an algorithm: a row of its table.

    Attributes:
        name: as SageMaker spells it.
        kind: how its text is read.
        interval: the legal numbers; of the elements, where the kind is a list of numbers.
        choices: the legal words, by the first version that takes them ("" for all versions).
        words: the words that are legal instead of a number, such as ``auto``.
        thresholded: words that may carry a number after an ``@``, such as ``error@0.7``.
        required: whether training needs it.
        tunable: whether a tuning job may choose it.
        since: first version that knows it, or empty.
        until: last version that knows it, or empty.
        alias: another spelling of the name.
        successor: what to use in the versions after ``until``.
    """

    name: str
    kind: Kind
    interval: Interval = ANY_NUMBER
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    thresholded: tuple[str, ...] = ()
    required: bool = False
    tunable: bool = False
    since: str = ""
    until: str = ""
    alias: str = ""
    successor: str = ""

    def parse(self, text: str) -> Any:
        """The value that the container makes of the text.

        Raises:
            ValueError: the text is no value of this kind.
        """
        return text if text in self.words else _PARSERS[self.kind](text)

    def choices_of(self, knows: Callable[[str], bool]) -> tuple[str, ...]:
        """The legal words of a version, which says through ``knows`` whether it is at least as new as another."""
        known = dict.fromkeys(word for since, words in self.choices.items() if knows(since) for word in words)
        return tuple(sorted(known) if len(self.choices) > 1 else known)

    def rule(self, choices: tuple[str, ...], given: object = "") -> str:
        """What a legal value looks like instead of what was given, as the rest of a sentence."""
        if self.kind is Kind.CATEGORICAL:
            return f"must be one of {in_words(choices, given)}"
        rule = f"must be {self.kind.value}"
        if choices:
            rule += f" out of {in_words(choices, given)}"
            if self.thresholded and "@" in str(given):
                rule += f" ({', '.join(f'{word}@<number>' for word in self.thresholded)} too)"
        elif self.interval is not ANY_NUMBER:
            rule += f" in {self.interval}"
        return f"{rule}, or {' or '.join(map(repr, self.words))}" if self.words else rule

    def rewritten(self, text: str) -> str | None:
        """The text in the notation of this kind, where it is in another one: "6" for "6.0", "a,b" for '["a", "b"]'."""
        if self.kind is Kind.INTEGER:
            return str(int(float(text))) if re.fullmatch(r"\s*[+-]?\d+\.0*\s*", text) else None
        if self.kind is Kind.COMMA_LIST and text.strip().startswith(("[", "(")):
            try:
                return ",".join(map(str, _literal(text)))
            except (TypeError, ValueError):
                return None
        return None

    def illegal(self, value: Any, choices: tuple[str, ...]) -> Any:
        """The part of a parsed value that is not legal, or None."""
        if isinstance(value, str) and value in self.words:
            return None
        if self.kind in (Kind.INTEGER, Kind.CONTINUOUS):
            elements: Iterable[Any] = (value,)
        elif self.kind is Kind.CATEGORICAL:
            elements = (value,)
        elif self.kind is Kind.NESTED_LIST:
            elements = (element for group in value for element in group)
        else:
            elements = value
        for element in elements:
            legal = self._is_choice(element, choices) if choices else element in self.interval
            if not legal:
                return element
        return None

    def _is_choice(self, element: Any, choices: tuple[str, ...]) -> bool:
        if element in choices:
            return True
        word, at, threshold = str(element).partition("@")
        return bool(at) and word.strip() in self.thresholded and _is_number(threshold)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def integer(name: str, interval: str, **more: Any) -> Hyperparameter:
    """A row for a whole number inside ``interval``, read by ``int`` ("6.0" is none)."""
    return Hyperparameter(name, Kind.INTEGER, Interval(interval), **more)


def continuous(name: str, interval: str, **more: Any) -> Hyperparameter:
    """A row for a number inside ``interval``."""
    return Hyperparameter(name, Kind.CONTINUOUS, Interval(interval), **more)


def categorical(name: str, choices: str | Mapping[str, tuple[str, ...]], **more: Any) -> Hyperparameter:
    """A row for a word; ``choices`` are separated by spaces, or listed by the first version that takes them."""
    table = {"": tuple(choices.split())} if isinstance(choices, str) else choices
    return Hyperparameter(name, Kind.CATEGORICAL, choices=table, **more)


@dataclass(frozen=True)
class Metric:
    """A metric that the service reads from the log of an image.

    Attributes:
        name: as the service spells it, such as ``validation:auc``.
        regex: what finds its value in a log line, in which the log agent has turned a TAB into ``#011``.
        maximize: whether a larger value is better; None where the service takes either direction.
        tunable: whether a tuning job may take it as its objective; the others are only plotted.
        since: first version that emits it, or empty.
        until: last version that emits it, or empty.
    """

    name: str
    regex: str
    maximize: bool | None
    tunable: bool = True
    since: str = ""
    until: str = ""


@dataclass(frozen=True)
class Channel:
    """An input channel of an algorithm.

    Attributes:
        name: as the container spells it.
        content_types: those that it takes; empty for any.
        required: whether there is no training without it.
        piped_content_types: those that it takes in Pipe mode.
        piped_until: last version that takes Pipe mode, or empty.
    """

    name: str
    content_types: tuple[str, ...] = ()
    required: bool = False
    piped_content_types: tuple[str, ...] = ()
    piped_until: str = ""

    def takes(self, content_type: str | None) -> bool:
        """Whether the container reads this content type; None leaves the choice to the container."""
        return content_type is None or not self.content_types or content_type in self.content_types


@dataclass(frozen=True)
class Given:
    """The hyperparameters of one job, parsed, under their canonical names: what a rule over several of them sees.

    Attributes:
        static: parsed values; those that do not parse are left out.
        tuned: names whose value is open: a tuning job chooses it, or it does not parse.
        objective_metric: the tuning job's objective without its data set (``auc``), or empty.
        knows: whether the image is at least as new as a version.
        most_rounds: the rounds or epochs after which the tuning job stops a training job, None where it does not.
        ranges: what a tuning job chooses, by the names that were given.
    """

    static: Mapping[str, Any]
    tuned: frozenset[str]
    objective_metric: str
    knows: Callable[[str], bool]
    most_rounds: int | None = None
    ranges: Mapping[str, TunedRange] = field(default_factory=dict)

    def __contains__(self, name: object) -> bool:
        return name in self.static or name in self.tuned


CrossRule = Callable[[Given], Iterable[Problem]]


@dataclass(frozen=True)
class Rules:
    """Everything that is known of an algorithm beside its images."""

    hyperparameters: tuple[Hyperparameter, ...]
    metrics: tuple[Metric, ...]
    channels: tuple[Channel, ...]
    cross_rules: tuple[CrossRule, ...] = ()
    default_content_type: str = ""


def in_words(choices: Collection[str], given: object) -> str:
    """The choices, for a sentence; of many only those that come close to what was given, where any do."""
    if len(choices) > _MOST_CHOICES_SHOWN:
        close = close_to(given, choices)[:_CLOSE_CHOICES_SHOWN]
        if close:
            return f"{', '.join(close)} or {len(choices) - len(close)} others"
    return ", ".join(choices)


def close_to(given: object, choices: Iterable[str]) -> list[str]:
    """The choices that are much like what was given, without what stands before a colon; the closest one first."""
    word = _bare(str(given))
    likeness = {choice: difflib.SequenceMatcher(None, _bare(choice), word).ratio() for choice in choices}
    return sorted((choice for choice, ratio in likeness.items() if ratio >= 0.6), key=lambda choice: -likeness[choice])


def _bare(word: str) -> str:
    return word.partition("@")[0].rpartition(":")[2].lower()
