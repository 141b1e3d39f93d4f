from __future__ import annotations

import json

import pytest
from google.protobuf import json_format, struct_pb2

from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.reporting.progress import Progress, progress_line, progress_of
from flytekit_sagemaker.reporting.records import training_record, tuning_record

from .samples import NAME, search, summary, training_description, tuning_description


def best_known() -> dict:
    trials = search()
    return max(
        (t for t in trials if "FinalHyperParameterTuningJobObjectiveMetric" in t),
        key=lambda t: t["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
    )


def test_record_and_description_of_a_tuning_job_agree():
    description = tuning_description(BestTrainingJob=best_known())
    assert progress_of(description) == progress_of(tuning_record(description, search()))


def test_record_and_description_of_a_training_job_agree():
    assert progress_of(training_description()) == progress_of(training_record(training_description()))


@pytest.mark.parametrize("description", [tuning_description(BestTrainingJob=best_known()), training_description()])
def test_progress_survives_a_protobuf_struct(description):
    progress = progress_of(description)
    struct = json_format.ParseDict(progress.to_dict(), struct_pb2.Struct())
    back = Progress.from_dict(json.loads(json_format.MessageToJson(struct)))
    assert json.dumps(back.to_dict(), sort_keys=True) == json.dumps(progress.to_dict(), sort_keys=True)


def test_what_another_version_adds_or_leaves_out_is_no_error():
    assert Progress.from_dict({"name": "a", "kind": "tuning", "status": "b", "news": [1]}).total == 0
    with pytest.raises(InvalidInput):
        Progress.from_dict({"kind": "tuning"})


def tuning(**changes) -> Progress:
    given = {
        "name": "NAME",
        "kind": "tuning",
        "status": "InProgress",
        "total": 12,
        "done": 5,
        "running": 2,
        "objective_metric": "validation:auc",
        "best_value": 0.9942,
        "best_trial": "NAME-003-ab",
        "best_index": 3,
    }
    return Progress(**{**given, **changes})


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (tuning(), "tuning job NAME: 5 of 12 trials done, 2 running, 0 failed; best validation:auc 0.9942 (trial 3)"),
        (tuning(best_value=None, total=0), "tuning job NAME: 5 trials done, 2 running, 0 failed"),
        (
            tuning(status="Failed", best_value=None, stopped=1, message="No trial\nsucceeded \x1b[31m"),
            "tuning job NAME: Failed, 5 of 12 trials done, 2 running, 1 stopped; No trial succeeded [31m",
        ),
        (
            tuning(status="Completed", total=8, done=0, running=0, stopped=8, best_value=None),
            "tuning job NAME: Completed, 8 of 8 trials stopped early",
        ),
        (
            tuning(status="Stopped", done=0, running=0, best_value=None),
            "tuning job NAME: Stopped, 0 of 12 trials done",
        ),
        (
            progress_of(training_description()),
            "training job churn-training-n1-0: Completed; "
            "validation:auc 0.9942, train:auc 0.99871, validation:logloss 0.0713",
        ),
        (
            progress_of(
                training_description(
                    TrainingJobStatus="Stopped", SecondaryStatus="MaxRuntimeExceeded", SecondaryStatusTransitions=[]
                )
            ),
            "training job churn-training-n1-0: MaxRuntimeExceeded",
        ),
    ],
)
def test_progress_line(progress, line):
    assert progress_line(progress) == line


def test_a_trial_with_a_foreign_name_is_named_in_full():
    parent = {**summary(1, value=0.5), "TrainingJobName": "parent-of-warm-start"}
    assert progress_line(progress_of(tuning_description(BestTrainingJob=parent))).endswith(
        "(trial parent-of-warm-start)"
    )
    assert NAME in progress_line(progress_of(tuning_description()))


def test_what_is_to_say_of_the_end_is_in_the_line():
    line = progress_line(tuning(status="Completed", done=12, running=0, notes=("Ended early: why.", "So it is.")))
    assert line.endswith(
        "Completed, 12 of 12 trials done; best validation:auc 0.9942 (trial 3). Ended early: why. So it is."
    )
