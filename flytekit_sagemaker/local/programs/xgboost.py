"""The container of built-in XGBoost as an ordinary program: its rules, its lines and its files, on the real library.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html and
https://github.com/aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from xgboost.callback import TrainingCallback

from flytekit_sagemaker.algorithms import algorithm
from flytekit_sagemaker.container.contract import OBJECTIVE_METRIC_HYPERPARAMETER
from flytekit_sagemaker.local.programs import data
from flytekit_sagemaker.local.programs.container import Container, TrainingError, log, on_sigterm, refuse, run
from flytekit_sagemaker.local.programs.xgboost_checkpoints import Checkpoints, newest
from flytekit_sagemaker.local.programs.xgboost_kfold import cross_validate
from flytekit_sagemaker.local.programs.xgboost_training import MODEL_FILE, Monitor, Saver, Training, matrix, save_model
from flytekit_sagemaker.types import AlgorithmName

_DATA_CHANNELS = ("train", "validation")

_LABELS: Mapping[str, tuple[Callable[[Any, int], Any], str]] = {
    "binary:": (lambda label, _: (label >= 0) & (label <= 1), "label must be in [0,1] for logistic regression"),
    "reg:logistic": (lambda label, _: (label >= 0) & (label <= 1), "label must be in [0,1] for logistic regression"),
    "multi:": (
        lambda label, classes: (label >= 0) & (label < classes) & (label == np.floor(label)),
        "label must be discrete values in the range of [0, num_class)",
    ),
    "count:poisson": (lambda label, _: label >= 0, "label must be nonnegative for Poisson regression"),
    "reg:tweedie": (lambda label, _: label >= 0, "label must be nonnegative for Tweedie regression"),
    "reg:gamma": (lambda label, _: label > 0, "label must be positive for gamma regression"),
}
"""What a label has to be, by the objective's beginning; the library's own words for it name neither file nor line."""


def _check_labels(training: Training, table: data.Table, channel: str) -> None:
    for beginning, (is_legal, words) in _LABELS.items():
        if training.objective.startswith(beginning):
            wrong = np.flatnonzero(~is_legal(table.label, training.given.get("num_class", 0)))
            if len(wrong):
                row = int(wrong[0])
                raise TrainingError(
                    f"{words}: the label is {table.label[row]:g} in {data.place(table.files, row)}, "
                    f"{len(wrong)} of {len(table.label)} labels are wrong."
                )


def _tables(container: Container, training: Training) -> dict[str, data.Table]:
    content_type = (
        container.channel_configs["train"].get("ContentType") or algorithm(AlgorithmName.XGBOOST).default_content_type
    )
    weights = training.given.get("csv_weights") == 1
    tables = {}
    for channel in _DATA_CHANNELS:
        if channel in container.channel_configs:
            with data.files(container, channel) as root:
                tables[channel] = data.read(root, content_type, channel, weights=weights)
            _check_labels(training, tables[channel], channel)
    _align(tables)
    return tables


def _align(tables: dict[str, data.Table]) -> None:
    if len(tables) < 2:
        return
    train, validation = (tables[channel] for channel in _DATA_CHANNELS)
    widths = train.features.shape[1], validation.features.shape[1]
    if hasattr(train.features, "resize") and hasattr(train.features, "tocsr"):
        for table in (train, validation):
            table.features.resize((table.features.shape[0], max(widths)))
    elif widths[0] != widths[1]:
        raise TrainingError(
            f"feature_names mismatch: the train channel has {widths[0]} features ({train.files[0][0]}), "
            f"the validation channel {widths[1]} ({validation.files[0][0]})."
        )


def _train(container: Container) -> None:
    rules = algorithm(AlgorithmName.XGBOOST)
    training = Training(container)
    refuse(
        rules.check_channels(
            container.content_types,
            version=container.version,
            piped=container.piped_channels,
            objective_metric=training.given.get(OBJECTIVE_METRIC_HYPERPARAMETER),
        )
    )
    if len(container.hosts) > 1:
        if not container.is_master:
            log(f"Host {container.current_host} takes no part: {container.hosts[0]} trains and saves the model.")
            return
        if container.channel_configs["train"].get("S3DistributionType") == "ShardedByS3Key":
            log("The train channel is sharded and only this host trains: it sees its own share of the data.", "WARNING")
    tables = _tables(container, training)
    for channel, table in tables.items():
        rows, columns = table.features.shape
        log(f"{'Train' if channel == 'train' else 'Validation'} matrix has {rows} rows and {columns} columns")
    if "_kfold" in training.given:
        cross_validate(container, training, tables)
        return
    save_model(_fit_one(container, training, tables), container.model_dir / MODEL_FILE)


def _fit_one(container: Container, training: Training, tables: Mapping[str, data.Table]) -> Any:
    threads = training.params.get("nthread")
    evals = [(matrix(table, threads), channel) for channel, table in tables.items()]
    callbacks: list[TrainingCallback] = []
    start, first_round = None, 0
    on_termination: list[Callable[[], None]] = []
    if container.checkpoints_are_kept:
        start, first_round = newest(container.checkpoint_dir)
        if start:
            log(f"Checkpoint loaded from {start}")
            log(f"Resuming from iteration {first_round}")
        callbacks.append(checkpoints := Checkpoints(container.checkpoint_dir, first_round))
        on_termination.append(checkpoints.save)
    saves_model = training.given.get("save_model_on_termination") == "true"
    if saves_model:
        callbacks.append(Saver(lambda booster, _: save_model(booster, container.model_dir / MODEL_FILE), first_round))
        on_termination.append(lambda: _keep_only_model(container.model_dir))
    if on_termination:
        on_sigterm(*on_termination, and_end_well=saves_model)
    callbacks.append(Monitor(first_round))
    if "validation" in tables:
        callbacks += training.early_stopping()
    return training.fit(evals[0][0], evals, max(0, training.rounds - first_round), callbacks, start)


def _keep_only_model(model_dir: Path) -> None:
    for file in model_dir.iterdir():
        if file.is_file() and file.name != MODEL_FILE:
            file.unlink()


def main() -> int:
    """Train as the container does and return the process's exit code."""
    return run(_train)


if __name__ == "__main__":
    sys.exit(main())
