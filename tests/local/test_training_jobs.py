"""Training jobs as a boto3 user sees them, from create to the artifacts."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.testing.clock import MovableClock
from flytekit_sagemaker.uris import file_uri, local_path

from .support import IMAGE, Jobs, channel, eventually


def statuses(job: dict) -> list[str]:
    return [each["Status"] for each in job["SecondaryStatusTransitions"]]


def test_a_job_goes_through_the_statuses_of_sagemaker_and_leaves_its_model(jobs: Jobs) -> None:
    jobs.train("whole-life", {"write": "model/weights=heavy"})
    job = jobs.ended("whole-life")

    assert job["TrainingJobStatus"] == "Completed"
    assert statuses(job) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all("EndTime" in each for each in job["SecondaryStatusTransitions"])
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"file://{jobs.output}/whole-life/output/model.tar.gz"
    with tarfile.open(jobs.output / "whole-life/output/model.tar.gz") as model:
        assert model.getnames() == ["weights"]
    assert not (jobs.output / "whole-life/output/output.tar.gz").exists()
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]


def test_a_running_job_can_be_watched(jobs: Jobs, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    jobs.train("watched", {"loss": "3,2", "wait_for": str(gate)})
    job = eventually(lambda: jobs.describe("watched"), lambda job: "FinalMetricDataList" in job)

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("InProgress", "Training")
    assert "TrainingEndTime" not in job
    assert {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]} == {"loss": 2.0, "tab": 2.0}
    gate.touch()
    assert jobs.ended("watched")["TrainingJobStatus"] == "Completed"


def test_output_data_is_packed_apart_from_the_model(jobs: Jobs) -> None:
    jobs.train("output", {"write": "output/data/predictions.csv=1"})
    jobs.ended("output")
    with tarfile.open(jobs.output / "output/output/output.tar.gz") as output:
        assert output.getnames() == ["predictions.csv"]


def test_artifacts_are_left_unpacked_when_asked(jobs: Jobs) -> None:
    target = {"S3OutputPath": f"file://{jobs.output}/", "CompressionType": "NONE"}
    jobs.train("unpacked", {"write": "model/weights=heavy"}, OutputDataConfig=target)
    assert jobs.ended("unpacked")["ModelArtifacts"]["S3ModelArtifacts"].endswith("/unpacked/output/model/")
    assert (jobs.output / "unpacked/output/model/weights").read_text() == "heavy"


def test_paths_with_characters_that_uris_encode(jobs: Jobs, tmp_path: Path) -> None:
    data, out = tmp_path / "the data #1", tmp_path / "50% out?"
    data.mkdir()
    (data / "a b").touch()
    jobs.train(
        "odd-paths",
        {"write": "model/weights?%20#1=trained"},
        InputDataConfig=[channel("train", file_uri(data))],
        OutputDataConfig={"S3OutputPath": file_uri(out), "CompressionType": "NONE"},
    )
    job = jobs.ended("odd-paths")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    model = local_path(job["ModelArtifacts"]["S3ModelArtifacts"])
    assert model == out / "odd-paths" / "output" / "model"
    assert (model / "weights?%20#1").read_text() == "trained"


def test_the_program_finds_its_configuration_where_sagemaker_puts_it(jobs: Jobs, tmp_path: Path) -> None:
    data = tmp_path / "data" / "sub"
    data.mkdir(parents=True)
    (data / "a.csv").write_text("1,2\n")
    gate = tmp_path / "gate"
    jobs.train(
        "configured",
        {"wait_for": str(gate), "sagemaker_program": "train.py", "depth": "3", "name": "abc"},
        InputDataConfig=[channel("train", tmp_path / "data", ContentType="text/csv")],
        Environment={"MINE": "yes"},
    )
    eventually((tmp_path / "gate.configured").exists, bool)
    base = jobs.server.root / "training-jobs" / "configured" / "algo-1"
    config = {path.name: json.loads(path.read_text()) for path in (base / "input/config").iterdir()}

    assert config["hyperparameters.json"]["depth"] == "3"
    assert config["inputdataconfig.json"] == {
        "train": {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
            "ContentType": "text/csv",
        }
    }
    resources = config["resourceconfig.json"]
    assert (resources["current_host"], resources["hosts"]) == ("algo-1", ["algo-1"])
    assert resources["current_instance_type"] == "ml.m5.large"
    assert (base / "input/data/train/sub/a.csv").read_text() == "1,2\n"
    pid = next(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _base_of(path) == base)
    environment = dict(
        line.split("=", 1) for line in Path(f"/proc/{pid}/environ").read_text().split("\0") if "=" in line
    )
    assert environment["TRAINING_JOB_NAME"] == "configured"
    assert environment["TRAINING_JOB_ARN"] == jobs.describe("configured")["TrainingJobArn"]
    assert environment["MINE"] == "yes"
    assert environment["SM_CHANNEL_TRAIN"] == str(base / "input/data/train")
    assert json.loads(environment["SM_HPS"]) == {"wait_for": str(gate), "depth": 3, "name": "abc"}
    assert (environment["SM_HP_DEPTH"], environment["SM_HP_NAME"]) == ("3", "abc")
    assert int(environment["OMP_NUM_THREADS"]) >= 1
    gate.touch()
    jobs.ended("configured")


def _base_of(process: Path) -> Path | None:
    try:
        variables = (process / "environ").read_text().split("\0")
    except OSError:
        return None
    return next((Path(line[19:]) for line in variables if line.startswith("SAGEMAKER_BASE_DIR=")), None)


def test_every_host_has_a_process_and_its_share_of_sharded_data(jobs: Jobs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(5):
        (data / f"part-{number}").touch()
    gate = tmp_path / "gate"
    jobs.train(
        "hosts",
        {"wait_for": str(gate)},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
        InputDataConfig=[
            channel("shared", data),
            channel("sharded", data, S3DataDistributionType="ShardedByS3Key"),
        ],
    )
    jobs.until("hosts", "Training")
    folder = jobs.server.root / "training-jobs" / "hosts"
    inputs = [folder / host / "input" / "data" for host in ("algo-1", "algo-2")]
    shares = [{path.name for path in each.glob("sharded/*")} for each in inputs]
    assert shares[0] | shares[1] == {f"part-{number}" for number in range(5)}
    assert not shares[0] & shares[1]
    assert all(len(list(each.glob("shared/*"))) == 5 for each in inputs)
    current = [json.loads((folder / f"algo-{n}/input/config/resourceconfig.json").read_text()) for n in (1, 2)]
    assert [each["current_host"] for each in current] == ["algo-1", "algo-2"]
    gate.touch()
    assert jobs.ended("hosts")["TrainingJobStatus"] == "Completed"


def test_one_failing_host_fails_the_job_and_ends_the_others(jobs: Jobs) -> None:
    jobs.train(
        "bad-host",
        {"fail_host": "algo-2", "exit": "3", "print": "cannot"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    )
    job = jobs.ended("bad-host")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: cannot, exit code: 3"


def test_of_two_hosts_that_were_killed_the_one_that_was_not_killed_by_us_is_blamed(jobs: Jobs) -> None:
    program = "echo $SM_CURRENT_HOST; [ $SM_CURRENT_HOST = algo-2 ] && kill -9 $$; sleep 60"
    algorithm = {"TrainingImage": IMAGE, "TrainingInputMode": "File", "ContainerEntrypoint": ["sh", "-c", program]}
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    jobs.train("hungry-host", AlgorithmSpecification=algorithm, ResourceConfig=resources)
    assert jobs.ended("hungry-host")["FailureReason"] == "AlgorithmError: algo-2, exit code: 137"


def test_the_hosts_of_a_job_have_a_meeting_point_that_no_other_job_has(jobs: Jobs, tmp_path: Path) -> None:
    program = 'printf "$MASTER_ADDR $MASTER_PORT" > $SM_OUTPUT_DATA_DIR/$SM_CURRENT_HOST'
    algorithm = {"TrainingImage": IMAGE, "TrainingInputMode": "File", "ContainerEntrypoint": ["sh", "-c", program]}
    target = {"S3OutputPath": f"file://{tmp_path}/points", "CompressionType": "NONE"}
    told: dict[str, set[str]] = {}
    for name, count, asked in (("meet-1", 2, {}), ("meet-2", 2, {"MASTER_PORT": "4711"}), ("alone", 1, {})):
        resources = {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 1}
        members = {"ResourceConfig": resources, "OutputDataConfig": target, "Environment": asked}
        jobs.train(name, AlgorithmSpecification=algorithm, **members)
        jobs.ended(name)
        points = list((tmp_path / "points" / name / "output" / "output").iterdir())
        assert len(points) == count
        told[name] = {each.read_text() for each in points}
    [point] = told["meet-1"]
    address, port = point.split()
    assert address == "127.0.0.1"
    assert 1024 < int(port) < 65536
    assert told["meet-2"] == {"127.0.0.1 4711"}
    assert told["alone"] == {" "}


@pytest.mark.parametrize(
    ("uri", "files"),
    [
        ("data", {"a", "sub/b"}),
        ("data/", {"a", "sub/b"}),
        ("data/a", {"a"}),
        ("data/s", {"sub/b"}),
    ],
)
def test_a_prefix_names_what_it_names_on_s3(jobs: Jobs, tmp_path: Path, uri: str, files: set[str]) -> None:
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "a").touch()
    (tmp_path / "data" / "sub" / "b").touch()
    name = f"prefix-{uri.replace('/', '-')}x"
    gate = tmp_path / "gate"
    jobs.train(name, {"wait_for": str(gate)}, InputDataConfig=[channel("train", f"file://{tmp_path}/{uri}")])
    jobs.until(name, "Training")
    staged = jobs.server.root / "training-jobs" / name / "algo-1" / "input" / "data" / "train"
    assert {str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file()} == files
    gate.touch()
    jobs.ended(name)


def test_a_manifest_names_objects_under_its_prefix(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "data" / name).touch()
    manifest = tmp_path / "manifest"
    manifest.write_text(json.dumps([{"prefix": f"file://{tmp_path}/data/"}, "a", "c"]))
    listed = channel("train", manifest)
    listed["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    gate = tmp_path / "gate"
    jobs.train("manifest", {"wait_for": str(gate)}, InputDataConfig=[listed])
    jobs.until("manifest", "Training")
    staged = jobs.server.root / "training-jobs" / "manifest" / "algo-1" / "input" / "data" / "train"
    assert sorted(path.name for path in staged.iterdir()) == ["a", "c"]
    gate.touch()
    jobs.ended("manifest")


def test_checkpoints_survive_from_one_job_to_the_next(jobs: Jobs, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    checkpoints = {"S3Uri": f"file://{kept}"}
    jobs.train("checkpoint-1", {"write": "checkpoints/epoch=7"}, CheckpointConfig=checkpoints)
    jobs.ended("checkpoint-1")
    assert (kept / "epoch").read_text() == "7"
    jobs.train("checkpoint-2", {}, CheckpointConfig=checkpoints)
    jobs.ended("checkpoint-2")
    assert (jobs.server.root / "training-jobs/checkpoint-2/algo-1/checkpoints/epoch").read_text() == "7"


def test_an_entrypoint_needs_no_image(jobs: Jobs) -> None:
    algorithm = {
        "TrainingImage": "somebody/else:1",
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["sh", "-c"],
        "ContainerArguments": ['echo "loss=4;"; echo good > "$SM_MODEL_DIR/weights"'],
        "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*);"}],
    }
    jobs.train("entrypoint", AlgorithmSpecification=algorithm)
    job = jobs.ended("entrypoint")
    assert job["TrainingJobStatus"] == "Completed"
    assert job["FinalMetricDataList"][0]["Value"] == 4


def test_a_command_runs_where_the_server_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.py").write_text("print('loss=5;')")
    monkeypatch.chdir(tmp_path)
    with LocalSageMaker(tmp_path / "root", images={IMAGE: ["python", "train.py"]}) as server:
        jobs = Jobs(server, tmp_path)
        jobs.train("relative")
        assert jobs.ended("relative")["FinalMetricDataList"][0]["Value"] == 5


def test_a_stopped_job_may_save_and_keeps_its_model(jobs: Jobs, tmp_path: Path) -> None:
    jobs.train("stopped", {"on_sigterm": "save", "wait_for": str(tmp_path / "never")})
    eventually((tmp_path / "never.stopped").exists, bool)
    jobs.client.stop_training_job(TrainingJobName="stopped")
    assert jobs.describe("stopped")["TrainingJobStatus"] in ("Stopping", "Stopped")
    job = jobs.ended("stopped")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "Stopping" in statuses(job)
    with tarfile.open(jobs.output / "stopped/output/model.tar.gz") as model:
        assert model.getnames() == ["saved"]


def test_a_job_that_ignores_sigterm_is_killed_after_the_grace_period(
    new_server: Callable[..., LocalSageMaker], tmp_path: Path
) -> None:
    clock = MovableClock()
    jobs = Jobs(new_server(clock=clock), tmp_path)
    jobs.train("stubborn", {"on_sigterm": "ignore", "wait_for": str(tmp_path / "never")})
    eventually((tmp_path / "never.stubborn").exists, bool)
    jobs.client.stop_training_job(TrainingJobName="stubborn")
    clock.advance(119)
    jobs.client.stop_training_job(TrainingJobName="stubborn")
    assert jobs.describe("stubborn")["TrainingJobStatus"] == "Stopping"
    eventually(lambda: clock.advance(60) or jobs.describe("stubborn")["TrainingJobStatus"], "Stopped".__eq__)


def test_the_runtime_limit_ends_a_job_with_its_model(new_server: Callable[..., LocalSageMaker], tmp_path: Path) -> None:
    clock = MovableClock()
    jobs = Jobs(new_server(clock=clock), tmp_path)
    jobs.train(
        "long",
        {"on_sigterm": "save", "wait_for": str(tmp_path / "never")},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    eventually((tmp_path / "never.long").exists, bool)
    clock.advance(599)
    assert jobs.describe("long")["TrainingJobStatus"] == "InProgress"
    clock.advance(1)
    job = jobs.ended("long")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert job["TrainingTimeInSeconds"] == 600
    assert (jobs.output / "long/output/model.tar.gz").exists()


def test_times_follow_the_clock(new_server: Callable[..., LocalSageMaker], tmp_path: Path) -> None:
    jobs = Jobs(new_server(clock=MovableClock(1_000_000_000.5)), tmp_path)
    jobs.train("when")
    assert jobs.ended("when")["CreationTime"].timestamp() == 1_000_000_000.5


def test_a_process_left_behind_by_a_trial_is_ended_with_it(jobs: Jobs, tmp_path: Path) -> None:
    algorithm = {
        "TrainingImage": IMAGE,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["sh", "-c", f"sleep 1000 & echo $! > {tmp_path}/pid"],
    }
    jobs.train("litter", AlgorithmSpecification=algorithm)
    assert jobs.ended("litter")["TrainingJobStatus"] == "Completed"
    eventually(lambda: is_running(int((tmp_path / "pid").read_text())), lambda running: not running)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""  # that of a zombie is empty
    except OSError:
        return False
