"""The guide to tuning says what is so: its snippets make requests without a fault, its tables leave nothing out."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker import SdkSimpleHPOJobTask
from flytekit_sagemaker.connector.base import Submission
from flytekit_sagemaker.connector.tuning import TuningJobConnector
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.models.codec import all_models, to_wire
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJobConfig
from flytekit_sagemaker.models.parameter_ranges import ContinuousParameterRange, IntegerParameterRange
from flytekit_sagemaker.requests.fields import FIELDS
from flytekit_sagemaker.requests.validation import _input_shape, check_request
from flytekit_sagemaker.testing import builders as make

GUIDE = (Path(__file__).parents[1] / "docs" / "tuning.md").read_text()
# A program from top to bottom.
NAMES: dict[str, Any] = {"__name__": "tuning_guide"}
exec(compile("\n".join(re.findall(r"```python\n(.*?)```", GUIDE, re.S)), "docs/tuning.md", "exec"), NAMES)
TASKS = {name: value for name, value in NAMES.items() if isinstance(value, SdkSimpleHPOJobTask)}
SEARCHES = {name: value for name, value in NAMES.items() if isinstance(value, HyperparameterTuningJobConfig)}
# Tasks with a search and static hyperparameters of their own; the others go with any.
OWN = {
    "tune_both": ("best_of_both", "static_hyperparameters"),
    "tune_from_everywhere": ("tight_clusters", "clusters"),
}
OWN_SEARCHES = {search for search, _ in OWN.values()}
STATIC_OF_SEARCHES = {"hyperband": "rounds"}
PAIRS = [
    *((task, search) for task, (search, _) in OWN.items()),
    *((task, "bayesian") for task in TASKS if task not in OWN),
    *(("tune", search) for search in SEARCHES if search not in OWN_SEARCHES),
]
# Written into the template by the tasks themselves, or a map of models that have tables of their own.
NOT_TOLD = {"Function", "TrainingJob", "ParameterRanges", "ParameterRangeOneOf"}


def request_of(task: SdkSimpleHPOJobTask, search: HyperparameterTuningJobConfig) -> Any:
    """What the connector would send."""
    inputs = task.python_interface.inputs_with_defaults
    static = [static for name, (_, static) in OWN.items() if task is NAMES[name]]
    static += [static for name, static in STATIC_OF_SEARCHES.items() if search is NAMES[name]]
    own = NAMES[static[0]] if static else {"num_round": 50}
    values = {
        "static_hyperparameters": own,
        "hyperparameter_tuning_job_config": to_wire(search),
        "stopping_condition": to_wire(NAMES["on_spot"] if task is NAMES["tune_on_spot"] else make.stopping_condition()),
        **{name: f"s3://bucket/{name}" for name in ("train", "validation") if name in inputs},
    }
    custom = task.get_custom(None)
    return TuningJobConnector(task.task_type).build(Submission(custom, values, "flyte-guide", make.deployment(), {}))


@pytest.mark.parametrize(("task", "search"), PAIRS)
def test_what_the_guide_shows_is_a_request_without_a_fault(task: str, search: str) -> None:
    built = request_of(TASKS[task], SEARCHES[search])
    assert check_request(built.operation, built.parameters).with_others(built.problems).problems == ()
    assert built.warnings == ()


def test_the_search_by_hyperband_ends_with_a_model(use_sagemaker: LocalSageMaker, csv_data: Any) -> None:
    task, search = NAMES["tune"], NAMES["hyperband"]
    result = task(
        hyperparameter_tuning_job_config=search,
        static_hyperparameters=NAMES["rounds"],
        train=str(csv_data.train),
        validation=str(csv_data.validation),
    )
    assert Path(str(result.model)).exists()
    assert result.best_hyperparameters["num_round"] == "27"


def test_overrides_of_both_tasks_are_in_the_request() -> None:
    parameters = request_of(NAMES["tune_tomorrow"], NAMES["bayesian"]).parameters
    assert parameters["TrainingJobDefinition"]["StoppingCondition"]["MaxPendingTimeInSeconds"] == 7200
    assert parameters["HyperParameterTuningJobConfig"]["RandomSeed"] == 11
    assert "TrainingJobEarlyStoppingType" not in parameters["HyperParameterTuningJobConfig"]


def test_a_channel_that_says_where_its_data_is_makes_no_input() -> None:
    task = NAMES["tune_from_everywhere"]
    assert "train" in task.python_interface.inputs
    assert "test" not in task.python_interface.inputs
    train, test = request_of(task, NAMES["tight_clusters"]).parameters["TrainingJobDefinition"]["InputDataConfig"]
    assert train["DataSource"]["S3DataSource"]["S3Uri"] == "s3://bucket/train"
    assert train["ContentType"] == "application/x-recordio-protobuf"
    assert test["DataSource"]["FileSystemDataSource"]["DirectoryPath"] == "/mount/test"


def tables() -> dict[str, str]:
    """The text under each model's heading."""
    return dict(re.findall(r"### `(\w+)`\n(.*?)(?=\n##|\Z)", GUIDE, re.S))


@pytest.mark.parametrize(
    "model", [cls for cls in all_models() if cls.__name__ not in NOT_TOLD], ids=lambda cls: cls.__name__
)
def test_every_field_has_a_row(model: type) -> None:
    table = tables()["ContinuousParameterRange" if model.__name__ == "IntegerParameterRange" else model.__name__]
    told = {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`(\w+)`", row)}
    elsewhere = {"training_job", "training_jobs", "warm_start_config", "training_job_definitions"}
    assert told == {field.name for field in dataclasses.fields(model)} - elsewhere


def rows(model: str) -> tuple[str, list[tuple[str, str]]]:
    """Below which member a table's members are, and its fields with what they become, if they become a member."""
    table = tables()[model]
    found = re.findall(r"^\| (`[^|]*`) \| (?:`([\w.]+)`)? ?\|", table, re.M)
    return re.findall(r"Members below `([\w.]+)`", table)[0], [(names.strip("`"), member) for names, member in found]


@pytest.mark.parametrize("model", [model for model in FIELDS if model is not IntegerParameterRange])
def test_every_row_is_what_makes_the_requests(model: type) -> None:
    _, told = rows(model.__name__)
    made = [(field.name, ".".join(filter(None, (field.member, field.item)))) for field in FIELDS[model]]
    assert [(name, member) for name, member in told if member] == made


def test_the_two_numeric_ranges_share_a_table() -> None:
    assert FIELDS[IntegerParameterRange] == FIELDS[ContinuousParameterRange]


def test_every_member_of_a_table_is_one_of_the_api() -> None:
    found = 0
    for model in FIELDS.keys() - {IntegerParameterRange}:
        below, told = rows(model.__name__)
        for member in filter(None, (member for _, member in told)):
            shape = _input_shape("CreateHyperParameterTuningJob")
            for name in f"{below}.{member}".split("."):
                shape = getattr(shape, "member", shape)
                assert name in shape.members, f"{below}.{member}"
                shape = shape.members[name]
            found += 1
    assert found > 60
