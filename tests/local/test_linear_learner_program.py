"""The Linear Learner program: how well it learns, the lines it prints, and what it says to bad input."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from flytekit_sagemaker.algorithms import algorithm
from flytekit_sagemaker.types import AlgorithmName

from .program_jobs import Job, Run, records

PROGRAM = "flytekit_sagemaker.local.programs.linear_learner"
METRICS = algorithm(AlgorithmName.LINEAR_LEARNER).metric_definitions()
BINARY = {"predictor_type": "binary_classifier"}
REGRESSOR = {"predictor_type": "regressor"}
DIGITS = {"predictor_type": "multiclass_classifier", "num_classes": "10"}
CHANNELS = ("train", "validation", "test")


def split(load: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    features, labels = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(features))
    parts = np.split(order, [len(order) * 6 // 10, len(order) * 8 // 10])
    tables = ((features[part].astype(np.float32), labels[part]) for part in parts)
    return dict(zip(CHANNELS, tables, strict=True))


DATA = {
    "binary_classifier": split(load_breast_cancer),
    "regressor": split(load_diabetes),
    "multiclass_classifier": split(load_digits),
}


def train(job: Job, hyperparameters: dict[str, str], channels: tuple[str, ...] = CHANNELS) -> Run:
    """Run on the data of the predictor type, in records."""
    job.base.mkdir(parents=True)
    for channel in channels:
        features, labels = DATA[hyperparameters["predictor_type"]][channel]
        job.channel(channel, None, part=records(job.base, features, labels))
    return job.run(hyperparameters)


def metrics_of(run: Run) -> dict[str, list[float]]:
    """Every value of every metric, as the service's own expressions read them."""
    assert run.code == 0, run.log
    found = {name: [float(value) for value in re.findall(regex, run.log)] for name, regex in METRICS}
    return {name: values for name, values in found.items() if values}


def model_of(run: Run) -> dict[str, np.ndarray]:
    return dict(np.load(run.base / "model" / "model_algo-1"))


def scores(run: Run, features: np.ndarray) -> np.ndarray:
    model = model_of(run)
    return features @ model["weights"] + model["bias"]


def test_a_binary_classifier(job: Job) -> None:
    run = train(job, BINARY)
    found = metrics_of(run)
    for data in ("validation", "test"):
        assert found[f"{data}:binary_classification_accuracy"][-1] > 0.92
        assert found[f"{data}:roc_auc_score"][-1] > 0.97
        assert found[f"{data}:precision"][-1] > 0.9
        assert found[f"{data}:recall"][-1] > 0.9
        assert found[f"{data}:binary_f_beta"][-1] > 0.92
    losses = found["validation:objective_loss"]
    assert losses[-1] < losses[0]
    assert len(losses) == len(found["train:objective_loss"]) == len(found["train:progress"])
    assert {"validation:objective_loss:final", "test:objective_loss", "train:throughput"} <= set(found)
    features, labels = DATA["binary_classifier"]["test"]
    said = 1 / (1 + np.exp(-scores(run, features)[:, 0])) >= model_of(run)["threshold"]
    assert np.mean(said == labels) == pytest.approx(found["test:binary_classification_accuracy"][-1])


def test_a_regressor(job: Job) -> None:
    run = train(job, REGRESSOR)
    found = metrics_of(run)
    features, labels = DATA["regressor"]["test"]
    assert found["test:mse"][-1] < 0.7 * labels.var()
    assert found["test:mse"][-1] == pytest.approx(np.mean((scores(run, features)[:, 0] - labels) ** 2))
    assert found["test:objective_loss"] == found["test:mse"]
    assert found["validation:rmse"][-1] == pytest.approx(found["validation:mse"][-1] ** 0.5)
    assert found["test:absolute_loss"][-1] < np.abs(labels - np.median(labels)).mean()


def test_a_multiclass_classifier(job: Job) -> None:
    run = train(job, DIGITS)
    found = metrics_of(run)
    features, labels = DATA["multiclass_classifier"]["test"]
    assert found["test:multiclass_accuracy"][-1] > 0.9
    assert found["test:multiclass_accuracy"][-1] == pytest.approx(
        np.mean(scores(run, features).argmax(axis=1) == labels)
    )
    assert found["test:multiclass_top_k_accuracy"][-1] > found["test:multiclass_accuracy"][-1]
    for name in ("dcg", "macro_f_beta", "macro_precision", "macro_recall"):
        assert 0.9 < found[f"test:{name}"][-1] < 1


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop"])
def test_every_optimizer_learns(job: Job, optimizer: str) -> None:
    run = train(job, {**BINARY, "optimizer": optimizer, "mini_batch_size": "50", "momentum": "0.5"})
    assert metrics_of(run)["test:binary_classification_accuracy"][-1] > 0.9


@pytest.mark.parametrize(
    ("hyperparameters", "share_below"),
    [
        ({"loss": "absolute_loss"}, 0.5),
        ({"loss": "eps_insensitive_squared_loss"}, 0.5),
        ({"loss": "eps_insensitive_absolute_loss"}, 0.5),
        ({"loss": "huber_loss", "huber_delta": "0.5"}, 0.5),
        ({"loss": "quantile_loss", "quantile": "0.9"}, 0.9),
        ({"loss": "quantile_loss", "quantile": "0.2"}, 0.2),
    ],
)
def test_every_loss_of_a_regressor(job: Job, hyperparameters: dict[str, str], share_below: float) -> None:
    run = train(job, {**REGRESSOR, **hyperparameters, "mini_batch_size": "40"})
    assert metrics_of(run)
    features, labels = DATA["regressor"]["train"]
    assert np.mean(labels < scores(run, features)[:, 0]) == pytest.approx(share_below, abs=0.12)


def test_the_threshold_follows_the_model_selection_criterion(job: Job) -> None:
    precise = {"binary_classifier_model_selection_criteria": "recall_at_target_precision", "target_precision": "0.98"}
    run = train(job, {**BINARY, "loss": "hinge_loss", **precise}, ("train", "validation"))
    assert metrics_of(run)["validation:precision"][-1] >= 0.98


def test_the_weight_of_positive_examples_moves_the_model(job: Job, tmp_path: Path) -> None:
    criterion = {"binary_classifier_model_selection_criteria": "loss_function"}
    recalls = []
    for weight in ("0.01", "100"):
        one = Job(tmp_path / weight, PROGRAM, job.warm_parent)
        run = train(one, {**BINARY, **criterion, "positive_example_weight_mult": weight})
        recalls.append(metrics_of(run)["test:recall"][-1])
    assert recalls[0] < recalls[1]


def test_weight_decay_leaves_the_bias_alone_unless_it_is_told_otherwise(job: Job, tmp_path: Path) -> None:
    as_given = dict.fromkeys(("normalize_data", "normalize_label", "unbias_data", "unbias_label"), "false")
    decayed = {**REGRESSOR, **as_given, "wd": "1", "optimizer": "sgd"}
    biases = []
    for share in ("0", "1"):
        one = Job(tmp_path / share, PROGRAM, job.warm_parent).channel("train", "text/csv", part_csv="4,0\n" * 20)
        biases.append(model_of(one.run({**decayed, "bias_wd_mult": share, "epochs": "100"}))["bias"].item())
    assert biases[0] == pytest.approx(4, abs=0.1)
    assert 0 < biases[1] < 3.5


def test_a_feature_that_is_always_the_same_does_no_harm(job: Job) -> None:
    rows = "".join(f"{label},0.1,{label + 0.1 * step}\n" for step in range(20) for label in (0, 1))
    run = job.channel("train", "text/csv", part_csv=rows).run(BINARY)
    assert metrics_of(run)["train:binary_classification_accuracy"][-1] > 0.7
    assert np.abs(model_of(run)["weights"]).max() < 10


def test_training_stops_when_it_does_not_get_better(job: Job) -> None:
    run = train(job, {**REGRESSOR, "epochs": "500", "early_stopping_patience": "2"})
    assert 2 < len(metrics_of(run)["validation:objective_loss"]) < 500


def test_the_same_job_gives_the_same_model_from_every_form_of_the_data(job: Job, tmp_path: Path) -> None:
    features, labels = DATA["multiclass_classifier"]["train"]
    csv = "\n".join(",".join(map(repr, row)) for row in np.column_stack([labels, features]).tolist()).encode()
    dense = records(tmp_path, features, labels)
    models = []
    for name, channel in {
        "records": lambda job: job.channel("train", None, part=dense),
        "again": lambda job: job.channel("train", None, part=dense),
        "sparse": lambda job: job.channel("train", None, part=records(tmp_path, csr_matrix(features), labels)),
        "csv": lambda job: job.channel("train", "text/csv", part=csv),
        "pipe": lambda job: job.pipe("train", "application/x-recordio-protobuf", dense),
    }.items():
        run = channel(Job(tmp_path / name, PROGRAM, job.warm_parent)).run({**DIGITS, "feature_dim": "64"})
        assert run.code == 0, run.log
        models.append(model_of(run)["weights"])
    assert np.array_equal(models[0], models[1])
    for model in models[2:]:
        assert np.allclose(model, models[0])


def test_sparse_features_may_be_many_more_than_memory_has_room_for_zeros(job: Job, tmp_path: Path) -> None:
    rows, width = 10_000, 1_000_000
    labels = np.arange(rows) % 2
    features = csr_matrix((labels * 2.0 - 1, labels * (width - 1), np.arange(rows + 1)), shape=(rows, width))
    channel = job.channel("train", None, part=records(tmp_path, features, labels))
    run = channel.run({**BINARY, "epochs": "1", "mini_batch_size": "10000"})
    assert run.code == 0, run.log


def test_a_model_that_tells_nothing_apart_answers_with_the_more_frequent_class(job: Job) -> None:
    run = job.channel("train", "text/csv", part_csv="0,1\n" * 9 + "1,1\n").run(BINARY)
    assert metrics_of(run)["train:binary_classification_accuracy"] == [0.9]


def test_what_has_no_effect_is_said(job: Job) -> None:
    run = train(job, {**BINARY, "num_models": "32", "positive_example_weight_mult": "auto"}, ("train",))
    assert "num_models=32 has no effect here" in run.log
    assert "positive_example_weight_mult=auto is taken for balanced" in run.log


@pytest.mark.parametrize(
    ("hyperparameters", "text", "content_type", "said"),
    [
        ({}, "1,2\n", "text/csv", "Missing required hyperparameter: predictor_type"),
        ({**BINARY, "loss": "mse"}, "1,2\n", "text/csv", "loss"),
        ({**BINARY, "feature_dim": "3"}, "1,2\n0,3\n", "text/csv", "feature_dim is 3, but the channel train has 1"),
        (BINARY, "1,2\n2,3\n", "text/csv", "a whole number from 0 to 1 with predictor_type=binary_classifier: it is 2"),
        (DIGITS, "1,2\n10,3\n", "text/csv", "part.csv, row 2, 1 of 2 labels are wrong"),
        (REGRESSOR, "1,2\n3,\n", "text/csv", "part.csv, row 2, feature 1"),
        (REGRESSOR, "1,2\n3,4\n", None, "part.csv, record 1 = b"),
        (
            {**REGRESSOR, "optimizer": "sgd", "learning_rate": "1e200", "normalize_data": "false"},
            "1,1\n3,1e9\n" * 4,
            "text/csv",
            "training diverges. Use a smaller learning_rate",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    job: Job, hyperparameters: dict[str, str], text: str, content_type: str | None, said: str
) -> None:
    assert said in job.channel("train", content_type, part_csv=text).run(hyperparameters).refusal


def test_records_without_labels_are_refused(job: Job, tmp_path: Path) -> None:
    run = job.channel("train", None, part=records(tmp_path, [[1.0]])).run(REGRESSOR)
    assert "Every record must have a label" in run.refusal


def test_sigterm_saves_the_best_model(job: Job) -> None:
    job.channel("train", "text/csv", part_csv="1,2\n0,3\n1,5\n")
    endless = {**BINARY, "epochs": "1000000", "early_stopping_patience": "1000000"}
    run = job.run_until("epoch=20,", endless)
    assert run.code == 0
    assert "the model of the last round is saved" in run.log
    assert model_of(run)["weights"].shape == (1, 1)
