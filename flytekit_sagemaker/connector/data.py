"""Looks at training data that lies on this machine, so that a mistake in it is reported together with all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flytekit_sagemaker.algorithms import algorithm, identify_image
from flytekit_sagemaker.algorithms.content import channel_problems
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.requests.request_members import definitions, entries, struct
from flytekit_sagemaker.uris import local_path


def data_problems(operation: str, request: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the ``file://`` channels of a create request; other channels are not looked at."""
    jobs = [request] if operation == "CreateTrainingJob" else [item for _, item in definitions(request)]
    for job in jobs:
        identity = identify_image(str(struct(job, "AlgorithmSpecification").get("TrainingImage", "")))
        for channel in entries(job, "InputDataConfig"):
            source = struct(struct(channel, "DataSource"), "S3DataSource") if isinstance(channel, Mapping) else {}
            path = local_path(str(source.get("S3Uri", "")))
            if path is None:
                continue
            name = str(channel.get("ChannelName"))
            found: list[Problem] = []
            if source.get("S3DataType") == "S3Prefix":
                found = channel_problems(path, channel, algorithm(identity[0]) if identity else None)
            yield from found
            if found:
                continue
            if not path.exists():
                yield Problem(name, str(path), "does not exist")
            elif path.is_dir() and not any(item.is_file() for item in path.rglob("*")):
                yield Problem(name, str(path), "has no files")
