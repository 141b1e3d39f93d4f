"""A server that is killed, and the next one on the same root."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.local.server import LocalSageMaker

from .support import IMAGE, Jobs, boto3_client, eventually

SERVE = """
import sys
from flytekit_sagemaker.local.server import serve

serve(int(sys.argv[1]), sys.argv[2], {images!r})
"""


class ServeProcess:
    """``serve`` in a process of its own."""

    def __init__(self, root: Path, images: dict[str, list[str]]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.root = root
        self.url = f"http://127.0.0.1:{self.port}"
        self._program = SERVE.format(images=images)
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start, and return the first lines that it printed."""
        command = [sys.executable, "-c", self._program, str(self.port), str(self.root)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines = []
        while "Ctrl-C" not in (lines or [""])[-1]:
            assert self.process.stdout is not None
            lines.append(self.process.stdout.readline())
            assert lines[-1], self.process.communicate()
        return "".join(lines)

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        print(*self.process.communicate())  # shown when the test fails
        return self.process.returncode


@pytest.fixture
def serving(tmp_path: Path, trial_command: list[str]) -> Iterator[ServeProcess]:
    server = ServeProcess(tmp_path / "root", {IMAGE: trial_command})
    yield server
    if server.process and server.process.poll() is None:
        server.end(signal.SIGKILL)


def running_below(folder: Path) -> list[int]:
    """Processes whose workspace is below a folder."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                variables = (path / "environ").read_text()
            except OSError:
                continue
            if f"SAGEMAKER_BASE_DIR={folder}/training-jobs" in variables:
                found.append(int(path.name))
    return found


def test_a_tuning_job_survives_the_death_of_its_server(serving: ServeProcess, tmp_path: Path) -> None:
    serving.start()
    jobs = Jobs(serving, tmp_path)  # type: ignore[arg-type]
    gate = tmp_path / "gate"
    jobs.tune("survivor", static={"wait_for": str(gate)}, jobs=6, parallel=2, config={"RandomSeed": 1})
    for waiting in eventually(lambda: list(tmp_path.glob("gate.*")), lambda found: len(found) == 2):
        waiting.with_name(f"{waiting.name}.go").touch()
    eventually(lambda: len(jobs.trials("survivor", StatusEquals="Completed")), (2).__eq__)
    before = eventually(lambda: jobs.trials("survivor"), lambda _: len(running_below(serving.root)) == 2)
    serving.end(signal.SIGKILL)
    eventually(lambda: running_below(serving.root), lambda pids: not pids)

    serving.start()
    unfinished = [each["TrainingJobName"] for each in before if each["TrainingJobStatus"] == "InProgress"]
    for name in unfinished:
        assert "Restarting" in [each["Status"] for each in jobs.describe(name)["SecondaryStatusTransitions"]]
    gate.touch()
    assert jobs.tuning_ended("survivor")["HyperParameterTuningJobStatus"] == "Completed"
    after = jobs.trials("survivor")
    assert len(after) == 6
    assert [each["TunedHyperParameters"] for each in after[: len(before)]] == [
        each["TunedHyperParameters"] for each in before
    ]
    assert [each["CreationTime"] for each in after[: len(before)]] == [each["CreationTime"] for each in before]

    # The same search without an accident tries the same values.
    jobs.tune("undisturbed", jobs=6, parallel=2, config={"RandomSeed": 1})
    jobs.tuning_ended("undisturbed")
    assert [each["TunedHyperParameters"] for each in jobs.trials("undisturbed")] == [
        each["TunedHyperParameters"] for each in after
    ]


def test_training_jobs_that_died_with_the_server_fail_or_are_retried(serving: ServeProcess, tmp_path: Path) -> None:
    serving.start()
    jobs = Jobs(serving, tmp_path)  # type: ignore[arg-type]
    gate = tmp_path / "gate"
    jobs.train("plain", {"wait_for": str(gate)})
    jobs.train("again", {"wait_for": str(gate)}, RetryStrategy={"MaximumRetryAttempts": 1})
    jobs.train("leaving", {"wait_for": str(gate), "on_sigterm": "ignore"})
    eventually(lambda: len(list(tmp_path.glob("gate.*"))), (3).__eq__)
    jobs.client.stop_training_job(TrainingJobName="leaving")
    serving.end(signal.SIGKILL)
    serving.start()
    plain = jobs.describe("plain")
    assert plain["TrainingJobStatus"] == "Failed"
    assert plain["FailureReason"].startswith("InternalServerError: ")
    assert jobs.describe("leaving")["TrainingJobStatus"] == "Stopped"
    gate.touch()
    assert jobs.ended("again")["TrainingJobStatus"] == "Completed"


def test_a_server_can_be_told_not_to_resume(new_server: Callable[..., LocalSageMaker], tmp_path: Path) -> None:
    first = new_server()
    jobs = Jobs(first, tmp_path)
    jobs.train("left", {"wait_for": str(tmp_path / "never")})
    jobs.tune("left", static={"wait_for": str(tmp_path / "never")})
    eventually(lambda: len(list(tmp_path.glob("never.*"))), (2).__eq__)
    first.stop()
    jobs.client = boto3_client(new_server(resume=False).url)
    assert jobs.describe("left")["TrainingJobStatus"] == "Failed"
    assert jobs.describe_tuning("left")["HyperParameterTuningJobStatus"] == "Failed"
    assert jobs.describe_tuning("left")["TrainingJobStatusCounters"]["InProgress"] == 0


def test_a_stopped_server_takes_its_processes_along_and_the_next_goes_on(
    new_server: Callable[..., LocalSageMaker], tmp_path: Path
) -> None:
    first = new_server()
    jobs = Jobs(first, tmp_path)
    gate = tmp_path / "gate"
    jobs.tune("moved", static={"wait_for": str(gate)}, jobs=2)
    eventually(lambda: running_below(first.root), bool)
    first.stop()
    assert running_below(first.root) == []
    gate.touch()
    jobs.client = boto3_client(new_server().url)
    assert jobs.tuning_ended("moved")["TrainingJobStatusCounters"]["Completed"] == 2


@pytest.mark.parametrize(
    ("damage", "status"),
    [
        ("description = replace(description, 'ResourceConfig', '?') WHERE number = 1", "Failed"),
        (
            "status = 'Completed', description = replace(description, 'InProgress', 'Completed') WHERE number IS NULL",
            "Completed",
        ),
        ("description = replace(description, 'Bayesian', 'Hyperband') WHERE number IS NULL", "Failed"),
    ],
    ids=["a trial that cannot be run", "a tuning job that has ended", "a tuning job that cannot be taken up"],
)
def test_no_trial_outlives_its_tuning_job(
    new_server: Callable[..., LocalSageMaker], tmp_path: Path, damage: str, status: str
) -> None:
    first = new_server()
    jobs = Jobs(first, tmp_path)
    jobs.tune("damaged", static={"wait_for": str(tmp_path / "never")}, jobs=1)
    eventually(lambda: list(tmp_path.glob("never.*")), bool)
    first.stop()
    with sqlite3.connect(first.root / "sagemaker.sqlite") as state:
        assert state.execute(f"UPDATE jobs SET {damage}").rowcount == 1
    jobs.client = boto3_client(new_server().url)
    assert jobs.tuning_ended("damaged")["HyperParameterTuningJobStatus"] == status
    [trial] = jobs.trials("damaged")
    assert trial["TrainingJobStatus"] == "Failed"
    assert trial["FailureReason"].startswith("InternalServerError: ")


def test_serve_welcomes_and_leaves_politely(serving: ServeProcess) -> None:
    welcome = serving.start()
    assert serving.url in welcome
    assert str(serving.root) in welcome
    assert "development server" in welcome
    assert serving.end(signal.SIGINT) == 0
    serving.start()
    assert serving.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("taken", ["port", "root"])
def test_serve_says_in_a_sentence_why_it_cannot_start(serving: ServeProcess, tmp_path: Path, taken: str) -> None:
    serving.start()
    other = {"port": (serving.port, tmp_path / "elsewhere"), "root": (0, serving.root)}[taken]
    program = SERVE.format(images={})
    failed: Any = subprocess.run(
        [sys.executable, "-c", program, *map(str, other)], capture_output=True, text=True, timeout=30
    )
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert len(failed.stderr.splitlines()) == 1
    assert str(other[taken == "root"]) in failed.stderr
