"""What training data of a built-in algorithm has to look like: the one idea of a good CSV file in this package.

XGBoost and K-Means read CSV without a header, numbers only; XGBoost takes the first column for the label. The container
itself loads a header as one more row of zeros without a word, so everything is looked at here before a job starts.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html
"""

from __future__ import annotations

import csv
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from flytekit_sagemaker.errors import Problem

LINES_PER_FILE = 10_000
LINES_PER_CHANNEL = 100_000
PROBLEMS_PER_CHANNEL = 20
MAX_FOLDER_DEPTH = 3
"""The XGBoost container looks for data this many folders down and leaves out what lies deeper."""

_DELIMITERS = (",", "\t", ";", "|", " ")
_BINARY_FORMATS = {b"\x1f\x8b": "a gzip file", b"PAR1": "a Parquet file", b"PK\x03\x04": "a zip file"}

_LIBSVM_FIELD = re.compile(r"\d+:[-+.\deE]+")

PathLike = str | os.PathLike[str]


def csv_problems(
    path_or_paths: PathLike | Sequence[PathLike],
    *,
    channel: str,
    label_first: bool = True,
    lines_per_file: int | None = LINES_PER_FILE,
    lines_per_channel: int | None = LINES_PER_CHANNEL,
) -> list[Problem]:
    """What is wrong with the CSV files of a channel; the field of every problem is the channel's name.

    Looks for a missing path, a channel without data, hidden files, a header line, text where a number has to be,
    missing labels, rows of different lengths and files that are no text. Of a large file only the beginning is read.

    Args:
        path_or_paths: local files or directories, plain or as ``file://``; directories are searched three levels down.
        channel: the channel's name.
        label_first: whether the first column is the label, as for XGBoost, or a feature like the others.
        lines_per_file: how much of each file is looked at; None for all of it.
        lines_per_channel: how much of all files together is looked at; None for all.
    """
    paths = [path_or_paths] if isinstance(path_or_paths, (str, os.PathLike)) else path_or_paths
    return list(
        itertools.islice(
            _channel_problems(
                [_local(path) for path in paths], channel, label_first, lines_per_file, lines_per_channel
            ),
            PROBLEMS_PER_CHANNEL,
        )
    )


def data_files(root: Path) -> list[Path]:
    """The data files at a path, sorted: itself, or those in it, three levels down, but no hidden and no ``_`` files."""
    if root.is_file():
        return [root]
    return sorted(path for path in _files(root) if not _is_hidden(path, root) and not path.name.startswith("_"))


def hidden_files(root: Path) -> list[Path]:
    """Files at a path whose name, or whose folder's name, begins with a dot; the XGBoost container refuses them."""
    return sorted(path for path in _files(root) if _is_hidden(path, root))


def delimiter_of(line: str) -> str:
    """What separates the columns of a line: a delimiter that leaves numbers only, else the most frequent one.

    A line that is one number has no delimiter and gets a comma. The container's sniffer would take one of its digits.
    """
    line = line.strip("\r\n")
    if is_number(line):
        return ","
    for delimiter in _DELIMITERS:
        if delimiter in line and all(is_number(field) or not field.strip() for field in line.split(delimiter)):
            return delimiter
    return max(_DELIMITERS, key=line.count)


def is_number(text: str) -> bool:
    """Whether the text of a field is a number (``nan`` is one, an empty field is not)."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _local(path: PathLike) -> Path:
    return Path(os.fspath(path).removeprefix("file://"))


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root, followlinks=True):
        if len(Path(folder).relative_to(root).parts) >= MAX_FOLDER_DEPTH:
            folders.clear()
        yield from (Path(folder, name) for name in names)


def _is_hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _channel_problems(
    roots: Iterable[Path], channel: str, label_first: bool, lines_per_file: int | None, lines_per_channel: int | None
) -> Iterator[Problem]:
    files: list[Path] = []
    for root in roots:
        if not root.exists():
            yield Problem(channel, str(root), "must exist", "Check the spelling of the path.")
            continue
        for hidden in hidden_files(root) if root.is_dir() else ():
            yield Problem(
                channel,
                str(hidden),
                "must not be a hidden file",
                "Remove it from the channel's data.",
                "Hidden file found in the data path! Remove that before training.",
            )
        found = [file for file in data_files(root) if file.stat().st_size > 0]
        if not found:
            yield Problem(channel, str(root), "must hold data", "Put at least one non-empty CSV file there.")
        files += found
    reader = _Reader(channel, label_first)
    left = lines_per_channel
    for file in files:
        if left is not None and left <= 0:
            return
        limit = min((n for n in (lines_per_file, left) if n is not None), default=None)
        yield from reader.problems(file, limit)
        if left is not None:
            left -= reader.lines_read
    if files and reader.only_blank_lines:
        yield Problem(channel, str(files[0]), "must hold data", "Put at least one row there.")


class _Reader:
    """Reads the files of one channel one after the other and remembers what all of them have to share."""

    def __init__(self, channel: str, label_first: bool) -> None:
        self._channel = channel
        self._label_first = label_first
        self._delimiter: str | None = None
        self._columns: int | None = None
        self._complained: set[int] = set()
        self.lines_read = 0
        self.only_blank_lines = True

    def problems(self, file: Path, limit: int | None) -> Iterator[Problem]:
        self.lines_read = 0
        with file.open("rb") as stream:
            start = stream.read(4096)
        kind = next((name for magic, name in _BINARY_FORMATS.items() if start.startswith(magic)), None)
        if kind or b"\0" in start:
            self.only_blank_lines = False
            yield self._problem(
                str(file), f"must be a text file, not {kind or 'a binary one'}", "Write it as plain CSV."
            )
            return
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
            lines = itertools.islice(text, limit)
            first = next(lines, "")
            self._delimiter = self._delimiter or delimiter_of(first)
            rows = csv.reader(itertools.chain([first], lines), delimiter=self._delimiter)
            try:
                yield from self._rows(file, rows)
            except csv.Error as error:
                yield self._problem(str(file), f"must be CSV (line {rows.line_num}: {error})")
            self.lines_read = rows.line_num

    def _rows(self, file: Path, rows: Iterator[list[str]]) -> Iterator[Problem]:
        numbered = ((number, row) for number, row in enumerate(rows, start=1) if row and any(map(str.strip, row)))
        head = list(itertools.islice(numbered, 2))
        self.only_blank_lines = self.only_blank_lines and not head
        if head and _is_header(head[0][1], head[1][1] if len(head) > 1 else None):
            number, row = head.pop(0)
            yield self._problem(
                (self._delimiter or ",").join(row),
                f"must be data: {file}, line {number} is a header",
                "Write the file without a header line.",
            )
        for number, row in itertools.chain(head, numbered):
            if self._columns is None:
                self._columns = len(row)
            if len(row) != self._columns:
                yield self._problem(
                    len(row), f"must be {self._columns} columns, as in the first row: {file}, line {number}"
                )
                return
            yield from self._fields(file, number, row)

    def _fields(self, file: Path, number: int, row: list[str]) -> Iterator[Problem]:
        try:
            label = float(row[0])
            list(map(float, row))
            if label == label or not self._label_first:
                return
        except ValueError:
            pass
        for column, text in enumerate(row):
            is_label = self._label_first and column == 0
            if column in self._complained or (is_number(text) and not (is_label and float(text) != float(text))):
                continue
            if not text.strip() and not is_label:
                continue
            self._complained.add(column)
            yield self._problem(
                text,
                f"must be a number: {file}, line {number}, column {column + 1}" + (" is the label" if is_label else ""),
                _text_remedy(text, is_label),
            )

    def _problem(self, value: object, rule: str, remedy: str = "") -> Problem:
        return Problem(self._channel, value, rule, remedy)


def _text_remedy(text: str, is_label: bool) -> str:
    if _LIBSVM_FIELD.fullmatch(text.strip()):
        return "It looks like libsvm: set the channel's content type to text/libsvm."
    if is_label:
        return "The first column is the label: number the classes from 0."
    return "Encode words as numbers, and leave the field empty where a value is missing."


def _is_header(first: Sequence[str], second: Sequence[str] | None) -> bool:
    words = [field for field in first if field.strip()]
    if any(is_number(field) for field in words):
        return False
    return second is None or any(is_number(field) for field in second)
