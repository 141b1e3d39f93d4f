"""Containers of the user's own: a command stands for the image, and a script runs as it does on SageMaker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.local.server import LocalSageMaker

from .support import IMAGE, Jobs, channel
from .test_crash import ServeProcess

# As an author writes it for SageMaker's script mode: nothing in it knows where it runs.
SCRIPT = """
import argparse, json, os, pathlib

parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float, required=True)
parser.add_argument("--verbose", required=True)
parser.add_argument("-k", type=int, required=True)
parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN"))
parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
options = parser.parse_args()

rows = [line.split(",") for file in pathlib.Path(options.train).iterdir() for line in open(file)]
print(f"loss={options.learning_rate * len(rows)};")
known = {"options": vars(options), "hyperparameters": json.loads(os.environ["SM_HPS"]), "folder": os.getcwd()}
json.dump(known, open(os.path.join(options.model_dir, "known.json"), "w"))
"""
HYPERPARAMETERS = {
    "learning-rate": "0.5",
    "verbose": "true",
    "k": "3",
    "sagemaker_program": "other.py",
    "sagemaker_region": '"us-east-1"',
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a script and its data."""
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("1,2\n3,4\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def jobs(folder: Path) -> Iterator[Jobs]:
    images = {IMAGE: ["python", "train.py"], "own": ["python", "own/train"], "my-algorithm": ["python", "train.py"]}
    with LocalSageMaker(folder / "root", images=images) as server:
        yield Jobs(server, folder)


def known(jobs: Jobs, name: str) -> dict[str, Any]:
    """What the script of a job has known."""
    job = jobs.ended(name)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    with tarfile.open(jobs.output / name / "output" / "model.tar.gz") as model:
        return dict(json.load(model.extractfile("known.json")))  # type: ignore[arg-type]


def test_a_script_written_for_sagemaker_runs_unchanged(jobs: Jobs, folder: Path) -> None:
    jobs.train("script", HYPERPARAMETERS, InputDataConfig=[channel("train", folder / "data")])
    seen = known(jobs, "script")
    base = jobs.server.root / "training-jobs" / "script" / "algo-1"
    assert seen["options"] == {
        "learning_rate": 0.5,
        "verbose": "True",
        "k": 3,
        "train": f"{base}/input/data/train",
        "model_dir": f"{base}/model",
    }
    assert seen["hyperparameters"] == {"learning-rate": 0.5, "verbose": True, "k": 3}
    assert seen["folder"] == str(folder)
    assert jobs.describe("script")["FinalMetricDataList"][0]["Value"] == 1.0


def test_a_script_can_be_tuned(jobs: Jobs, folder: Path) -> None:
    static = {name: value for name, value in HYPERPARAMETERS.items() if name != "learning-rate"}
    tuned = [{"Name": "learning-rate", "MinValue": "0.1", "MaxValue": "0.9", "ScalingType": "Auto"}]
    data = [channel("train", folder / "data")]
    jobs.tune("tuned", {"ContinuousParameterRanges": tuned}, static, jobs=2, InputDataConfig=data)
    best = jobs.tuning_ended("tuned")["BestTrainingJob"]
    assert known(jobs, best["TrainingJobName"])["options"]["learning_rate"] == pytest.approx(
        float(best["TunedHyperParameters"]["learning-rate"])
    )


def test_arguments_of_the_request_take_the_place_of_hyperparameters(jobs: Jobs, folder: Path) -> None:
    given = ["--learning-rate", "2", "--verbose", "yes", "-k", "9"]
    algorithm = {"TrainingImage": IMAGE, "TrainingInputMode": "File", "ContainerArguments": given}
    data = [channel("train", folder / "data")]
    jobs.train("arguments", HYPERPARAMETERS, AlgorithmSpecification=algorithm, InputDataConfig=data)
    assert known(jobs, "arguments")["options"]["k"] == 9


def test_a_container_s_own_train_gets_no_arguments(jobs: Jobs, folder: Path) -> None:
    (folder / "own").mkdir()
    (folder / "own" / "train").write_text("import sys; print('arguments:', sys.argv[1:])")
    algorithm = {"TrainingImage": "own", "TrainingInputMode": "File"}
    jobs.train("own-train", HYPERPARAMETERS, AlgorithmSpecification=algorithm)
    jobs.ended("own-train")
    assert jobs.log("own-train") == "arguments: []\n"


def test_an_image_that_nothing_runs_is_refused_with_all_that_would_run_it(jobs: Jobs) -> None:
    algorithm = {"TrainingImage": "nobody/knows:1", "TrainingInputMode": "File"}
    with pytest.raises(jobs.client.exceptions.ClientError) as refusal:
        jobs.train("nobody", AlgorithmSpecification=algorithm)
    for way in (
        "--image nobody/knows:1='python train.py'",
        "local_images",
        "ContainerEntrypoint",
        "custom_training_job",
    ):
        assert way in str(refusal.value)


@pytest.mark.parametrize("name", ["my-algorithm", "arn:aws:sagemaker:us-east-1:123456789012:algorithm/my-algorithm"])
def test_a_command_stands_for_an_algorithm_resource(jobs: Jobs, folder: Path, name: str) -> None:
    metrics = [{"Name": "loss", "Regex": "loss=([^;]*);"}]
    algorithm = {"AlgorithmName": name, "TrainingInputMode": "File", "MetricDefinitions": metrics}
    members = {"AlgorithmSpecification": algorithm, "InputDataConfig": [channel("train", folder / "data")]}
    job = f"resource-{len(name)}"
    jobs.train(job, HYPERPARAMETERS, **members)
    assert known(jobs, job)["options"]["k"] == 3

    del algorithm["MetricDefinitions"]
    with pytest.raises(jobs.client.exceptions.ClientError, match="Add a metric definition named 'loss'"):
        jobs.tune(job, **members)


def test_an_algorithm_resource_without_a_command_is_refused_by_what_it_is(jobs: Jobs) -> None:
    algorithm = {"AlgorithmName": "somebody-s", "TrainingInputMode": "File"}
    with pytest.raises(jobs.client.exceptions.ClientError, match="algorithm resource 'somebody-s'.*--image somebody-s"):
        jobs.train("nobody", AlgorithmSpecification=algorithm)


def test_a_command_without_a_program_is_refused_by_name(tmp_path: Path) -> None:
    with LocalSageMaker(tmp_path / "root", images={"own": ["pyhton", "train.py"]}) as server:
        jobs = Jobs(server, tmp_path)
        with pytest.raises(jobs.client.exceptions.ClientError, match="no program 'pyhton'.*'pyhton train.py'.*own"):
            jobs.train("typo", AlgorithmSpecification={"TrainingImage": "own", "TrainingInputMode": "File"})


SHARED = """
import os, sys
from flytekit_sagemaker.local.server import shared
from tests.local.support import Jobs, boto3_client
from pathlib import Path

server = shared()
jobs = Jobs(server, Path(sys.argv[1]))
jobs.client = boto3_client(server.url, access_key=server.access_key)
algorithm = {"TrainingImage": "set/image", "TrainingInputMode": "File"}
try:
    jobs.train("too-early", AlgorithmSpecification=algorithm)
except jobs.client.exceptions.ClientError as refusal:
    assert "local_images" in str(refusal)
os.environ["FLYTEKIT_SAGEMAKER_LOCAL_IMAGES"] = "set/image='python hello.py' other=true"
jobs.train("in-time", AlgorithmSpecification=algorithm)
assert jobs.ended("in-time")["TrainingJobStatus"] == "Completed"
print(jobs.log("in-time"))
"""


def test_the_server_of_a_process_goes_by_the_setting_as_it_is_now(folder: Path) -> None:
    (folder / "hello.py").write_text("print('hello from the setting')")
    done = subprocess.run(
        [sys.executable, "-c", SHARED, str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (done.stdout.strip(), done.returncode) == ("hello from the setting", 0), done.stderr


def test_serve_goes_by_the_setting_too_and_its_own_images_win(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_LOCAL_IMAGES", "set='echo set' both='echo set'")
    server = ServeProcess(folder / "root", {"both": ["echo", "given"]})
    server.start()
    try:
        jobs = Jobs(server, folder)  # type: ignore[arg-type]
        for image in ("set", "both"):
            jobs.train(image, AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"})
            jobs.ended(image)
        assert (jobs.log("set"), jobs.log("both")) == ("set\n", "given\n")
    finally:
        server.end(signal.SIGINT)


def test_serve_does_not_start_with_a_setting_that_makes_no_sense(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_LOCAL_IMAGES", "set")
    program = "from flytekit_sagemaker.local.server import serve; serve(0, 'root')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "local_images = 'set'" in done.stderr
