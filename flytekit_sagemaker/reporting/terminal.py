"""Progress and summaries for a terminal, as rich renderables.

Foreign text (names, reasons, hyperparameters) is never read as markup and never reaches the terminal's control codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flytekit_sagemaker.reporting.progress import Progress, best_words, counts, final_words
from flytekit_sagemaker.reporting.records import TrainingRecord, Trial, TuningRecord
from flytekit_sagemaker.reporting.wording import cut, duration, hyperparameter, number, one_line, printable

_STYLES = {"Completed": "green", "Failed": "red", "DeleteFailed": "red", "Stopped": "yellow", "Stopping": "yellow"}
_TOP = 5


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
    return Group(*lines)


def tuning_summary(record: TuningRecord) -> RenderableType:
    """A tuning job that came to an end: counts and its best five trials."""
    outcomes = {"done": record.done, "running": record.running, "failed": record.failed, "stopped": record.stopped}
    launched = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items() if count) or "none launched"
    times = f"{duration(record.wall_seconds)}, {duration(record.training_seconds)} of training"
    lines: list[RenderableType] = [
        _title("tuning", record.name, record.status),
        Text(f"trials: {launched}, of {record.total}; {times}"),
    ]
    scored = sorted((trial for trial in record.trials if trial.objective is not None), key=lambda t: _rank(record, t))
    if scored:
        names = [item.name for item in record.ranges]
        table = _table(["trial", record.objective_metric, *names, "status", "duration"])
        for trial in scored[:_TOP]:
            chosen = (hyperparameter(trial.hyperparameters.get(name, "–")) for name in names)
            cells = [
                str(trial.index),
                number(trial.objective),
                *chosen,
                trial.status,
                duration(trial.duration_in_seconds),
            ]
            table.add_row(*_texts(cells), style="bold" if trial.index == record.best_index else "")
        lines.append(table)
    reasons = {one_line(t.failure_reason): t.index for t in reversed(record.trials) if t.failure_reason}
    for reason, index in sorted(reasons.items(), key=lambda item: item[1])[:3]:
        lines.append(Text(f"trial {index} failed: {cut(reason, 300)}", style="red"))
    return Group(*lines, *_ending(record.failure_reason, record.links))


def training_summary(record: TrainingRecord) -> RenderableType:
    """A training job that came to an end: times, final metrics, where the model is, or why there is none."""
    phases = ", ".join(f"{phase.status} {duration(phase.seconds)}" for phase in record.phases if phase.seconds)
    lines: list[RenderableType] = [_title("training", record.name, record.status)]
    lines.append(
        Text(one_line(f"{duration(record.wall_seconds)} ({phases})" if phases else duration(record.wall_seconds)))
    )
    if record.final_metrics:
        table = _table(["metric", "final value"])
        for name, value in record.final_metrics.items():
            table.add_row(*_texts([name, number(value)]))
        lines.append(table)
    if record.model_uri and record.status == "Completed":
        lines.append(Text(f"model: {one_line(record.model_uri)}"))
    lines.extend(Text(f"  {printable(line)}", style="dim") for line in record.log_tail if record.status == "Failed")
    return Group(*lines, *_ending(record.failure_reason, record.links))


def _title(kind: str, name: str, status: str) -> Text:
    return Text.assemble(f"{kind} job ", (one_line(name), "bold"), " ", (one_line(status), _STYLES.get(status, "cyan")))


def _state(progress: Progress) -> str:
    if progress.kind == "tuning":
        return counts(progress)
    return one_line(progress.secondary_status) if progress.secondary_status != progress.status else ""


def _rank(record: TuningRecord, trial: Trial) -> tuple[bool, float]:
    objective = trial.objective or 0.0
    return trial.index != record.best_index, -objective if record.direction == "Maximize" else objective


def _table(columns: Iterable[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(Text(one_line(column)), justify="left", overflow="fold")
    return table


def _texts(cells: Iterable[str]) -> list[Text]:
    return [Text(one_line(cell)) for cell in cells]


def _settings(values: Mapping[str, str]) -> str:
    return one_line(", ".join(f"{name}={hyperparameter(value)}" for name, value in values.items()))


def _ending(failure_reason: str, links: Mapping[str, str]) -> list[Text]:
    reason = [Text(one_line(failure_reason), style="red")] if failure_reason else []
    return reason + [Text(one_line(f"{label}: {url}"), style="dim") for label, url in links.items()]
