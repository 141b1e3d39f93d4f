"""Pipe mode: channels as named pipes, one for each epoch, read by a script as its author wrote it for SageMaker."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flytekit_sagemaker.algorithms import image_uri
from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.recordio import framed
from flytekit_sagemaker.types import AlgorithmName

from .support import IMAGE, Jobs, channel, eventually, serving_script

# Reads as many epochs of each channel as it is told to, and keeps what it has read.
SCRIPT = """
import json, os, sys

base = os.environ["SAGEMAKER_BASE_DIR"]
option = json.load(open(base + "/input/config/hyperparameters.json")).get
for channel, config in json.load(open(base + "/input/config/inputdataconfig.json")).items():
    assert config["TrainingInputMode"] == "Pipe"
    for epoch in range(int(option("epochs"))):
        with open(f"{base}/input/data/{channel}_{epoch}", "rb") as pipe:
            data = pipe.read(int(option("bytes", "-1")))
        name = f"{channel}_{epoch}_{os.environ['SM_CURRENT_HOST']}"
        open(f"{base}/model/{name}", "wb").write(data)
print("done")
if option("then") == "open nothing more":
    import time
    time.sleep(600)
"""
LARGE = b"".join(b"%d\n" % number for number in range(40_000))  # more than a pipe holds


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSageMaker]:
    with serving_script(tmp_path_factory.mktemp("server"), IMAGE, SCRIPT) as server:
        yield server


@pytest.fixture
def jobs(server: LocalSageMaker, tmp_path: Path) -> Jobs:
    return Jobs(server, tmp_path)


def read(jobs: Jobs, name: str, *channels: dict[str, Any], epochs: int = 1, **members: Any) -> dict[str, bytes]:
    """What a job has read from its pipes."""
    jobs.train(name, {"epochs": str(epochs)}, **piped(jobs, *channels, **members))
    job = jobs.ended(name)
    assert job["TrainingJobStatus"] == "Completed", job
    return {path.name: path.read_bytes() for path in (jobs.output / name / "output" / "model").iterdir()}


def piped(jobs: Jobs, *channels: dict[str, Any], **members: Any) -> dict[str, Any]:
    output = {"S3OutputPath": f"file://{jobs.output}", "CompressionType": "NONE"}
    specification = {"TrainingImage": IMAGE, "TrainingInputMode": "Pipe"}
    return {
        "AlgorithmSpecification": specification,
        "InputDataConfig": list(channels),
        "OutputDataConfig": output,
        **members,
    }


def feeders(root: Path) -> list[str]:
    """The processes that stream the channels of a server's jobs; each works in its host's folder."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and os.readlink(process / "cwd").startswith(f"{root}/training-jobs"):
                found.append(process.name)
    return found


def files(folder: Path, **contents: bytes) -> Path:
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def test_each_epoch_brings_all_objects_of_a_channel(jobs: Jobs, tmp_path: Path) -> None:
    data = files(tmp_path / "data", a=LARGE, b=b"end\n")
    letters = files(tmp_path / "letters", **{letter: letter.encode() for letter in "abcdefgh"})
    packed = files(tmp_path / "packed", a=gzip.compress(b"one,"), b=gzip.compress(b"two,"))
    seen = read(
        jobs,
        "epochs",
        channel("plain", data),
        channel("packed", packed, CompressionType="Gzip"),
        channel("framed", packed, CompressionType="Gzip", RecordWrapperType="RecordIO"),
        channel("shuffled", letters, ShuffleConfig={"Seed": 1}),
        channel("again", letters, ShuffleConfig={"Seed": 1}),
        channel("other", letters, ShuffleConfig={"Seed": 2}),
        epochs=3,
    )
    epochs = {
        name: [seen[f"{name}_{epoch}_algo-1"] for epoch in range(3)]
        for name in ("plain", "packed", "framed", "shuffled", "again", "other")
    }
    assert epochs["plain"] == [LARGE + b"end\n"] * 3
    assert epochs["packed"] == [b"one,two,"] * 3
    assert epochs["framed"] == [framed(b"one,") + framed(b"two,")] * 3
    assert {bytes(sorted(letters)) for letters in epochs["shuffled"] + epochs["other"]} == {b"abcdefgh"}
    assert len(set(epochs["shuffled"])) == 3
    assert epochs["again"] == epochs["shuffled"] != epochs["other"]


def test_hosts_share_the_objects_in_every_epoch(jobs: Jobs, tmp_path: Path) -> None:
    letters = files(tmp_path / "letters", **{letter: letter.encode() for letter in "abcdef"})
    sharded = {"S3DataDistributionType": "ShardedByS3Key"}
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    seen = read(
        jobs,
        "shards",
        channel("shards", letters, **sharded),
        channel("shuffled", letters, **sharded, ShuffleConfig={"Seed": 1}),
        channel("all", letters),
        ResourceConfig=resources,
        epochs=2,
    )
    assert [seen[f"shards_{epoch}_algo-{host}"] for epoch in (0, 1) for host in (1, 2)] == [b"ace", b"bdf"] * 2
    assert [seen[f"all_{epoch}_algo-{host}"] for epoch in (0, 1) for host in (1, 2)] == [b"abcdef"] * 4
    for epoch in (0, 1):
        shares = [seen[f"shuffled_{epoch}_algo-{host}"] for host in (1, 2)]
        assert sorted(b"".join(shares)) == sorted(b"abcdef")
        assert len(shares[0]) == 3


def test_an_augmented_manifest_streams_the_attributes_that_are_asked_for(jobs: Jobs, tmp_path: Path) -> None:
    images = files(tmp_path / "images", cat=b"\x00cat", dog=b"\xffdog")
    lines = [
        {"image-ref": f"file://{images}/{name}", "is-a-cat": int(name == "cat"), "by": name.upper(), "more": None}
        for name in ("cat", "dog")
    ]
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def augmented(name: str, *attributes: str, **members: Any) -> dict[str, Any]:
        found = channel(name, manifest, **members)
        found["DataSource"]["S3DataSource"].update(S3DataType="AugmentedManifestFile", AttributeNames=attributes)
        return found

    seen = read(
        jobs,
        "augmented",
        augmented("records", "is-a-cat", "image-ref", RecordWrapperType="RecordIO"),
        augmented("raw", "by", "is-a-cat"),
    )
    records = [b"1", b"\x00cat", b"0", b"\xffdog"]
    assert seen["records_0_algo-1"] == b"".join(map(framed, records))
    assert seen["raw_0_algo-1"] == b"CAT1DOG0"

    with pytest.raises(jobs.client.exceptions.ClientError, match="line 1 has no attribute 'colour'"):
        jobs.train("colourless", **piped(jobs, augmented("train", "colour")))


def test_a_job_ends_whatever_it_leaves_in_its_pipes(jobs: Jobs, tmp_path: Path) -> None:
    data = channel("train", files(tmp_path / "data", a=LARGE))
    jobs.train("nothing", {"epochs": "0"}, **piped(jobs, data))
    jobs.train("a-little", {"epochs": "2", "bytes": "2"}, **piped(jobs, data))
    idle = {"epochs": "0", "then": "open nothing more"}
    jobs.train("idle", idle, **piped(jobs, data))
    assert jobs.ended("nothing")["TrainingJobStatus"] == "Completed"
    assert jobs.ended("a-little")["TrainingJobStatus"] == "Completed"
    eventually(lambda: "done" in jobs.log("idle"), bool)
    eventually(lambda: feeders(jobs.server.root), lambda running: len(running) == 1)
    jobs.client.stop_training_job(TrainingJobName="idle")
    assert jobs.ended("idle")["TrainingJobStatus"] == "Stopped"
    eventually(lambda: feeders(jobs.server.root), lambda running: not running)


def test_a_job_whose_channels_are_no_longer_streamed_fails_as_one_of_the_machinery(jobs: Jobs, tmp_path: Path) -> None:
    data = channel("train", files(tmp_path / "data", a=b"1"))
    jobs.train("lost", {"epochs": "0", "then": "open nothing more"}, **piped(jobs, data))
    [feeder] = eventually(lambda: feeders(jobs.server.root), lambda running: len(running) == 1)
    os.kill(int(feeder), signal.SIGKILL)
    assert jobs.ended("lost")["FailureReason"].startswith("InternalServerError: What streams the channels")


def test_what_cannot_be_streamed_fails_the_job_with_the_reason(jobs: Jobs, tmp_path: Path) -> None:
    data = files(tmp_path / "data", a=gzip.compress(LARGE), b=gzip.compress(LARGE)[:-8])
    jobs.train("damaged", {"epochs": "9"}, **piped(jobs, channel("train", data, CompressionType="Gzip")))
    job = jobs.ended("damaged")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        f"ClientError: Data download failed: channel train, {data}/b: it is no whole gzip file"
    )


def test_files_that_are_not_compressed_as_the_channel_says_are_refused(jobs: Jobs, tmp_path: Path) -> None:
    data = files(tmp_path / "data", a=b"no gzip")
    packed = channel("train", data, CompressionType="Gzip")
    with pytest.raises(jobs.client.exceptions.ClientError, match=r"train = 'a': must be a gzip file, .*data/a\)"):
        jobs.train("refused", {"epochs": "1"}, **piped(jobs, packed))


def test_trials_of_xgboost_learn_from_pipes(jobs: Jobs, tmp_path: Path) -> None:
    rows = [f"{number % 7 > 2:d},{number % 7},{number % 3}" for number in range(210)]
    parts = [gzip.compress("".join(f"{row}\n" for row in part).encode()) for part in (rows[:99], rows[99:])]
    packed = {"ContentType": "text/csv", "CompressionType": "Gzip", "InputMode": "Pipe"}
    data = files(tmp_path / "data", a=parts[0], b=parts[1])
    jobs.tune(
        "piped-xgboost",
        {"IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "4"}]},
        {"num_round": "4", "objective": "binary:logistic"},
        jobs=2,
        objective=("Maximize", "validation:auc"),
        image=image_uri(AlgorithmName.XGBOOST, "1.7-1", "us-east-1"),
        InputDataConfig=[channel("train", data, **packed), channel("validation", data / "b", **packed)],
    )
    best = jobs.tuning_ended("piped-xgboost")["BestTrainingJob"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 1
    log = jobs.log(best["TrainingJobName"])
    assert "Train matrix has 210 rows and 2 columns" in log
    assert "Validation matrix has 111 rows and 2 columns" in log
