"""A user's own function as a SageMaker training job."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from flytekit import ImageSpec
from flytekit.core.base_task import IgnoreOutputs
from flytekit.core.interface import Interface, transform_interface_to_typed_interface
from flytekit.core.python_function_task import PythonFunctionTask
from flytekit.exceptions.user import FlyteUserRuntimeException

from flytekit_sagemaker.arguments import explain_arguments
from flytekit_sagemaker.container import job
from flytekit_sagemaker.container.contract import OBJECTIVE_METRIC_HYPERPARAMETER
from flytekit_sagemaker.container.distributed import DistributedContext
from flytekit_sagemaker.container.inputs import HYPERPARAMETERS, Parameters, inputs_of_this_job
from flytekit_sagemaker.container.model import keep_model
from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.models.codec import to_wire
from flytekit_sagemaker.models.training_job import (
    AlgorithmSpecification,
    Channel,
    Function,
    StoppingCondition,
    TrainingJobConfig,
)
from flytekit_sagemaker.tasks import images
from flytekit_sagemaker.tasks.class_style.declared_types import (
    BLOB,
    GENERIC,
    MULTI_PART_CSV,
    DeclaredType,
    declared_type,
    headerless,
)
from flytekit_sagemaker.tasks.class_style.functions import Maker, OutputsNotSet, Pending, is_class_style, made, optional
from flytekit_sagemaker.tasks.descriptions import describe_function
from flytekit_sagemaker.tasks.function_jobs import (
    MODEL,
    STOPPING_CONDITION,
    USUAL_CHANNELS,
    function_problems,
    is_data,
    training_job_of,
)
from flytekit_sagemaker.tasks.inputs import declared_channels
from flytekit_sagemaker.tasks.options import TaskOptions
from flytekit_sagemaker.tasks.sagemaker_task import default_stopping_condition
from flytekit_sagemaker.tasks.through_connector import RunsThroughConnector

__all__ = ["CustomTrainingJobTask", "custom_training_job_task"]


class CustomTrainingJobTask(RunsThroughConnector, PythonFunctionTask[None]):  # type: ignore[misc]
    """Runs a function inside a SageMaker training job; what :func:`custom_training_job_task` makes of a function.

    The arguments are those of the decorator.

    Raises:
        InvalidInput: listing every argument that breaks a rule.
    """

    TASK_TYPE = "sagemaker_custom_training_job_task"

    @explain_arguments
    def __init__(
        self,
        task_function: Callable[..., Any],
        training_job_config: TrainingJobConfig,
        algorithm_specification: AlgorithmSpecification | Mapping[str, Any] | None = None,
        *,
        channels: Sequence[str | Channel] | None = None,
        metrics: Sequence[str] = (),
        overrides: Mapping[str, Any] | None = None,
        should_persist_output: Callable[[DistributedContext], bool] | None = None,
        retries: int = 0,
        timeout: timedelta | int = 0,
        cacheable: bool = False,
        cache_version: str = "",
        interruptible: bool = False,
        environment: Mapping[str, str] | None = None,
        container_image: str | ImageSpec | None = None,
        requests: object = None,
        limits: object = None,
    ) -> None:
        refused = {"requests": requests, "limits": limits}
        problems = [
            Problem(name, value, "is not for SageMaker", "The instance_type of training_job_config says what there is.")
            for name, value in refused.items()
            if value is not None
        ]
        problems += function_problems(task_function)
        if problems:
            raise InvalidInput("custom_training_job_task", problems)
        super().__init__(
            task_config=None,
            task_function=task_function,
            task_type=self.TASK_TYPE,
            environment=dict(environment or {}),
            container_image=container_image,
            metadata=TaskOptions(None, retries, cacheable, cache_version, interruptible, timeout).metadata(),
        )
        self._function_inputs = dict(self.python_interface.inputs)
        self._should_persist_output = should_persist_output or (lambda context: context.is_first)
        self._local_model: Path | None = None
        self.training_job = training_job_of(
            self.name,
            task_function,
            self._function_inputs,
            training_job_config,
            algorithm_specification,
            channels,
            metrics,
            overrides,
        )
        self._add_what_every_job_takes()

    def _add_what_every_job_takes(self) -> None:
        """Let the task take a stopping condition whether or not the function does."""
        interface = self.python_interface
        inputs: dict[str, Any] = dict(interface.inputs_with_defaults)
        if inputs.get(STOPPING_CONDITION, (None, None))[1] is None:
            default = default_stopping_condition(self.training_job.training_job_config)
            inputs[STOPPING_CONDITION] = (StoppingCondition, default)
        channels = [channel.name for channel in self.training_job.channels]
        summary = f"Runs {self.task_function.__name__} as a SageMaker training job."
        docs = describe_function(interface.docstring, summary, inputs, channels, interface.outputs)
        self.__doc__ = docs.short_description  # what `pyflyte run TASK --help` prints
        self._python_interface = Interface(inputs, interface.outputs, interface.output_tuple_name, docstring=docs)
        self._interface = transform_interface_to_typed_interface(self._python_interface)

    @property
    def inputs_of_every_job(self) -> dict[str, Any]:
        """The inputs that are for SageMaker rather than for the function, with their defaults."""
        return {STOPPING_CONDITION: self.python_interface.default_inputs_as_kwargs[STOPPING_CONDITION]}

    @property
    def function_task(self) -> CustomTrainingJobTask:
        """The task whose function a job of this task runs: this one."""
        return self

    def get_custom(self, settings: Any) -> dict[str, Any]:
        """The protobuf JSON of the job."""
        return to_wire(self.training_job)

    def get_image(self, settings: Any) -> str:
        """The URI of the image; an image specification is built first, unless the task runs locally."""
        image = self.training_job.algorithm_specification.training_image or self.container_image
        return images.uri(image, lambda: str(super(CustomTrainingJobTask, self).get_image(settings)))

    def dispatch_execute(self, ctx: Any, input_literal_map: Any) -> Any:
        """Locally: run the job through the connector. Inside the job: run the function with what the job brought."""
        if ctx.execution_state.is_local_execution():
            return super().dispatch_execute(ctx, input_literal_map)
        current = job.current()
        defined = self.training_job.algorithm_specification.metric_definitions or ()
        objective = current.contract.hyperparameters.get(OBJECTIVE_METRIC_HYPERPARAMETER)
        current.metrics = {*(each.name for each in defined), *([objective] if objective else ())}
        try:
            with _told_as_the_users():
                own = inputs_of_this_job(input_literal_map, self._parameters(), current.contract)
            outputs = PythonFunctionTask.dispatch_execute(self, ctx, own)
            if MODEL in self.python_interface.outputs:
                with _told_as_the_users():
                    self._keep_model(ctx, outputs.literals[MODEL])
        except (Exception, SystemExit) as error:
            current.error = error
            raise
        return outputs

    def _parameters(self) -> Parameters:
        function = self.training_job.function or Function()
        return Parameters(
            types=self._function_inputs,
            channels=[channel.name for channel in self.training_job.channels],
            tunable=function.tunable_inputs or {},
            hyperparameters=function.hyperparameter_types or {},
        )

    def pre_execute(self, user_params: Any) -> Any:
        """Give the function its place among the hosts, as ``current_context().distributed_context``."""
        if user_params is None:
            return None
        return user_params.builder().add_attr("DISTRIBUTED_CONTEXT", job.current().distributed).build()

    def execute(self, **kwargs: Any) -> Any:
        """Call the function; its outputs count on the host that persists them."""
        current = job.current()
        persists = self._should_persist_output(current.distributed)
        with suppress(*() if persists else (OutputsNotSet,)):
            result = super().execute(**{name: kwargs[name] for name in self._function_inputs if name in kwargs})
        if not persists:
            raise IgnoreOutputs(f"another host than {current.distributed.current_host} persists the outputs")
        outputs = self.python_interface.outputs
        if is_data(outputs.get(MODEL)):
            self._local_model = _local_path(_output(MODEL, result, list(outputs)))
        return result

    def _keep_model(self, ctx: Any, literal: Any) -> None:
        path = self._local_model
        blob = literal.scalar.blob if literal.scalar is not None else None
        if path is None and blob is not None:  # flytekit has written it, in the way of its type
            path = Path(ctx.file_access.get_random_local_path(Path(blob.uri).name))
            ctx.file_access.get_data(blob.uri, str(path), is_multipart=blob.metadata.type.dimensionality == 1)
        if path is not None:
            keep_model(path, job.current().contract)


def custom_training_job_task(
    training_job_config: TrainingJobConfig | None = None,
    algorithm_specification: AlgorithmSpecification | Mapping[str, Any] | None = None,
    *,
    trainingjob_conf: TrainingJobConfig | None = None,
    cachable: bool | None = None,
    **options: Any,
) -> Callable[[Callable[..., Any]], Any]:
    """Make a training job of a function.

    The function runs inside a SageMaker training job, in an image that has this package (see ``sagemaker_image``). Its
    parameters and outputs are typed as those of a flytekit task. Some names are pre-defined: ``train``,
    ``validation`` and other channels, whose data SageMaker puts on the local disk; ``hyperparameters``, which SageMaker
    shows and a tuning job can choose; ``stopping_condition``, which every such task takes (a day unless given), whether
    the function does or not; and the output ``model``, which goes to SageMaker's ``model.tar.gz`` as well. Everything
    else is an ordinary input or output of Flyte.

    A function whose parameters have no annotations is one of class style: the first parameter is the context, the
    pre-defined names need no declaration, and ``@inputs`` and ``@outputs`` of ``flytekit_sagemaker.sdk.tasks``, above
    this decorator, declare the others. It is a task as soon as all are declared.

    Args:
        training_job_config: on what it runs.
        algorithm_specification: CUSTOM in File mode unless given; may name metrics and the training image.
        trainingjob_conf: another spelling of ``training_job_config``.
        cachable: another spelling of ``cacheable``.
        options: ``channels`` (names or :class:`Channel` objects; ``train`` and ``validation``, as far as the function
            takes them, unless given), ``metrics`` (names given to ``report_metric`` that its calls do not show),
            ``overrides`` (members of the CreateTrainingJob request, merged into it last; None removes a member),
            ``should_persist_output`` (given the distributed context, whether this host's outputs count; by default the
            first host's do), ``retries``, ``timeout`` (a timedelta, or seconds), ``cacheable``, ``cache_version``,
            ``interruptible``, ``environment``, ``container_image`` (a URI or an ImageSpec).

    Raises:
        InvalidInput: listing every argument that breaks a rule.
    """
    if callable(training_job_config):
        rule = "must be given: write @custom_training_job_task(training_job_config=...)"
        raise InvalidInput("custom_training_job_task", [Problem("training_job_config", None, rule)])
    if training_job_config is None:
        training_job_config = trainingjob_conf
    if training_job_config is not None:
        options["training_job_config"] = training_job_config
    if cachable is not None:
        options.setdefault("cacheable", cachable)

    def make(function: Callable[..., Any]) -> CustomTrainingJobTask:
        return CustomTrainingJobTask(function, algorithm_specification=algorithm_specification, **options)

    def task_of(function: Any) -> Any:
        if not isinstance(function, Pending) and not is_class_style(function):
            return make(function)
        return made(function, "@custom_training_job_task", _class_style(make, options.get("channels")))

    return task_of


def _class_style(make: Callable[..., Any], channels: Sequence[str | Channel] | None) -> Maker:
    """What a function of class style need not declare."""
    declared = {
        channel.name: channel for channel in declared_channels(USUAL_CHANNELS if channels is None else channels)
    }

    def adapted(name: str, kind: DeclaredType) -> DeclaredType:
        if name == STOPPING_CONDITION and kind.python_type is not StoppingCondition:
            rule = "is a StoppingCondition, and needs no declaration"
            raise InvalidInput("@custom_training_job_task", [Problem(name, kind, rule)])
        if name not in declared:
            return kind
        return headerless(kind) if declared[name].required else optional(headerless(kind))

    return Maker(
        make,
        inputs={
            **dict.fromkeys(declared, MULTI_PART_CSV),
            HYPERPARAMETERS: GENERIC,
            STOPPING_CONDITION: declared_type(StoppingCondition),
        },
        outputs={MODEL: BLOB},
        adapted=adapted,
    )


@contextmanager
def _told_as_the_users() -> Iterator[None]:
    """What goes wrong in here, somebody has to mend; else Flyte would take it for its own fault, and try again."""
    try:
        yield
    except Exception as error:
        raise FlyteUserRuntimeException(error) from error


def _output(name: str, result: Any, names: Sequence[str]) -> Any:
    """One output of what a function returned."""
    if name not in names:
        return None
    if len(names) == 1 and not isinstance(result, tuple):
        return result
    with suppress(TypeError, IndexError):
        return result[names.index(name)]
    return None


def _local_path(value: Any) -> Path | None:
    """The path of what a function returned as a file or folder of its own disk."""
    if isinstance(value, (str, os.PathLike)) and (path := Path(os.fspath(value))).exists():
        return path
    return None
