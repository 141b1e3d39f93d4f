"""The operator's handbook names what there is: every setting with its default, every metric with its labels."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from prometheus_client import REGISTRY

from flytekit_sagemaker import settings, telemetry

ROOT = Path(__file__).parents[1]
HANDBOOK = (ROOT / "docs" / "operating.md").read_text()


def rows(title: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    section = HANDBOOK.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = re.search(r"(?:^\|.*\n)+", section, re.M)
    assert lines, title
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[0].splitlines()[2:]]


def test_every_setting_is_described_with_its_default() -> None:
    pace = settings.pace(on_this_machine=False)
    of_aws = {
        "describes_per_second": f"{pace.describes_per_second:g}",
        "lists_per_second": f"{pace.lists_per_second:g}",
        "status_freshness_in_seconds": f"{pace.freshness_in_seconds:g}",
    }
    described = {name.strip("`"): default.strip("`") for name, default, _ in rows("Settings")}
    assert list(described) == [field.name for field in fields(settings.Settings)]
    for field in fields(settings.Settings):
        if field.default:
            assert described[field.name] == field.default
    assert {name: described[name] for name in of_aws} == of_aws


def test_every_metric_is_described_with_its_labels() -> None:
    assert telemetry
    described = {row[0].strip("`"): re.findall(r"`(\w+)`", row[1]) for row in rows("Metrics")}
    collectors = {
        name: collector
        for name, collector in REGISTRY._names_to_collectors.items()
        if name.startswith("flytekit_sagemaker_") and not name.endswith(("_created", "_bucket", "_sum", "_count"))
    }
    for name, labels in described.items():
        assert list(collectors[name]._labelnames) == labels
    assert {id(collectors[name]) for name in described} == {id(collector) for collector in collectors.values()}


def test_alerts_ask_for_metrics_that_there_are() -> None:
    asked = set(re.findall(r"\bflytekit_sagemaker_\w+", HANDBOOK))
    assert asked - set(REGISTRY._names_to_collectors) == set()
