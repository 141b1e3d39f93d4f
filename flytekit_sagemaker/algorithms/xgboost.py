"""Built-in XGBoost: hyperparameters, metrics and channels of every image version.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html,
https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost-tuning.html and the behaviour of
https://github.com/aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flytekit_sagemaker.algorithms.rules import (
    Channel,
    Given,
    Hyperparameter,
    Interval,
    Kind,
    Metric,
    Rules,
    categorical,
    continuous,
    integer,
)
from flytekit_sagemaker.errors import Problem

_MAXIMIZED: Mapping[str, tuple[str, ...]] = {
    "0.72": ("auc", "map", "ndcg"),
    "0.90-1": ("accuracy", "aucpr", "f1"),
    "1.2-1": ("r2",),
    "1.3-1": (
        "balanced_accuracy",
        "f1_binary",
        "f1_macro",
        "precision",
        "precision_macro",
        "precision_micro",
        "recall",
        "recall_macro",
        "recall_micro",
    ),
}
_MINIMIZED: Mapping[str, tuple[str, ...]] = {
    "0.72": ("error", "logloss", "mae", "merror", "mlogloss", "rmse"),
    "0.90-1": ("gamma-deviance", "mse"),
    "1.0-1": ("cox-nloglik", "gamma-nloglik", "interval-regression-accuracy", "poisson-nloglik", "rmsle")
    + ("tweedie-nloglik",),
    "1.2-1": ("aft-nloglik", "mphe"),
    "1.3-1": ("mape",),
}
_EITHER_IN_0_90 = ("cox-nloglik", "gamma-nloglik", "poisson-nloglik", "tweedie-nloglik")
"""The 0.90 images declare these likelihoods as ones to maximize, later images as ones to minimize."""


def _emitted(name: str, maximize: bool | None, since: str, until: str = "") -> tuple[Metric, Metric]:
    def regex(data: str) -> str:
        return rf".*\[[0-9]+\].*#011{data}-{name}:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?).*"

    return (
        Metric(f"validation:{name}", regex("validation"), maximize, True, since, until),
        Metric(f"train:{name}", regex("train"), maximize, False, since, until),
    )


_METRICS = (
    *(metric for since, names in _MAXIMIZED.items() for name in names for metric in _emitted(name, True, since)),
    *(metric for since, names in _MINIMIZED.items() for name in names for metric in _emitted(name, False, since)),
    *(metric for name in _EITHER_IN_0_90 for metric in _emitted(name, None, "0.90-1", "0.90-2")),
)

_EVAL_METRICS = {
    "0.72": _MAXIMIZED["0.72"] + _MINIMIZED["0.72"],
    "0.90-1": _MAXIMIZED["0.90-1"] + _MINIMIZED["0.90-1"] + _EITHER_IN_0_90,
    "1.0-1": _MINIMIZED["1.0-1"],
    "1.2-1": _MAXIMIZED["1.2-1"] + _MINIMIZED["1.2-1"],
    "1.3-1": _MAXIMIZED["1.3-1"] + _MINIMIZED["1.3-1"],
}

_OBJECTIVES = {
    "0.72": ("binary:logistic", "binary:logitraw", "count:poisson", "multi:softmax", "multi:softprob", "rank:pairwise")
    + ("reg:gamma", "reg:linear", "reg:logistic", "reg:tweedie"),
    "0.90-1": ("binary:hinge", "rank:map", "rank:ndcg", "reg:squarederror", "survival:cox"),
    "1.0-1": ("reg:squaredlogerror",),
    "1.2-1": ("aft_loss_distribution", "reg:pseudohubererror", "survival:aft"),
    "1.7-1": ("reg:absoluteerror",),
}

_TREE_GROWERS = ("grow_colmaker", "distcol", "grow_histmaker", "grow_local_histmaker", "grow_quantile_histmaker")
_TREE_PRUNERS = ("refresh", "prune")
_LINEAR_UPDATERS = ("shotgun", "coord_descent")
_TREE_UPDATERS = (*_TREE_GROWERS, "grow_skmaker", "sync", *_TREE_PRUNERS)

_SAVES_WHEN_STOPPED = "1.0-1"

_HYPERPARAMETERS: tuple[Hyperparameter, ...] = (
    integer("num_round", "[1, inf)", required=True, tunable=True),
    # the trees
    continuous("eta", "[0, 1]", tunable=True, alias="learning_rate"),
    continuous("gamma", "[0, inf)", tunable=True, alias="min_split_loss"),
    integer("max_depth", "[0, inf)", tunable=True),
    continuous("min_child_weight", "[0, inf)", tunable=True),
    continuous("max_delta_step", "[0, inf)", tunable=True),
    continuous("subsample", "(0, 1]", tunable=True),
    continuous("colsample_bytree", "(0, 1]", tunable=True),
    continuous("colsample_bylevel", "(0, 1]", tunable=True),
    continuous("colsample_bynode", "(0, 1]", tunable=True, since="0.90-1"),
    continuous("lambda", "[0, inf)", tunable=True, alias="reg_lambda"),
    continuous("alpha", "[0, inf)", tunable=True, alias="reg_alpha"),
    categorical("booster", "gbtree gblinear dart"),
    categorical("tree_method", "auto exact approx hist gpu_hist"),
    categorical("grow_policy", "depthwise lossguide"),
    integer("max_leaves", "[0, inf)"),
    integer("max_bin", "[0, inf)"),
    integer("num_parallel_tree", "[1, inf)", since="0.90-1"),
    categorical("process_type", "default update"),
    Hyperparameter("updater", Kind.COMMA_LIST, choices={"": _TREE_UPDATERS + _LINEAR_UPDATERS}),
    integer("refresh_leaf", "[0, 1]"),
    continuous("sketch_eps", "(0, 1)"),
    categorical("predictor", "auto cpu_predictor gpu_predictor"),
    categorical("dsplit", "row col"),
    Hyperparameter("monotone_constraints", Kind.NUMBER_TUPLE, Interval("[-1, 1]"), since="1.0-1"),
    Hyperparameter("interaction_constraints", Kind.NESTED_LIST, Interval("[1, inf)"), since="1.0-1"),
    categorical("single_precision_histogram", "true false", since="1.2-1", until="1.7-1"),
    categorical("deterministic_histogram", "true false", since="1.2-1"),
    categorical("sampling_method", "uniform gradient_based", since="1.2-1"),
    continuous("prob_buffer_row", "[1, inf)", until="0.72"),
    integer("prob_buffer_row", "(1, inf)", since="1.2-1"),
    # the dart booster
    categorical("sample_type", "uniform weighted"),
    categorical("normalize_type", "tree forest"),
    continuous("rate_drop", "[0, 1]"),
    integer("one_drop", "[0, 1]"),
    continuous("skip_drop", "[0, 1]"),
    # the learning task
    categorical("objective", _OBJECTIVES),
    integer("num_class", "[2, inf)"),
    continuous("base_score", "[0, inf)"),
    continuous("scale_pos_weight", "(0, inf)"),
    continuous("lambda_bias", "[0, 1]"),
    continuous("tweedie_variance_power", "(1, 2)"),
    categorical("aft_loss_distribution", "normal logistic extreme", since="1.2-1"),
    continuous("aft_loss_distribution_scale", "[0, inf)", since="1.2-1"),
    Hyperparameter("eval_metric", Kind.COMMA_LIST, choices=_EVAL_METRICS, thresholded=("error", "ndcg", "map")),
    integer("early_stopping_rounds", "[1, inf)"),
    integer("seed", f"({-(2**31)}, {2**31 - 1})"),
    # the container
    integer("csv_weights", "[0, 1]"),
    integer("nthread", "[1, inf)"),
    integer("silent", "[0, 1]", until="1.0-1", successor="verbosity"),
    integer("verbosity", "[0, 3]", since="0.90-1"),
    categorical("save_model_on_termination", "true false", since=_SAVES_WHEN_STOPPED),
    categorical("use_dask_gpu_training", "true false", since="1.5-1"),
    integer("_kfold", "[2, inf)", since="1.3-1"),
    integer("_num_cv_round", "[1, inf)", since="1.3-1"),
    categorical(
        "_tuning_objective_metric",
        {since: tuple(f"validation:{name}" for name in names) for since, names in _EVAL_METRICS.items()},
    ),
)

_ONE_PER_ROW = ("error", "logloss", "rmse", "rmsle", "mae", "mape", "mphe")
_NEEDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "auc": (("binary:", "rank:"), "a binary: or rank: objective"),
    "aft-nloglik": (("survival:aft",), "the objective survival:aft"),
    "merror": (("multi:",), "a multi: objective"),
    "mlogloss": (("multi:",), "a multi: objective"),
}
"""Metrics that only some objectives go with: the beginnings of these, and their name in a sentence."""
_REFUSALS = {
    "auc": "Metric 'auc' can only be applied for classification and ranking problems.",
    "aft-nloglik": "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.",
}
_AUC_AS_TUNING_OBJECTIVE = ("reg:logistic", "multi:")
"""Objectives that auc can be computed with, though the container refuses the two together in ``eval_metric``."""
_USUAL_METRICS = {
    "binary:": "auc, error or logloss",
    "multi:": "merror or mlogloss",
    "rank:": "ndcg, map or auc",
    "reg:logistic": "rmse, logloss or error",
    "survival:aft": "aft-nloglik",
    "survival:cox": "cox-nloglik",
}


def _class_count(given: Given) -> Iterator[Problem]:
    objective = str(given.static.get("objective", ""))
    if objective.startswith("multi:") and "num_class" not in given:
        yield Problem(
            "num_class",
            None,
            f"is required with the objective {objective}",
            "Set num_class to the number of classes; the labels are 0 to num_class - 1.",
            "Require input for parameter 'num_class' for multi-classification",
        )
    elif objective and not objective.startswith("multi:") and "num_class" in given:
        yield Problem(
            "num_class",
            given.static.get("num_class"),
            f"cannot be used with the objective {objective}: training would fail in its first round",
            "Leave it out, or use multi:softmax or multi:softprob.",
        )


def _metric_fits_objective(given: Given) -> Iterator[Problem]:
    objective = str(given.static.get("objective", ""))
    if "objective" in given and not objective:
        return
    shown = f"with {objective}" if objective else "with none given (it is reg:squarederror then)"
    usual = (words for beginning, words in _USUAL_METRICS.items() if objective.startswith(beginning))
    remedy = f"{next(usual, 'rmse or mae')}, or {'change' if objective else 'set'} the objective."
    asked = given.static.get("eval_metric", [])
    for metric in asked:
        if needed := _needed(metric, objective):
            rule = f"needs {needed}; {shown} training would fail"
            yield Problem("eval_metric", metric, rule, f"Use {remedy}", _REFUSALS.get(metric, ""))
    metric = given.objective_metric
    computable = metric == "auc" and objective.startswith(_AUC_AS_TUNING_OBJECTIVE)
    if metric not in asked and not computable and (needed := _needed(metric, objective)):
        rule = f"does not go with the tuning objective {metric}, which needs {needed}; every trial would fail"
        yield Problem("objective", objective or None, rule, f"Tune for {remedy}")


def _needed(metric: str, objective: str) -> str:
    """What a metric asks of the objective, where this one is not of the kind."""
    if metric.partition("@")[0] in _ONE_PER_ROW:
        return "an objective that is not multi:" if objective.startswith("multi:") else ""
    beginnings, words = _NEEDS.get(metric, ((), ""))
    return "" if objective.startswith(beginnings) else words


def _early_stopping_has_a_metric(given: Given) -> Iterator[Problem]:
    if not given.knows("1.3-1") or "early_stopping_rounds" not in given:
        return
    if "eval_metric" not in given and not given.objective_metric:
        yield Problem(
            "early_stopping_rounds",
            given.static.get("early_stopping_rounds"),
            "is ignored by the container when there is no eval_metric",
            "Set eval_metric to what is to be watched, for instance logloss.",
            fatal=False,
        )


def _constraints_have_a_tree_method(given: Given) -> Iterator[Problem]:
    tree_method = given.static.get("tree_method")
    for name, methods in (
        ("monotone_constraints", ("exact", "hist")),
        ("interaction_constraints", ("exact", "hist", "approx")),
    ):
        if name in given and tree_method not in methods and ("tree_method" in given) == (tree_method is not None):
            yield Problem(
                name,
                given.static.get(name),
                f"needs tree_method to be given as one of {', '.join(methods)}",
                f"Set tree_method to {methods[1]}.",
                f"{name} can be used only when the tree_method parameter is set to one of {', '.join(methods)}.",
            )


def _updaters_fit_together(given: Given) -> Iterator[Problem]:
    updaters = given.static.get("updater", [])
    if not updaters:
        return
    if given.static.get("booster") == "gblinear":
        legal = len(updaters) == 1 and updaters[0] in _LINEAR_UPDATERS
        rule = f"must be one of {', '.join(_LINEAR_UPDATERS)} with the booster gblinear"
    elif given.static.get("process_type") == "update":
        legal = set(updaters) <= set(_TREE_PRUNERS)
        rule = f"must be out of {', '.join(_TREE_PRUNERS)} with process_type update"
    else:
        legal = set(updaters) <= set(_TREE_UPDATERS) and sum(name in _TREE_GROWERS for name in updaters) <= 1
        rule = f"must be tree updaters ({', '.join(_TREE_UPDATERS)}), of which at most one grows trees"
    if not legal:
        yield Problem("updater", ",".join(updaters), rule, constraint=f"Hyperparameter updater {rule}")


def _hyperband_leaves_a_model(given: Given) -> Iterator[Problem]:
    saving = "save_model_on_termination"
    if given.most_rounds is None or saving in given.tuned or given.static.get(saving) == "true":
        return
    tuned = given.ranges.get("num_round")
    texts = [text for _, text in tuned.fields()] if tuned else [str(given.static.get("num_round"))]
    asked = [int(text) for text in texts if text.isdecimal()]
    if not asked or max(asked) <= given.most_rounds:
        return
    always = min(asked) > given.most_rounds and "early_stopping_rounds" not in given
    why = "Hyperband stops a trial there, and XGBoost leaves no model when it is stopped"
    instead = f", or {saving} to 'true'" if given.knows(_SAVES_WHEN_STOPPED) else ""
    yield Problem(
        "num_round",
        tuned or given.static["num_round"],
        f"{'must be at most' if always else 'may exceed'} MaxResource ({given.most_rounds}): {why}",
        f"Set it to {given.most_rounds} or less{instead}.",
        fatal=always,
    )


_CONTENT_TYPES = (
    "text/csv",
    "csv",
    "text/libsvm",
    "text/x-libsvm",
    "libsvm",
    "application/x-parquet",
    "parquet",
    "application/x-recordio-protobuf",
    "recordio-protobuf",
)

_PIPED_CONTENT_TYPES = tuple(each for each in _CONTENT_TYPES if "libsvm" not in each)


def _data(name: str, required: bool = False) -> Channel:
    return Channel(name, _CONTENT_TYPES, required, _PIPED_CONTENT_TYPES, piped_until="1.7-1")


RULES = Rules(
    hyperparameters=_HYPERPARAMETERS,
    metrics=_METRICS,
    channels=(_data("train", required=True), _data("validation"), Channel("code")),
    cross_rules=(
        _class_count,
        _metric_fits_objective,
        _early_stopping_has_a_metric,
        _constraints_have_a_tree_method,
        _updaters_fit_together,
        _hyperband_leaves_a_model,
    ),
    default_content_type="text/libsvm",
)
