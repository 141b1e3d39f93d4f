"""Logs of the processes that the sandbox starts."""

from __future__ import annotations

from pathlib import Path


def last_lines(log: Path, number: int = 20, most: int = 4000) -> str:
    """The end of a log."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")[-most:]
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-number:])
