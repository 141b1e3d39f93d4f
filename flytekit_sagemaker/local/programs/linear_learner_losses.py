"""The losses of Linear Learner: of a raw score and a label, each gives the loss and its slope in the score.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/ll_hyperparameters.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import expit, logsumexp, softmax

from flytekit_sagemaker.local.programs.first_party import Array

Loss = Callable[[Array, Array], tuple[Array, Array]]
"""Scores, one row per example with one column or one per class, and labels, to losses and slopes of the same shape."""

Settings = Mapping[str, Any]

NAMES_IN_LOG = {
    "logistic": "binary_classification_cross_entropy",
    "softmax_loss": "multiclass_cross_entropy",
    "squared_loss": "mse",
}
"""What the container's log calls a loss where it does not use the hyperparameter's word."""


def loss_of(settings: Settings) -> Loss:
    """The loss that the settings name."""
    name = settings["loss"]
    if name == "softmax_loss":
        return _softmax
    of_column = _ONE_SCORE[name]

    def loss(scores: Array, labels: Array) -> tuple[Array, Array]:
        values, slopes = of_column(scores[:, 0], labels, settings)
        return values, slopes[:, None]

    return loss


def probabilities(name: str, scores: Array) -> Array:
    """What a model with this loss answers for its raw scores."""
    if name == "softmax_loss":
        return np.asarray(softmax(scores, axis=1))
    return np.asarray(expit(scores)) if name == "logistic" else scores


def _softmax(scores: Array, labels: Array) -> tuple[Array, Array]:
    classes, rows = labels.astype(int), np.arange(len(labels))
    slopes = softmax(scores, axis=1)
    slopes[rows, classes] -= 1
    return logsumexp(scores, axis=1) - scores[rows, classes], slopes


def _logistic(score: Array, label: Array, settings: Settings) -> tuple[Array, Array]:
    return np.logaddexp(0, score) - label * score, expit(score) - label


def _hinge(score: Array, label: Array, settings: Settings) -> tuple[Array, Array]:
    sign = 2 * label - 1
    gap = settings["margin"] - sign * score
    return np.maximum(gap, 0), np.where(gap > 0, -sign, 0)


def _squared(score: Array, label: Array, settings: Settings) -> tuple[Array, Array]:
    error = score - label
    return error**2, 2 * error


def _absolute(score: Array, label: Array, settings: Settings) -> tuple[Array, Array]:
    error = score - label
    return np.abs(error), np.sign(error)


def _beyond(score: Array, label: Array, settings: Settings) -> tuple[Array, Array]:
    error = score - label
    return np.maximum(np.abs(error) - settings["loss_insensitivity"], 0), np.sign(error)


def _insensitive_squared(score: Array, label: Array, settings: Settings) -> tuple[Array, Array]:
    size, sign = _beyond(score, label, settings)
    return size**2, 2 * size * sign


def _insensitive_absolute(score: Array, label: Array, settings: Settings) -> tuple[Array, Array]:
    size, sign = _beyond(score, label, settings)
    return size, sign * (size > 0)


def _quantile(score: Array, label: Array, settings: Settings) -> tuple[Array, Array]:
    short, quantile = label - score, settings["quantile"]
    return np.maximum(quantile * short, (quantile - 1) * short), np.where(short > 0, -quantile, 1 - quantile)


def _huber(score: Array, label: Array, settings: Settings) -> tuple[Array, Array]:
    error, delta = score - label, settings["huber_delta"]
    size = np.abs(error)
    return np.where(size <= delta, error**2 / 2, delta * (size - delta / 2)), np.clip(error, -delta, delta)


_ONE_SCORE: Mapping[str, Callable[[Array, Array, Settings], tuple[Array, Array]]] = {
    "logistic": _logistic,
    "hinge_loss": _hinge,
    "squared_loss": _squared,
    "absolute_loss": _absolute,
    "eps_insensitive_squared_loss": _insensitive_squared,
    "eps_insensitive_absolute_loss": _insensitive_absolute,
    "quantile_loss": _quantile,
    "huber_loss": _huber,
}
