"""The container of built-in K-Means as an ordinary program, on scikit-learn.

Like the container it first finds ``k`` times ``extra_center_factor`` centers in mini-batches and then reduces them to
``k`` with Lloyd's method. Where the container picks at random this program always picks the same. The model file has
the container's name, but holds the centers as a NumPy array (``numpy.load``) instead of one of MXNet.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/algo-kmeans-tech-notes.html
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics import pairwise_distances_argmin_min

from flytekit_sagemaker.algorithms import algorithm
from flytekit_sagemaker.container.contract import OBJECTIVE_METRIC_HYPERPARAMETER
from flytekit_sagemaker.local.programs import data
from flytekit_sagemaker.local.programs.container import Container, TrainingError, log, refuse, run
from flytekit_sagemaker.types import AlgorithmName

AUTO_EXTRA_CENTER_FACTOR = 10
AUTO_LLOYD_TRIALS = 10
_DEFAULT_LABEL_COLUMNS = 1
"""Of ``text/csv`` without ``label_size``, as all first-party algorithms read it."""

_INIT = {"random": "random", "kmeans++": "k-means++"}
_SEED = 0

Array = np.ndarray[Any, Any]


def _read(container: Container, channel: str, feature_dim: int) -> Array:
    content_type = (
        container.channel_configs[channel].get("ContentType") or algorithm(AlgorithmName.KMEANS).default_content_type
    )
    kind, _, parameters = content_type.partition(";")
    if kind != "text/csv":
        raise TrainingError(
            f"The local container does not read {content_type} (channel {channel}). Use text/csv;label_size=0."
        )
    if container.channel_configs[channel].get("TrainingInputMode") == "Pipe":
        raise TrainingError(f"Pipe mode is not supported (channel {channel}). Use File or FastFile.")
    label_columns = int(parameters.partition("label_size=")[2] or _DEFAULT_LABEL_COLUMNS)
    rows, files = data.read_csv(container.data_dir / channel, channel, label_first=label_columns > 0)
    features = rows[:, label_columns:]
    if features.shape[1] != feature_dim:
        raise TrainingError(
            f"feature_dim is {feature_dim}, but the channel {channel} has {features.shape[1]} feature columns"
            f"{f' after {label_columns} label column' if label_columns else ''} ({files[0][0]}). "
            "Set feature_dim to that number; text/csv;label_size=0 says that no column is a label."
        )
    wrong = np.argwhere(~np.isfinite(features))
    if len(wrong):
        row, column = (int(index) for index in wrong[0])
        raise TrainingError(
            f"Every feature must be a finite number: {data.place(files, row)}, column {column + label_columns + 1} "
            f"(channel {channel})."
        )
    return features


def _centers(features: Array, given: dict[str, Any]) -> Array:
    k = int(given["k"])
    if len(features) < k:
        raise TrainingError(f"k is {k}, but there are only {len(features)} examples to find centers in.")
    factor = given.get("extra_center_factor", "auto")
    wanted = k * (AUTO_EXTRA_CENTER_FACTOR if factor == "auto" else factor)
    many = MiniBatchKMeans(
        min(wanted, len(features)),
        init=_INIT[given.get("init_method", "random")],
        batch_size=given.get("mini_batch_size", 5000),
        max_iter=given.get("epochs", 1),
        n_init=1,
        random_state=_SEED,
    ).fit(features)
    sizes = np.bincount(many.labels_, minlength=len(many.cluster_centers_))
    kept = sizes > 0 if (sizes > 0).sum() >= k else np.ones(len(sizes), bool)
    trials = given.get("local_lloyd_num_trials", "auto")
    few = KMeans(
        k,
        init=_INIT[given.get("local_lloyd_init_method", "kmeans++")],
        max_iter=given.get("local_lloyd_max_iter", 300),
        tol=given.get("local_lloyd_tol", 0.0001),
        n_init=AUTO_LLOYD_TRIALS if trials == "auto" else trials,
        random_state=_SEED,
    ).fit(many.cluster_centers_[kept], sample_weight=np.maximum(sizes[kept], 1))
    return np.asarray(few.cluster_centers_, np.float32)


def _report(host: str, name: str, features: Array, centers: Array, losses: list[str]) -> None:
    squared = pairwise_distances_argmin_min(features, centers)[1] ** 2
    values = {"msd": float(squared.mean()), "ssd": float(squared.sum())}
    for loss in losses:
        log(f"#quality_metric: host={host}, {name} {loss} <loss>={values[loss]!r}")


def _train(container: Container) -> None:
    rules = algorithm(AlgorithmName.KMEANS)
    refuse(rules.check_hyperparameters(container.hyperparameters))
    given = rules.parse_hyperparameters(container.hyperparameters)
    objective = given.get(OBJECTIVE_METRIC_HYPERPARAMETER)
    content_types = {name: config.get("ContentType") for name, config in container.channel_configs.items()}
    refuse(rules.check_channels(content_types, objective_metric=objective))
    if not container.is_master:
        log(f"Host {container.current_host} takes no part: {container.hosts[0]} trains and saves the model.")
        return
    channels = {name: _read(container, name, given["feature_dim"]) for name in content_types}
    train = channels["train"]
    started = time.perf_counter()
    centers = _centers(train, given)
    seconds = time.perf_counter() - started
    host = container.current_host
    log(f"#progress_metric: host={host}, completed 100.0 % of epochs")
    log(f"#throughput_metric: host={host}, train throughput={len(train) / seconds} records/second")
    losses = sorted({*given.get("eval_metrics", ["msd"]), *([objective.partition(":")[2]] if objective else [])})
    for name, features in channels.items():
        _report(host, name, features, centers, losses)
    with (container.model_dir / f"model_{host}").open("wb") as file:
        np.save(file, centers)
    log(f"Saved {len(centers)} centers of {centers.shape[1]} features")


def main() -> int:
    """Train as the container does and return the process's exit code."""
    return run(_train)


if __name__ == "__main__":
    sys.exit(main())
