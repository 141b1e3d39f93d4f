"""Jobs of several hosts under the real ``mpirun``, as processes of the local SageMaker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.container.metrics import metric_definition
from flytekit_sagemaker.local.server import LocalSageMaker

from ..local.support import Jobs, eventually
from .support import Tree
from .test_script import RUN

START = """
import os, sys
from flytekit_sagemaker.container import mpi
from flytekit_sagemaker.container.contract import Contract
from flytekit_sagemaker.container.distributed import DistributedContext
from flytekit_sagemaker.container.failure import failure_text

contract = Contract.here()
if not mpi.is_rank(os.environ):
    try:
        sys.exit(mpi.run(DistributedContext.of(contract), contract, [sys.executable, __file__]))
    except Exception as error:
        contract.fail(failure_text(error))
        raise
"""

PROGRAM = (
    START
    + """
import json, time
from mpi4py import MPI
from flytekit_sagemaker.container.checkpoints import checkpoint, handle_sigterm
from flytekit_sagemaker.container.metrics import report_metric

handle_sigterm()
world = MPI.COMM_WORLD
what = contract.hyperparameters.get("what")
if what == "train":
    total = world.allreduce(world.rank + 1)
    report_metric("total", total + world.rank)
    told = {"host": os.environ["SM_CURRENT_HOST"], "base": str(contract.base), "total": total, "size": world.size}
    (contract.model_dir / f"rank-{world.rank}").write_text(json.dumps(told))
elif what == "fail" and world.rank == 1:
    contract.fail("ValueError: of rank 1")
    mpi.leave(3)
elif what == "wait":
    (contract.base / "up").write_text(str(os.getpid()))
    while not checkpoint.stop_requested:
        time.sleep(0.01)
    time.sleep(2)  # longer than mpirun waits after a SIGTERM of its own
    with checkpoint.saving(5) as folder:
        (folder / "state").write_text(contract.current_host)
elif what == "sleep":
    @checkpoint.on_stop
    def save():
        time.sleep(2 * world.rank)
        with checkpoint.saving(5) as folder:
            (folder / "state").write_text(contract.current_host)
    (contract.base / "up").touch()
    try:
        time.sleep(60)
    except SystemExit as stop:
        mpi.leave(stop.code)
world.barrier()
"""
)

SCRIPT = """
import sys
from mpi4py import MPI
from flytekit_sagemaker.container.metrics import report_metric

if "--raise" in sys.argv and MPI.COMM_WORLD.rank == 1:
    raise ValueError("no such column")
report_metric("total", MPI.COMM_WORLD.allreduce(5))
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "program.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, image: Path, program: Path) -> Iterator[LocalSageMaker]:
    python = str(image / "bin" / "python")
    commands = {"with-mpi": [python, str(program)], "script": [python, "-c", RUN]}
    with LocalSageMaker(tmp_path_factory.mktemp("root"), images=commands) as started:
        yield started


@pytest.fixture
def train(server: LocalSageMaker, image: Path, tmp_path: Path) -> Callable[..., Jobs]:
    """Creates a job of several hosts; the jobs of its server."""
    jobs = Jobs(server, tmp_path)
    name, regex = metric_definition("total")
    algorithm = {"TrainingInputMode": "File", "MetricDefinitions": [{"Name": name, "Regex": regex}]}

    def create(name: str, what: str, hosts: int, image_name: str = "with-mpi", **members: Any) -> Jobs:
        script = {"sagemaker_mpi_enabled": "true", "sagemaker_program": "train.py", what: ""}
        submitted = {"sagemaker_submit_directory": str(tmp_path / "source")}
        (tmp_path / "source").mkdir()
        (tmp_path / "source" / "train.py").write_text(SCRIPT)
        jobs.train(
            name,
            {**script, **submitted} if image_name == "script" else {"what": what},
            AlgorithmSpecification={"TrainingImage": image_name, **algorithm},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 1},
            Environment={"PATH": f"{image / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"},
            **members,
        )
        return jobs

    return create


@pytest.mark.parametrize("hosts", [1, 3])
def test_every_host_is_a_rank_with_its_own_tree(train: Callable[..., Jobs], hosts: int) -> None:
    name = f"mpi-{hosts}"
    jobs = train(name, "train", hosts)
    job = jobs.ended(name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    with tarfile.open(job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("file://")) as archive:
        told = {member.name: json.load(archive.extractfile(member)) for member in archive}  # type: ignore[arg-type]
    folder = jobs.server.root / "training-jobs" / name
    total = hosts * (hosts + 1) // 2
    assert told == {
        f"rank-{rank}": {
            "host": f"algo-{rank + 1}",
            "base": str(folder / f"algo-{rank + 1}"),
            "total": total,
            "size": hosts,
        }
        for rank in range(hosts)
    }
    assert [metric["Value"] for metric in job["FinalMetricDataList"]] == [total]


def test_the_environment_of_a_host_does_not_stay_on_disk(train: Callable[..., Jobs]) -> None:
    jobs = train("mpi-secrets", "train", 2)
    assert jobs.ended("mpi-secrets")["TrainingJobStatus"] == "Completed"
    for host in ("algo-1", "algo-2"):
        kept = jobs.server.root / "training-jobs" / "mpi-secrets" / host / "mpi"
        assert "environment.json" not in os.listdir(kept)


def test_what_a_rank_says_of_its_failure_is_the_reason(train: Callable[..., Jobs]) -> None:
    job = train("mpi-fails", "fail", 2).ended("mpi-fails")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: ValueError: of rank 1, exit code: 3"


def test_a_script_runs_under_mpi_where_the_toolkit_would_do_so(train: Callable[..., Jobs]) -> None:
    job = train("mpi-script", "go", 2, "script").ended("mpi-script")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [metric["Value"] for metric in job["FinalMetricDataList"]] == [10]


def test_what_a_rank_of_a_script_dies_of_is_the_reason(train: Callable[..., Jobs]) -> None:
    job = train("mpi-raises", "raise", 2, "script").ended("mpi-raises")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ValueError: no such column\n")


@pytest.mark.parametrize("what", ["wait", "sleep"], ids=["asking", "not asking"])
def test_a_stop_reaches_every_rank_and_leaves_time_to_save(
    train: Callable[..., Jobs], tmp_path: Path, what: str
) -> None:
    kept = tmp_path / "kept"
    name = f"mpi-stops-{what}"
    jobs = train(name, what, 2, CheckpointConfig={"S3Uri": f"file://{kept}"})
    folder = jobs.server.root / "training-jobs" / name
    eventually(lambda: [(folder / host / "up").exists() for host in ("algo-1", "algo-2")], all)
    jobs.client.stop_training_job(TrainingJobName=name)
    assert jobs.ended(name)["TrainingJobStatus"] == "Stopped"
    saved = {path.read_text(): path for path in kept.rglob("state")}
    assert set(saved) == {"algo-1", "algo-2"}
    assert all(path.relative_to(kept).parts[0] == host for host, path in saved.items())


def test_no_rank_outlives_the_first_host(tree: Callable[..., Tree], image: Path, program: Path) -> None:
    at = tree({"what": "wait"})
    environment = {**at.environment, "PATH": f"{image / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    first = subprocess.Popen([image / "bin" / "python", program], env=environment)
    rank = int(eventually(lambda: (at.base / "up").exists() and (at.base / "up").read_text(), bool))
    assert is_running(rank)
    first.send_signal(signal.SIGKILL)
    first.wait()
    eventually(lambda: is_running(rank), lambda running: not running)


def test_an_image_without_mpirun_is_told(tree: Callable[..., Tree], program: Path) -> None:
    at = tree()
    done = subprocess.run([sys.executable, program], env={**at.environment, "PATH": "/nowhere"}, capture_output=True)
    assert done.returncode == 1
    assert at.failure is not None
    assert at.failure.startswith("UserError: This job's distributed_protocol is MPI, and its image has no mpirun")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
