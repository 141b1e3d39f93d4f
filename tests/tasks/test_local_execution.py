"""Tasks run on this machine: called, in workflows, from the command line, in a running event loop, interrupted."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pandas
import pytest
from click.testing import CliRunner
from flytekit import task, workflow
from flytekit.clis.sdk_in_container import pyflyte
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker import SdkSimpleHPOJobTask, SdkSimpleTrainingJobTask
from flytekit_sagemaker.errors import InvalidInput, JobFailed, JobNotCreated
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJobConfig, HyperparameterTuningObjective
from flytekit_sagemaker.models.parameter_ranges import (
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRangeOneOf,
)
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, StoppingCondition, TrainingJobConfig
from flytekit_sagemaker.tasks import local_execution
from flytekit_sagemaker.types import AlgorithmName

CONFIG = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10)
XGBOOST = AlgorithmSpecification(algorithm_name=AlgorithmName.XGBOOST, algorithm_version="1.7-1")

train_model = SdkSimpleTrainingJobTask(CONFIG, XGBOOST)
tune_model = SdkSimpleHPOJobTask(train_model, 3, 1, tunable_parameters=["eta", "max_depth"])
STATIC = {"num_round": 3, "objective": "binary:logistic"}
OBJECTIVE = HyperparameterTuningObjective(objective_type="MAXIMIZE", metric_name="validation:auc")
SEARCH = HyperparameterTuningJobConfig(tuning_strategy="RANDOM", tuning_objective=OBJECTIVE)
RANGES = {
    "eta": ContinuousParameterRange(min_value=0.1, max_value=0.5),
    "max_depth": IntegerParameterRange(min_value=2, max_value=5),
}
DEPTH = ParameterRangeOneOf(RANGES["max_depth"])


@pytest.fixture
def data(csv_data: Any) -> dict[str, str]:
    return {"train": str(csv_data.train), "validation": str(csv_data.validation)}


@pytest.mark.parametrize(
    "stopping_condition",
    [
        StoppingCondition(max_runtime_in_seconds=60),
        StoppingCondition(max_runtime_in_seconds=60).to_flyte_idl(),
        {"max_runtime_in_seconds": 60},
        {"maxRuntimeInSeconds": 60.0},
    ],
    ids=["model", "message", "dict", "protobuf JSON"],
)
def test_a_model_may_be_given_in_any_form(use_sagemaker: Any, data: dict[str, str], stopping_condition: Any) -> None:
    result = train_model(static_hyperparameters=STATIC, stopping_condition=stopping_condition, **data)

    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    boto = boto3.client("sagemaker", region_name="us-east-1", endpoint_url=use_sagemaker.url, **keys)
    job = boto.describe_training_job(TrainingJobName=result.training_job_name)
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 60}
    assert job["TrainingJobStatus"] == "Completed"


def test_the_outputs_are_usable_python_values(use_sagemaker: Any, data: dict[str, str]) -> None:
    result = tune_model(
        static_hyperparameters=STATIC, hyperparameter_tuning_job_config=SEARCH.to_dict(), **RANGES, **data
    )

    with tarfile.open(result.model.download()) as archive:
        assert archive.getnames() == ["xgboost-model"]
    trials = result.trials.open(pandas.DataFrame).all()
    assert list(trials["trial"]) == [1, 2, 3]
    assert set(RANGES) <= set(trials.columns)
    assert result.best_objective == pytest.approx(trials["objective"].max())
    best = trials[trials["training_job_name"] == result.best_job_name].iloc[0]
    assert float(result.best_hyperparameters["eta"]) == pytest.approx(best["eta"])


@task
def find_data(folder: str) -> FlyteDirectory:
    return FlyteDirectory(folder)


@workflow
def tune_in_workflow(train: str, validation: str, depth: ParameterRangeOneOf = DEPTH) -> tuple[FlyteFile, float]:
    tuned = tune_model(
        static_hyperparameters=STATIC,
        train=find_data(folder=train),
        validation=find_data(folder=validation),
        hyperparameter_tuning_job_config=SEARCH,
        eta=RANGES["eta"],
        max_depth=depth,
    )
    return tuned.model, tuned.best_objective


def test_a_task_is_a_node_of_a_workflow(use_sagemaker: Any, data: dict[str, str]) -> None:
    model, objective = tune_in_workflow(**data)
    assert Path(model.path).name == "model.tar.gz"
    assert 0.8 < objective <= 1


def test_the_progress_and_the_report_are_told(
    use_sagemaker: Any, data: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    result = train_model(static_hyperparameters=STATIC, **data)
    output, told = capfd.readouterr()

    assert f"training job {result.training_job_name}: Completed" in told
    report = Path(told.rpartition("Report: ")[2].strip())
    assert result.training_job_name in report.read_text()
    assert not output


def test_an_event_loop_may_be_running(use_sagemaker: Any, data: dict[str, str]) -> None:
    async def notebook_cell() -> Any:
        return train_model(static_hyperparameters=STATIC, **data)

    assert asyncio.run(notebook_cell()).final_metrics["validation:logloss"] < 1


def test_pyflyte_run_takes_json_and_yaml(use_sagemaker: Any, data: dict[str, str], tmp_path: Path) -> None:
    ranges = tmp_path / "depth.yaml"
    ranges.write_text("integer_parameter_range: {min_value: 2, max_value: 4}\n")
    arguments = ["run", __file__, "tune_model", "--static_hyperparameters", '{"num_round": 3}']
    arguments += ["--train", data["train"], "--validation", data["validation"]]
    arguments += ["--stopping_condition", '{"max_runtime_in_seconds": 60}']
    objective = '{"objective_type": "Minimize", "metric_name": "validation:rmse"}'
    search = f'{{"tuning_strategy": "Random", "tuning_objective": {objective}}}'
    arguments += ["--hyperparameter_tuning_job_config", search]
    arguments += ["--eta", '{"continuous_parameter_range": {"min_value": 0.1, "max_value": 0.4}}']
    arguments += ["--max_depth", str(ranges)]

    result = CliRunner().invoke(pyflyte.main, arguments, catch_exceptions=False)

    assert result.exit_code == 0, result.output
    assert "best_objective=" in result.output


def test_a_failing_job_raises_its_explanation(use_sagemaker: Any, data: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("7,1\n8,2\n")
    with pytest.raises(JobFailed, match="AlgorithmError"):
        train_model(static_hyperparameters=STATIC, **{**data, "train": str(tmp_path)})


@pytest.mark.parametrize("trials", [0, 2])
def test_the_reason_of_a_failure_is_told_by_its_error_and_shown_with_the_log(
    use_sagemaker: Any, data: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], trials: int
) -> None:
    (tmp_path / "data.csv").write_text("7,1\n8,2\n")
    inputs = {**data, "static_hyperparameters": STATIC, "train": str(tmp_path)}
    tuning = {"hyperparameter_tuning_job_config": SEARCH, **RANGES}
    with pytest.raises(JobFailed) as caught:
        tune_model(**inputs, **tuning) if trials else train_model(**inputs)
    reason = "label must be in [0,1]"
    before_the_log, _, log = str(caught.value).partition("last lines of the log")
    assert before_the_log.count(reason) == 1
    assert reason in log
    assert [line for line in capsys.readouterr().err.splitlines() if reason in line and " job " in line] == []


def test_every_problem_is_in_one_message(use_sagemaker: Any, data: dict[str, str]) -> None:
    with pytest.raises(JobNotCreated) as caught:
        train_model(static_hyperparameters={"max_dept": 3}, **{**data, "train": "/no/such/folder"})
    message = str(caught.value)
    assert "Did you mean 'max_depth'?" in message
    assert "num_round" in message
    assert "/no/such/folder" in message


def test_wrong_inputs_are_refused_before_anything_runs() -> None:
    with pytest.raises(InvalidInput) as caught:
        train_model(
            static_hyperparameters="num_round=3",
            trian="/data",
            validation=7,
            stopping_condition={"max_runtime": 60},
        )
    assert {problem.field for problem in caught.value.problems} >= {
        "static_hyperparameters",
        "trian",
        "train",
        "validation",
        "stopping_condition.max_runtime",
    }


def test_positional_inputs_are_counted(data: dict[str, str]) -> None:
    folders = (data["train"], data["validation"])
    with pytest.raises(InvalidInput, match="too many"):
        train_model(STATIC, *folders, None, "junk")
    with pytest.raises(InvalidInput, match="given twice"):
        train_model(STATIC, *folders, static_hyperparameters={})


@pytest.mark.parametrize("name", ["run#1", "what?", "p%20x", "two words", "it's"])
def test_a_folder_may_have_any_name(use_sagemaker: Any, data: dict[str, str], tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    shutil.copytree(data["train"], folder)
    decoy = tmp_path / name.partition("#")[0].partition("?")[0]
    decoy.mkdir(exist_ok=True)
    (decoy / "decoy.csv").write_text("no,data\n")  # what a wrong reading of the URI would find
    if decoy == folder:
        (decoy / "decoy.csv").unlink()
    result = train_model(static_hyperparameters=STATIC, **{**data, "train": str(folder)})
    assert Path(result.model.path).exists()


@pytest.fixture
def cached_model(tmp_path: Path) -> SdkSimpleTrainingJobTask:
    return SdkSimpleTrainingJobTask(CONFIG, XGBOOST, name=str(tmp_path), cacheable=True, cache_version="1")


def test_the_cache_knows_the_data(
    use_sagemaker: Any, data: dict[str, str], tmp_path: Path, cached_model: SdkSimpleTrainingJobTask
) -> None:
    folder = tmp_path / "train"
    shutil.copytree(data["train"], folder)

    def job() -> str:
        return cached_model(
            static_hyperparameters=STATIC, train=str(folder), validation=data["validation"]
        ).training_job_name

    first = job()
    assert job() == first
    with (folder / "data.csv").open("a") as file:
        file.write((folder / "data.csv").read_text().splitlines()[0] + "\n")
    assert job() != first


def test_a_stopped_trial_without_a_model_is_no_result(use_sagemaker: Any, data: dict[str, str]) -> None:
    search = {
        "tuning_strategy": "HYPERBAND",
        "tuning_objective": {"objective_type": "MINIMIZE", "metric_name": "validation:logloss"},
        "hyperband_min_resource": 1,
        "hyperband_max_resource": 3,
    }
    result = tune_model(static_hyperparameters=STATIC, hyperparameter_tuning_job_config=search, **RANGES, **data)
    with tarfile.open(result.model.download()) as archive:
        assert archive.getnames() == ["xgboost-model"]
    trials = result.trials.open(pandas.DataFrame).all()
    winner = trials[trials["training_job_name"] == result.best_job_name].iloc[0]
    assert result.best_objective == pytest.approx(winner["objective"])


def test_an_endpoint_that_is_gone_is_given_up(
    use_sagemaker: Any,
    data: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(local_execution, "_PATIENCE_IN_SECONDS", 0.5)
    server = LocalSageMaker(tmp_path).start()
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", server.url)
    endless = {"num_round": 1_000_000, "objective": "binary:logistic"}
    with ThreadPoolExecutor() as pool:
        run = pool.submit(train_model, static_hyperparameters=endless, **data)
        boto = boto3.client(
            "sagemaker",
            region_name="us-east-1",
            endpoint_url=server.url,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        while not boto.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]:
            assert not run.done()
        server.stop()
        with pytest.raises(JobFailed, match="may still run"):
            run.result(60)


@pytest.mark.parametrize("endpoint", ["locall", "ftp://127.0.0.1", "http://"])
def test_a_setting_that_makes_no_sense_is_named_with_the_rest(
    data: dict[str, str], monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", endpoint)
    with pytest.raises(JobNotCreated) as caught:
        train_model(static_hyperparameters={"max_dept": 3}, **data)
    for fragment in (f"endpoint_url = {endpoint!r}", "region", "training_job_config.role_arn", "max_depth"):
        assert fragment in str(caught.value)


INTERRUPTED = """
    import sys
    from flytekit_sagemaker import SdkSimpleTrainingJobTask
    from flytekit_sagemaker.models.training_job import AlgorithmSpecification, TrainingJobConfig
    task = SdkSimpleTrainingJobTask(
        TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10),
        AlgorithmSpecification(algorithm_name="XGBOOST", algorithm_version="1.7-1"),
    )
    try:
        task(static_hyperparameters={"num_round": 1000000}, train=sys.argv[1], validation=sys.argv[2])
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.parametrize(("number", "said", "code"), [(signal.SIGINT, "interrupted\n", 0), (signal.SIGTERM, "", 143)])
def test_ctrl_c_and_sigterm_stop_the_job(
    number: int, said: str, code: int, use_sagemaker: Any, data: dict[str, str]
) -> None:
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    boto = boto3.client("sagemaker", region_name="us-east-1", endpoint_url=use_sagemaker.url, **keys)
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED), data["train"], data["validation"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FLYTEKIT_SAGEMAKER_ENDPOINT_URL": use_sagemaker.url},
    )
    assert process.stderr is not None
    first = next(line for line in process.stderr if line.startswith("training job"))
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)

    assert (output, process.returncode) == (said, code)
    name = first.split()[2].rstrip(":")
    assert boto.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] in ("Stopping", "Stopped")
