"""A hyperparameter tuning job as a Flyte task."""

from __future__ import annotations

from collections.abc import Sequence

from flytekit.types.file import FlyteFile
from flytekit.types.structured import StructuredDataset

from flytekit_sagemaker.arguments import explain_arguments
from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJob, HyperparameterTuningJobConfig
from flytekit_sagemaker.models.parameter_ranges import ParameterRangeOneOf
from flytekit_sagemaker.tasks.inputs import distinct_inputs
from flytekit_sagemaker.tasks.options import TaskOptions
from flytekit_sagemaker.tasks.sagemaker_task import SageMakerTask
from flytekit_sagemaker.tasks.training_job_task import SdkSimpleTrainingJobTask

__all__ = ["SdkSimpleHPOJobTask"]


class SdkSimpleHPOJobTask(SageMakerTask):
    """Tunes the hyperparameters of a training job task.

    Inputs of the task: those of the training job task, ``hyperparameter_tuning_job_config``, and one range per name in
    ``tunable_parameters``. Outputs: ``model`` (file) of the best trial, ``hpo_job_name`` (str), ``best_job_name``
    (str), ``best_hyperparameters`` (dict of texts: static and tuned), ``best_objective`` (float), ``training_image``
    (str), ``model_artifact_url`` (str), ``trials`` (a table, one row per trial).

    Args:
        training_job: the task to tune.
        max_number_of_training_jobs: trials in all.
        max_parallel_training_jobs: trials at a time.
        name: full name of the task; ``<module>.<variable>`` where left out.
        tunable_parameters: hyperparameters whose range is an input of the task, beside the ranges in the config.
        retries: attempts after the first, for failures that are not the user's.
        cacheable: whether Flyte may reuse the outputs of an earlier run with the same inputs.
        cache_version: version of the cache; required when cacheable.
        interruptible: whether Flyte counts the task as interruptible.

    Raises:
        InvalidInput: listing every argument that breaks a rule.
    """

    TASK_TYPE = "sagemaker_hyperparameter_tuning_job_task"

    @explain_arguments
    def __init__(
        self,
        training_job: SdkSimpleTrainingJobTask,
        max_number_of_training_jobs: int,
        max_parallel_training_jobs: int,
        *,
        name: str | None = None,
        tunable_parameters: Sequence[str] | None = None,
        retries: int = 0,
        cacheable: bool = False,
        cache_version: str = "",
        interruptible: bool = False,
    ) -> None:
        if not isinstance(training_job, SdkSimpleTrainingJobTask):
            rule = "must be a training job task"
            raise InvalidInput(type(self).__name__, [Problem("training_job", training_job, rule)])
        tuned = HyperparameterTuningJob(
            training_job=training_job.training_job,
            max_number_of_training_jobs=max_number_of_training_jobs,
            max_parallel_training_jobs=max_parallel_training_jobs,
            tunable_parameters=tunable_parameters or (),
        )
        self.tunable_parameters = tuple(tuned.tunable_parameters)
        super().__init__(
            self.TASK_TYPE,
            tuned,
            training_job=tuned.training_job,
            summary="Tunes {algorithm} as a SageMaker hyperparameter tuning job.",
            inputs=distinct_inputs(
                ("training_job", training_job.python_interface.inputs_with_defaults),
                ("channels", {"hyperparameter_tuning_job_config": HyperparameterTuningJobConfig}),
                ("tunable_parameters", dict.fromkeys(tuned.tunable_parameters, ParameterRangeOneOf)),
            ),
            outputs={
                "model": FlyteFile,
                "hpo_job_name": str,
                "best_job_name": str,
                "best_hyperparameters": dict,
                "best_objective": float,
                "training_image": str,
                "model_artifact_url": str,
                "trials": StructuredDataset,
            },
            options=TaskOptions(name, retries, cacheable, cache_version, interruptible),
        )
