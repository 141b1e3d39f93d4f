"""The metrics that the XGBoost container computes itself, because the library has none of these names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from flytekit_sagemaker.local.programs.container import TrainingError

Array = np.ndarray[Any, Any]
CustomMetric = Callable[[Array, Any], list[tuple[str, float]]]

_BY_CLASS: dict[str, Callable[[Array, Array], float]] = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "f1": lambda true, found: metrics.f1_score(true, found, average="macro", zero_division=0),
    "f1_macro": lambda true, found: metrics.f1_score(true, found, average="macro", zero_division=0),
    "f1_binary": lambda true, found: metrics.f1_score(true, found, average="binary", zero_division=0),
    "precision": lambda true, found: metrics.precision_score(true, found, average="binary", zero_division=0),
    "precision_macro": lambda true, found: metrics.precision_score(true, found, average="macro", zero_division=0),
    "precision_micro": lambda true, found: metrics.precision_score(true, found, average="micro", zero_division=0),
    "recall": lambda true, found: metrics.recall_score(true, found, average="binary", zero_division=0),
    "recall_macro": lambda true, found: metrics.recall_score(true, found, average="macro", zero_division=0),
    "recall_micro": lambda true, found: metrics.recall_score(true, found, average="micro", zero_division=0),
}
_BY_VALUE: dict[str, Callable[[Array, Array], float]] = {
    "mse": metrics.mean_squared_error,
    "r2": metrics.r2_score,
}
COMPUTED_HERE = frozenset(_BY_CLASS) | frozenset(_BY_VALUE)


def custom_metric(names: Sequence[str], objective: str) -> CustomMetric:
    """A ``custom_metric`` for ``xgboost.train`` that computes the named metrics of ``COMPUTED_HERE``, in their order.

    Args:
        names: the metrics asked for.
        objective: the training's objective, which says what a prediction means.
    """
    threshold = 0.0 if objective == "binary:logitraw" else 0.5

    def classes(predictions: Array) -> Array:
        if predictions.ndim == 2:
            return np.asarray(predictions.argmax(axis=1))
        return predictions if objective.startswith("multi:") else (predictions > threshold).astype(int)

    def evaluate(predictions: Array, data: Any) -> list[tuple[str, float]]:
        label = data.get_label()
        results = []
        for name in names:
            compute, found = (
                (_BY_CLASS[name], classes(predictions)) if name in _BY_CLASS else (_BY_VALUE[name], predictions)
            )
            try:
                results.append((name, float(compute(label, found))))
            except ValueError as error:
                raise TrainingError(
                    f"Metric '{name}' cannot be computed with the objective {objective}: {error}"
                ) from None
        return results

    return evaluate
