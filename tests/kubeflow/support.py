"""Command lines as Kubeflow makes them, and the component run with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flytekit_sagemaker.kubeflow.arguments import OUTPUTS
from flytekit_sagemaker.kubeflow.hyperparameter_tuning import main

ROLE = "arn:aws:iam::111122223333:role/sagemaker-job"


def channel(name: str, folder: Path | str, **members: Any) -> dict[str, Any]:
    """A channel as the published samples write it."""
    uri = folder.as_uri() if isinstance(folder, Path) else folder
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"}
    return {
        "ChannelName": name,
        "DataSource": {"S3DataSource": source},
        "CompressionType": "None",
        "RecordWrapperType": "None",
        "InputMode": "File",
        **members,
    }


AT_AWS: dict[str, Any] = {
    "region": "us-east-1",
    "role": ROLE,
    "algorithm_name": "K-Means",
    "metric_name": "test:msd",
    "metric_type": "Minimize",
    "static_parameters": {"k": "3", "feature_dim": "2"},
    "integer_parameters": [{"Name": "mini_batch_size", "MinValue": "100", "MaxValue": "200"}],
    "channels": [channel("train", "s3://bucket/train"), channel("test", "s3://bucket/test")],
    "output_location": "s3://bucket/output",
    "max_num_jobs": 4,
    "max_parallel_jobs": 2,
}


def command_line(arguments: dict[str, Any], outputs: Path | None = None) -> list[str]:
    """Values as Kubeflow writes them, and a file for each output in a folder of its own."""
    words = []
    for name, value in arguments.items():
        words += [f"--{name}", value if isinstance(value, str) else json.dumps(value)]
    for output in OUTPUTS if outputs else ():
        words += [f"--{output.option}", str(outputs / output.name / "data")]  # type: ignore[operator]
    return words


class Step(NamedTuple):
    """What is left of a step of a pipeline."""

    code: int
    outputs: dict[str, str]
    log: str
    errors: str


def outputs_in(folder: Path) -> dict[str, str]:
    paths = {output.name: folder / output.name / "data" for output in OUTPUTS}
    return {name: path.read_text() for name, path in paths.items() if path.exists()}


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Step]:
    """Runs the component in this process."""
    count = iter(range(100))

    def run(arguments: dict[str, Any], **others: Any) -> Step:
        folder = tmp_path / f"outputs-{next(count)}"
        capfd.readouterr()
        code = main(command_line({**arguments, **others}, folder))
        return Step(code, outputs_in(folder), *capfd.readouterr())

    return run
