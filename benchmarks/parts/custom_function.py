"""A function that does nothing but tell when it began, as a custom training job."""

from __future__ import annotations

import time

from flytekit_sagemaker import custom_training_job_task
from flytekit_sagemaker.models.training_job import TrainingJobConfig


@custom_training_job_task(training_job_config=TrainingJobConfig(instance_type="ml.m5.large", volume_size_in_gb=1))
def began() -> float:
    return time.time()
