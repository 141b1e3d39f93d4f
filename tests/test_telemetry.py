"""The metrics, as a Prometheus that scrapes the connector reads them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY, generate_latest

from flytekit_sagemaker import telemetry


@pytest.fixture(autouse=True)
def fresh_labels() -> Iterator[None]:
    yield
    importlib.reload(telemetry)


def value(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"flytekit_sagemaker_{metric}", labels) or 0


def test_a_call_counts_by_operation_and_result() -> None:
    before = value("aws_calls_total", operation="describe_training_job", result="ok")
    seconds = value("aws_call_seconds_sum", operation="describe_training_job")
    telemetry.aws_call("describe_training_job", "ok", 0.5, throttled=False)
    assert value("aws_calls_total", operation="describe_training_job", result="ok") == before + 1
    assert value("aws_call_seconds_sum", operation="describe_training_job") == seconds + 0.5


@pytest.mark.parametrize("throttled", [True, False])
def test_a_throttle_counts_as_one(throttled: bool) -> None:
    before = value("throttles_total", operation="list_training_jobs")
    telemetry.aws_call("list_training_jobs", "SlowDown", 0.1, throttled=throttled)
    assert value("throttles_total", operation="list_training_jobs") == before + throttled


def test_the_rest_counts_too() -> None:
    before = {
        "looks": value("looks_total", kind="tuning", how="sweep"),
        "creates": value("creates_total", kind="tuning", outcome="adopted"),
        "ages": value("answer_age_seconds_count"),
        "jobs": value("board_jobs", kind="tuning"),
    }
    for change in (1, 1, -1):
        telemetry.tracked("tuning", change)
    telemetry.look("tuning", "sweep")
    telemetry.create("tuning", "adopted")
    telemetry.answer_age(12)
    assert value("board_jobs", kind="tuning") == before["jobs"] + 1
    assert value("looks_total", kind="tuning", how="sweep") == before["looks"] + 1
    assert value("creates_total", kind="tuning", outcome="adopted") == before["creates"] + 1
    assert value("answer_age_seconds_count") == before["ages"] + 1


def test_an_endpoint_that_answers_nonsense_makes_no_endless_labels() -> None:
    for number in range(1000):
        telemetry.aws_call("create_training_job", f"Code{number}", 0.1, throttled=False)
        telemetry.aws_call("create_training_job", f"<html>{number}", 0.1, throttled=False)
    series = [line for line in generate_latest().decode().splitlines() if "aws_calls_total{" in line]
    assert len([line for line in series if 'operation="create_training_job"' in line]) < 300
    assert value("aws_calls_total", operation="create_training_job", result="other") > 1000


def test_loading_the_module_again_keeps_the_metrics() -> None:
    telemetry.look("training", "describe")
    before = value("looks_total", kind="training", how="describe")
    importlib.reload(telemetry).look("training", "describe")
    assert value("looks_total", kind="training", how="describe") == before + 1
