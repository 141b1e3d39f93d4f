"""What is found in CSV training data before a job starts."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from flytekit_sagemaker.algorithms import Algorithm, algorithm
from flytekit_sagemaker.algorithms.content import (
    PER_CHANNEL,
    PER_FILE,
    Extent,
    channel_problems,
    csv_problems,
    delimiter_of,
    label_first,
)
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.recordio import write_records
from flytekit_sagemaker.types import AlgorithmName


def look(path: Path, *, label_first: bool = True) -> list[Problem]:
    problems = csv_problems(path, channel="train", label_first=label_first)
    assert {problem.field for problem in problems} <= {"train"}
    return problems


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3\n0,4,5\n",
        "1;2;3\n0;4;5\n",
        "1\t2\n0\t3",
        "1,,3\n0,nan,-1e5\n",
        "12345\n67890\n",
        "1, 2\n\n0, 3\n",
        "\ufeff1,2\n",
    ],
)
def test_good_files_pass(tmp_path: Path, text: str) -> None:
    write(tmp_path, "a.csv", text)
    assert look(tmp_path) == []


def test_a_header_is_found_in_every_file(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "label,age\n1,20\n")
    write(tmp_path, "deep/b.csv", "label,age\n0,30\n")
    problems = look(tmp_path)
    assert [problem.value for problem in problems] == ["label,age", "label,age"]
    assert f"{tmp_path / 'deep' / 'b.csv'}, line 1 is a header" in problems[1].rule


def test_a_text_label_is_located(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "1,2\nM,3\nB,4\n")
    (problem,) = look(tmp_path)
    assert problem.value == "M"
    assert f"{path}, line 2, column 1 is the label" in problem.rule
    assert "number the classes from 0" in problem.remedy


def test_a_text_feature_is_located(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "1,2,3\n0,4,red\n")
    (problem,) = look(path)
    assert (problem.value, f"{path}, line 2, column 3" in problem.rule) == ("red", True)


@pytest.mark.parametrize("label", ["", "nan"])
def test_a_missing_label_is_a_problem_only_where_there_are_labels(tmp_path: Path, label: str) -> None:
    write(tmp_path, "a.csv", f"1,2\n{label},3\n")
    assert len(look(tmp_path)) == 1
    assert look(tmp_path, label_first=False) == []


def test_ragged_rows_are_found_across_files(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1,2,3\n")
    write(tmp_path, "b.csv", "1,2,3\n1,2\n")
    (problem,) = look(tmp_path)
    assert "3 columns" in problem.rule
    assert f"{tmp_path / 'b.csv'}, line 2" in problem.rule


def test_libsvm_in_a_csv_channel_is_recognised(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1 1:0.5 2:3\n0 1:0.7\n")
    (problem,) = look(tmp_path)
    assert "text/libsvm" in problem.remedy


def test_words_in_one_file_say_nothing_about_the_width_of_another(tmp_path: Path) -> None:
    write(tmp_path, "a.log", "2024-01-01, started\n2024-01-02, ended\n")
    write(tmp_path, "z.csv", "1,2,3\n")
    assert {problem.rule.partition(", line")[0] for problem in look(tmp_path)} == {
        f"must be a number: {tmp_path / 'a.log'}"
    }


@pytest.mark.parametrize(
    ("content", "said"), [(b"\x1f\x8b\x08rest", "gzip"), (b"PAR1rest", "Parquet"), (b"1,\x002", "text")]
)
def test_binary_files_are_not_read(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    (problem,) = look(tmp_path)
    assert said in problem.rule


@pytest.mark.parametrize("name", [AlgorithmName.KMEANS, AlgorithmName.LINEAR_LEARNER])
def test_csv_and_record_protobuf_are_told_apart(tmp_path: Path, name: AlgorithmName) -> None:
    write_records(tmp_path / "data.pbr", [[1, 2]])
    write(tmp_path, "data.csv", "1,2\n")

    def said(file: str, content_type: str | None, **members: str) -> str:
        channel = {"ChannelName": "train", **members, **({"ContentType": content_type} if content_type else {})}
        return " ".join(map(str, channel_problems(tmp_path / file, channel, algorithm(name))))

    csv = "text/csv;label_size=0" if name is AlgorithmName.KMEANS else "text/csv"
    records = "application/x-recordio-protobuf"
    assert said("data.csv", csv) == said("data.pbr", None) == said("data.pbr", records) == ""
    assert f"Set the content type {records} (input_content_type RECORDIO_PROTOBUF)." in said("data.pbr", csv)
    for content_type in (None, records):
        assert f"Set the content type {csv} (input_content_type TEXT_CSV)." in said("data.csv", content_type)
    assert said("data.csv", None, RecordWrapperType="RecordIO") == ""


KMEANS, XGBOOST = algorithm(AlgorithmName.KMEANS), algorithm(AlgorithmName.XGBOOST)


def test_files_of_a_gzip_channel_are_gzip_files_whatever_reads_them(tmp_path: Path) -> None:
    write_records(tmp_path / "plain.pbr", [[1, 2]])
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "packed.gz").write_bytes(gzip.compress((tmp_path / "plain.pbr").read_bytes()))
    (tmp_path / "empty").touch()
    channel = {"ChannelName": "train", "InputMode": "Pipe", "CompressionType": "Gzip"}
    for reader in (KMEANS, XGBOOST, None):
        (problem,) = channel_problems(tmp_path, channel, reader)
        assert str(problem) == (
            "train = 'plain.pbr': must be a gzip file, as the channel's compression type says "
            f"({tmp_path / 'plain.pbr'}). Compress it, or leave the compression type out."
        )
        assert channel_problems(tmp_path / "sub", channel, reader) == []
    write(tmp_path, "plain.txt", "1")
    (problem,) = channel_problems(tmp_path, channel, None)
    assert f"{tmp_path / 'plain.pbr'}, and 1 more" in problem.rule


@pytest.mark.parametrize(
    ("reader", "content_type"),
    [(KMEANS, None), (KMEANS, "text/csv;label_size=0"), (XGBOOST, "text/csv"), (XGBOOST, "text/libsvm")],
)
def test_gzip_files_in_a_channel_that_does_not_say_so_are_no_data(
    tmp_path: Path, reader: Algorithm, content_type: str | None
) -> None:
    (tmp_path / "d.gz").write_bytes(gzip.compress(b"1,2\n"))
    channel = {"ChannelName": "train", "CompressionType": "None", "ContentType": content_type}
    (problem,) = channel_problems(tmp_path, channel, reader)
    assert (problem.field, problem.value) == ("train", "d.gz")
    assert "must not be a gzip file: the channel has no compression type" in problem.rule
    assert "Decompress it, or set the compression type Gzip" in problem.remedy


def test_programs_of_ones_own_may_read_gzip_files_and_xgboost_its_code(tmp_path: Path) -> None:
    (tmp_path / "sourcedir.tar.gz").write_bytes(gzip.compress(b"code"))
    assert channel_problems(tmp_path, {"ChannelName": "train", "ContentType": "text/csv"}, None) == []
    assert channel_problems(tmp_path, {"ChannelName": "code"}, XGBOOST) == []


@pytest.mark.parametrize("reader", [XGBOOST, None])
@pytest.mark.parametrize("compression", ["Gzip", "None"])
def test_what_is_no_regular_file_is_no_data(tmp_path: Path, reader: Algorithm | None, compression: str) -> None:
    plain, packed = b"1,2\n", gzip.compress(b"1,2\n")
    good, bad = (packed, plain) if compression == "Gzip" else (plain, packed)
    (tmp_path / "data").write_bytes(good)
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "gone").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    filled = os.open(tmp_path / "pipe", os.O_RDWR)  # else whoever opens it would wait
    try:
        os.write(filled, bad)
        channel = {"ChannelName": "train", "CompressionType": compression, "ContentType": "text/csv"}
        assert channel_problems(tmp_path, channel, reader) == []
    finally:
        os.close(filled)


@pytest.mark.parametrize("reader", [XGBOOST, None])
def test_a_folder_that_leads_back_to_itself_is_left_after_three_levels(
    tmp_path: Path, reader: Algorithm | None
) -> None:
    write(tmp_path, "a/b/c/plain", "1,2\n")
    (tmp_path / "loop").symlink_to(".")
    (problem,) = channel_problems(tmp_path, {"ChannelName": "train", "CompressionType": "Gzip"}, reader)
    assert f"({tmp_path / 'a' / 'b' / 'c' / 'plain'})" in problem.rule
    (tmp_path / "a" / "b" / "c" / "d").mkdir()
    (tmp_path / "a" / "b" / "c" / "plain").rename(tmp_path / "a" / "b" / "c" / "d" / "plain")
    assert channel_problems(tmp_path, {"ChannelName": "train", "CompressionType": "Gzip"}, reader) == []


UNREADABLE = Path("/proc/self/mem")
"""The beginning of a process's memory can be read by nobody, not even by root."""


@pytest.mark.skipif(not UNREADABLE.is_file(), reason="only Linux has such a file")
def test_a_file_that_cannot_be_read_is_not_said_to_be_compressed_or_not(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(UNREADABLE)
    assert channel_problems(tmp_path, {"ChannelName": "train", "CompressionType": "Gzip"}, None) == []


def test_what_spark_leaves_beside_its_gzip_files_is_let_pass(tmp_path: Path) -> None:
    (tmp_path / "part-0.gz").write_bytes(gzip.compress(b"1,2\n"))
    write(tmp_path, ".part-0.gz.crc", "crc")
    write(tmp_path, "_SUCCESS", "done")
    channel = {"ChannelName": "train", "InputMode": "Pipe", "CompressionType": "Gzip"}
    assert channel_problems(tmp_path, channel, None) == []


def test_a_hidden_gzip_file_is_to_be_removed_rather_than_decompressed(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1,2\n")
    (tmp_path / ".hidden.gz").write_bytes(gzip.compress(b"1,2\n"))
    (problem,) = channel_problems(tmp_path, {"ChannelName": "train", "ContentType": "text/csv"}, XGBOOST)
    assert problem.rule == "must not be a hidden file"
    assert problem.remedy.startswith("Remove it")


def test_missing_path_and_missing_data(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path, "blank/a.csv", "")
    problems = csv_problems(
        [tmp_path / "nowhere", f"file://{tmp_path}/empty", str(tmp_path / "blank")], channel="validation"
    )
    assert [(problem.field, problem.rule) for problem in problems] == [
        ("validation", "must exist"),
        ("validation", "must hold data"),
        ("validation", "must hold data"),
    ]


def test_blank_lines_are_no_data(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "\n\n")
    (problem,) = look(tmp_path)
    assert problem.rule == "must hold data"


def test_hidden_files_are_refused_and_marker_files_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1,2\n")
    write(tmp_path, "_SUCCESS", "done")
    write(tmp_path, ".ipynb_checkpoints/a.csv", "1,2\n")
    (problem,) = look(tmp_path)
    assert "Hidden file" in problem.constraint


@pytest.mark.parametrize(
    ("extent", "found"),
    [(Extent(50, 10**6), 0), (Extent(51, 10**6), 1), (Extent(10**6, 4 * 50 + 3), 0), (Extent(10**6, 4 * 51), 1)],
)
def test_only_the_beginning_of_a_large_file_is_read(tmp_path: Path, extent: Extent, found: int) -> None:
    path = write(tmp_path, "a.csv", "1,2\n" * 50 + "1,x\n")
    assert len(csv_problems(path, channel="train", per_file=extent)) == found
    write(tmp_path, "b.csv", "1,x\n")
    assert len(csv_problems(path, channel="train", per_channel=extent)) == found


def test_of_wide_rows_only_so_many_characters_are_read(tmp_path: Path) -> None:
    row = "1," * 40_000 + "1\n"
    rows = int(PER_FILE.characters) // len(row)
    path = write(tmp_path, "a.csv", row * (rows + 1) + "x\n")
    assert look(path) == []
    assert PER_FILE.characters < PER_CHANNEL.characters


def test_a_line_longer_than_what_is_looked_at_is_data_all_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "1,2,3,4\n")
    assert csv_problems(path, channel="train", per_file=Extent(10, 5)) == []


@pytest.mark.parametrize(
    "prose",
    ["# Churn\n\nThe data of 2024, as it came\nfrom the shop\n", "Churn data\n", "two words", '{"a": 1, "b": 2}\n'],
)
@pytest.mark.parametrize("name", ["README.md", "zz.txt"])
def test_a_stray_text_file_is_the_only_problem(tmp_path: Path, prose: str, name: str) -> None:
    stray = write(tmp_path, name, prose)
    write(tmp_path, "data.csv", "1;2;3\n0;4;5\n")
    (problem,) = look(tmp_path)
    assert str(stray) in problem.rule
    assert problem.remedy == "Move it out of the channel's folder if it is not data."


def test_a_header_that_may_be_no_header_has_two_remedies(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "churn, sales\n")
    write(tmp_path, "b.csv", "label,age\n1,2\n")
    assert [problem.remedy for problem in look(tmp_path)] == [
        "Write the file without a header line, or move it out of the channel's folder if it is not data.",
        "Write the file without a header line.",
    ]


def test_a_long_line_is_shown_in_part(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", ",".join(f"column_{n}" for n in range(100)) + "\n" + "1," * 99 + "1\n")
    (problem,) = look(tmp_path)
    assert len(str(problem.value)) <= 50


def test_a_uri_may_be_percent_encoded(tmp_path: Path) -> None:
    path = write(tmp_path, "my data/a.csv", "1,2\n")
    assert csv_problems(path.parent.as_uri(), channel="train") == []


@pytest.mark.parametrize(
    ("content_type", "labelled"),
    [
        ("text/csv", True),
        ("text/csv;label_size=0", False),
        ("text/csv; label_size=0", False),
        ("text/csv;label_size=1", True),
    ],
)
def test_label_size_says_whether_there_is_a_label(content_type: str, labelled: bool) -> None:
    assert label_first(content_type) is labelled


@pytest.mark.parametrize(
    ("line", "delimiter"), [("1,2", ","), ("12345", ","), ("1.5 2", " "), ("1;2", ";"), ("a|b", "|")]
)
def test_delimiter(line: str, delimiter: str) -> None:
    assert delimiter_of(line) == delimiter
