"""Tables that read well in a terminal and are Markdown."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lines of a Markdown table; the first column is text, the others are numbers."""
    cells = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        _line(
            [
                cell.ljust(width) if not place else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
        )
        for row in cells
    ]
    rule = _line(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "\n".join([lines[0], rule, *lines[1:]])


def machine() -> str:
    """What this runs on, in a line."""
    with open("/proc/cpuinfo") as lines:
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    versions = ", ".join(f"{name} {version(name)}" for name in ("flytekit", "grpcio", "protobuf", "boto3"))
    return f"{len(models)} x {models[0]}, {platform.system()}, Python {platform.python_version()}, {versions}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
