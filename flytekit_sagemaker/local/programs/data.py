"""Reads the files of a channel into arrays, and says in which file and line they are wrong."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from flytekit_sagemaker.algorithms.content import EVERYTHING, csv_problems, delimiter_of
from flytekit_sagemaker.algorithms.files import data_files, hidden_files
from flytekit_sagemaker.local.programs.container import Container, TrainingError, log
from flytekit_sagemaker.recordio import joined, read_files

Matrix = Any
"""Features, one row per example: a dense float32 array, or a sparse matrix where the format is sparse."""

Files = tuple[tuple[Path, int], ...]
"""Every file with its number of rows, in the order of the rows."""


_PARQUET_MAGIC = b"PAR1"
"""What a Parquet file begins and ends with."""


@dataclass(frozen=True)
class Table:
    """The examples of a channel.

    Attributes:
        features: one row per example.
        label: one number per example.
        weight: one weight per example, or None.
        files: every file with its number of rows, in the order of the rows.
        groups: query id per example, or None.
    """

    features: Matrix
    label: np.ndarray[Any, Any]
    files: Files
    weight: np.ndarray[Any, Any] | None = None
    groups: np.ndarray[Any, Any] | None = None


def place(files: Iterable[tuple[Path, int]], row: int) -> str:
    """Where an example comes from, for a sentence; ``files`` are the files with their numbers of rows."""
    for file, rows in files:
        if row < rows:
            return f"{file}, row {row + 1}"
        row -= rows
    raise IndexError(row)


@contextlib.contextmanager
def files(container: Container, channel: str) -> Iterator[Path]:
    """The folder with a channel's files; what a pipe brings is kept in a file for as long as it is read."""
    if channel not in container.piped_channels:
        yield container.data_dir / channel
        return
    with tempfile.TemporaryDirectory(dir=container.data_dir, prefix=f"{channel}-") as folder:
        first_epoch = container.data_dir / f"{channel}_0"
        with first_epoch.open("rb") as pipe, Path(folder, first_epoch.name).open("wb") as file:
            shutil.copyfileobj(pipe, file)
        yield Path(folder)


def find(root: Path, channel: str) -> list[Path]:
    """The files of a channel that hold data.

    Raises:
        TrainingError: there are none, or there is a hidden one.
    """
    if root.is_dir() and (hidden := hidden_files(root)):
        raise TrainingError(f"Hidden file found in the data path! Remove that before training. ({hidden[0]})")
    files = [file for file in data_files(root) if file.stat().st_size > 0] if root.exists() else []
    if not files:
        kind = "training" if channel == "train" else channel
        raise TrainingError(f"No data in {kind} channel path {root}")
    return files


def read(root: Path, content_type: str, channel: str, *, weights: bool = False) -> Table:
    """Every example of a channel.

    Args:
        root: the channel's directory.
        content_type: a content type that the XGBoost container takes.
        channel: the channel's name, for messages.
        weights: whether the second column of a CSV file is the example's weight.

    Raises:
        TrainingError: there is no data, or it is not what the content type says; names file, line and column.
    """
    flavour = content_type.split("/")[-1].removeprefix("x-")
    if flavour == "csv":
        return _read_labelled_csv(root, channel, weights)
    files = find(root, channel)
    if flavour == "libsvm":
        return _read_libsvm(files, channel)
    if flavour == "parquet":
        return _read_parquet(files, channel)
    features, label, counts = read_records(root, channel)
    if label is None:
        raise TrainingError(f"Every record must have a label: {counts[0][0]} has none (channel {channel}).")
    return Table(features, label, counts)


def read_records(root: Path, channel: str) -> tuple[Matrix, np.ndarray[Any, Any] | None, Files]:
    """Features, labels or None, and every file with its number of rows, of a record-protobuf channel.

    Raises:
        TrainingError: there is no data.
        InvalidInput: a file is damaged, or the records do not fit together; names file and record.
    """
    parts = read_files(*find(root, channel))
    files = tuple((file, features.shape[0]) for file, (features, _) in parts)
    features, labels = joined(examples for _, examples in parts)
    return features.astype(np.float32), None if labels is None else labels.astype(np.float32), files


def read_csv(root: Path, channel: str, *, label_first: bool) -> tuple[np.ndarray[Any, Any], Files]:
    """All rows of a CSV channel, with every file and its number of rows; an empty field is NaN.

    Raises:
        TrainingError: there is no data, or it is no table of numbers; names file, line and column.
    """
    files = find(root, channel)
    with files[0].open(encoding="utf-8-sig", errors="replace") as stream:
        delimiter = delimiter_of(stream.readline())
    log(f"Determined delimiter of CSV input is '{delimiter}'")
    try:
        parts = [_csv_array(file, delimiter) for file in files]
        array = np.vstack(parts)
    except ValueError as error:
        _refuse_csv(root, channel, label_first)
        raise TrainingError(f"Failed to load csv data with exception:\n{error}") from None
    if np.isnan(array[:, -1]).any() or (label_first and np.isnan(array[:, 0]).any()):
        _refuse_csv(root, channel, label_first)  # pandas fills up a row that is too short
    return array, tuple((file, len(part)) for file, part in zip(files, parts, strict=True))


def _read_labelled_csv(root: Path, channel: str, weights: bool) -> Table:
    array, files = read_csv(root, channel, label_first=True)
    first_feature = 2 if weights else 1
    if array.shape[1] <= first_feature:
        raise TrainingError(
            f"Failed to load csv data with exception:\n{files[0][0]} has {array.shape[1]} column(s): "
            f"the label{', the weight' if weights else ''} and at least one feature are needed (channel {channel})."
        )
    return Table(array[:, first_feature:], array[:, 0], files, weight=array[:, 1] if weights else None)


def _csv_array(file: Path, delimiter: str) -> np.ndarray[Any, Any]:
    frame = pd.read_csv(
        file,
        header=None,
        sep=delimiter,
        dtype=np.float32,
        keep_default_na=False,
        na_values=["", "nan", "NaN", "NAN"],
        encoding="utf-8-sig",
    )
    return np.asarray(frame.to_numpy())


def _refuse_csv(root: Path, channel: str, label_first: bool) -> None:
    problems = csv_problems(root, channel=channel, label_first=label_first, per_file=EVERYTHING, per_channel=EVERYTHING)
    if problems:
        raise TrainingError(
            "Failed to load csv data with exception:\n" + "\n".join(str(problem) for problem in problems)
        )


_LIBSVM_LABEL = re.compile(r"(?P<label>[^:\s]+)(?::(?P<weight>[^:\s]+))?$")


def _read_libsvm(files: list[Path], channel: str) -> Table:
    labels: list[float] = []
    weights: list[float] = []
    groups: list[int] = []
    values: list[float] = []
    columns: list[int] = []
    ends = [0]
    counts = []
    for file in files:
        before = len(labels)
        with file.open(encoding="utf-8", errors="replace") as stream:
            for number, line in enumerate(stream, start=1):
                fields = line.partition("#")[0].split()
                if not fields:
                    continue
                label, *entries = fields
                try:
                    head = _LIBSVM_LABEL.match(label)
                    if head is None:
                        raise ValueError(label)
                    labels.append(float(head["label"]))
                    weights.append(float(head["weight"] or 1))
                    for entry in entries:
                        index, value = entry.split(":")
                        if index == "qid":
                            groups.append(int(value))
                        else:
                            columns.append(int(index))
                            values.append(float(value))
                except ValueError:
                    raise TrainingError(
                        f"Line '{line[:50].strip()}...' of file '{file.name}' is not 'LIBSVM' format: "
                        f"{file}, line {number} (channel {channel}) must be <label>[:<weight>] <index>:<value> ... "
                        "For CSV data set the channel's content type to text/csv."
                    ) from None
                ends.append(len(values))
        counts.append((file, len(labels) - before))
    if not labels:
        raise TrainingError(f"No data in {channel} channel: its files hold no example.")
    if groups and len(groups) != len(labels):
        raise TrainingError(f"Either every line or no line of the channel {channel} has a qid.")
    if columns and min(columns) < 0:
        raise TrainingError(f"Failed to load libsvm data with exception:\nan index is negative (channel {channel})")
    return Table(
        scipy.sparse.csr_matrix(
            (np.array(values, np.float32), np.array(columns, np.int32), np.array(ends)),
            shape=(len(labels), max(columns, default=0) + 1),
        ),
        np.array(labels, np.float32),
        tuple(counts),
        weight=np.array(weights, np.float32) if any(weight != 1 for weight in weights) else None,
        groups=np.array(groups) if groups else None,
    )


def _read_parquet(files: list[Path], channel: str) -> Table:
    try:
        arrays = [_parquet_array(file) for file in files]
        array = np.vstack(arrays)
    except ImportError:
        raise TrainingError(
            f"Reading Parquet (channel {channel}) takes pyarrow: pip install pyarrow, or use text/csv."
        ) from None
    except Exception as error:
        raise TrainingError(f"Failed to load parquet data with exception:\n{error} (channel {channel})") from None
    return Table(array[:, 1:], array[:, 0], tuple((file, len(rows)) for file, rows in zip(files, arrays, strict=True)))


def _parquet_array(file: Path) -> np.ndarray[Any, Any]:
    """The rows of a file, which has several tables, one after the other, where a pipe has brought several objects."""
    content = file.read_bytes()
    joints = (joint.start() + len(_PARQUET_MAGIC) for joint in re.finditer(_PARQUET_MAGIC * 2, content))
    parts = itertools.pairwise([0, *joints, len(content)])
    frames = [pd.read_parquet(io.BytesIO(content[start:end])) for start, end in parts]
    return np.vstack([frame.to_numpy(dtype=np.float32) for frame in frames])
