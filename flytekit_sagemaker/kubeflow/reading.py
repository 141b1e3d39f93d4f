"""The command line of the component: texts as Kubeflow substitutes them, and the values that they stand for."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from flytekit_sagemaker.errors import Problem, did_you_mean
from flytekit_sagemaker.kubeflow.arguments import ARGUMENTS, BY_NAME, OUTPUTS
from flytekit_sagemaker.kubeflow.specification import ARRAY, BOOLEAN, INTEGER, OBJECT, STRING, Argument
from flytekit_sagemaker.kubeflow.structures import structure

# What is left of an input that a pipeline leaves unset, where nobody put anything in its place.
_PLACEHOLDER = re.compile(r"\s*\{\{.*\}\}\s*", re.DOTALL)
_OPTIONS = [f"--{name}" for name in (*BY_NAME, *(output.option for output in OUTPUTS))]
_OPTION = re.compile(r"--\w.*", re.DOTALL)
# A number of Kubeflow's may come as 1.0.
_INTEGER = re.compile(r"\s*[+-]?[0-9]+(\.0*)?\s*")
_METAVARS = {STRING: "TEXT", INTEGER: "NUMBER", BOOLEAN: "BOOLEAN", OBJECT: "DICTIONARY", ARRAY: "LIST"}


class _Parser(argparse.ArgumentParser):
    """Takes what cannot be parsed as one more problem."""

    def error(self, message: str) -> Any:
        raise ValueError(message)


def parse(arguments: Sequence[str] | None) -> tuple[dict[str, str], dict[str, Path], list[Problem]]:
    """The given arguments as texts, the files of the outputs, and what is wrong with the command line as such.

    Args:
        arguments: what follows the program's name; ``sys.argv`` where left out.
    """
    parser = _parser()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        parsed, unknown = parser.parse_known_args(_with_their_values(words))
    except ValueError as error:
        return {}, {}, [Problem("", str(error), "cannot be read")]
    given = vars(parsed)
    files = {output.name: Path(given[output.option]) for output in OUTPUTS if given[output.option]}
    texts = {argument.name: given[argument.name] for argument in ARGUMENTS if _is_given(given[argument.name])}
    values_of_unknown = {index + 1 for index, word in enumerate(unknown) if word.startswith("--") and "=" not in word}
    return texts, files, [_unknown(word) for index, word in enumerate(unknown) if index not in values_of_unknown]


def _parser() -> _Parser:
    required = [f"--{argument.name} {_METAVARS[argument.type]}" for argument in ARGUMENTS if argument.required]
    parser = _Parser(
        prog="python -m flytekit_sagemaker.kubeflow.hyperparameter_tuning",
        usage="\n  ".join(("%(prog)s", *textwrap.wrap(" ".join(required)), "[other arguments] [files of the outputs]")),
        description="Tune hyperparameters on Amazon SageMaker: a component of Kubeflow Pipelines.",
        allow_abbrev=False,
    )
    groups = {
        True: parser.add_argument_group("required arguments"),
        False: parser.add_argument_group("other arguments"),
    }
    for argument in ARGUMENTS:
        words = [argument.description, f"Accepted: {argument.accepted}." if argument.accepted else ""]
        default = argument.default_in_words or argument.default_as_text
        words.append(f"Default: {default}." if default else "")
        text = " ".join(filter(None, words)).replace("%", "%%")
        groups[argument.required].add_argument(f"--{argument.name}", metavar=_METAVARS[argument.type], help=text)
    outputs = parser.add_argument_group("files of the outputs")
    for output in OUTPUTS:
        outputs.add_argument(f"--{output.option}", metavar="FILE", help=output.description)
    return parser


def _with_their_values(words: Sequence[str]) -> list[str]:
    """Each option in one word with what follows it, which may begin with a hyphen, or with nothing."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in _OPTIONS and not _OPTION.fullmatch(word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return [f"{word}=" if word in _OPTIONS else word for word in joined]


def values(texts: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    """The value of every argument, defaults included, and a problem for each that has none.

    Args:
        texts: what was given, by name; what is not in it is absent.
    """
    read: dict[str, Any] = {}
    problems: list[Problem] = []
    for argument in ARGUMENTS:
        text = texts.get(argument.name)
        try:
            value = None if text is None else value_of(argument, text)
        except ValueError as error:
            shown = None if argument.type in (OBJECT, ARRAY) else text  # which may be long, and have secrets
            problems.append(Problem(argument.name, shown, *error.args))
            continue
        if value in (None, []) and argument.required:
            problems.append(Problem(argument.name, None, "is required", f"For example: {argument.example}"))
        else:
            read[argument.name] = argument.default if value is None else value
    return read, problems


def value_of(argument: Argument, text: str) -> Any:
    """What the text of an argument stands for; None for what stands for nothing.

    Raises:
        ValueError: whose arguments are the rule that the text breaks and, maybe, a remedy.
    """
    if text.strip() == "None":
        example = f"For example: {argument.example}" if argument.required else "Leave the argument out."
        raise ValueError("must not be the text None", example)
    value = _READERS[argument.type](text)
    choices = (*argument.choices, *argument.more_choices)
    if choices and value is not None:
        value = {choice.lower(): choice for choice in choices}.get(value.lower(), value)
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}", did_you_mean(value, choices))
    if isinstance(value, int) and argument.at_least is not None and value < argument.at_least:
        raise ValueError(f"must be at least {argument.at_least}")
    if isinstance(value, int) and argument.at_most is not None and value > argument.at_most:
        raise ValueError(f"must be at most {argument.at_most}")
    return value


def nulls(argument: Argument, value: Any) -> Iterator[Problem]:
    """Where a dictionary, or what a list of dictionaries holds, has no value: nobody means that."""
    for path, key in _without_value(value, argument.name, deep=argument.type == ARRAY):
        name, colon, rest = str(key).partition(":")
        if colon and rest:
            yield Problem(path, None, "has no value", f"In YAML a space follows the colon: '{name}: {rest}'")
        else:
            yield Problem(path, None, "has no value")


def _without_value(value: Any, path: str, *, deep: bool) -> Iterator[tuple[str, Any]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in entries:
        inner = f"{path}.{key}" if isinstance(key, str) and re.fullmatch(r"[\w-]+", key) else f"{path}[{key!r}]"
        if each is None:
            yield inner, key
        elif deep:
            yield from _without_value(each, inner, deep=True)


def _is_given(text: str | None) -> bool:
    return text is not None and bool(text.strip()) and not _PLACEHOLDER.fullmatch(text)


def _unknown(word: str) -> Problem:
    if not word.startswith("--"):
        return Problem("", word, "belongs to no argument", "Quote a value that has spaces.")
    name = word[2:].partition("=")[0]
    known = (option[2:] for option in _OPTIONS)
    return Problem(name, None, "is not an argument of this component", did_you_mean(name, known))


def _integer(text: str) -> int:
    if _INTEGER.fullmatch(text):
        with suppress(ValueError):  # of more digits than anything has
            return int(text.partition(".")[0])
    raise ValueError("must be a whole number")


def _boolean(text: str) -> bool:
    found = {"true": True, "false": False}.get(text.strip().lower())
    if found is None:
        raise ValueError("must be True or False")
    return found


def _object(text: str) -> dict[str, Any] | None:
    found = structure(text)
    if found is None or isinstance(found, dict):
        return found
    raise ValueError("must be a dictionary, in JSON or YAML")


def _array(text: str) -> list[dict[str, Any]] | None:
    found = structure(text)
    if found is None:
        return None
    if not isinstance(found, list):
        raise ValueError("must be a list of dictionaries, in JSON or YAML")
    for index, entry in enumerate(found):
        if not isinstance(entry, dict):
            raise ValueError(f"must be a list of dictionaries; entry {index + 1} is none")
    return found


_READERS: Mapping[str, Callable[[str], Any]] = {
    STRING: str.strip,
    INTEGER: _integer,
    BOOLEAN: _boolean,
    OBJECT: _object,
    ARRAY: _array,
}
