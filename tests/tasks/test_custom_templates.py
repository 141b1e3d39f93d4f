"""What a function's task tells Flyte, and which definitions are refused."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from flytekit import ImageSpec, Resources, workflow
from flytekit.configuration import FastSerializationSettings, ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable
from flytekit.types.directory import FlyteDirectory

from flytekit_sagemaker import SdkSimpleHPOJobTask, custom_training_job_task, report_metric
from flytekit_sagemaker import types as sagemaker_types
from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.models import training_job as training_job_models
from flytekit_sagemaker.models.codec import from_wire
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJob
from flytekit_sagemaker.models.training_job import TrainingJob

CONFIG = training_job_models.TrainingJobConfig(instance_type="ml.m4.xlarge", volume_size_in_gb=25)
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/train:1"


class Scores(NamedTuple):
    score: float
    rounds: int


@custom_training_job_task(
    trainingjob_conf=training_job_models.TrainingJobConfig(
        instance_type="ml.m4.xlarge",
        instance_count=1,
        volume_size_in_gb=25,
    ),
    algorithm_specification={
        "input_mode": sagemaker_types.InputMode.FILE,
        "algorithm_name": sagemaker_types.AlgorithmName.CUSTOM,
        "metric_definitions": [training_job_models.MetricDefinition(name="Minimize", regex="validation:error")],
    },
    cache_version="v1",
    retries=2,
    cachable=True,
    timeout=60,
    container_image=IMAGE,
    metrics=["computed"],
    environment={"COLOR": "green"},
)
def spelled_as_in_the_proposal(
    train: FlyteDirectory, hyperparameters: dict, rounds: int = 3, name: str = "a", names: list[str] | None = None
) -> Scores:
    """Scores nothing.

    Args:
        rounds: how often.
    """
    report_metric("score", 1.0)
    return Scores(1.0, rounds)


tune = SdkSimpleHPOJobTask(spelled_as_in_the_proposal, 4, 2, tunable_parameters=["rounds", "eta"])


def template(task: Any, **settings: Any) -> Any:
    serialization = SerializationSettings(
        ImageConfig.auto_default_image(), project="p", domain="d", version="v", **settings
    )
    return get_serializable(OrderedDict(), serialization, task).template


def test_the_template_carries_the_job_and_the_container() -> None:
    written = template(spelled_as_in_the_proposal)

    assert written.type == "sagemaker_custom_training_job_task"
    assert written.id.name == "tests.tasks.test_custom_templates.spelled_as_in_the_proposal"
    job = from_wire(TrainingJob, written.custom)
    assert [metric.name for metric in job.algorithm_specification.metric_definitions or ()] == [
        "Minimize",
        "computed",
        "score",
    ]
    assert job.function is not None
    assert job.function.takes_hyperparameters
    assert job.function.tunable_inputs == {"rounds": "int", "name": "str"}
    assert [(channel.name, channel.required) for channel in job.channels] == [("train", True)]
    assert written.container.image == IMAGE
    assert written.container.env == {"COLOR": "green"}
    assert written.container.args[0] == "pyflyte-execute"
    assert written.metadata.discoverable
    assert written.metadata.retries.retries == 2
    assert written.metadata.timeout.total_seconds() == 60
    assert written.interface.inputs["rounds"].description == "how often."
    assert "stopping_condition" in written.interface.inputs


def test_tuning_starts_the_function_as_its_own_task_does() -> None:
    fast = FastSerializationSettings(True, "/root", "s3://bucket/fast.tar.gz")
    for settings in ({}, {"fast_serialization_settings": fast}):
        written, tuned = template(spelled_as_in_the_proposal, **settings), template(tune, **settings)
        assert tuned.container.args == written.container.args
        assert tuned.container.image == IMAGE
    assert tuned.container.args[0] == "pyflyte-fast-execute"
    assert from_wire(HyperparameterTuningJob, tuned.custom).training_job == from_wire(TrainingJob, written.custom)


def test_tuning_takes_ranges_in_place_of_inputs() -> None:
    inputs = tune.python_interface.inputs
    assert inputs["rounds"] is inputs["eta"]
    assert {"train", "hyperparameters", "name", "stopping_condition"} <= set(inputs)
    outputs = tune.python_interface.outputs
    assert list(outputs)[:2] == ["score", "rounds"]
    assert outputs["rounds"] is int
    assert {"best_objective", "trials"} <= set(outputs)
    assert "model" not in outputs  # the function returns none


def test_a_workflow_chains_the_function() -> None:
    @workflow
    def chain(train: FlyteDirectory) -> float:
        first = spelled_as_in_the_proposal(train=train, hyperparameters={"a": 1})
        second = spelled_as_in_the_proposal(train=train, hyperparameters={}, rounds=first.rounds)
        return second.score

    written = get_serializable(OrderedDict(), SerializationSettings(ImageConfig.auto_default_image()), chain)
    assert len(written.template.nodes) == 2
    bound = {binding.var for binding in written.template.nodes[0].inputs}
    assert {"rounds", "stopping_condition"} <= bound


def test_an_image_is_not_built_for_a_local_run(use_sagemaker: Any) -> None:
    assert not_built() == 1.0


@custom_training_job_task(training_job_config=CONFIG, container_image=ImageSpec(name="never", registry="localhost:1"))
def not_built() -> float:
    return 1.0


def takes_nothing() -> float:
    return 1.0


def yields() -> float:
    yield 1.0


async def waits() -> float:
    return 1.0


def takes_a_number_for_a_channel(train: int) -> float:
    return 1.0


def named_like_an_output(depth: int) -> NamedTuple("Best", trials=float):  # type: ignore[valid-type]
    return (1.0,)


def defined(function: Callable[..., Any] = takes_nothing, **options: Any) -> Any:
    return custom_training_job_task(**{"training_job_config": CONFIG, **options})(function)


@pytest.mark.parametrize(
    ("make", "fragments"),
    [
        (lambda: custom_training_job_task(takes_nothing), ["write @custom_training_job_task(training_job_config"]),
        (lambda: custom_training_job_task()(takes_nothing), ["training_job_config is required"]),
        (lambda: defined("no function"), ["must be a function"]),
        (lambda: defined(waits), ["must not be async"]),
        (lambda: defined(yields), ["not yield"]),
        (lambda: defined(functools.partial(takes_nothing)), ["must be a function of a module"]),
        (lambda: defined(Scores(1.0, 1).count), ["must be a function of a module"]),
        (lambda: defined(requests=Resources(cpu="1"), limits=1), ["requests", "limits", "instance_type"]),
        (lambda: defined(retires=3), ["retires", "Did you mean 'retries'?"]),
        (lambda: defined(retries=-1, timeout="x"), ["retries", "timeout"]),
        (lambda: defined(timeout=-1), ["timeout", "negative"]),
        (lambda: defined(training_job_config="ml.m5.large"), ["training_job_config", "must be a TrainingJobConfig"]),
        (lambda: defined(algorithm_specification={"input_mod": 1}), ["algorithm_specification.input_mod"]),
        (lambda: defined(algorithm_specification={"algorithm_name": "XGBOOST"}), ["must be CUSTOM"]),
        (lambda: defined(algorithm_specification={"input_mode": "PIPE"}), ["PIPE", "reads files"]),
        (lambda: defined(channels=["data"]), ["data", "must be a parameter of the function"]),
        (lambda: defined(takes_a_number_for_a_channel), ["train", "FlyteDirectory"]),
        (lambda: defined(metrics=["a\tb"]), ["printable"]),
        (lambda: SdkSimpleHPOJobTask(defined(), 2, 2, tunable_parameters=["x"]), ["takes no hyperparameters"]),
        (lambda: SdkSimpleHPOJobTask(defined(named_like_an_output), 2, 2), ["trials", "output of every tuning job"]),
        (lambda: SdkSimpleHPOJobTask(takes_nothing, 2, 2), ["must be a training job task"]),
    ],
)
def test_what_is_wrong_is_told_when_the_task_is_defined(make: Callable[[], Any], fragments: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        make()
    for fragment in fragments:
        assert fragment in str(refused.value)
