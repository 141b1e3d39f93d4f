"""What training data of a built-in algorithm has to look like: the one idea of a good CSV file in this package.

They read CSV without a header, numbers only, and most take the first column for the label. The container of XGBoost
loads a header as one more row of zeros without a word, so everything is looked at here before a job starts.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html
"""

from __future__ import annotations

import csv
import itertools
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from flytekit_sagemaker.algorithms.catalogue import Algorithm
from flytekit_sagemaker.algorithms.compression import GZIP_START, compression_problems
from flytekit_sagemaker.algorithms.files import data_files, hidden_files
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.uris import local_path


@dataclass(frozen=True)
class Extent:
    """How much is looked at: at most so many lines, and so many characters."""

    lines: float
    characters: float


PER_FILE = Extent(10_000, 8 * 2**20)
PER_CHANNEL = Extent(100_000, 32 * 2**20)
EVERYTHING = Extent(math.inf, math.inf)
PROBLEMS_PER_CHANNEL = 20

_DELIMITERS = (",", "\t", ";", "|", " ")
_SAMPLE_LINES, _SAMPLE_CHARACTERS = 20, 2**16
_VALUE_CHARACTERS = 50
_RECORDS = "Set the content type application/x-recordio-protobuf (input_content_type RECORDIO_PROTOBUF)."
_RECORDS_START = b"\x0a\x23\xd7\xce"
_CSV_TYPES = ("text/csv", "csv")
_RECORDS_TYPES = ("application/x-recordio-protobuf", "recordio-protobuf")
_WRITE_RECORDS = "Set the content type that it has, or write it with flytekit_sagemaker.recordio.write_records."
_BINARY_FORMATS = {
    GZIP_START: ("a gzip file", ""),
    b"PAR1": ("a Parquet file", ""),
    b"PK\x03\x04": ("a zip file", ""),
    _RECORDS_START: ("a record-protobuf one", _RECORDS),
}

_LIBSVM = "It looks like libsvm: set the channel's content type to text/libsvm."
_LIBSVM_FIELD = re.compile(r"\d+:[-+.\deE]+")

PathLike = str | os.PathLike[str]


def csv_problems(
    path_or_paths: PathLike | Sequence[PathLike],
    *,
    channel: str,
    label_first: bool = True,
    per_file: Extent = PER_FILE,
    per_channel: Extent = PER_CHANNEL,
) -> list[Problem]:
    """What is wrong with the CSV files of a channel; the field of every problem is the channel's name.

    Looks for a missing path, a channel without data, hidden files, a header line, text where a number has to be,
    missing labels, rows of different lengths and files that are no CSV. Of a large file only the beginning is read.

    Args:
        path_or_paths: local files or directories, plain or as ``file://``; directories are searched three levels down.
        channel: the channel's name.
        label_first: whether the first column is the label, as for XGBoost, or a feature like the others.
        per_file: how much of each file is looked at; a line that this cuts off is not judged.
        per_channel: how much of all files together is looked at.
    """
    found = _csv_problems(_paths(path_or_paths), channel, label_first, per_file, per_channel)
    return list(itertools.islice(found, PROBLEMS_PER_CHANNEL))


def channel_problems(
    path_or_paths: PathLike | Sequence[PathLike], channel: Mapping[str, Any], algorithm: Algorithm | None
) -> list[Problem]:
    """What is wrong with the files of a channel; empty where this package knows no better.

    All files are compressed where the channel says so, and what a built-in algorithm reads is not where it does not.
    For those algorithms, CSV is looked at as ``csv_problems`` does, of record-protobuf how each file begins. What is in
    compressed files, or is wrapped into records on its way, and data of other formats is not looked at.

    Args:
        path_or_paths: as for ``csv_problems``.
        channel: an entry of ``InputDataConfig``.
        algorithm: what reads the channel, None for an image of one's own.
    """
    paths = _paths(path_or_paths)
    name, content_type = str(channel.get("ChannelName")), str(channel.get("ContentType") or "")
    wrapped = any(channel.get(member) not in (None, "None") for member in ("CompressionType", "RecordWrapperType"))
    if algorithm is None or wrapped or not algorithm.has_rules:
        return list(compression_problems(paths, channel))
    is_data = content_type or algorithm.default_content_type in _RECORDS_TYPES  # else it may be XGBoost's code
    content_type = content_type or algorithm.default_content_type
    kind = content_type.partition(";")[0]
    if is_data and (found := list(compression_problems(paths, channel, may_read_gzip=False))):
        return found
    if kind in _CSV_TYPES:
        return csv_problems(paths, channel=name, label_first=label_first(content_type))
    if kind in _RECORDS_TYPES:
        other = _records_problems(paths, name, algorithm.csv_content_type)
        return list(itertools.islice(other, PROBLEMS_PER_CHANNEL))
    return []


def label_first(content_type: str) -> bool:
    """Whether the first column of CSV of this content type is the label: ``label_size=0`` says that none is."""
    _, *parameters = (part.strip() for part in content_type.split(";"))
    return "label_size=0" not in parameters


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


def _paths(path_or_paths: PathLike | Sequence[PathLike]) -> list[Path]:
    paths = [path_or_paths] if isinstance(path_or_paths, (str, os.PathLike)) else path_or_paths
    return [local_path(os.fspath(path)) or Path(path) for path in paths]


def _records_problems(roots: Iterable[Path], channel: str, csv_content_type: str) -> Iterator[Problem]:
    for file in itertools.chain.from_iterable(map(data_files, roots)):
        with file.open("rb") as stream:
            start = stream.read(len(_RECORDS_START))
        if start and start != _RECORDS_START:
            is_csv = _Sample.of(file).row_of_numbers() is not None
            rule = f"must be record-protobuf, not {'CSV' if is_csv else 'another format'}"
            remedy = f"Set the content type {csv_content_type} (input_content_type TEXT_CSV)."
            yield Problem(channel, str(file), rule, remedy if is_csv else _WRITE_RECORDS)


def _csv_problems(
    roots: Iterable[Path], channel: str, label_first: bool, per_file: Extent, per_channel: Extent
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
    reader = _Reader(channel, label_first, _delimiter_of_files(files))
    left = per_channel
    for file in files:
        if min(left.lines, left.characters) <= 0:
            return
        extent = Extent(min(per_file.lines, left.lines), min(per_file.characters, left.characters))
        yield from reader.problems(file, extent)
        left = Extent(left.lines - reader.read.lines, left.characters - reader.read.characters)
    if files and reader.only_blank_lines:
        yield Problem(channel, str(files[0]), "must hold data", "Put at least one row there.")


class _Lines:
    """The lines of a text up to an extent; a line that it cuts off is left out."""

    def __init__(self, text: TextIO, extent: Extent) -> None:
        self._text = text
        self._left = extent
        self.read = Extent(0, 0)

    def __iter__(self) -> Iterator[str]:
        while self.read.lines < self._left.lines and self.read.characters < self._left.characters:
            left = self._left.characters - self.read.characters
            line = self._text.readline(-1 if math.isinf(left) else int(left) + 1)
            self.read = Extent(self.read.lines + 1, self.read.characters + len(line))
            if not line or len(line) > left:
                return
            yield line


@dataclass(frozen=True)
class _Sample:
    """The first lines of a file that are not blank."""

    lines: tuple[str, ...]

    @classmethod
    def of(cls, file: Path) -> _Sample:
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
            lines = text.read(_SAMPLE_CHARACTERS).splitlines()
            whole = lines if len(lines) == 1 or not text.read(1) else lines[:-1]
        return cls(tuple(itertools.islice(filter(str.strip, whole), _SAMPLE_LINES)))

    def row_of_numbers(self) -> str | None:
        """The first line at least half of whose fields are numbers."""
        for line in self.lines:
            fields = [field for field in line.split(delimiter_of(line)) if field.strip()]
            if 2 * sum(map(is_number, fields)) >= len(fields) > 0:
                return line
        return None

    def is_prose(self) -> bool:
        """Whether the lines are neither numbers nor a table of words."""
        if not self.lines or self.row_of_numbers() is not None:
            return False
        delimiter = max(_DELIMITERS[:-1], key=self.lines[0].count)
        counts = {line.count(delimiter) for line in self.lines}
        return len(counts) > 1 or counts == {0} or self.lines[0].startswith("{")

    def is_libsvm(self) -> bool:
        """Whether the first line consists of a number and of fields such as ``3:0.5``."""
        fields = self.lines[0].split() if self.lines else []
        pairs = [field for field in fields if _LIBSVM_FIELD.fullmatch(field)]
        return bool(pairs) and all(field in pairs or is_number(field) for field in fields)


def _delimiter_of_files(files: Iterable[Path]) -> str:
    """The delimiter of the first file that holds numbers; of the first line of all where none does."""
    first = ""
    for file in files:
        sample = _Sample.of(file)
        row = sample.row_of_numbers()
        if row is not None:
            return delimiter_of(row)
        first = first or next(iter(sample.lines), "")
    return delimiter_of(first)


class _Reader:
    """Reads the files of one channel one after the other and remembers what all of them have to share."""

    def __init__(self, channel: str, label_first: bool, delimiter: str) -> None:
        self._channel = channel
        self._label_first = label_first
        self._delimiter = delimiter
        self._columns: int | None = None
        self._complained: set[int] = set()
        self.read = Extent(0, 0)
        self.only_blank_lines = True

    def problems(self, file: Path, extent: Extent) -> Iterator[Problem]:
        self.read = Extent(0, 0)
        with file.open("rb") as stream:
            start = stream.read(4096)
        kind, remedy = next((known for magic, known in _BINARY_FORMATS.items() if start.startswith(magic)), ("", ""))
        if kind or b"\0" in start:
            self.only_blank_lines = False
            rule = f"must be a text file, not {kind or 'a binary one'}"
            yield self._problem(str(file), rule, remedy or "Write it as plain CSV.")
            return
        sample = _Sample.of(file)
        if sample.is_prose() or sample.is_libsvm():
            self.only_blank_lines = False
            remedy = _LIBSVM if sample.is_libsvm() else "Move it out of the channel's folder if it is not data."
            yield self._problem(_short(sample.lines[0].strip()), f"must be rows of numbers: {file}, line 1", remedy)
            return
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
            lines = _Lines(text, extent)
            rows = csv.reader(lines, delimiter=self._delimiter)
            try:
                yield from self._rows(file, rows, sample)
            except csv.Error as error:
                yield self._problem(str(file), f"must be CSV (line {rows.line_num}: {error})")
            self.read = lines.read
            if lines.read.characters > extent.characters:
                self.only_blank_lines = False

    def _rows(self, file: Path, rows: Iterator[list[str]], sample: _Sample) -> Iterator[Problem]:
        numbered = ((number, row) for number, row in enumerate(rows, start=1) if row and any(map(str.strip, row)))
        head = list(itertools.islice(numbered, 2))
        self.only_blank_lines = self.only_blank_lines and not head
        if head and _is_header(head[0][1], head[1][1] if len(head) > 1 else None):
            number, row = head.pop(0)
            otherwise = "" if sample.row_of_numbers() else ", or move it out of the channel's folder if it is not data"
            yield self._problem(
                _short(self._delimiter.join(row)),
                f"must be data: {file}, line {number} is a header",
                f"Write the file without a header line{otherwise}.",
            )
        rows_of_numbers = sample.row_of_numbers() is not None
        columns = self._columns if rows_of_numbers else None
        for number, row in itertools.chain(head, numbered):
            columns = columns or len(row)
            if rows_of_numbers:
                self._columns = columns
            if len(row) != columns:
                yield self._problem(
                    _short(self._delimiter.join(row)),
                    f"must have {columns} columns, as the first row has: {file}, line {number} has {len(row)}",
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
                _short(text),
                f"must be a number: {file}, line {number}, column {column + 1}" + (" is the label" if is_label else ""),
                _text_remedy(text, is_label),
            )

    def _problem(self, value: object, rule: str, remedy: str = "") -> Problem:
        return Problem(self._channel, value, rule, remedy)


def _short(text: str) -> str:
    return text if len(text) <= _VALUE_CHARACTERS else f"{text[: _VALUE_CHARACTERS - 3]}..."


def _text_remedy(text: str, is_label: bool) -> str:
    if _LIBSVM_FIELD.fullmatch(text.strip()):
        return _LIBSVM
    if is_label:
        return "The first column is the label: number the classes from 0."
    return "Encode words as numbers, and leave the field empty where a value is missing."


def _is_header(first: Sequence[str], second: Sequence[str] | None) -> bool:
    words = [field for field in first if field.strip()]
    if any(is_number(field) for field in words):
        return False
    return second is None or any(is_number(field) for field in second)
