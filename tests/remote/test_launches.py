"""Tasks registered and launched by themselves, followed by their handles."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from flytekit import workflow
from flytekit.configuration import Config
from flytekit.models.common import NamedEntityIdentifier
from flytekit.remote import FlyteRemote

from flytekit_sagemaker import (
    SdkSimpleHPOJobTask,
    SdkSimpleTrainingJobTask,
    custom_training_job_task,
    fetch_execution,
    sagemaker_image,
)
from flytekit_sagemaker.errors import InvalidInput, JobFailed, TransientError, UserError
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, TrainingJobConfig
from flytekit_sagemaker.remote.admin import Admin
from flytekit_sagemaker.remote.execution import Execution
from flytekit_sagemaker.sandbox import Sandbox
from flytekit_sagemaker.types import AlgorithmName
from tests.remote import functions as remote_functions
from tests.tasks import functions

PROJECT, DOMAIN = "flyteexamples", "development"
XGBOOST = AlgorithmSpecification(algorithm_name=AlgorithmName.XGBOOST, algorithm_version="1.7-1")
CONFIG = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10)
STATIC = {"num_round": 3, "objective": "binary:logistic"}
SEARCH = {
    "tuning_strategy": "RANDOM",
    "tuning_objective": {"objective_type": "MAXIMIZE", "metric_name": "validation:auc"},
}

train_model = SdkSimpleTrainingJobTask(CONFIG, XGBOOST)
train_once = SdkSimpleTrainingJobTask(CONFIG, XGBOOST, cacheable=True, cache_version="1")
tune_model = SdkSimpleHPOJobTask(train_model, 3, 2, tunable_parameters=["eta"])
ETA = {"continuous_parameter_range": {"min_value": 0.1, "max_value": 0.5}}


@pytest.fixture
def data(csv_data: Any) -> dict[str, str]:
    return {"train": str(csv_data.train), "validation": str(csv_data.validation)}


def sagemaker(flyte: Sandbox) -> Any:
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return boto3.client("sagemaker", region_name="us-east-1", endpoint_url=flyte.sagemaker_url, **keys)


def training_jobs(flyte: Sandbox) -> int:
    return len(sagemaker(flyte).list_training_jobs(MaxResults=100)["TrainingJobSummaries"])


def versions(flyte: Sandbox, name: str) -> list[str]:
    remote = FlyteRemote(flyte.config(), PROJECT, DOMAIN, interactive_mode_enabled=False)
    tasks, _ = remote.client.list_tasks_paginated(NamedEntityIdentifier(PROJECT, DOMAIN, name), limit=100)
    return [task.id.version for task in tasks]


def test_a_training_job_from_launch_to_outputs(flyte: Sandbox, data: dict[str, str]) -> None:
    execution = train_model.register_and_launch(PROJECT, DOMAIN, inputs={"static_hyperparameters": STATIC, **data})
    assert (execution.id.project, execution.id.domain) == (PROJECT, DOMAIN)
    assert execution.console_url.endswith(
        f"/console/projects/{PROJECT}/domains/{DOMAIN}/executions/{execution.id.name}"
    )

    assert execution.wait() is execution
    assert execution.phase == "SUCCEEDED"
    assert not execution.is_cached
    outputs = execution.outputs
    assert list(outputs)[0:1] == ["model"] or "model" in outputs
    assert outputs["model"].uri.endswith("/model.tar.gz")
    assert Path(outputs["model"].download()).stat().st_size > 0
    assert 0.5 < outputs["final_metrics"]["validation:logloss"] < 1 or outputs["final_metrics"]
    name = outputs["training_job_name"]
    assert sagemaker(flyte).describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "Completed"
    assert name in execution.report().html
    with pytest.raises(KeyError, match="Did you mean 'model'"):
        outputs["modle"]


def test_tuning_and_its_trials(flyte: Sandbox, data: dict[str, str]) -> None:
    inputs = {"static_hyperparameters": STATIC, "hyperparameter_tuning_job_config": SEARCH, "eta": ETA, **data}
    execution = tune_model.register_and_launch(PROJECT, DOMAIN, inputs=inputs)
    with pytest.raises(UserError, match="when the execution ends"):
        execution.trials()
    trials = execution.wait().trials()
    assert len(trials) == 3
    assert execution.outputs["best_objective"] == pytest.approx(trials["objective"].max())
    assert execution.outputs["best_job_name"] in set(trials["training_job_name"])


def test_an_unchanged_task_is_registered_once_and_a_changed_one_again(flyte: Sandbox, data: dict[str, str]) -> None:
    inputs = {"static_hyperparameters": STATIC, **data}

    def launch(volume: int) -> None:
        config = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=volume)
        task = SdkSimpleTrainingJobTask(config, XGBOOST)
        task.register_and_launch(PROJECT, DOMAIN, name="tests.changing", inputs=inputs).terminate()

    launch(10)
    launch(10)
    assert len(versions(flyte, "tests.changing")) == 1
    launch(20)
    assert len(versions(flyte, "tests.changing")) == 2


@pytest.mark.filterwarnings("ignore")
def test_a_changed_image_is_registered_anew(flyte: Sandbox) -> None:
    for packages in (["numpy"], ["numpy", "pandas"], ["numpy"]):
        image = sagemaker_image(registry="111122223333.dkr.ecr.eu-west-1.amazonaws.com", packages=packages)
        decorated = custom_training_job_task(training_job_config=CONFIG, container_image=image)
        task = decorated(remote_functions.make.task_function)
        task.register_and_launch(PROJECT, DOMAIN, name="tests.image", inputs={"text": "hi"}).terminate()
    assert len(versions(flyte, "tests.image")) == 2


def test_a_version_given_by_hand_hides_no_change(flyte: Sandbox, data: dict[str, str]) -> None:
    inputs = {"static_hyperparameters": STATIC, **data}
    train_model.register_and_launch(PROJECT, DOMAIN, "tests.mine", "v1", inputs).terminate()
    train_model.register_and_launch(PROJECT, DOMAIN, "tests.mine", "v1", inputs).terminate()
    with pytest.raises(UserError, match=r"tests.mine is registered with other content as version v1"):
        train_once.register_and_launch(PROJECT, DOMAIN, "tests.mine", "v1", inputs)


def test_the_second_launch_comes_from_the_cache(flyte: Sandbox, csv_data: Any, tmp_path: Path) -> None:
    folder = tmp_path / "train"
    shutil.copytree(csv_data.train, folder)
    inputs = {"static_hyperparameters": STATIC, "train": str(folder), "validation": str(csv_data.validation)}
    first = train_once.register_and_launch(PROJECT, DOMAIN, inputs=inputs).wait()
    before = training_jobs(flyte)

    again = train_once.register_and_launch(PROJECT, DOMAIN, inputs=inputs).wait()
    assert again.is_cached
    assert "cache" in again._repr_html_()
    assert again.outputs["model"].uri == first.outputs["model"].uri
    assert training_jobs(flyte) == before

    anew = train_once.register_and_launch(PROJECT, DOMAIN, inputs=inputs, overwrite_cache=True).wait()
    assert not anew.is_cached

    lines = (folder / "data.csv").read_text().splitlines()
    (folder / "data.csv").write_text("\n".join(lines[:-20]) + "\n")
    assert not train_once.register_and_launch(PROJECT, DOMAIN, inputs=inputs).wait().is_cached


def test_a_function_of_a_module_travels_with_its_modules(flyte: Sandbox, csv_data: Any) -> None:
    inputs = {"train": str(csv_data.train), "validation": None, "hyperparameters": {"target": 0.25}, "depth": 3}
    execution = functions.train_model.register_and_launch(PROJECT, DOMAIN, inputs=inputs).wait()
    assert execution.outputs["seen"]["depth"] == 3
    assert execution.outputs["seen"]["execution"] == execution.id.name

    ranges = {
        "depth": {"integer_parameter_range": {"min_value": 1, "max_value": 4}},
        "rate": {"continuous_parameter_range": {"min_value": 0.1, "max_value": 0.5}},
        "kernel": {"categorical_parameter_range": {"values": ["rbf", "linear"]}},
    }
    search = {
        "tuning_strategy": "RANDOM",
        "tuning_objective": {"objective_type": "MINIMIZE", "metric_name": "validation:error"},
    }
    inputs = {name: value for name, value in inputs.items() if name != "depth"}
    tuned = functions.tune_model.register_and_launch(
        PROJECT, DOMAIN, inputs={**inputs, **ranges, "hyperparameter_tuning_job_config": search}
    ).wait()
    assert len(tuned.trials()) == 4
    assert tuned.outputs["error"] == pytest.approx(tuned.outputs["best_objective"])


def test_files_and_folders_that_are_no_channels_reach_a_function(flyte: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    for name in ("text.txt", "folder/a.txt", "folder/inner/b.txt"):
        (tmp_path / name).write_text(name)
    inputs = {
        "text": str(tmp_path / "text.txt"),
        "folder": tmp_path / "folder",
        "maybe": (tmp_path / "text.txt").as_uri(),
        "several": [str(tmp_path / "folder" / "a.txt"), str(tmp_path / "text.txt")],
        "rate": 1,
    }
    execution = remote_functions.read_all.register_and_launch(PROJECT, DOMAIN, inputs=inputs).wait()
    assert execution.outputs["o0"] == [
        *("text.txt", "folder/a.txt", "folder/inner/b.txt", "text.txt", "folder/a.txt", "text.txt", "1.0")
    ]


def test_a_failure_is_told_in_sagemakers_words(flyte: Sandbox, data: dict[str, str]) -> None:
    wrong = {**STATIC, "num_round": 3, "objective": "no:such"}
    execution = train_model.register_and_launch(PROJECT, DOMAIN, inputs={"static_hyperparameters": wrong, **data})
    with pytest.raises(JobFailed, match="objective") as raised:
        execution.wait()
    assert "Traceback" not in str(raised.value)
    assert execution.phase == "FAILED"
    assert "no:such" in execution.error
    assert "no:such" in execution._repr_html_()
    with pytest.raises(UserError, match="There are no outputs"):
        execution.outputs  # noqa: B018


def test_termination_stops_the_sagemaker_job(flyte: Sandbox, data: dict[str, str]) -> None:
    slow = {**STATIC, "num_round": 100_000}
    execution = train_model.register_and_launch(PROJECT, DOMAIN, inputs={"static_hyperparameters": slow, **data})
    while execution.sync().progress is None:
        pass
    execution.terminate("enough seen")
    with pytest.raises(JobFailed, match="enough seen"):
        execution.wait()
    assert execution.progress is not None
    name = execution.progress.name
    while (status := sagemaker(flyte).describe_training_job(TrainingJobName=name)["TrainingJobStatus"]) == "Stopping":
        pass
    assert status == "Stopped"
    execution.terminate()  # once more does no harm


def test_an_execution_that_ends_while_it_is_being_ended(flyte: Sandbox, data: dict[str, str]) -> None:
    slow = {**STATIC, "num_round": 100_000}
    execution = train_model.register_and_launch(PROJECT, DOMAIN, inputs={"static_hyperparameters": slow, **data})

    class Overtaken(Admin):
        def terminate(self, identifier: Any, cause: str) -> None:
            execution.terminate("by another")
            with pytest.raises(JobFailed):
                execution.wait()
            super().terminate(identifier, cause)

    remote = FlyteRemote(flyte.config(), PROJECT, DOMAIN, interactive_mode_enabled=False)
    late = Execution(Overtaken(remote, PROJECT, DOMAIN), execution.id)
    late.terminate()
    assert "by another" in late.error


def test_a_changed_module_of_a_function_is_registered_anew(
    flyte: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "job_of_two_modules.py").write_text(JOB)
    helper = tmp_path / "helper_of_a_job.py"
    helper.write_text("VALUE = 1.0")
    monkeypatch.syspath_prepend(str(tmp_path))
    task = importlib.import_module("job_of_two_modules").fit
    for content, expected in (("VALUE = 1.0", 1), ("VALUE = 2.0", 2), ("VALUE = 1.0", 2)):
        helper.write_text(content)
        task.register_and_launch(PROJECT, DOMAIN, name="tests.two_modules", inputs={"number": 1}).terminate()
        assert len(versions(flyte, "tests.two_modules")) == expected


JOB = """
import helper_of_a_job
from flytekit_sagemaker import custom_training_job_task
from flytekit_sagemaker.models.training_job import TrainingJobConfig

@custom_training_job_task(training_job_config=TrainingJobConfig(instance_type="ml.m5.large", volume_size_in_gb=5))
def fit(number: int) -> float:
    return helper_of_a_job.VALUE
"""

INTERRUPTED = """
import os, signal
from flytekit_sagemaker import fetch_execution
from flytekit_sagemaker.reporting.live import LiveDisplay

update = LiveDisplay.note
LiveDisplay.note = lambda self, text: (update(self, text), "execution" in text and os.kill(os.getpid(), signal.SIGINT))
fetch_execution({id!r}).wait()
"""


def test_an_interrupt_ends_the_waiting_and_says_so(flyte: Sandbox, data: dict[str, str]) -> None:
    slow = {**STATIC, "num_round": 100_000}
    execution = train_model.register_and_launch(PROJECT, DOMAIN, inputs={"static_hyperparameters": slow, **data})
    program = INTERRUPTED.format(id=f"{PROJECT}:{DOMAIN}:{execution.id.name}")
    waited = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert waited.returncode != 0
    assert "It runs on; terminate() ends it." in waited.stdout + waited.stderr
    assert not execution.sync().is_done
    execution.terminate()


def test_everything_wrong_is_told_before_anything_is_registered(flyte: Sandbox, csv_data: Any) -> None:
    inputs = {
        "static_hyperparameter": STATIC,
        "train": "/no/such",
        "validation": csv_data.validation,
        "stopping_condition": {"max_runtime": 60},
    }
    with pytest.raises(InvalidInput) as raised:
        train_model.register_and_launch(PROJECT, DOMAIN, name="tests.wrong", inputs=inputs)
    told = str(raised.value)
    assert "Did you mean 'static_hyperparameters'" in told
    assert "train = '/no/such': must be a directory that exists" in told
    assert "Did you mean 'max_runtime_in_seconds'" in told
    assert versions(flyte, "tests.wrong") == []


def test_what_is_no_dictionary_and_no_time_is_told(flyte: Sandbox, data: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="inputs = .*must be a dictionary"):
        train_model.register_and_launch(PROJECT, DOMAIN, inputs=["train"])
    execution = train_model.register_and_launch(PROJECT, DOMAIN, inputs={"static_hyperparameters": STATIC, **data})
    with pytest.raises(InvalidInput, match="timeout = '5'"):
        execution.wait("5")
    with pytest.raises(UserError, match="is no tuning job"):
        execution.trials()
    execution.terminate()


def test_a_handle_is_found_again_by_its_id(flyte: Sandbox, data: dict[str, str]) -> None:
    launched = train_model.register_and_launch(PROJECT, DOMAIN, inputs={"static_hyperparameters": STATIC, **data})
    ids = [launched, launched.id, f"{PROJECT}:{DOMAIN}:{launched.id.name}", launched.console_url]
    assert str(launched.id) == ids[2]
    found = [fetch_execution(each) for each in ids] + [fetch_execution(launched.id.name, PROJECT, DOMAIN)]
    assert {each.wait().outputs["model"].uri for each in found} == {launched.wait().outputs["model"].uri}
    with pytest.raises(UserError, match="nosuch"):
        fetch_execution("nosuch", PROJECT, DOMAIN)
    with pytest.raises(InvalidInput, match="project:domain:name"):
        fetch_execution("nosuch")
    with pytest.raises(InvalidInput, match="project:domain:name"):
        fetch_execution("http://127.0.0.1:8090/console")


def test_without_a_flyte_there_is_advice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: dict[str, str]) -> None:
    inputs = {"static_hyperparameters": STATIC, **data}
    for name in ("FLYTECTL_CONFIG", "FLYTE_PLATFORM_URL", "FLYTE_PLATFORM_INSECURE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="flytekit-sagemaker sandbox"):
        train_model.register_and_launch(PROJECT, DOMAIN, inputs=inputs)
    gone = FlyteRemote(Config.for_endpoint("127.0.0.1:9", insecure=True), PROJECT, DOMAIN)
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:9 does not answer"):
        train_model.register_and_launch(PROJECT, DOMAIN, inputs=inputs, remote=gone)


def test_executions_of_workflows_are_for_flytekits_own_handle(flyte: Sandbox, data: dict[str, str]) -> None:
    @workflow
    def around() -> None:
        train_model(static_hyperparameters=STATIC, train="s3://bucket/train", validation="s3://bucket/validation")

    remote = FlyteRemote(flyte.config(), PROJECT, DOMAIN, interactive_mode_enabled=False)
    launched = remote.execute(around, version="1")
    with pytest.raises(UserError, match=r"of the workflow .*around, not of one task.*FlyteRemote"):
        fetch_execution(launched.id)


FETCHED = """
import sys

from flytekit.configuration import Config
from flytekit.remote import FlyteRemote

remote = FlyteRemote(Config.auto(), "flyteexamples", "development", interactive_mode_enabled=False)
task = remote.fetch_task(name="tests.fetched", version="v1")
assert "flytekit_sagemaker.models.training_job" not in sys.modules
inputs = {
    "static_hyperparameters": {"num_round": 2, "objective": "binary:logistic"},
    "train": sys.argv[1],
    "validation": sys.argv[2],
    "stopping_condition": {"max_runtime_in_seconds": 60},
}
done = remote.wait(remote.execute(task, inputs=inputs), poll_interval=0.2, timeout=60)
print(done.outputs["model"])
"""


def test_a_fetched_task_is_executed_where_nobody_has_imported_this_package(
    flyte: Sandbox, data: dict[str, str]
) -> None:
    inputs = {"static_hyperparameters": STATIC, **data}
    train_model.register_and_launch(PROJECT, DOMAIN, "tests.fetched", "v1", inputs).terminate()
    command = [sys.executable, "-c", FETCHED, data["train"], data["validation"]]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""})
    assert done.returncode == 0, done.stderr
    assert "/model.tar.gz" in done.stdout
