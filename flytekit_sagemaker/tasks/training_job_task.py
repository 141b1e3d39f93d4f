"""A training job of a built-in algorithm as a Flyte task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flytekit.types.file import FlyteFile

from flytekit_sagemaker.arguments import explain_arguments
from flytekit_sagemaker.models.training_job import (
    AlgorithmSpecification,
    Channel,
    StoppingCondition,
    TrainingJob,
    TrainingJobConfig,
)
from flytekit_sagemaker.tasks.inputs import channel_inputs, declared_channels, distinct_inputs
from flytekit_sagemaker.tasks.options import TaskOptions
from flytekit_sagemaker.tasks.sagemaker_task import SageMakerTask, default_stopping_condition

__all__ = ["SdkSimpleTrainingJobTask"]


class SdkSimpleTrainingJobTask(SageMakerTask):
    """Trains with one of SageMaker's built-in algorithms; no function, no container, no script.

    Inputs of the task: ``static_hyperparameters`` (dict), one directory of CSV per channel, and ``stopping_condition``
    (a day unless given). Outputs: ``model`` (file), ``training_job_name`` (str), ``final_metrics`` (dict).

    Args:
        training_job_config: on what it runs.
        algorithm_specification: what runs.
        name: full name of the task; ``<module>.<variable>`` where left out.
        channels: names of the input channels, or :class:`Channel` objects that say more about them.
        overrides: members of the CreateTrainingJob request, merged into it last; None removes a member. When the task
            is tuned, members of its training job definition.
        retries: attempts after the first, for failures that are not the user's.
        cacheable: whether Flyte may reuse the outputs of an earlier run with the same inputs.
        cache_version: version of the cache; required when cacheable.
        interruptible: whether Flyte counts the task as interruptible.

    Raises:
        InvalidInput: listing every argument that breaks a rule.
    """

    TASK_TYPE = "sagemaker_training_job_task"

    @explain_arguments
    def __init__(
        self,
        training_job_config: TrainingJobConfig,
        algorithm_specification: AlgorithmSpecification,
        *,
        name: str | None = None,
        channels: Sequence[str | Channel] = ("train", "validation"),
        overrides: Mapping[str, Any] | None = None,
        retries: int = 0,
        cacheable: bool = False,
        cache_version: str = "",
        interruptible: bool = False,
    ) -> None:
        self.training_job = TrainingJob(
            algorithm_specification=algorithm_specification,
            training_job_config=training_job_config,
            channels=declared_channels(channels),
            overrides=overrides,
        )
        algorithm = self.training_job.algorithm_specification.algorithm_name.name
        super().__init__(
            self.TASK_TYPE,
            self.training_job,
            channels=self.training_job.channels,
            summary=f"Trains {algorithm} as a SageMaker training job.",
            inputs=simple_inputs(self.training_job.channels, self.training_job.training_job_config),
            outputs={"model": FlyteFile, "training_job_name": str, "final_metrics": dict},
            options=TaskOptions(name, retries, cacheable, cache_version, interruptible),
        )


def simple_inputs(channels: Sequence[Channel], config: TrainingJobConfig) -> dict[str, Any]:
    """The inputs of a task that trains without a function of the user's.

    Raises:
        InvalidInput: when a channel has the name of another input.
    """
    return distinct_inputs(
        ("static_hyperparameters", {"static_hyperparameters": dict}),
        ("channels", channel_inputs(channels)),
        ("channels", {"stopping_condition": (StoppingCondition, default_stopping_condition(config))}),
    )
