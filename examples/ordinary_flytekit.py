"""SageMaker jobs in the shapes that flytekit has: a workflow, a condition, a loop, a map task.

Which wine is it, which digit, which tumor is benign: three data sets of scikit-learn, told apart by XGBoost. Runs here
without AWS, each workflow by itself:

    python examples/ordinary_flytekit.py
    pyflyte run examples/ordinary_flytekit.py tune_then_train --data_set wine
    pyflyte run examples/ordinary_flytekit.py train_on_each --data_sets '["wine", "digits"]'
    pyflyte run examples/ordinary_flytekit.py cross_validate --depth 5

and on a Flyte cluster, with an image in ECR that has flytekit-sagemaker[local]:

    pyflyte run --remote --image 111122223333.dkr.ecr.eu-west-1.amazonaws.com/train:1 examples/ordinary_flytekit.py ...
    pyflyte --pkgs examples.ordinary_flytekit package --image 111122223333.dkr.ecr.eu-west-1.amazonaws.com/train:1
"""

import functools
import tempfile
from pathlib import Path
from typing import NamedTuple

from flytekit import conditional, dynamic, map_task, task, workflow
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker import SdkSimpleHPOJobTask, SdkSimpleTrainingJobTask, custom_training_job_task, report_metric
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJobConfig, HyperparameterTuningObjective
from flytekit_sagemaker.models.parameter_ranges import ContinuousParameterRange, IntegerParameterRange
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, TrainingJobConfig

SMALL = TrainingJobConfig(instance_type="ml.m5.large", volume_size_in_gb=5)
HYPERPARAMETERS = {"objective": "binary:logistic", "eval_metric": "logloss", "num_round": 30, "seed": 7}

train_xgboost = SdkSimpleTrainingJobTask(
    training_job_config=SMALL,
    algorithm_specification=AlgorithmSpecification(algorithm_name="XGBOOST", algorithm_version="1.7-1"),
)

tune_xgboost = SdkSimpleHPOJobTask(
    training_job=train_xgboost,
    max_number_of_training_jobs=4,
    max_parallel_training_jobs=2,
    tunable_parameters=["eta", "max_depth"],
)


class Data(NamedTuple):
    """SageMaker's CSV: the label in the first column, no header."""

    train: FlyteDirectory
    validation: FlyteDirectory
    both: FlyteDirectory


def rows_of(data_set: str):  # type: ignore[no-untyped-def]
    """A data set of scikit-learn with the label, its first class or another one, in the first column."""
    import numpy as np
    from sklearn import datasets

    features, labels = getattr(datasets, f"load_{data_set}")(return_X_y=True)
    return np.column_stack([labels == 0, features])


@task
def prepare_data(data_set: str) -> Data:
    """Write a data set, and two parts of it that are the same every time."""
    import numpy as np
    from sklearn.model_selection import train_test_split

    rows = rows_of(data_set)
    folders = []
    for part in (*train_test_split(rows, test_size=0.3, random_state=0, stratify=rows[:, 0]), rows):
        folder = Path(tempfile.mkdtemp())
        np.savetxt(folder / "data.csv", part, delimiter=",", fmt="%.6g")
        folders.append(FlyteDirectory(str(folder)))
    return Data(*folders)


@task
def log_loss(final_metrics: dict) -> float:
    """The one metric of a training job that counts."""
    return float(final_metrics["validation:logloss"])


class Trained(NamedTuple):
    """The model of the last training job, and the best error that the tuning job saw."""

    model: FlyteFile
    best_objective: float


@workflow
def tune_then_train(data_set: str = "breast_cancer", good_enough: float = 0.5) -> Trained:
    """A chain and a condition: what a tuning job found trains the model of all data, if it is good enough."""
    data = prepare_data(data_set=data_set)
    tuned = tune_xgboost(
        static_hyperparameters=HYPERPARAMETERS,
        train=data.train,
        validation=data.validation,
        hyperparameter_tuning_job_config=HyperparameterTuningJobConfig(
            tuning_strategy="BAYESIAN",
            tuning_objective=HyperparameterTuningObjective(objective_type="MINIMIZE", metric_name="validation:logloss"),
            random_seed=7,
        ),
        eta=ContinuousParameterRange(min_value=0.05, max_value=0.5, scaling_type="LOGARITHMIC"),
        max_depth=IntegerParameterRange(min_value=2, max_value=6),
    )
    final = (
        conditional("good_enough")
        .if_(tuned.best_objective < good_enough)
        .then(train_xgboost(static_hyperparameters=tuned.best_hyperparameters, train=data.both, validation=data.both))
        .else_()
        .fail("No trial came below the error that was asked for.")
    )
    return Trained(final.model, tuned.best_objective)


@dynamic
def train_each(data_sets: list[str]) -> list[float]:
    """As many training jobs as there are data sets, which is known only when this runs."""
    losses = []
    for data_set in data_sets:
        data = prepare_data(data_set=data_set)
        trained = train_xgboost(static_hyperparameters=HYPERPARAMETERS, train=data.train, validation=data.validation)
        losses.append(log_loss(final_metrics=trained.final_metrics))
    return losses


@workflow
def train_on_each(data_sets: list[str] = ["breast_cancer", "wine", "digits"]) -> list[float]:  # noqa: B006
    """A loop: a training job for each data set, side by side in a cluster."""
    return train_each(data_sets=data_sets)


@custom_training_job_task(training_job_config=SMALL)
def error_of_fold(data_set: str, fold: int, folds: int, depth: int) -> float:
    """The share of one part of the data that a forest mistakes when it has seen the others."""
    from sklearn.ensemble import RandomForestClassifier

    rows = rows_of(data_set)
    held_out = [number % folds == fold for number in range(len(rows))]
    seen, unseen = rows[[not each for each in held_out]], rows[held_out]
    forest = RandomForestClassifier(n_estimators=30, max_depth=depth, random_state=0).fit(seen[:, 1:], seen[:, 0])
    error = float((forest.predict(unseen[:, 1:]) != unseen[:, 0]).mean())
    report_metric("error", error)
    return error


@task
def mean(numbers: list[float]) -> float:
    """The mean."""
    return sum(numbers) / len(numbers)


@workflow
def cross_validate(data_set: str = "breast_cancer", depth: int = 3) -> float:
    """A map task: a training job of one's own function for each part of the data, two at a time."""
    of_each_fold = map_task(functools.partial(error_of_fold, data_set=data_set, folds=4, depth=depth), concurrency=2)
    return mean(numbers=of_each_fold(fold=[0, 1, 2, 3]))


if __name__ == "__main__":
    result = tune_then_train()
    print(f"best of the trials      {result.best_objective:.4f}")
    for name, loss in zip(["breast_cancer", "wine", "digits"], train_on_each(), strict=True):
        print(f"log loss on {name:15}{loss:.4f}")
    print(f"error in four folds     {cross_validate():.4f}")
