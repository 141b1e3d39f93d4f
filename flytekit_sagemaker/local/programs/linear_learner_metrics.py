"""The metrics of Linear Learner, and the threshold that a binary classifier answers by.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/linear-learner-tuning.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from flytekit_sagemaker.algorithms.linear_learner import BINARY, REGRESSOR
from flytekit_sagemaker.local.programs.first_party import Array

Settings = Mapping[str, Any]

LOSS_CRITERIA = ("loss_function", "cross_entropy_loss")
"""The values of ``binary_classifier_model_selection_criteria`` by which the loss itself selects the model."""


def metrics(answers: Array, labels: Array, threshold: float, settings: Settings) -> dict[str, float]:
    """What the log says of a model: the metric's words, such as ``mse <loss>``, to its value.

    Args:
        answers: probabilities, margins or predictions, one row per example.
        labels: one number per example.
        threshold: from which answer on a binary classifier says 1.
        settings: ``predictor_type``, ``f_beta`` and ``accuracy_top_k``.
    """
    kind = settings["predictor_type"]
    if kind == BINARY:
        return _binary(answers[:, 0], labels, threshold, settings["f_beta"])
    if kind == REGRESSOR:
        error = answers[:, 0] - labels
        mse = float(np.mean(error**2))
        return {"mse <loss>": mse, "rmse <loss>": mse**0.5, "absolute_loss <loss>": float(np.mean(np.abs(error)))}
    return _multiclass(answers, labels.astype(int), settings)


def calibrate(answers: Array, labels: Array, settings: Settings) -> tuple[float, float]:
    """The threshold that is best by the model selection criterion, and how good it is; more is better.

    It lies between two answers, or above or at all of them.

    Args:
        answers: one number per example, larger where the label is rather 1.
        labels: 0 or 1 per example.
        settings: ``binary_classifier_model_selection_criteria`` and what belongs to it.
    """
    order = np.argsort(-answers, kind="stable")
    answers, labels = answers[order], labels[order]
    ends = np.append(np.flatnonzero(np.diff(answers)), len(answers) - 1)
    positives = labels.sum()
    hits, found = np.append(0, np.cumsum(labels)[ends]), np.append(0, ends + 1)
    precision, recall = hits / np.maximum(found, 1), hits / max(positives, 1)
    criterion = settings["binary_classifier_model_selection_criteria"]
    if criterion == "precision_at_target_recall":
        goodness = np.where(recall >= settings["target_recall"], precision, -1)
    elif criterion == "recall_at_target_precision":
        goodness = np.where(precision >= settings["target_precision"], recall, precision - 1)
    elif criterion == "accuracy":
        goodness = (2 * hits + len(labels) - positives - found) / len(labels)
    else:
        beta = 1.0 if criterion == "f1" else settings["f_beta"]
        goodness = _f_score(precision, recall, beta)
    best = int(np.argmax(goodness))
    if best == 0:
        return float(np.nextafter(answers[0], np.inf)), float(goodness[0])
    last = ends[best - 1]
    return float((answers[last] + answers[min(last + 1, len(answers) - 1)]) / 2), float(goodness[best])


def _f_score(precision: Array, recall: Array, beta: float) -> Array:
    weighted = beta**2 * precision + recall
    return np.asarray((1 + beta**2) * precision * recall / np.where(weighted > 0, weighted, 1))


def _binary(answers: Array, labels: Array, threshold: float, beta: float) -> dict[str, float]:
    said = answers >= threshold
    hits = float((said & (labels == 1)).sum())
    precision, recall = hits / max(int(said.sum()), 1), hits / max(int((labels == 1).sum()), 1)
    found = {
        "binary_classification_accuracy <score>": float(np.mean(said == labels)),
        f"binary_f_{beta:.3f} <score>": float(_f_score(np.array(precision), np.array(recall), beta)),
        "precision <score>": precision,
        "recall <score>": recall,
    }
    if len(np.unique(labels)) == 2:
        found["roc_auc_score <score>"] = float(roc_auc_score(labels, answers))
    return found


def _multiclass(answers: Array, labels: Array, settings: Settings) -> dict[str, float]:
    count, beta = answers.shape[1], settings["f_beta"]
    top = min(settings["accuracy_top_k"], count)
    own = answers[np.arange(len(labels)), labels]
    ranks = (answers > own[:, None]).sum(axis=1)
    said = answers.argmax(axis=1)
    hits = np.bincount(labels[said == labels], minlength=count)
    occurring = np.bincount(labels, minlength=count) > 0
    precision = (hits / np.maximum(np.bincount(said, minlength=count), 1))[occurring]
    recall = (hits / np.maximum(np.bincount(labels, minlength=count), 1))[occurring]
    return {
        "multiclass_accuracy <score>": float(np.mean(said == labels)),
        f"multiclass_top_k_accuracy_{top} <score>": float(np.mean(ranks < top)),
        "dcg <score>": float(np.mean(1 / np.log2(ranks + 2))),
        "macro_recall <score>": float(recall.mean()),
        "macro_precision <score>": float(precision.mean()),
        f"macro_f_{beta:.3f} <score>": float(_f_score(precision, recall, beta).mean()),
    }
