"""How long a launch takes: ``python benchmarks/launch.py``.

``task.register_and_launch(...)`` of a task that is registered already, against the sandbox, side by side with the two
remote procedure calls that it cannot do without (is this version registered; create the execution), sent as prepared
messages. The difference is what this package adds: inputs checked and converted, the task serialized and its version
made of its content, the messages built.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from flyteidl.admin import execution_pb2
from flytekit.remote import FlyteRemote
from parts.tables import machine, table

from flytekit_sagemaker import SdkSimpleTrainingJobTask
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, TrainingJobConfig
from flytekit_sagemaker.remote.admin import Admin
from flytekit_sagemaker.remote.inputs import to_literals
from flytekit_sagemaker.remote.registration import register
from flytekit_sagemaker.sandbox import Sandbox
from flytekit_sagemaker.tasks.inputs import accepted_inputs
from flytekit_sagemaker.types import AlgorithmName

PROJECT, DOMAIN = "benchmarks", "development"
INPUTS = {
    "static_hyperparameters": {"num_round": "1", "objective": "no:such"},  # refused at once: no training in the way
    "train": "s3://bucket/train",
    "validation": "s3://bucket/validation",
}

train = SdkSimpleTrainingJobTask(
    training_job_config=TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10),
    algorithm_specification=AlgorithmSpecification(algorithm_name=AlgorithmName.XGBOOST, algorithm_version="1.7-1"),
)


def milliseconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - begin)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--launches", type=int, default=50)
    launches = options.parse_args().launches
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder)) as sandbox:
        remote = FlyteRemote(sandbox.config(), PROJECT, DOMAIN, interactive_mode_enabled=False)
        admin = Admin.of(remote, PROJECT, DOMAIN)

        def launch() -> object:
            return train.register_and_launch(PROJECT, DOMAIN, inputs=INPUTS, remote=remote)

        first = milliseconds(launch)
        task = register(admin, train, train.name, None)
        accepted = accepted_inputs(train.name, train.python_interface.inputs_with_defaults, INPUTS, in_place=False)
        literals = to_literals(admin, train, accepted)
        spec = execution_pb2.ExecutionSpec(launch_plan=task)

        def calls() -> None:
            admin.task(task)
            name = f"f{uuid.uuid4().hex[:19]}"
            request = execution_pb2.ExecutionCreateRequest(
                project=PROJECT, domain=DOMAIN, name=name, spec=spec, inputs=literals
            )
            admin.call("create_execution", request)

        pairs = [(milliseconds(launch), milliseconds(calls)) for _ in range(launches)]
    ours, bare = ([pair[column] for pair in pairs] for column in (0, 1))
    added = [one - other for one, other in pairs]
    rows = [
        (name, *(f"{value:.1f}" for value in (statistics.median(values), min(values), max(values))))
        for name, values in (
            ("register_and_launch", ours),
            ("its remote procedure calls alone", bare),
            ("difference within a pair", added),
        )
    ]
    print(machine())
    print(f"\n{launches} launches of a registered task; the first, which registers it, took {first:.0f} ms\n")
    print(table(["milliseconds", "median", "least", "most"], rows))


if __name__ == "__main__":
    main()
