"""Jobs whose instances are of several groups: what each host knows of them, and which channels it gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from flytekit_sagemaker.local.server import LocalSageMaker

from .support import IMAGE, Jobs, channel, serving_script

SCRIPT = """
import json, os

base, variable = os.environ["SAGEMAKER_BASE_DIR"], os.environ.get
data = base + "/input/data"
resources = json.load(open(base + "/input/config/resourceconfig.json"))
print(json.dumps({
    "channels": {name: "".join(sorted(os.listdir(f"{data}/{name}"))) for name in json.loads(variable("SM_CHANNELS"))
                 if os.path.isdir(f"{data}/{name}")},
    "piped": {name[:-2]: open(f"{data}/{name}").read() for name in os.listdir(data) if name.endswith("_0")},
    "group": variable("SM_CURRENT_INSTANCE_GROUP"),
    "beside": json.loads(variable("SM_CURRENT_INSTANCE_GROUP_HOSTS")),
    "type": resources["current_instance_type"],
    "groups": resources["instance_groups"],
    "hosts": resources["hosts"],
}))
"""
GROUPS = [
    {"InstanceGroupName": "readers", "InstanceType": "ml.c5.xlarge", "InstanceCount": 2},
    {"InstanceGroupName": "trainer", "InstanceType": "ml.p3.2xlarge", "InstanceCount": 1},
]
RESOURCES = {"InstanceGroups": GROUPS, "VolumeSizeInGB": 1}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSageMaker]:
    with serving_script(tmp_path_factory.mktemp("server"), IMAGE, SCRIPT) as server:
        yield server


@pytest.fixture
def jobs(server: LocalSageMaker, tmp_path: Path) -> Jobs:
    return Jobs(server, tmp_path)


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    folder = tmp_path / "letters"
    folder.mkdir()
    for letter in "abcd":
        (folder / letter).write_text(letter)
    return folder


def grouped(name: str, folder: Path, *groups: str, **members: Any) -> dict[str, Any]:
    found = channel(name, folder, **members)
    found["DataSource"]["S3DataSource"]["InstanceGroupNames"] = list(groups)
    return found


def test_hosts_know_their_group_and_get_its_channels(jobs: Jobs, letters: Path) -> None:
    sharded = {"S3DataDistributionType": "ShardedByS3Key"}
    channels = [
        channel("all", letters),
        grouped("raw", letters, "readers", **sharded),
        grouped("labels", letters, "trainer", **sharded),
        grouped("shared", letters, "trainer", "readers", **sharded),
        grouped("stream", letters, "readers", **sharded, InputMode="Pipe"),
    ]
    jobs.train("groups", ResourceConfig=RESOURCES, InputDataConfig=channels)
    job = jobs.ended("groups")
    assert job["TrainingJobStatus"] == "Completed", jobs.log("groups")
    assert (job["ResourceConfig"], job["InputDataConfig"]) == (RESOURCES, channels)

    seen = [json.loads(jobs.log("groups", f"algo-{number}")) for number in (1, 2, 3)]
    assert [host["channels"] for host in seen] == [
        {"all": "abcd", "raw": "ac", "shared": "ad"},
        {"all": "abcd", "raw": "bd", "shared": "b"},
        {"all": "abcd", "labels": "abcd", "shared": "c"},
    ]
    assert [host["piped"] for host in seen] == [{"stream": "ac"}, {"stream": "bd"}, {}]
    assert [(host["group"], host["beside"], host["type"]) for host in seen] == [
        ("readers", ["algo-1", "algo-2"], "ml.c5.xlarge"),
        ("readers", ["algo-1", "algo-2"], "ml.c5.xlarge"),
        ("trainer", ["algo-3"], "ml.p3.2xlarge"),
    ]
    groups = [
        {"instance_group_name": "readers", "instance_type": "ml.c5.xlarge", "hosts": ["algo-1", "algo-2"]},
        {"instance_group_name": "trainer", "instance_type": "ml.p3.2xlarge", "hosts": ["algo-3"]},
    ]
    for host in seen:
        assert (host["groups"], host["hosts"]) == (groups, ["algo-1", "algo-2", "algo-3"])


def test_trials_have_instance_groups_too(jobs: Jobs, letters: Path) -> None:
    algorithm = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
    algorithm["MetricDefinitions"] = [{"Name": "hosts", "Regex": r'"hosts": \["algo-(\d)'}]  # type: ignore[assignment]
    jobs.tune(
        "tuned-groups",
        jobs=1,
        objective=("Maximize", "hosts"),
        AlgorithmSpecification=algorithm,
        ResourceConfig=RESOURCES,
        InputDataConfig=[grouped("train", letters, "trainer")],
    )
    assert jobs.tuning_ended("tuned-groups")["TrainingJobStatusCounters"]["Completed"] == 1
    [trial] = jobs.trials("tuned-groups")
    assert [json.loads(jobs.log(trial["TrainingJobName"], f"algo-{number}"))["channels"] for number in (1, 2, 3)] == [
        {},
        {},
        {"train": "abcd"},
    ]


@pytest.mark.parametrize("resources", [RESOURCES, None])
def test_a_channel_for_a_group_that_the_job_does_not_have_is_refused(
    jobs: Jobs, letters: Path, resources: dict[str, Any] | None
) -> None:
    members = {"ResourceConfig": resources} if resources else {}
    known = "readers, trainer" if resources else "there are none"
    with pytest.raises(ClientError, match=rf"'trainers': must be one of the job's instance groups \({known}\)"):
        jobs.train("no-group", InputDataConfig=[grouped("train", letters, "trainers")], **members)
