from __future__ import annotations

import csv
import json
import random
from datetime import timedelta

import pytest

from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.reporting.deck import tuning_page
from flytekit_sagemaker.reporting.records import TrainingRecord, TuningRecord, training_record, tuning_record

from .samples import START, search, summary, training_description, tuning_description


def test_trials_are_numbered_in_order_of_creation_whatever_the_order_of_the_listing():
    trials = search()
    shuffled = random.Random(0).sample(trials, len(trials))
    record = tuning_record(tuning_description(), shuffled)
    assert [trial.training_job_name for trial in record.trials] == [trial["TrainingJobName"] for trial in trials]
    assert [trial.index for trial in record.trials] == list(range(1, 24))
    assert (record.total, record.done, record.running, record.failed, record.stopped) == (24, 17, 2, 2, 2)


@pytest.mark.parametrize(
    ("direction", "best", "series"), [("Maximize", 3, (None, 0.7, 0.9, 0.9)), ("Minimize", 4, (None, 0.7, 0.7, 0.2))]
)
def test_best_follows_the_direction(direction, best, series):
    description = tuning_description()
    description["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["Type"] = direction
    trials = [summary(1, "Failed"), summary(2, value=0.7), summary(3, "Stopped", 0.9), summary(4, value=0.2)]
    record = tuning_record(description, trials)
    assert record.best.index == best
    assert record.best_so_far == series


def test_of_equal_trials_the_best_is_the_one_that_the_service_names():
    trials = [summary(1, value=0.7), summary(2, value=0.7)]
    assert tuning_record(tuning_description(), trials).best_index == 1
    assert tuning_record(tuning_description(BestTrainingJob=trials[1]), trials).best_index == 2


def test_a_job_without_any_objective_has_no_best():
    record = tuning_record(tuning_description(), [summary(1, "Failed"), summary(2, value=float("nan"))])
    assert record.best is None
    assert record.best_so_far == (None, None)
    assert tuning_record(tuning_description(), []).csv() == ""


def test_rows_have_the_types_of_the_ranges_and_the_same_columns():
    rows = tuning_record(
        tuning_description(), [summary(1, value=0.75), summary(2, "Failed", FailureReason="no memory")]
    ).rows()
    assert list(rows[0]) == [
        "trial",
        "training_job_name",
        "status",
        "objective",
        "eta",
        "subsample",
        "max_depth",
        "booster",
        "started",
        "duration_in_seconds",
        "failure_reason",
    ]
    assert rows[0].keys() == rows[1].keys()
    assert [rows[0][name] for name in ("eta", "max_depth", "booster")] == [0.1, 6, "gbtree"]
    assert isinstance(rows[0]["max_depth"], int)
    assert rows[0]["started"] == START + timedelta(seconds=120)
    assert rows[0]["duration_in_seconds"] == 86
    assert rows[1]["failure_reason"] == "no memory"


def test_a_hyperparameter_named_like_a_column_keeps_both():
    row = tuning_record(tuning_description(), [summary(1, value=0.5, TunedHyperParameters={"status": "warm"})]).rows()[
        0
    ]
    assert (row["status"], row["hyperparameters.status"]) == ("Completed", "warm")


def test_csv_reads_back():
    record = tuning_record(tuning_description(), search())
    read = list(csv.DictReader(record.csv().splitlines(keepends=True)))
    assert len(read) == 23
    assert read[4]["failure_reason"] == record.trials[4].failure_reason
    assert float(read[0]["eta"]) == record.rows()[0]["eta"]
    assert read[22]["objective"] == ""


def test_ranges_that_the_service_chose_are_those_that_its_choices_span():
    description = tuning_description()
    del description["HyperParameterTuningJobConfig"]["ParameterRanges"]
    chosen = [{"eta": "0.1", "booster": "dart"}, {"eta": "0.4", "booster": "gbtree"}]
    record = tuning_record(
        description, [summary(n, value=0.5, TunedHyperParameters=t) for n, t in enumerate(chosen, 1)]
    )
    eta, booster = record.ranges
    assert (eta.minimum, eta.maximum) == (0.1, 0.4)
    assert booster.values == ("dart", "gbtree")


def test_several_definitions_show_the_objective_and_ranges_of_each():
    description = tuning_description()
    config, definition = description["HyperParameterTuningJobConfig"], description.pop("TrainingJobDefinition")
    ranges = config.pop("ParameterRanges")
    objective = config.pop("HyperParameterTuningJobObjective")
    description["TrainingJobDefinitions"] = [
        {
            **definition,
            "DefinitionName": name,
            "TuningObjective": objective,
            "HyperParameterRanges": {kind: ranges[kind]},
        }
        for name, kind in (("a", "IntegerParameterRanges"), ("b", "CategoricalParameterRanges"))
    ]
    record = tuning_record(description, [])
    assert record.objective_metric == "validation:auc"
    assert [(item.name, item.definitions) for item in record.ranges] == [("max_depth", ("a",)), ("booster", ("b",))]

    deeper = {"IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "99"}]}
    description["TrainingJobDefinitions"].append({**definition, "DefinitionName": "c", "HyperParameterRanges": deeper})
    depth = tuning_record(description, []).ranges[0]
    assert (depth.minimum, depth.maximum, depth.definitions) == (1, 99, ("a", "c"))
    assert "1 to 99, integer, auto scaling (a, c)" in tuning_page(tuning_record(description, []))
    trials = [summary(n, value=0.5, TrainingJobDefinitionName=name) for n, name in enumerate("abca", 1)]
    page = tuning_page(tuning_record(description, trials))
    assert [page.count(f'class="mark done of-{place}"') > 0 for place in range(4)] == [True, True, True, False]
    assert all(f"</svg>{name}</span>" in page for name in "abc")
    assert "</svg>completed</span>" not in page


def test_training_record():
    record = training_record(training_description(), log_tail=["done"], links={"Console": "https://example.org"})
    assert record.final_metrics == {"validation:auc": 0.9942, "train:auc": 0.99871, "validation:logloss": 0.0713}
    assert [(phase.status, phase.seconds) for phase in record.phases][:3] == [
        ("Starting", 45),
        ("Downloading", 20),
        ("Training", 312),
    ]
    assert record.channels == {"train": "s3://data/churn/train", "validation": "s3://data/churn/validation"}
    assert record.wall_seconds == 391


def test_a_job_that_has_only_begun_has_a_record():
    first = {"TrainingJobName": "a", "TrainingJobArn": "arn", "TrainingJobStatus": "InProgress"}
    assert training_record(first).wall_seconds is None


def as_doubles(value):
    if isinstance(value, dict):
        return {key: as_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_doubles(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize(
    "record",
    [
        tuning_record(tuning_description(), search(), links={"a": "https://b"}),
        training_record(training_description(), log_tail=["x"]),
    ],
)
def test_records_survive_json_in_which_every_number_is_a_double(record):
    travelled = as_doubles(json.loads(json.dumps(record.to_dict(), allow_nan=False)))
    back = type(record).from_dict(travelled)
    assert back == record
    assert repr(back) == repr(record)


@pytest.mark.parametrize("kind", [TuningRecord, TrainingRecord])
@pytest.mark.parametrize("data", [None, [], {}, {"name": "a", "status": "b", "trials": 3, "phases": {}}])
def test_what_describes_no_record_is_refused(kind, data):
    with pytest.raises(InvalidInput, match="must describe a"):
        kind.from_dict(data)
