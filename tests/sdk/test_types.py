"""The types of class style: what each is in flytekit, what a function gets of it, and what it may be set to."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas
import pytest
import xgboost
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from flytekit.types.structured import StructuredDataset
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flytekit_sagemaker._generated.training_job_pb2 import StoppingCondition
from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.sdk.tasks import inputs, outputs, python_task
from flytekit_sagemaker.sdk.types import Types, python_type

FRAME = pandas.DataFrame({"a": [1, 2, 3], "b": [0.5, math.nan, -math.inf], "c": ["x", "", None]})
COLUMNS = [("a", Types.Integer), ("b", Types.Float), ("c", Types.String)]
LIMIT = StoppingCondition(max_runtime_in_seconds=60)
NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)


def output(kind: Any, value: Any, **options: Any) -> Any:
    """What a task's output is, after its function has set it to a value."""

    @outputs(result=kind)
    @python_task
    def produce(wf_params, result):  # type: ignore[no-untyped-def]
        result.set(value, **options)

    return produce().result


def given(kind: Any, value: Any, look: Callable[[Any], Any]) -> Any:
    """What a function sees of an input."""
    seen = []

    @inputs(value=kind)
    @python_task
    def consume(wf_params, value):  # type: ignore[no-untyped-def]
        seen.append(look(value))

    consume(value=value)
    return seen[0]


def content(file: FlyteFile) -> bytes:
    return Path(file.download()).read_bytes()


def read(value: Any, **options: Any) -> Any:
    with value as reader:
        return reader.read(**options)


@pytest.mark.parametrize(
    ("declared", "carried"),
    [
        (Types.Integer, int),
        (Types.Float, float),
        (Types.String, str),
        (Types.Boolean, bool),
        (Types.Datetime, datetime),
        (Types.Timedelta, timedelta),
        (Types.Generic, dict),
        (Types.Blob, FlyteFile),
        (Types.MultiPartBlob, FlyteDirectory),
        (Types.Schema, StructuredDataset),
        (Types.Schema(), StructuredDataset),
        (Types.Proto(StoppingCondition), StoppingCondition),
        (Types.GenericProto(StoppingCondition), StoppingCondition),
        ([Types.Integer], list[int]),
        ([[Types.Blob]], list[list[FlyteFile]]),
        (int, int),
        (dict[str, int], dict[str, int]),
        (FlyteFile, FlyteFile),
    ],
)
def test_every_declaration_is_a_type_of_flytekits(declared: Any, carried: Any) -> None:
    assert python_type(declared) == carried


def test_csv_goes_wherever_a_file_or_a_directory_goes() -> None:
    assert python_type(Types.CSV) is FlyteFile
    assert python_type(Types.MultiPartCSV) is FlyteDirectory


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (3, "3: is no type"),
        ("Integr", "Did you mean 'Integer'?"),
        ([], "list of one type"),
        ([int, str], "list of one type"),
        ([7], "7: is no type"),
        (None, "is no type"),
    ],
)
def test_what_is_no_declaration_is_told(declared: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        python_type(declared)
    assert words in str(refused.value)


def test_a_message_class_and_columns_are_checked() -> None:
    with pytest.raises(InvalidInput, match="a class that protoc generated"):
        Types.Proto(dict)
    with pytest.raises(InvalidInput, match="pairs of name and type"):
        Types.Schema(["a", "bc", 3])
    with pytest.raises(InvalidInput, match="is no type"):
        Types.Schema([("a", "Integer")])


@pytest.mark.parametrize(
    ("kind", "value", "result"),
    [
        (Types.Integer, np.int64(7), 7),
        (Types.Float, 7, 7.0),
        (Types.Float, np.float32(0.5), 0.5),
        (Types.Float, -math.inf, -math.inf),
        (Types.String, "ü€", "ü€"),
        (Types.Boolean, np.bool_(True), True),
        (Types.Datetime, pandas.Timestamp(NOON), NOON),
        (Types.Timedelta, pandas.Timedelta(seconds=90), timedelta(seconds=90)),
        (
            Types.Generic,
            {"a": np.arange(2), "b": {"c": (np.float64(0.5), None)}},
            {"a": [0, 1], "b": {"c": [0.5, None]}},
        ),
        (Types.Proto(StoppingCondition), LIMIT, LIMIT),
        ([Types.Integer], range(3), [0, 1, 2]),
        ([[Types.Float]], [[1], []], [[1.0], []]),
        (dict[str, int], {"a": 1}, {"a": 1}),
    ],
)
def test_a_plain_value_comes_back(kind: Any, value: Any, result: Any) -> None:
    found = output(kind, value)
    assert found == result
    assert type(found) is type(result)


def test_what_is_not_a_number_survives() -> None:
    assert math.isnan(output(Types.Float, math.nan))
    assert math.isnan(output(Types.Generic, {"a": [np.nan]})["a"][0])
    assert math.isnan(json.loads(content(output(Types.Blob, {"a": math.nan})))["a"])
    assert math.isnan(given(Types.Float, math.nan, lambda value: value))


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (Types.Integer, 7.5, "7.5: must be a whole number"),
        (Types.Integer, True, "must be a whole number"),
        (Types.Integer, None, "must be a whole number"),
        (Types.Integer, 2**63, "must lie between -2**63 and 2**63 - 1"),
        (Types.Integer, -(2**63) - 1, "must lie between -2**63 and 2**63 - 1"),
        (Types.Float, "7", "must be a number"),
        (Types.Float, False, "must be a number"),
        (Types.String, 7, "must be a text"),
        (Types.Boolean, 1, "must be True or False"),
        (Types.Datetime, "noon", "must be a datetime"),
        (Types.Datetime, pandas.NaT, "must be a datetime"),
        (Types.Timedelta, 3, "must be a timedelta"),
        (Types.Timedelta, pandas.NaT, "must be a timedelta"),
        (Types.Generic, [1], "must be a dictionary"),
        (Types.Generic, {1: 2}, "must be texts"),
        (Types.Generic, {"a": {"b": object()}}, "result.a.b"),
        (Types.Proto(StoppingCondition), 3, "must be a StoppingCondition"),
        ([Types.Integer], [1, "2"], "result[1]"),
        ([Types.Integer], "12", "must be a list"),
        (Types.Blob, object(), "must be a path, bytes"),
        (Types.Blob, xgboost.XGBModel, "must be a path, bytes"),
        (Types.Blob, Path("nowhere"), "there is none"),
        (Types.Blob, "no/where.txt", "set its bytes"),
        (Types.Blob, Path(), "is a folder, and must be a file"),
        (Types.MultiPartBlob, Path(__file__), "is a file, and must be a folder"),
        (Types.MultiPartBlob, b"bytes", "must be the path of a folder"),
        (Types.MultiPartBlob, ["nothing"], "must be the path of a file"),
        (Types.CSV, {"a": 1}, "must be a path, a data frame"),
        (Types.MultiPartCSV, [FRAME, 3], "must be the path of a folder"),
        (Types.Schema, "text", "must be a pandas data frame"),
        (Types.Schema([("a", Types.Integer), ("z", Types.Integer)]), FRAME, "'z': is no column of it. It has a, b, c"),
        (Types.Schema([("c", Types.Integer)]), FRAME, "no int"),
    ],
)
def test_what_an_output_does_not_take_is_one_sentence(kind: Any, value: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        output(kind, value)
    assert words in str(refused.value)
    assert "the output result" in str(refused.value).replace("the data of result", "the output result")


@pytest.mark.parametrize(
    ("value", "ending", "written"),
    [
        (b"\0\1", "", b"\0\1"),
        ("two words", "", b"two words"),
        ("a/b\n", "", b"a/b\n"),
        ("", "", b""),
        ("https://example.com is a page", "", b"https://example.com is a page"),
        (io.BytesIO(b"read"), "", b"read"),
        (io.StringIO("ü"), "", "ü".encode()),
        (0.1, ".json", b"0.1"),
        (np.int32(3), ".json", b"3"),
        ([1, None], ".json", b"[1, null]"),
        (FRAME[["a"]], ".csv", b"a\n1\n2\n3\n"),
    ],
)
def test_a_blob_is_written_of_what_it_is_set_to(value: Any, ending: str, written: bytes) -> None:
    file = output(Types.Blob, value)
    assert content(file) == written
    assert Path(file.path).name == f"result{ending}"


def test_a_file_that_was_written_and_is_still_open_is_taken_from_its_beginning() -> None:
    file = io.BytesIO()
    file.write(b"written")
    assert content(output(Types.Blob, file)) == b"written"


def test_paths_stand_for_what_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.txt").write_text("b")
    for path in (tmp_path / "a.txt", str(tmp_path / "a.txt"), FlyteFile(str(tmp_path / "a.txt"))):
        assert content(output(Types.Blob, path)) == b"a"
    folder = Path(output(Types.MultiPartBlob, tmp_path / "folder").download())
    assert [each.name for each in folder.iterdir()] == ["b.txt"]
    folder = Path(output(Types.MultiPartBlob, [tmp_path / "a.txt", tmp_path / "folder" / "b.txt"]).download())
    assert sorted(each.name for each in folder.iterdir()) == ["a.txt", "b.txt"]


def test_arrays_and_models_are_written_in_their_own_formats() -> None:
    array = output(Types.Blob, np.eye(2))
    assert np.load(array.download()).tolist() == [[1, 0], [0, 1]]
    rows, labels = np.arange(12.0).reshape(6, 2), np.arange(6.0)
    pipeline = make_pipeline(StandardScaler(), LinearRegression()).fit(rows, labels)
    file = output(Types.Blob, pipeline)
    assert Path(file.path).name == "result.joblib"
    assert joblib.load(file.download()).predict(rows) == pytest.approx(labels)
    regressor = xgboost.XGBRegressor(n_estimators=2).fit(rows, labels)
    file = output(Types.Blob, regressor)
    assert Path(file.path).name == "result.ubj"
    loaded = xgboost.XGBRegressor()
    loaded.load_model(file.download())
    assert loaded.predict(rows).tolist() == regressor.predict(rows).tolist()
    booster = xgboost.Booster(model_file=output(Types.Blob, regressor.get_booster()).download())
    assert booster.num_boosted_rounds() == 2


def test_what_was_set_last_counts() -> None:
    @outputs(result=Types.Integer)
    @python_task
    def produce(wf_params, result):  # type: ignore[no-untyped-def]
        result.set(1)
        result.set(2)

    assert produce().result == 2


def test_a_table_keeps_its_values_and_its_types() -> None:
    typed = pandas.DataFrame(
        {
            "n": pandas.array([1, None], dtype="Int64"),
            "when": pandas.to_datetime([NOON, None]),
            "long": pandas.to_timedelta(["1 days", None]),
            "true": pandas.array([True, None], dtype="boolean"),
            "text": ["007", None],
        }
    )
    kinds = (Types.Integer, Types.Datetime, Types.Timedelta, Types.Boolean, Types.String)
    schema = Types.Schema(list(zip(typed.columns, kinds, strict=True)))
    found = given(schema, output(schema, typed), lambda table: read(table, concat=True))
    assert found.isna().equals(typed.isna())
    assert [found[name][0] for name in ("n", "when", "long", "true")] == [1, NOON, timedelta(days=1), True]
    assert [str(found[name].dtype) for name in ("n", "true")] == ["Int64", "boolean"]
    plain = given(Types.Schema, output(Types.Schema, [FRAME, FRAME]), lambda table: read(table, concat=True))
    assert plain["a"].tolist() == [1, 2, 3, 1, 2, 3]
    assert plain["b"][:3].tolist() == pytest.approx(FRAME["b"].tolist(), nan_ok=True)


def test_a_text_of_digits_stays_a_text() -> None:
    schema = Types.Schema([("code", Types.String)])
    frame = pandas.DataFrame({"code": ["007", "1.50"]})
    found = given(schema, output(schema, frame), lambda table: read(table, concat=True))
    assert found["code"].tolist() == ["007", "1.50"]


def test_a_table_is_read_in_chunks_and_by_columns() -> None:
    table = output(Types.Schema(COLUMNS), FRAME)

    def look(value: Any) -> Any:
        with value as reader:
            return [chunk.shape for chunk in reader.iter_chunks()], list(reader.read(columns=["b"])[0].columns)

    assert given(Types.Schema(COLUMNS), table, look) == ([(3, 3)], ["b"])
    assert given(Types.Schema, table, lambda value: len(os.listdir(value))) == 1
    with pytest.raises(InvalidInput, match="'z': is no column of it. It has a, b, c"):
        given(Types.Schema, table, lambda value: read(value, columns=["z"]))


def test_blobs_are_files_and_paths(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("first")
    (tmp_path / "b").write_text("second")
    (tmp_path / ".hidden").write_text("no data")

    def look(value: Any) -> list[Any]:
        with value as file:
            return [file.read(), open(value).read(), Path(value.path).name, Path(value.download()).exists()]

    assert given(Types.Blob, str(tmp_path / "a"), look) == [b"first", "first", "a", True]

    def look_at_all(value: Any) -> list[Any]:
        with value as files:
            return [[file.read() for file in files], sorted(os.listdir(value))]

    assert given(Types.MultiPartBlob, str(tmp_path), look_at_all) == [
        [b"first", b"second"],
        [".hidden", "a", "b"],
    ]
    assert given(
        [Types.Blob],
        [str(tmp_path / "a"), str(tmp_path / "b")],
        lambda blobs: [Path(each).read_text() for each in blobs],
    ) == ["first", "second"]


def test_what_a_function_gets_it_may_set(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")

    @inputs(blob=Types.Blob, table=Types.Schema)
    @outputs(file=Types.Blob, frame=Types.Schema)
    @python_task
    def pass_on(wf_params, blob, table, file, frame):  # type: ignore[no-untyped-def]
        file.set(blob)
        frame.set(table)

    passed = pass_on(blob=str(tmp_path / "a.csv"), table=output(Types.Schema, FRAME))
    assert content(passed.file) == b"x\n1\n"
    assert passed.frame.open(pandas.DataFrame).all()["a"].tolist() == [1, 2, 3]


def test_csv_is_read_as_frames(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "1.csv").write_text("a,b\n1,x\n2,\n")
    (tmp_path / "sub" / "2.csv").write_text("a,b\n3,z\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "_SUCCESS").touch()

    def look(value: Any) -> Any:
        with value as reader:
            return [
                reader.read(concat=True)["a"].tolist(),
                [len(frame) for frame in reader.read()],
                [len(frame) for frame in reader.iter_chunks(header=None)],
                reader.read(concat=True, usecols=["b"], keep_default_na=False)["b"].tolist(),
                [path.name for path in reader],
            ]

    assert given(Types.MultiPartCSV, str(tmp_path), look) == [
        [1, 2, 3],
        [2, 1],
        [3, 2],
        ["x", "", "z"],
        ["1.csv", "empty.csv", "2.csv"],
    ]
    assert given(Types.CSV, str(tmp_path / "1.csv"), lambda value: read(value, concat=True).shape) == (2, 2)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "must be a folder with files"),
        ({"_SUCCESS": ""}, "must be a folder with files"),
        ({"a.csv": ""}, "must not be empty"),
        ({"a.csv": "1,2\n3,4,5\n"}, "a.csv': has 3 values in line 2, and 2 in the first one"),
        ({"a.csv": "1,2\n3,4\n5\n"}, "a.csv': has 1 values in line 3, and 2 in the first one"),
        ({"a.csv": "1,2\n", "b.csv": "1\n"}, "b.csv': has 1 columns, and a.csv 2"),
    ],
)
def test_what_is_wrong_with_csv_says_where(tmp_path: Path, files: dict[str, str], words: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInput) as refused:
        given(Types.MultiPartCSV, str(tmp_path), lambda value: read(value, concat=True, header=None))
    assert words in str(refused.value)
    assert "the data of value" in str(refused.value)


def test_a_short_row_that_pandas_fills_up_is_told_in_tables_with_a_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(InvalidInput, match="has 1 values in line 3, and 2 in the first one"):
        given(Types.CSV, str(tmp_path / "a.csv"), lambda value: read(value, concat=True))


def test_files_with_other_headers_are_not_put_together(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b.csv").write_text("b,a\n1,2\n")
    with pytest.raises(InvalidInput, match="other columns than a.csv"):
        given(Types.MultiPartCSV, str(tmp_path), lambda value: read(value, concat=True))


def test_a_value_that_is_missing_is_no_uneven_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2\n3,\n")
    frame = given(Types.CSV, str(tmp_path / "a.csv"), lambda value: read(value, concat=True, header=None))
    assert frame.isna().values.tolist() == [[False, False], [False, True]]


def test_csv_is_written_of_frames(tmp_path: Path) -> None:
    assert content(output(Types.CSV, FRAME[["a"]])) == b"a\n1\n2\n3\n"
    assert content(output(Types.CSV, FRAME[["a"]], header=False, index=True)) == b"0,1\n1,2\n2,3\n"
    assert content(output(Types.CSV, "a,b\n")) == b"a,b\n"
    for value in (FRAME, [FRAME, FRAME]):
        folder = Path(output(Types.MultiPartCSV, value, header=False).download())
        parts = sorted(folder.iterdir())
        assert len(parts) == (1 if value is FRAME else 2)
        assert parts[0].read_text().startswith("1,0.5,x\n")
    with pytest.raises(InvalidInput, match="taken for CSV alone"):
        output(Types.Blob, FRAME, header=False)
