"""The life of the component's job: faults of the service, failure, and being told to end."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.clock import SystemClock
from flytekit_sagemaker.errors import UserError
from flytekit_sagemaker.kubeflow import running
from flytekit_sagemaker.kubeflow.files import OutputFiles
from flytekit_sagemaker.kubeflow.reading import parse, values
from flytekit_sagemaker.kubeflow.tuning_job import described
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.testing.faults import Delivery, Failure, Fault, Faults
from flytekit_sagemaker.testing.lives import Life
from flytekit_sagemaker.testing.simulated_server import SimulatedServer
from flytekit_sagemaker.testing.simulation import SimulatedSageMaker
from tests.local.support import boto3_client, eventually

from .conftest import IMAGE
from .support import ROLE, Step, channel, command_line, outputs_in

JOB: dict[str, Any] = {
    "region": "us-east-1",
    "role": ROLE,
    "image": IMAGE,
    "metric_definitions": {"loss": "loss=([^;]*);"},
    "metric_name": "loss",
    "metric_type": "Minimize",
    "continuous_parameters": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}],
    "max_num_jobs": 2,
    "max_parallel_jobs": 2,
}
IN_S3 = {"channels": [channel("train", "s3://bucket/train")], "output_location": "s3://bucket/out"}
CREATE = "CreateHyperParameterTuningJob"
DESCRIBE = "DescribeHyperParameterTuningJob"
STOP = "StopHyperParameterTuningJob"


def run_at(run: Callable[..., Step], faults: Faults, life: Life | None = None) -> tuple[Step, SimulatedSageMaker]:
    """The component run against a simulated account, whose jobs are over at once if they have no other life."""
    life = life or Life().lasting(0.01)
    account = SimulatedSageMaker(SystemClock(), faults=faults, lives=lambda _: life)
    with SimulatedServer(account) as server:
        return run({**JOB, **IN_S3, "endpoint_url": server.url}), account


@pytest.mark.parametrize("fault", [Fault.DROPPED, Fault.INTERNAL_ERROR_AFTER_ACCEPTANCE], ids=lambda each: each.name)
def test_a_lost_answer_makes_one_job(fault: Fault, run: Callable[..., Step]) -> None:
    step, account = run_at(run, Faults.scheduled([(CREATE, 1, fault), ("ListTags", 1, Fault.THROTTLED)]))
    assert step.code == 0, step.errors
    assert account.creates(step.outputs["hpo_job_name"]) == 1
    assert step.log.startswith(f"creating tuning job {step.outputs['hpo_job_name']} at http://")
    assert "\ncreated, although the answer to it was lost\n" in step.log


def test_where_nothing_answers_on_this_machine_the_remedy_is_told_at_once(
    run: Callable[..., Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_THIS_MACHINE", running._THIS_MACHINE._replace(create_for=1.0))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        step = run({**JOB, **IN_S3, "endpoint_url": url})
    assert (step.code, step.outputs) == (1, {})
    remedy = f"nothing answers at {url}: start it with flytekit-sagemaker serve"
    first, *others = step.log.splitlines()
    assert first.startswith("creating tuning job")
    assert others == [f"{remedy}; trying for 1 s"]
    assert step.errors == f"error: {remedy}\n"


@pytest.mark.parametrize("status", [404, 405, 501, 503])
def test_pages_of_html_are_not_told(status: int, run: Callable[..., Step], monkeypatch: pytest.MonkeyPatch) -> None:
    class Page(BaseHTTPRequestHandler):
        asked = 0

        def do_POST(self) -> None:
            Page.asked += 1
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html>\n<html><body>\n<p>Sorry</p></body></html>\n")

        def log_message(self, *_: Any) -> None:
            pass

    monkeypatch.setattr(running, "_THIS_MACHINE", running._THIS_MACHINE._replace(create_for=0.0))
    monkeypatch.setattr(running, "_STOP_FOR_SECONDS", 0.0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}"
        step = run({**JOB, **IN_S3, "endpoint_url": url})
        server.shutdown()
    assert step.code == 1
    assert "Sorry" not in step.log + step.errors
    if status != 503:
        assert step.errors == f"error: {url} is no SageMaker endpoint: it answers with HTTP status {status}\n"
        assert Page.asked == 1


def test_faults_that_pass_are_waited_out(run: Callable[..., Step]) -> None:
    faults = [
        (CREATE, 1, Fault.THROTTLED),
        (CREATE, 2, Fault.RESOURCE_LIMIT),
        (CREATE, 3, Fault.RESET),
        ("Describe*", 2, Fault.RESET),
        ("Describe*", 3, Fault.UNAVAILABLE),
        ("Describe*", 4, Fault.ACCESS_DENIED),
        ("ListTrainingJobs*", 1, Fault.THROTTLED),
        ("DescribeTrainingJob", 1, Fault.INTERNAL_ERROR),
    ]
    step, account = run_at(run, Faults.scheduled(faults))
    assert step.code == 0, step.errors
    assert set(step.outputs) == {
        "hpo_job_name",
        "model_artifact_url",
        "best_job_name",
        "best_hyperparameters",
        "training_image",
    }
    assert step.log.count("not created yet: ") == 3
    assert "Rate exceeded" in step.log
    assert len(account.job_names()) == 3


@pytest.mark.parametrize("log", ["read", "closed"])
def test_told_to_end_while_nobody_knows_whether_there_is_a_job_it_is_stopped(
    log: str, run: Callable[..., Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    if log == "closed":
        reader, writer = os.pipe()
        os.close(reader)
        for stream in ("stdout", "stderr"):
            monkeypatch.setattr(sys, stream, io.TextIOWrapper(io.FileIO(os.dup(writer), "w"), write_through=True))
        os.close(writer)

    class Lost(Faults):
        """The answer to the create is lost, the job is not seen at first, and the step is told to end."""

        denied = 2

        def next(self, operation: str) -> Fault | None:
            if operation == CREATE:
                os.kill(os.getpid(), signal.SIGTERM)
                return Fault.DROPPED
            if operation == DESCRIBE and self.denied:
                self.denied -= 1
                return Fault.UNAVAILABLE
            return None

    step, account = run_at(run, Lost(), Life(stopping_seconds=0))
    assert step.code == 143
    assert account.calls.operations[STOP] == 1
    assert set(step.outputs) == {"hpo_job_name"}


@pytest.mark.parametrize("denied", [(CREATE,), (CREATE, DESCRIBE)], ids=len)
def test_a_request_that_is_refused_is_not_repeated(denied: tuple[str, ...], run: Callable[..., Step]) -> None:
    class Denied(Faults):
        def next(self, operation: str) -> Fault | None:
            return Fault.ACCESS_DENIED if operation in denied else None

    step, account = run_at(run, Denied())
    assert step.code == 1
    assert step.errors.startswith("error: create_hyper_parameter_tuning_job was refused: The caller is not authorized")
    assert step.outputs == {}
    assert account.calls.operations[CREATE] == 1


@pytest.fixture
def arguments(own_sagemaker: LocalSageMaker, points: Path, tmp_path: Path) -> dict[str, Any]:
    places = {"channels": [channel("train", points / "train")], "output_location": (tmp_path / "out").as_uri()}
    return {**JOB, **places, "endpoint_url": own_sagemaker.url}


def component(arguments: dict[str, Any], outputs: Path) -> subprocess.Popen[str]:
    module = "flytekit_sagemaker.kubeflow.hyperparameter_tuning"
    return subprocess.Popen(
        [sys.executable, "-m", module, *command_line(arguments, outputs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_failure_is_explained_with_the_log(arguments: dict[str, Any], tmp_path: Path) -> None:
    with component({**arguments, "static_parameters": {"exit": "3", "api_key": "hush-hush"}}, tmp_path) as process:
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "there is no such thing as a free lunch" in errors
    assert "exit code: 3" in errors.lower()
    assert "Traceback" not in errors
    assert "hush-hush" not in output + errors
    assert set(outputs_in(tmp_path)) == {"hpo_job_name"}


def test_a_signal_stops_the_tuning_job(
    own_sagemaker: LocalSageMaker, arguments: dict[str, Any], tmp_path: Path
) -> None:
    client = boto3_client(own_sagemaker.url)
    with component({**arguments, "static_parameters": {"hang": "1"}}, tmp_path) as process:
        assert process.stdout
        assert process.stderr
        while " 2 running" not in process.stdout.readline():
            assert process.poll() is None
        name = outputs_in(tmp_path)["hpo_job_name"]
        process.send_signal(signal.SIGINT)  # the STOPSIGNAL of the image; SIGTERM is sent in the other tests
        errors = process.stderr.read()
        assert process.wait(60) == 143
    assert "interrupted" in errors
    assert "Traceback" not in errors
    job = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert job["HyperParameterTuningJobStatus"] == "Stopped"


def test_the_best_of_a_job_that_was_stopped_is_handed_on(
    own_sagemaker: LocalSageMaker, arguments: dict[str, Any], run: Callable[..., Step]
) -> None:
    client = boto3_client(own_sagemaker.url)
    name = {"HyperParameterTuningJobName": "stopped-by-somebody"}

    def stop() -> None:
        def counts() -> Any:
            try:
                return client.describe_hyper_parameter_tuning_job(**name)["TrainingJobStatusCounters"]
            except client.exceptions.ResourceNotFound:
                return {"Completed": 0}

        eventually(counts, lambda found: found["Completed"], 60)
        client.stop_hyper_parameter_tuning_job(**name)

    thread = threading.Thread(target=stop)
    thread.start()
    # The second of the two choices never ends.
    step = run(
        {**arguments, "continuous_parameters": "", "static_parameters": {"x": "0.5"}},
        job_name="stopped-by-somebody",
        strategy="Grid",
        categorical_parameters=[{"Name": "hang", "Values": ["", "1"]}],
        max_parallel_jobs=1,
    )
    thread.join()
    assert step.code == 1
    assert "was stopped on request" in step.errors
    assert json.loads(step.outputs["best_hyperparameters"]) == {"x": "0.5", "hang": ""}


def test_a_job_of_the_same_name_is_left_alone(
    own_sagemaker: LocalSageMaker, arguments: dict[str, Any], run: Callable[..., Step]
) -> None:
    client = boto3_client(own_sagemaker.url)
    theirs = {**arguments, "job_name": "theirs", "static_parameters": {"hang": "1"}}
    client.create_hyper_parameter_tuning_job(**described(values(parse(command_line(theirs))[0])[0]).request)
    step = run(theirs)
    assert step.code == 1
    assert "a tuning job named 'theirs' exists and is not of this execution" in step.errors
    stop = "aws sagemaker stop-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name theirs --region us-east-1"
    assert f"It is InProgress; this stops it: {stop} --endpoint-url {own_sagemaker.url}. Give" in step.errors
    assert step.outputs == {}
    found = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="theirs")
    assert found["HyperParameterTuningJobStatus"] == "InProgress"
    client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="theirs")


def test_told_to_end_before_there_is_a_job_none_is_made(run: Callable[..., Step]) -> None:
    class Full(Faults):
        """There is no room, and whoever waits for some is told to end."""

        def next(self, operation: str) -> Fault | None:
            if operation != CREATE:
                return None
            os.kill(os.getpid(), signal.SIGTERM)
            return Fault.RESOURCE_LIMIT

    step, account = run_at(run, Full())
    assert step.code == 143
    assert account.job_names() == []
    assert step.outputs == {}
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_quota_that_waiting_does_not_raise_is_told(run: Callable[..., Step]) -> None:
    class Quota:
        accepted, delivery, life = False, Delivery.WHOLE, ""
        failure = Failure(
            "ResourceLimitExceeded",
            "The account-level service limit 'ml.m4.xlarge for training job usage' is 0 Instances, with current "
            "utilization of 0 Instances and a request delta of 1 Instances.",
        )

    class Small(Faults):
        def next(self, operation: str) -> Any:
            return Quota if operation == CREATE else None

    step, _ = run_at(run, Small())
    assert step.code == 1
    assert "ask AWS for a higher quota" in step.errors


def test_why_a_job_failed_is_told_also_where_its_trials_may_not_be_seen(
    run: Callable[..., Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Denied(Faults):
        def next(self, operation: str) -> Fault | None:
            return Fault.ACCESS_DENIED if operation.startswith("ListTrainingJobs") else None

    step, _ = run_at(run, Denied(), replace(Life().lasting(0.01), end="Failed"))
    assert step.code == 1
    assert "No training job succeeded" in step.errors
    monkeypatch.setattr(running, "_REFUSALS_ARE_BELIEVED_AFTER_SECONDS", 0.0)
    step, _ = run_at(run, Denied())
    assert step.code == 1, "a job that completed, but whose best training job is unknown"
    assert "not authorized" in step.errors
    assert set(step.outputs) == {"hpo_job_name"}


def test_credentials_that_ran_out_for_good_end_the_step(
    run: Callable[..., Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Expired(Faults):
        def next(self, operation: str) -> Fault | None:
            return Fault.EXPIRED_TOKEN if operation.startswith("Describe") else None

    monkeypatch.setattr(running, "_REFUSALS_ARE_BELIEVED_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(running, "_STOP_FOR_SECONDS", 0.0)
    step, account = run_at(run, Expired())
    assert step.code == 1
    assert "expired" in step.errors
    assert account.calls.operations[STOP] == 1, "nobody looks after the job any more"


@pytest.mark.parametrize(("fault", "code"), [(Fault.RESOURCE_LIMIT, 0), (Fault.THROTTLED, 1)])
def test_only_lack_of_room_is_waited_out_however_long_it_takes(
    fault: Fault, code: int, run: Callable[..., Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_THIS_MACHINE", running._THIS_MACHINE._replace(create_for=0.0))
    step, _ = run_at(run, Faults.scheduled([(CREATE, number, fault) for number in (1, 2, 3)]))
    assert step.code == code, step.errors
    assert (fault.failure.message in step.errors) is bool(code)  # type: ignore[union-attr]


def test_a_second_signal_ends_the_waiting_for_the_end_of_the_job(run: Callable[..., Step]) -> None:
    class Impatient(Faults):
        """Told to end once the job is seen, and again as it is told to stop."""

        told = 0

        def next(self, operation: str) -> Fault | None:
            if self.told == 0 and operation.startswith("Describe") or operation.startswith("Stop"):
                self.told += 1
                os.kill(os.getpid(), signal.SIGTERM)
            return None

    step, account = run_at(run, Impatient(), Life())
    assert step.code == 143
    assert account.calls.operations[DESCRIBE] == 2
    assert set(step.outputs) == {"hpo_job_name"}


@pytest.mark.parametrize("moment", [(CREATE, 1), (DESCRIBE, 2)], ids=["being created", "being followed"])
def test_told_to_end_the_job_is_stopped_first_and_what_there_is_written_at_once(
    moment: tuple[str, int], run: Callable[..., Step]
) -> None:
    """Some launchers of Kubeflow leave a step a second."""
    calls: list[str] = []

    class Ending(Faults):
        def next(self, operation: str) -> Fault | None:
            calls.append(operation)
            if (operation, calls.count(operation)) == moment:
                os.kill(os.getpid(), signal.SIGTERM)
            return None

    life = Life(stopping_seconds=0.2)
    lives = iter([life.lasting(0.01)])  # of the first training job; the other ones go on
    account = SimulatedSageMaker(SystemClock(), faults=Ending(), lives=lambda _: next(lives, life))
    with SimulatedServer(account) as server:
        step = run({**JOB, **IN_S3, "endpoint_url": server.url})
    assert step.code == 143
    stopped = calls.index(STOP)
    assert calls[stopped - 1] == moment[0]
    assert calls[stopped + 1 : stopped + 3] == [DESCRIBE, "ListTrainingJobsForHyperParameterTuningJob"]
    assert "hpo_job_name" in step.outputs
    assert "best_job_name" in step.outputs or moment[0] == CREATE


def test_what_cannot_be_had_at_once_is_not_waited_for_once_told_to_end(run: Callable[..., Step]) -> None:
    class Throttled(Faults):
        """Told to end once the job is seen; then nothing tells of its training jobs until that is asked often."""

        told, asked = False, 0

        def next(self, operation: str) -> Fault | None:
            if operation.startswith("ListTrainingJobs"):
                self.asked += 1
                return Fault.THROTTLED if self.asked < 10 else None
            if operation == DESCRIBE and not self.told:
                self.told = True
                os.kill(os.getpid(), signal.SIGTERM)
            return None

    faults = Throttled()
    step, account = run_at(run, faults, Life(stopping_seconds=0.2))
    assert step.code == 143
    assert account.calls.operations[STOP] == 1
    assert faults.asked == 2, "once as the job is told to stop, and once when it has"
    assert set(step.outputs) == {"hpo_job_name"}


def test_what_an_output_leads_to_stays_what_it_is(tmp_path: Path) -> None:
    kept, link, pipe = (tmp_path / name for name in ("kept", "link", "pipe"))
    kept.write_text("old")
    link.symlink_to(kept)
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files = OutputFiles({"linked": link, "piped": pipe, "unwanted": Path(os.devnull)})
    assert list(files.problems()) == []
    files.write({"linked": "new", "piped": "through", "unwanted": "gone"})
    assert (kept.read_text(), link.is_symlink()) == ("new", True)
    assert (os.read(reader, 100), pipe.is_fifo()) == (b"through", True)
    os.close(reader)
    assert Path(os.devnull).is_char_device()


def test_a_link_that_leads_to_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "link")
    with pytest.raises(UserError, match="the output job cannot be written to"):
        OutputFiles({"job": tmp_path / "link"}).write({"job": "x"})


def test_who_reads_an_output_while_it_is_written_reads_one_or_the_other(tmp_path: Path) -> None:
    path = tmp_path / "output"
    path.write_text("old")
    with path.open() as reader:
        OutputFiles({"output": path}).write({"output": "new"})
        assert (reader.read(), path.read_text()) == ("old", "new")
    assert list(tmp_path.iterdir()) == [path]
