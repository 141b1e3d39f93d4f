"""What a task tells Flyte: its name, its interface, its template."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from flyteidl.admin import task_pb2
from flytekit import workflow
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.exceptions.user import FlyteAssertion
from flytekit.tools.translator import get_serializable

from flytekit_sagemaker import SdkSimpleHPOJobTask, SdkSimpleTrainingJobTask
from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.models.codec import from_wire
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJob
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, Channel, TrainingJob, TrainingJobConfig

ROOT = Path(__file__).parents[2]
CONFIG = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10, instance_count=3)
XGBOOST = AlgorithmSpecification(algorithm_name="XGBOOST", algorithm_version="1.7-1")
train_model = SdkSimpleTrainingJobTask(CONFIG, XGBOOST, cacheable=True, cache_version="v1", retries=2)
tune_model = SdkSimpleHPOJobTask(train_model, 10, 5, tunable_parameters=["eta"])


def template(task: Any) -> Any:
    settings = SerializationSettings(ImageConfig(), project="p", domain="d", version="v")
    return get_serializable(OrderedDict(), settings, task).template


def test_a_task_is_named_by_its_variable() -> None:
    assert train_model.name == "tests.tasks.test_templates.train_model"
    assert tune_model.name == "tests.tasks.test_templates.tune_model"
    assert SdkSimpleTrainingJobTask(CONFIG, XGBOOST, name="my.task").name == "my.task"


def test_a_task_without_a_variable_has_a_name_of_its_content() -> None:
    names = [SdkSimpleTrainingJobTask(CONFIG, XGBOOST).name for _ in range(2)]
    other = SdkSimpleTrainingJobTask(CONFIG, AlgorithmSpecification(algorithm_name="KMEANS")).name
    assert names[0] == names[1] != other


def test_the_template_carries_the_job() -> None:
    training, tuning = template(train_model), template(tune_model)

    assert training.type == "sagemaker_training_job_task"
    assert tuning.type == "sagemaker_hyperparameter_tuning_job_task"
    job = from_wire(TrainingJob, training.custom)
    assert job.training_job_config == CONFIG
    assert [channel.name for channel in job.channels] == ["train", "validation"]
    tuned = from_wire(HyperparameterTuningJob, tuning.custom)
    assert tuned.training_job == job
    assert (tuned.max_number_of_training_jobs, tuned.max_parallel_training_jobs) == (10, 5)
    assert training.container is None
    assert training.metadata.retries.retries == 2
    assert training.metadata.discoverable
    assert training.metadata.discovery_version == "v1"
    assert training.metadata.generates_deck


def test_the_predefined_inputs_and_outputs() -> None:
    assert list(train_model.python_interface.inputs) == [
        "static_hyperparameters",
        "train",
        "validation",
        "stopping_condition",
    ]
    assert list(tune_model.python_interface.inputs) == [
        "static_hyperparameters",
        "train",
        "validation",
        "stopping_condition",
        "hyperparameter_tuning_job_config",
        "eta",
    ]
    blob = template(train_model).interface.inputs["train"].type.blob
    assert (blob.format, blob.dimensionality) == ("", blob.BlobDimensionality.MULTIPART)


def test_channels_are_the_authors() -> None:
    optional = Channel(name="validation", required=False)
    task = SdkSimpleTrainingJobTask(CONFIG, XGBOOST, channels=["train", optional])
    assert task.python_interface.inputs_with_defaults["validation"][1] is None


def test_constants_are_checked_when_a_workflow_is_compiled() -> None:
    @workflow
    def misspelled(folder: str) -> None:
        train_model(static_hyperparameters={}, train=folder, validation=folder, stoping_condition={})

    with pytest.raises((InvalidInput, FlyteAssertion), match="stopping_condition"):
        misspelled.compile()


@pytest.mark.parametrize(
    ("make", "fragments"),
    [
        (lambda: SdkSimpleTrainingJobTask(CONFIG, XGBOOST, cachable=True), ["cachable", "Did you mean 'cacheable'?"]),
        (lambda: SdkSimpleTrainingJobTask(algorithm_specification=XGBOOST), ["training_job_config is required"]),
        (lambda: TrainingJobConfig(instance_typ="ml.m5.large"), ["'instance_type'?", "volume_size_in_gb is required"]),
        (lambda: SdkSimpleTrainingJobTask(CONFIG, XGBOOST, cacheable="yes", retries="3"), ["cacheable", "retries"]),
        (lambda: SdkSimpleTrainingJobTask(CONFIG, XGBOOST, channels=5), ["channels"]),
        (lambda: SdkSimpleTrainingJobTask(CONFIG, XGBOOST, channels=["stopping_condition"]), ["another input"]),
        (lambda: SdkSimpleHPOJobTask(train_model, 5, 2, tunable_parameters=["train"]), ["another input"]),
        (lambda: SdkSimpleTrainingJobTask(CONFIG, XGBOOST, cacheable=True, retries=-1), ["cache_version", "retries"]),
        (lambda: SdkSimpleTrainingJobTask(CONFIG, XGBOOST, channels="train"), ["channels"]),
        (lambda: SdkSimpleTrainingJobTask(CONFIG, XGBOOST, channels=["train", "train"]), ["train", "twice"]),
        (lambda: SdkSimpleTrainingJobTask(CONFIG, XGBOOST, channels=["a b"]), ["a b"]),
        (lambda: SdkSimpleHPOJobTask(train_model, 2, 5), ["max_parallel_training_jobs", "(2)"]),
        (lambda: SdkSimpleHPOJobTask("train_model", 5, 2), ["training_job"]),
    ],
)
def test_a_task_that_makes_no_sense_cannot_be_built(make: Any, fragments: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        make()
    assert all(fragment in str(caught.value) for fragment in fragments)


def test_the_example_is_packaged_for_a_cluster(tmp_path: Path) -> None:
    package = tmp_path / "flyte.tgz"
    script = Path(sys.executable).with_name("pyflyte")
    command = [script, "--pkgs", "examples.xgboost_tuning", "package", "--output", package]
    subprocess.run([*map(str, command), "--image", "example.com/image:v1"], cwd=ROOT, check=True, capture_output=True)

    with tarfile.open(package) as archive:
        names = [name for name in archive.getnames() if "tune_xgboost" in name]
        spec = task_pb2.TaskSpec.FromString(archive.extractfile(names[0]).read())
    assert spec.template.id.name == "examples.xgboost_tuning.tune_xgboost"
    assert spec.template.type == "sagemaker_hyperparameter_tuning_job_task"


@pytest.mark.parametrize(("spot", "wait"), [(False, None), (True, 172800)])
def test_a_job_may_train_for_a_day_unless_somebody_says_otherwise(spot: bool, wait: int | None) -> None:
    config = TrainingJobConfig(instance_type="ml.m5.large", volume_size_in_gb=1, enable_managed_spot_training=spot)
    algorithm = AlgorithmSpecification(algorithm_name="XGBOOST", algorithm_version="1.7-1")
    task = SdkSimpleTrainingJobTask(config, algorithm, name="train")
    default = task.python_interface.default_inputs_as_kwargs["stopping_condition"]
    assert (default.max_runtime_in_seconds, default.max_wait_time_in_seconds) == (86400, wait)
