"""Train and tune a script in an image of your own, on the progression of diabetes in 442 patients.

The script and its image know nothing of Flyte. Here, a command stands in for the image, so that Docker is not needed;
the setting ``local_images`` of the Flyte config file says so, too:

    IMAGE=111122223333.dkr.ecr.eu-west-1.amazonaws.com/diabetes:1
    export FLYTEKIT_SAGEMAKER_LOCAL_IMAGES="$IMAGE='python examples/byoc/train.py'"
    python examples/byoc/workflow.py

On AWS: build and push the image (see Dockerfile), put its URI into ``IMAGE``, and run

    pyflyte run --remote examples/byoc/workflow.py train_and_tune
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

from flytekit import ImageSpec, task, workflow
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker import SdkSimpleHPOJobTask, SdkSimpleTrainingJobTask
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJobConfig, HyperparameterTuningObjective
from flytekit_sagemaker.models.parameter_ranges import ContinuousParameterRange, IntegerParameterRange
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, MetricDefinition, TrainingJobConfig

IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/diabetes:1"
HYPERPARAMETERS = {"n_estimators": 100, "learning_rate": 0.1, "max_depth": 3}


class Data(NamedTuple):
    """CSV without a header, the target in the first column."""

    train: FlyteDirectory
    validation: FlyteDirectory


class Result(NamedTuple):
    """The mean absolute error of the validation data, in the units of the disease's progression (25 to 346)."""

    untuned_mae: float
    tuned_mae: float
    best_hyperparameters: dict
    model: FlyteFile


train_diabetes = SdkSimpleTrainingJobTask(
    training_job_config=TrainingJobConfig(instance_type="ml.m5.large", volume_size_in_gb=5),
    algorithm_specification=AlgorithmSpecification(
        algorithm_name="CUSTOM",
        training_image=IMAGE,
        # How SageMaker finds the metric in what the script prints.
        metric_definitions=[MetricDefinition(name="validation:mae", regex=r"validation:mae=([0-9.]+)")],
    ),
)

tune_diabetes = SdkSimpleHPOJobTask(
    training_job=train_diabetes,
    max_number_of_training_jobs=6,
    max_parallel_training_jobs=2,
    tunable_parameters=["learning_rate", "max_depth"],
)


@task(container_image=ImageSpec(packages=["flytekit-sagemaker[local]"]))
def prepare_data() -> Data:
    """Write the data as CSV files."""
    import numpy as np
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split

    features, target = load_diabetes(return_X_y=True)
    parts = train_test_split(np.column_stack([target, features]), test_size=0.3, random_state=0)
    folders = [Path(tempfile.mkdtemp()) for _ in parts]
    for folder, part in zip(folders, parts, strict=True):
        np.savetxt(folder / "data.csv", part, delimiter=",")
    return Data(*(FlyteDirectory(str(folder)) for folder in folders))


@task
def metric(metrics: dict, name: str) -> float:
    """One of the metrics of a training job."""
    return float(metrics[name])


@workflow
def train_and_tune() -> Result:
    """Train once with the defaults, then let SageMaker look for better hyperparameters."""
    data = prepare_data()
    trained = train_diabetes(static_hyperparameters=HYPERPARAMETERS, train=data.train, validation=data.validation)
    tuned = tune_diabetes(
        static_hyperparameters=HYPERPARAMETERS,
        train=data.train,
        validation=data.validation,
        hyperparameter_tuning_job_config=HyperparameterTuningJobConfig(
            tuning_strategy="BAYESIAN",
            tuning_objective=HyperparameterTuningObjective(objective_type="MINIMIZE", metric_name="validation:mae"),
            random_seed=7,
        ),
        learning_rate=ContinuousParameterRange(min_value=0.01, max_value=0.3, scaling_type="LOGARITHMIC"),
        max_depth=IntegerParameterRange(min_value=1, max_value=5),
    )
    return Result(
        untuned_mae=metric(metrics=trained.final_metrics, name="validation:mae"),
        tuned_mae=tuned.best_objective,
        best_hyperparameters=tuned.best_hyperparameters,
        model=tuned.model,
    )


if __name__ == "__main__":
    result = train_and_tune()
    print(f"mean absolute error without tuning  {result.untuned_mae:.2f}")
    print(f"mean absolute error with tuning     {result.tuned_mae:.2f}  {result.best_hyperparameters}")
