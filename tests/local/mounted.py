"""A function whose channel is on a file system."""

from __future__ import annotations

import os
from pathlib import Path

from flytekit_sagemaker import custom_training_job_task
from flytekit_sagemaker.models.training_job import Channel, FileSystemDataSource, TrainingJobConfig

FILE_SYSTEM = "fs-0123456789abcdef0"


@custom_training_job_task(
    training_job_config=TrainingJobConfig(
        instance_type="ml.m5.xlarge", volume_size_in_gb=10, subnets=["subnet-1"], security_group_ids=["sg-1"]
    ),
    channels=[
        Channel(
            name="words",
            file_system=FileSystemDataSource(
                file_system_id=FILE_SYSTEM,
                file_system_type="FSX_LUSTRE",
                directory_path="/mount/words",
                access_mode="RW",
            ),
        )
    ],
)
def join_words(separator: str) -> str:
    words = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "input/data/words")
    text = separator.join(file.read_text() for file in sorted(words.glob("[ab].txt")))
    (words / "joined.txt").write_text(text)
    return text
