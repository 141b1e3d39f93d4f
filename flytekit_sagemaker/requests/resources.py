"""The machines of a job, as a request asks for them.

Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_HyperParameterTuningResourceConfig.html
"""

from __future__ import annotations

from typing import Any

from flytekit_sagemaker.models.training_job import InstanceConfig, TrainingJobConfig
from flytekit_sagemaker.requests.assembly import present
from flytekit_sagemaker.requests.deployment import Deployment
from flytekit_sagemaker.requests.fields import members


def of_training_job(config: TrainingJobConfig, place: Deployment) -> dict[str, Any]:
    """``ResourceConfig``, with ``InstancePreferences`` where there is a choice of machines: one volume size for all."""
    machines: dict[str, Any]
    if config.instance_configs:
        several = _in_order(config)
        machines = {
            "InstancePreferences": [members(each, without=("volume_size_in_gb",)) for each in several],
            "VolumeSizeInGB": max(each.volume_size_in_gb for each in several),
        }
    else:
        machines = members(_in_order(config)[0])
    kept_alive = present(KeepAlivePeriodInSeconds=config.keep_alive_period_in_seconds)
    return {"ResourceConfig": {**machines, **present(VolumeKmsKeyId=place.volume_kms_key_id), **kept_alive}}


def of_definition(config: TrainingJobConfig, place: Deployment) -> dict[str, Any]:
    """The same for a training job definition; with a choice of machines, ``HyperParameterTuningResourceConfig``.

    That has no keep-alive period: a tuning job keeps the machines of its trials by itself.
    """
    if not config.instance_configs:
        return of_training_job(config, place)
    several = {
        "AllocationStrategy": "Prioritized",
        "InstanceConfigs": [members(each) for each in _in_order(config)],
    }
    return {"HyperParameterTuningResourceConfig": {**several, **present(VolumeKmsKeyId=place.volume_kms_key_id)}}


def _in_order(config: TrainingJobConfig) -> tuple[InstanceConfig, ...]:
    first = InstanceConfig(
        instance_type=config.instance_type,
        volume_size_in_gb=config.volume_size_in_gb,
        instance_count=config.instance_count,
    )
    return (first, *config.instance_configs)
