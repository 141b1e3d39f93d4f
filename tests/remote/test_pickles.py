"""Functions that were typed into a notebook: the same code has the same digest, in whichever kernel and cell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flytekit_sagemaker.sandbox import Sandbox

pytest.importorskip("IPython")

KERNEL = """
import sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.user_module = sys.modules["__main__"]
for cell in {cells!r}:
    shell.run_cell(cell, store_history=True).raise_error()
"""
IMPORTS = """
from typing import NamedTuple
from flytekit_sagemaker import custom_training_job_task
from flytekit_sagemaker.models.training_job import TrainingJobConfig
from flytekit_sagemaker.remote.code import Code
from flytekit_sagemaker.sdk.tasks import inputs, outputs
from flytekit_sagemaker.sdk.types import Types
CONFIG = TrainingJobConfig(instance_type="ml.m5.large", volume_size_in_gb=5)
"""
FUNCTIONS = """
class Out(NamedTuple):
    first: float
    second: str

def helper(value):
    return 2 * value

@custom_training_job_task(training_job_config=CONFIG)
def fit(number: int) -> Out:
    return Out(helper(1.0), "text")

@inputs(number=Types.Integer)
@outputs(half=Types.Float)
@custom_training_job_task(training_job_config=CONFIG)
def halve(wf_params, number, half):
    half.set(number / 2)
"""
SHOW = "print(Code.of(fit).digest, Code.of(halve).digest)"


def digests(seed: str, *cells: str, folder: Path | None = None) -> list[str]:
    """What the cells print in a kernel of their own."""
    program, environment = KERNEL.format(cells=cells), {**os.environ, "PYTHONHASHSEED": seed}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, cwd=folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.splitlines()


def test_a_cell_that_runs_again_and_a_new_kernel_change_nothing() -> None:
    first = digests("1", IMPORTS, FUNCTIONS, SHOW, FUNCTIONS, SHOW)
    again = digests("2", IMPORTS, "spare = 1", FUNCTIONS, SHOW)
    assert len({*first, *again}) == 1


def test_a_changed_helper_or_field_changes_what_uses_it() -> None:
    helper, field = FUNCTIONS.replace("2 * value", "3 * value"), FUNCTIONS.replace("second", "other")
    shown = [each.split() for each in digests("1", IMPORTS, FUNCTIONS, SHOW, helper, SHOW, field, SHOW)]
    assert len({fit for fit, _ in shown}) == 3
    assert len({halve for _, halve in shown}) == 1


def test_modules_beside_a_notebook_travel_with_its_functions(flyte: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "lazy").mkdir()
    for name, content in {
        "loaded.py": "def twice(value):\n    return 2 * value\n",
        "lazy/__init__.py": "",
        "lazy/inner.py": "from loaded import twice\n\ndef four_times(value):\n    return twice(twice(value))\n",
    }.items():
        (tmp_path / name).write_text(content)
    function = """
import loaded

@custom_training_job_task(training_job_config=CONFIG)
def fit(number: int) -> int:
    from lazy.inner import four_times

    return loaded.twice(four_times(number))
"""
    launch = """
execution = fit.register_and_launch("notebooks", "development", inputs={"number": 5}).wait()
print(execution.outputs["o0"])
print(Code.of(fit).digest)
"""
    result, before = digests("1", IMPORTS, function, launch, folder=tmp_path)
    assert result == "40"
    (tmp_path / "loaded.py").write_text("def twice(value):\n    return value + value + 1\n")
    _, after = digests("1", IMPORTS, function, launch, folder=tmp_path)
    assert before != after


def test_what_cannot_be_pickled_is_told_in_a_sentence() -> None:
    function = """
import threading

lock = threading.Lock()

@custom_training_job_task(training_job_config=CONFIG)
def guarded(number: int) -> int:
    with lock:
        return number

remote = FlyteRemote(Config.for_endpoint("localhost:9", True))
try:
    guarded.register_and_launch("p", "d", inputs={"number": 5}, remote=remote)
except Exception as error:
    print(type(error).__name__, str(error))
"""
    imports = IMPORTS + "from flytekit.configuration import Config\nfrom flytekit.remote import FlyteRemote\n"
    told = digests("1", imports, function)[-1]
    assert told.startswith("UserError guarded cannot travel to a job: cannot pickle '_thread.lock' object. Make what")
