"""Cross-validation inside one training job: the container's ``_kfold`` and ``_num_cv_round`` hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
import xgboost
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

from flytekit_sagemaker.local.programs import data
from flytekit_sagemaker.local.programs.container import Container, TrainingError, log
from flytekit_sagemaker.local.programs.xgboost_training import (
    MODEL_FILE,
    LastRound,
    Training,
    matrix,
    metric_line,
    save_model,
)

PREDICTIONS_FILE = "predictions.csv"

_COLUMNS = ("features", "label", "weight")


def cross_validate(container: Container, training: Training, tables: Mapping[str, data.Table]) -> None:
    """Train one model per fold of all data, print the mean metrics, keep the models and the out-of-fold predictions.

    As in the container, every fold's model is evaluated on the whole train and validation channels.

    Writes ``xgboost-model-<n>`` per fold to the model directory, and ``predictions.csv`` to the output data: the label
    and the mean prediction of the rounds for every example.
    """
    folds = int(training.given["_kfold"])
    repeats = int(training.given.get("_num_cv_round", 1))
    features, label, weight = (_stacked([getattr(t, name) for t in tables.values()]) for name in _COLUMNS)
    if folds > len(label):
        raise TrainingError(f"_kfold is {folds}, but there are {len(label)} examples.")
    classify = training.objective.startswith(("binary:", "multi:"))
    splitter = (RepeatedStratifiedKFold if classify else RepeatedKFold)(
        n_splits=folds, n_repeats=repeats, random_state=abs(int(training.given.get("seed", 0)))
    )
    threads = training.params.get("nthread")
    evals = [(matrix(table, threads), channel) for channel, table in tables.items()]
    sums: np.ndarray[Any, Any] | None = None
    scores: list[dict[str, dict[str, float]]] = []
    try:
        splits = list(splitter.split(features, label))
    except ValueError as error:
        raise TrainingError(f"The data cannot be split into {folds} folds: {error}") from None
    for number, (inside, outside) in enumerate(splits):
        log(f"Fold {number + 1} of {len(splits)}")
        inner, outer = (
            xgboost.DMatrix(
                features[rows], label[rows], weight=None if weight is None else weight[rows], nthread=threads
            )
            for rows in (inside, outside)
        )
        last_round = LastRound()
        early_stopping = training.early_stopping() if "validation" in tables else []
        booster = training.fit(inner, evals, training.rounds, [last_round, *early_stopping])
        save_model(booster, container.model_dir / f"{MODEL_FILE}-{number}")
        predicted = np.asarray(booster.predict(outer))
        if sums is None:
            sums = np.zeros((len(label), *predicted.shape[1:]))
        sums[outside] += predicted
        scores.append(last_round.values)
    mean = {d: {m: float(np.mean([s[d][m] for s in scores])) for m in named} for d, named in scores[0].items()}
    print(metric_line(training.rounds, mean), flush=True)
    assert sums is not None
    frame = pd.DataFrame(np.column_stack([label, sums / repeats]))
    frame.to_csv(container.output_data_dir / PREDICTIONS_FILE, header=False, index=False)


def _stacked(parts: list[Any]) -> Any:
    if any(part is None for part in parts):
        return None
    return scipy.sparse.vstack(parts).tocsr() if scipy.sparse.issparse(parts[0]) else np.concatenate(parts)
