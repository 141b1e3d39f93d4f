"""A real boto3 client that checks every answer against the service's own model, and requests as short as tests want."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from flytekit_sagemaker.local.server import LocalSageMaker

IMAGE = "example/image"
ROLE = "arn:aws:iam::000000000000:role/training"

# What a trial does is said by its hyperparameters: the order of the options below is the order of its deeds.
TRIAL = """
import json, os, signal, sys, time

base = os.environ["SAGEMAKER_BASE_DIR"]
hyperparameters = json.load(open(base + "/input/config/hyperparameters.json"))
option = hyperparameters.get
host = os.environ["SM_CURRENT_HOST"]

if option("on_sigterm") == "save":
    def save(*_):
        open(base + "/model/saved", "w").write("in time")
        print("saved in time")
        sys.exit(0)
    signal.signal(signal.SIGTERM, save)
if option("on_sigterm") == "ignore":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(option("print", ""))
if "loss" in hyperparameters:
    for value in option("loss").split(","):
        if value == "hang":
            time.sleep(600)
        print(f"epoch: loss={value}; \\ttab={value}")
if "x" in hyperparameters and option("silent") is None:
    print(f"loss={(float(option('x')) - 0.3) ** 2 * float(option('scale', '1'))!r};")
if "write" in hyperparameters:
    target, _, text = option("write").partition("=")
    open(os.path.join(base, target), "w").write(text)
if "wait_for" in hyperparameters:
    arrived = option("wait_for") + "." + os.path.basename(os.path.dirname(base))
    open(arrived, "w").close()
    while not (os.path.exists(option("wait_for")) or os.path.exists(arrived + ".go")):
        time.sleep(0.005)
if option("fail_host", host) == host:
    if "kill" in hyperparameters:
        os.kill(os.getpid(), int(option("kill")))
    sys.exit(int(option("exit", "0")))
else:
    time.sleep(60)
"""


def wire_problems(shape: Any, value: Any, path: str = "") -> list[str]:
    """What a JSON value has that the shape of the service's model does not allow."""
    kinds = {
        "structure": dict,
        "map": dict,
        "list": list,
        "string": str,
        "integer": int,
        "long": int,
        "float": (int, float),
        "double": (int, float),
        "timestamp": (int, float),
        "boolean": bool,
    }
    if not isinstance(value, kinds[shape.type_name]) or (isinstance(value, bool) and shape.type_name != "boolean"):
        return [f"{path}: {value!r} is no {shape.type_name}"]
    if shape.type_name == "structure":
        unknown = [f"{path}.{name} is unknown to {shape.name}" for name in value if name not in shape.members]
        missing = [f"{path}.{name} is missing" for name in shape.required_members if name not in value]
        known = [(shape.members[name], item, f"{path}.{name}") for name, item in value.items() if name in shape.members]
        return unknown + missing + [problem for each in known for problem in wire_problems(*each)]
    if shape.type_name == "list":
        return [problem for item in value for problem in wire_problems(shape.member, item, f"{path}[]")]
    if shape.type_name == "map":
        return [problem for key, item in value.items() for problem in wire_problems(shape.value, item, f"{path}.{key}")]
    if shape.type_name == "string" and shape.enum and value not in shape.enum:
        return [f"{path}: {value!r} is none of {shape.enum}"]
    return []


def boto3_client(url: str, region: str = "us-east-1", access_key: str = "local") -> Any:
    client = boto3.client(
        "sagemaker",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key="local",
    )

    def check(http_response: Any, model: Any, **_: Any) -> None:
        if http_response.status_code == 200 and model.output_shape is not None:
            assert wire_problems(model.output_shape, json.loads(http_response.content)) == []

    client.meta.events.register("after-call.sagemaker", check)
    return client


class Jobs:
    """Creates and follows jobs through boto3 as a user would, with requests as short as a test wants them."""

    def __init__(self, server: LocalSageMaker, folder: Path) -> None:
        self.server = server
        self.client = boto3_client(server.url)
        self.folder = folder
        self.output = folder / "out"

    def definition(self, image: str = IMAGE, **members: Any) -> dict[str, Any]:
        algorithm = {"TrainingImage": image, "TrainingInputMode": "File"}
        if image == IMAGE:
            algorithm["MetricDefinitions"] = [
                {"Name": "loss", "Regex": r"loss=([^;]*);"},
                {"Name": "tab", "Regex": r"#011tab=(.*)"},
            ]
        request = {
            "RoleArn": ROLE,
            "AlgorithmSpecification": algorithm,
            "OutputDataConfig": {"S3OutputPath": f"file://{self.output}"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            **members,
        }
        return {member: value for member, value in request.items() if value is not None}

    def train(self, name: str, hyperparameters: dict[str, str] | None = None, **members: Any) -> str:
        request = {"TrainingJobName": name, "HyperParameters": hyperparameters or {}, **self.definition(**members)}
        return str(self.client.create_training_job(**request)["TrainingJobArn"])

    def tune(
        self,
        name: str,
        ranges: dict[str, Any] | None = None,
        static: dict[str, str] | None = None,
        *,
        strategy: str = "Bayesian",
        jobs: int = 4,
        parallel: int = 1,
        objective: tuple[str, str] = ("Minimize", "loss"),
        config: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
        **members: Any,
    ) -> str:
        return str(
            self.client.create_hyper_parameter_tuning_job(
                HyperParameterTuningJobName=name,
                HyperParameterTuningJobConfig={
                    "Strategy": strategy,
                    "HyperParameterTuningJobObjective": {"Type": objective[0], "MetricName": objective[1]},
                    "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel},
                    "ParameterRanges": ranges or {"ContinuousParameterRanges": [continuous("x", 0, 1)]},
                    **(config or {}),
                },
                TrainingJobDefinition={"StaticHyperParameters": static or {}, **self.definition(**members)},
                Tags=[{"Key": key, "Value": value} for key, value in (tags or {}).items()],
                **(extra or {}),
            )["HyperParameterTuningJobArn"]
        )

    def tune_several(
        self,
        name: str,
        *definitions: dict[str, Any],
        strategy: str = "Random",
        jobs: int | None = None,
        parallel: int = 1,
        config: dict[str, Any] | None = None,
    ) -> None:
        limits = {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel}
        self.client.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name,
            HyperParameterTuningJobConfig={
                "Strategy": strategy,
                "ResourceLimits": {member: value for member, value in limits.items() if value is not None},
                **(config or {}),
            },
            TrainingJobDefinitions=list(definitions),
        )

    def one_of_several(
        self,
        name: str,
        ranges: dict[str, Any] | None = None,
        static: dict[str, str] | None = None,
        *,
        objective: tuple[str, str] = ("Minimize", "loss"),
        **members: Any,
    ) -> dict[str, Any]:
        return {
            "DefinitionName": name,
            "TuningObjective": {"Type": objective[0], "MetricName": objective[1]},
            "HyperParameterRanges": ranges or {"ContinuousParameterRanges": [continuous("x", 0, 1)]},
            "StaticHyperParameters": static or {},
            **self.definition(**members),
        }

    def describe(self, name: str) -> dict[str, Any]:
        return dict(self.client.describe_training_job(TrainingJobName=name))

    def describe_tuning(self, name: str) -> dict[str, Any]:
        return dict(self.client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name))

    def trials(self, name: str, **members: Any) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
        return list(pages.paginate(HyperParameterTuningJobName=name, **members).search("TrainingJobSummaries[]"))

    def until(self, name: str, *secondary: str) -> dict[str, Any]:
        """Wait until a training job has one of these secondary statuses."""
        return eventually(lambda: self.describe(name), lambda job: job["SecondaryStatus"] in secondary)

    def ended(self, name: str) -> dict[str, Any]:
        """Wait until a training job has ended."""
        terminal = ("Completed", "Failed", "Stopped")
        return eventually(lambda: self.describe(name), lambda job: job["TrainingJobStatus"] in terminal)

    def tuning_ended(self, name: str) -> dict[str, Any]:
        """Wait until a tuning job has ended."""
        terminal = ("Completed", "Failed", "Stopped")
        return eventually(
            lambda: self.describe_tuning(name), lambda job: job["HyperParameterTuningJobStatus"] in terminal
        )

    def log(self, name: str, host: str = "algo-1") -> str:
        path = self.server.root / "training-jobs" / name / host / "log"
        return path.read_text(encoding="utf-8", errors="replace")


@contextmanager
def serving_script(folder: Path, image: str, script: str, **options: Any) -> Iterator[LocalSageMaker]:
    """A local SageMaker for which a script is the ``train`` of an image; further options are the server's."""
    (folder / "train.py").write_text(script)
    images = {image: [sys.executable, "-S", str(folder / "train.py"), "train"]}
    with LocalSageMaker(folder / "root", images=images, **options) as server:
        yield server


def eventually(look: Callable[[], Any], wanted: Callable[[Any], object], seconds: float = 15) -> Any:
    """What a look shows once it is what is wanted; looks become rarer, to leave the machine to what is waited for."""
    begin = time.monotonic()
    while not wanted(seen := look()):
        waited = time.monotonic() - begin
        assert waited < seconds, f"still {seen}"
        time.sleep(min(max(waited / 10, 0.01), 0.2))
    return seen


def continuous(name: str, low: float, high: float, scaling: str = "Auto") -> dict[str, str]:
    return {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scaling}


def values(name: str, *choices: str) -> dict[str, Any]:
    return {"CategoricalParameterRanges": [{"Name": name, "Values": list(choices)}]}


def integer(name: str, low: int, high: int, scaling: str = "Auto") -> dict[str, str]:
    return {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scaling}


def warm_start(*parents: str, kind: str = "IdenticalDataAndAlgorithm") -> dict[str, Any]:
    names = [{"HyperParameterTuningJobName": parent} for parent in parents]
    return {"ParentHyperParameterTuningJobs": names, "WarmStartType": kind}


def channel(name: str, uri: str | Path, **members: Any) -> dict[str, Any]:
    uri = f"file://{uri}" if isinstance(uri, Path) else uri
    source = {"S3DataType": "S3Prefix", "S3Uri": uri}
    distribution = members.pop("S3DataDistributionType", None)
    if distribution:
        source["S3DataDistributionType"] = distribution
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **members}
