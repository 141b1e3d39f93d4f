"""The container of built-in Linear Learner as an ordinary program, on NumPy.

It trains one model with the container's losses, optimizers, normalization and early stopping; the container trains
several with similar hyperparameters at once and keeps the best. It reads the data in the order of the files, and where
the container draws at random it always draws the same. The model file has the container's name and NumPy's arrays::

    model = numpy.load("model_algo-1")
    scores = features @ model["weights"] + model["bias"]

Scores are logits with the losses ``logistic`` and ``softmax_loss``, predictions for a regressor. A binary classifier
says 1 from ``model["threshold"]`` on: a probability with ``logistic``, a score with ``hinge_loss``.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/linear-learner.html
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flytekit_sagemaker.algorithms.linear_learner import BINARY, MULTICLASS
from flytekit_sagemaker.local.programs import data
from flytekit_sagemaker.local.programs.container import Container, TrainingError, log, on_sigterm, run
from flytekit_sagemaker.local.programs.first_party import Examples, checked_hyperparameters, read_channels, takes_part
from flytekit_sagemaker.local.programs.linear_learner_losses import NAMES_IN_LOG, probabilities
from flytekit_sagemaker.local.programs.linear_learner_metrics import metrics
from flytekit_sagemaker.local.programs.linear_learner_training import Model, Training, settings_of
from flytekit_sagemaker.types import AlgorithmName


def _check_labels(channels: Mapping[str, Examples], settings: Mapping[str, Any]) -> None:
    classes = {BINARY: 2, MULTICLASS: settings.get("num_classes")}.get(settings["predictor_type"])
    for channel, examples in channels.items():
        if examples.labels is None:
            raise TrainingError(f"Every record must have a label: {examples.files[0][0]} has none (channel {channel}).")
        labels = examples.labels
        legal = np.isfinite(labels)
        rule = "a finite number"
        if classes:
            legal &= (labels >= 0) & (labels < classes) & (labels == np.floor(labels))
            rule = f"a whole number from 0 to {classes - 1} with predictor_type={settings['predictor_type']}"
        wrong = np.flatnonzero(~legal)
        if len(wrong):
            row = int(wrong[0])
            raise TrainingError(
                f"The label must be {rule}: it is {labels[row]:g} in {data.place(examples.files, row)}, "
                f"{len(wrong)} of {len(labels)} labels are wrong (channel {channel})."
            )


def _say_what_has_no_effect(given: Mapping[str, Any], settings: Mapping[str, Any], container: Container) -> None:
    if given.get("num_models", "auto") not in ("auto", 1):
        log(f"num_models={given['num_models']} has no effect here: one model is trained.")
    if given.get("positive_example_weight_mult") == "auto":
        log("positive_example_weight_mult=auto is taken for balanced.")
    if container.checkpoints_are_kept:
        log("No checkpoints are written: after an interruption training starts again.")


def _train(container: Container) -> None:
    given = checked_hyperparameters(container, AlgorithmName.LINEAR_LEARNER)
    if not takes_part(container):
        return
    settings = settings_of(given)
    _say_what_has_no_effect(given, settings, container)
    channels = read_channels(container, AlgorithmName.LINEAR_LEARNER, settings.get("feature_dim"))
    _check_labels(channels, settings)
    training = Training(channels, settings)
    host = container.current_host
    file = container.model_dir / f"model_{host}"
    on_sigterm(lambda: _save(training.best, file))
    objective = f"{NAMES_IN_LOG.get(settings['loss'], settings['loss'])}_objective"
    started, examples = time.perf_counter(), len(channels["train"])
    epochs = 0
    for epoch in training.epochs():
        epochs += 1
        for name, loss in epoch.losses.items():
            log(f"#quality_metric: host={host}, epoch={epoch.number}, {name} {objective} <loss>={loss!r}")
        criterion, value = epoch.criterion
        log(
            f"#early_stopping_criteria_metric: host={host}, epoch={epoch.number}, criteria={criterion}, value={value!r}"
        )
        if epoch.is_best:
            log(f"Epoch {epoch.number}: Loss improved. Updating best model")
        log(f"#progress_metric: host={host}, completed {100 * epochs / settings['epochs']:g} % of epochs")
    seconds = time.perf_counter() - started
    log(f"#throughput_metric: host={host}, train throughput={epochs * examples / seconds} records/second")
    for name, each in channels.items():
        _report(host, name, objective, each, training, settings)
    _save(training.best, file)
    log(f"Saved a model of {training.best.weights.shape[0]} features")


def _report(
    host: str, name: str, objective: str, examples: Examples, training: Training, settings: Mapping[str, Any]
) -> None:
    model = training.best
    answers = probabilities(settings["loss"], model.scores(examples.features))
    assert examples.labels is not None
    found = {
        f"{objective} <loss>": training.loss(model, examples),
        **metrics(answers, examples.labels, model.threshold, settings),
    }
    if settings["predictor_type"] == BINARY and len(np.unique(examples.labels)) == 1:
        log(f"{name} roc_auc_score is not defined: all labels are of one class.", "WARNING")
    for words, value in found.items():
        log(f"#quality_metric: host={host}, {name} {words}={value!r}")


def _save(model: Model, file: Path) -> None:
    scratch = file.with_name(f".{file.name}")
    with scratch.open("wb") as stream:
        np.savez(stream, weights=model.weights, bias=model.bias, threshold=model.threshold)
    os.replace(scratch, file)


def main() -> int:
    """Train as the container does and return the process's exit code."""
    return run(_train)


if __name__ == "__main__":
    sys.exit(main())
