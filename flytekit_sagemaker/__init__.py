"""Train and tune on Amazon SageMaker from Flyte, and on your own machine without an AWS account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flytekit_sagemaker.tasks.hpo_job_task import SdkSimpleHPOJobTask
    from flytekit_sagemaker.tasks.training_job_task import SdkSimpleTrainingJobTask

__all__ = ["SdkSimpleHPOJobTask", "SdkSimpleTrainingJobTask"]

# Loaded on first use: `import flytekit` imports this package for everybody who has it installed.
_HOMES = {
    "SdkSimpleHPOJobTask": "flytekit_sagemaker.tasks.hpo_job_task",
    "SdkSimpleTrainingJobTask": "flytekit_sagemaker.tasks.training_job_task",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
