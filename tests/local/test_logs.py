"""What a process prints, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekit_sagemaker.local import logs
from flytekit_sagemaker.local.logs import LineSplitter, LogFile
from flytekit_sagemaker.local.scraping import Findings, Scraper


@pytest.fixture(scope="module")
def scraper() -> Iterator[Scraper]:
    scraper = Scraper()
    yield scraper
    scraper.close()


@given(st.lists(st.text(st.characters(exclude_characters="\n\r"), max_size=20), max_size=8), st.integers(1, 7))
def test_lines_do_not_depend_on_how_they_arrive(lines: list[str], size: int) -> None:
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", errors="replace")
    splitter = LineSplitter()
    arrived = [line for start in range(0, len(data), size) for line in splitter.feed(data[start : start + size])]
    assert arrived == data.decode().split("\n")[:-1]


def test_a_line_without_end_is_kept_short_and_the_next_one_is_whole() -> None:
    splitter = LineSplitter()
    lines = [line for _ in range(100) for line in splitter.feed(b"x" * 10_000)] + splitter.feed(b"\nnext\n")
    assert [len(line) for line in lines] == [logs.LINE_BYTES, 4]


def test_a_progress_bar_is_many_lines() -> None:
    assert LineSplitter().feed(b"1/3 loss=3\r2/3 loss=2\r\n") == ["1/3 loss=3", "2/3 loss=2", ""]


@pytest.mark.parametrize(
    ("expression", "line", "values"),
    [
        (r"loss=(\S+)", "loss=0.5", [0.5]),
        (r"loss=(\S+)", "epoch 3 loss=1e-3 and more", [0.001]),
        (r".*\[[0-9]+\].*#011validation-auc:(\S+)", "[7]\ttrain-auc:0.9\tvalidation-auc:0.8", [0.8]),
        (r"\tvalidation-auc:(\S+)", "[7]\ttrain-auc:0.9\tvalidation-auc:0.8", [0.8]),
        (r".*loss=(\d+)", "loss=1 and loss=2", [2]),
        (r".*nothing|loss=(\d+)", "the loss=1", [1]),
        (r"loss=(\S+)", "loss=nan", []),
        (r"loss=(\S+)", "loss=-inf", []),
        (r"loss=(\S+)", "loss=low", []),
        (r"loss=(?:(\d+)|x)", "loss=x", []),
        (r"loss", "loss", []),
        (r"loss=(\S+)", "nothing", []),
    ],
)
def test_values_are_found_as_cloudwatch_finds_them(
    scraper: Scraper, expression: str, line: str, values: list[float]
) -> None:
    assert [value for _, value in scraper.search([expression], [line]).values] == values


def test_an_expression_that_takes_for_ever_is_given_up_and_costs_the_others_nothing(scraper: Scraper) -> None:
    found = scraper.search([r"(a+)+b", r"loss=(\d)"], ["a" * 41, "loss=1", "loss=2"])
    assert found == Findings([[1, 1], [1, 2]], [0])  # type: ignore[list-item]
    assert scraper.search([r"loss=(\d)"], ["loss=3"]).values == [[0, 3]]


def test_a_log_file_keeps_its_beginning_and_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "HEAD_BYTES", 100)
    monkeypatch.setattr(logs, "TAIL_BYTES", 50)
    file = LogFile(tmp_path / "log")
    for number in range(1000):
        file.write(f"line {number:04}\n".encode())
    file.close()
    text = (tmp_path / "log").read_text()
    assert text.startswith("line 0000\nline 0001\n")
    assert text.endswith("line 0998\nline 0999\n")
    assert "9850 bytes are left out here" in text
    assert len(text) < 250
