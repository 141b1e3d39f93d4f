"""What is wrong with a request in the words of whoever described it, who never saw the request itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.requests.api_words import API_WORDS
from flytekit_sagemaker.requests.fields import FIELDS, field_at

# Whole words, and not those of quotations, paths, URIs and names of metrics, nor of a file system.
_WORD = re.compile(r"(?<!\w)'[^']*'(?!\w)|(?<![\w/.:@-])(?!File systems?\b)\w+(?![\w/@-]|[.:]\w)")
# The range that a rule is about, which the field in the user's words names already.
_OF_A_RANGE = re.compile(r" \(range of [^()]*\)$")


def is_name(word: str) -> bool:
    """Whether a word is one of the API's names, and could be no word of a sentence: it has several humps."""
    return bool(re.fullmatch(r"([A-Z][a-z0-9]+){2,}[A-Z]*", word))


# The API's names of members, where they are unmistakably such in a sentence, and the fields that become them.
_MEMBERS = {
    word: each.name for fields in FIELDS.values() for each in fields if is_name(word := each.member.rpartition(".")[2])
} | {"StaticHyperParameters": "static_hyperparameters", "InstancePreferences": "instance_configs"}
_MEMBERS_OF_ENUMS = {
    each.member.rpartition(".")[2]
    for model, fields in FIELDS.items()
    for each in fields
    if model.MESSAGE.DESCRIPTOR.fields_by_name[each.name].enum_type
}
_ENUMS = {word: name for name, word in API_WORDS.items()}
_WORDS = _MEMBERS | {word: name for word, name in _ENUMS.items() if word != "None" and not word.islower()}


def sentence(text: str, words: Mapping[str, str] = _WORDS) -> str:
    """A sentence in other words: by default, for what the API calls by names of its own, those of the models."""
    return _WORD.sub(lambda found: words.get(found[0], found[0]), text)


@dataclass(frozen=True)
class Place:
    """A part of a request.

    Attributes:
        member: path of the part.
        name: what the user calls it.
        model: whose fields its members are.
    """

    member: str
    name: str
    model: type[Model] | None = None

    def called(self, path: str) -> str:
        """What the user calls something in the request; empty where it is not in this part, or no field becomes it."""
        rest = inside(self.member, path)
        if rest is None:
            return ""
        if self.model is None or not rest:
            return f"{self.name}{'' if not rest or rest.startswith('[') else '.'}{rest}"
        found = field_at(self.model, rest)
        return f"{self.name}.{found}" if found and self.name else found


@dataclass(frozen=True)
class Overrides:
    """What the user said in the API's own words.

    Attributes:
        member: path of the part of the request that it was merged into.
        name: what the user calls it.
        members: the members.
    """

    member: str
    name: str
    members: Mapping[str, Any]


@dataclass(frozen=True)
class Wording:
    """What the user calls what is in a request.

    Attributes:
        places: its parts; of several that have a member, the one with the longest path tells, and of those the first.
        overrides: what replaced members that the models made.
        given: what the user gave for a member, by its path, where the request has another spelling.
    """

    places: tuple[Place, ...] = ()
    overrides: tuple[Overrides, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)

    def __add__(self, other: Wording) -> Wording:
        return Wording(self.places + other.places, self.overrides + other.overrides, {**self.given, **other.given})

    def problem(self, problem: Problem) -> Problem:
        """A problem of the request in the user's words; in the API's where the user used them."""
        path = problem.field.partition(" (")[0]
        if name := self._overridden(path, sets):
            return replace(problem, field=name)
        name = self._called(path)
        if not name:
            return replace(problem, field=self._overridden(path, _touches) or problem.field)
        value = self.given.get(path, problem.value)
        if isinstance(value, str) and path.rpartition(".")[2] in _MEMBERS_OF_ENUMS:
            value = _ENUMS.get(value, value)
        return replace(
            problem,
            field=name,
            value=value,
            rule=sentence(_OF_A_RANGE.sub("", problem.rule)),
            remedy=sentence(problem.remedy),
        )

    def warning(self, text: str) -> str:
        """A sentence that begins with the path of a member, likewise."""
        path, _, rest = text.partition(" ")
        name = self._overridden(path, sets) or self._called(path)
        return f"{name} {sentence(rest)}" if name else text

    def _called(self, path: str) -> str:
        for place in sorted(self.places, key=lambda each: -len(each.member)):
            if name := place.called(path):
                return name
        return ""

    def _overridden(self, path: str, by: Callable[[Mapping[str, Any], str], bool]) -> str:
        for each in self.overrides:
            rest = inside(each.member, path)
            if rest and by(each.members, rest):
                return f"{each.name}.{rest}"
        return ""


def inside(holder: str, path: str) -> str | None:
    """The rest of a path inside of what holds it; None for one that is elsewhere."""
    if not holder or path == holder:
        return path[len(holder) :]
    if not path.startswith(holder) or path[len(holder)] not in ".[":
        return None
    return path[len(holder) :].removeprefix(".")


def sets(members: Mapping[str, Any], path: str) -> bool:
    """Whether what a request has at a path is what members merged into it put there, or took away."""
    found: Any = members
    for name in path.split("."):
        if not isinstance(found, Mapping):
            break
        found = found.get(name.partition("[")[0], {})
    return not isinstance(found, Mapping)


def _touches(members: Mapping[str, Any], path: str) -> bool:
    return re.split(r"[.\[]", path)[0] in members
