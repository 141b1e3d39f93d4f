"""The tree that a training container sees under ``/opt/ml``, made anew for every host of every job.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flytekit_sagemaker.container import toolkit_variables
from flytekit_sagemaker.container.contract import Contract
from flytekit_sagemaker.local import file_systems, objects, pipes
from flytekit_sagemaker.local.file_systems import FolderOf
from flytekit_sagemaker.local.instances import instance_groups

_FAST_COMPRESSION = 1
_LAST_CHARACTERS_OF_FAILURE = 1024
_NOT_INHERITED = ("SM_", "SAGEMAKER_", "FLYTEKIT_SAGEMAKER_", "MASTER_")


class Workspace:
    """One host's tree. Every path below ``base`` is where the container would find it below ``/opt/ml``."""

    def __init__(self, base: Path, host: str, hosts: Sequence[str]) -> None:
        self.base = base
        self.host = host
        self.hosts = hosts
        self.config = base / "input" / "config"
        self.data = base / "input" / "data"
        self.model = base / "model"
        self.output_data = base / "output" / "data"
        self.code = base / "code"
        self.checkpoints = base / "checkpoints"
        self.log = base / "log"

    def prepare(self, job: Mapping[str, Any], folder_of: FolderOf) -> None:
        """Make the tree for a training job; of an earlier attempt, the log alone is kept.

        Args:
            job: the training job, as Describe answers.
            folder_of: folders that stand for file systems, by id.

        Raises:
            TransferFailed: a channel, or the checkpoints, cannot be brought here.
            OSError: the tree cannot be made.
        """
        for left in self.base.glob("*"):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            elif left != self.log:
                left.unlink()
        for folder in (self.config, self.data, self.model, self.output_data, self.code):
            folder.mkdir(parents=True)
        streams = []
        for channel in self._own_channels(job):
            hosts = self._hosts_of(channel, job)
            place, count = hosts.index(self.host), len(hosts)
            with objects.transfer(objects.download_of(channel["ChannelName"]), _location(channel)):
                if mounted := channel["DataSource"].get("FileSystemDataSource"):
                    (self.data / channel["ChannelName"]).symlink_to(file_systems.mounted(mounted, folder_of))
                elif mode_of(channel, job) == "Pipe":
                    streams.append(pipes.stream_of(channel, self.data, place, count))
                else:
                    self._stage(channel, place, count)
        if streams:
            pipes.leave_orders(streams, self.base)
        checkpoints = job.get("CheckpointConfig")
        if checkpoints:
            with objects.transfer("Checkpoint download failed: CheckpointConfig", checkpoints["S3Uri"]):
                self._restore_checkpoints(checkpoints["S3Uri"])
            self._write("checkpointconfig.json", {"S3Uri": checkpoints["S3Uri"], "LocalPath": str(self.checkpoints)})
        else:
            self.checkpoints.mkdir()
        self._write("hyperparameters.json", job.get("HyperParameters", {}))
        self._write("resourceconfig.json", self.resource_config(job))
        self._write("inputdataconfig.json", self.input_data_config(job))

    def _write(self, name: str, content: object) -> None:
        (self.config / name).write_text(json.dumps(content), encoding="utf-8")

    def _own_channels(self, job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return [channel for channel in channels(job) if self.host in self._hosts_of(channel, job)]

    def _hosts_of(self, channel: Mapping[str, Any], job: Mapping[str, Any]) -> list[str]:
        """The hosts that get a channel, in the order of their numbers: those of the groups that it names, or all."""
        names = groups_of(channel)
        groups = instance_groups(job["ResourceConfig"])
        group_of = {host: group["instance_group_name"] for group in groups for host in group["hosts"]}
        return [host for host in self.hosts if not names or group_of[host] in names]

    def _stage(self, channel: Mapping[str, Any], place: int, count: int) -> None:
        source = channel["DataSource"]["S3DataSource"]
        found = objects.channel_objects(source)
        if not found:
            raise FileNotFoundError(objects.NOTHING_FOUND)
        if source.get("S3DataDistributionType") == "ShardedByS3Key":
            found = found[place::count]
        folder = self.data / channel["ChannelName"]
        folder.mkdir()
        for item in found:
            item.place(folder)

    def _restore_checkpoints(self, uri: str) -> None:
        shared = objects.local_path(uri)
        if shared is not None:
            shared.mkdir(parents=True, exist_ok=True)
            self.checkpoints.symlink_to(shared)
            return
        self.checkpoints.mkdir()
        for item in objects.channel_objects({"S3Uri": uri, "S3DataType": "S3Prefix"}):
            item.place(self.checkpoints)

    def resource_config(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Content of resourceconfig.json."""
        groups = instance_groups(job["ResourceConfig"])
        own = next(group for group in groups if self.host in group["hosts"])
        return {
            "current_host": self.host,
            "current_instance_type": own["instance_type"],
            "current_group_name": own["instance_group_name"],
            "hosts": sorted(self.hosts),
            "instance_groups": groups,
            "network_interface_name": "lo",
        }

    def input_data_config(self, job: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Content of inputdataconfig.json."""
        return {
            channel["ChannelName"]: {
                "TrainingInputMode": mode_of(channel, job),
                "S3DistributionType": _s3(channel).get("S3DataDistributionType", "FullyReplicated"),
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
                **({"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}),
            }
            for channel in self._own_channels(job)
        }

    def environment(self, job: Mapping[str, Any], region: str, threads: int, own: Mapping[str, str]) -> dict[str, str]:
        """Environment of the training process: the server's, what SageMaker and its toolkit set, what the job asks for.

        Args:
            job: the training job, as Describe answers; its tree has been prepared.
            region: the region in whose name it was created.
            threads: how many threads the process is to use.
            own: what its image and this attempt bring along.

        Source: https://github.com/aws/sagemaker-training-toolkit/blob/master/ENVIRONMENT_VARIABLES.md
        """
        asked = job.get("Environment", {})
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)},
            "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": str(threads),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "TRAINING_JOB_NAME": job["TrainingJobName"],
            "TRAINING_JOB_ARN": job["TrainingJobArn"],
            "SAGEMAKER_BASE_DIR": str(self.base),
            "SM_STUDIO_LOCAL_MODE": "true",  # keeps the toolkit from looking for the host names in DNS
            **own,
            **asked,
        }
        return {**environment, **toolkit_variables.variables(Contract(self.base), environment), **asked}

    def failure(self) -> str:
        """What the training program wrote to ``output/failure``, or an empty string."""
        try:
            with (self.base / "output" / "failure").open(encoding="utf-8", errors="replace") as file:
                return file.read(_LAST_CHARACTERS_OF_FAILURE).strip()
        except OSError:
            return ""

    def clear(self) -> None:
        """Remove what has been uploaded; the configuration and the log stay for whoever wants to look."""
        for folder in (self.data, self.model, self.output_data, self.code):
            shutil.rmtree(folder, ignore_errors=True)


def channels(job: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The channels of a training job, or of a definition."""
    found: Sequence[Mapping[str, Any]] = job.get("InputDataConfig", ())
    return found


def _s3(channel: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = channel["DataSource"].get("S3DataSource", {})
    return found


def _location(channel: Mapping[str, Any]) -> str:
    """Where the data of a channel is, for a sentence."""
    if mounted := channel["DataSource"].get("FileSystemDataSource"):
        return f"{mounted['FileSystemId']}:{mounted['DirectoryPath']}"
    return str(_s3(channel)["S3Uri"])


def groups_of(channel: Mapping[str, Any]) -> Sequence[str]:
    """The instance groups that a channel is for; none when it is for all."""
    found: Sequence[str] = _s3(channel).get("InstanceGroupNames", ())
    return found


def mode_of(channel: Mapping[str, Any], job: Mapping[str, Any]) -> str:
    """The input mode of a channel: its own, or that of the job."""
    return str(channel.get("InputMode") or job["AlgorithmSpecification"]["TrainingInputMode"])


def upload_artifacts(workspaces: Sequence[Workspace], job: Mapping[str, Any]) -> None:
    """Put what all hosts wrote to ``model`` and ``output/data`` under the job's output path.

    Raises:
        TransferFailed: an artifact cannot be read, or the output path cannot be written.
    """
    config = job["OutputDataConfig"]
    target = output_prefix(job)
    packed = config.get("CompressionType", "GZIP") == "GZIP"
    for folders, name in (
        ([workspace.model for workspace in workspaces], "model"),
        ([workspace.output_data for workspace in workspaces], "output"),
    ):
        with objects.transfer(f"Artifact upload failed: {name}", target):
            files = {
                str(path.relative_to(folder)): path
                for folder in folders
                for path in sorted(folder.rglob("*"))
                if not path.is_dir() or path.is_symlink()
            }
            if files and packed:
                archive = workspaces[0].base / f"{name}.tar.gz"
                with tarfile.open(archive, "w:gz", compresslevel=_FAST_COMPRESSION) as tar:
                    for inner, path in files.items():
                        tar.add(path, inner, recursive=False)
                objects.upload(archive, target, f"{name}.tar.gz")
            elif files:
                for inner, path in files.items():
                    objects.upload(path, target, f"{name}/{inner}")


def upload_checkpoints(workspaces: Sequence[Workspace], job: Mapping[str, Any]) -> None:
    """Put the hosts' checkpoints where the next attempt finds them; those in a local folder are there already.

    Raises:
        TransferFailed: a checkpoint cannot be read, or the checkpoint URI cannot be written.
    """
    config = job.get("CheckpointConfig")
    if not config or objects.local_path(config["S3Uri"]) is not None:
        return
    with objects.transfer("Checkpoint upload failed: CheckpointConfig", config["S3Uri"]):
        for workspace in reversed(workspaces):  # of two files with one name, the first host's counts
            for path in sorted(workspace.checkpoints.rglob("*")):
                if path.is_file():
                    objects.upload(path, config["S3Uri"].rstrip("/"), str(path.relative_to(workspace.checkpoints)))


def output_prefix(job: Mapping[str, Any]) -> str:
    """The URI below which a job's artifacts are put."""
    return f"{job['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job['TrainingJobName']}/output"


def model_uri(job: Mapping[str, Any]) -> str:
    """The URI of a job's model artifacts."""
    packed = job["OutputDataConfig"].get("CompressionType", "GZIP") == "GZIP"
    return f"{output_prefix(job)}/{'model.tar.gz' if packed else 'model/'}"
