"""A plain script, run by ours and by the toolkit."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from .support import Tree

RUN = """
import sys
from flytekit_sagemaker.container import script
from flytekit_sagemaker.container.contract import Contract
sys.exit(script.run(Contract.here()))
"""

TELL = """
import json, os, sys
told = {"arguments": sys.argv, "folder": os.getcwd(), "variables": dict(os.environ)}
json.dump(told, open(os.environ["SM_MODEL_DIR"] + "/told.json", "w"))
"""

HYPERPARAMETERS = {
    "sagemaker_program": '"train.py"',
    "sagemaker_container_log_level": "30",
    "sagemaker_job_name": '"a-job"',
    "sagemaker_region": '"us-east-1"',
    "sagemaker_parameter_server_enabled": "false",
    "_tuning_objective_metric": "validation:error",
    "epochs": "3",
    "lr": "0.10",
    "name": "abc",
    "quoted": '"x y"',
    "b": "true",
    "nothing": "null",
    "list": "[1, 2.50]",
    "map": '{"y": 1, "x": "é"}',
    "with-dash": "1e-3",
}


def told(tree: Tree) -> Any:
    return json.loads((tree.base / "model" / "told.json").read_text())


def of_the_toolkit(variables: Mapping[str, str]) -> dict[str, Any]:
    chosen = {
        name: value
        for name, value in variables.items()
        if name.startswith("SM_") or name in ("CURRENT_HOST", "SAGEMAKER_JOB_NAME", "SAGEMAKER_REGION")
    }
    return {**chosen, "SM_TRAINING_ENV": json.loads(chosen["SM_TRAINING_ENV"])}


@pytest.mark.parametrize(
    ("hosts", "hyperparameters"),
    [
        (["algo-1"], HYPERPARAMETERS),
        (["algo-1", "algo-2"], {**HYPERPARAMETERS, "sagemaker_parameter_server_enabled": "true"}),
        (["algo-1"], {}),
    ],
    ids=["one host", "two hosts", "nothing but a program"],
)
def test_a_script_gets_what_the_toolkit_gives_it(
    tree: Callable[..., Tree], toolkit_train: Path, hosts: list[str], hyperparameters: dict[str, str]
) -> None:
    at = tree(
        hyperparameters=hyperparameters,
        hosts=hosts,
        current_host=hosts[-1],
        channels={"train": {"ContentType": "text/csv"}, "my-test": {}},
        code={"train.py": TELL},
    )
    ours = at.run(RUN, SAGEMAKER_PROGRAM="train.py")
    assert ours.returncode == 0, ours.stderr
    from_ours = told(at)
    theirs = subprocess.run(
        [str(toolkit_train)],
        env={**at.environment, "SAGEMAKER_PROGRAM": "train.py"},
        cwd=at.base,
        capture_output=True,
        text=True,
    )
    assert theirs.returncode == 0, theirs.stderr
    from_theirs = told(at)
    assert from_ours["arguments"] == from_theirs["arguments"]
    assert from_ours["folder"] == from_theirs["folder"]
    assert of_the_toolkit(from_ours["variables"]) == of_the_toolkit(from_theirs["variables"])


def test_the_toolkit_runs_a_training_module(tree: Callable[..., Tree], toolkit_train: Path) -> None:
    at = tree(hyperparameters={"epochs": "3"})
    (at.base / "mymodule.py").write_text(
        """
from flytekit_sagemaker.container.contract import Contract

def train():
    contract = Contract.here()
    (contract.model_dir / "epochs").write_text(contract.hyperparameters["epochs"])

def fail():
    Contract.here().fail("ValueError: mine")
    raise ValueError("mine")
"""
    )

    def run(function: str) -> subprocess.CompletedProcess[str]:
        environment = {"SAGEMAKER_TRAINING_MODULE": f"mymodule:{function}", "PYTHONPATH": str(at.base)}
        return subprocess.run([str(toolkit_train)], env={**at.environment, **environment}, capture_output=True)

    assert run("train").returncode == 0
    assert (at.base / "model" / "epochs").read_text() == "3"
    assert run("fail").returncode == 1
    assert at.failure == "ValueError: mine"


def test_success_is_left_behind_as_a_file(tree: Callable[..., Tree]) -> None:
    at = tree(code={"train.py": "print('done')"})
    assert at.run(RUN, SAGEMAKER_PROGRAM="train.py").stdout == "done\n"
    assert (at.base / "output" / "success").exists()
    assert at.failure is None


def test_the_reason_of_a_failure_is_the_scripts_own(tree: Callable[..., Tree]) -> None:
    at = tree(code={"train.py": "def f():\n    raise ValueError('no such column')\nprint('so far')\nf()"})
    done = at.run(RUN, SAGEMAKER_PROGRAM="train.py")
    assert done.returncode == 1
    assert done.stdout == "so far\n"
    assert done.stderr.endswith("ValueError: no such column\n")
    assert at.failure is not None
    assert at.failure.splitlines()[0] == "ValueError: no such column"
    assert 'train.py", line 2, in f' in at.failure
    assert not (at.base / "output" / "success").exists()


def test_the_exception_is_found_before_what_is_said_after_it(tree: Callable[..., Tree]) -> None:
    program = "import atexit, sys\natexit.register(lambda: print('bye', file=sys.stderr))\n{}['rate']"
    at = tree(code={"train.py": program})
    at.run(RUN, SAGEMAKER_PROGRAM="train.py")
    assert at.failure is not None
    assert at.failure.startswith("KeyError: 'rate'\nTraceback")


def test_without_an_exception_the_last_lines_are_the_reason(tree: Callable[..., Tree]) -> None:
    at = tree(code={"train.sh": "echo first >&2; echo 'out of range' >&2; exit 4"})
    assert at.run(RUN, SAGEMAKER_PROGRAM="train.sh").returncode == 4
    assert at.failure == "out of range\nWhat it wrote before:\n  first"


def test_a_long_failure_keeps_its_exception(tree: Callable[..., Tree]) -> None:
    noise = (
        "import sys\nfor n in range(1000): print('warning', n, file=sys.stderr)\nraise ValueError('x' * 5000 + 'end')"
    )
    at = tree(code={"train.py": noise})
    at.run(RUN, SAGEMAKER_PROGRAM="train.py")
    assert at.failure is not None
    assert at.failure.startswith("ValueError: xxx")
    assert at.failure.splitlines()[0].endswith("xend")
    assert 'train.py", line 3' in at.failure
    assert len(at.failure) <= 1024


def test_a_failure_that_the_script_has_written_stays(tree: Callable[..., Tree]) -> None:
    program = "import os, sys\nopen(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('mine')\nsys.exit(7)"
    at = tree(code={"train.py": program})
    assert at.run(RUN, SAGEMAKER_PROGRAM="train.py").returncode == 7
    assert at.failure == "mine"


def test_a_killed_script_is_said_to_be_killed(tree: Callable[..., Tree]) -> None:
    at = tree(code={"train.py": "import os\nos.kill(os.getpid(), 9)"})
    assert at.run(RUN, SAGEMAKER_PROGRAM="train.py").returncode == 137
    assert at.failure is not None
    assert "memory" in at.failure


def test_a_shell_script_runs_in_a_shell(tree: Callable[..., Tree]) -> None:
    at = tree(hyperparameters={"a": "x y; z"}, code={"train.sh": 'echo "$SM_CURRENT_HOST $1 $2"'})
    assert at.run(RUN, SAGEMAKER_PROGRAM="train.sh").stdout == "algo-1 -a x y; z\n"


def test_modules_beside_the_script_are_found(tree: Callable[..., Tree]) -> None:
    at = tree(code={"other.py": "VALUE = 5", "train.sh": f"{sys.executable} -c 'import other; print(other.VALUE)'"})
    assert at.run(RUN, SAGEMAKER_PROGRAM="train.sh").stdout == "5\n"


@pytest.mark.parametrize("form", ["directory", "archive", "uri", "file"])
def test_the_source_comes_from_the_submit_directory(tree: Callable[..., Tree], tmp_path: Path, form: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("print('from the source')")
    archive = tmp_path / "source.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(source / "train.py", "train.py")
    places = {"directory": source, "archive": archive, "uri": f"file://{archive}", "file": source / "train.py"}
    at = tree(hyperparameters={"sagemaker_program": "train.py", "sagemaker_submit_directory": str(places[form])})
    assert at.run(RUN).stdout == "from the source\n"


def test_code_that_is_there_is_not_replaced(tree: Callable[..., Tree]) -> None:
    at = tree(hyperparameters={"sagemaker_submit_directory": "s3://nobody/asks"}, code={"train.py": "print('here')"})
    assert at.run(RUN, SAGEMAKER_PROGRAM="train.py").stdout == "here\n"


def test_requirements_are_installed_and_named_when_they_cannot_be(tree: Callable[..., Tree]) -> None:
    at = tree(code={"train.py": "", "requirements.txt": "./no-such-package.whl"})
    assert at.run(RUN, SAGEMAKER_PROGRAM="train.py").returncode == 1
    assert at.failure is not None
    assert at.failure.startswith("UserError: pip install -r requirements.txt failed")
    assert "no-such-package" in at.failure


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("", "set the hyperparameter sagemaker_program"),
        ("../train.py", "must be a path inside the source directory"),
        ("-c", "must be a path inside the source directory"),
        ("other.py", "which has train.py"),
    ],
)
def test_a_program_that_cannot_be_run_is_explained(tree: Callable[..., Tree], program: str, said: str) -> None:
    at = tree(code={"train.py": ""})
    assert at.run(RUN, SAGEMAKER_PROGRAM=program).returncode == 1
    assert at.failure is not None
    assert said in at.failure


def test_sigterm_reaches_the_script(tree: Callable[..., Tree]) -> None:
    program = """
import signal, sys, time
def save(*_):
    print("saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
time.sleep(60)
"""
    process = tree(code={"train.py": program}).start(RUN, SAGEMAKER_PROGRAM="train.py")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate()[0] == "saved\n"
    assert process.returncode == 0
