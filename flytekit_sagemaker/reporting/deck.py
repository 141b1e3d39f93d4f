"""Reports as HTML pages, for Flyte decks, notebooks and files."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping
from html import escape

from flytekit_sagemaker.reporting.charts import Scale, focus, frame, mark, nice_ticks, steps, svg, text, widened
from flytekit_sagemaker.reporting.page import (
    COLOURS,
    anchor,
    chosen,
    element,
    facts,
    fragment,
    page,
    section,
    table,
    tile,
)
from flytekit_sagemaker.reporting.progress import Progress, best_words, headline
from flytekit_sagemaker.reporting.records import Phase, TrainingRecord, Trial, TunableRange, TuningRecord
from flytekit_sagemaker.reporting.wording import clock, duration, hyperparameter, moment, number

_BADGES = {"Completed": "done", "InProgress": "running", "Failed": "failed", "DeleteFailed": "failed"}
_LEGEND = {
    "best": "best",
    "done": "completed",
    "stopped": "stopped early",
    "running": "no objective yet",
    "without": "ended without an objective",
    "failed": "failed",
    "beyond": "beyond the axis",
}
_WIDE, _NARROW, _SMALL = (900, 290), (380, 260), (270, 205)


def tuning_page(record: TuningRecord) -> str:
    """A tuning job as a self-contained HTML page."""
    return page(
        f"Tuning job {record.name}",
        _head("Hyperparameter tuning job", record),
        _tuning_tiles(record),
        _best_hyperparameters(record),
        section("Objective by trial", _history(record)),
        section("Objective by hyperparameter", _multiples(record)),
        section("Trials", _trials(record)),
        section("Job", facts(_tuning_facts(record))),
        section("Each trial", facts(_facts_of_trials(record))),
    )


def training_page(record: TrainingRecord) -> str:
    """A training job as a self-contained HTML page."""
    return page(
        f"Training job {record.name}",
        _head("Training job", record, record.secondary_status),
        element("div", "".join(_training_tiles(record)), "tiles"),
        section("Phases", _phases(record)),
        section("Hyperparameters", facts({name: escape(value) for name, value in record.hyperparameters.items()})),
        section("Log, last lines", element("pre", escape("\n".join(record.log_tail))) if record.log_tail else ""),
        section("Job", facts(_training_facts(record))),
    )


def progress_fragment(*jobs: Progress, headline: str = "", alert: str = "", notes: Iterable[str] = ()) -> str:
    """The state of running jobs, and sentences about them, as a piece of HTML for a notebook's cell.

    Args:
        headline: how it stands, where no job tells.
        alert: what went wrong.
        notes: more to say; a note ``words: URL`` becomes a link.
    """
    head = element("b", escape(headline)) if headline else ""
    lines = (element("p", _with_links(note), "kicker") for note in notes)
    return fragment("cell", head, *map(_progress, jobs), _alert(alert), *lines)


def _with_links(note: str) -> str:
    """A sentence as HTML, its web addresses as links."""
    if labelled := re.fullmatch(r"(.*): (https?://\S+)", note):
        return anchor(*labelled.groups())
    parts = re.split(r"(https?://\S+)", note)
    return "".join(anchor(part, part) if index % 2 else escape(part) for index, part in enumerate(parts))


def _alert(words: str) -> str:
    return element("div", escape(words), "alert") if words else ""


def _progress(job: Progress) -> str:
    shares = {kind: getattr(job, kind) / job.total for kind in ("done", "stopped", "failed") if job.total}
    bars = "".join(f'<i class="{kind}" style="width:{100 * share:.1f}%"></i>' for kind, share in shares.items())
    best, remark = best_words(job), job.remark.partition("\n")[0]
    metrics = {name: number(value) for name, value in job.final_metrics.items()}
    tuned = {name: hyperparameter(value) for name, value in job.best_hyperparameters.items()}
    return "".join(
        (
            element("p", escape(f"{job.kind} job {job.name}"), "kicker"),
            element("b", escape(headline(job))),
            element("div", bars, "meter") if bars else "",
            element("div", escape(best)) if best else "",
            chosen({**tuned, **metrics}),
            element("p", escape(remark), "kicker") if remark else "",
            *(element("p", escape(note), "kicker") for note in job.notes),
        )
    )


def _head(kicker: str, record: TuningRecord | TrainingRecord, secondary: str = "") -> str:
    detail = f" · {secondary}" if secondary not in ("", record.status) else ""
    badge = element("span", escape(record.status + detail), f"badge {_BADGES.get(record.status, '')}")
    links = element("nav", "".join(anchor(label, url) for label, url in record.links.items()))
    title = element("p", kicker, "kicker") + element("h1", escape(record.name))
    notes = element("div", "".join(element("p", escape(note)) for note in record.notes), "note") if record.notes else ""
    return element("header", f"{title}{badge}{links}{_alert(record.failure_reason)}{notes}")


def _tuning_tiles(record: TuningRecord) -> str:
    best, verb = record.best, "highest" if record.direction == "Maximize" else "lowest"
    none = "yet" if record.ended is None else "in any trial"
    words = f"{verb} {record.objective_metric}, trial {best.index}" if best else f"no {record.objective_metric} {none}"
    if best and record.better_index:
        words = f"{record.objective_metric} of trial {best.index}, the best with outputs"
    finished = record.done + record.failed + record.stopped
    counts = {"completed": record.done, "failed": record.failed, "stopped early": record.stopped}
    outcomes = [f"{count} {outcome}" for outcome, count in counts.items() if count and finished != record.done]
    ended = f"trials ended{': ' if outcomes else ''}{', '.join(outcomes)}"
    running = f"; {record.running} running" if record.running else ""
    tiles = (
        tile(number(best.objective if best else None), words, "lead"),
        tile(f"{finished} of {record.total}", f"{ended}{running}"),
        tile(duration(record.wall_seconds), "since the start" if record.ended is None else "from start to end"),
        tile(duration(record.training_seconds), "of training in all trials"),
    )
    return element("div", "".join(tiles), "tiles")


def _best_hyperparameters(record: TuningRecord) -> str:
    if record.best is None:
        return ""
    values = {name: hyperparameter(value) for name, value in record.best.hyperparameters.items()}
    whose = ", ".join(filter(None, (f"trial {record.best.index}", escape(record.best.definition))))
    return element("p", f"Hyperparameters of {whose}", "kicker above") + chosen(values)


def _kind(record: TuningRecord, trial: Trial) -> str:
    if trial.index == record.best_index:
        return "best"
    if trial.objective is None and trial.outcome != "failed":
        is_pending = trial.outcome == "running" or trial.objective_status == "Pending"
        return "running" if is_pending and record.ended is None else "without"
    return "done" if trial.outcome == "running" else trial.outcome


def _tooltip(record: TuningRecord, trial: Trial) -> str:
    objective = "no objective" if trial.objective is None else f"{record.objective_metric} {number(trial.objective)}"
    tuned = [f"{name} = {hyperparameter(value)}" for name, value in trial.hyperparameters.items()]
    tuned = [*filter(None, [trial.definition]), *tuned]
    reason = [trial.failure_reason] if trial.failure_reason else []
    return "\n".join([f"Trial {trial.index}: {_status(trial)}, {objective}", *tuned, *reason])


def _marks(record: TuningRecord, places: Iterable[tuple[Trial, float]], y: Scale) -> str:
    """Every trial at its place, those without an objective on the axis, the best one on top."""
    drawn = []
    for trial, x in places:
        kind, value, title = _kind(record, trial), trial.objective, _tooltip(record, trial)
        colour = _colour(record, trial.definition)
        if value is not None and not y.low <= value <= y.high:
            below = value < y.low
            place = y.start - 6 if below else y.end + 6
            drawn.append(mark("beyond", x, place, title, f"{colour} down" if below else colour))
        else:
            drawn.append(mark(kind, x, y.start if value is None else y(value), title, colour))
    return "".join(sorted(drawn, key=lambda glyph: 'class="mark best' in glyph))


def _colour(record: TuningRecord, definition: str) -> str:
    """The class that colours the trials of one of several definitions; they take turns when there are many."""
    return f"of-{record.definitions.index(definition) % COLOURS}" if definition else ""


def _objective_scale(record: TuningRecord, height: float) -> Scale:
    values = [trial.objective for trial in record.trials if trial.objective is not None]
    low, high = focus(values, record.direction)
    return Scale(low, high, height - 42, 28, labels=None if values else {})


def _history(record: TuningRecord) -> str:
    if not record.trials or (record.ended is not None and record.best is None):
        return ""
    drawings = []
    for css, (width, height) in (("wide", _WIDE), ("narrow", _NARROW)):
        last = len(record.trials)
        ticks = dict.fromkeys(max(1, round(value)) for value in nice_ticks(1, last, 10 if css == "wide" else 5))
        y = _objective_scale(record, height)
        x = Scale(0.5, last + 0.5, _gutter(y), width - 8, labels={value: str(value) for value in ticks})
        so_far = [(x(i), y(value)) for i, value in enumerate(record.best_so_far, start=1) if value is not None]
        marks = _marks(record, ((trial, x(trial.index)) for trial in record.trials), y)
        axes = frame(x, y, "trial", record.objective_metric)
        drawings.append(svg(width, height, "Objective by trial", axes, steps(so_far, "so-far"), marks, css=css))
    return f"<figure>{''.join(drawings)}{_legend(record)}</figure>"


def _legend(record: TuningRecord) -> str:
    y = _objective_scale(record, 100)
    beyond = any(t.objective is not None and not y.low <= t.objective <= y.high for t in record.trials)
    present = {_kind(record, trial) for trial in record.trials} | ({"beyond"} if beyond else set())
    if record.definitions:  # each of them is a key of its own, of a trial that has completed
        present.discard("done")
    legend = {**_LEGEND, "best": "best with outputs"} if record.better_index else _LEGEND
    keys = [(kind, "", words) for kind, words in legend.items() if kind in present]
    keys += [("done", _colour(record, each), escape(each)) for each in record.definitions]
    items = [
        f'<span><svg viewBox="-9 -9 18 18" aria-hidden="true">{mark(kind, 0, 0, "", f"key {css}")}</svg>{words}</span>'
        for kind, css, words in keys
    ]
    line = '<svg viewBox="0 0 18 18" aria-hidden="true"><path class="so-far" d="M1 13H8V6H17"/></svg>'
    items += [f"<span>{line}best so far</span>"] if record.best else []
    return element("div", "".join(items), "legend")


def _multiples(record: TuningRecord) -> str:
    if record.best is None:
        return ""
    return element("div", "".join(_scatter(record, tunable) for tunable in record.ranges), "multiples")


def _scatter(record: TuningRecord, tunable: TunableRange) -> str:
    width, height = _SMALL
    y = _objective_scale(record, height)
    spelled = {trial.index: trial.hyperparameters.get(tunable.name) for trial in record.trials}
    if tunable.kind == "Categorical":
        values = tuple(dict.fromkeys([*tunable.values, *(text for text in spelled.values() if text is not None)]))
        x = Scale(-0.5, len(values) - 0.5, _gutter(y), width - 8, labels=dict(enumerate(values)))
        # A strip: neighbours in time lie side by side, so that equal choices do not hide each other.
        at = {i: values.index(text) + 0.11 * (i % 5 - 2) for i, text in spelled.items() if text is not None}
    else:
        given = {i: tunable.value(text) for i, text in spelled.items() if text is not None}
        at = {index: float(value) for index, value in given.items() if not isinstance(value, str)}
        x = _numeric_scale(tunable, _gutter(y), width - 10)
    scored = [trial for trial in record.trials if trial.objective is not None and trial.index in at]
    note = ", logarithmic" if x.logarithmic else ""
    axes = frame(x, y, f"{tunable.name}{note}", record.objective_metric)
    marks = _marks(record, ((trial, x(at[trial.index])) for trial in scored), y)
    return f"<figure>{svg(width, height, f'Objective by {tunable.name}', axes, marks)}</figure>"


def _numeric_scale(tunable: TunableRange, start: float, end: float) -> Scale:
    low, high = tunable.minimum or 0.0, tunable.maximum or 0.0
    if tunable.logarithmic:
        margin = math.exp(0.03 * (math.log(high) - math.log(low)))
        return Scale(low / margin or low, min(high * margin, sys.float_info.max), start, end, logarithmic=True)
    return Scale(*widened(low, high, 0.03), start, end)


def _gutter(y: Scale) -> float:
    """Room for the labels of the y axis."""
    return 14 + 6.6 * max((len(label) for label in y.ticks().values()), default=0)


def _trials(record: TuningRecord) -> str:
    tuned = [(item.name, "number" if item.kind != "Categorical" else "") for item in record.ranges]
    columns = [("Trial", "number"), ("Training job", ""), ("Status", ""), (record.objective_metric, "number")]
    columns += [*([("Definition", "")] if record.definitions else []), *tuned]
    columns += [("Started (UTC)", ""), ("Duration", "number")]
    return table(columns, (_trial_row(record, trial, columns) for trial in record.trials))


def _status(trial: Trial) -> str:
    times = "" if trial.interruptions == 1 else f" {trial.interruptions} times"
    return f"{trial.status}, interrupted{times}" if trial.interruptions else trial.status


def _trial_row(record: TuningRecord, trial: Trial, columns: list[tuple[str, str]]) -> str:
    best = trial.index == record.best_index
    job = trial.training_job_name
    short = job.removeprefix(record.name).lstrip("-") or job
    cells = [
        (f"★\u00a0{trial.index}" if best else str(trial.index), "number"),
        (short, ""),
        (_status(trial), trial.outcome),
        (number(trial.objective, 6), "number"),
        *([(trial.definition, "")] if record.definitions else []),
        *(
            (hyperparameter(trial.hyperparameters.get(item.name, "–")), "number" if item.kind != "Categorical" else "")
            for item in record.ranges
        ),
        (clock(trial.started), ""),
        (duration(trial.duration_in_seconds), "number"),
    ]
    css = " ".join(["best"] * best + ["explained"] * bool(trial.failure_reason))
    shown = "".join(element("td", escape(words), css) for words, css in cells)
    if not trial.failure_reason:
        return element("tr", shown, css)
    reason = f'<td colspan="{len(columns)}"><div>{escape(trial.failure_reason)}</div></td>'
    return element("tr", shown, css) + element("tr", reason, "reason")


def _tuning_facts(record: TuningRecord) -> dict[str, str]:
    goal = f"{record.direction} {record.objective_metric}"
    return {
        "Objective": escape(goal),
        "Strategy": escape(record.strategy)
        + (f", seed {record.random_seed}" if record.random_seed is not None else ""),
        "Ranges": "<br>".join(
            f"<code>{escape(item.name)}</code> {escape(_range_words(item))}" for item in record.ranges
        ),
        "Trials": escape(_limits(record)),
        "Early stopping": escape(record.early_stopping),
        **_words(record.search_settings),
        "Without 1 % of improvement": _in_a_row(record.trials_without_improvement),
        "Converged": moment(record.converged) if record.converged else "",
        "Created": moment(record.created),
        "Ended": moment(record.ended) if record.ended else "",
    }


def _limits(record: TuningRecord) -> str:
    at_a_time = f", {record.max_parallel} at a time" if record.max_parallel else ""
    return f"{record.total} at most{at_a_time}" if record.total else ""


def _in_a_row(count: int | None) -> str:
    return "" if count is None else f"{count} trials in a row"


def _facts_of_trials(record: TuningRecord) -> dict[str, str]:
    return {
        "Training image": _code(record.training_image),
        **_words(record.trial_settings),
        "Static hyperparameters": _settings(record.static_hyperparameters),
    }


def _range_words(item: TunableRange) -> str:
    whose = f" ({', '.join(item.definitions)})" if item.definitions else ""
    if item.kind == "Categorical":
        return f"one of {', '.join(item.values)}{whose}"
    bounds = f"{number(item.minimum)} to {number(item.maximum)}"
    return f"{bounds}, {item.kind.lower()}, {item.scaling.lower()} scaling{whose}"


def _training_tiles(record: TrainingRecord) -> Iterable[str]:
    for name, value in record.final_metrics.items():
        yield tile(number(value), name)
    yield tile(duration(record.wall_seconds), "since the start" if record.ended is None else "from start to end")
    if record.training_seconds is not None:
        yield tile(duration(record.training_seconds), "of training")
    if record.billable_seconds is not None:
        billed, used = record.billable_seconds, record.training_seconds
        saved = f", {1 - billed / used:.0%} saved by spot" if used and record.managed_spot_training else ""
        yield tile(duration(billed), f"billed per instance{saved}")


def _phases(record: TrainingRecord) -> str:
    timed = [(phase, phase.seconds or 0.0) for phase in record.phases]
    whole = sum(seconds for _, seconds in timed)
    if not whole:
        return ""
    drawings = []
    for css, width in (("wide", _WIDE[0]), ("narrow", _NARROW[0])):
        x, at, rows = Scale(0, whole, 104, width - 78), 0.0, []
        for index, (phase, seconds) in enumerate(timed):
            rows.append(_phase_row(phase, x(at), x(at + seconds), 24.0 * index))
            at += seconds
        drawings.append(svg(width, 24 * len(timed) + 4, "Duration of each phase", *rows, css=css))
    return f"<figure>{''.join(drawings)}</figure>"


def _phase_row(phase: Phase, start: float, end: float, top: float) -> str:
    title = f"<title>{escape(f'{phase.status}, {moment(phase.started)}: {phase.message}')}</title>"
    css = "failed" if phase.status == "Failed" else "Training" if phase.status == "Training" else ""
    place = f'x="{start:.1f}" y="{top + 4:.1f}" width="{max(2, end - start):.1f}" height="16"'
    bar = f'<rect class="bar {css}" {place} rx="3"/>'
    words = text(96, top + 16, phase.status, "inside", "end", length=16)
    return f"<g>{title}{words}{bar}{text(end + 8, top + 16, duration(phase.seconds), '', 'start')}</g>"


def _training_facts(record: TrainingRecord) -> dict[str, str]:
    return {
        "Model": _code(record.model_uri),
        "Channels": _settings(record.channels),
        "Tuning job": escape(record.tuning_job_name),
        "Training image": _code(record.training_image),
        "Input mode": escape(record.input_mode),
        **_words(record.settings),
        "Created": moment(record.created),
        "Ended": moment(record.ended) if record.ended else "",
    }


def _words(values: Mapping[str, str]) -> dict[str, str]:
    return {label: escape(words) for label, words in values.items()}


def _code(words: str) -> str:
    return element("code", escape(words)) if words else ""


def _settings(values: Mapping[str, str]) -> str:
    return "<br>".join(f"<code>{escape(name)}</code> {escape(value)}" for name, value in values.items())
