"""The life of both kinds of job as propeller drives it: over gRPC, through boto3, to a SageMaker that trains."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import grpc
import pytest
import xgboost
from flyteidl.core import literals_pb2
from flyteidl.core.execution_pb2 import TaskExecution
from flytekit.extend.backend.base_connector import ConnectorRegistry
from google.protobuf import json_format

from flytekit_sagemaker import SdkSimpleHPOJobTask, SdkSimpleTrainingJobTask
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, TrainingJobConfig
from flytekit_sagemaker.types import AlgorithmName

from .conftest import Flyte, execution

TRAIN = SdkSimpleTrainingJobTask(
    training_job_config=TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10, tags={"team": "ml"}),
    algorithm_specification=AlgorithmSpecification(algorithm_name=AlgorithmName.XGBOOST, algorithm_version="1.7-1"),
)
TUNE = SdkSimpleHPOJobTask(
    training_job=TRAIN, max_number_of_training_jobs=4, max_parallel_training_jobs=2, tunable_parameters=["eta"]
)
STATIC = {"num_round": 5, "objective": "binary:logistic"}
ENDLESS = {"num_round": 1_000_000, "objective": "binary:logistic"}


@pytest.fixture
def inputs(csv_data: Any) -> dict[str, Any]:
    return {
        "static_hyperparameters": STATIC,
        "train": str(csv_data.train),
        "validation": str(csv_data.validation),
        "stopping_condition": {"max_runtime_in_seconds": 600},
    }


@pytest.fixture
def tuning_inputs(inputs: dict[str, Any]) -> dict[str, Any]:
    objective = {"objective_type": "MAXIMIZE", "metric_name": "validation:auc"}
    return {
        **inputs,
        "hyperparameter_tuning_job_config": {"tuning_strategy": "RANDOM", "tuning_objective": objective},
        "eta": {"continuous_parameter_range": {"min_value": 0.1, "max_value": 0.5}},
    }


async def test_training_job_brings_back_its_model(flyte: Flyte, inputs: dict[str, Any], boto: Any) -> None:
    meta = await flyte.create(TRAIN, inputs)
    resource = await flyte.end(TRAIN, meta)

    assert resource.phase == TaskExecution.SUCCEEDED
    assert not resource.outputs.literals  # returned outputs would hide the deck
    outputs = flyte.plain_outputs(meta)
    assert list(TRAIN.python_interface.outputs) == ["model", "training_job_name", "final_metrics"]
    assert set(outputs) == set(TRAIN.python_interface.outputs)
    assert 0 < outputs["final_metrics"]["validation:logloss"] < 1
    with tarfile.open(outputs["model"]) as archive:
        content = archive.extractfile("xgboost-model").read()
    assert xgboost.Booster(model_file=bytearray(content)).num_boosted_rounds() == 5
    assert outputs["training_job_name"] in flyte.deck(meta)

    job = boto.describe_training_job(TrainingJobName=outputs["training_job_name"])
    assert job["HyperParameters"] == {"num_round": "5", "objective": "binary:logistic"}
    tags = {tag["Key"]: tag["Value"] for tag in boto.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]}
    assert tags["team"] == "ml"
    assert tags["flyte-project"] == "p"
    assert tags["flyte-task"] == "m.task"


async def test_tuning_job_brings_back_the_best_trial(flyte: Flyte, tuning_inputs: dict[str, Any], boto: Any) -> None:
    meta = await flyte.create(TUNE, tuning_inputs)
    resource = await flyte.end(TUNE, meta)

    assert resource.phase == TaskExecution.SUCCEEDED
    outputs = flyte.plain_outputs(meta)
    assert set(outputs) == set(TUNE.python_interface.outputs)
    tuning = boto.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=outputs["hpo_job_name"])
    best = tuning["BestTrainingJob"]
    assert outputs["best_job_name"] == best["TrainingJobName"]
    assert outputs["best_objective"] == pytest.approx(best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])
    assert outputs["best_hyperparameters"] == {**STATIC, **best["TunedHyperParameters"], "num_round": "5"}
    assert outputs["training_image"].endswith("sagemaker-xgboost:1.7-1")
    assert outputs["model_artifact_url"].removeprefix("file://") == outputs["model"]
    assert Path(outputs["model"]).exists()
    table = (Path(outputs["trials"]) / ".csv").read_text().splitlines()
    assert len(table) == 1 + 4
    deck = flyte.deck(meta)
    assert all(row.split(",")[1].removeprefix(f"{outputs['hpo_job_name']}-") in deck for row in table[1:])


async def test_the_report_repeats_what_the_connector_warned_of(flyte: Flyte, tuning_inputs: dict[str, Any]) -> None:
    tuning_inputs["static_hyperparameters"] = {**STATIC, "eta": 0.2}
    meta = await flyte.create(TUNE, tuning_inputs)
    await flyte.end(TUNE, meta)
    assert "static_hyperparameters (eta = 0.2) are left out: they are tuned." in flyte.deck(meta)


async def test_of_equal_trials_the_one_that_the_service_names_is_the_best(
    flyte: Flyte, tuning_inputs: dict[str, Any], boto: Any, caplog: pytest.LogCaptureFixture
) -> None:
    equal = {"continuous_parameter_range": {"min_value": 0.3, "max_value": 0.3}}
    meta = await flyte.create(TUNE, {**tuning_inputs, "eta": equal})
    await flyte.end(TUNE, meta)
    metadata = JobMetadata.decode(meta)
    connector = ConnectorRegistry.get_connector(TUNE.task_type).connector
    tuning = boto.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=metadata.name)
    trials = boto.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=metadata.name)
    for named in trials["TrainingJobSummaries"]:  # the service may name any of them
        record = connector.record(metadata, {**tuning, "BestTrainingJob": named})
        best = connector.outputs(metadata, record)[0]["best_job_name"].scalar.primitive.string_value
        assert best == named["TrainingJobName"]
    assert "left no result" not in caplog.text


async def test_progress_comes_with_every_report(flyte: Flyte, tuning_inputs: dict[str, Any]) -> None:
    meta = await flyte.create(TUNE, tuning_inputs)
    resource = await flyte.end(TUNE, meta)

    progress = dict(resource.custom_info)
    assert progress["total"] == 4
    assert progress["done"] == 4
    assert progress["objective_metric"] == "validation:auc"


async def test_one_attempt_never_makes_two_jobs(flyte: Flyte, inputs: dict[str, Any], boto: Any) -> None:
    who = execution()
    first = await flyte.create(TRAIN, inputs, who)
    again = await flyte.create(TRAIN, inputs, who)
    retried = await flyte.create(TRAIN, inputs, execution(who.task_execution_id.node_execution_id.execution_id.name, 1))

    assert json.loads(first)["name"] == json.loads(again)["name"] != json.loads(retried)["name"]
    assert (await flyte.end(TRAIN, again)).phase == TaskExecution.SUCCEEDED
    prefix = json.loads(first)["name"].rpartition("-0-")[0]
    assert len(boto.list_training_jobs(NameContains=prefix)["TrainingJobSummaries"]) == 2


async def test_a_strangers_job_is_not_adopted(flyte: Flyte, inputs: dict[str, Any], boto: Any) -> None:
    who = execution()
    name = json.loads(await flyte.create(TRAIN, inputs, who))["name"]
    job = boto.describe_training_job(TrainingJobName=name)
    boto.add_tags(ResourceArn=job["TrainingJobArn"], Tags=[{"Key": "flyte-project", "Value": "somebody-else"}])

    resource = await flyte.get(TRAIN, await flyte.create(TRAIN, inputs, who))

    assert resource.phase == TaskExecution.FAILED
    assert "flyte-project=somebody-else" in resource.message


async def test_delete_stops_a_job_and_leaves_others_as_they_are(
    flyte: Flyte, inputs: dict[str, Any], boto: Any
) -> None:
    meta = await flyte.create(TRAIN, {**inputs, "static_hyperparameters": ENDLESS})
    await flyte.delete(TRAIN, meta)
    resource = await flyte.end(TRAIN, meta)
    assert resource.phase == TaskExecution.FAILED
    assert "stopped on request" in resource.message
    await flyte.delete(TRAIN, meta)
    assert boto.describe_training_job(TrainingJobName=json.loads(meta)["name"])["TrainingJobStatus"] == "Stopped"

    never = await flyte.create(TRAIN, {**inputs, "static_hyperparameters": {}})
    await flyte.delete(TRAIN, never)


async def test_delete_stops_a_tuning_job_with_its_trials(
    flyte: Flyte, tuning_inputs: dict[str, Any], boto: Any
) -> None:
    meta = await flyte.create(TUNE, {**tuning_inputs, "static_hyperparameters": ENDLESS})
    name = json.loads(meta)["name"]
    while not boto.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)[
        "TrainingJobSummaries"
    ]:
        await flyte.get(TUNE, meta)
    await flyte.delete(TUNE, meta)
    assert (await flyte.end(TUNE, meta)).phase == TaskExecution.FAILED
    trials = boto.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert {trial["TrainingJobStatus"] for trial in trials["TrainingJobSummaries"]} == {"Stopped"}


async def test_what_cannot_succeed_fails_at_the_first_look_with_every_problem(
    flyte: Flyte, inputs: dict[str, Any], tmp_path: Path, boto: Any
) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "data.csv").write_text("label,age\n1,2\n")
    wrong = {"num_roun": 5, "eta": 3}
    meta = await flyte.create(TRAIN, {**inputs, "static_hyperparameters": wrong, "train": str(tmp_path / "train")})
    resource = await flyte.get(TRAIN, meta)

    assert resource.phase == TaskExecution.FAILED
    for fragment in ("'num_round'?", "static_hyperparameters.eta = 3", "num_round is required", "line 1 is a header"):
        assert fragment in resource.message
    assert not boto.list_training_jobs(NameContains=json.loads(meta)["name"])["TrainingJobSummaries"]


async def test_a_failed_job_explains_itself(flyte: Flyte, inputs: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "data.csv").write_text("7,1\n8,2\n")  # binary:logistic wants labels 0 and 1
    meta = await flyte.create(TRAIN, {**inputs, "train": str(tmp_path / "train")})
    resource = await flyte.end(TRAIN, meta)

    assert resource.phase == TaskExecution.FAILED
    assert "AlgorithmError" in resource.message
    assert "AlgorithmError" in flyte.deck(meta)


async def test_an_unreachable_service_is_no_failure(
    flyte: Flyte, inputs: dict[str, Any], unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta = json.loads(await flyte.create(TRAIN, inputs))
    meta["endpoint_url"] = f"http://127.0.0.1:{unused_tcp_port}"
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ALLOWED_ENDPOINT_URLS", meta["endpoint_url"])

    assert (await flyte.get(TRAIN, json.dumps(meta).encode())).phase == TaskExecution.RUNNING


async def test_a_job_that_is_gone_is_a_failure(flyte: Flyte, inputs: dict[str, Any]) -> None:
    meta = json.loads(await flyte.create(TRAIN, inputs))
    meta["name"] = "never-created"
    assert (await flyte.get(TRAIN, json.dumps(meta).encode())).phase == TaskExecution.RUNNING  # it may still appear

    meta["created"] -= 3600
    meta["output_prefix"] += "/of-another-attempt"
    resource = await flyte.get(TRAIN, json.dumps(meta).encode())
    assert resource.phase == TaskExecution.FAILED
    assert "not found" in resource.message


@pytest.mark.parametrize(
    ("name", "literal"),
    [
        ("static_hyperparameters", {"binary": {"value": "gw==", "tag": "msgpack"}}),
        ("static_hyperparameters", {"primitive": {"stringValue": "num_round=5"}}),
        ("stopping_condition", {"noneType": {}}),
        ("stopping_condition", {"generic": {"max_runtime_in_seconds": "soon"}}),
        ("train", {"primitive": {"integer": 5}}),
        ("train", {"primitive": {}}),
    ],
)
async def test_an_input_that_makes_no_sense_fails_at_the_first_look(
    flyte: Flyte, inputs: dict[str, Any], name: str, literal: dict[str, Any]
) -> None:
    wrong = json_format.ParseDict({"scalar": literal}, literals_pb2.Literal())
    resource = await flyte.get(TRAIN, await flyte.create(TRAIN, inputs, replaced={name: wrong}))
    assert resource.phase == TaskExecution.FAILED
    assert name in resource.message


async def test_credentials_that_expired_say_nothing_about_the_job(
    flyte: Flyte, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalSageMaker(tmp_path, access_key="another") as locked:
        monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ALLOWED_ENDPOINT_URLS", locked.url)
        meta = JobMetadata("job", str(tmp_path), "us-east-1", locked.url).encode()
        resource = await flyte.get(TRAIN, meta)
    assert resource.phase == TaskExecution.RUNNING
    assert "token" in resource.message


async def test_metadata_cannot_send_the_connector_to_an_endpoint_of_its_own(
    flyte: Flyte, inputs: dict[str, Any], tmp_path: Path
) -> None:
    meta = json.loads(await flyte.create(TRAIN, inputs))
    with LocalSageMaker(tmp_path) as foreign:
        meta["endpoint_url"] = foreign.url
        for call in (flyte.get, flyte.delete):
            with pytest.raises(grpc.aio.AioRpcError, match="does not allow"):
                await call(TRAIN, json.dumps(meta).encode())


async def test_results_that_cannot_be_written_are_a_failure(
    flyte: Flyte, inputs: dict[str, Any], tmp_path: Path
) -> None:
    meta = json.loads(await flyte.create(TRAIN, inputs))
    (tmp_path / "file").touch()
    meta["output_prefix"] = str(tmp_path / "file" / "below")
    resource = await flyte.end(TRAIN, json.dumps(meta).encode())
    assert resource.phase == TaskExecution.FAILED
    assert "cannot be written" in resource.message


@pytest.mark.parametrize(
    "junk", [b"[" * 60_000, b"", b"\x80\x04\x95junk", b"[1]", b'{"name": 5}', b'{"format": 99}', b"{" * 100_000]
)
async def test_hostile_metadata_gives_an_error_and_nothing_else(
    flyte: Flyte, inputs: dict[str, Any], junk: bytes
) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="resource metadata"):
        await flyte.get(TRAIN, junk)
    meta = await flyte.create(TRAIN, inputs)
    assert (await flyte.get(TRAIN, meta)).phase != TaskExecution.FAILED
