"""Tune XGBoost on scikit-learn's breast-cancer data and compare the tuned model with an untuned one.

Runs here, on a Flyte cluster and in SageMaker without a change:

    python examples/xgboost_tuning.py
    pyflyte run examples/xgboost_tuning.py tune_breast_cancer
    pyflyte run --remote examples/xgboost_tuning.py tune_breast_cancer
"""

import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from flytekit import ImageSpec, task, workflow
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker import SdkSimpleHPOJobTask, SdkSimpleTrainingJobTask
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJobConfig, HyperparameterTuningObjective
from flytekit_sagemaker.models.parameter_ranges import ContinuousParameterRange, IntegerParameterRange
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, StoppingCondition, TrainingJobConfig
from flytekit_sagemaker.types import (
    AlgorithmName,
    HyperparameterScalingType,
    HyperparameterTuningObjectiveType,
    HyperparameterTuningStrategy,
)

image = ImageSpec(packages=["flytekit-sagemaker[local]"])

STATIC_HYPERPARAMETERS = {"num_round": 120, "objective": "binary:logistic", "eval_metric": "auc", "seed": 7}


class Data(NamedTuple):
    """The three parts of the data: SageMaker's CSV has the label in the first column and no header."""

    train: FlyteDirectory
    validation: FlyteDirectory
    test: FlyteDirectory


class Comparison(NamedTuple):
    """Area under the ROC curve on the held-out data."""

    tuned_auc: float
    untuned_auc: float


class Result(NamedTuple):
    """The best model that was found, how it was made, and how much better it is."""

    model: FlyteFile
    best_hyperparameters: dict
    best_objective: float
    tuned_auc: float
    untuned_auc: float


@task(container_image=image)
def prepare_data() -> Data:
    """Write the data as SageMaker's algorithms read it."""
    import numpy as np
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    features, labels = load_breast_cancer(return_X_y=True)
    rows = np.column_stack([labels, features])
    train, rest = train_test_split(rows, test_size=0.6, random_state=0, stratify=labels)
    validation, test = train_test_split(rest, test_size=0.5, random_state=0, stratify=rest[:, 0])
    folder = Path(tempfile.mkdtemp())
    directories = []
    for name, part in (("train", train), ("validation", validation), ("test", test)):
        (folder / name).mkdir()
        np.savetxt(folder / name / "data.csv", part, delimiter=",", fmt="%.6g")
        directories.append(FlyteDirectory(str(folder / name)))
    return Data(*directories)


train_xgboost = SdkSimpleTrainingJobTask(
    training_job_config=TrainingJobConfig(instance_type="ml.m5.xlarge", instance_count=1, volume_size_in_gb=10),
    algorithm_specification=AlgorithmSpecification(algorithm_name=AlgorithmName.XGBOOST, algorithm_version="1.7-1"),
)

tune_xgboost = SdkSimpleHPOJobTask(
    training_job=train_xgboost,
    max_number_of_training_jobs=12,
    max_parallel_training_jobs=2,
    tunable_parameters=["eta", "max_depth", "subsample", "colsample_bytree", "min_child_weight"],
)


@task(container_image=image)
def compare(model: FlyteFile, train: FlyteDirectory, test: FlyteDirectory) -> Comparison:
    """Score the tuned model and one with XGBoost's defaults on data that neither has seen."""
    import numpy as np
    import xgboost
    from sklearn.metrics import roc_auc_score

    def matrix(directory: FlyteDirectory) -> xgboost.DMatrix:
        rows = np.loadtxt(Path(directory.download()) / "data.csv", delimiter=",")
        return xgboost.DMatrix(rows[:, 1:], label=rows[:, 0])

    with tarfile.open(model.download()) as archive:
        content = archive.extractfile("xgboost-model")
        assert content is not None
        tuned = xgboost.Booster(model_file=bytearray(content.read()))
    untuned = xgboost.train(
        {"objective": "binary:logistic", "seed": STATIC_HYPERPARAMETERS["seed"]},
        matrix(train),
        num_boost_round=STATIC_HYPERPARAMETERS["num_round"],
    )
    held_out = matrix(test)
    return Comparison(
        tuned_auc=float(roc_auc_score(held_out.get_label(), tuned.predict(held_out))),
        untuned_auc=float(roc_auc_score(held_out.get_label(), untuned.predict(held_out))),
    )


@workflow
def tune_breast_cancer() -> Result:
    """Prepare the data, tune, compare."""
    data = prepare_data()
    tuned = tune_xgboost(
        static_hyperparameters=STATIC_HYPERPARAMETERS,
        train=data.train,
        validation=data.validation,
        stopping_condition=StoppingCondition(max_runtime_in_seconds=3600),
        hyperparameter_tuning_job_config=HyperparameterTuningJobConfig(
            tuning_strategy=HyperparameterTuningStrategy.BAYESIAN,
            tuning_objective=HyperparameterTuningObjective(
                objective_type=HyperparameterTuningObjectiveType.MINIMIZE, metric_name="validation:logloss"
            ),
            random_seed=7,
        ),
        eta=ContinuousParameterRange(min_value=0.02, max_value=0.4, scaling_type=HyperparameterScalingType.LOGARITHMIC),
        max_depth=IntegerParameterRange(min_value=2, max_value=6),
        subsample=ContinuousParameterRange(min_value=0.5, max_value=1.0),
        colsample_bytree=ContinuousParameterRange(min_value=0.3, max_value=1.0),
        min_child_weight=ContinuousParameterRange(min_value=0.2, max_value=3.0),
    )
    scores = compare(model=tuned.model, train=data.train, test=data.test)
    return Result(
        model=tuned.model,
        best_hyperparameters=tuned.best_hyperparameters,
        best_objective=tuned.best_objective,
        tuned_auc=scores.tuned_auc,
        untuned_auc=scores.untuned_auc,
    )


if __name__ == "__main__":
    print(tune_breast_cancer())
