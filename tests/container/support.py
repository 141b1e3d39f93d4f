"""The tree that a container finds under ``/opt/ml``, without any SageMaker around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flytekit_sagemaker.container.contract import Contract


class Tree:
    """One host's tree, with the documents that SageMaker would write."""

    def __init__(
        self,
        base: Path,
        hyperparameters: Mapping[str, str] | None = None,
        channels: Mapping[str, Mapping[str, str]] | None = None,
        hosts: Sequence[str] = ("algo-1",),
        current_host: str = "algo-1",
        checkpoints: str = "",
        code: Mapping[str, str] | None = None,
    ) -> None:
        self.base = base
        self.contract = Contract(base)
        for folder in ("input/config", "input/data", "model", "output/data", "code"):
            (base / folder).mkdir(parents=True)
        self.write("hyperparameters", hyperparameters or {})
        group = {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": list(hosts)}
        self.write(
            "resourceconfig",
            {
                "current_host": current_host,
                "hosts": list(hosts),
                "current_instance_type": "ml.m5.large",
                "current_group_name": "homogeneousCluster",
                "instance_groups": [group],
                "network_interface_name": "eth0",
            },
        )
        inputs = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
        self.write("inputdataconfig", {name: {**inputs, **each} for name, each in (channels or {}).items()})
        for name in channels or {}:
            (base / "input" / "data" / name).mkdir()
        if checkpoints:
            self.write("checkpointconfig", {"S3Uri": "s3://bucket/checkpoints", "LocalPath": checkpoints})
        for name, text in (code or {}).items():
            (base / "code" / name).write_text(text)

    def write(self, name: str, document: object) -> None:
        (self.base / "input" / "config" / f"{name}.json").write_text(json.dumps(document))

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a process in the container."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SM_", "SAGEMAKER_"))}
        return {
            **inherited,
            "SAGEMAKER_BASE_DIR": str(self.base),
            "SM_STUDIO_LOCAL_MODE": "true",
            "TRAINING_JOB_NAME": "job",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @property
    def failure(self) -> str | None:
        file = self.base / "output" / "failure"
        return file.read_text() if file.exists() else None

    def run(self, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a Python program in the container."""
        options = self._options(environment)
        return subprocess.run([sys.executable, "-c", program], input="", capture_output=True, **options)

    def start(self, program: str, **environment: str) -> subprocess.Popen[str]:
        """Start a Python program in the container; its standard input and output are pipes."""
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen([sys.executable, "-c", program], **pipes, **self._options(environment))

    def _options(self, environment: Mapping[str, str]) -> dict[str, Any]:
        return {"env": {**self.environment, **environment}, "text": True, "cwd": self.base}
