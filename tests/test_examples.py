"""Every example of a custom training job runs as it stands, and what it prints is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

# Each runs several processes that import whole libraries: on a busy machine they take their time.
pytestmark = pytest.mark.timeout(400)

EXAMPLES = Path(__file__).parents[1] / "examples"
DIABETES = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/diabetes:1"


def output_of(*command: str, folder: Path, **variables: str) -> str:
    """What a command prints in a home and a working directory of its own."""
    environment = {**os.environ, "HOME": str(folder), **variables}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def example(name: str, folder: Path, **variables: str) -> str:
    return output_of(sys.executable, str(EXAMPLES / name), folder=folder, **variables)


def number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, text
    return float(found.group(1))


def test_a_function_with_hyperparameters_is_trained_and_tuned(tmp_path: Path) -> None:
    printed = example("custom_xgboost.py", tmp_path)
    untuned, tuned = (number(rf"{which} tuning +([\d.]+)", printed) for which in ("without", "with"))
    assert 0 < tuned < untuned < 0.2
    assert {"eta", "max_depth", "subsample", "min_child_weight"} <= set(printed.split())


def test_the_own_inputs_of_a_function_are_tuned(tmp_path: Path) -> None:
    printed = example("custom_sklearn_tuning.py", tmp_path)
    assert 0.9 < number(r"accuracy ([\d.]+)", printed) < 1
    assert 2 <= number(r"depth +(\d+)", printed) <= 16
    assert re.search(r"criterion +(gini|entropy)\n", printed)
    assert re.search(r"\d taken for \d, \d+ times", printed)


def test_two_hosts_train_the_same_model_as_one(tmp_path: Path) -> None:
    pyflyte = str(Path(sys.executable).with_name("pyflyte"))
    printed = output_of(pyflyte, "run", str(EXAMPLES / "two_hosts.py"), "compare", folder=tmp_path)
    accuracy = {hosts: number(rf"{hosts}_accuracy=([\d.]+)", printed) for hosts in ("one", "two")}
    assert accuracy["one"] > 0.9
    assert accuracy["two"] == pytest.approx(accuracy["one"], abs=0.01)
    assert number(r"one_images=(\d+)", printed) == 2 * number(r"two_images=(\d+)", printed)


def test_a_script_that_knows_nothing_of_flyte_is_trained_and_tuned(tmp_path: Path) -> None:
    stand_in = f"{DIABETES}='{sys.executable} {EXAMPLES / 'byoc' / 'train.py'}'"
    printed = example("byoc/workflow.py", tmp_path, FLYTEKIT_SAGEMAKER_LOCAL_IMAGES=stand_in)
    untuned, tuned = (number(rf"{which} tuning +([\d.]+)", printed) for which in ("without", "with"))
    assert 20 < tuned < untuned < 60


def test_the_image_of_the_script_starts_it() -> None:
    dockerfile = (EXAMPLES / "byoc" / "Dockerfile").read_text()
    program = re.findall(r"^ENV SAGEMAKER_PROGRAM=(.*)$", dockerfile, re.M)
    assert [f"COPY {name} /opt/ml/code/{name}" in dockerfile for name in program] == [True]
    assert (EXAMPLES / "byoc" / program[0]).exists()
    assert DIABETES in dockerfile
    assert json.dumps(DIABETES) in (EXAMPLES / "byoc" / "workflow.py").read_text()
