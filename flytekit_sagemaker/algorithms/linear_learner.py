"""Built-in Linear Learner: hyperparameters, metrics and channels.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/ll_hyperparameters.html,
https://docs.aws.amazon.com/sagemaker/latest/dg/linear-learner-tuning.html, and, for the expressions of the metrics,
what DescribeHyperParameterTuningJob answers for such jobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flytekit_sagemaker.algorithms.rules import (
    Channel,
    Given,
    Metric,
    Rules,
    categorical,
    continuous,
    integer,
)
from flytekit_sagemaker.errors import Problem

BINARY, MULTICLASS, REGRESSOR = "binary_classifier", "multiclass_classifier", "regressor"

LOSSES: Mapping[str, tuple[str, ...]] = {
    BINARY: ("logistic", "hinge_loss"),
    MULTICLASS: ("softmax_loss",),
    REGRESSOR: (
        "squared_loss",
        "absolute_loss",
        "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss",
        "quantile_loss",
        "huber_loss",
    ),
}
"""The losses of each predictor type, the first of which is its ``auto``."""

_SCORES: Mapping[str, Mapping[str, str]] = {
    BINARY: {
        "binary_classification_accuracy": r"binary_classification_accuracy <score>",
        "binary_f_beta": r"binary_f_\S+ <score>",
        "precision": r"precision <score>",
        "recall": r"recall <score>",
        "roc_auc_score": r"roc_auc_score <score>",
    },
    MULTICLASS: {
        "dcg": r"dcg <score>",
        "macro_f_beta": r"macro_f_\S+ <score>",
        "macro_precision": r"macro_precision <score>",
        "macro_recall": r"macro_recall <score>",
        "multiclass_accuracy": r"multiclass_accuracy <score>",
        "multiclass_top_k_accuracy": r"multiclass_top_k_accuracy_\S+ <score>",
    },
    REGRESSOR: {
        "absolute_loss": r"absolute_loss <loss>",
        "mse": r"mse <loss>",
        "rmse": r"rmse <loss>",
    },
}
"""The metrics of each predictor type, with what the log calls them."""

_PREDICTOR_OF = {metric: kind for kind, metrics in _SCORES.items() for metric in metrics}
_MEASURED = ("validation", "test")
_MEASURED_ON: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("roc_auc_score", *_SCORES[MULTICLASS]), _MEASURED),
    "rmse": ("validation",),
}
"""The data of which the service reads a metric, where not of all."""

_FLAGS = "true false True False"


def _metrics() -> Iterator[Metric]:
    for data in ("train", *_MEASURED):
        final = rf"#quality_metric: host=\S+, {data} \S+_objective <loss>=(\S+)"
        if data == "test":
            yield Metric("test:objective_loss", final, maximize=False)
        else:
            epoch = final.replace(rf", {data}", rf", epoch=\S+, {data}")
            yield Metric(f"{data}:objective_loss", epoch, maximize=False, tunable=data == "validation")
            yield Metric(f"{data}:objective_loss:final", final, maximize=False, tunable=False)
        for metrics in _SCORES.values():
            for name, words in metrics.items():
                if data in _MEASURED_ON.get(name, ("train", *_MEASURED)):
                    yield Metric(
                        f"{data}:{name}",
                        rf"#quality_metric: host=\S+, {data} {words}=(\S+)",
                        maximize=words.endswith("<score>"),
                        tunable=data in _MEASURED,
                    )
    yield Metric("train:progress", r"#progress_metric: host=\S+, completed (\S+) %", maximize=True, tunable=False)
    yield Metric(
        "train:throughput",
        r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
        maximize=True,
        tunable=False,
    )


def _number_of_classes(given: Given) -> Iterator[Problem]:
    if given.static.get("predictor_type") != MULTICLASS or "num_classes" in given.tuned:
        return
    count = given.static.get("num_classes")
    if count is None or count < 3:
        yield Problem(
            "num_classes",
            count,
            "must be at least 3 with predictor_type=multiclass_classifier",
            "Set it to the number of classes; two classes take predictor_type=binary_classifier.",
            "num_classes must be given, and be at least 3, for predictor_type multiclass_classifier",
        )


def _loss_fits_predictor(given: Given) -> Iterator[Problem]:
    kind, loss = given.static.get("predictor_type", ""), given.static.get("loss", "auto")
    if kind in LOSSES and loss not in ("auto", *LOSSES[kind]):
        yield Problem(
            "loss",
            loss,
            f"must be a loss of predictor_type={kind}: auto, {', '.join(LOSSES[kind])}",
            constraint=f"loss {loss} is not valid for predictor_type {kind}",
        )


def _objective_fits_predictor(given: Given) -> Iterator[Problem]:
    kind, metric = given.static.get("predictor_type", ""), given.objective_metric
    if kind in _SCORES and _PREDICTOR_OF.get(metric, kind) != kind:
        yield Problem(
            "predictor_type",
            kind,
            f"must be {_PREDICTOR_OF[metric]} for the objective metric {metric}",
            f"Metrics of {kind} are objective_loss, {', '.join(_SCORES[kind])}.",
            f"Metric {metric} is not valid for predictor_type {kind}",
        )


_AUTO = ("auto",)
_CONTENT_TYPES = ("application/x-recordio-protobuf", "text/csv", "text/csv;label_size=1")

RULES = Rules(
    hyperparameters=(
        categorical("predictor_type", " ".join(LOSSES), required=True),
        integer("num_classes", "[1, 1000000]"),
        integer("feature_dim", "[1, inf)", words=_AUTO),
        integer("mini_batch_size", "[1, inf)", tunable=True),
        integer("epochs", "[1, inf)"),
        categorical("loss", " ".join(["auto", *(loss for losses in LOSSES.values() for loss in losses)])),
        categorical("optimizer", "auto sgd adam rmsprop"),
        continuous("learning_rate", "(0, inf)", words=_AUTO, tunable=True),
        continuous("wd", "[0, inf)", words=_AUTO, tunable=True),
        continuous("l1", "[0, inf)", words=_AUTO, tunable=True),
        continuous("momentum", "[0, 1)", words=_AUTO),
        continuous("beta_1", "[0, 1)", words=_AUTO),
        continuous("beta_2", "[0, 1)", words=_AUTO),
        categorical("use_bias", _FLAGS, tunable=True),
        continuous("bias_lr_mult", "(0, inf)", words=_AUTO),
        continuous("bias_wd_mult", "[0, inf)", words=_AUTO),
        categorical("use_lr_scheduler", _FLAGS),
        integer("lr_scheduler_step", "[1, inf)", words=_AUTO),
        continuous("lr_scheduler_factor", "(0, 1)", words=_AUTO),
        continuous("lr_scheduler_minimum_lr", "(0, inf)", words=_AUTO),
        categorical("init_method", "uniform normal"),
        continuous("init_scale", "(0, inf)"),
        continuous("init_sigma", "(0, inf)"),
        continuous("init_bias", "(-inf, inf)"),
        categorical("normalize_data", f"auto {_FLAGS}"),
        categorical("normalize_label", f"auto {_FLAGS}"),
        categorical("unbias_data", f"auto {_FLAGS}"),
        categorical("unbias_label", f"auto {_FLAGS}"),
        integer("num_point_for_scaler", "[1, inf)"),
        integer("num_models", "[1, inf)", words=_AUTO),
        integer("num_calibration_samples", "[1, inf)", words=_AUTO),
        continuous("margin", "(0, inf)"),
        continuous("quantile", "(0, 1)"),
        continuous("loss_insensitivity", "(0, inf)"),
        continuous("huber_delta", "(0, inf)"),
        integer("early_stopping_patience", "[1, inf)"),
        continuous("early_stopping_tolerance", "(0, inf)"),
        integer("accuracy_top_k", "[1, 1000000]"),
        continuous("f_beta", "(0, inf)"),
        categorical("balance_multiclass_weights", _FLAGS),
        continuous("positive_example_weight_mult", "(0, inf)", words=("balanced", "auto"), tunable=True),
        categorical(
            "binary_classifier_model_selection_criteria",
            "accuracy f_beta f1 precision_at_target_recall recall_at_target_precision cross_entropy_loss loss_function",
        ),
        continuous("target_recall", "(0, 1)"),
        continuous("target_precision", "(0, 1)"),
        categorical("_tuning_objective_metric", {"": tuple(metric.name for metric in _metrics() if metric.tunable)}),
    ),
    metrics=tuple(_metrics()),
    channels=(
        Channel("train", _CONTENT_TYPES, required=True, piped_content_types=_CONTENT_TYPES),
        Channel("validation", _CONTENT_TYPES, piped_content_types=_CONTENT_TYPES),
        Channel("test", _CONTENT_TYPES, piped_content_types=_CONTENT_TYPES),
    ),
    cross_rules=(_number_of_classes, _loss_fits_predictor, _objective_fits_predictor),
    default_content_type="application/x-recordio-protobuf",
)
