"""Functions that print."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from flytekit import current_context

from flytekit_sagemaker import custom_training_job_task, report_metric
from flytekit_sagemaker.models.training_job import TrainingJobConfig

ONE = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10)
TWO = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10, instance_count=2)


@custom_training_job_task(training_job_config=ONE)
def count(to: int) -> int:
    """Count aloud."""
    print(f"counting to {to}")
    if to < 0:
        raise ValueError(f"{to} is negative")
    for step in range(to):
        print(f"step {step + 1} [of {to}]", file=sys.stderr if step % 2 else sys.stdout, flush=True)
    return to


@custom_training_job_task(training_job_config=ONE)
def wait_to_be_heard(folder: str) -> str:
    """Print until somebody answers."""
    give_up = time.monotonic() + 60
    while not (Path(folder) / "heard").exists():
        print("is anybody there?", flush=True)
        if time.monotonic() > give_up:
            return "alone"
        time.sleep(0.05)
    return "heard"


@custom_training_job_task(training_job_config=TWO)
def on_two_hosts() -> None:
    """Say where."""
    print(f"this is {current_context().distributed_context.current_host}")


@custom_training_job_task(training_job_config=ONE, environment={"DB_PASSWORD": "hunter2-and-more"})
def careless() -> None:
    """Print a secret."""
    print("connecting with", os.environ["DB_PASSWORD"])


@custom_training_job_task(training_job_config=ONE)
def measure(name: str) -> None:
    """Report a metric whose name nobody can read from here, and one that everybody can."""
    for step in range(2):
        report_metric(name, 1.0, step=step)
    report_metric("known", 2.0)
