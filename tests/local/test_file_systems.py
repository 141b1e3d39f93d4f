"""Channels on file systems, for which folders of this machine stand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from flytekit_sagemaker.algorithms import image_uri
from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.local.file_systems import mounted
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.types import AlgorithmName

from .mounted import FILE_SYSTEM, join_words
from .support import IMAGE, Jobs, channel, serving_script

LUSTRE, EFS = FILE_SYSTEM, "fs-01234567"
VPC = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
XGBOOST = image_uri(AlgorithmName.XGBOOST, "1.7-1", "us-east-1")

# Says what it finds in its channels, writes to those that it is told to, and removes a folder.
SCRIPT = """
import json, os

base = os.environ["SAGEMAKER_BASE_DIR"]
for name in sorted(os.listdir(base + "/input/data")):
    print(name, sorted(os.listdir(f"{base}/input/data/{name}")))
print(open(base + "/input/config/inputdataconfig.json").read())
option = json.load(open(base + "/input/config/hyperparameters.json")).get
for name in option("write", "").split():
    open(f"{base}/input/data/{name}/written", "w").write("by the job")
if option("remove"):
    os.rmdir(option("remove"))
print("loss=1;")
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each file system, with two tables to learn from in the directory ``tables``."""
    found = {each: tmp_path_factory.mktemp(each) for each in (LUSTRE, EFS)}
    features = np.random.default_rng(0).random((200, 3))
    rows = np.column_stack([features[:, 0] > 0.5, features])
    for folder in found.values():
        for name, part in (("train", rows[:150]), ("validation", rows[150:])):
            (folder / "tables" / name).mkdir(parents=True)
            np.savetxt(folder / "tables" / name / "part.csv", part, delimiter=",")
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folders: dict[str, Path]) -> Iterator[LocalSageMaker]:
    file_systems = folders | {EFS: str(folders[EFS])}
    with serving_script(tmp_path_factory.mktemp("server"), IMAGE, SCRIPT, file_systems=file_systems) as server:
        yield server


@pytest.fixture
def jobs(server: LocalSageMaker, tmp_path: Path) -> Jobs:
    return Jobs(server, tmp_path)


def on_lustre(name: str, path: str, mode: str = "ro", **members: Any) -> dict[str, Any]:
    return on_file_system(name, LUSTRE, "FSxLustre", path, mode, **members)


def on_efs(name: str, path: str, mode: str = "ro", **members: Any) -> dict[str, Any]:
    return on_file_system(name, EFS, "EFS", path, mode, **members)


def on_file_system(name: str, file_system: str, kind: str, path: str, mode: str, **members: Any) -> dict[str, Any]:
    source = {
        "FileSystemId": file_system,
        "FileSystemType": kind,
        "FileSystemAccessMode": mode,
        "DirectoryPath": path,
    }
    return {"ChannelName": name, "DataSource": {"FileSystemDataSource": source}, **members}


def mounting(*channels: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"InputDataConfig": list(channels), "VpcConfig": VPC, **members}


def test_trials_learn_from_a_file_system_and_say_so(jobs: Jobs, folders: dict[str, Path]) -> None:
    asked = mounting(
        on_lustre("train", "/mount/tables/train", ContentType="text/csv"),
        on_efs("validation", "/tables/validation", ContentType="text/csv"),
        image=XGBOOST,
    )
    ranges = {"IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "3"}]}
    static = {"num_round": "5", "objective": "binary:logistic"}
    jobs.tune("learn", ranges, static, jobs=2, objective=("Maximize", "validation:auc"), **asked)
    tuned = jobs.tuning_ended("learn")
    assert tuned["HyperParameterTuningJobStatus"] == "Completed", tuned
    assert tuned["TrainingJobDefinition"]["InputDataConfig"] == asked["InputDataConfig"]
    best = tuned["BestTrainingJob"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] > 0.9
    trial = jobs.describe(best["TrainingJobName"])
    assert (trial["InputDataConfig"], trial["VpcConfig"]) == (asked["InputDataConfig"], VPC)
    assert "Train matrix has 150 rows" in jobs.log(trial["TrainingJobName"])
    assert (folders[LUSTRE] / "tables" / "train" / "part.csv").exists()


def test_a_script_finds_the_directories_in_place_of_its_channels(jobs: Jobs, folders: dict[str, Path]) -> None:
    (folders[EFS] / "results").mkdir()
    channels = [
        on_lustre("everything", "/mount"),
        on_efs("tables", "/tables/"),
        on_efs("results", "/results", "rw"),
        channel("plain", folders[EFS] / "tables" / "train"),
    ]
    jobs.train("script", {"write": "results"}, **mounting(*channels))
    assert jobs.ended("script")["TrainingJobStatus"] == "Completed", jobs.log("script")
    *found, config, _ = jobs.log("script").splitlines()
    assert found == [
        "everything ['tables']",
        "plain ['part.csv']",
        "results []",
        "tables ['train', 'validation']",
    ]
    assert json.loads(config)["everything"] == {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }
    assert (folders[EFS] / "results" / "written").read_text() == "by the job"


@pytest.mark.parametrize(
    ("name", "source", "members", "said"),
    [
        (
            "unknown",
            on_file_system("train", "fs-89abcdef", "EFS", "/", "ro"),
            {},
            r"InputDataConfig\[0\].*FileSystemId = 'fs-89abcdef'.*serve --file-system fs-89abcdef=FOLDER, or "
            r"fs-89abcdef=FOLDER in the setting local_file_systems",
        ),
        ("missing", on_efs("train", "/tabels"), {}, r"DirectoryPath = '/tabels'.*there is no \S+/tabels"),
        ("file", on_efs("train", "/tables/train/part.csv"), {}, "must be a directory of fs-01234567"),
        ("no-mount-name", on_lustre("train", "/tables/train"), {}, "Its first part is the mount name, which"),
        ("endless", on_efs("train", "/" + "a" * 300), {}, "File name too long"),
        ("nothing", on_efs("train", "/\0"), {}, "cannot be read"),
        ("upwards", on_efs("train", "/tables/../.."), {}, "must not lead out of"),
        ("link", on_efs("train", "/outside"), {}, "must not lead out of"),
        ("stream", on_efs("train", "/tables/train", InputMode="Pipe"), {}, "InputMode = 'Pipe': must be File"),
        ("no-vpc", on_efs("train", "/tables/train"), {"VpcConfig": None}, "only from the VPC"),
        ("no-data", on_efs("train", "/empty", ContentType="text/csv"), {"image": XGBOOST}, "must hold data"),
    ],
)
def test_what_cannot_be_mounted_is_refused_with_the_reason(
    jobs: Jobs, folders: dict[str, Path], name: str, source: dict[str, Any], members: dict[str, Any], said: str
) -> None:
    (folders[EFS] / "empty").mkdir(exist_ok=True)
    if name == "link":
        (folders[EFS] / "outside").symlink_to(folders[LUSTRE])
    with pytest.raises(ClientError, match=said):
        jobs.train(name, **{**mounting(source), **members})


def test_a_link_may_stand_for_a_file_system(folders: dict[str, Path], tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folders[EFS])
    source = on_efs("train", "/tables/train")["DataSource"]["FileSystemDataSource"]
    assert mounted(source, {EFS: link}).samefile(folders[EFS] / "tables" / "train")
    with pytest.raises(InvalidInput, match="must not lead out of"):
        mounted({**source, "DirectoryPath": "/.."}, {EFS: link})


def test_a_trial_whose_directory_is_gone_by_then_fails_for_it(jobs: Jobs, folders: dict[str, Path]) -> None:
    fleeting = folders[EFS] / "fleeting"
    fleeting.mkdir()
    jobs.tune("gone", static={"remove": str(fleeting)}, jobs=2, **mounting(on_efs("train", "/fleeting")))
    jobs.tuning_ended("gone")
    first, second = (jobs.describe(each["TrainingJobName"]) for each in jobs.trials("gone"))
    assert first["TrainingJobStatus"] == "Completed"
    assert second["FailureReason"].startswith("ClientError: Data download failed: ")
    assert f"there is no {fleeting}" in second["FailureReason"]


def test_a_function_reads_and_writes_its_file_system(
    server: LocalSageMaker, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", server.url)
    words = folders[LUSTRE] / "words"
    words.mkdir()
    (words / "a.txt").write_text("mounted")
    (words / "b.txt").write_text("not copied")
    assert join_words(separator=", ") == "mounted, not copied"
    assert (words / "joined.txt").read_text() == "mounted, not copied"


SHARED = """
import os, sys
from pathlib import Path
from flytekit_sagemaker.local.server import shared
from tests.local.support import Jobs, boto3_client
from tests.local.test_file_systems import mounting, on_efs

server = shared()
jobs = Jobs(server, Path(sys.argv[1]))
jobs.client = boto3_client(server.url, access_key=server.access_key)
program = ["sh", "-c", "ls $SM_CHANNEL_TRAIN"]
algorithm = {"TrainingImage": "any", "TrainingInputMode": "File", "ContainerEntrypoint": program}
asked = mounting(on_efs("train", "/tables"), AlgorithmSpecification=algorithm)
try:
    jobs.train("too-early", **asked)
except jobs.client.exceptions.ClientError as refusal:
    assert "local_file_systems" in str(refusal)
os.environ["FLYTEKIT_SAGEMAKER_LOCAL_FILE_SYSTEMS"] = "fs-01234567=~"
jobs.train("in-time", **asked)
assert jobs.ended("in-time")["TrainingJobStatus"] == "Completed"
print(jobs.log("in-time"))
"""


def test_the_server_of_a_process_goes_by_the_setting_as_it_is_now(folders: dict[str, Path], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHARED, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(folders[EFS])},
    )
    assert (done.stdout.split(), done.returncode) == (["train", "validation"], 0), done.stderr


@pytest.mark.parametrize("command", ["serve", "sandbox"])
def test_the_command_line_names_folders_and_wins_over_the_setting(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_LOCAL_FILE_SYSTEMS", f"{EFS}=/nowhere, {LUSTRE}={folders[LUSTRE]}")
    ports = ["--port", "0"]
    if command == "sandbox":
        ports += ["--console-port", "0", "--sagemaker-port", "0"]
    arguments = [*ports, "--root", str(tmp_path / "root"), "--file-system", f"{EFS}={folders[EFS]}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "flytekit_sagemaker.cli", command, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        label = "Local SageMaker" if command == "sandbox" else "Endpoint"
        line = next(line for line in process.stdout if line.strip().startswith(f"{label} "))
        served = Served(line.split()[-1], tmp_path / "root")
        jobs = Jobs(served, tmp_path)  # type: ignore[arg-type]
        algorithm = {"TrainingImage": "any", "TrainingInputMode": "File", "ContainerEntrypoint": ["true"]}
        channels = [on_efs("a", "/tables"), on_lustre("b", "/mount/tables")]
        jobs.train("mounted", **mounting(*channels, AlgorithmSpecification=algorithm))
        assert jobs.ended("mounted")["TrainingJobStatus"] == "Completed"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


class Served:
    """A server in a process of its own."""

    def __init__(self, url: str, root: Path) -> None:
        self.url = url
        self.root = root
