"""What an operator finds in the connector's logs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from flytekit_sagemaker import logs


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    level = logging.getLogger("flytekit_sagemaker").level
    yield
    logs.configure("")
    logging.getLogger("flytekit_sagemaker").setLevel(level)


def test_json_is_one_object_per_line_with_the_fields_of_the_job(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    log = logs.of(job="flyte-f1-n0-0", execution="p/d/f1/n0/0", kind="training", operation="create")
    log.info("created in %s", "eu-west-1\nsecond line")
    try:
        raise ValueError("no answer")
    except ValueError:
        log.exception("lost")

    created, lost = (json.loads(line) for line in capfd.readouterr().err.splitlines())
    time = datetime.fromisoformat(created.pop("time").replace("Z", "+00:00"))
    assert time.utcoffset() == timedelta(0)
    assert created == {
        "level": "INFO",
        "message": "created in eu-west-1\nsecond line",
        "job": "flyte-f1-n0-0",
        "execution": "p/d/f1/n0/0",
        "kind": "training",
        "operation": "create",
    }
    assert lost["level"] == "ERROR"
    assert "ValueError: no answer" in lost["exception"]


def test_text_ends_with_the_fields(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure("text")
    logs.of(job="flyte-f1-n0-0", kind="tuning").warning("waits for capacity")
    assert capfd.readouterr().err.endswith("WARNING waits for capacity job=flyte-f1-n0-0 kind=tuning\n")


def test_configuring_twice_writes_a_record_once(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure("text")
    logs.configure("json")
    logs.of(job="flyte-1").info("once")
    assert [json.loads(line)["message"] for line in capfd.readouterr().err.splitlines()] == ["once"]


def test_without_a_setting_logging_is_the_applications(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    logs.configure("")
    logs.of(job="flyte-1").warning("for whoever listens")
    assert capfd.readouterr().err == ""
    assert [(record.message, record.job) for record in caplog.records] == [("for whoever listens", "flyte-1")]  # type: ignore[attr-defined]


def test_an_unknown_format_is_told_and_logs_all_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure("xml")
    logs.of(job="flyte-1").info("still here")
    told, record = capfd.readouterr().err.splitlines()
    assert "'xml'" in told
    assert "'json'" in told
    assert "still here job=flyte-1" in record
