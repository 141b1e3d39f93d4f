"""A function whose hosts talk by MPI."""

from __future__ import annotations

import os
from pathlib import Path

from flytekit import current_context

from flytekit_sagemaker import custom_training_job_task, report_metric
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, TrainingJobConfig
from flytekit_sagemaker.types import AlgorithmName, DistributedProtocol

IMAGE = Path(__file__).parents[2] / ".tools" / "image"


@custom_training_job_task(
    training_job_config=TrainingJobConfig(
        instance_type="ml.m5.xlarge",
        volume_size_in_gb=10,
        instance_count=3,
        distributed_protocol=DistributedProtocol.MPI,
        environment={"PATH": f"{IMAGE / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"},
    ),
    algorithm_specification=AlgorithmSpecification(algorithm_name=AlgorithmName.CUSTOM, training_image="with-mpi"),
)
def add_ranks(broken: int) -> dict:
    from mpi4py import MPI

    place = current_context().distributed_context
    if place.rank == broken:
        raise ValueError(f"rank {broken} is broken")
    total = MPI.COMM_WORLD.allreduce(MPI.COMM_WORLD.rank)
    report_metric("total", total + place.rank)
    return {"total": total, "rank": place.rank, "mpi_rank": MPI.COMM_WORLD.rank, "host": place.current_host}
