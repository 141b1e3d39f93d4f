"""Files, folders and tables that a function of class style sets as its outputs."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flytekit.core.context_manager import FlyteContextManager
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from flytekit.types.structured import StructuredDataset

from flytekit_sagemaker.tasks.class_style.readers import Data, Schema, pandas, with_types
from flytekit_sagemaker.tasks.class_style.values import plain, refused

# The endings by which libraries know the format of the model that their save_model writes.
_MODEL_ENDINGS = {"xgboost": ".ubj", "catboost": ".cbm", "lightgbm": ".txt"}

_FILE = "must be a path, bytes, a text, a file, a data frame, an array, a number, a list, a dictionary or a model"
_LONGEST_PATH = 4096
_SAVE_IT = "Save it to a file, and set its path."
Write = Callable[[Path, Any], object]


def file(name: str, value: Any) -> FlyteFile:
    """A file, or what becomes one.

    A path of a file or an s3:// URI stands for that file. Anything else is written to a file that is named after the
    output: bytes and what is read from an open file as they are, a text in UTF-8, a data frame as CSV with a header
    (``.csv``), an array as numpy writes it (``.npy``), a number, a list or a dictionary as JSON (``.json``), a model
    that has ``save_model`` in its library's own format (``.ubj`` for XGBoost), and any other fitted estimator as
    joblib writes it (``.joblib``).

    Raises:
        InvalidInput: when it is none of them, or there is no such file.
    """
    given = _given(name, value, FlyteFile)
    if given is not None:
        return given
    ending, write = _format(name, value)
    path = _folder(name) / f"{_file_name(name)}{ending}"
    write(path, value)
    return FlyteFile(str(path))


def folder(name: str, value: Any) -> FlyteDirectory:
    """A folder: its path or URI, or a list of paths of files, which are put into one.

    Raises:
        InvalidInput: when it is neither, or there is no such folder or file.
    """
    given = _given(name, value, FlyteDirectory)
    if given is not None:
        return given
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, (str, os.PathLike)) for each in value):
        raise refused(name, value, "must be the path of a folder, or a list of paths of files")
    place = _folder(name)
    for each in value:
        if not Path(each).is_file():
            raise refused(name, str(each), "must be the path of a file")
        shutil.copy2(each, place)
    return FlyteDirectory(str(place))


def table_file(name: str, value: Any, **options: Any) -> FlyteFile:
    """A CSV file: its path or URI, a data frame, which is written with a header, or the text of it.

    Raises:
        InvalidInput: when it is none of them.
    """
    given = _given(name, value, FlyteFile)
    if given is not None:
        return given
    if not (_is_frame(value) or isinstance(value, (str, bytes)) or hasattr(value, "read")):
        raise refused(name, value, "must be a path, a data frame, or CSV as a text, bytes or an open file")
    path = _folder(name) / f"{_file_name(name)}.csv"
    if _is_frame(value):
        _write_csv(path, value, options)
    else:
        _format(name, value)[1](path, value)
    return FlyteFile(str(path))


def table_folder(name: str, value: Any, **options: Any) -> FlyteDirectory:
    """A folder of CSV files: its path or URI, a list of paths, or data frames, a file with a header for each.

    Raises:
        InvalidInput: when it is none of them.
    """
    frames = [value] if _is_frame(value) else value
    if not isinstance(frames, (list, tuple)) or not frames or not all(_is_frame(each) for each in frames):
        return folder(name, value)
    place = _folder(name)
    for index, frame in enumerate(frames):
        _write_csv(place / f"part-{index:05}.csv", frame, options)
    return FlyteDirectory(str(place))


def table(name: str, value: Any, columns: Mapping[str, Any] | None = None) -> StructuredDataset:
    """A table: a data frame, or a list of them, whose rows are put together.

    It is kept as Parquet where pyarrow is installed, which keeps every type; else as CSV, in which a text that is
    empty becomes a missing one.

    Args:
        name: of the output.
        value: the frame or frames, or a table that the function was given.
        columns: types of the declared columns.

    Raises:
        InvalidInput: when it is none of them, or has other columns.
    """
    if isinstance(value, Schema):
        return value.source
    if isinstance(value, StructuredDataset):
        return value
    frames = [value] if _is_frame(value) else value
    if not isinstance(frames, (list, tuple)) or not frames or not all(_is_frame(each) for each in frames):
        raise refused(name, value, "must be a pandas data frame, or a list of them")
    frame = frames[0] if len(frames) == 1 else pandas().concat(frames, ignore_index=True)
    frame = with_types(name, frame, columns or {})
    place = _folder(name)
    kind, part, write = ("parquet", "00000", _write_parquet) if find_spec("pyarrow") else ("csv", ".csv", _write_csv)
    write(place / part, frame)  # named as flytekit looks for them
    return StructuredDataset(uri=str(place), file_format=kind)


def _given(name: str, value: Any, kind: Any) -> Any:
    """The data that a value already is, by its path, its URI, or as a function was given it; else None."""
    wanted, other = ("file", "folder") if kind is FlyteFile else ("folder", "file")
    if isinstance(value, Data) and isinstance(value.source, (FlyteFile, FlyteDirectory)):
        value = value.source
    if isinstance(value, (FlyteFile, FlyteDirectory)):
        if isinstance(value, kind):
            return value
        raise refused(name, value, f"is a {other}, and must be a {wanted}")
    if isinstance(value, str) and re.fullmatch(r"[a-z][a-z0-9+.-]*://\S+", value):
        return kind(value)
    if not isinstance(value, (str, os.PathLike)) or isinstance(value, str) and not _is_path(value):
        return None
    path = Path(value)
    if not path.exists():
        remedy = "" if isinstance(value, os.PathLike) else "For a text that only looks like a path, set its bytes."
        raise refused(name, str(value), f"must be the path of a {wanted}: there is none", remedy)
    if path.is_dir() is (kind is FlyteFile):
        raise refused(name, str(value), f"is a {other}, and must be a {wanted}")
    return kind(str(path))


def _is_path(value: str) -> bool:
    """Whether a text is meant as a path: there is something, or it has the form of one."""
    if not value or len(value) > _LONGEST_PATH or any(character in value for character in "\n\0"):
        return False
    try:
        return Path(value).exists() or (os.sep in value and not any(character.isspace() for character in value))
    except OSError:
        return False


def _format(name: str, value: Any) -> tuple[str, Write]:
    """The ending of the file that a value is written to, and what writes it."""
    found = next(_formats(name, value), None)
    if found is None:
        raise refused(name, value, _FILE, _SAVE_IT)
    return found


def _formats(name: str, value: Any) -> Iterator[tuple[str, Write]]:
    if isinstance(value, (bytes, bytearray, memoryview)):
        yield "", Path.write_bytes
    if isinstance(value, str):
        yield "", partial(Path.write_text, encoding="utf-8")
    if hasattr(value, "read"):
        yield "", _write_content
    if _is_frame(value):
        yield ".csv", _write_csv
    if _is_of(value, "numpy", "ndarray"):
        yield ".npy", _write_array
    if value is not None and isinstance(value, (bool, int, float, list, tuple, Mapping)) or hasattr(value, "dtype"):
        yield ".json", partial(_write_json, name)
    if isinstance(value, type):
        return  # a model's class is no model
    if hasattr(value, "save_model"):
        library = type(value).__module__.partition(".")[0]
        yield _MODEL_ENDINGS.get(library, ""), lambda path, model: model.save_model(str(path))
    if hasattr(value, "predict") or hasattr(value, "transform"):
        yield ".joblib", _write_joblib


def _write_content(path: Path, source: Any) -> None:
    if source.seekable():
        source.seek(0)
    content = source.read()
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def _write_csv(path: Path, frame: Any, options: Mapping[str, Any] | None = None) -> None:
    frame.to_csv(path, **{"index": False, **(options or {})})


def _write_parquet(path: Path, frame: Any) -> None:
    frame.to_parquet(path, index=False)


def _write_array(path: Path, array: Any) -> None:
    import numpy

    numpy.save(path, array)


def _write_json(name: str, path: Path, value: Any) -> None:
    path.write_text(json.dumps(plain(name, value)), encoding="utf-8")


def _write_joblib(path: Path, model: Any) -> None:
    import joblib

    joblib.dump(model, path)


def _is_frame(value: Any) -> bool:
    return _is_of(value, "pandas", "DataFrame") or _is_of(value, "pandas", "Series")


def _is_of(value: Any, library: str, name: str) -> bool:
    """Whether a value is of a class of a library, which need not be installed."""
    return any(each.__name__ == name and each.__module__.partition(".")[0] == library for each in type(value).__mro__)


def _file_name(name: str) -> str:
    return "".join(character if character.isalnum() or character in "_-" else "_" for character in name).strip("_")


def _folder(name: str) -> Path:
    """A new folder for an output, which lasts as long as the task."""
    parameters = FlyteContextManager.current_context().user_space_params
    place = parameters.working_directory if parameters is not None else None
    return Path(tempfile.mkdtemp(prefix=f"{_file_name(name)}-", dir=place))
