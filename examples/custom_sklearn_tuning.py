"""A scikit-learn function whose own parameters SageMaker tunes: no hyperparameters, no channels, no data to prepare.

Handwritten digits, told apart by extremely randomized trees. Runs here and in SageMaker:

    python examples/custom_sklearn_tuning.py
    pyflyte run examples/custom_sklearn_tuning.py tune_classifier
    pyflyte run --remote examples/custom_sklearn_tuning.py tune_classifier

For AWS, put your own registry into ``image``, and ``pip wheel --no-deps --wheel-dir dist .`` before you register.
"""

from typing import NamedTuple

from flytekit import workflow

from flytekit_sagemaker import SdkSimpleHPOJobTask, custom_training_job_task, report_metric, sagemaker_image
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJobConfig, HyperparameterTuningObjective
from flytekit_sagemaker.models.parameter_ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
)
from flytekit_sagemaker.models.training_job import TrainingJobConfig

image = sagemaker_image(
    registry="111122223333.dkr.ecr.eu-west-1.amazonaws.com",
    packages=["scikit-learn"],
    this_package="dist/flytekit_sagemaker-0.1.0-py3-none-any.whl",
)


class Trained(NamedTuple):
    """How a classifier does on digits that it has not seen, and the two that it mixes up most often."""

    accuracy: float
    mixed_up: str


@custom_training_job_task(
    training_job_config=TrainingJobConfig(instance_type="ml.m5.large", volume_size_in_gb=5), container_image=image
)
def train_classifier(trees: int, depth: int, features: float, criterion: str, seed: int) -> Trained:
    """Train extremely randomized trees.

    Args:
        trees: how many.
        depth: most levels of each.
        features: share of the 64 pixels that a split may choose from.
        criterion: what a good split is, ``gini`` or ``entropy``.
        seed: of the random choices.
    """
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.metrics import confusion_matrix
    from sklearn.model_selection import cross_val_predict

    images, digits = load_digits(return_X_y=True)
    classifier = ExtraTreesClassifier(
        n_estimators=trees, max_depth=depth, max_features=features, criterion=criterion, random_state=seed
    )
    predicted = cross_val_predict(classifier, images, digits, cv=3)
    accuracy = float((predicted == digits).mean())
    report_metric("accuracy", accuracy)
    wrong = confusion_matrix(digits, predicted) * (1 - np.eye(10, dtype=int))
    digit, taken_for = np.unravel_index(wrong.argmax(), wrong.shape)
    return Trained(accuracy, f"{digit} taken for {taken_for}, {wrong.max()} times")


tune_trees = SdkSimpleHPOJobTask(
    training_job=train_classifier,
    max_number_of_training_jobs=6,
    max_parallel_training_jobs=2,
    tunable_parameters=["depth", "features", "criterion"],
)


class Result(NamedTuple):
    """The best trial: what its function was called with, and what it returned."""

    best_hyperparameters: dict
    accuracy: float
    mixed_up: str


@workflow
def tune_classifier(trees: int = 50, seed: int = 7) -> Result:
    """Let SageMaker choose three inputs of the function, and give it the others."""
    tuned = tune_trees(
        trees=trees,
        seed=seed,
        hyperparameter_tuning_job_config=HyperparameterTuningJobConfig(
            tuning_strategy="BAYESIAN",
            tuning_objective=HyperparameterTuningObjective(objective_type="MAXIMIZE", metric_name="accuracy"),
            random_seed=7,
        ),
        depth=IntegerParameterRange(min_value=2, max_value=16),
        features=ContinuousParameterRange(min_value=0.05, max_value=1.0, scaling_type="LOGARITHMIC"),
        criterion=CategoricalParameterRange(values=["gini", "entropy"]),
    )
    return Result(tuned.best_hyperparameters, tuned.accuracy, tuned.mixed_up)


if __name__ == "__main__":
    result = tune_classifier()
    print(f"accuracy {result.accuracy:.4f}; most often mixed up: {result.mixed_up}")
    for name, value in result.best_hyperparameters.items():
        print(f"  {name:12}{value}")
