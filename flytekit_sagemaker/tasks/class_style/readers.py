"""What a function of class style gets in place of data: a path that is also a reader."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from flytekit_sagemaker.errors import InvalidInput, Problem, UserError

# Files that tools leave beside the data, such as _SUCCESS.
_NO_DATA = (".", "_")


class Data(os.PathLike[str]):
    """Data of an input: a path on the local disk, to which it is brought when somebody first asks for it.

    Attributes:
        name: the parameter that it is given for.
        source: the same as flytekit has it.
    """

    def __init__(self, name: str, source: Any) -> None:
        self.name = name
        self.source = source
        self._open = ExitStack()

    @property
    def path(self) -> str:
        """Path on the local disk."""
        return self.download()

    @property
    def uri(self) -> str:
        """Where the data comes from."""
        return str(getattr(self.source, "remote_source", None) or self.source.path)

    def download(self) -> str:
        """Bring the data to the local disk, unless it is there, and return its path."""
        return str(os.fspath(self.source))

    def __fspath__(self) -> str:
        return self.download()

    def __repr__(self) -> str:
        return f"<{self.name}: {self.uri}>"

    def __exit__(self, *_: object) -> None:
        self._open.close()


class Blob(Data):
    """One file: ``with blob as file`` opens it to read bytes."""

    def __enter__(self) -> IO[bytes]:
        return self._open.enter_context(Path(self.path).open("rb"))


class MultiPartBlob(Data):
    """A folder of files: ``with blob as files`` opens them all to read bytes, in the order of their names."""

    def __enter__(self) -> list[IO[bytes]]:
        return [self._open.enter_context(path.open("rb")) for path in self.files()]

    def files(self) -> list[Path]:
        """The files in it and in its folders, sorted; hidden ones are none of the data.

        Raises:
            InvalidInput: when there are none.
        """
        return files_under(self.name, Path(self.path))


class Table(Data):
    """CSV, in one file or in a folder of files: ``with table as reader: reader.read(concat=True)``.

    Iterating gives the files, each as a path.

    Args:
        name: the parameter that it is given for.
        source: the same as flytekit has it.
        options: how the files are read, unless ``read`` is told otherwise: options of ``pandas.read_csv``.
    """

    def __init__(self, name: str, source: Any, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(name, source)
        self.options = dict(options or {})

    def __enter__(self) -> Table:
        return self

    def __iter__(self) -> Iterator[Path]:
        return iter(self.files())

    def files(self) -> list[Path]:
        """The files, sorted; hidden ones are none of the data.

        Raises:
            InvalidInput: when there are none.
        """
        return files_under(self.name, Path(self.path))

    def read(self, concat: bool = False, **options: Any) -> Any:
        """The data as pandas data frames, a list of one per file, or, with ``concat``, all in one frame.

        Args:
            concat: whether to put the rows of all files into one frame.
            options: of ``pandas.read_csv``. Data of a channel has no header, as SageMaker's algorithms want it, and
                its columns are numbers; other data has one.

        Raises:
            InvalidInput: when there are no rows, or a file has rows of several lengths; says the file and the line.
        """
        frames = list(self.iter_chunks(**options))
        return _joined(self.name, self.files(), frames) if concat else frames

    def iter_chunks(self, **options: Any) -> Iterator[Any]:
        """The data as pandas data frames, one file at a time. Files without content are left out.

        Args:
            options: of ``pandas.read_csv``.

        Raises:
            InvalidInput: as :meth:`read`.
        """
        chosen = {**self.options, **options}
        found = False
        for path in self.files():
            if path.stat().st_size:
                found = True
                yield _frame(self.name, path, chosen)
        if not found:
            raise InvalidInput(f"the data of {self.name}", [Problem("", self.path, "must not be empty")])


class Schema(Data):
    """A table of flytekit's: ``with table as reader: reader.read(concat=True)``.

    Args:
        name: the parameter that it is given for.
        source: flytekit's ``StructuredDataset``.
        columns: types of the declared columns, which those of the frame are converted to.
    """

    def __init__(self, name: str, source: Any, columns: Mapping[str, Any] | None = None) -> None:
        super().__init__(name, source)
        self.columns = dict(columns or {})
        self._path = ""

    @property
    def uri(self) -> str:
        """Where the table comes from."""
        return str(self.source.literal.uri)

    def download(self) -> str:
        """Bring the folder of the table to the local disk, unless it is there, and return its path."""
        from flytekit.core.context_manager import FlyteContextManager

        if not self._path:
            access = FlyteContextManager.current_context().file_access
            self._path = access.get_random_local_directory() if access.is_remote(self.uri) else self.uri
            if self._path != self.uri:
                access.get_data(self.uri, self._path, is_multipart=True)
        return self._path

    def __enter__(self) -> Schema:
        return self

    def read(self, concat: bool = False, columns: Sequence[str] | None = None) -> Any:
        """The table as pandas data frames: a list of them, or, with ``concat``, all in one.

        Args:
            concat: whether to put all rows into one frame.
            columns: the columns to read; the declared ones, or all, when left out.

        Raises:
            InvalidInput: when a column is missing, or its values are not of the declared type.
        """
        frames = list(self.iter_chunks(columns))
        return frames[0] if concat else frames

    def iter_chunks(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """The table as pandas data frames; flytekit reads it in one piece.

        Args:
            columns: as of :meth:`read`.

        Raises:
            InvalidInput: as :meth:`read`.
        """
        kinds = {name: kind for name, kind in self.columns.items() if columns is None or name in columns}
        yield with_types(self.name, self._frame(), kinds, columns)

    def _frame(self) -> Any:
        if self.source.file_format != "csv":
            return self.source.open(pandas().DataFrame).all()
        texts = {name: str for name, kind in self.columns.items() if kind is str}
        place = Path(self.path) / ".csv"  # where flytekit puts it
        return pandas().read_csv(place, dtype=texts, keep_default_na=False, na_values=["", "nan", "NaN"])


def pandas() -> Any:
    """The module pandas, which the package itself can do without.

    Raises:
        UserError: when it is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise UserError("data frames take pandas: install it, or add it to the packages of the image") from error
    return pandas


def with_types(name: str, frame: Any, types: Mapping[str, Any], columns: Sequence[str] | None = None) -> Any:
    """A frame whose columns have the declared types. What is missing stays missing, whatever the type.

    Args:
        name: the parameter or output, for the message.
        frame: a pandas data frame.
        types: Python type of each declared column; another type leaves a column as it is.
        columns: the columns to keep; the declared ones, or all, when left out.

    Raises:
        InvalidInput: listing every column that is missing, or whose values have another type.
    """
    chosen = list(columns or types or frame.columns)
    has = f"It has {', '.join(map(str, frame.columns))}."
    missing = [column for column in chosen if column not in frame.columns]
    problems = [Problem("columns", column, "is no column of it", has) for column in missing]
    frame = frame[[column for column in chosen if column not in missing]]
    for column, kind in types.items():
        convert = _CONVERSIONS.get(kind)
        if column in missing or convert is None:
            continue
        try:
            frame = frame.assign(**{column: convert(frame[column])})
        except (TypeError, ValueError) as error:
            problems.append(Problem(column, None, f"has values that are no {kind.__name__}: {error}"))
    if problems:
        raise InvalidInput(f"the data of {name}", problems)
    return frame


def files_under(name: str, path: Path) -> list[Path]:
    """The files of a folder and its folders, sorted, or the one file; hidden ones are none of the data.

    Raises:
        InvalidInput: when there are none.
    """
    if path.is_file():
        return [path]
    found = sorted(
        each
        for each in path.rglob("*")
        if each.is_file() and not any(part.startswith(_NO_DATA) for part in each.relative_to(path).parts)
    )
    if not found:
        raise InvalidInput(f"the data of {name}", [Problem("", str(path), "must be a folder with files: it has none")])
    return found


def _frame(name: str, path: Path, options: Mapping[str, Any]) -> Any:
    try:
        frame = pandas().read_csv(path, **options)
    except (ValueError, UnicodeError) as error:  # pandas' own errors are kinds of ValueError
        place = _uneven_row(path, options)
        rule = place or f"cannot be read as CSV: {' '.join(str(error).split())}"
        raise InvalidInput(f"the data of {name}", [Problem("", str(path), rule)]) from None
    # pandas fills rows that are too short with missing values, as if they had been left out on purpose.
    if len(frame.columns) and frame[frame.columns[-1]].isna().any() and (place := _uneven_row(path, options)):
        raise InvalidInput(f"the data of {name}", [Problem("", str(path), place)])
    return frame


def _uneven_row(path: Path, options: Mapping[str, Any]) -> str:
    """Where a plain CSV file has a row of another length than its first one; empty when it has none."""
    if path.suffix not in ("", ".csv", ".txt") or set(options) - {"header", "dtype"}:
        return ""
    length = 0
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.reader(file)
        for row in rows:
            length = length or len(row)
            if row and len(row) != length:
                return f"has {len(row)} values in line {rows.line_num}, and {length} in the first one"
    return ""


def _joined(name: str, paths: Sequence[Path], frames: Sequence[Any]) -> Any:
    if len(frames) == 1:
        return frames[0]
    paths = [path for path in paths if path.stat().st_size]
    problems = [
        Problem("", str(path), f"has {len(frame.columns)} columns, and {paths[0].name} {len(frames[0].columns)}")
        if len(frame.columns) != len(frames[0].columns)
        else Problem("", str(path), f"has other columns than {paths[0].name}", f"{list(frame.columns)}")
        for path, frame in zip(paths, frames, strict=True)
        if list(frame.columns) != list(frames[0].columns)
    ]
    if problems:
        raise InvalidInput(f"the data of {name}", problems)
    return pandas().concat(frames, ignore_index=True)


def _whole(column: Any) -> Any:
    return column.astype("Int64" if column.isna().any() else "int64")


def _truth(column: Any) -> Any:
    return column.astype("boolean" if column.isna().any() else "bool")


_CONVERSIONS: Mapping[Any, Callable[[Any], Any]] = {
    int: _whole,
    float: lambda column: column.astype("float64"),
    bool: _truth,
    str: lambda column: column.where(column.isna(), column.astype(str)),
    datetime: lambda column: pandas().to_datetime(column),
    timedelta: lambda column: pandas().to_timedelta(column),
}
