"""What the containers of SageMaker's own algorithms have in common: how they read hyperparameters and channels.

They take CSV with so many label columns as the content type says, and record-protobuf, in every input mode.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flytekit_sagemaker.algorithms import algorithm
from flytekit_sagemaker.container.contract import OBJECTIVE_METRIC_HYPERPARAMETER
from flytekit_sagemaker.local.programs import data
from flytekit_sagemaker.local.programs.container import Container, TrainingError, log, refuse
from flytekit_sagemaker.types import AlgorithmName

_DEFAULT_LABEL_COLUMNS = 1
"""Of ``text/csv`` without ``label_size``."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Examples:
    """The examples of a channel.

    Attributes:
        features: one row per example, float32: an array, or a CSR matrix where the records are sparse.
        labels: one number per example, or None where the data has none.
        files: every file with its number of rows, in the order of the rows.
    """

    features: data.Matrix
    labels: Array | None
    files: data.Files

    def __len__(self) -> int:
        return int(self.features.shape[0])


def checked_hyperparameters(container: Container, name: AlgorithmName) -> dict[str, Any]:
    """The parsed hyperparameters of a job.

    Raises:
        TrainingError: hyperparameters or channels are not such as the container takes.
    """
    rules = algorithm(name)
    refuse(rules.check_hyperparameters(container.hyperparameters))
    given = rules.parse_hyperparameters(container.hyperparameters)
    objective_metric = given.get(OBJECTIVE_METRIC_HYPERPARAMETER)
    refuse(
        rules.check_channels(container.content_types, piped=container.piped_channels, objective_metric=objective_metric)
    )
    return given


def takes_part(container: Container) -> bool:
    """Whether this host trains: one does, and the others say so."""
    if not container.is_master:
        log(f"Host {container.current_host} takes no part: {container.hosts[0]} trains and saves the model.")
    return container.is_master


def read_channels(container: Container, name: AlgorithmName, feature_dim: int | None) -> dict[str, Examples]:
    """The examples of every channel, which all have so many features; None takes the number of the channel train.

    Raises:
        TrainingError: there is no data, or it is not what the content type says.
        InvalidInput: a record-protobuf file is damaged.
    """
    channels: dict[str, Examples] = {}
    for channel in sorted(container.channel_configs, key=lambda channel: channel != "train"):
        content_type = container.content_types[channel] or algorithm(name).default_content_type
        with data.files(container, channel) as root:
            channels[channel] = examples = _read(root, content_type, channel)
        if feature_dim is None:
            feature_dim = examples.features.shape[1]
        _check_features(examples, channel, feature_dim, content_type)
    return channels


def _read(root: Path, content_type: str, channel: str) -> Examples:
    kind, _, parameters = content_type.partition(";")
    if kind == "text/csv":
        label_columns = int(parameters.partition("label_size=")[2] or _DEFAULT_LABEL_COLUMNS)
        rows, files = data.read_csv(root, channel, label_first=label_columns > 0)
        return Examples(rows[:, label_columns:], rows[:, 0] if label_columns else None, files)
    features, labels, files = data.read_records(root, channel)
    return Examples(features, labels, files)


def _check_features(examples: Examples, channel: str, feature_dim: int, content_type: str) -> None:
    count = examples.features.shape[1]
    file = examples.files[0][0].name
    if count != feature_dim:
        is_csv = content_type.startswith("text/csv")
        label = " after 1 label column" if is_csv and examples.labels is not None else ""
        hint = "; text/csv;label_size=0 says that no column is a label" if label else ""
        raise TrainingError(
            f"feature_dim is {feature_dim}, but the channel {channel} has {count} features{label} ({file}). "
            f"Set feature_dim to that number{hint}."
        )
    stored = examples.features.data if hasattr(examples.features, "tocsr") else examples.features
    if not np.isfinite(stored).all():
        row, column = _first_wrong(examples.features)
        raise TrainingError(
            f"Every feature must be a finite number: {data.place(examples.files, row)}, feature {column + 1} "
            f"(channel {channel})."
        )


def _first_wrong(features: data.Matrix) -> tuple[int, int]:
    if hasattr(features, "tocoo"):
        entries = features.tocoo()
        first = np.flatnonzero(~np.isfinite(entries.data))[0]
        return int(entries.row[first]), int(entries.col[first])
    row, column = np.argwhere(~np.isfinite(features))[0]
    return int(row), int(column)
