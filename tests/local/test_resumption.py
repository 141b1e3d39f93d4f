"""Trials that start once more: each of their steps counts once, as in a trial that nobody has interrupted."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.local.resumption import Start, Steps, newest_checkpoint, note_checkpoints, start_of, steps_of
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.local.store import Job, Kind
from flytekit_sagemaker.local.workspace import Workspace

from .support import Jobs, channel, continuous, eventually
from .test_crash import ServeProcess

# Saves a checkpoint after its second epoch, when it is told to, and is lost in its fifth one when it starts at first.
EPOCHS = """
import json, os, sys, time

base, told = os.environ["SAGEMAKER_BASE_DIR"], sys.argv[1]
checkpoint = base + "/checkpoints/epochs"
epochs = int(json.load(open(base + "/input/config/hyperparameters.json"))["epochs"])
done = int(open(checkpoint).read()) if os.path.exists(checkpoint) else 0
lost = told + base.replace("/", "_") + ".lost"
first = not os.path.exists(lost)
for epoch in range(done, epochs):
    if first and epoch == 4:
        open(lost, "w")
        time.sleep(600)
    if epoch == 2:
        time.sleep(0.25)
    print(f"loss={10 - epoch};", flush=True)
    while epoch == 1 and not os.path.exists(told):
        time.sleep(0.005)
    if epoch == 1 and sys.argv[2] == "saves":
        open(checkpoint, "w").write("2")
if epochs > 6:
    time.sleep(600)
open(os.environ["SM_MODEL_DIR"] + "/model", "w")
"""
BAND = {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 6, "MaxResource": 6}}}
EPOCHS_OF = {"fits": "6", "exceeds": "7"}
EXPECTED = {"fits": "Completed", "exceeds": "Stopped"}
"""A trial of all the steps that Hyperband grants is left to end by itself; one that goes on is given up."""


def images(folder: Path) -> dict[str, list[str]]:
    (folder / "epochs.py").write_text(EPOCHS)
    return {
        name: [sys.executable, f"{folder}/epochs.py", f"{folder}/told", name] for name in ("saves", "saves-nothing")
    }


def spot(image: str, checkpoints: str) -> dict[str, Any]:
    return {
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*);"}],
        },
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": checkpoints},
        "StoppingCondition": {"MaxRuntimeInSeconds": 1000, "MaxWaitTimeInSeconds": 5000},
    }


def loss(jobs: Jobs, trial: str) -> float:
    final = jobs.describe(trial).get("FinalMetricDataList", [{"Value": 0.0}])
    return float(final[0]["Value"])


def tune_until_lost(jobs: Jobs, image: str, checkpoints: str) -> dict[str, str]:
    """Start a trial for each of the ends, and wait until all are in their fifth epoch; the names of the trials."""
    for name, epochs in EPOCHS_OF.items():
        static = {"epochs": epochs}
        jobs.tune(name, None, static, jobs=1, strategy="Hyperband", config=BAND, **spot(image, checkpoints))
    trials = {
        name: eventually(lambda name=name: jobs.trials(name), bool)[0]["TrainingJobName"]  # type: ignore[misc]
        for name in EPOCHS_OF
    }
    for trial in trials.values():
        eventually(lambda trial=trial: loss(jobs, trial), (9.0).__eq__)  # type: ignore[misc]
    (jobs.folder / "told").touch()
    for trial in trials.values():
        eventually(lambda trial=trial: loss(jobs, trial), (7.0).__eq__)  # type: ignore[misc]
    eventually(lambda: len(list(jobs.folder.glob("told*.lost"))), (2).__eq__)
    return trials


def ended(jobs: Jobs, trials: dict[str, str]) -> dict[str, str]:
    for name in trials:
        jobs.tuning_ended(name)
    return {name: jobs.describe(trial)["TrainingJobStatus"] for name, trial in trials.items()}


@pytest.fixture
def spot_jobs(tmp_path: Path) -> Iterator[Jobs]:
    with LocalSageMaker(tmp_path / "root", images=images(tmp_path)) as server:
        yield Jobs(server, tmp_path)


@pytest.mark.parametrize("image", ["saves", "saves-nothing"])
def test_an_interrupted_trial_gets_as_many_steps_as_any_other(spot_jobs: Jobs, image: str, tmp_path: Path) -> None:
    trials = tune_until_lost(spot_jobs, image, f"file://{tmp_path}/kept")
    for trial in trials.values():
        spot_jobs.server.interrupt(trial)
    assert ended(spot_jobs, trials) == EXPECTED


@pytest.mark.parametrize("image", ["saves", "saves-nothing"])
def test_a_trial_whose_server_was_killed_gets_as_many_steps_as_any_other(image: str, tmp_path: Path) -> None:
    server = ServeProcess(tmp_path / "root", images(tmp_path))
    server.start()
    try:
        jobs = Jobs(server, tmp_path)  # type: ignore[arg-type]
        trials = tune_until_lost(jobs, image, f"file://{tmp_path}/kept")
        server.end(signal.SIGKILL)
        server.start()
        assert ended(jobs, trials) == EXPECTED
    finally:
        server.end(signal.SIGKILL)


def emitted(*moments: float) -> list[tuple[float, float]]:
    """Emissions at these moments, each with its own moment as its value."""
    return [(moment, moment) for moment in moments]


@pytest.mark.parametrize(
    ("start", "kept"),
    [
        (Start(100), []),
        (Start(100, saved=9.0), []),
        (Start(100, saved=30.0), [10, 20, 30]),
        (Start(100, saved=29.9), [10, 20, 30]),
        (Start(100, saved=25.0), [10, 20]),
        (Start(100, saved=99.0), [10, 20, 30, 40]),
        (Start(100, saved=99.0, steps=3), [10, 20, 30]),
        (Start(100, saved=99.0, steps=6), [10, 20, 30, 40, 110, 110]),
    ],
    ids=[
        "no checkpoint",
        "one of before the first step",
        "one after the third step",
        "one that was written before the third step had been read",
        "one of the time between two steps",
        "one of the end",
        "one that says its steps",
        "one that says of steps that nobody has read",
    ],
)
def test_of_the_steps_of_before_those_count_that_the_checkpoint_holds(start: Start, kept: list[float]) -> None:
    steps = Steps()
    for moment, value in emitted(10, 20, 30, 40):
        steps.add(moment, value, [Start(1)])
    steps.add(110, 110, [Start(1), start])
    assert steps.values == [*kept, 110]


@pytest.mark.parametrize(
    ("saved", "kept"),
    [(10.09, [10.0, 10.1]), (10.12, [10.0, 10.1]), (10.17, [10.0, 10.1, 10.2])],
    ids=["just before a step was read", "soon after a step", "just before the next one was read"],
)
def test_of_quick_steps_those_count_that_were_nearer_to_the_checkpoint(saved: float, kept: list[float]) -> None:
    """What is read late, is late by a part of a step."""
    steps = Steps()
    for moment, value in emitted(10.0, 10.1, 10.2, 10.3):
        steps.add(moment, value, [Start(1)])
    steps.add(110, 110, [Start(1), Start(100, saved=saved)])
    assert steps.values == [*kept, 110]


def test_the_steps_of_a_job_that_is_read_from_disk_are_those_that_it_had() -> None:
    starts = [Start(1), Start(100, saved=25.0), Start(200, saved=112.0), Start(300, saved=111.0)]
    job = Job(Kind.TRAINING, {}, memory={"starts": [[each.moment, each.saved, each.steps] for each in starts]})
    assert steps_of(job, emitted(10, 20, 30, 40, 110, 120, 310)).values == [10, 20, 110, 310]


@pytest.mark.parametrize(
    ("files", "saved", "steps"),
    [
        ([], None, None),
        (["one.pt", "two.pt"], 2.0, None),
        (["xgboost-checkpoint.9", "xgboost-checkpoint.10", ".xgboost-checkpoint.11.ubj"], 2.0, 11),
        (
            ["step-4-00000000000000aa.json", "step-5-00000000000000ab/weights", "step-5-00000000000000ab.partial"],
            1.0,
            None,
        ),
        (["step-0-00000000000000aa/weights"], None, None),
    ],
    ids=["nothing", "any files", "those of XGBoost", "one that is not complete", "none that is complete"],
)
def test_a_start_knows_its_newest_complete_checkpoint(
    files: list[str], saved: float | None, steps: int | None, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path, "algo-1", ["algo-1"])
    workspace.checkpoints.mkdir()
    for moment, name in enumerate(files, start=1):
        file = workspace.checkpoints / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
        os.utime(file, (moment, moment))
    description = {"CheckpointConfig": {"S3Uri": f"file://{tmp_path}/checkpoints"}}
    assert start_of(Job(Kind.TRAINING, description), [workspace], 5.0) == Start(5.0, saved, steps)


def test_a_start_that_writes_no_checkpoint_leaves_the_one_that_was_uploaded_before(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "algo-1", ["algo-1"])
    workspace.checkpoints.mkdir()
    checkpoint = workspace.checkpoints / "one.pt"
    checkpoint.touch()
    os.utime(checkpoint, (2, 2))
    job = Job(Kind.TRAINING, {"CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints"}})
    assert start_of(job, [workspace], 1.0) == Start(1.0)
    note_checkpoints(job, newest_checkpoint([workspace]))
    assert start_of(job, [workspace], 5.0) == Start(5.0, 2.0)
    checkpoint.unlink()
    note_checkpoints(job, newest_checkpoint([workspace]))
    assert start_of(job, [workspace], 9.0) == Start(9.0, 2.0)


# The program of built-in XGBoost, which is lost in its seventh round when it starts at first.
ROUNDS = """
import os, sys, time
from flytekit_sagemaker.local.programs import xgboost, xgboost_training

lost = sys.argv[1] + os.environ["SAGEMAKER_BASE_DIR"].replace("/", "_") + ".lost"
metric_line = xgboost_training.metric_line

def lost_in_a_round(number, values):
    if number == 6 and not os.path.exists(lost):
        open(lost, "w")
        time.sleep(600)
    return metric_line(number, values)

xgboost_training.metric_line = lost_in_a_round
sys.exit(xgboost.main())
"""


def test_xgboost_gets_as_many_rounds_as_without_an_interruption(tmp_path: Path) -> None:
    """Its checkpoint holds the seventh round, too, of which nobody has read."""
    (tmp_path / "rounds.py").write_text(ROUNDS)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("".join(f"{row % 7},{row % 5},{row % 3}\n" for row in range(200)))
    members = spot("rounds", f"file://{tmp_path}/kept")
    members["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": "validation:rmse", "Regex": "validation-rmse:(.*)"}
    ]
    command = [sys.executable, f"{tmp_path}/rounds.py", f"{tmp_path}/told"]
    with LocalSageMaker(tmp_path / "root", images={"rounds": command}) as server:
        jobs = Jobs(server, tmp_path)
        trials = {}
        for name, rounds in (("fits", "12"), ("exceeds", "13")):
            jobs.tune(
                name,
                {"ContinuousParameterRanges": [continuous("eta", 0.1, 0.2)]},
                {"num_round": rounds},
                objective=("Minimize", "validation:rmse"),
                jobs=1,
                strategy="Hyperband",
                config={"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 12, "MaxResource": 12}}},
                InputDataConfig=[
                    channel(each, tmp_path / "data", ContentType="text/csv") for each in ("train", "validation")
                ],
                **members,
            )
        eventually(lambda: len(list(tmp_path.glob("told*.lost"))), (2).__eq__)
        for name in ("fits", "exceeds"):
            trials[name] = jobs.trials(name)[0]["TrainingJobName"]
            server.interrupt(trials[name])
        assert ended(jobs, trials) == EXPECTED
        for trial in trials.values():
            assert "Resuming from iteration 7" in jobs.log(trial)
