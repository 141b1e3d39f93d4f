"""Where SageMaker puts things in a training container, and where it looks for them afterwards.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flytekit_sagemaker.errors import UserError

DEFAULT_BASE_DIR = "/opt/ml"
BASE_DIR_VARIABLE = "SAGEMAKER_BASE_DIR"
"""What the sagemaker-training toolkit, and so we, use in place of ``/opt/ml``."""

OBJECTIVE_METRIC_HYPERPARAMETER = "_tuning_objective_metric"
"""The hyperparameter that a tuning job adds to those of its trials: the name of the objective metric."""

MPI_ENABLED = "sagemaker_mpi_enabled"
"""The hyperparameter by which the sagemaker-training toolkit, and so we, knows a job under MPI."""


class Contract:
    """One host of a training job, as its files describe it; outside a job, a single host without any input.

    Attributes:
        base: what ``/opt/ml`` is for this host.
        training_job_name: the job's name, empty outside a job.

    Raises (from the properties that read a file of SageMaker's):
        UserError: the file is not the JSON object that SageMaker writes.
    """

    def __init__(self, base: Path, training_job_name: str = "") -> None:
        self.base = base
        self.training_job_name = training_job_name

    @classmethod
    def here(cls, environ: Mapping[str, str] = os.environ) -> Contract:
        """The host that this process runs on."""
        base = Path(environ.get(BASE_DIR_VARIABLE) or DEFAULT_BASE_DIR)
        return cls(base, environ.get("TRAINING_JOB_NAME", ""))

    @property
    def model_dir(self) -> Path:
        """What lies here at the end becomes ``model.tar.gz``."""
        return self.base / "model"

    @property
    def output_data_dir(self) -> Path:
        """What lies here at the end becomes ``output.tar.gz``."""
        return self.base / "output" / "data"

    @property
    def code_dir(self) -> Path:
        """Where the sagemaker-training toolkit keeps a script."""
        return self.base / "code"

    @property
    def failure_file(self) -> Path:
        """The beginning of this text becomes the job's FailureReason."""
        return self.base / "output" / "failure"

    @property
    def success_file(self) -> Path:
        """An empty file that the sagemaker-training toolkit leaves when all went well."""
        return self.base / "output" / "success"

    @property
    def config_dir(self) -> Path:
        """The JSON documents that describe the job."""
        return self.base / "input" / "config"

    @property
    def data_dir(self) -> Path:
        """One directory per channel."""
        return self.base / "input" / "data"

    @functools.cached_property
    def hyperparameters(self) -> Mapping[str, str]:
        """Name and value of every hyperparameter, all text."""
        return {name: str(value) for name, value in self.config("hyperparameters").items()}

    @property
    def is_trial(self) -> bool:
        """Whether a tuning job has launched this training job."""
        return OBJECTIVE_METRIC_HYPERPARAMETER in self.hyperparameters

    @functools.cached_property
    def channels(self) -> Sequence[str]:
        """The names of the job's channels, sorted."""
        return sorted(self.config("inputdataconfig"))

    def channel(self, name: str) -> Path | None:
        """The directory with a channel's files; None when the job has no such channel, or streams it (Pipe mode)."""
        folder = self.data_dir / name
        return folder if folder.is_dir() else None

    @functools.cached_property
    def resources(self) -> Mapping[str, Any]:
        """The content of ``resourceconfig.json``."""
        return self.config("resourceconfig")

    @functools.cached_property
    def hosts(self) -> tuple[str, ...]:
        """The names of all hosts of the job, in the order of their numbers."""
        return tuple(sorted(self.resources.get("hosts") or [self.current_host], key=_natural))

    @functools.cached_property
    def current_host(self) -> str:
        """The name of this host."""
        return str(self.resources.get("current_host") or "algo-1")

    @functools.cached_property
    def network_interface_name(self) -> str:
        """The network interface that leads to the other hosts."""
        return str(self.resources.get("network_interface_name") or "eth0")

    @functools.cached_property
    def checkpoint_dir(self) -> Path:
        """The directory that SageMaker keeps in step with the job's checkpoint URI, when it has one."""
        path = Path(self.config("checkpointconfig").get("LocalPath") or f"{DEFAULT_BASE_DIR}/checkpoints")
        return self.base / path.relative_to(DEFAULT_BASE_DIR) if path.is_relative_to(DEFAULT_BASE_DIR) else path

    @property
    def checkpoints_are_kept(self) -> bool:
        """Whether the job has a checkpoint URI, so that its checkpoints outlive this host."""
        return (self.config_dir / "checkpointconfig.json").is_file()

    def config(self, name: str) -> dict[str, Any]:
        """One of the JSON documents that describe the job; empty when it is not there."""
        file = self.config_dir / f"{name}.json"
        if not file.is_file():
            return {}
        try:
            return dict(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise UserError(f"{file} holds no JSON object: {error}") from error

    def fail(self, text: str) -> None:
        """Leave the text whose first 1,024 characters become the job's FailureReason, if that is possible at all."""
        with contextlib.suppress(OSError):
            self.failure_file.parent.mkdir(parents=True, exist_ok=True)
            self.failure_file.write_text(text, encoding="utf-8", errors="backslashreplace")


def _natural(name: str) -> list[tuple[str, int]]:
    return [(text, int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d*)", name)]
