"""Progress for a terminal, as rich renderables.

Foreign text (names, reasons, hyperparameters) is never read as markup and never reaches the terminal's control codes.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flytekit_sagemaker.reporting.progress import Progress, best_words, counts, final_words
from flytekit_sagemaker.reporting.wording import cut, duration, hyperparameter, one_line

_STYLES = {"Completed": "green", "Failed": "red", "DeleteFailed": "red", "Stopped": "yellow", "Stopping": "yellow"}


def progress_view(progress: Progress, now: float) -> RenderableType:
    """A job that is being followed: status, bar, best objective so far, elapsed time.

    Args:
        now: seconds since the epoch; what the elapsed time of a running job is counted to.
    """
    lines: list[RenderableType] = [_title(progress.kind, progress.name, progress.status)]
    elapsed = duration(None if progress.started is None else (progress.ended or now) - progress.started)
    cells: list[RenderableType] = []
    if progress.total:
        finished = min(progress.finished, progress.total)
        cells.append(ProgressBar(progress.total, finished, width=28, complete_style="cyan", finished_style="green"))
    cells.append(Text(" ".join(filter(None, (_state(progress), elapsed)))))
    bar = Table.grid(padding=(0, 1))
    bar.add_row(*cells)
    lines.append(bar)
    if progress.best_value is not None:
        settings = Text(_settings(progress.best_hyperparameters), style="dim")
        lines.append(Text.assemble(one_line(best_words(progress)), "  ", settings))
    if progress.final_metrics:
        lines.append(Text(one_line(final_words(progress))))
    if progress.remark:
        lines.append(Text(cut(one_line(progress.remark), 400), style="red" if progress.status == "Failed" else "dim"))
    lines += [Text(one_line(note)) for note in progress.notes]
    return Group(*lines)


def _title(kind: str, name: str, status: str) -> Text:
    return Text.assemble(f"{kind} job ", (one_line(name), "bold"), " ", (one_line(status), _STYLES.get(status, "cyan")))


def _state(progress: Progress) -> str:
    if progress.kind == "tuning":
        return counts(progress)
    return one_line(progress.secondary_status) if progress.secondary_status != progress.status else ""


def _settings(values: Mapping[str, str]) -> str:
    return one_line(", ".join(f"{name}={hyperparameter(value)}" for name, value in values.items()))
