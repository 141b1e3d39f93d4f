"""Metrics in the lines of a log, searched for in a process of its own: ``python scraping.py``.

The expressions are the users' own, and one of a few characters can keep Python's ``re`` busy for centuries, during
which no other thread of the process runs. Here, one that takes too long is interrupted and given up.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/define-train-metrics.html
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

SECONDS_PER_EXPRESSION = 1.0


@dataclass(frozen=True)
class Findings:
    """What some lines hold.

    Attributes:
        values: place of the definition and value of each metric, in the order of the lines.
        given_up: places of definitions whose expressions took more than a second of processor time, or are none.
    """

    values: Sequence[tuple[int, float]] = ()
    given_up: Sequence[int] = ()


class Scraper:
    """Asks the process that searches, which is started on first use and again when it has died; safe to share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def search(self, expressions: Sequence[str], lines: Sequence[str]) -> Findings:
        """What the lines hold; blocks until it is known. Nothing, when the process dies meanwhile."""
        with self._lock:
            if self._closed:
                return Findings()
            process = self._running()
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(json.dumps([expressions, lines]) + "\n")
                process.stdin.flush()
                return Findings(*json.loads(process.stdout.readline()))
            except (OSError, ValueError):
                process.kill()
                return Findings()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, "-IS", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # a Ctrl-C in the terminal is the server's to handle
            )
        return self._process

    def close(self) -> None:
        """End the process, and with it a search that is under way."""
        self._closed = True
        if self._process:
            self._process.kill()
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            with contextlib.suppress(OSError):
                self._process.communicate()


class _TooSlow(Exception):
    pass


def find(expressions: Sequence[str], lines: Sequence[str]) -> Findings:
    """What the lines hold; for the main thread of a process that does nothing else.

    A value is the first group of a definition's expression, searched in the line as it is and as CloudWatch shows it,
    with every tab written ``#011``; what is no finite number is passed over.
    """
    forms = [(line, line.replace("\t", "#011")) if "\t" in line else (line,) for line in lines]
    found: list[tuple[int, int, float]] = []
    given_up = []
    for place, expression in enumerate(expressions):
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_PER_EXPRESSION)
            finder = _finder(expression)
            for number, each in enumerate(forms):
                value = _value(next(filter(None, map(finder, each)), None))
                if value is not None:
                    found.append((number, place, value))
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        except (_TooSlow, re.error):
            given_up.append(place)
    return Findings([(place, value) for _, place, value in sorted(found)], given_up)


def _value(match: re.Match[str] | None) -> float | None:
    if match and match.groups():
        with contextlib.suppress(TypeError, ValueError):
            value = float(match.group(1))
            return value if math.isfinite(value) else None
    return None


def _finder(expression: str) -> Callable[[str], re.Match[str] | None]:
    # What begins with ".*" is found from the start of the line or not at all; to search for it takes quadratic time.
    compiled = re.compile(expression)
    return compiled.match if expression.startswith(".*") and "|" not in expression else compiled.search


def main() -> None:
    """Answer each line of standard input, [expressions, lines], by [values, given_up] on standard output."""

    def interrupt(*_: Any) -> None:
        raise _TooSlow

    signal.signal(signal.SIGVTALRM, interrupt)
    for request in sys.stdin:
        findings = find(*json.loads(request))
        print(json.dumps([findings.values, findings.given_up]), flush=True)


if __name__ == "__main__":
    main()
