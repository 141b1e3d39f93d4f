"""Your own XGBoost training as a SageMaker training job, and its hyperparameters tuned by SageMaker.

The data is scikit-learn's breast cancer data. Runs here without Docker and AWS, and in SageMaker from a Flyte cluster:

    python examples/custom_xgboost.py
    pyflyte run examples/custom_xgboost.py train_and_tune
    pyflyte run --remote examples/custom_xgboost.py train_and_tune

For AWS, put your own registry into ``image``, and ``pip wheel --no-deps --wheel-dir dist .`` before you register.
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

from flytekit import ImageSpec, current_context, task, workflow
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker import SdkSimpleHPOJobTask, custom_training_job_task, report_metric, sagemaker_image
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJobConfig, HyperparameterTuningObjective
from flytekit_sagemaker.models.parameter_ranges import ContinuousParameterRange, IntegerParameterRange
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, StoppingCondition, TrainingJobConfig
from flytekit_sagemaker.types import AlgorithmName, InputMode

image = sagemaker_image(
    registry="111122223333.dkr.ecr.eu-west-1.amazonaws.com",
    packages=["numpy", "xgboost-cpu"],
    this_package="dist/flytekit_sagemaker-0.1.0-py3-none-any.whl",
)


class Trained(NamedTuple):
    """The model, and the error after each round on the data of each channel."""

    model: FlyteFile
    history: dict[str, list[float]]


@custom_training_job_task(
    training_job_config=TrainingJobConfig(instance_type="ml.m4.xlarge", instance_count=1, volume_size_in_gb=25),
    algorithm_specification=AlgorithmSpecification(input_mode=InputMode.FILE, algorithm_name=AlgorithmName.CUSTOM),
    container_image=image,
    cacheable=True,
    cache_version="v1",
    retries=2,
)
def train_xgboost(
    train: FlyteDirectory, validation: FlyteDirectory, hyperparameters: dict, rounds: int, patience: int
) -> Trained:
    """Train until the validation error has not fallen for some rounds.

    Args:
        train: CSV without a header, the label in the first column.
        validation: the same.
        hyperparameters: XGBoost's own.
        rounds: most rounds to train.
        patience: rounds without progress after which to stop.
    """
    import numpy as np
    import xgboost

    class Report(xgboost.callback.TrainingCallback):
        def after_iteration(self, model, epoch, evals_log):  # type: ignore[no-untyped-def]
            # A metric's last value is the one that counts, and the best model so far the one that is kept.
            report_metric("validation:logloss", min(evals_log["validation"]["logloss"]), step=epoch)

    def matrix(channel: FlyteDirectory) -> xgboost.DMatrix:
        rows = np.loadtxt(Path(channel) / "data.csv", delimiter=",")
        return xgboost.DMatrix(rows[:, 1:], label=rows[:, 0])

    history: dict[str, dict[str, list[float]]] = {}
    data = {"train": matrix(train), "validation": matrix(validation)}
    booster = xgboost.train(
        {"objective": "binary:logistic", "eval_metric": "logloss", "seed": 7, **hyperparameters},
        data["train"],
        num_boost_round=rounds,
        evals=[(matrix, channel) for channel, matrix in data.items()],
        evals_result=history,
        callbacks=[Report(), xgboost.callback.EarlyStopping(patience, save_best=True)],
        verbose_eval=False,
    )
    path = Path(current_context().working_directory) / "model.json"
    booster.save_model(path)
    return Trained(FlyteFile(str(path)), {channel: metrics["logloss"] for channel, metrics in history.items()})


tune_xgboost = SdkSimpleHPOJobTask(
    training_job=train_xgboost,
    max_number_of_training_jobs=6,
    max_parallel_training_jobs=2,
    tunable_parameters=["eta", "max_depth", "subsample"],
    cacheable=True,
    cache_version="v1",
    retries=2,
)


class Data(NamedTuple):
    """Two parts of the data, as the function reads it."""

    train: FlyteDirectory
    validation: FlyteDirectory


class Result(NamedTuple):
    """Logistic loss on the validation data, and the best model."""

    untuned_logloss: float
    tuned_logloss: float
    best_rounds: int
    best_hyperparameters: dict
    model: FlyteFile


@task(container_image=ImageSpec(packages=["flytekit-sagemaker[local]"]))
def prepare_data() -> Data:
    """Write the data as CSV."""
    import numpy as np
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    features, labels = load_breast_cancer(return_X_y=True)
    rows = np.column_stack([labels, features])
    directories = []
    for part in train_test_split(rows, test_size=0.4, random_state=0, stratify=labels):
        folder = Path(tempfile.mkdtemp())
        np.savetxt(folder / "data.csv", part, delimiter=",", fmt="%.6g")
        directories.append(FlyteDirectory(str(folder)))
    return Data(*directories)


class Progress(NamedTuple):
    """What a history comes to."""

    logloss: float
    rounds: int


@task
def progress(history: dict[str, list[float]]) -> Progress:
    """The lowest validation error, and the rounds that it took."""
    best = min(history["validation"])
    return Progress(best, history["validation"].index(best) + 1)


@workflow
def train_and_tune() -> Result:
    """Train with XGBoost's defaults, then tune; the outputs of the best trial's function are the tuning task's, too."""
    data = prepare_data()
    limit = StoppingCondition(max_runtime_in_seconds=3600)
    untuned = train_xgboost(
        train=data.train,
        validation=data.validation,
        hyperparameters={},
        rounds=200,
        patience=20,
        stopping_condition=limit,
    )
    tuned = tune_xgboost(
        train=data.train,
        validation=data.validation,
        hyperparameters={"min_child_weight": 0.5},
        rounds=200,
        patience=20,
        stopping_condition=limit,
        hyperparameter_tuning_job_config=HyperparameterTuningJobConfig(
            tuning_strategy="BAYESIAN",
            tuning_objective=HyperparameterTuningObjective(objective_type="MINIMIZE", metric_name="validation:logloss"),
            random_seed=7,
        ),
        eta=ContinuousParameterRange(min_value=0.05, max_value=0.5, scaling_type="LOGARITHMIC"),
        max_depth=IntegerParameterRange(min_value=2, max_value=6),
        subsample=ContinuousParameterRange(min_value=0.5, max_value=1.0),
    )
    before, after = progress(history=untuned.history), progress(history=tuned.history)
    return Result(before.logloss, tuned.best_objective, after.rounds, tuned.best_hyperparameters, tuned.model)


if __name__ == "__main__":
    result = train_and_tune()
    print(f"validation log loss without tuning  {result.untuned_logloss:.4f}")
    print(f"validation log loss with tuning     {result.tuned_logloss:.4f}, after {result.best_rounds} rounds")
    for name, value in result.best_hyperparameters.items():
        print(f"  {name:18}{float(value):.4g}")
