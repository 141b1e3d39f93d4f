"""What functions print in local runs: it is seen, and it is kept."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

from flytekit_sagemaker.errors import JobFailed

from . import talking

pytestmark = pytest.mark.usefixtures("use_sagemaker")


def kept(told: str) -> list[str]:
    found = re.search(r"^Log: (.*)$", told, re.M)
    assert found, told
    return Path(found[1]).read_text().splitlines()


def test_what_a_function_prints_is_shown_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert talking.count(to=3) == 3
    told = capsys.readouterr().err
    assert re.findall(r"^step .*$", told, re.M) == ["step 1 [of 3]", "step 2 [of 3]", "step 3 [of 3]"]
    assert [line for line in kept(told) if line.startswith("step")] == re.findall(r"^step .*$", told, re.M)
    assert told.index("step 3") < told.index("Log: ") < told.index("Report: ")


class Answering(io.StringIO):
    """Standard error that answers what it hears."""

    def __init__(self, answer: Path) -> None:
        super().__init__()
        self._answer = answer

    def write(self, text: str) -> int:
        if "is anybody there?" in text:
            self._answer.touch()
        return super().write(text)


def test_it_is_shown_while_the_function_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Answering(tmp_path / "heard"))
    assert talking.wait_to_be_heard(folder=str(tmp_path)) == "heard"


def test_the_log_of_a_function_that_fails_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(JobFailed):
        talking.count(to=-1)
    assert "counting to -1" in kept(capsys.readouterr().err)


def test_hosts_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    talking.on_two_hosts()
    told = kept(capsys.readouterr().err)
    assert {"algo-1: this is algo-1", "algo-2: this is algo-2"} <= set(told)


def test_secrets_stay_out_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    talking.careless()
    told = capsys.readouterr().err
    assert "hunter2-and-more" not in told
    assert "hunter2-and-more" not in "\n".join(kept(told))


def test_a_metric_that_is_lost_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    talking.measure(name="computed")
    told = capsys.readouterr().err
    assert told.count("The metric computed has no definition, so that SageMaker does not keep it.") == 1
    assert 'Give the task metrics=["computed"].' in told
    assert "The metric known" not in told
