"""Checkpoints of real processes that are killed or told to stop at various moments."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.container.checkpoints import STOPPED_EXIT_CODE, Checkpoints, handle_sigterm
from flytekit_sagemaker.errors import InvalidInput

from .support import Tree

START = """
import os, signal, sys, threading, time
from flytekit_sagemaker.container.checkpoints import checkpoint, handle_sigterm
handle_sigterm()

def say(*words):
    print(*words, flush=True)

def save(step):
    with checkpoint.saving(step) as folder:
        (folder / "sub").mkdir()
        for part in range(3):
            (folder / "sub" / f"part-{part}").write_text(str(step) * 1000)

last = checkpoint.latest()
say("from", last.step if last else None)
"""


@pytest.fixture
def job(tree: Callable[..., Tree], monkeypatch: pytest.MonkeyPatch) -> Tree:
    """The tree of a job that this process is in as well."""
    at = tree()
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(at.base))
    return at


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


def save(checkpoints: Checkpoints, step: int, **options: Any) -> None:
    with checkpoints.saving(step, **options) as folder:
        (folder / "model").write_text(f"model {step}")


def test_the_last_one_saved_is_the_latest(job: Tree) -> None:
    assert Checkpoints().latest() is None
    for step in (1, 5, 3):
        save(Checkpoints(), step)
    found = Checkpoints().latest()
    assert found is not None
    assert found.step == 3
    assert (found.path / "model").read_text() == "model 3"
    assert found.path.is_relative_to(job.base / "checkpoints")


def test_a_step_saved_again_replaces_the_earlier_one(job: Tree) -> None:
    checkpoints = Checkpoints()
    save(checkpoints, 1)
    with checkpoints.saving(1) as folder:
        assert names(folder) == []
        (folder / "model").write_text("again")
    found = checkpoints.latest()
    assert found is not None
    assert (found.path / "model").read_text() == "again"


@pytest.mark.parametrize("keep", [1, 3])
def test_older_ones_are_removed(job: Tree, keep: int) -> None:
    for step in range(6):
        save(Checkpoints(), step, keep=keep)
    assert len(names(job.base / "checkpoints")) == 2 * keep


def test_a_block_that_raises_leaves_nothing(job: Tree) -> None:
    save(Checkpoints(), 1)
    before = names(job.base / "checkpoints")

    def fail() -> None:
        with Checkpoints().saving(2) as folder:
            (folder / "model").write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert names(job.base / "checkpoints") == before


def test_an_empty_checkpoint_is_one(job: Tree) -> None:
    with Checkpoints().saving(4):
        pass
    found = Checkpoints().latest()
    assert found is not None
    shutil.rmtree(found.path)  # as S3 gives it back
    found = Checkpoints().latest()
    assert found is not None
    assert found.step == 4
    assert found.path.is_dir()


def test_a_copy_that_was_interrupted_is_none(job: Tree) -> None:
    """Whatever single file SageMaker had not yet copied, the one before is found."""
    save(Checkpoints(), 1)
    save(Checkpoints(), 2)
    folder = job.base / "checkpoints"
    complete = {path for path in folder.rglob("*") if path.is_file() and "step-2" in str(path)}
    assert len(complete) == 2
    for path in complete:
        content = path.read_bytes()
        for damage in (path.unlink, lambda path=path, content=content: path.write_bytes(content[:-1])):
            damage()
            found = Checkpoints().latest()
            assert found is not None
            assert found.step == 1
            path.write_bytes(content)
    found = Checkpoints().latest()
    assert found is not None
    assert found.step == 2


def test_other_files_in_the_directory_are_left_alone(job: Tree) -> None:
    folder = job.base / "checkpoints"
    folder.mkdir()
    (folder / "step-of-the-user").write_text("mine")
    for step in range(4):
        save(Checkpoints(), step)
    assert (folder / "step-of-the-user").read_text() == "mine"


def test_each_trial_and_each_host_has_its_own(tree: Callable[..., Tree], monkeypatch: pytest.MonkeyPatch) -> None:
    at = tree({"_tuning_objective_metric": "loss"}, hosts=["algo-1", "algo-2"], current_host="algo-2")
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(at.base))
    monkeypatch.setenv("TRAINING_JOB_NAME", "tuning-001")
    save(Checkpoints(), 1)
    assert names(at.base / "checkpoints") == ["tuning-001"]
    assert names(at.base / "checkpoints" / "tuning-001") == ["algo-2"]
    monkeypatch.setenv("TRAINING_JOB_NAME", "tuning-002")
    assert Checkpoints().latest() is None


def test_outside_a_job_they_are_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path / "nothing"))
    checkpoints = Checkpoints()
    assert not checkpoints.stop_requested
    assert checkpoints.latest() is None
    save(checkpoints, 1)
    found = checkpoints.latest()
    assert found is not None
    assert found.step == 1
    assert Checkpoints().latest() is None
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(("step", "keep"), [(-1, 2), (1.5, 2), ("1", 2), (None, 0), (1, 0)])
def test_a_wrong_step_is_explained(job: Tree, step: Any, keep: Any) -> None:
    with pytest.raises(InvalidInput, match="must be a whole number"), Checkpoints().saving(step, keep):
        raise AssertionError


def test_the_last_one_saved_is_the_latest_though_the_clock_went_back(
    job: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the next host of a job that was interrupted, whose clock is behind that of the first."""
    save(Checkpoints(), 1)
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    for step in (2, 3):
        save(Checkpoints(), step)
        found = Checkpoints().latest()
        assert found is not None
        assert found.step == step


def test_saves_of_two_threads_do_not_disturb_each_other(job: Tree) -> None:
    checkpoints = Checkpoints()
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with checkpoints.saving(1) as folder:
            begun.set()
            go_on.wait(60)
            (folder / "model").write_text("slow")

    thread = threading.Thread(target=slow)
    thread.start()
    begun.wait(60)
    save(checkpoints, 2)
    go_on.set()
    thread.join()
    assert len(names(job.base / "checkpoints")) == 4


def test_a_process_killed_in_the_middle_of_saving(job: Tree) -> None:
    process = job.start(
        START
        + """
save(1)
with checkpoint.saving(2) as folder:
    (folder / "model").write_text("half")
    say("writing")
    time.sleep(60)
"""
    )
    assert process.stdout is not None
    while process.stdout.readline() != "writing\n":
        pass
    process.kill()
    process.communicate()
    found = Checkpoints().latest()
    assert found is not None
    assert found.step == 1
    assert len(names(job.base / "checkpoints")) == 3
    after = job.run(START + "save(2)")
    assert after.stdout == "from 1\n", after.stderr
    assert len(names(job.base / "checkpoints")) == 4
    found = Checkpoints().latest()
    assert found is not None
    assert found.step == 2


def test_a_process_killed_at_any_moment(job: Tree) -> None:
    """Ten lives of a process that does nothing but save: no step that was reported is lost, nothing half is found."""
    reported = -1
    chance = random.Random(7)
    for _ in range(10):
        process = job.start(
            START
            + """
step = last.step if last else -1
while True:
    step += 1
    save(step)
    say("saved", step)
"""
        )
        assert process.stdout is not None
        assert process.stdout.readline().startswith("from")
        for _ in range(chance.randrange(3, 30)):
            process.stdout.readline()
        process.kill()
        rest = process.communicate()[0].splitlines()
        if rest and rest[-1].split()[-1].isdigit():
            reported = max(reported, int(rest[-1].split()[-1]))
        found = Checkpoints().latest()
        assert found is not None
        assert found.step >= reported
        for part in range(3):
            assert (found.path / "sub" / f"part-{part}").read_text() == str(found.step) * 1000
        reported = found.step
    job.run(START + "save(0)")
    assert len(names(job.base / "checkpoints")) == 4


def stopped(process: subprocess.Popen[str], *, at: str) -> list[str]:
    """What a process says after SIGTERM, which it gets once it has said ``at``."""
    assert process.stdout is not None
    while process.stdout.readline() != f"{at}\n":
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    return process.communicate()[0].splitlines()


def test_sigterm_ends_the_process_and_runs_finally_blocks(job: Tree) -> None:
    process = job.start(
        START
        + """
checkpoint.on_stop(lambda: save(7))
@checkpoint.on_stop
def fail():
    say("first")
    raise ValueError("in the way")
try:
    say("ready")
    time.sleep(60)
finally:
    say("finally")
"""
    )
    assert stopped(process, at="ready") == ["first", "finally"]
    assert process.returncode == STOPPED_EXIT_CODE
    found = Checkpoints().latest()
    assert found is not None
    assert found.step == 7


def test_sigterm_waits_for_the_end_of_a_save(job: Tree) -> None:
    process = job.start(
        START
        + """
try:
    with checkpoint.saving(3) as folder:
        say("saving")
        while not checkpoint._stop_waits:
            time.sleep(0.01)
        (folder / "model").write_text("whole")
        say("written")
    say("never")
finally:
    say("finally")
"""
    )
    assert stopped(process, at="saving") == ["written", "finally"]
    assert process.returncode == STOPPED_EXIT_CODE
    found = Checkpoints().latest()
    assert found is not None
    assert (found.path / "model").read_text() == "whole"


def test_sigterm_waits_for_the_end_of_all_saves_that_are_inside_each_other(job: Tree) -> None:
    process = job.start(
        START
        + """
with checkpoint.saving(3) as folder:
    with checkpoint.saving(4) as inner:
        say("saving")
        while not checkpoint._stop_waits:
            time.sleep(0.01)
        (inner / "model").write_text("inner")
    (folder / "model").write_text("outer")
    say("both")
say("never")
"""
    )
    assert stopped(process, at="saving") == ["both"]
    assert process.returncode == STOPPED_EXIT_CODE
    models = (job.base / "checkpoints").glob("step-*/model")
    assert sorted(path.read_text() for path in models) == ["inner", "outer"]


def test_a_program_that_asks_stops_by_itself(job: Tree) -> None:
    process = job.start(
        START
        + """
checkpoint.on_stop(lambda: say("told"))
step = 0
while not checkpoint.stop_requested:
    step += 1
    time.sleep(0.001)
    if step == 10:
        say("ready")
os.kill(os.getpid(), signal.SIGTERM)
save(step)
say("stopped by itself")
"""
    )
    assert stopped(process, at="ready") == ["told", "stopped by itself"]
    assert process.returncode == 0
    assert Checkpoints().latest() is not None


def test_forked_processes_die_of_sigterm_as_ever(job: Tree) -> None:
    done = job.run(
        START
        + """
import multiprocessing
checkpoint.on_stop(lambda: say("wrong"))
for _ in range(20):
    worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    worker.start()
    worker.terminate()
    worker.join()
    assert worker.exitcode == -signal.SIGTERM
say(signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""
    )
    assert done.stdout == "from None\nset()\n", done.stderr


def test_a_rank_of_mpi_is_told_by_sigusr1(job: Tree) -> None:
    program = START + "checkpoint.on_stop(lambda: say('told'))\nos.kill(os.getpid(), signal.SIGUSR1)\ntime.sleep(60)"
    done = job.run(program, OMPI_COMM_WORLD_RANK="1")
    assert done.stdout == "from None\ntold\n"
    assert done.returncode == STOPPED_EXIT_CODE


def test_outside_the_main_thread_there_is_nothing_to_handle(job: Tree) -> None:
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=handle_sigterm)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_interrupted_training_ends_like_an_uninterrupted_one(tree: Callable[..., Tree]) -> None:
    program = (
        START
        + """
state = float((last.path / "state").read_text()) if last else 0.0
for step in range(last.step + 1 if last else 0, 12):
    state = state * 1.5 + step
    with checkpoint.saving(step) as folder:
        (folder / "state").write_text(repr(state))
    say("step", step)
    sys.stdin.readline()
say("result", state)
"""
    )
    at = tree()
    whole = at.run(program).stdout.splitlines()[-1]
    assert whole.startswith("result")
    shutil.rmtree(at.base / "checkpoints")
    saved = None
    for steps, how in [(1, signal.SIGTERM), (3, signal.SIGKILL), (2, signal.SIGTERM)]:
        process = at.start(program)
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == f"from {saved}\n"
        process.stdin.write("\n" * (steps - 1))
        process.stdin.flush()
        for _ in range(steps):
            saved = int(process.stdout.readline().removeprefix("step "))
        process.send_signal(how)
        process.communicate()
    assert at.run(program).stdout.splitlines()[-1] == whole
