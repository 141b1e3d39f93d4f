"""What the text of a setting means: parsers, which raise a ValueError that says what a legal value is."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable
from pathlib import Path

_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def number(at_least: float, at_most: float, *, whole: bool = False) -> Callable[[str], float]:
    """A parser of numbers within limits; ``math.inf`` for no upper one."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not at_least <= value <= at_most or (whole and value % 1):
            upper = f" to {at_most:g}" if at_most < math.inf else " on (inf for no limit)"
            raise ValueError(f"must be a {'whole ' if whole else ''}number from {at_least:g}{upper}")
        return value

    return parse


def flag(text: str) -> bool:
    """``true`` or ``false``, and what else YAML and people write for them."""
    if text.lower() not in _FLAGS:
        raise ValueError("must be true or false")
    return _FLAGS[text.lower()]


def word(*words: str) -> Callable[[str], str]:
    """A parser that knows these words alone."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be {' or '.join(words)}")
        return text

    return parse


def job_name_prefix(text: str) -> str:
    """A beginning of names of jobs that leaves room for the rest."""
    if not re.fullmatch(r"[a-zA-Z0-9](-?[a-zA-Z0-9]){0,11}", text):
        raise ValueError("must be letters, digits and single inner hyphens, 1 to 12 characters at most")
    return text


def tags(text: str) -> dict[str, str]:
    """``a=1,b=2`` as a dictionary, and nothing else."""
    if not all(entry.partition("=")[0].strip() and "=" in entry for entry in text.split(",") if entry.strip()):
        raise ValueError("must be name=value pairs separated by commas, or in YAML a map")
    return pairs(text)


def commands(text: str) -> dict[str, list[str]]:
    """``image='python train.py' other='./run'`` as arguments by image."""
    rule = "must be IMAGE='COMMAND' pairs separated by spaces, quoted as in a shell, or in YAML a map"
    try:
        entries = [entry.partition("=") for entry in shlex.split(text)]
        found = {image.strip(): shlex.split(command) for image, _, command in entries}
    except ValueError as error:
        raise ValueError(f"{rule} ({error})") from None
    if not all(image and command for image, command in found.items()):
        raise ValueError(rule)
    return found


def file_system(text: str) -> tuple[str, Path]:
    """``fs-0123456789abcdef0=/data`` as the id of a file system and the folder that stands for it.

    Raises:
        ValueError: it is something else.
    """
    name, _, folder = (part.strip() for part in text.partition("="))
    if not re.fullmatch(r"fs-[0-9a-f]{8,}", name) or not folder:
        raise ValueError("must be pairs such as fs-0123456789abcdef0=/data, separated by commas, or in YAML a map")
    return name, Path(folder).expanduser().absolute()


def folders(text: str) -> dict[str, Path]:
    """``fs-0123456789abcdef0=/data,fs-01234567=/more`` as folders by file system."""
    return dict(map(file_system, items(text)))


def pairs(text: str) -> dict[str, str]:
    """``a=1,b=2`` as a dictionary; of an entry without ``=``, the value is empty."""
    entries = (entry.partition("=") for entry in text.split(",") if entry.strip())
    return {name.strip(): value.strip() for name, _, value in entries}


def items(text: str) -> tuple[str, ...]:
    """``a,b`` as a tuple."""
    return tuple(item.strip() for item in text.split(",") if item.strip())
