"""The XGBoost program: what it prints, what it leaves behind, and what it says to bad input."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.metrics import accuracy_score, roc_auc_score

from flytekit_sagemaker.algorithms import algorithm
from flytekit_sagemaker.types import AlgorithmName

from .program_jobs import Job, Run, records

PROGRAM = "flytekit_sagemaker.local.programs.xgboost"
METRICS = algorithm(AlgorithmName.XGBOOST).metric_definitions()
BINARY = {"num_round": "8", "objective": "binary:logistic"}


def rounds_of(run: Run) -> list[dict[str, float]]:
    """The metrics of every printed round, as the service's own regexes read them."""
    found = []
    for line in run.log.replace("\t", "#011").splitlines():
        values = {name: m[1] for name, regex in METRICS if (m := re.search(regex, line))}
        if values:
            found.append({name: float(value) for name, value in values.items()})
    return found


def model_of(run: Run) -> xgboost.Booster:
    booster = xgboost.Booster()
    booster.load_model(run.base / "model" / "xgboost-model")
    return booster


def as_csv(features: np.ndarray[Any, Any], label: np.ndarray[Any, Any], *more: np.ndarray[Any, Any]) -> str:
    rows = np.column_stack([label, *more, features])
    return "\n".join(",".join(f"{value:g}" for value in row) for row in rows) + "\n"


def as_libsvm(features: np.ndarray[Any, Any], label: np.ndarray[Any, Any]) -> str:
    lines = zip(features, label, strict=True)
    return "\n".join(f"{y:g} " + " ".join(f"{i}:{v:g}" for i, v in enumerate(x) if v) for x, y in lines) + "\n"


def shuffled(load: Callable[..., Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    features, label = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(label))
    return features[order], label[order]


CANCER, MALIGNANT = shuffled(load_breast_cancer)
TRAIN, HELD_OUT = as_csv(CANCER[:400], MALIGNANT[:400]), as_csv(CANCER[400:], MALIGNANT[400:])


@pytest.fixture
def cancer(job: Job) -> Job:
    return job.channel("train", part_csv=TRAIN).channel("validation", part_csv=HELD_OUT)


pytestmark = pytest.mark.filterwarnings("ignore:.*Unknown file format")  # SageMaker's file name has no extension


def test_trains_prints_metrics_and_leaves_a_model_for_plain_xgboost(cancer: Job) -> None:
    run = cancer.run({**BINARY, "eval_metric": "auc,logloss", "max_depth": "4", "eta": "0.5"})
    assert run.code == 0, run.log
    assert len(rounds_of(run)) == 8
    assert set(rounds_of(run)[0]) == {
        f"{data}:{name}" for data in ("train", "validation") for name in ("auc", "logloss")
    }
    assert re.search(r"^\[0\]\ttrain-auc:0\.\d{5}\ttrain-logloss:", run.log, re.M)
    predicted = model_of(run).predict(xgboost.DMatrix(CANCER[400:]))
    assert roc_auc_score(MALIGNANT[400:], predicted) == pytest.approx(rounds_of(run)[-1]["validation:auc"], abs=1e-4)
    assert rounds_of(run)[-1]["validation:auc"] > 0.97
    assert [path.name for path in (run.base / "model").iterdir()] == ["xgboost-model"]
    assert not (run.base / "output" / "failure").exists()


def test_runs_as_a_module_of_its_own(cancer: Job) -> None:
    cancer.configure(BINARY)
    done = subprocess.run(
        [sys.executable, "-m", PROGRAM],
        env={**os.environ, **cancer.environment("1.7-1")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("validation-logloss") == 8


def test_a_metric_without_a_value_is_explained(job: Job) -> None:
    job.channel("train", a_csv=TRAIN).channel("validation", a_csv=as_csv(CANCER[:9], np.ones(9)))
    run = job.run({**BINARY, "eval_metric": "auc"})
    assert run.code == 0
    assert run.log.count("validation-auc is not defined on this data") == 1
    assert set(rounds_of(run)[-1]) == {"train:auc"}


def test_ranking_with_query_groups(job: Job) -> None:
    lines = as_libsvm(CANCER[:200], MALIGNANT[:200]).splitlines()
    grouped = [line.replace(" ", f" qid:{number // 20} ", 1) for number, line in enumerate(lines)]
    run = job.channel("train", "text/libsvm", data="\n".join(grouped)).run(
        {"num_round": "5", "objective": "rank:ndcg", "eval_metric": "ndcg"}
    )
    assert run.code == 0, run.log
    assert rounds_of(run)[-1]["train:ndcg"] > 0.9


def test_the_tuning_objective_is_added_to_the_metrics(cancer: Job) -> None:
    run = cancer.run({**BINARY, "eval_metric": "logloss", "_tuning_objective_metric": "validation:auc"})
    assert set(rounds_of(run)[-1]) == {
        f"{data}:{name}" for data in ("train", "validation") for name in ("auc", "logloss")
    }


def test_metrics_that_the_container_computes(cancer: Job) -> None:
    names = "accuracy,balanced_accuracy,f1,f1_binary,f1_macro,precision,precision_micro,recall,recall_macro,mse,r2"
    run = cancer.run({**BINARY, "eval_metric": f"auc,{names}"})
    assert run.code == 0, run.log
    last = rounds_of(run)[-1]
    assert {f"validation:{name}" for name in names.split(",")} <= set(last)
    found = model_of(run).predict(xgboost.DMatrix(CANCER[400:])) > 0.5
    assert last["validation:accuracy"] == pytest.approx(accuracy_score(MALIGNANT[400:], found), abs=1e-5)


@pytest.mark.parametrize("objective", ["multi:softmax", "multi:softprob"])
def test_several_classes(job: Job, objective: str) -> None:
    wine, kind = shuffled(load_wine)
    job.channel("train", a_csv=as_csv(wine[:120], kind[:120])).channel(
        "validation", a_csv=as_csv(wine[120:], kind[120:])
    )
    run = job.run(
        {"num_round": "6", "objective": objective, "num_class": "3", "eval_metric": "mlogloss,accuracy,f1_macro"}
    )
    assert run.code == 0, run.log
    assert rounds_of(run)[-1]["validation:accuracy"] > 0.85


@pytest.mark.parametrize(
    ("objective", "version", "metric"),
    [
        ("binary:logistic", "1.2-1", "error"),
        ("binary:logistic", "1.3-1", "logloss"),
        ("reg:linear", "0.72", "rmse"),
        ("rank:pairwise", "0.72", "map"),
    ],
)
def test_default_metric_is_that_of_the_version(cancer: Job, objective: str, version: str, metric: str) -> None:
    run = cancer.run({"num_round": "2", "objective": objective}, version)
    assert run.code == 0, run.log
    assert set(rounds_of(run)[-1]) == {f"train:{metric}", f"validation:{metric}"}


def test_hyperparameters_that_the_library_lost_are_translated(cancer: Job) -> None:
    legacy = {
        "silent": "1",
        "dsplit": "row",
        "predictor": "gpu_predictor",
        "sketch_eps": "0.03",
        "tree_method": "gpu_hist",
        "updater": "grow_histmaker,prune",
        "lambda_bias": "0",
    }
    run = cancer.run({**BINARY, **legacy}, "1.0-1")
    assert run.code == 0, run.log
    for name in ("silent", "dsplit", "predictor", "sketch_eps", "gpu_hist", "lambda_bias"):
        assert len([line for line in run.log.splitlines() if name in line]) == 1, run.log


def test_the_version_decides_what_is_accepted(cancer: Job) -> None:
    run = cancer.run({**BINARY, "silent": "1"}, "3.0-5")
    assert run.code == 1
    assert "Extraneous hyperparameter found: silent" in run.failure


def test_early_stopping_keeps_the_best_model(cancer: Job) -> None:
    run = cancer.run(
        {**BINARY, "num_round": "200", "eta": "1", "eval_metric": "error,logloss", "early_stopping_rounds": "3"}
    )
    losses = [values["validation:logloss"] for values in rounds_of(run)]
    assert len(losses) < 200
    assert model_of(run).num_boosted_rounds() == losses.index(min(losses)) + 1 == len(losses) - 3


def test_early_stopping_without_a_metric_is_ignored_with_a_warning(cancer: Job) -> None:
    run = cancer.run({**BINARY, "num_round": "40", "eta": "1", "early_stopping_rounds": "1"})
    assert run.code == 0
    assert len(rounds_of(run)) == 40
    assert "WARNING] early_stopping_rounds" in run.log


def test_data_may_lie_in_several_files_and_folders(job: Job) -> None:
    parts = [as_csv(CANCER[rows], MALIGNANT[rows]) for rows in (slice(0, 200), slice(200, 300), slice(300, 400))]
    job.channel("train", a_csv=parts[0], day__b_csv=parts[1], day__hour__c_csv=parts[2], _SUCCESS="")
    run = job.run(BINARY)
    assert run.code == 0, run.log
    assert "Train matrix has 400 rows and 30 columns" in run.log
    assert set(rounds_of(run)[-1]) == {"train:logloss"}


def test_missing_values_and_other_delimiters(job: Job) -> None:
    rows = TRAIN.replace(",", ";").splitlines()
    rows[3] = ";".join(["1", "", *rows[3].split(";")[2:-1], ""])
    run = job.channel("train", a_csv="\n".join(rows)).run(BINARY)
    assert run.code == 0, run.log
    assert "matrix has 400 rows and 30 columns" in run.log


def test_csv_weights(job: Job) -> None:
    only_first_class = (MALIGNANT[:400] == 0).astype(float) + 1e-6
    job.channel("train", a_csv=as_csv(CANCER[:400], MALIGNANT[:400], only_first_class))
    run = job.run({**BINARY, "csv_weights": "1"})
    assert "matrix has 400 rows and 30 columns" in run.log
    assert model_of(run).predict(xgboost.DMatrix(CANCER)).max() < 0.5


def test_libsvm_is_the_default_content_type(job: Job) -> None:
    job.channel("train", None, data=as_libsvm(CANCER[:400], MALIGNANT[:400]))
    job.channel("validation", None, data=as_libsvm(CANCER[400:, :29], MALIGNANT[400:]))
    run = job.run({**BINARY, "eval_metric": "auc"})
    assert run.code == 0, run.log
    assert rounds_of(run)[-1]["train:auc"] > 0.97


def test_records_train_the_same_model_as_csv(job: Job, tmp_path: Path) -> None:
    features, label = CANCER[:400].astype(np.float32), MALIGNANT[:400]
    csv = "\n".join(",".join(map(repr, row)) for row in np.column_stack([label, features]).tolist())
    models = []
    for name, content_type, content in (
        ("csv", "text/csv", csv.encode()),
        ("records", "application/x-recordio-protobuf", records(tmp_path, features, label)),
    ):
        one = Job(tmp_path / name, PROGRAM, job.warm_parent).channel("train", content_type, part=content)
        run = one.run(BINARY)
        assert run.code == 0, run.log
        models.append(model_of(run).predict(xgboost.DMatrix(CANCER)))
    assert np.array_equal(*models)


def parquet(*parts: np.ndarray[Any, Any]) -> bytes:
    """Files of Parquet, one after the other."""
    file = io.BytesIO()
    for part in parts:
        pandas.DataFrame(part).rename(columns=str).to_parquet(written := io.BytesIO())
        file.write(written.getvalue())
    return file.getvalue()


@pytest.mark.parametrize("content_type", ["text/csv", "application/x-parquet", "application/x-recordio-protobuf"])
def test_pipes_train_the_same_model_as_files(job: Job, tmp_path: Path, content_type: str) -> None:
    rows = np.column_stack([MALIGNANT, CANCER]).astype(np.float32)
    train, more, validation = rows[:200], rows[200:400], rows[400:]

    def content(*parts: np.ndarray[Any, Any]) -> bytes:
        if content_type == "text/csv":
            return "".join(",".join(map(repr, row)) + "\n" for part in parts for row in part.tolist()).encode()
        if content_type == "application/x-parquet":
            return parquet(*parts)
        return b"".join(records(tmp_path, part[:, 1:], part[:, 0]) for part in parts)

    filed = Job(tmp_path / "files", PROGRAM, job.warm_parent)
    filed.channel("train", content_type, a=content(train), b=content(more))
    filed.channel("validation", content_type, a=content(validation))
    job.pipe("train", content_type, content(train, more)).pipe("validation", content_type, content(validation))
    hyperparameters = {**BINARY, "eval_metric": "auc"}
    runs = [each.run(hyperparameters, version="1.7-1") for each in (filed, job)]
    assert [run.code for run in runs] == [0, 0], runs[1].log
    assert rounds_of(runs[1]) == rounds_of(runs[0])
    assert "Train matrix has 400 rows and 30 columns" in runs[1].log
    assert np.array_equal(*(model_of(run).predict(xgboost.DMatrix(CANCER)) for run in runs))
    assert not [path for path in (job.base / "input" / "data").iterdir() if path.is_dir()]


def test_what_is_wrong_in_a_pipe_is_located(job: Job) -> None:
    run = job.pipe("train", "text/csv", (TRAIN + "x" + TRAIN.splitlines()[0][1:]).encode()).run(BINARY, version="1.7-1")
    assert re.search(r"'x': must be a number: \S*train_0, line 401", run.failure), run.log


@pytest.mark.parametrize(
    ("content_type", "version"), [("text/csv", "3.0-5"), ("text/csv", ""), ("text/libsvm", "1.7-1")]
)
def test_pipes_that_the_container_does_not_take_are_refused(job: Job, content_type: str, version: str) -> None:
    run = job.pipe("train", content_type, TRAIN.encode()).run(BINARY, version=version)
    assert run.code == 1
    assert "Channel train: Pipe mode is not supported" in run.failure


def test_records_without_labels_are_refused(job: Job, tmp_path: Path) -> None:
    run = job.channel("train", "application/x-recordio-protobuf", part=records(tmp_path, CANCER)).run(BINARY)
    assert "Every record must have a label" in run.failure


def test_kfold(cancer: Job) -> None:
    run = cancer.run({**BINARY, "eval_metric": "auc", "_kfold": "3", "_num_cv_round": "2"})
    assert run.code == 0, run.log
    assert re.findall(r"^\[(\d+)\]", run.log, re.M)[-1] == "8"
    assert {path.name for path in (run.base / "model").iterdir()} == {f"xgboost-model-{n}" for n in range(6)}
    label, predicted = np.loadtxt(run.base / "output" / "data" / "predictions.csv", delimiter=",").T
    assert len(label) == len(CANCER)
    assert roc_auc_score(label, predicted) > 0.97


CHECKPOINTS = {"checkpointconfig": {"LocalPath": "/opt/ml/checkpoints", "S3Uri": "s3://bucket/checkpoints"}}


def test_checkpoints_are_resumed(cancer: Job) -> None:
    cancer.run({**BINARY, "num_round": "4"}, **CHECKPOINTS)
    assert (cancer.base / "checkpoints" / "xgboost-checkpoint.3").is_file()
    (cancer.base / "log").unlink()
    second = cancer.run({**BINARY, "num_round": "10"}, **CHECKPOINTS)
    assert re.findall(r"^\[(\d+)\]", second.log, re.M) == ["4", "5", "6", "7", "8", "9"]
    assert model_of(second).num_boosted_rounds() == 10
    assert "WARNING" not in second.log
    third = cancer.run({**BINARY, "num_round": "12"}, **CHECKPOINTS)
    assert model_of(third).num_boosted_rounds() == 12
    kept = [path.name for path in (cancer.base / "checkpoints").iterdir()]
    assert len(kept) == 5
    assert {"xgboost-checkpoint.3", "xgboost-checkpoint.9", "xgboost-checkpoint.11"} <= set(kept)


def test_sigterm_saves_the_checkpoint_of_the_last_round(cancer: Job) -> None:
    run = cancer.run_until("[20]", {**BINARY, "num_round": "1000000"}, **CHECKPOINTS)
    assert run.code == -signal.SIGTERM
    printed = int(re.findall(r"^\[(\d+)\]", run.log, re.M)[-1])
    last = max(int(path.suffix[1:]) for path in (cancer.base / "checkpoints").iterdir())
    assert last in (printed, printed + 1)
    (cancer.base / "log").unlink()
    resumed = cancer.run({**BINARY, "num_round": str(last + 3)}, **CHECKPOINTS)
    assert re.findall(r"^\[(\d+)\]", resumed.log, re.M) == [str(last + 1), str(last + 2)]
    assert model_of(resumed).num_boosted_rounds() == last + 3


def test_sigterm_saves_the_model_of_the_last_round(cancer: Job) -> None:
    (cancer.base / "model").mkdir(exist_ok=True)
    (cancer.base / "model" / "scratch").write_text("")
    run = cancer.run_until("[20]", {**BINARY, "num_round": "1000000", "save_model_on_termination": "true"})
    assert run.code == 0
    assert model_of(run).num_boosted_rounds() > 20
    assert [path.name for path in (cancer.base / "model").iterdir()] == ["xgboost-model"]


@pytest.mark.parametrize(("host", "files"), [("algo-1", ["xgboost-model"]), ("algo-2", [])])
def test_one_host_of_several_trains(cancer: Job, host: str, files: list[str]) -> None:
    run = cancer.run(BINARY, resourceconfig={"current_host": host, "hosts": ["algo-1", "algo-2"]})
    assert run.code == 0, run.log
    model = cancer.base / "model"
    assert [path.name for path in model.iterdir()] == files if model.exists() else files == []


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ("label,a,b\n1,2,3\n0,3,4\n", "part.csv, line 1 is a header"),
        ("M,2,3\nB,3,4\n", "part.csv, line 1, column 1 is the label"),
        ("1,2,3\n0,red,4\n", "part.csv, line 2, column 2"),
        ("1,2,3\n0,3\n", "part.csv, line 2"),
        ("1,2,3\n,3,4\n", "part.csv, line 2, column 1 is the label"),
        ("1,2,3\n2,3,4\n", "label must be in [0,1] for logistic regression: the label is 2"),
        ("1\n0\n", "at least one feature"),
        ("1,2,3\n0,inf,3\n", "Failed to load the data"),
        ("1 1:2 2:3\n0 1:3\n", "text/libsvm"),
        ("", "No data in training channel path"),
    ],
)
def test_bad_training_data_is_located(job: Job, train: str, said: str) -> None:
    run = job.channel("train", part_csv=train).run(BINARY)
    assert run.code == 1
    assert said in run.failure
    assert said in run.log
    assert "Traceback" not in run.log
    assert len(run.failure) <= 1024


@pytest.mark.parametrize(
    ("hyperparameters", "said"),
    [
        ({"objective": "binary:logistic"}, "Missing required hyperparameter: num_round"),
        ({**BINARY, "max_dept": "3"}, "Extraneous hyperparameter found: max_dept. Did you mean 'max_depth'?"),
        ({**BINARY, "max_depth": "6.0"}, "Hyperparameter max_depth: could not parse value. Write '6'."),
        ({**BINARY, "eta": "3.0"}, "Hyperparameter eta: 3.0 is not in [0, 1]"),
        ({"num_round": "2", "objective": "multi:softmax"}, "Require input for parameter 'num_class'"),
        ({"num_round": "2", "objective": "reg:gamma"}, "label must be positive"),
        ({"num_round": "2", "objective": "survival:aft"}, "XGB train call failed with exception"),
        ({**BINARY, "eval_metric": "mlogloss"}, "XGB train call failed with exception"),
        ({**BINARY, "_kfold": "1000"}, "_kfold is 1000"),
    ],
)
def test_bad_hyperparameters_are_refused_in_a_sentence(cancer: Job, hyperparameters: dict[str, str], said: str) -> None:
    run = cancer.run(hyperparameters)
    assert run.code == 1
    assert said.rstrip(".") in run.failure
    assert not run.failure.endswith("."), "the exit code follows after a comma"
    assert "Traceback" not in run.log
    assert not (run.base / "model" / "xgboost-model").exists()


def test_bad_channels_are_refused(job: Job) -> None:
    run = job.channel("test", part_csv=TRAIN).run(BINARY)
    assert run.code == 1
    assert "Missing required channel: train" in run.failure
    assert "Extraneous channel found: test" in run.failure


def test_unlike_channels_are_refused(job: Job) -> None:
    job.channel("train", a_csv=TRAIN).channel("validation", a_csv=as_csv(CANCER[400:, :12], MALIGNANT[400:]))
    run = job.run(BINARY)
    assert run.code == 1
    assert "the train channel has 30 features" in run.failure


def test_empty_validation_and_hidden_files_are_refused(job: Job) -> None:
    job.channel("train", a_csv=TRAIN).channel("validation")
    assert "No data in validation channel path" in job.run(BINARY).failure
    (job.base / "input" / "data" / "validation" / ".hidden").write_text("1,2\n")
    assert "Hidden file found in the data path!" in job.run(BINARY).failure


def test_csv_in_a_libsvm_channel_is_located(job: Job) -> None:
    run = job.channel("train", None, a_csv=TRAIN).run(BINARY)
    assert run.code == 1
    assert "a.csv, line 1" in run.failure
    assert "text/csv" in run.failure


@pytest.mark.parametrize(
    ("content_type", "said"),
    [
        ("application/x-recordio-protobuf", "train/a.csv, record 1"),
        ("application/x-parquet", "channel train"),
    ],
)
def test_files_of_another_format_are_named(job: Job, content_type: str, said: str) -> None:
    run = job.channel("train", content_type, a_csv=TRAIN).run(BINARY)
    assert run.code == 1
    assert said in run.failure
    assert "Traceback" not in run.log
