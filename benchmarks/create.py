"""How long creating a job takes, and what a tracked job costs in memory: ``python benchmarks/create.py``.

CreateTask through flytekit's gRPC service, ours and that of ``flytekitplugins-awssagemaker``, in turns, one at a time,
before the same simulated SageMaker without quotas. Both create a training job of the same algorithm on the same
instance and data; ours builds the request from the task's inputs, checks it and tags it, the other sends what its task
holds.

Memory is that of a process with our connector alone: what it grows by while it begins to follow jobs, ``--places`` says
where.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc
from flyteidl.admin.agent_pb2 import CreateTaskRequest, TaskExecutionMetadata
from flyteidl.core import identifier_pb2
from flyteidl.core.tasks_pb2 import TaskTemplate
from flyteidl.service.agent_pb2_grpc import AsyncAgentServiceStub
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.tools.translator import get_serializable
from parts import rival
from parts.services import ENVIRONMENT, HERE, SageMaker, connector, sagemaker
from parts.tables import machine, table

from flytekit_sagemaker import SdkSimpleTrainingJobTask
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, TrainingJobConfig
from flytekit_sagemaker.tasks.inputs import accepted_inputs
from flytekit_sagemaker.types import AlgorithmName

ROLE = "arn:aws:iam::123456789012:role/SageMaker"
HYPERPARAMETERS = {"num_round": "100", "objective": "binary:logistic", "max_depth": "6", "eta": "0.3"}
# AWS's pace, but for lists: or else it takes minutes to see thousands of jobs for the first time.
PACE = {
    "FLYTEKIT_SAGEMAKER_DESCRIBES_PER_SECOND": "5",
    "FLYTEKIT_SAGEMAKER_LISTS_PER_SECOND": "50",
    "FLYTEKIT_SAGEMAKER_STATUS_FRESHNESS_IN_SECONDS": "5",
}


def our_request() -> CreateTaskRequest:
    """A create of our training task."""
    task = SdkSimpleTrainingJobTask(
        training_job_config=TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10),
        algorithm_specification=AlgorithmSpecification(algorithm_name=AlgorithmName.XGBOOST, algorithm_version="1.7-1"),
    )
    given = {
        "static_hyperparameters": HYPERPARAMETERS,
        "train": "s3://bucket/train",
        "validation": "s3://bucket/validation",
        "stopping_condition": {"max_runtime_in_seconds": 86400},
    }
    settings = SerializationSettings(ImageConfig(), project="p", domain="d", version="v1")
    values = accepted_inputs(task.name, task.python_interface.inputs_with_defaults, given)
    context = FlyteContextManager.current_context()
    literals = TypeEngine.dict_to_literal_map(context, values, task.python_interface.inputs)
    template = get_serializable({}, settings, task).template.to_flyte_idl()
    return CreateTaskRequest(template=template, inputs=literals.to_flyte_idl())


def rivals_request() -> CreateTaskRequest:
    """A create of the other's training task."""
    channels = [
        {
            "ChannelName": name,
            "ContentType": "text/csv",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/{name}"}},
        }
        for name in ("train", "validation")
    ]
    request = {
        "TrainingJobName": "",
        "AlgorithmSpecification": {
            "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            "TrainingInputMode": "File",
        },
        "HyperParameters": HYPERPARAMETERS,
        "InputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 10},
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    }
    return CreateTaskRequest(template=TaskTemplate.FromString(rival.template(request)))


def of_execution(request: CreateTaskRequest, number: int) -> CreateTaskRequest:
    """The same create for another execution."""
    name = f"f{number:019}"
    execution = identifier_pb2.WorkflowExecutionIdentifier(project="p", domain="d", name=name)
    metadata = TaskExecutionMetadata(
        task_execution_id=identifier_pb2.TaskExecutionIdentifier(
            task_id=identifier_pb2.Identifier(project="p", domain="d", name="m.task", version="v1"),
            node_execution_id=identifier_pb2.NodeExecutionIdentifier(node_id="n0", execution_id=execution),
        )
    )
    each = CreateTaskRequest(output_prefix=f"/nowhere/{name}", task_execution_metadata=metadata)
    each.MergeFrom(request)
    if "config" in each.template.custom:
        each.template.custom["config"]["TrainingJobName"] = name
    return each


def create_all(connectors: dict[str, tuple[str, CreateTaskRequest]], count: int) -> dict[str, list[float]]:
    """Milliseconds of each create, the connectors taking turns."""
    taken: dict[str, list[float]] = {name: [] for name in connectors}
    with contextlib.ExitStack() as stack:
        stubs = {
            name: AsyncAgentServiceStub(stack.enter_context(grpc.insecure_channel(address)))
            for name, (address, _) in connectors.items()
        }
        for number in range(count):
            for name, (_, request) in connectors.items():
                each = of_execution(request, number)
                begin = time.perf_counter()
                stubs[name].CreateTask(each)
                taken[name].append(1000 * (time.perf_counter() - begin))
    return taken


def latency(account: SageMaker, folder: Path, count: int, with_rival: bool) -> str:
    """The table of create latencies."""
    settings = {
        "FLYTEKIT_SAGEMAKER_ENDPOINT_URL": account.url,
        "FLYTEKIT_SAGEMAKER_ROLE_ARN": ROLE,
        "FLYTEKIT_SAGEMAKER_OUTPUT_PREFIX": "s3://bucket/output",
    }
    with contextlib.ExitStack() as stack:
        connectors = {"ours": (stack.enter_context(connector(folder, settings)).address, our_request())}
        if with_rival:
            where: Any = {"scripts": rival.scripts(), "modules": [rival.MODULE]}
            served = stack.enter_context(connector(folder, {"AWS_ENDPOINT_URL": account.url}, **where))
            connectors["awssagemaker"] = (served.address, rivals_request())
        taken = create_all(connectors, count)
    made = account.calls()["CreateTrainingJob"]
    if made != count * len(connectors):
        raise RuntimeError(f"{made} jobs were created by {count} creates of {len(connectors)} connectors")
    rows = []
    for name, (first, *times) in taken.items():
        spread = (statistics.median(times), statistics.quantiles(times, n=20)[-1])
        rows.append([name, count, f"{first:.0f}", *(f"{value:.1f}" for value in spread)])
    return table(("connector", "creates", "first, ms", "median, ms", "95 %, ms"), rows)


def memory(account: SageMaker, count: int) -> dict[str, Any]:
    """What our connector grows by when it follows so many jobs."""
    names = [f"flyte-training-f{number:019}-n0-0-{number:08x}" for number in range(count)]
    client, plain = account.client(), our_plain_request()
    for name in names:
        client.create_training_job(TrainingJobName=name, **plain)
    environment = {**os.environ, **ENVIRONMENT, **PACE, "FLYTEKIT_SAGEMAKER_ENDPOINT_URL": account.url}
    results = {}
    for how in ("resident", "traced"):
        command = [sys.executable, "-W", "ignore", "-m", "parts.memory", account.url, how, *names]
        done = subprocess.run(command, cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        results[how] = json.loads(done.stdout.splitlines()[-1])
    return results


def our_plain_request() -> dict[str, Any]:
    """A request without inputs, for jobs that are only looked at."""
    return {
        "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 10},
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    }


def main() -> None:
    """Measure and print two tables."""
    options = _options()
    creates, jobs = (5, 150) if options.quick else (200, 5000)
    print(machine(), end="\n\n")
    with tempfile.TemporaryDirectory() as folder, sagemaker("--seconds", "86400") as account:
        print(latency(account, Path(folder), creates, not options.without_rival), end="\n\n")
        grown = memory(account, jobs)
    rows = [
        [what, f"{result['jobs']:,}", f"{result[how] / (1 << 20):.1f}", f"{result[how] / result['jobs']:,.0f}"]
        + [f"{1000 * result[how] / result['jobs'] / (1 << 20):.2f}"]
        for what, how in (("resident memory", "resident"), ("Python's objects (tracemalloc)", "traced"))
        for result in (grown[how],)
    ]
    print(table(("ours grows by", "jobs", "MiB", "bytes per job", "MiB per 1,000 jobs"), rows))
    if options.places:
        places = [[place, f"{size / grown['traced']['jobs']:,.0f}"] for place, size in grown["traced"]["places"]]
        print("\n" + table(("allocated at", "bytes per job"), places))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="seconds: whether it runs at all")
    parser.add_argument("--without-rival", action="store_true", help="leave out flytekitplugins-awssagemaker")
    parser.add_argument("--places", action="store_true", help="say which lines hold the memory")
    return parser.parse_args()


if __name__ == "__main__":
    main()
