"""Built-in K-Means: hyperparameters, metrics and channels.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/k-means-api-config.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/k-means-tuning.html.
"""

from __future__ import annotations

from flytekit_sagemaker.algorithms.rules import (
    Channel,
    Hyperparameter,
    Kind,
    Metric,
    Rules,
    categorical,
    continuous,
    integer,
)

_LOSSES = ("msd", "ssd")
_CONTENT_TYPES = (
    "application/x-recordio-protobuf",
    "text/csv",
    "text/csv;label_size=0",
    "text/csv;label_size=1",
)


def _loss(data: str, name: str) -> Metric:
    return Metric(
        f"{data}:{name}",
        rf"#quality_metric: host=\S+, {data} {name} <loss>=(\S+)",
        maximize=False,
        tunable=data == "test",
    )


RULES = Rules(
    hyperparameters=(
        integer("feature_dim", "[1, inf)", required=True),
        integer("k", "[2, inf)", required=True),
        categorical("init_method", "random kmeans++", tunable=True),
        integer("mini_batch_size", "[1, inf)", tunable=True),
        integer("epochs", "[1, inf)", tunable=True),
        integer("extra_center_factor", "[1, inf)", words=("auto",), tunable=True),
        integer("half_life_time_size", "[0, inf)"),
        Hyperparameter("eval_metrics", Kind.JSON_LIST, choices={"": _LOSSES}),
        integer("local_lloyd_max_iter", "[1, inf)"),
        continuous("local_lloyd_tol", "[0, 1]"),
        integer("local_lloyd_num_trials", "[1, inf)", words=("auto",)),
        categorical("local_lloyd_init_method", "random kmeans++"),
        categorical("force_dense", "True False true false"),
        categorical("_tuning_objective_metric", {"": tuple(f"test:{name}" for name in _LOSSES)}),
    ),
    metrics=(
        *(_loss("test", name) for name in _LOSSES),
        *(_loss("train", name) for name in _LOSSES),
        Metric("train:progress", r"#progress_metric: host=\S+, completed (\S+) %", maximize=True, tunable=False),
        Metric(
            "train:throughput",
            r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
            maximize=True,
            tunable=False,
        ),
    ),
    channels=(
        Channel("train", _CONTENT_TYPES, required=True, piped_content_types=_CONTENT_TYPES),
        Channel("test", _CONTENT_TYPES, piped_content_types=_CONTENT_TYPES),
    ),
    default_content_type="application/x-recordio-protobuf",
)
