from __future__ import annotations

import io

from rich.console import Console, RenderableType

from flytekit_sagemaker.reporting.progress import Progress, progress_of
from flytekit_sagemaker.reporting.records import training_record, tuning_record
from flytekit_sagemaker.reporting.terminal import progress_view

from .samples import START, search, summary, training_description, tuning_description

HOSTILE = "[bold]\x1b]0;title\x07\x1b[2J\n[/nothing]\u202e"


def shown(renderable: RenderableType, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


def test_progress_of_a_tuning_job():
    seen = shown(progress_view(progress_of(tuning_record(tuning_description(), search())), START.timestamp() + 200))
    assert "tuning job churn-f3k9x-n0-0 InProgress" in seen
    assert "17 of 24 trials done, 2 running, 2 failed, 2 stopped 3 min 20 s" in seen
    assert "best validation:auc 0.99632 (trial 17)" in seen
    assert "max_depth=6" in seen


def test_the_clock_of_a_job_stops_at_its_end():
    progress = progress_of(training_description())
    assert shown(progress_view(progress, progress.ended)) == shown(progress_view(progress, progress.ended + 1e6))
    assert "6 min 31 s" in shown(progress_view(progress, 0))


def test_a_job_that_has_not_begun_is_shown():
    assert "training job a InProgress" in shown(
        progress_view(Progress(name="a", kind="training", status="InProgress"), 0)
    )


def test_foreign_text_neither_steers_the_terminal_nor_is_markup():
    description = tuning_description(FailureReason=HOSTILE, HyperParameterTuningJobStatus="Failed")
    trials = [
        summary(1, value=0.5, TunedHyperParameters={"eta": HOSTILE, HOSTILE: "1"}),
        summary(2, "Failed", FailureReason=HOSTILE),
    ]
    tuning = tuning_record(description, trials)
    failed = training_description(TrainingJobStatus="Failed", FailureReason=HOSTILE, SecondaryStatus="Failed")
    training = training_record(failed)
    for view in (
        progress_view(progress_of(tuning), 0),
        progress_view(progress_of(training), 0),
    ):
        seen = shown(view, width=200)
        assert not {"\x1b", "\x07", "\u202e"} & set(seen)
        assert "[bold]" in seen
        assert "[/nothing]" in seen


def test_the_end_of_a_job_is_told_in_whole_sentences():
    progress = Progress(name="a", kind="tuning", status="Completed", notes=("Ended early: the target was reached.",))
    assert "Ended early: the target was reached." in shown(progress_view(progress, 0)).splitlines()
