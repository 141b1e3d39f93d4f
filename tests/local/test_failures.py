"""How training jobs fail, and what the user reads then."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from flytekit_sagemaker.local import logs, metrics
from flytekit_sagemaker.local.server import LocalSageMaker

from .support import IMAGE, Jobs, channel, eventually


def with_command(*command: str) -> dict[str, object]:
    return {"TrainingImage": IMAGE, "TrainingInputMode": "File", "ContainerEntrypoint": list(command)}


def test_the_failure_file_is_the_reason(jobs: Jobs) -> None:
    jobs.train("failure-file", {"print": "noise", "write": "output/failure=labels are missing", "exit": "2"})
    job = jobs.ended("failure-file")
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: labels are missing, exit code: 2"
    assert not (jobs.output / "failure-file").exists()


def test_without_a_failure_file_the_last_lines_of_the_log_are_the_reason(jobs: Jobs) -> None:
    jobs.train("traceback", AlgorithmSpecification=with_command("python", "-c", "import no_such_module"))
    reason = jobs.ended("traceback")["FailureReason"]
    assert reason.startswith("AlgorithmError: Traceback")
    assert "No module named 'no_such_module', exit code: 1" in reason


def test_a_silent_failure_gives_its_exit_code(jobs: Jobs) -> None:
    jobs.train("silent", {"exit": "9"})
    assert jobs.ended("silent")["FailureReason"] == "AlgorithmError: Exit Code: 9"


def test_a_signal_is_counted_as_a_shell_counts_it(jobs: Jobs) -> None:
    jobs.train("segfault", {"kill": str(int(signal.SIGSEGV))})
    assert jobs.ended("segfault")["FailureReason"] == "AlgorithmError: Exit Code: 139"


def test_a_command_that_is_not_there_is_named(jobs: Jobs) -> None:
    jobs.train("no-command", AlgorithmSpecification=with_command("no-such-command"))
    reason = jobs.ended("no-command")["FailureReason"]
    assert reason == "AlgorithmError: cannot run 'no-such-command': No such file or directory, exit code: 127"


@pytest.mark.parametrize("text", ["long " * 1000, "ÿ" * 3000])
def test_a_reason_is_never_longer_than_the_service_allows(jobs: Jobs, text: str) -> None:
    name = f"wordy-{ord(text[0])}"
    jobs.train(name, AlgorithmSpecification=with_command("python", "-c", f"print({text[:5]!r} * 999); exit(4)"))
    reason = jobs.ended(name)["FailureReason"]
    assert len(reason) <= 1024
    assert reason.endswith(", exit code: 4")


def test_a_log_without_end_or_sense_does_no_harm(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "HEAD_BYTES", 1 << 20)
    program = (
        "import sys; out = sys.stdout.buffer; out.write(b'first\\n' + b'x' * (8 << 20));"
        "out.write(b'\\n\\xff\\xfe\\x00 loss=1.5; \\n'); out.write(b'line\\n' * 1_000_000); out.write(b'last'); exit(5)"
    )
    algorithm = with_command("python", "-c", program)
    algorithm["MetricDefinitions"] = [{"Name": "loss", "Regex": "loss=(.*);"}]
    jobs.train("flood", AlgorithmSpecification=algorithm)
    job = jobs.ended("flood")
    assert job["FinalMetricDataList"][0]["Value"] == 1.5
    assert job["FailureReason"].endswith("line\nlast, exit code: 5")
    log = jobs.log("flood")
    assert log.startswith("first\nxxx")
    assert "bytes are left out here" in log
    assert log.endswith("line\nlast")
    assert len(log) < 3 << 20


def test_an_expression_that_takes_for_ever_is_given_up_and_the_job_goes_on(jobs: Jobs) -> None:
    algorithm = with_command("sh", "-c", f"echo {'a' * 41}; echo loss=1")
    algorithm["MetricDefinitions"] = [{"Name": "slow", "Regex": "(a+)+b"}, {"Name": "loss", "Regex": "loss=(.*)"}]
    jobs.train("slow-regex", AlgorithmSpecification=algorithm)
    job = jobs.ended("slow-regex")
    assert job["TrainingJobStatus"] == "Completed"
    assert [each["MetricName"] for each in job["FinalMetricDataList"]] == ["loss"]


def test_a_log_says_which_metric_is_given_up(jobs: Jobs, tmp_path: Path) -> None:
    algorithm = with_command("sh", "-c", f"echo {'a' * 41}; until [ -e {tmp_path}/gate ]; do sleep 0.01; done")
    algorithm["MetricDefinitions"] = [{"Name": "slow", "Regex": "(a+)+b"}]
    jobs.train("given-up", AlgorithmSpecification=algorithm)
    jobs.until("given-up", "Training")
    assert "gives up the metric 'slow'" in eventually(lambda: jobs.log("given-up"), lambda log: "metric" in log)
    (tmp_path / "gate").touch()
    jobs.ended("given-up")


def test_a_manifest_cannot_reach_outside_its_channel(jobs: Jobs, tmp_path: Path) -> None:
    data = tmp_path / "list"
    (tmp_path / "part").touch()
    data.write_text(f'[{{"prefix": "file://{tmp_path}/"}}, "part", "../part"]')
    listed = channel("train", data)
    listed["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    with pytest.raises(jobs.client.exceptions.ClientError, match="outside its channel"):
        jobs.train("escape", InputDataConfig=[listed])


def test_an_output_path_that_cannot_be_written_is_a_client_error(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    target = {"S3OutputPath": f"file://{tmp_path}/file"}
    jobs.train("no-output", {"write": "model/weights=1"}, OutputDataConfig=target)
    assert jobs.ended("no-output")["FailureReason"].startswith("ClientError: Artifact upload failed: ")


@pytest.mark.parametrize("retries", [0, 1])
def test_when_the_launcher_dies_its_jobs_fail_and_the_next_ones_run(
    new_server: Callable[..., LocalSageMaker], tmp_path: Path, retries: int
) -> None:
    server = new_server()
    jobs = Jobs(server, tmp_path)
    gate = tmp_path / "gate"
    retry = {"RetryStrategy": {"MaximumRetryAttempts": retries}} if retries else {}
    jobs.train("unlucky", {"loss": "1", "wait_for": str(gate)}, **retry)
    eventually((tmp_path / "gate.unlucky").exists, bool)
    assert server.launcher_pid is not None
    if retries:
        gate.touch()
    os.kill(server.launcher_pid, signal.SIGKILL)
    job = jobs.ended("unlucky")
    if retries:
        assert job["TrainingJobStatus"] == "Completed"
        return
    assert job["FailureReason"].startswith("InternalServerError: ")
    jobs.train("lucky")
    assert jobs.ended("lucky")["TrainingJobStatus"] == "Completed"


def test_what_is_no_finite_number_is_no_metric(jobs: Jobs) -> None:
    jobs.train("no-numbers", {"loss": "1,nan,inf,abc"})
    job = jobs.ended("no-numbers")
    assert {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]} == {"loss": 1.0, "tab": 1.0}


@pytest.mark.parametrize("end", ["stop", "stop_for_good"])
def test_a_server_ends_in_silence_while_jobs_run_and_are_being_stopped(
    new_server: Callable[..., LocalSageMaker],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    monkeypatch.setattr(metrics, "_FLUSH_SECONDS", 0.001)
    server = new_server()
    jobs = Jobs(server, tmp_path)
    jobs.train("deaf", {"on_sigterm": "ignore", "wait_for": str(tmp_path / "never")})
    eventually((tmp_path / "never.deaf").exists, bool)
    jobs.client.stop_training_job(TrainingJobName="deaf")
    half_a_line = with_command("sh", "-c", f"printf loss=1; touch {tmp_path}/printed; sleep 1000")
    half_a_line["MetricDefinitions"] = [{"Name": "loss", "Regex": "loss=(.*)"}]
    jobs.train("running", AlgorithmSpecification=half_a_line)
    eventually((tmp_path / "printed").exists, bool)
    getattr(server, end)()
    gc.collect()
    assert caplog.text == ""
