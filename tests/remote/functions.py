"""Functions whose inputs and outputs are of many types."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker import custom_training_job_task
from flytekit_sagemaker.models.training_job import TrainingJobConfig


class Made(NamedTuple):
    array: np.ndarray
    maybe: FlyteFile | None
    nothing: FlyteFile | None
    files: list[FlyteFile]
    folders: dict[str, FlyteDirectory]


CONFIG = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10)


@custom_training_job_task(training_job_config=CONFIG)
def read_all(
    text: FlyteFile, folder: FlyteDirectory, maybe: FlyteFile | None, several: list[FlyteFile], rate: float
) -> list[str]:
    inner = [Path(folder, "a.txt"), Path(folder, "inner", "b.txt")]
    return [Path(each).read_text() for each in (text, *inner, maybe, *several)] + [repr(rate)]


@custom_training_job_task(training_job_config=CONFIG)
def make(text: str) -> Made:
    Path("a name ü.txt").write_text(text)
    Path("folder").mkdir()
    Path("folder", "b.txt").write_text(text)
    file = FlyteFile("a name ü.txt")
    return Made(np.arange(3), file, None, [file], {"one": FlyteDirectory("folder")})
