"""Managed spot jobs that are interrupted: what they are told, what they keep, how they go on."""

from __future__ import annotations

import json
import os
import signal
import sys
import tarfile
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.local.interruption import NotInterrupted, interrupt
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.testing.clock import MovableClock

from .support import Jobs, eventually
from .test_crash import running_below
from .test_training_jobs import statuses

# Trains three rounds from its checkpoint on, and waits after the first one for somebody to say "go".
ROUNDS = """
import os, signal, sys, time

folder = os.environ["SAGEMAKER_BASE_DIR"] + "/checkpoints/sub"
os.makedirs(folder, exist_ok=True)
checkpoint, model = folder + "/round", os.environ["SM_MODEL_DIR"]
done = int(open(checkpoint).read()) if os.path.exists(checkpoint) else 0
print("starts after round", done, "with", os.listdir(model))

def save(*_):
    open(checkpoint, "w").write(str(done))
    print("saved round", done, flush=True)
    if sys.argv[2] == "exits":
        os._exit(0)

signal.signal(signal.SIGTERM, save)
while done < 3:
    done += 1
    print(f"loss={10 - done};", flush=True)
    open(f"{model}/round-{done}", "w")
    open(sys.argv[1] + ".arrived", "w")
    while done == 1 and not os.path.exists(sys.argv[1] + ".go"):
        time.sleep(0.005)
"""
INTERRUPTED_ONCE = [
    *("Starting", "Downloading", "Training", "Interrupted"),
    *("Starting", "Downloading", "Training", "Uploading", "Completed"),
]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


def images(folder: Path) -> dict[str, list[str]]:
    command = [sys.executable, f"{folder}/rounds.py", f"{folder}/gate"]
    return {name: [*command, name] for name in ("exits", "stays")}


@pytest.fixture
def spot_jobs(clock: MovableClock, tmp_path: Path) -> Iterator[Jobs]:
    (tmp_path / "rounds.py").write_text(ROUNDS)
    with LocalSageMaker(tmp_path / "root", images=images(tmp_path), clock=clock) as server:
        yield Jobs(server, tmp_path)


def spot(folder: Path, on_sigterm: str = "exits", **members: Any) -> dict[str, Any]:
    """The definition of a job that trains the rounds on spot instances."""
    definitions = [{"Name": "loss", "Regex": "loss=(.*);"}]
    return {
        "AlgorithmSpecification": {
            "TrainingImage": on_sigterm,
            "TrainingInputMode": "File",
            "MetricDefinitions": definitions,
        },
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": f"file://{folder}/kept"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 1000, "MaxWaitTimeInSeconds": 5000},
        **members,
    }


def in_first_round(folder: Path) -> None:
    eventually((folder / "gate.arrived").exists, bool)


def test_an_interrupted_job_goes_on_from_its_checkpoint(spot_jobs: Jobs, tmp_path: Path) -> None:
    spot_jobs.train("spot", **spot(tmp_path))
    in_first_round(tmp_path)
    spot_jobs.server.interrupt("spot")
    job = spot_jobs.ended("spot")
    assert statuses(job) == INTERRUPTED_ONCE
    log = spot_jobs.log("spot")
    assert "starts after round 0 with []" in log
    assert "takes the instances of this job back" in log
    assert log.index("saved round 1") < log.index("starts after round 1 with []")
    with tarfile.open(spot_jobs.output / "spot/output/model.tar.gz") as model:
        assert model.getnames() == ["round-2", "round-3"]


def test_metrics_of_before_are_kept(spot_jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "rounds.py").write_text(ROUNDS.replace('print(f"loss', 'if done == 1: print(f"loss'))
    spot_jobs.train("metrics", **spot(tmp_path))
    in_first_round(tmp_path)
    spot_jobs.server.interrupt("metrics")
    [metric] = spot_jobs.ended("metrics")["FinalMetricDataList"]
    assert metric["Value"] == 9


def test_who_does_not_leave_is_killed_after_two_minutes(spot_jobs: Jobs, clock: MovableClock, tmp_path: Path) -> None:
    spot_jobs.train("deaf", **spot(tmp_path, "stays"))
    in_first_round(tmp_path)
    [first] = running_below(spot_jobs.server.root)
    spot_jobs.server.interrupt("deaf")
    eventually(lambda: spot_jobs.log("deaf"), lambda log: "saved round 1" in log)
    clock.advance(119)
    assert running_below(spot_jobs.server.root) == [first]
    assert spot_jobs.describe("deaf")["SecondaryStatus"] == "Interrupted"
    eventually(lambda: clock.advance(30) or spot_jobs.describe("deaf")["TrainingJobStatus"], "Completed".__eq__)
    assert "starts after round 1" in spot_jobs.log("deaf")


def test_a_job_can_be_interrupted_again_and_its_retries_are_for_failures(spot_jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "rounds.py").write_text(ROUNDS.replace("while done == 1", "while True"))
    spot_jobs.train("again", **spot(tmp_path, RetryStrategy={"MaximumRetryAttempts": 1}))
    for _ in range(2):
        in_first_round(tmp_path)
        (tmp_path / "gate.arrived").unlink()
        spot_jobs.server.interrupt("again")
    in_first_round(tmp_path)
    os.kill(spot_jobs.server.launcher_pid or 0, signal.SIGKILL)
    eventually(lambda: statuses(spot_jobs.describe("again")), lambda seen: "Restarting" in seen)
    (tmp_path / "gate.go").touch()
    job = spot_jobs.ended("again")
    assert job["TrainingJobStatus"] == "Completed"
    assert statuses(job).count("Interrupted") == 2
    assert statuses(job).count("Restarting") == 1


def test_a_trial_can_be_interrupted(spot_jobs: Jobs, tmp_path: Path) -> None:
    spot_jobs.tune("search", jobs=1, **spot(tmp_path))
    in_first_round(tmp_path)
    [trial] = spot_jobs.trials("search")
    spot_jobs.server.interrupt(trial["TrainingJobName"])
    assert spot_jobs.tuning_ended("search")["BestTrainingJob"]["ObjectiveStatus"] == "Succeeded"
    assert statuses(spot_jobs.describe(trial["TrainingJobName"])) == INTERRUPTED_ONCE


def test_a_tuning_job_is_not_interrupted_but_tells_which_of_its_trials_can_be(spot_jobs: Jobs, tmp_path: Path) -> None:
    spot_jobs.tune("search", jobs=1, **spot(tmp_path))
    in_first_round(tmp_path)
    [trial] = spot_jobs.trials("search")
    running = f"its running trials are {trial['TrainingJobName']}"
    with pytest.raises(NotInterrupted, match=f"search is a tuning job; {running} "):
        spot_jobs.server.interrupt("search")
    assert "Interrupted" not in statuses(spot_jobs.describe(trial["TrainingJobName"]))
    (tmp_path / "gate.go").touch()
    spot_jobs.tuning_ended("search")
    with pytest.raises(NotInterrupted, match="search is a tuning job none of whose trials is running"):
        spot_jobs.server.interrupt("search")


@pytest.mark.parametrize("kept", [True, False], ids=["with checkpoints", "without"])
def test_what_a_trial_does_again_is_not_counted_twice(spot_jobs: Jobs, tmp_path: Path, kept: bool) -> None:
    band = {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 3, "MaxResource": 3}}}
    members = spot(tmp_path)
    if not kept:
        del members["CheckpointConfig"]
    spot_jobs.tune("band", jobs=1, strategy="Hyperband", config=band, **members)
    in_first_round(tmp_path)
    [trial] = spot_jobs.trials("band")
    spot_jobs.server.interrupt(trial["TrainingJobName"])
    eventually(lambda: "saved round 1" in spot_jobs.log(trial["TrainingJobName"]), bool)
    (tmp_path / "gate.go").touch()
    assert spot_jobs.tuning_ended("band")["TrainingJobStatusCounters"]["Completed"] == 1


def test_waiting_counts_for_the_wait_time_and_not_for_the_runtime(
    spot_jobs: Jobs, clock: MovableClock, tmp_path: Path
) -> None:
    limits = {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 1000}
    (tmp_path / "rounds.py").write_text(ROUNDS.replace("while done == 1", "while True"))
    spot_jobs.train("waits", **spot(tmp_path, StoppingCondition=limits))
    for _ in range(2):
        in_first_round(tmp_path)
        (tmp_path / "gate.arrived").unlink()
        clock.advance(300)
        if "Interrupted" not in statuses(spot_jobs.describe("waits")):
            spot_jobs.server.interrupt("waits")
    job = spot_jobs.ended("waits")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_the_wait_time_ends_a_job(spot_jobs: Jobs, clock: MovableClock, tmp_path: Path) -> None:
    limits = {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600}
    spot_jobs.train("late", **spot(tmp_path, "stays", StoppingCondition=limits))
    in_first_round(tmp_path)
    clock.advance(550)
    spot_jobs.server.interrupt("late")
    eventually(lambda: spot_jobs.log("late"), lambda log: "saved round 1" in log)
    (tmp_path / "rounds.py").write_text("while True: pass")
    eventually(lambda: clock.advance(10) or spot_jobs.describe("late")["TrainingJobStatus"], "Stopped".__eq__)
    assert spot_jobs.describe("late")["SecondaryStatus"] == "MaxWaitTimeExceeded"


def test_a_job_that_is_stopped_while_it_leaves_does_not_come_back(
    spot_jobs: Jobs, clock: MovableClock, tmp_path: Path
) -> None:
    spot_jobs.train("leaving", **spot(tmp_path, "stays"))
    in_first_round(tmp_path)
    spot_jobs.server.interrupt("leaving")
    spot_jobs.client.stop_training_job(TrainingJobName="leaving")
    eventually(lambda: clock.advance(10) or spot_jobs.describe("leaving")["TrainingJobStatus"], "Stopped".__eq__)
    assert statuses(spot_jobs.describe("leaving"))[-3:] == ["Interrupted", "Stopping", "Stopped"]


def test_a_job_that_waits_for_instances_survives_its_server(
    spot_jobs: Jobs, clock: MovableClock, tmp_path: Path
) -> None:
    spot_jobs.train("survivor", **spot(tmp_path, "stays"))
    in_first_round(tmp_path)
    spot_jobs.server.interrupt("survivor")
    eventually(lambda: spot_jobs.log("survivor"), lambda log: "saved round 1" in log)
    spot_jobs.server.stop()
    (tmp_path / "gate.go").touch()
    with LocalSageMaker(tmp_path / "root", images=images(tmp_path), clock=clock) as server:
        spot_jobs.client = Jobs(server, tmp_path).client
        assert statuses(spot_jobs.ended("survivor")) == INTERRUPTED_ONCE
    assert "starts after round 1" in spot_jobs.log("survivor")


def test_only_spot_jobs_that_train_can_be_interrupted(spot_jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "gate.go").touch()
    spot_jobs.train("done", **spot(tmp_path))
    spot_jobs.ended("done")
    (tmp_path / "gate.go").unlink()
    on_demand = {"EnableManagedSpotTraining": None, "CheckpointConfig": None}
    spot_jobs.train("on-demand", **spot(tmp_path, StoppingCondition={"MaxRuntimeInSeconds": 60}, **on_demand))
    spot_jobs.until("on-demand", "Training")
    for name, why in (
        ("on-demand", "does no managed spot training"),
        ("done", "cannot be interrupted in status Completed"),
        ("unknown", "no training job unknown; its latest training jobs are on-demand, done"),
    ):
        with pytest.raises(NotInterrupted, match=why):
            spot_jobs.server.interrupt(name)
    assert spot_jobs.describe("on-demand")["SecondaryStatus"] == "Training"


def refused(jobs: Jobs, name: str, status: str) -> None:
    """Nobody can interrupt the job in this status, and it is told so."""
    jobs.until(name, status)
    with pytest.raises(NotInterrupted, match=f"{name} cannot be interrupted in status {status}, only in .* Training"):
        jobs.server.interrupt(name)
    assert jobs.describe(name)["SecondaryStatus"] == status


def test_a_job_that_is_told_to_stop_is_not_interrupted_nor_is_one_that_has_stopped(
    spot_jobs: Jobs, clock: MovableClock, tmp_path: Path
) -> None:
    spot_jobs.train("stopping", **spot(tmp_path, "stays"))
    in_first_round(tmp_path)
    spot_jobs.client.stop_training_job(TrainingJobName="stopping")
    refused(spot_jobs, "stopping", "Stopping")
    eventually(lambda: clock.advance(10) or spot_jobs.describe("stopping")["TrainingJobStatus"], "Stopped".__eq__)
    refused(spot_jobs, "stopping", "Stopped")


def test_a_job_that_is_interrupted_already_or_has_failed_is_not_interrupted(
    spot_jobs: Jobs, clock: MovableClock, tmp_path: Path
) -> None:
    spot_jobs.train("fails", **spot(tmp_path, "stays"))
    in_first_round(tmp_path)
    spot_jobs.server.interrupt("fails")
    refused(spot_jobs, "fails", "Interrupted")
    (tmp_path / "rounds.py").write_text("raise SystemExit(1)")
    eventually(lambda: clock.advance(10) or spot_jobs.describe("fails")["TrainingJobStatus"], "Failed".__eq__)
    refused(spot_jobs, "fails", "Failed")


def test_a_job_that_waits_for_its_data_or_for_its_model_to_be_taken_is_not_interrupted(
    spot_jobs: Jobs, tmp_path: Path
) -> None:
    """Both go through pipes, which wait for their other ends."""
    manifest = tmp_path / "manifest"
    os.mkfifo(manifest)
    content = json.dumps([{"prefix": f"file://{tmp_path}/"}, "rounds.py"])
    model = spot_jobs.server.root / "training-jobs" / "waits" / "algo-1" / "model.tar.gz"
    (tmp_path / "rounds.py").write_text(f"{ROUNDS}\nos.mkfifo({str(model)!r})")
    (tmp_path / "gate.go").touch()
    source = {"S3DataType": "ManifestFile", "S3Uri": f"file://{manifest}"}
    inputs = [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]
    for_the_checks = threading.Thread(target=manifest.write_text, args=(content,), daemon=True)
    for_the_checks.start()
    spot_jobs.train("waits", **spot(tmp_path, InputDataConfig=inputs))
    for_the_checks.join()
    try:
        refused(spot_jobs, "waits", "Downloading")
    finally:
        manifest.write_text(content)
    try:
        refused(spot_jobs, "waits", "Uploading")
    finally:
        reader = os.open(model, os.O_RDONLY | os.O_NONBLOCK)  # open to the end: the writer may be yet to come
    assert "Interrupted" not in statuses(spot_jobs.ended("waits"))
    os.close(reader)


def test_anybody_who_speaks_http_can_interrupt(spot_jobs: Jobs, tmp_path: Path) -> None:
    spot_jobs.train("by-hand", **spot(tmp_path))
    in_first_round(tmp_path)
    request = urllib.request.Request(
        spot_jobs.server.url,
        json.dumps({"TrainingJobName": "by-hand"}).encode(),
        {"X-Amz-Target": "SageMaker.InterruptTrainingJob"},
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer) == {}
    assert "Interrupted" in statuses(spot_jobs.ended("by-hand"))


def test_where_nobody_answers_nothing_is_interrupted(tmp_path: Path) -> None:
    with LocalSageMaker(tmp_path / "root", access_key="mine") as server:
        with pytest.raises(NotInterrupted, match="no training job unknown, nor any other"):
            interrupt(server.url, "unknown", "mine")
        with pytest.raises(NotInterrupted, match="security token"):
            interrupt(server.url, "unknown", "theirs")
    for url in (server.url, "nowhere"):
        with pytest.raises(NotInterrupted, match="No local SageMaker answers"):
            interrupt(url, "unknown")
