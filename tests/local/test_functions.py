"""Users' functions as training jobs: run by the entry of custom jobs, in a fork of the launcher."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from flytekit_sagemaker.container.command import ENTRYPOINT
from flytekit_sagemaker.local.server import LocalSageMaker

from .function_jobs import carried, result, with_image
from .support import IMAGE, Jobs

FUNCTIONS = """
import atexit
import os
import threading
import time

from flytekit import task


@task
def square(x: int) -> int:
    print(f"parent={os.getppid()} directory={os.getcwd()}")
    print("loss=0.25;")
    return x * x


@task
def threaded(x: int) -> int:
    def later():
        time.sleep(0.1)
        print("thread has ended")
    threading.Thread(target=later).start()
    atexit.register(print, "no newline", end="")
    return x
"""


@pytest.fixture
def functions(new_server: Callable[..., LocalSageMaker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """Jobs on a server that was started in a folder with the functions' module."""
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    monkeypatch.chdir(tmp_path)
    return Jobs(new_server(), tmp_path)


@pytest.mark.parametrize("entrypoint", [None, list(ENTRYPOINT)], ids=["train of the image", "entrypoint"])
def test_a_function_of_the_server_s_folder_runs_in_a_fork_of_the_launcher_and_in_a_folder_of_its_own(
    functions: Jobs, tmp_path: Path, entrypoint: list[str] | None
) -> None:
    members = {"ContainerEntrypoint": entrypoint} if entrypoint else {}
    algorithm = with_image("any/image", **members)
    functions.train("function", AlgorithmSpecification=algorithm, Environment=carried(tmp_path))
    job = functions.ended("function")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert result(tmp_path) == 49
    folder = functions.server.root / "training-jobs" / "function" / "algo-1" / "code"
    assert f"parent={functions.server.launcher_pid} directory={folder}\n" in functions.log("function")
    assert job["FinalMetricDataList"][0]["Value"] == 0.25


def test_the_launcher_stays_fit_for_forks(functions: Jobs, tmp_path: Path) -> None:
    functions.train("first", AlgorithmSpecification=with_image("any/image"), Environment=carried(tmp_path))
    functions.ended("first")
    tasks = Path(f"/proc/{functions.server.launcher_pid}/task")
    assert len(list(tasks.iterdir())) == 1


def test_what_a_function_leaves_running_or_registered_comes_to_its_end(functions: Jobs, tmp_path: Path) -> None:
    environment = carried(tmp_path, "threaded")
    functions.train("threaded", AlgorithmSpecification=with_image("any/image"), Environment=environment)
    functions.ended("threaded")
    assert functions.log("threaded").endswith("thread has ended\nno newline")


def test_the_log_lines_of_flytekit_are_not_wrapped(functions: Jobs, tmp_path: Path) -> None:
    environment = {**carried(tmp_path), "FLYTE_SDK_LOGGING_LEVEL": str(logging.INFO)}
    functions.train("wordy", AlgorithmSpecification=with_image("any/image"), Environment=environment)
    functions.ended("wordy")
    [line] = (line for line in functions.log("wordy").splitlines() if "Invoking" in line)
    assert "functions.square with inputs: {'x': 7}" in line


def test_each_trial_of_a_tuning_job_runs_the_function(functions: Jobs, tmp_path: Path) -> None:
    algorithm = with_image("any/image")
    functions.tune("trials", jobs=3, AlgorithmSpecification=algorithm, Environment=carried(tmp_path))
    job = functions.tuning_ended("trials")
    assert job["TrainingJobStatusCounters"]["Completed"] == 3
    assert job["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 0.25


def test_the_command_that_stands_for_the_image_runs_instead(functions: Jobs, tmp_path: Path) -> None:
    algorithm = with_image(IMAGE, ContainerEntrypoint=list(ENTRYPOINT))
    functions.train("mapped", {"print": "the command"}, AlgorithmSpecification=algorithm, Environment=carried(tmp_path))
    functions.ended("mapped")
    assert "the command" in functions.log("mapped")
    assert not (tmp_path / "flyte").exists()


def test_an_entrypoint_of_the_request_s_own_runs_instead(functions: Jobs, tmp_path: Path) -> None:
    algorithm = with_image("any/image", ContainerEntrypoint=["echo", "the entrypoint"])
    functions.train("entrypoint", AlgorithmSpecification=algorithm, Environment=carried(tmp_path))
    functions.ended("entrypoint")
    assert "the entrypoint" in functions.log("entrypoint")
    assert not (tmp_path / "flyte").exists()


def test_a_function_that_is_not_there_is_the_reason(functions: Jobs, tmp_path: Path) -> None:
    environment = carried(tmp_path, "cube")
    functions.train("missing", AlgorithmSpecification=with_image("any/image"), Environment=environment)
    reason = functions.ended("missing")["FailureReason"]
    assert reason.startswith("AlgorithmError: ")
    assert "cube" in reason
