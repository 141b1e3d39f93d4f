"""Every benchmark runs; how fast anything is, is not a matter for tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["polls", "create"])
def test_a_benchmark_prints_tables_of_our_connector(name: str) -> None:
    command = [sys.executable, f"benchmarks/{name}.py", "--quick", "--without-rival"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ours ")]
    assert rows, done.stdout


def test_describing_a_job_for_every_poll_takes_a_call_for_every_poll_and_ours_takes_fewer() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/scale.py", "--quick"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if "|" in line]
    head, rows = cells[0], [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]
    assert head[0] == "way"
    of = {row["way"]: row for row in rows if row["jobs"] == "50"}
    naive = of["a describe per poll"]
    assert float(naive["calls/min"]) == pytest.approx(float(naive["polls/min"]), rel=0.02)
    assert float(of["ours"]["calls/min"]) < float(naive["calls/min"]) / 2
    assert of["ours"]["throttles/min"] == "0.0"


def test_the_start_of_a_function_is_measured_here_and_in_a_container() -> None:
    command = [sys.executable, "benchmarks/custom_startup.py", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if "|" in line]
    medians = {row[0]: int(row[3]) for row in cells if row[1].isdigit()}
    assert 0 < medians["warm"] < medians["cold"]
    assert 0 < medians["ours, to first line"] < medians["ours, whole process"]


@pytest.mark.parametrize(("name", "size"), [("launch", ("--launches", "2")), ("class_workflow", ("--quick",))])
def test_a_benchmark_of_what_runs_before_a_job_prints_its_table(name: str, size: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, f"benchmarks/{name}.py", *size], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stdout.splitlines() if line.startswith("| ")]) > 3


def test_searches_are_compared_on_the_very_same_objectives() -> None:
    size = ["--problems", "diabetes", "--seeds", "2", "--trials", "1", "--seconds", "0.05"]
    command = [sys.executable, "benchmarks/tuning_quality.py", *size]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(": 0 of " in line for line in lines if line.endswith("repeated in this process"))
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    assert {"local SageMaker", "diabetes, Bayesian", "diabetes, plain Optuna", "diabetes, rounds, median"} <= set(rows)
