"""The command line: the demo, and the local SageMaker as boto3, the AWS CLI and tasks see it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from flytekit_sagemaker import cli
from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.connector.log_tail import log_tail
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.testing.conformance import with_definitions

from .local.support import Jobs, eventually

ROOT = Path(__file__).parents[1]
COMMAND = str(Path(sys.executable).with_name("flytekit-sagemaker"))
AWS = ROOT / ".tools" / "aws" / "bin" / "aws"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def test_the_demo_prints_what_its_model_and_report_say(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home)}
    done = subprocess.run([COMMAND, "demo"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)

    printed = float(re.search(r"Held-out AUC, tuned\s+([\d.]+)", done.stdout).group(1))
    objective = re.search(r"Best validation:logloss\s+([\d.]+)", done.stdout).group(1)
    with tarfile.open(tmp_path / "demo" / "model.tar.gz") as archive:
        model = xgboost.Booster(model_file=bytearray(archive.extractfile("xgboost-model").read()))
    features, labels = load_breast_cancer(return_X_y=True)
    rows = np.column_stack([labels, features])
    _, rest = train_test_split(rows, test_size=0.6, random_state=0, stratify=labels)
    _, held_out = train_test_split(rest, test_size=0.5, random_state=0, stratify=rest[:, 0])
    predictions = model.predict(xgboost.DMatrix(held_out[:, 1:]))
    assert round(roc_auc_score(held_out[:, 0], predictions), 4) == pytest.approx(printed, abs=2e-4)
    report = (tmp_path / "demo" / "report.html").read_text()
    assert objective.rstrip("0") in report
    assert "12 of 12" in re.sub(r"<[^>]+>", "", report)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["serve", "--port", "port"], "is not a port"),
        (["serve", "--port", "70000"], "is not a port"),
        (["serve", "--image", "no-command"], "is not URI=COMMAND"),
        (["serve", "--file-system", "fs-01234567"], "is not ID=FOLDER"),
        (["sandbox", "--file-system", "data=/data"], "is not ID=FOLDER"),
        (["sevre"], "invalid choice"),
        ([], "required"),
    ],
)
def test_a_wrong_command_line_gets_a_sentence(arguments: list[str], fragment: str) -> None:
    done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert fragment in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_without_its_libraries_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['numpy', 'xgboost']));"
        "from flytekit_sagemaker.cli import main; sys.exit(main(['demo']))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "flytekit-sagemaker: the demo needs numpy, xgboost: pip install 'flytekit-sagemaker[local]'\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_demo_without_a_place_for_its_results_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run([COMMAND, "demo", "--output", str(tmp_path / "file")], capture_output=True, text=True)
    assert done.returncode == 1
    assert "cannot be written to" in done.stderr
    assert not done.stdout


def test_a_dockerfile_is_written_and_the_commands_to_build_and_push_it_are_printed(tmp_path: Path) -> None:
    registry = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
    arguments = ["--package", "xgboost", "--package", "pandas", "--registry", registry, "--output", "context"]
    done = subprocess.run([COMMAND, "dockerfile", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
    build, push = done.stdout.splitlines()
    tag = build.split()[build.split().index("--tag") + 1]
    assert tag.startswith(f"{registry}/flytekit-sagemaker:")
    assert build == f"docker build --platform linux/amd64 --tag {tag} context"
    assert push == f"docker push {tag}"
    assert 'ENTRYPOINT ["flytekit-sagemaker"]' in (tmp_path / "context" / "Dockerfile").read_text()
    assert {"xgboost", "pandas"} < set((tmp_path / "context" / "requirements_uv.txt").read_text().splitlines())
    assert not done.stderr


def test_a_dockerfile_for_another_registry_comes_with_a_warning(tmp_path: Path) -> None:
    arguments = ["--registry", "ghcr.io/me", "--output", str(tmp_path)]
    done = subprocess.run([COMMAND, "dockerfile", *arguments], capture_output=True, text=True, check=True)
    assert done.stderr.startswith("flytekit-sagemaker: sagemaker_image: registry = 'ghcr.io/me': is not Amazon ECR")
    assert len(done.stderr.splitlines()) == 1


def test_a_dockerfile_that_could_not_work_is_not_written(tmp_path: Path) -> None:
    arguments = ["--base-python", "python", "--this-package", "../w.whl", "--output", str(tmp_path / "context")]
    done = subprocess.run([COMMAND, "dockerfile", *arguments], capture_output=True, text=True)
    assert done.returncode == 1
    assert "base_python = 'python': must be the whole path" in done.stderr
    assert "this_package = '../w.whl': must be below" in done.stderr
    assert not (tmp_path / "context").exists()


def test_a_job_does_not_wait_for_what_other_commands_need() -> None:
    program = "import sys, flytekit_sagemaker.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"flytekit", "botocore", "aiohttp", "rich", "numpy"} & set(done.stdout.split())


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """``flytekit-sagemaker serve`` as a process of its own; gives its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [COMMAND, "serve", "--port", str(port), "--root", str(root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        next(line for line in process.stdout if "Ctrl-C" in line)
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.stdout.close()


def test_a_taken_port_gets_a_sentence(tmp_path: Path) -> None:
    with serving(tmp_path / "root") as url:
        port = url.rpartition(":")[2]
        again = [COMMAND, "serve", "--port", port, "--root", str(tmp_path / "other")]
        done = subprocess.run(again, capture_output=True, text=True)
    assert done.returncode == 1
    assert port in done.stderr
    assert "Traceback" not in done.stderr


# Waits to be stopped in its first life, and ends at once in its second.
SPOT_TRAINING = """
[ -e "$SAGEMAKER_BASE_DIR/checkpoints/first" ] && exit 0
trap 'touch "$SAGEMAKER_BASE_DIR/checkpoints/first"; exit 0' TERM
echo waiting
while :; do sleep 0.02; done
"""


def test_a_spot_job_is_interrupted_by_name_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "train.sh").write_text(SPOT_TRAINING)
    with LocalSageMaker(tmp_path / "root", images={"image": ["sh", str(tmp_path / "train.sh")]}) as server:
        jobs = Jobs(server, tmp_path)
        jobs.train(
            "spot",
            EnableManagedSpotTraining=True,
            StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600},
            CheckpointConfig={"S3Uri": f"file://{tmp_path}/checkpoints"},
            AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
        )
        eventually(lambda: log_tail(Endpoint("us-east-1", server.url), "spot").lines, bool)
        command = [COMMAND, "interrupt", "spot", "--endpoint-url", server.url]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "spot is interrupted" in done.stdout
        steps = [each["Status"] for each in jobs.ended("spot")["SecondaryStatusTransitions"]]
        exported = {**os.environ, "FLYTEKIT_SAGEMAKER_ENDPOINT_URL": server.url}
        again = subprocess.run(command[:3], capture_output=True, text=True, env=exported)
        wrong = subprocess.run([*command[:2], "spto", *command[3:]], capture_output=True, text=True)
    url = server.url
    unknown = f"has no training job spto; its latest training jobs are spot (at {url})."
    assert wrong.stderr == f"flytekit-sagemaker: This local SageMaker {unknown}\n"
    assert steps.count("Interrupted") == 1
    assert steps[-1] == "Completed"
    assert again.returncode == 1
    assert again.stderr.startswith(
        "flytekit-sagemaker: The training job spot cannot be interrupted in status Completed"
    )


@pytest.mark.parametrize(
    "variable", ["FLYTEKIT_SAGEMAKER_ENDPOINT_URL", "AWS_ENDPOINT_URL_SAGEMAKER", "AWS_ENDPOINT_URL"]
)
def test_the_local_sagemaker_is_where_the_shell_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str
) -> None:
    with LocalSageMaker(tmp_path) as server:
        monkeypatch.setenv(variable, server.url)
        assert cli.main(["interrupt", "nothing"]) == 1
    assert f"has no training job nothing, nor any other (at {server.url})" in capsys.readouterr().err


def test_without_a_local_sagemaker_nothing_is_interrupted() -> None:
    command = [COMMAND, "interrupt", "spot", "--endpoint-url", "http://127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("flytekit-sagemaker: No local SageMaker answers at http://127.0.0.1:9")
    assert "flytekit-sagemaker serve starts one" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_aws_cli_creates_follows_lists_and_stops(tmp_path: Path, csv_data: Any) -> None:
    assert AWS.exists(), "the AWS CLI is installed by `make setup`"
    training = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::000000000000:role/local",
        "InputDataConfig": [
            {
                "ChannelName": name,
                "ContentType": "text/csv",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"file://{path}"}},
            }
            for name, path in (("train", csv_data.train), ("validation", csv_data.validation))
        ],
        "OutputDataConfig": {"S3OutputPath": f"file://{tmp_path}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    endless = {"num_round": "1000000", "objective": "binary:logistic"}
    tuning = {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:auc"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}]},
        },
        "TrainingJobDefinition": {**training, "StaticHyperParameters": {**endless, "num_round": "3"}},
    }
    with serving(tmp_path / "root") as url:

        def aws(operation: str, **parameters: Any) -> Any:
            keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
            command = [str(AWS), "--endpoint-url", url, "--output", "json", "sagemaker", operation]
            command += ["--cli-input-json", json.dumps(parameters)]
            environment = {**os.environ, **keys, "HOME": str(tmp_path)}
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout) if done.stdout.strip() else None

        def until(ended: set[str], member: str, operation: str, **parameters: Any) -> Any:
            while True:
                answer = aws(operation, **parameters)
                if answer[member] in ended:
                    return answer
                assert answer[member] in ("InProgress", "Stopping")

        aws("create-training-job", TrainingJobName="endless", HyperParameters=endless, **training)
        aws("stop-training-job", TrainingJobName="endless")
        stopped = until({"Stopped"}, "TrainingJobStatus", "describe-training-job", TrainingJobName="endless")
        assert stopped["SecondaryStatus"] == "Stopped"

        describe = "describe-hyper-parameter-tuning-job"
        forever = {**tuning, "TrainingJobDefinition": {**training, "StaticHyperParameters": endless}}
        name = {"HyperParameterTuningJobName": "endless-search"}
        aws("create-hyper-parameter-tuning-job", **name, **forever)
        aws("stop-hyper-parameter-tuning-job", **name)
        until({"Stopped"}, "HyperParameterTuningJobStatus", describe, **name)
        stopped_trials = aws("list-training-jobs-for-hyper-parameter-tuning-job", **name)["TrainingJobSummaries"]
        assert {trial["TrainingJobStatus"] for trial in stopped_trials} <= {"Stopped"}

        name = {"HyperParameterTuningJobName": "search"}
        asked = with_definitions(tuning, "one", "other")
        asked["HyperParameterTuningJobConfig"].update(
            RandomSeed=1,
            TuningJobCompletionCriteria={"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 4}},
        )
        for definition in asked["TrainingJobDefinitions"]:
            definition.update(
                VpcConfig={"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
                OutputDataConfig={**training["OutputDataConfig"], "KmsKeyId": "alias/out"},
                StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 900},
                CheckpointConfig={"S3Uri": f"file://{tmp_path}/checkpoints"},
                HyperParameterTuningResourceConfig={"InstanceConfigs": [definition.pop("ResourceConfig")]},
                RetryStrategy={"MaximumRetryAttempts": 1},
                Environment={"LEVEL": "debug"},
                EnableNetworkIsolation=True,
                EnableInterContainerTrafficEncryption=True,
                EnableManagedSpotTraining=True,
            )
        tags = [{"Key": "cost-center", "Value": "42"}]
        arn = aws("create-hyper-parameter-tuning-job", **name, **asked, Tags=tags)["HyperParameterTuningJobArn"]
        assert aws("list-tags", ResourceArn=arn)["Tags"] == tags
        ended = until({"Completed"}, "HyperParameterTuningJobStatus", describe, **name)
        assert ended["TrainingJobStatusCounters"]["Completed"] == ended["ObjectiveStatusCounters"]["Succeeded"] == 4
        assert ended["HyperParameterTuningJobConfig"].items() >= asked["HyperParameterTuningJobConfig"].items()
        for said, definition in zip(ended["TrainingJobDefinitions"], asked["TrainingJobDefinitions"], strict=True):
            for member in ("AlgorithmSpecification", "StaticHyperParameters"):  # to these the service adds its own
                assert said.pop(member).items() >= definition.pop(member).items()
            assert said == definition
        best = aws("describe-training-job", TrainingJobName=ended["BestTrainingJob"]["TrainingJobName"])
        assert Path(best["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("file://")).exists()
        transitions = [each["Status"] for each in best["SecondaryStatusTransitions"]]
        assert transitions == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
        trials = aws("list-training-jobs-for-hyper-parameter-tuning-job", **name)["TrainingJobSummaries"]
        assert len(trials) == 4
        listed = {job["TrainingJobName"] for job in aws("list-training-jobs")["TrainingJobSummaries"]}
        assert listed == {"endless", *(trial["TrainingJobName"] for trial in (*stopped_trials, *trials))}
        searches = aws("list-hyper-parameter-tuning-jobs")["HyperParameterTuningJobSummaries"]
        assert {job["HyperParameterTuningJobName"] for job in searches} == {"endless-search", "search"}
