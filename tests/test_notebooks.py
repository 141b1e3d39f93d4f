"""The notebooks run from top to bottom in a fresh kernel, and what they show is what they promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from flytekit_sagemaker.sandbox import Sandbox

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


class Executed:
    """A notebook with the outputs of its cells."""

    def __init__(self, path: Path) -> None:
        self.cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]

    def outputs(self, source: str = "") -> list[Any]:
        """The outputs of the cells that have a text in their source."""
        return [output for cell in self.cells if source in cell.source for output in cell.outputs]

    def text(self, source: str = "", kind: str = "text/plain") -> str:
        """What those cells show."""
        return "\n".join(
            str(output.get("text") or output.get("data", {}).get(kind) or "") for output in self.outputs(source)
        )

    @property
    def pictures(self) -> int:
        return sum("image/png" in output.get("data", {}) for output in self.outputs())


def executed(name: str, folder: Path) -> Executed:
    """Run a copy, as ``make notebooks`` runs the notebooks."""
    notebook = nbformat.read(FOLDER / name, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, folder / name)
    command = [sys.executable, str(FOLDER / "run.py"), str(folder / name)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return Executed(folder / name)


def assert_presentable(notebook: Executed) -> None:
    """Nothing that a reader could not know, and nothing that a reader need not know."""
    assert [cell.execution_count for cell in notebook.cells] == list(range(1, len(notebook.cells) + 1))
    for cell in notebook.cells:
        failed = any(output.output_type == "error" for output in cell.outputs)
        assert failed == ("raises-exception" in cell.metadata.get("tags", ()))
        assert not any(output.get("name") == "stderr" for output in cell.outputs), cell.outputs
        assert "execution" not in cell.metadata
        if ".wait()" in cell.source:  # in place: not a line for each change
            assert len([each for each in cell.outputs if "text/html" in each.get("data", {})]) <= 1
    shown = str([cell.outputs for cell in notebook.cells])
    for foreign in (str(FOLDER.parent), str(Path.home()), sys.prefix, "pytest-", r"\x1b"):
        assert foreign not in shown
    ports = set(re.findall(r"127\.0\.0\.1:(\d+)", shown))
    assert ports <= {"8089", "8090", "8091"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_committed_is_presentable(path: Path) -> None:
    notebook = Executed(path)
    assert notebook.pictures >= 3
    assert_presentable(notebook)


@pytest.mark.timeout(300)
def test_tuning_training_and_reusing(tmp_path: Path) -> None:
    notebook = executed("sagemaker_hpo.ipynb", tmp_path)
    assert_presentable(notebook)
    assert "12 of 12 trials done" in notebook.text("exc.wait()", "text/html")
    table = notebook.text("exc.trials()", "text/html")
    assert table.count("Completed") == 12
    assert {"objective", "eta", "max_depth", "subsample"} <= set(re.findall(r"<th>(\w+)</th>", table))
    assert notebook.pictures == 3
    assert "Objective by hyperparameter" in notebook.text("exc.report()", "text/html")
    assert notebook.text("CatalogCacheStatus").count("CACHE_HIT") == 2
    assert "the same model: True" in notebook.text("the same model")


@pytest.mark.timeout(300)
def test_a_function_is_trained_tuned_failed_and_ended(tmp_path: Path) -> None:
    notebook = executed("custom_training.ipynb", tmp_path)
    assert_presentable(notebook)
    assert "10 of 10 trials done" in notebook.text("fetch_execution(tuning.id)", "text/html")
    assert notebook.text("tuning.trials()", "text/html").count("Completed") == 10
    assert notebook.pictures == 5
    [error] = [output for output in notebook.outputs() if output.output_type == "error"]
    assert error.ename == "JobFailed"
    assert "hidden_layer_sizes must be > 0" in error.evalue
    assert "flytekit" not in "".join(error.traceback)
    assert "a million epochs are too many" in notebook.text("long.terminate", "text/html")


LAUNCH = """
import time
from pathlib import Path

from flytekit_sagemaker import custom_training_job_task
from flytekit_sagemaker.models.training_job import TrainingJobConfig


@custom_training_job_task(training_job_config=TrainingJobConfig(instance_type="ml.m5.large", volume_size_in_gb=5))
def doubled(number: int, when: str) -> int:
    print("begun")
    Path(when).with_name("begun").touch()
    while not Path(when).exists():
        time.sleep(0.02)
    return 2 * number


exc = doubled.register_and_launch("flyteexamples", "development", inputs={"number": 21, "when": WHEN})
while not Path(WHEN).with_name("begun").exists():
    time.sleep(0.02)
print(exc.id.name)
"""

COME_BACK = """
from flytekit_sagemaker import fetch_execution

assert "exc" not in globals()
exc = fetch_execution(NAME, "flyteexamples", "development")
print(exc.phase)
"""


class Kernel:
    """A kernel of a notebook."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._manager, self._client = start_new_kernel(env=environment, extra_arguments=["--log-level=ERROR"])

    def run(self, source: str) -> str:
        """What a cell prints."""
        printed: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                printed.append(message["content"]["text"])

        reply = self._client.execute_interactive(source, output_hook=hear, timeout=100)
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(printed).strip()

    def kill(self) -> None:
        """End it as a crash does, and start another one."""
        self._manager.restart_kernel(now=True)
        self._client.wait_for_ready(timeout=60)

    def close(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    with Sandbox(tmp_path / "sandbox") as sandbox:
        kernel = Kernel({**os.environ, "FLYTECTL_CONFIG": str(sandbox.config_file)})
        yield kernel
        kernel.close()


def test_a_kernel_that_is_killed_loses_nothing(kernel: Kernel, tmp_path: Path) -> None:
    when = tmp_path / "now"
    name = kernel.run(LAUNCH.replace("WHEN", repr(str(when))))
    kernel.kill()
    assert kernel.run(COME_BACK.replace("NAME", repr(name))) == "RUNNING"
    when.touch()
    assert kernel.run("print(exc.wait().outputs['o0'])") == "42"
