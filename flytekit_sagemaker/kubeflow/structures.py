"""Dictionaries and lists as texts: JSON, or YAML whose words mean what they mean in JSON."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import yaml

# YAML 1.1 has numbers of base 60 and 8, dates, and truth in ``on`` and ``no``: here those are texts. ``None`` and
# ``True`` are what Python prints.
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL", "None")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<fraction>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
_NO_NUMBER = re.compile(r"[-+]?(?:Infinity|\.inf|\.Inf|\.INF)|NaN|\.nan|\.NaN|\.NAN")
_MOST_VALUES = 100_000
_DOUBLED = r"Double the backslash: in JSON, and in double quotation marks of YAML, it is written \\."
_TEXT, _LIST, _DICTIONARY = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))


class Fraction(float):
    """A number that is not written as a whole one.

    Attributes:
        text: as it is written.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if not math.isfinite(self):
            raise ValueError("is too large for a number")


def structure(text: str) -> Any:
    """The values that a text in JSON or YAML stands for.

    Raises:
        ValueError: whose arguments are the rule that is broken, with line and column, and, maybe, a remedy.
    """
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=Fraction)
    except json.JSONDecodeError:
        pass  # then it is YAML
    except ValueError:  # which the same text in YAML has a place for
        text = text.replace("\t", " ")
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    try:
        node = yaml.compose(text, _Loader)
        return None if node is None else _Values().of(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(mark) if mark else "some place"
        if (error.problem or "").startswith("found unknown escape character"):
            raise ValueError(f"has a single backslash before {place}", _DOUBLED) from None
        told = " ".join(filter(None, (error.context, error.problem)))
        raise ValueError(f"is neither JSON nor YAML at {place}: {told}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        raise ValueError(f"is neither JSON nor YAML at line {line}, column {column}: {error.reason}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


class _Loader(yaml.BaseLoader):
    """Tells texts that are tagged as such from those that are not."""

    DEFAULT_SCALAR_TAG = "?"  # type: ignore[misc]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("has a key twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


class _Values:
    """Reads the values that nodes of YAML stand for: not too many, as a few aliases of aliases could be."""

    def __init__(self) -> None:
        self._count = 0

    def of(self, node: yaml.Node, holders: tuple[yaml.Node, ...] = ()) -> Any:
        """What a node stands for.

        Args:
            node: the node.
            holders: those that hold it.
        """
        self._count += 1
        if self._count > _MOST_VALUES:
            raise ValueError(f"stands for more than {_MOST_VALUES:,} values", "Use fewer aliases.")
        if any(node is holder for holder in holders):
            raise ValueError(f"holds itself at {_place(node.start_mark)}")
        if node.tag not in (_Loader.DEFAULT_SCALAR_TAG, _TEXT, _LIST, _DICTIONARY):
            raise ValueError(f"has the tag {node.tag} at {_place(node.start_mark)}, which JSON does not have")
        holders = (*holders, node)
        if isinstance(node, yaml.MappingNode):
            return self._dictionary(node, holders)
        if isinstance(node, yaml.SequenceNode):
            return [self.of(each, holders) for each in node.value]
        return _word(node) if isinstance(node, yaml.ScalarNode) and not node.style and node.tag != _TEXT else node.value

    def _dictionary(self, node: yaml.MappingNode, holders: tuple[yaml.Node, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        places: dict[str, str] = {}
        for key, value in node.value:
            place = _place(key.start_mark)
            if not isinstance(key, yaml.ScalarNode) or (key.value == "<<" and not key.style):
                raise ValueError(f"has a key at {place} that JSON does not have: keys are texts")
            if key.value in found:
                raise ValueError(f"has {key.value!r} twice: at {places[key.value]} and again at {place}")
            found[key.value], places[key.value] = self.of(value, holders), place
        return found


def _word(node: yaml.ScalarNode) -> Any:
    """What a word without quotation marks stands for."""
    word = str(node.value)
    if word in _WORDS:
        return _WORDS[word]
    if _NO_NUMBER.fullmatch(word):
        raise ValueError(f"has {word} at {_place(node.start_mark)}, which is no number; quote it where it is a text")
    number = _NUMBER.fullmatch(word)
    if number is None:
        return word
    try:
        return Fraction(word) if number["fraction"] else int(word)
    except ValueError:
        raise ValueError(f"has a number at {_place(node.start_mark)} that is too large") from None


def _place(mark: yaml.Mark) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"
