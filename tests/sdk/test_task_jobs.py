"""Functions of class style as training jobs, trained and tuned on this machine."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import joblib
import pandas
import pytest

from flytekit_sagemaker.errors import JobFailed, JobNotCreated

from . import functions

SEARCH = {
    "tuning_strategy": "RANDOM",
    "tuning_objective": {"objective_type": "MINIMIZE", "metric_name": "validation:error"},
}
RANGES = {
    "depth": {"integer_parameter_range": {"min_value": 1, "max_value": 9}},
    "min_samples_leaf": {"integer_parameter_range": {"min_value": 2, "max_value": 5}},
    "kernel": {"categorical_parameter_range": {"values": ["linear", "rbf"]}},
}


@pytest.fixture(autouse=True)
def without_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs run, whatever earlier runs of the tests have left."""
    monkeypatch.setenv("FLYTE_LOCAL_CACHE_ENABLED", "false")


@pytest.fixture
def data(csv_data: Any) -> dict[str, str]:
    return {"train": str(csv_data.train), "validation": str(csv_data.validation)}


def test_the_function_gets_its_inputs_and_sets_its_outputs(use_sagemaker: Any, data: dict[str, str]) -> None:
    result = functions.train_tree(
        **data,
        hyperparameters={"min_samples_leaf": 3, "ccp_alpha": 0.0},
        stopping_condition={"max_runtime_in_seconds": 77},
        depth=2,
        rate=0.25,
        kernel="rbf",
        shrink=True,
    )
    seen = result.seen
    assert math.isnan(seen.pop("nothing"))
    assert Path(seen.pop("folder")).is_absolute()
    assert seen == {
        "hyperparameters": {"min_samples_leaf": 3, "ccp_alpha": 0.0},
        "depth": 2,
        "rate": 0.25,
        "kernel": "rbf",
        "shrink": True,
        "max_runtime": 77,
        "rows": [300, 269],
        "host": "algo-1",
        "context": ["datetime", "Logger", seen["context"][2]],
    }
    assert 0 < result.error < 0.2
    tree = joblib.load(result.model.download())
    assert tree.get_depth() == 2
    assert tree.n_features_in_ == 30


def test_inputs_and_hyperparameters_are_tuned(use_sagemaker: Any, data: dict[str, str]) -> None:
    given = {"hyperparameters": {"ccp_alpha": 0.0}, "rate": 0.0, "shrink": False}
    result = functions.tune_tree(**data, **given, **RANGES, hyperparameter_tuning_job_config=SEARCH)
    trials = result.trials.open(pandas.DataFrame).all()
    best = trials.set_index("training_job_name").loc[result.best_job_name]
    assert len(trials) == 3
    assert result.error == pytest.approx(result.best_objective) == pytest.approx(trials["objective"].min())
    assert (result.seen["depth"], result.seen["kernel"]) == (best["depth"], best["kernel"])
    assert result.seen["hyperparameters"] == {"ccp_alpha": 0.0, "min_samples_leaf": best["min_samples_leaf"]}
    assert joblib.load(result.model.download()).get_depth() <= best["depth"]
    assert functions.best_of(trials=result.trials).best == pytest.approx(result.best_objective)


def test_a_range_has_to_suit_the_declared_type(use_sagemaker: Any, data: dict[str, str]) -> None:
    wrong = {**RANGES, "depth": {"continuous_parameter_range": {"min_value": 0, "max_value": 1}}}
    given = {"hyperparameters": {}, "rate": 0.0, "shrink": False}
    with pytest.raises(JobNotCreated, match="depth.*cannot choose a value for an input of type int"):
        functions.tune_tree(**data, **given, **wrong, hyperparameter_tuning_job_config=SEARCH)


def test_what_is_pre_defined_needs_no_declaration(use_sagemaker: Any, data: dict[str, str]) -> None:
    model = functions.everything_is_pre_defined(train=data["train"], hyperparameters={"a": 1}).model
    assert Path(model.download()).read_text() == "(300, 31) {'a': 1}"


def test_channels_have_other_names_and_types(use_sagemaker: Any, data: dict[str, str]) -> None:
    table = f"{data['train']}/data.csv"
    assert functions.channels_of_other_kinds(table=table).rows == 300
    assert functions.channels_of_other_kinds(table=table, more=data["validation"]).rows == 269


def test_a_host_whose_outputs_do_not_count_need_not_set_them(use_sagemaker: Any) -> None:
    result = functions.only_the_first_host_sets()
    assert result.rank == 0
    assert Path(result.model.download()).read_text() == '{"hosts": 2}'


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("set one", ["model was never set"]),
        ("set wrongly", ["the output score", "'high': must be a number"]),
        ("returned", ["was returned, and outputs are set"]),
        ("fails", ["ValueError: cannot train on this", "functions.py"]),
    ],
)
def test_a_job_that_fails_says_why(use_sagemaker: Any, what: str, words: list[str]) -> None:
    with pytest.raises(JobFailed) as failed:
        functions.forget(hyperparameters={"what": what})
    for word in words:
        assert word in str(failed.value)
    assert "class_style.py" not in str(failed.value)
