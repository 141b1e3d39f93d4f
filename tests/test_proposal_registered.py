"""The proposal's file on a Flyte: its tasks launched alone, its workflows registered by pyflyte and run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.catalog_pb2 import CatalogCacheStatus
from flytekit.remote import FlyteRemote

from flytekit_sagemaker.sandbox import Sandbox

PYFLYTE = str(Path(sys.executable).with_name("pyflyte"))
PROPOSAL = Path(__file__).parents[1] / "examples" / "proposal.py"
PROJECT, DOMAIN = "flyteexamples", "development"
ALONE = """
import json
import proposal

launched = [
    proposal.xgboost_simple_train_task.register_and_launch(
        "flyteexamples", "development", inputs=proposal.simple_inputs
    ),
    proposal.custom_xgboost_training_job_task.register_and_launch(
        "flyteexamples", "development", inputs=proposal.custom_inputs
    ),
    proposal.xgboost_hpo_task.register_and_launch("flyteexamples", "development", inputs=proposal.custom_hpo_inputs),
    proposal.register_and_launch(),
]
print(json.dumps([each.wait().outputs["model"].uri for each in launched]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(PROPOSAL, tmp_path)
    return tmp_path


def output_of(*command: str, folder: Path, data: Path) -> str:
    environment = {**os.environ, "PROPOSAL_DATA": data.as_uri(), "PYTHONPATH": ""}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_workflow(remote: FlyteRemote, name: str, **inputs: Any) -> Any:
    workflow = remote.fetch_workflow(name=f"proposal.{name}", version="v1")
    execution = remote.execute(workflow, inputs=inputs)
    done = remote.wait(execution, timeout=100, poll_interval=0.2)  # type: ignore[arg-type]
    assert done.is_successful, done.error
    return done


@pytest.mark.timeout(400)
def test_the_samples_run_registered(flyte: Sandbox, csv_data: Any, folder: Path) -> None:
    data = csv_data.train.parent
    models = json.loads(output_of(sys.executable, "-c", ALONE, folder=folder, data=data).splitlines()[-1])
    assert [Path(model).name for model in models] == ["model.tar.gz", "model.ubj", "model.ubj", "model.tar.gz"]

    output_of(
        PYFLYTE, "register", "-p", PROJECT, "-d", DOMAIN, "--version", "v1", "proposal.py", folder=folder, data=data
    )
    remote = FlyteRemote(flyte.config(), PROJECT, DOMAIN, interactive_mode_enabled=False)
    run_workflow(remote, "SageMakerSimpleWorkflow", static_hyperparameters={"num_round": "2"})
    tuned = run_workflow(remote, "SageMakerSimpleHPOWorkflow")
    assert tuned.outputs["best_job_name"] in models[3], "the launch alone and the workflow share one tuning job"
    node = tuned.node_executions["my-simple-hpo-task-exec-in-wf"]
    assert node.closure.task_node_metadata.cache_status == CatalogCacheStatus.CACHE_HIT
