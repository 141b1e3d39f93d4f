"""A hyperparameter tuning job as a Flyte task."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flytekit.tools.translator import get_serializable
from flytekit.types.file import FlyteFile
from flytekit.types.structured import StructuredDataset

from flytekit_sagemaker.arguments import explain_arguments
from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJob, HyperparameterTuningJobConfig
from flytekit_sagemaker.models.parameter_ranges import ParameterRangeOneOf
from flytekit_sagemaker.models.training_job import Function
from flytekit_sagemaker.tasks.custom_training_job_task import CustomTrainingJobTask
from flytekit_sagemaker.tasks.function_jobs import MODEL
from flytekit_sagemaker.tasks.inputs import distinct_inputs
from flytekit_sagemaker.tasks.options import TaskOptions
from flytekit_sagemaker.tasks.sagemaker_task import SageMakerTask
from flytekit_sagemaker.tasks.training_job_task import SdkSimpleTrainingJobTask, simple_inputs

__all__ = ["SdkSimpleHPOJobTask"]

OUTPUTS: dict[str, Any] = {
    "model": FlyteFile,
    "hpo_job_name": str,
    "best_job_name": str,
    "best_hyperparameters": dict,
    "best_objective": float,
    "training_image": str,
    "model_artifact_url": str,
    "trials": StructuredDataset,
}


class SdkSimpleHPOJobTask(SageMakerTask):
    """Tunes the hyperparameters of a training job task.

    Inputs of the task: those of the training job task, ``hyperparameter_tuning_job_config``, and one range per name in
    ``tunable_parameters``. Outputs: ``model`` (file) of the best trial, ``hpo_job_name`` (str), ``best_job_name``
    (str), ``best_hyperparameters`` (dict of texts: static and tuned), ``best_objective`` (float), ``training_image``
    (str), ``model_artifact_url`` (str), ``trials`` (a table, one row per trial).

    Several training job tasks, given by name, are tuned together, and the best trial of all wins. They share channels
    of the same name and the stopping condition; ``static_hyperparameters`` are then those of each by its name, and so
    are ranges and objectives, in ``training_job_definitions`` of the config. Tasks of functions are tuned alone.

    Over a custom training job task, what is tuned may be keys of ``hyperparameters`` and inputs of the function that
    are an int, a float, a str or a bool; the range of such an input takes the place of the input. While such an input
    is not tuned it is a static hyperparameter, unless it looks like a secret. What the function returned in the best
    trial becomes outputs too; ``model`` is the function's own, and left out when it returns none.

    Args:
        training_job: the task to tune, or up to 10 tasks by name.
        max_number_of_training_jobs: trials in all.
        max_parallel_training_jobs: trials at a time.
        name: full name of the task; ``<module>.<variable>`` where left out.
        tunable_parameters: hyperparameters, or inputs of the function, whose range is an input of the task, beside the
            ranges in the config.
        overrides: members of the CreateHyperParameterTuningJob request, merged into it last; None removes a member.
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
        training_job: SdkSimpleTrainingJobTask | CustomTrainingJobTask | Mapping[str, SdkSimpleTrainingJobTask],
        max_number_of_training_jobs: int,
        max_parallel_training_jobs: int,
        *,
        name: str | None = None,
        tunable_parameters: Sequence[str] | None = None,
        overrides: Mapping[str, Any] | None = None,
        retries: int = 0,
        cacheable: bool = False,
        cache_version: str = "",
        interruptible: bool = False,
    ) -> None:
        tasks: dict[Any, Any] = dict(training_job) if isinstance(training_job, Mapping) else {None: training_job}
        _check_tasks(tasks)
        jobs = {name: task.training_job for name, task in tasks.items()}
        tuned = HyperparameterTuningJob(
            training_job=jobs.pop(None, None),
            training_jobs=jobs,
            max_number_of_training_jobs=max_number_of_training_jobs,
            max_parallel_training_jobs=max_parallel_training_jobs,
            tunable_parameters=tunable_parameters or (),
            overrides=overrides,
        )
        self.tunable_parameters = tuple(tuned.tunable_parameters)
        self._function_task = training_job if isinstance(training_job, CustomTrainingJobTask) else None
        if self._function_task is None:
            first = next(iter(tuned.definitions.values()))
            inputs, outputs = simple_inputs(tuned.channels, first.training_job_config), OUTPUTS
        else:
            inputs, outputs = _inputs_and_outputs(self._function_task, tuned)
        algorithms = [job.algorithm_specification.algorithm_name.name for job in tuned.definitions.values()]
        super().__init__(
            self.TASK_TYPE,
            tuned,
            channels=tuned.channels,
            summary=f"Tunes {' and '.join(dict.fromkeys(algorithms))} as a SageMaker hyperparameter tuning job.",
            inputs=distinct_inputs(
                ("training_job", inputs),
                ("channels", {"hyperparameter_tuning_job_config": HyperparameterTuningJobConfig}),
                ("tunable_parameters", dict.fromkeys(tuned.tunable_parameters, ParameterRangeOneOf)),
            ),
            outputs=outputs,
            options=TaskOptions(name, retries, cacheable, cache_version, interruptible),
        )

    @property
    def function_task(self) -> CustomTrainingJobTask | None:
        """The task whose function each trial runs; None for a built-in algorithm."""
        return self._function_task

    def get_container(self, settings: Any) -> Any:
        """The container of the function that is tuned, as Flyte would start it; None for a built-in algorithm."""
        if self.function_task is None:
            return None
        return get_serializable(OrderedDict(), settings, self.function_task).template.container


def _check_tasks(tasks: Mapping[str | None, Any]) -> None:
    rule = "must be a training job task"
    kinds = (SdkSimpleTrainingJobTask, CustomTrainingJobTask)
    problems = [
        Problem("training_job" if name is None else f"training_job.{name}", task, rule)
        for name, task in tasks.items()
        if not isinstance(task, kinds)
    ]
    if problems:
        raise InvalidInput("SdkSimpleHPOJobTask", problems)


def _inputs_and_outputs(
    task: CustomTrainingJobTask, tuned: HyperparameterTuningJob
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those of a task whose trials run a function, without the inputs whose ranges take their place."""
    function, interface = task.training_job.function or Function(), task.python_interface
    _check_tunable(tuned.tunable_parameters, function)
    _check_outputs(interface.outputs)
    replaced = set(tuned.tunable_parameters) & set(function.tunable_inputs or {})
    inputs = {name: each for name, each in interface.inputs_with_defaults.items() if name not in replaced}
    return inputs, {**interface.outputs, **{name: kind for name, kind in OUTPUTS.items() if name != MODEL}}


def _check_tunable(names: Sequence[str], function: Function) -> None:
    known = function.tunable_inputs or {}
    if function.takes_hyperparameters or set(names) <= set(known):
        return
    rule = "is no input of the function that can be tuned, and the function takes no hyperparameters"
    raise InvalidInput(
        "SdkSimpleHPOJobTask",
        [
            Problem("tunable_parameters", name, rule, did_you_mean(name, known) or f"Inputs: {', '.join(known)}.")
            for name in names
            if name not in known
        ],
    )


def _check_outputs(names: Iterable[str]) -> None:
    rule = "is also the name of an output of every tuning job"
    problems = [
        Problem("training_job", name, rule, "Give the function's output another name.")
        for name in names
        if name in OUTPUTS and name != MODEL
    ]
    if problems:
        raise InvalidInput("SdkSimpleHPOJobTask", problems)
