"""A sandbox that ends, well or badly, and the next one on its root."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker import SdkSimpleHPOJobTask
from flytekit_sagemaker.local.server import CannotStart
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJobConfig, HyperparameterTuningObjective
from flytekit_sagemaker.models.parameter_ranges import ContinuousParameterRange
from flytekit_sagemaker.models.training_job import MetricDefinition
from flytekit_sagemaker.sandbox import Sandbox
from flytekit_sagemaker.types import HyperparameterTuningObjectiveType, HyperparameterTuningStrategy
from tests.local.support import eventually

from .process import below, gone, served
from .support import HOUR, Client, attempts, phase, remote_for, scripted

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the tests find processes in /proc")
TUNE = SdkSimpleHPOJobTask(
    scripted("m.trial", metric_definitions=[MetricDefinition(name="loss", regex="loss=([^;]*);")]),
    2,
    1,
    tunable_parameters=["x"],
    name="m.tune",
)
CONFIG = HyperparameterTuningJobConfig(
    tuning_strategy=HyperparameterTuningStrategy.RANDOM,
    tuning_objective=HyperparameterTuningObjective(
        objective_type=HyperparameterTuningObjectiveType.MINIMIZE, metric_name="loss"
    ),
)


def tune(client: Client, go: Path) -> Any:
    return client.launch(
        TUNE,
        static_hyperparameters={"wait_for": str(go), "write": "model/m=1"},
        stopping_condition=HOUR,
        hyperparameter_tuning_job_config=CONFIG,
        x=ContinuousParameterRange(max_value=1, min_value=0),
    )


@on_linux
def test_an_execution_goes_on_after_its_sandbox_was_killed(
    tmp_path: Path, images: dict[str, list[str]], signal_file: Path
) -> None:
    with served(tmp_path / "root", images) as process:
        name = tune(process.client(), signal_file).id.name
        eventually(lambda: list(tmp_path.glob("go.*")), bool)
        children = process.children()
        assert len(children) >= 3  # the connector service, the parent of the trials, the trial
        process.end(signal.SIGKILL)
        gone(children)
    signal_file.touch()
    with Sandbox(tmp_path / "root", images=images) as sandbox:
        assert sandbox.resumed == 1
        client = Client(remote_for(sandbox))
        execution = client.ended(client.fetched(name))
        assert phase(execution) == "SUCCEEDED", execution.error
        assert len(attempts(execution)) == 1
        assert execution.outputs["hpo_job_name"]


@on_linux
def test_it_ends_with_all_it_has_started_when_it_is_told_to(
    tmp_path: Path, images: dict[str, list[str]], signal_file: Path
) -> None:
    with served(tmp_path / "root", images) as process:
        tune(process.client(), signal_file)
        eventually(lambda: list(tmp_path.glob("go.*")), bool)
        children = process.children()
        assert process.end(signal.SIGTERM) == 0
        gone(children)


def test_what_was_to_be_ended_is_ended_by_the_next_sandbox(
    tmp_path: Path, images: dict[str, list[str]], signal_file: Path
) -> None:
    with served(tmp_path / "root", images) as process:
        client = process.client()
        execution = tune(client, signal_file)
        eventually(lambda: list(tmp_path.glob("go.*")), bool)
        client.remote.terminate(execution, "no longer needed")
        process.end(signal.SIGKILL)
    with Sandbox(tmp_path / "root", images=images) as sandbox:
        client = Client(remote_for(sandbox))
        ended = client.ended(client.remote.fetch_execution(name=execution.id.name))
        assert phase(ended) == "ABORTED"
        assert ended.closure.abort_metadata.cause == "no longer needed"


def test_what_has_ended_is_still_there(tmp_path: Path, images: dict[str, list[str]]) -> None:
    task = scripted("m.kept", cacheable=True, cache_version="1")
    with Sandbox(tmp_path, images=images) as sandbox:
        client = Client(remote_for(sandbox))
        name = client.ended(client.train(task, write="model/m=1")).id.name
        endpoint = sandbox.endpoint
    with Sandbox(tmp_path, images=images) as sandbox:
        assert sandbox.endpoint == endpoint  # clients have it in their config
        client = Client(remote_for(sandbox))
        before, again = client.fetched(name), client.ended(client.train(task, write="model/m=1"))
        assert phase(before) == "SUCCEEDED"
        assert again.outputs["training_job_name"] == before.outputs["training_job_name"]
        assert attempts(again) == []


@on_linux
def test_the_connector_service_is_started_again_when_it_dies(
    tmp_path: Path, images: dict[str, list[str]], signal_file: Path
) -> None:
    with Sandbox(tmp_path / "root", images=images) as sandbox:
        client = Client(remote_for(sandbox))
        execution = client.train(scripted("m.on"), wait_for=str(signal_file), write="model/m=1")
        eventually(lambda: list(tmp_path.glob("go.*")), bool)
        for pid in below(os.getpid()):
            if b"sandbox.connector_service" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
        signal_file.touch()
        ended = client.ended(execution)
        assert phase(ended) == "SUCCEEDED", ended.error


def test_a_root_in_use_is_told_with_its_remedy(tmp_path: Path) -> None:
    with (
        Sandbox(tmp_path / "first"),
        pytest.raises(CannotStart, match=r"is in use by another sandbox\. .*another folder: --root DIR"),
    ):
        Sandbox(tmp_path / "first").start()


def test_all_ports_in_use_are_told_at_once_with_their_options(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Sandbox(tmp_path / "first") as sandbox:
        urls = (sandbox.endpoint, sandbox.console_url, sandbox.sagemaker_url)
        flyte, console, sagemaker = (int(url.rpartition(":")[2]) for url in urls)
        capfd.readouterr()
        with pytest.raises(CannotStart) as raised:
            Sandbox(tmp_path / "second", flyte, console_port=console, sagemaker_port=sagemaker).start()
        for named in (f"{flyte} (--port)", f"{console} (--console-port)", f"{sagemaker} (--sagemaker-port)"):
            assert named in str(raised.value)
        with pytest.raises(CannotStart, match=f"^Port {console} \\(--console-port\\) of .* cannot be used"):
            Sandbox(tmp_path / "second", console_port=console).start()
    with pytest.raises(CannotStart, match=f"{flyte} \\(--port\\) and {flyte} \\(--console-port\\)"):
        Sandbox(tmp_path / "second", flyte, console_port=flyte).start()
    said = capfd.readouterr()
    assert said.out + said.err == ""  # gRPC has lines of its own for ports that it cannot have


def test_unfinished_jobs_are_found_where_they_were(
    tmp_path: Path, images: dict[str, list[str]], signal_file: Path
) -> None:
    with Sandbox(tmp_path / "root", images=images) as sandbox:
        client = Client(remote_for(sandbox))
        name = tune(client, signal_file).id.name
        eventually(lambda: list(tmp_path.glob("go.*")), bool)
        before, other = (int(url.rpartition(":")[2]) for url in (sandbox.sagemaker_url, sandbox.console_url))
    with pytest.raises(CannotStart, match=f"start with --sagemaker-port {before}, or with --sagemaker-port 0"):
        Sandbox(tmp_path / "root", sagemaker_port=other, images=images).start()
    with socket.create_server(("127.0.0.1", before)), pytest.raises(CannotStart, match="something else has it now"):
        Sandbox(tmp_path / "root", images=images).start()
    signal_file.touch()
    with Sandbox(tmp_path / "root", sagemaker_port=before, images=images) as sandbox:
        client = Client(remote_for(sandbox))
        ended = client.ended(client.fetched(name))
        assert phase(ended) == "SUCCEEDED", ended.error


def test_a_root_that_no_uri_can_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no file URI"):
        Sandbox(tmp_path / "50%").start()


def test_it_says_what_runs_where_and_what_it_is_for(tmp_path: Path) -> None:
    with served(tmp_path / "root") as sandbox:
        assert "for development" in sandbox.said
        assert "not Flyte itself" in sandbox.said
        assert f"export FLYTECTL_CONFIG={sandbox.config_file}" in sandbox.said
        for line in sandbox.config_file.read_text().splitlines():
            assert line in sandbox.said
        assert sandbox.end(signal.SIGINT) == 0
