"""How numbers, durations, times and foreign text are written for people, the same in every rendering."""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone


def number(value: float | None, digits: int = 5) -> str:
    """Up to ``digits`` significant digits, and no more than the value has; a dash where there is none."""
    return "–" if value is None else re.sub(r"e\+?(-?)0*", r"e\1", f"{value:.{digits}g}")


def hyperparameter(text: str) -> str:
    """A hyperparameter's value as the service spells it, long fractions shortened."""
    try:
        value = float(text)
    except ValueError:
        return text
    return number(value) if len(text) > 8 and math.isfinite(value) and not value.is_integer() else text


def duration(seconds: float | None) -> str:
    """``<1 s``, ``48 s``, ``3 min 20 s``, ``2 h 05 min``; a dash where it is unknown."""
    if seconds is None:
        return "–"
    if 0 < seconds < 1:
        return "<1 s"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole // 60 % 60:02d} min"


def moment(time: datetime | None) -> str:
    """The time in UTC to the second; a dash where there is none."""
    return "–" if time is None else f"{time.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def clock(time: datetime | None) -> str:
    """Month, day and time in UTC, for columns where every character counts; a dash where there is none."""
    return "–" if time is None else f"{time.astimezone(timezone.utc):%m-%d %H:%M:%S}"


def printable(text: str) -> str:
    """Foreign text with spaces for the control characters that could steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def one_line(text: str) -> str:
    """Foreign text on one line, printable, its runs of spaces shortened to one."""
    return " ".join(printable(text).split())


def cut(text: str, length: int) -> str:
    """At most ``length`` characters, the last one an ellipsis where something is missing."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
