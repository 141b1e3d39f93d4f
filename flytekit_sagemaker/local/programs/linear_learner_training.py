"""How Linear Learner learns: a linear model, descent by mini-batches, the best epoch kept.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/ll_how-it-works.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from flytekit_sagemaker.algorithms.linear_learner import BINARY, LOSSES, MULTICLASS, REGRESSOR
from flytekit_sagemaker.local.programs.container import TrainingError
from flytekit_sagemaker.local.programs.data import Matrix
from flytekit_sagemaker.local.programs.first_party import Array, Examples
from flytekit_sagemaker.local.programs.linear_learner_losses import Loss, loss_of, probabilities
from flytekit_sagemaker.local.programs.linear_learner_metrics import LOSS_CRITERIA, calibrate

Settings = Mapping[str, Any]

_DEFAULTS: Settings = {
    "mini_batch_size": 1000,
    "epochs": 15,
    "optimizer": "adam",
    "wd": 0.0,
    "l1": 0.0,
    "momentum": 0.0,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "use_bias": True,
    "bias_lr_mult": 1.0,
    "bias_wd_mult": 0.0,
    "use_lr_scheduler": True,
    "lr_scheduler_step": 100,
    "lr_scheduler_factor": 0.99,
    "lr_scheduler_minimum_lr": 1e-5,
    "init_method": "uniform",
    "init_scale": 0.07,
    "init_sigma": 0.01,
    "init_bias": 0.0,
    "normalize_data": True,
    "num_point_for_scaler": 10_000,
    "num_calibration_samples": 10_000_000,
    "margin": 1.0,
    "quantile": 0.5,
    "loss_insensitivity": 0.01,
    "huber_delta": 1.0,
    "early_stopping_patience": 3,
    "early_stopping_tolerance": 0.001,
    "accuracy_top_k": 3,
    "f_beta": 1.0,
    "balance_multiclass_weights": False,
    "positive_example_weight_mult": 1.0,
    "binary_classifier_model_selection_criteria": "accuracy",
    "target_recall": 0.8,
    "target_precision": 0.8,
}
_LEARNING_RATES = {"adam": 0.1, "sgd": 0.1, "rmsprop": 0.02}
_DECAY_OF_SQUARES, _TINY = 0.9, 1e-8
_ROUNDING = float(np.finfo(np.float32).eps)
_FLAGS = {"true": True, "false": False}
_SEED = 0


def settings_of(given: Settings) -> dict[str, Any]:
    """The hyperparameters of a job with defaults in place of what is not given, or ``auto``."""
    kind = given["predictor_type"]
    chosen = {
        name: _FLAGS.get(value.lower(), value) if isinstance(value, str) else value
        for name, value in given.items()
        if value != "auto" or name == "positive_example_weight_mult"
    }
    settings = {"loss": LOSSES[kind][0], **_DEFAULTS, **chosen}
    settings.setdefault("learning_rate", _LEARNING_RATES[settings["optimizer"]])
    settings.setdefault("unbias_data", settings["use_bias"])
    is_regression = kind == REGRESSOR
    settings["normalize_label"] = is_regression and settings.get("normalize_label", True)
    settings["unbias_label"] = is_regression and settings["use_bias"] and settings.get("unbias_label", True)
    return settings


@dataclass(frozen=True)
class Model:
    """A linear model in the units of the data: the score of an example is ``features @ weights + bias``.

    Attributes:
        weights: a row per feature, with a column per class, or one.
        bias: a number per column.
        threshold: from which answer on a binary classifier says 1.
    """

    weights: Array
    bias: Array
    threshold: float = 0.5

    def scores(self, features: Matrix) -> Array:
        """The raw scores, one row per example."""
        return np.asarray(features @ self.weights) + self.bias


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to.

    Attributes:
        number: from 0.
        losses: the mean loss of each data set.
        criterion: what decides about the best model and the end of training, with its value.
        is_best: whether the model is the best one up to now.
    """

    number: int
    losses: Mapping[str, float]
    criterion: tuple[str, float]
    is_best: bool


class Scaler:
    """Shifts columns to a mean of zero and scales them to a deviation of one, as far as is wanted."""

    def __init__(self, sample: Matrix, shift: bool, scale: bool) -> None:
        mean, deviation = _moments(sample)
        varies = deviation > _ROUNDING * np.abs(mean)
        self.shift = mean if shift else np.zeros_like(mean)
        self.scale = np.where(varies & scale, deviation, 1)

    def __call__(self, values: Array) -> Array:
        return np.asarray((values - self.shift) / self.scale)


class Optimizer:
    """Turns gradients into steps.

    Args:
        settings: ``optimizer``, ``learning_rate`` and what belongs to them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._steps = 0
        self._mean: Any = 0.0
        self._squares: Any = 0.0
        self._direction = {"sgd": self._sgd, "adam": self._adam, "rmsprop": self._rmsprop}[settings["optimizer"]]

    def step(self, gradient: Array) -> Array:
        """What to add to the parameters."""
        rate = self._rate()
        self._steps += 1
        return -rate * self._direction(gradient)

    def _rate(self) -> float:
        settings = self._settings
        rate: float = settings["learning_rate"]
        if not settings["use_lr_scheduler"]:
            return rate
        decayed: float = rate * settings["lr_scheduler_factor"] ** (self._steps // settings["lr_scheduler_step"])
        return max(decayed, min(rate, float(settings["lr_scheduler_minimum_lr"])))

    def _sgd(self, gradient: Array) -> Array:
        self._mean = self._settings["momentum"] * self._mean + gradient
        return np.asarray(self._mean)

    def _rmsprop(self, gradient: Array) -> Array:
        self._squares = _DECAY_OF_SQUARES * self._squares + (1 - _DECAY_OF_SQUARES) * gradient**2
        return np.asarray(gradient / (np.sqrt(self._squares) + _TINY))

    def _adam(self, gradient: Array) -> Array:
        first, second = self._settings["beta_1"], self._settings["beta_2"]
        self._mean = first * self._mean + (1 - first) * gradient
        self._squares = second * self._squares + (1 - second) * gradient**2
        mean, squares = self._mean / (1 - first**self._steps), self._squares / (1 - second**self._steps)
        return np.asarray(mean / (np.sqrt(squares) + _TINY))


class Training:
    """One model in training.

    Args:
        channels: the examples of ``train`` and, where there is one, of ``validation``.
        settings: what ``settings_of`` gives.

    Attributes:
        best: the best model up to now.
    """

    def __init__(self, channels: Mapping[str, Examples], settings: Settings) -> None:
        self._settings = settings
        self._channels = {name: channels[name] for name in ("train", "validation") if name in channels}
        self._train = train = channels["train"]
        self._loss: Loss = loss_of(settings)
        points = settings["num_point_for_scaler"]
        sample = train.features[:points]
        self._features = Scaler(sample, settings["unbias_data"], settings["normalize_data"])
        self._labels = _labels(train)
        self._label = Scaler(self._labels[:points], settings["unbias_label"], settings["normalize_label"])
        self._weight = _example_weights(self._labels, settings)
        self._parameters = self._first_parameters(sample.shape[1])
        self.best = self._model()

    def epochs(self) -> Iterator[Epoch]:
        """Train, epoch by epoch, until the last one or until there is no improvement any more.

        Raises:
            TrainingError: the loss is no number any more.
        """
        settings = self._settings
        optimizer = Optimizer(settings)
        best: tuple[float, float] | None = None
        compared, patience = np.inf, settings["early_stopping_patience"]
        for number in range(settings["epochs"]):
            with np.errstate(over="ignore", invalid="ignore"):
                losses = {"train": self._pass(optimizer)}
                model = self._model()
                if "validation" in self._channels:
                    losses["validation"] = self.loss(model, self._channels["validation"])
            if not all(map(np.isfinite, losses.values())):
                raise TrainingError(
                    f"The loss is not a finite number any more in epoch {number}: training diverges. "
                    f"Use a smaller learning_rate (it is {settings['learning_rate']}), or normalize_data=true."
                )
            model, name, badness = self._judged(model, losses)
            rank = badness, losses.get("validation", losses["train"])
            is_best = best is None or rank < best
            if is_best:
                self.best, best = model, rank
            yield Epoch(number, losses, (name, abs(badness)), is_best)
            if compared - badness > settings["early_stopping_tolerance"] * abs(compared) or compared == np.inf:
                compared, patience = badness, settings["early_stopping_patience"]
            else:
                patience -= 1
                if patience <= 0:
                    return

    def loss(self, model: Model, examples: Examples) -> float:
        """The mean loss of a model, in the units of the label."""
        values, _ = self._loss(model.scores(examples.features), _labels(examples))
        return float(np.mean(values))

    def _judged(self, model: Model, losses: Mapping[str, float]) -> tuple[Model, str, float]:
        """The model with its threshold, and by what, and how bad it is."""
        settings = self._settings
        criterion = settings["binary_classifier_model_selection_criteria"]
        judges = self._channels.get("validation", self._train)
        loss = settings["loss"], losses.get("validation", losses["train"])
        if settings["predictor_type"] != BINARY:
            return model, *loss
        if criterion in LOSS_CRITERIA:
            middle = 0.5 if settings["loss"] == "logistic" else 0.0
            return Model(model.weights, model.bias, middle), *loss
        count = settings["num_calibration_samples"]
        answers = probabilities(settings["loss"], model.scores(judges.features[:count]))[:, 0]
        threshold, goodness = calibrate(answers, _labels(judges)[:count], settings)
        calibrated = Model(model.weights, model.bias, threshold)
        return (calibrated, criterion, -goodness) if "validation" in self._channels else (calibrated, *loss)

    def _pass(self, optimizer: Optimizer) -> float:
        settings, total = self._settings, 0.0
        decay = np.full((len(self._parameters), 1), settings["wd"])
        decay[-1] *= settings["bias_wd_mult"]
        lasso = np.full_like(decay, settings["l1"])
        lasso[-1] = 0
        speed = np.ones_like(decay)
        speed[-1] = settings["bias_lr_mult"] if settings["use_bias"] else 0
        labels, size = self._labels, settings["mini_batch_size"]
        for start in range(0, len(self._train), size):
            part = slice(start, start + size)
            rows, label, weight = self._train.features[part], labels[part], self._weight[part]
            scores = self._unscaled().scores(rows)
            values, _ = self._loss(scores * self._label.scale + self._label.shift, label)
            total += float(values.sum())
            _, slopes = self._loss(scores, self._label(label))
            gradient = self._gradient(rows, slopes * weight[:, None])
            gradient += decay * self._parameters + lasso * np.sign(self._parameters)
            self._parameters += speed * optimizer.step(gradient)
        return total / len(self._train)

    def _gradient(self, rows: Matrix, slopes: Array) -> Array:
        """By the parameters, of features that are scaled; a sparse matrix stays one."""
        total = slopes.sum(axis=0)
        shifted = np.asarray(rows.T @ slopes) - np.outer(self._features.shift, total)
        return np.vstack([shifted / self._features.scale[:, None], total]) / len(slopes)

    def _first_parameters(self, width: int) -> Array:
        settings = self._settings
        columns = settings["num_classes"] if settings["predictor_type"] == MULTICLASS else 1
        random = np.random.default_rng(_SEED)
        if settings["init_method"] == "uniform":
            weights = random.uniform(-settings["init_scale"], settings["init_scale"], (width, columns))
        else:
            weights = random.normal(0, settings["init_sigma"], (width, columns))
        return np.vstack([weights, np.full((1, columns), settings["init_bias"] if settings["use_bias"] else 0.0)])

    def _unscaled(self) -> Model:
        """The parameters in the units of the features, without the scaling that they are trained under."""
        weights = self._parameters[:-1] / self._features.scale[:, None]
        return Model(weights, self._parameters[-1] - self._features.shift @ weights)

    def _model(self) -> Model:
        """The same in the units of the label, too."""
        model = self._unscaled()
        return Model(model.weights * self._label.scale, model.bias * self._label.scale + self._label.shift)


def _labels(examples: Examples) -> Array:
    assert examples.labels is not None
    return examples.labels.astype(np.float64)


def _moments(sample: Matrix) -> tuple[Array, Array]:
    """Mean and standard deviation of each column; a sparse matrix stays one."""
    if not hasattr(sample, "tocsc"):
        sample = np.asarray(sample, np.float64)
        return sample.mean(axis=0), sample.std(axis=0)
    columns = sample.astype(np.float64).tocsc()
    columns.sum_duplicates()
    mean = np.asarray(columns.mean(axis=0)).ravel()
    stored = np.diff(columns.indptr)
    columns.data = (columns.data - np.repeat(mean, stored)) ** 2
    rows = columns.shape[0]
    squares = np.asarray(columns.sum(axis=0)).ravel() + (rows - stored) * mean**2
    return mean, np.sqrt(squares / rows)


def _example_weights(labels: Array, settings: Settings) -> Array:
    if settings["predictor_type"] == BINARY:
        wanted = settings["positive_example_weight_mult"]
        positives = max(int((labels == 1).sum()), 1)
        positive = (len(labels) - positives) / positives if isinstance(wanted, str) else wanted
        return np.where(labels == 1, max(positive, _TINY), 1.0)
    if settings["balance_multiclass_weights"] and settings["predictor_type"] == MULTICLASS:
        counts = np.bincount(labels.astype(int), minlength=settings["num_classes"])
        by_class = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return np.asarray(by_class[labels.astype(int)])
    return np.ones(len(labels))
