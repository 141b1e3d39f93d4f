"""Train and tune on Amazon SageMaker from Flyte, and on your own machine without an AWS account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flytekit_sagemaker.container.checkpoints import checkpoint
    from flytekit_sagemaker.container.metrics import report_metric
    from flytekit_sagemaker.images import sagemaker_image
    from flytekit_sagemaker.remote import fetch_execution
    from flytekit_sagemaker.tasks.custom_training_job_task import custom_training_job_task
    from flytekit_sagemaker.tasks.hpo_job_task import SdkSimpleHPOJobTask
    from flytekit_sagemaker.tasks.training_job_task import SdkSimpleTrainingJobTask

__all__ = [
    "SdkSimpleHPOJobTask",
    "SdkSimpleTrainingJobTask",
    "checkpoint",
    "custom_training_job_task",
    "fetch_execution",
    "report_metric",
    "sagemaker_image",
]

# Loaded on first use: `import flytekit` imports this package for everybody who has it installed.
_HOMES = {
    "SdkSimpleHPOJobTask": "flytekit_sagemaker.tasks.hpo_job_task",
    "SdkSimpleTrainingJobTask": "flytekit_sagemaker.tasks.training_job_task",
    "checkpoint": "flytekit_sagemaker.container.checkpoints",
    "custom_training_job_task": "flytekit_sagemaker.tasks.custom_training_job_task",
    "fetch_execution": "flytekit_sagemaker.remote",
    "report_metric": "flytekit_sagemaker.container.metrics",
    "sagemaker_image": "flytekit_sagemaker.images",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
