"""What the tuning benchmark tunes: data sets, search spaces, and the training programs called without a SageMaker."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flytekit_sagemaker.algorithms import algorithm
from flytekit_sagemaker.container.contract import OBJECTIVE_METRIC_HYPERPARAMETER
from flytekit_sagemaker.types import AlgorithmName

ROUNDS = 300
KMEANS_IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
XGBOOST_IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Problem:
    """Something to tune; every objective is minimized, and depends on nothing but the hyperparameters.

    Attributes:
        program: module of the training program that stands for the image.
        load: features and labels, or features alone.
        second: name of the channel that the objective is measured on; the first is ``train``.
        ranges: as a request has them.
        steps: how often a full trial prints the objective.
    """

    name: str
    algorithm: AlgorithmName
    image: str
    program: str
    content_type: str
    second: str
    metric: str
    static: Mapping[str, str]
    ranges: Mapping[str, list[dict[str, Any]]]
    load: Callable[[], tuple[Array, Array | None]]
    steps: int = 1

    def write(self, folder: Path) -> None:
        """Write the channels as CSV files: three quarters of the rows to train with, and the others."""
        features, labels = self.load()
        rows = features if labels is None else np.column_stack([labels, features])
        order = np.random.default_rng(0).permutation(len(rows))
        cut = len(rows) * 3 // 4
        for channel, chosen in (("train", order[:cut]), (self.second, order[cut:])):
            (folder / channel).mkdir(parents=True)
            np.savetxt(folder / channel / "data.csv", rows[chosen], "%.9g", ",")


class Program:
    """The training program of a problem in this process, on files of its own below ``base``."""

    def __init__(self, problem: Problem, base: Path) -> None:
        self._base = base
        self._static = {**problem.static, OBJECTIVE_METRIC_HYPERPARAMETER: problem.metric}
        self._main = importlib.import_module(f"flytekit_sagemaker.local.programs.{problem.program}").main
        definitions = dict(algorithm(problem.algorithm).metric_definitions())
        self._objective = re.compile(definitions[problem.metric])
        problem.write(base / "input" / "data")
        for folder in ("input/config", "model", "output/data", "checkpoints"):
            (base / folder).mkdir(parents=True, exist_ok=True)
        channels = {
            name: {"TrainingInputMode": "File", "ContentType": problem.content_type}
            for name in ("train", problem.second)
        }
        (base / "input/config/inputdataconfig.json").write_text(json.dumps(channels))
        hosts = {"current_host": "algo-1", "hosts": ["algo-1"]}
        (base / "input/config/resourceconfig.json").write_text(json.dumps(hosts))

    def objectives(self, values: Mapping[str, str]) -> list[float]:
        """Train once, and return the objective after every step."""
        hyperparameters = {**self._static, **values}
        (self._base / "input/config/hyperparameters.json").write_text(json.dumps(hyperparameters))
        os.environ["SAGEMAKER_BASE_DIR"] = str(self._base)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = self._main()
        assert code == 0, printed.getvalue()
        lines = printed.getvalue().replace("\t", "#011").splitlines()  # as CloudWatch shows a tab
        return [float(found[1]) for found in map(self._objective.search, lines) if found]


def _digits() -> tuple[Array, None]:
    from sklearn.datasets import load_digits

    return load_digits().data, None


def _breast_cancer() -> tuple[Array, Array]:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    return data.data, data.target


def _diabetes() -> tuple[Array, Array]:
    from sklearn.datasets import load_diabetes

    data = load_diabetes()
    return data.data, data.target


def _between(name: str, low: float, high: float, scaling: str = "Linear") -> dict[str, str]:
    return {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scaling}


# The ranges that AWS recommends for K-Means, but for batches that suit 1,347 rows instead of hundreds of thousands.
_KMEANS_RANGES: Mapping[str, list[dict[str, Any]]] = {
    "IntegerParameterRanges": [
        _between("extra_center_factor", 4, 10),
        _between("mini_batch_size", 100, 1300),
        _between("epochs", 1, 10),
    ],
    "CategoricalParameterRanges": [{"Name": "init_method", "Values": ["random", "kmeans++"]}],
}

# What people tune first, each over the orders of magnitude in which it matters.
_XGBOOST_RANGES: Mapping[str, list[dict[str, Any]]] = {
    "ContinuousParameterRanges": [
        _between("eta", 0.003, 0.5, "Logarithmic"),
        _between("min_child_weight", 0.1, 100, "Logarithmic"),
        _between("lambda", 0.001, 1000, "Logarithmic"),
        _between("alpha", 0.001, 1000, "Logarithmic"),
        _between("subsample", 0.5, 1),
        _between("colsample_bytree", 0.3, 1),
    ],
    "IntegerParameterRanges": [_between("max_depth", 2, 10)],
}


def _xgboost(name: str, objective: str, metric: str, load: Callable[[], tuple[Array, Array]]) -> Problem:
    static = {"num_round": str(ROUNDS), "objective": objective, "eval_metric": metric, "nthread": "1"}
    return Problem(
        name,
        AlgorithmName.XGBOOST,
        XGBOOST_IMAGE,
        "xgboost",
        "text/csv",
        "validation",
        f"validation:{metric}",
        static,
        _XGBOOST_RANGES,
        load,
        ROUNDS,
    )


PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem(
            "digits",
            AlgorithmName.KMEANS,
            KMEANS_IMAGE,
            "kmeans",
            "text/csv;label_size=0",
            "test",
            "test:msd",
            {"k": "10", "feature_dim": "64"},
            _KMEANS_RANGES,
            _digits,
        ),
        _xgboost("breast-cancer", "binary:logistic", "logloss", _breast_cancer),
        _xgboost("diabetes", "reg:squarederror", "rmse", _diabetes),
    )
}
