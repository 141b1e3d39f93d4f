"""Every example of a custom training job runs as it stands, and what it prints is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from flyteidl.admin import task_pb2, workflow_pb2

# Each runs several processes that import whole libraries: on a busy machine they take their time.
pytestmark = pytest.mark.timeout(400)

PYFLYTE = str(Path(sys.executable).with_name("pyflyte"))
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


def test_the_samples_of_the_proposal_run(tmp_path: Path) -> None:
    printed = example("proposal.py", tmp_path)
    errors = [number(rf"{kind} job +error ([\d.]+)", printed) for kind in ("simple training", "simple tuning")]
    assert 0 < errors[1] <= errors[0] < 0.3
    assert number(r"custom tuning job +error ([\d.]+)", printed) < 0.2
    assert "model.ubj, custom_output1.json" in printed
    tuned = re.findall(r"flyte-xgboost-simple-hp-\S+?(?=,|$)", printed, re.M)
    assert len(tuned) == 2
    assert tuned[0] == tuned[1], "the workflow takes what was launched alone from the cache"


def test_two_hosts_train_the_same_model_as_one(tmp_path: Path) -> None:
    printed = output_of(PYFLYTE, "run", str(EXAMPLES / "two_hosts.py"), "compare", folder=tmp_path)
    accuracy = {hosts: number(rf"{hosts}_accuracy=([\d.]+)", printed) for hosts in ("one", "two")}
    assert accuracy["one"] > 0.9
    assert accuracy["two"] == pytest.approx(accuracy["one"], abs=0.01)
    assert number(r"one_images=(\d+)", printed) == 2 * number(r"two_images=(\d+)", printed)


def test_jobs_run_in_every_shape_that_flytekit_has(tmp_path: Path) -> None:
    printed = example("ordinary_flytekit.py", tmp_path)
    assert 0 < number(r"best of the trials +([\d.]+)", printed) < 0.5
    losses = [number(rf"log loss on {name} +([\d.]+)", printed) for name in ("breast_cancer", "wine", "digits")]
    assert len(set(losses)) == 3
    assert 0 < number(r"error in four folds +([\d.]+)", printed) < 0.2


def test_pyflyte_runs_a_shape(tmp_path: Path) -> None:
    command = ["tune_then_train", "--data_set", "wine"]
    printed = output_of(PYFLYTE, "run", str(EXAMPLES / "ordinary_flytekit.py"), *command, folder=tmp_path)
    assert re.search(r"model=.*model.tar.gz, best_objective=0\.\d+", printed), printed


def test_a_condition_that_does_not_hold_says_so(tmp_path: Path) -> None:
    command = [PYFLYTE, "run", str(EXAMPLES / "ordinary_flytekit.py"), "tune_then_train", "--good_enough", "0"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)}, capture_output=True)
    assert done.returncode != 0
    assert b"No trial came below the error that was asked for." in done.stderr + done.stdout


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What ``pyflyte package`` makes of the shapes, by the names of the files without their numbers."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "examples").symlink_to(EXAMPLES)
    image = ("--image", DIABETES, "--output", str(folder / "package.tgz"))
    output_of(PYFLYTE, "--pkgs", "examples.ordinary_flytekit", "package", *image, folder=folder)
    with tarfile.open(folder / "package.tgz") as archive:
        return {
            each.name.partition("_")[2].rpartition("_")[0].rpartition(".")[2]: archive.extractfile(each).read()  # type: ignore[union-attr]
            for each in archive
            if not each.name.endswith("_3.pb")  # launch plans
        }


def test_the_condition_is_on_an_output_of_the_tuning_job(packaged: dict[str, bytes]) -> None:
    template = workflow_pb2.WorkflowSpec.FromString(packaged["tune_then_train"]).template
    tasks = {node.id: node.task_node.reference_id.name.rpartition(".")[2] for node in template.nodes}
    (branch,) = [node for node in template.nodes if node.HasField("branch_node")]
    (binding,) = [each for each in branch.inputs if each.var.endswith(".best_objective")]
    assert tasks[binding.binding.promise.node_id] == "tune_xgboost"
    chosen = branch.branch_node.if_else.case.then_node
    hyperparameters = next(each for each in chosen.inputs if each.var == "static_hyperparameters")
    assert hyperparameters.binding.promise.var == "best_hyperparameters"


def test_the_map_task_is_one_job_per_element(packaged: dict[str, bytes]) -> None:
    template = workflow_pb2.WorkflowSpec.FromString(packaged["cross_validate"]).template
    (mapped,) = [node.array_node for node in template.nodes if node.HasField("array_node")]
    assert mapped.parallelism == 2
    assert sorted(mapped.bound_inputs) == ["data_set", "depth", "folds", "stopping_condition"]
    name = next(name for name in packaged if name.startswith("map_error_of_fold"))
    task = task_pb2.TaskSpec.FromString(packaged[name]).template
    assert (task.type, task.container.image) == ("sagemaker_custom_training_job_task", DIABETES)
    assert task.container.args[-2:] == ["task-name", "error_of_fold"]


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
