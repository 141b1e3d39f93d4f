"""Metrics from the line of a job's log to SageMaker."""

from __future__ import annotations

import contextlib
import io
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekit_sagemaker.container.metrics import metric_definition, report_metric, reported_names
from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.local.scraping import find
from flytekit_sagemaker.local.server import LocalSageMaker

from ..local.support import Jobs
from .support import Tree

NAMES = [
    "loss",
    "validation:error",
    "a b",
    'quoted "x"',
    "50% (top)",
    "loss = 1",
    "train loss",
    "größe",
    "a\\b",
    "x" * 200,
]

PROGRAM = f"""
import sys
from flytekit_sagemaker.container.metrics import report_metric
for number, name in enumerate({NAMES!r}):
    report_metric(name, number + 0.25, step=0)
    report_metric(name, number + 0.5)
sys.stdout.write("unfinished\\t")
report_metric("loss", -1e-7, step=3)
report_metric("loss", float("nan"))
report_metric("loss", float("-inf"))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSageMaker]:
    script = tmp_path_factory.mktemp("image") / "train.py"
    script.write_text(PROGRAM)
    image = {"reporting": [sys.executable, str(script)]}
    with LocalSageMaker(tmp_path_factory.mktemp("root"), images=image) as started:
        yield started


def definitions(*names: str) -> dict[str, Any]:
    found = [dict(zip(("Name", "Regex"), metric_definition(name), strict=True)) for name in names]
    return {"TrainingImage": "reporting", "TrainingInputMode": "File", "MetricDefinitions": found}


def final_metrics(job: dict[str, Any]) -> dict[str, float]:
    return {metric["MetricName"]: metric["Value"] for metric in job.get("FinalMetricDataList", ())}


def test_sagemaker_finds_what_is_reported(server: LocalSageMaker, tmp_path: Path) -> None:
    jobs = Jobs(server, tmp_path)
    jobs.train("reports", AlgorithmSpecification=definitions(*NAMES))
    job = jobs.ended("reports")
    assert job["TrainingJobStatus"] == "Completed", job
    expected = {name: number + 0.5 for number, name in enumerate(NAMES)} | {"loss": -1e-7}
    assert final_metrics(job) == pytest.approx(expected)


def test_of_several_hosts_the_first_one_counts(server: LocalSageMaker, tmp_path: Path) -> None:
    jobs = Jobs(server, tmp_path)
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    jobs.train("reports-twice", AlgorithmSpecification=definitions("loss"), ResourceConfig=resources)
    assert jobs.ended("reports-twice")["TrainingJobStatus"] == "Completed"
    logs = {host: jobs.log("reports-twice", host).splitlines() for host in ("algo-1", "algo-2")}
    lines = {host: [line for line in log if '"loss" = ' in line] for host, log in logs.items()}
    regex = metric_definition("loss")[1]
    assert [value for _, value in find([regex], lines["algo-1"]).values] == [0.25, 0.5, -1e-7]
    assert len(lines["algo-2"]) == len(lines["algo-1"])
    assert find([regex], lines["algo-2"]).values == []


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(alphabet="ab \t=\"'\\0", max_size=8),
    st.sampled_from(NAMES),
)
def test_every_finite_number_survives_whatever_is_around_it(value: float, around: str, name: str) -> None:
    line = printed(name, value, 7)
    values = find([metric_definition(name)[1]], [f"{around}{line}", f"{line} {around}", f"{line}\t{around}"]).values
    assert [value for _, value in values] == [value] * 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_printed_and_not_caught(value: float) -> None:
    line = printed("loss", value)
    assert str(value) in line
    assert find([metric_definition("loss")[1]], [line]).values == []


def test_no_definition_catches_another_metric() -> None:
    lines = [printed(name, number) for number, name in enumerate(NAMES)]
    for number, name in enumerate(NAMES):
        assert find([metric_definition(name)[1]], lines).values == [(0, number)]


@pytest.mark.parametrize(
    "value", [np.float32(0.5), np.array(0.5), True, 3, "0.5"], ids=["float32", "array", "bool", "int", "str"]
)
def test_whatever_float_takes_is_a_value(value: Any) -> None:
    values = find([metric_definition("loss")[1]], [printed("loss", value)]).values
    assert [number for _, number in values] == [float(value)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("loss", None), "must be a number"),
        (("loss", np.zeros(3)), "must be a number"),
        (("loss", 10**400), "must be a number"),
        (("", 1), "must be a text that is not empty"),
        (("a\tb", 1), "printable"),
        (("a\nb", 1), "printable"),
        (("a" * 256, 1), "at most 255"),
        (("-" * 250, 1), "regular expression of"),
        (("loss", 1, "x"), "whole number"),
    ],
)
def test_a_wrong_call_is_explained(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        report_metric(*arguments)


def test_all_that_is_wrong_with_a_call_is_said_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        report_metric("", "x", 1.5)  # type: ignore[arg-type]
    assert [problem.field for problem in caught.value.problems] == ["name", "value", "step"]


def test_definitions_keep_to_sagemakers_limits() -> None:
    name, regex = metric_definition("-" * 220)
    assert len(name) <= 255
    assert len(regex) <= 500


def test_a_metric_is_there_as_soon_as_it_is_reported(tree: Callable[..., Tree]) -> None:
    process = tree().start(
        "from flytekit_sagemaker.container.metrics import report_metric\nreport_metric('loss', 1)\ninput()"
    )
    assert process.stdout is not None
    assert '"loss" = 1.0' in process.stdout.readline()
    process.kill()
    process.communicate()


def test_literal_names_are_found_in_source() -> None:
    source = """
    @task
    def train(x):
        report_metric("b", 1, step=2)
        for epoch in range(3):
            flytekit_sagemaker.report_metric(name="a", value=2)
            report_metric("b", 1)
        report_metric(f"{x}", 1)
        other("c", 1)
    """
    assert reported_names(source) == ("b", "a")
    assert reported_names("def f(:") == ()


def printed(name: str, value: Any, step: int | None = None) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as text:
        report_metric(name, value, step)
    line, ending = text.getvalue()[:-1], text.getvalue()[-1]
    assert ending == "\n"
    assert "\n" not in line
    return line
