"""From the hyperparameters of the XGBoost image to a call of the library that is installed here, and its lines.

Whatever version the image has, the installed xgboost trains. Hyperparameters are checked by the rules of the image's
version; those that the library has dropped since are translated or left out with a line in the log.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html and
https://github.com/aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import xgboost
from xgboost.callback import EarlyStopping, TrainingCallback

from flytekit_sagemaker.algorithms import algorithm
from flytekit_sagemaker.algorithms.images import resolve_version
from flytekit_sagemaker.container.contract import OBJECTIVE_METRIC_HYPERPARAMETER
from flytekit_sagemaker.local.programs import data
from flytekit_sagemaker.local.programs.container import Container, TrainingError, log, refuse
from flytekit_sagemaker.local.programs.xgboost_metrics import COMPUTED_HERE, CustomMetric, custom_metric
from flytekit_sagemaker.types import AlgorithmName

MODEL_FILE = "xgboost-model"
DEFAULT_OBJECTIVE = "reg:squarederror"

_FOR_THE_CONTAINER = frozenset(
    {
        "num_round",
        "early_stopping_rounds",
        "eval_metric",
        "csv_weights",
        "save_model_on_termination",
        "_kfold",
        "_num_cv_round",
        OBJECTIVE_METRIC_HYPERPARAMETER,
    }
)
"""Hyperparameters that the container acts on itself and keeps from the library."""

_GONE = frozenset(
    {
        "deterministic_histogram",
        "dsplit",
        "lambda_bias",
        "predictor",
        "prob_buffer_row",
        "single_precision_histogram",
        "sketch_eps",
        "use_dask_gpu_training",
    }
)
"""Hyperparameters of the images that the library does without today, or uses on a GPU only."""

_OLD_DEFAULT_METRICS: Mapping[str, Mapping[str, str]] = {
    "0.72": {"rank:": "map"},
    "1.2-2": {"binary:": "error", "multi:": "merror"},
}
"""Metrics that versions up to the given one print without an ``eval_metric``, by the objective's beginning."""


class Monitor(TrainingCallback):
    """Prints the metrics of every round in the line from which SageMaker reads them."""

    def __init__(self, first_round: int = 0) -> None:
        super().__init__()
        self._first_round = first_round

    def after_iteration(self, model: Any, epoch: int, evals_log: TrainingCallback.EvalsLog) -> bool:
        values = last_values(evals_log)
        print(metric_line(self._first_round + epoch, values), flush=True)
        if epoch == 0:
            for dataset, named in values.items():
                for name in (name for name, value in named.items() if math.isnan(value)):
                    log(f"{dataset}-{name} is not defined on this data; are all labels of one class?", "WARNING")
        return False


class Saver(TrainingCallback):
    """Hands the model of every round, and the round's number, to a function."""

    def __init__(self, save: Callable[[Any, int], None], first_round: int = 0) -> None:
        super().__init__()
        self._save = save
        self._first_round = first_round

    def after_iteration(self, model: Any, epoch: int, evals_log: TrainingCallback.EvalsLog) -> bool:
        self._save(model, self._first_round + epoch)
        return False


class LastRound(TrainingCallback):
    """Keeps the metrics of the last round."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, dict[str, float]] = {}

    def after_iteration(self, model: Any, epoch: int, evals_log: TrainingCallback.EvalsLog) -> bool:
        self.values = last_values(evals_log)
        return False


def last_values(evals_log: TrainingCallback.EvalsLog) -> dict[str, dict[str, float]]:
    """What the library computed in its last round: data set to metric to value."""
    return {
        dataset: {name: _mean(values[-1]) for name, values in named.items()} for dataset, named in evals_log.items()
    }


def _mean(score: float | tuple[float, float]) -> float:
    return score[0] if isinstance(score, tuple) else score


def metric_line(round_number: int, values: Mapping[str, Mapping[str, float]]) -> str:
    r"""The line of a round: ``[0]\ttrain-auc:0.98000\tvalidation-auc:0.97000``."""
    fields = [f"{dataset}-{name}:{value:.5f}" for dataset, named in values.items() for name, value in named.items()]
    return "\t".join([f"[{round_number}]", *fields])


class Training:
    """The settings of one training, worked out of the container's hyperparameters.

    Attributes:
        given: parsed hyperparameters under their canonical names.
        params: what ``xgboost.train`` takes.
        objective: the objective, the library's default where none is given.
        custom: the metrics that the container computes, or None.
        watched: the metric that early stopping follows, or None when it is off.
    """

    def __init__(self, container: Container) -> None:
        rules = algorithm(AlgorithmName.XGBOOST)
        version = resolve_version(AlgorithmName.XGBOOST, container.version)
        refuse(rules.check_hyperparameters(container.hyperparameters, version=version))
        self.given = given = rules.parse_hyperparameters(container.hyperparameters, version=version)
        self.objective = str(given.get("objective", DEFAULT_OBJECTIVE))
        self.rounds = int(given["num_round"])
        names = _metric_names(given)
        computed = [name for name in names if name in COMPUTED_HERE]
        self.custom: CustomMetric | None = custom_metric(computed, self.objective) if computed else None
        self.params = _library_params(given, container)
        eval_metric = [name for name in names if name not in COMPUTED_HERE]
        if not names:
            eval_metric = _old_default_metric(self.objective, version, rules.versions)
        if eval_metric:
            self.params["eval_metric"] = eval_metric
        self.watched = _watched_metric(given)
        maximized = rules.objective_metrics(version)
        self.maximize = bool(maximized.get(f"validation:{(self.watched or '').partition('@')[0]}"))

    def early_stopping(self) -> list[Any]:
        """The callback of early stopping, which the container uses when a metric to watch is known."""
        if "early_stopping_rounds" not in self.given or self.watched is None:
            return []
        return [
            EarlyStopping(
                rounds=self.given["early_stopping_rounds"],
                data_name="validation",
                metric_name=self.watched,
                maximize=self.maximize,
                save_best=self.given.get("booster") != "gblinear",
            )
        ]

    def fit(
        self, train: Any, evals: list[tuple[Any, str]], rounds: int, callbacks: list[Any], start: Path | None = None
    ) -> Any:
        """A trained booster.

        Args:
            train: what it learns from.
            evals: what it is evaluated on, with names.
            rounds: how many boosting rounds to train.
            callbacks: of the library.
            start: file with the model to go on from; from its name, the library would try to tell the format.

        Raises:
            TrainingError: the library refuses; the message is its own first sentence.
        """
        with _in_a_sentence("XGB train call failed with exception:\n "):
            return xgboost.train(
                self.params,
                train,
                num_boost_round=rounds,
                evals=evals,
                custom_metric=self.custom,
                callbacks=callbacks,
                xgb_model=bytearray(start.read_bytes()) if start else None,
                verbose_eval=False,
            )


def _metric_names(given: Mapping[str, Any]) -> list[str]:
    objective_metric = str(given.get(OBJECTIVE_METRIC_HYPERPARAMETER, "")).rpartition(":")[2]
    asked = list(given.get("eval_metric", []))
    return sorted({*asked, objective_metric}) if objective_metric else asked


def _watched_metric(given: Mapping[str, Any]) -> str | None:
    if OBJECTIVE_METRIC_HYPERPARAMETER in given:
        return str(given[OBJECTIVE_METRIC_HYPERPARAMETER]).rpartition(":")[2]
    return str(given["eval_metric"][-1]) if given.get("eval_metric") else None


def _old_default_metric(objective: str, version: str, versions: tuple[str, ...]) -> list[str]:
    for last, by_objective in _OLD_DEFAULT_METRICS.items():
        if versions.index(version) <= versions.index(last):
            for beginning, name in by_objective.items():
                if objective.startswith(beginning):
                    return [name]
    return []


def _library_params(given: Mapping[str, Any], container: Container) -> dict[str, Any]:
    params = {name: value for name, value in given.items() if name not in _FOR_THE_CONTAINER}
    for name in sorted(_GONE & params.keys()):
        log(f"Hyperparameter {name} has no effect here: xgboost {xgboost.__version__} on a CPU does without it.")
        del params[name]
    silent = params.pop("silent", None)
    if silent is not None:
        params.setdefault("verbosity", 0 if silent else 1)
        log(f"Hyperparameter silent={silent} is taken for verbosity={params['verbosity']}.")
    if params.get("tree_method") == "gpu_hist":
        params["tree_method"] = "hist"
        log("Hyperparameter tree_method=gpu_hist is taken for hist: training runs on the CPU.")
    for name in ("interaction_constraints", "monotone_constraints"):
        if name in params:
            params[name] = container.hyperparameters[name]
    if "updater" in params:
        known = [name for name in params["updater"] if name not in ("distcol", "grow_local_histmaker", "grow_skmaker")]
        if known != params["updater"]:
            log(f"Hyperparameter updater is taken for {','.join(known) or 'the default'}: the others are gone.")
        params["updater"] = ",".join(known)
        if not known:
            del params["updater"]
    if container.threads:
        params.setdefault("nthread", container.threads)
    return params


@contextlib.contextmanager
def _in_a_sentence(prefix: str) -> Iterator[None]:
    try:
        yield
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise TrainingError(f"{prefix}{_sentence(str(error))}") from None


def _sentence(message: str) -> str:
    first = message.split("\nStack trace")[0].strip().splitlines()[0]
    first = re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", first)
    return re.sub(r"^Check failed: .*?: (?=\S)", "", first)


def matrix(table: data.Table, threads: int | None) -> Any:
    """The library's own form of a table.

    Raises:
        TrainingError: the library refuses the data.
    """
    with _in_a_sentence(f"Failed to load the data of {table.files[0][0].parent} with exception:\n "):
        return xgboost.DMatrix(
            table.features, label=table.label, weight=table.weight, qid=table.groups, nthread=threads
        )


def save_model(booster: xgboost.Booster, file: Path) -> None:
    """Write a model so that the file is whole at every moment."""
    scratch = file.with_name(f".{file.name}.ubj")
    booster.save_model(scratch)
    os.replace(scratch, file)
