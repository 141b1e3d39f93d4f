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

from flytekit_sagemaker.container.contract import OBJECTIVE_METRIC_HYPERPARAMETER
from flytekit_sagemaker.local.programs.container import Container, TrainingError, log, run
from flytekit_sagemaker.local.programs.data import Matrix
from flytekit_sagemaker.local.programs.first_party import Examples, checked_hyperparameters, read_channels, takes_part
from flytekit_sagemaker.types import AlgorithmName

AUTO_EXTRA_CENTER_FACTOR = 10
AUTO_LLOYD_TRIALS = 10
_INIT = {"random": "random", "kmeans++": "k-means++"}
_SEED = 0

Array = np.ndarray[Any, Any]


def _dense(examples: Examples, given: dict[str, Any]) -> Matrix:
    is_sparse = hasattr(examples.features, "toarray")
    keeps = given.get("force_dense", "true").lower() == "false"
    return examples.features.toarray() if is_sparse and not keeps else examples.features


def _centers(features: Matrix, given: dict[str, Any]) -> Array:
    k, count = int(given["k"]), features.shape[0]
    if count < k:
        raise TrainingError(f"k is {k}, but there are only {count} examples to find centers in.")
    factor = given.get("extra_center_factor", "auto")
    wanted = k * (AUTO_EXTRA_CENTER_FACTOR if factor == "auto" else factor)
    many = MiniBatchKMeans(
        min(wanted, count),
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


def _report(host: str, name: str, features: Matrix, centers: Array, losses: list[str]) -> None:
    with np.errstate(over="ignore"):
        squared = pairwise_distances_argmin_min(features, centers)[1] ** 2
    if not np.isfinite(squared).all():
        raise TrainingError(f"The distances in the channel {name} are beyond float32: scale the features.")
    values = {"msd": float(squared.mean()), "ssd": float(squared.sum())}
    for loss in losses:
        log(f"#quality_metric: host={host}, {name} {loss} <loss>={values[loss]!r}")


def _train(container: Container) -> None:
    given = checked_hyperparameters(container, AlgorithmName.KMEANS)
    if not takes_part(container):
        return
    channels = {
        name: _dense(examples, given)
        for name, examples in read_channels(container, AlgorithmName.KMEANS, given["feature_dim"]).items()
    }
    train = channels["train"]
    if given.get("half_life_time_size"):
        log(f"half_life_time_size={given['half_life_time_size']} has no effect here: every point keeps its weight.")
    started = time.perf_counter()
    centers = _centers(train, given)
    seconds = time.perf_counter() - started
    host = container.current_host
    log(f"#progress_metric: host={host}, completed 100.0 % of epochs")
    log(f"#throughput_metric: host={host}, train throughput={train.shape[0] / seconds} records/second")
    objective = given.get(OBJECTIVE_METRIC_HYPERPARAMETER)
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
