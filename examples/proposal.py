"""The four samples of the SageMaker-on-Flyte proposal (4.1 to 4.4) in one file.

    python examples/proposal.py                 all of it on this machine, without Docker and AWS
    python examples/proposal.py --register      the last sample's launch, on the Flyte that the configuration names
    pyflyte run examples/proposal.py SageMakerSimpleWorkflow --static_hyperparameters '{"num_round": "8"}'

The data is made up here; PROPOSAL_DATA may name a folder or prefix with ``train`` and ``validation`` instead.

The samples are as they were written, but for these slips:

4.2 - ``TrainingJobConfig(`` was closed by a brace. The algorithm's specification is a dictionary, its keys are texts.
    - The data frames were cut along their rows. SageMaker's CSV has the label in the first column, and no header, so
      the columns are numbers.
    - ``fit`` takes tables, and makes the matrices itself.
    - Today's XGBoost takes ``eval_metric`` when the model is made.
    - ``sample_eval_function`` was not there. It reports what it computes, so that there is something to tune for.
4.4 - The places that were left open by an ellipsis are filled in, and the paths lead to the data.
    - The tasks were defined a second time, to show where they come from.
    - Two workflows had one name.
"""

import os
import random
import sys
import tempfile
from pathlib import Path

import xgboost as xgb

from flytekit_sagemaker import custom_training_job_task, report_metric
from flytekit_sagemaker import types as _sdk_sagemaker_types
from flytekit_sagemaker.models import hpo_job as hpo_job_models
from flytekit_sagemaker.models import parameter_ranges
from flytekit_sagemaker.models import training_job as training_job_models
from flytekit_sagemaker.models.training_job import StoppingCondition
from flytekit_sagemaker.sdk.tasks import inputs, outputs
from flytekit_sagemaker.sdk.types import Types
from flytekit_sagemaker.sdk.workflow import Input, Output, workflow_class
from flytekit_sagemaker.tasks import hpo_job_task, training_job_task


def made_data() -> str:
    """A folder with rows of a label and four features, the same ones each time."""
    root = Path(tempfile.gettempdir(), "flytekit-sagemaker-proposal")
    for seed, channel in enumerate(("train", "validation")):
        rng = random.Random(seed)
        rows = [[rng.gauss(0, 1) for _ in range(4)] for _ in range(400)]
        lines = [f"{int(a * b + c + rng.gauss(0, 0.3) > 0)},{a:.5f},{b:.5f},{c:.5f},{d:.5f}" for a, b, c, d in rows]
        if not (root / channel / "data.csv").exists():
            (root / channel).mkdir(parents=True, exist_ok=True)
            (root / f"{channel}-{os.getpid()}").write_text("\n".join(lines))
            (root / f"{channel}-{os.getpid()}").replace(root / channel / "data.csv")
    return str(root)


DATA = os.environ.get("PROPOSAL_DATA") or made_data()


def sample_eval_function(labels, predictions):
    """The part of the labels that are predicted wrongly."""
    error = float(((predictions > 0.5) != labels).mean())
    report_metric("validation:error", error)
    return error


# --- 4.1: a simple training job ---------------------------------------------------------------------------------------

alg_spec = training_job_models.AlgorithmSpecification(
    input_mode=_sdk_sagemaker_types.InputMode.FILE,
    algorithm_name=_sdk_sagemaker_types.AlgorithmName.XGBOOST,
    algorithm_version="0.72",
    metric_definitions=[training_job_models.MetricDefinition(name="Minimize", regex="validation:error")],
)

xgboost_simple_train_task = training_job_task.SdkSimpleTrainingJobTask(
    training_job_config=training_job_models.TrainingJobConfig(
        instance_type="ml.m4.xlarge",
        instance_count=1,
        volume_size_in_gb=25,
    ),
    algorithm_specification=alg_spec,
    cache_version="v1",
    cacheable=True,
)


# --- 4.2: a custom training job ---------------------------------------------------------------------------------------


@inputs(
    custom_input1=Types.Integer,
    custom_input2=Types.Integer,
)
@outputs(
    custom_output1=Types.Blob,
)
@custom_training_job_task(
    trainingjob_conf=training_job_models.TrainingJobConfig(
        instance_type="ml.m4.xlarge",
        instance_count=1,
        volume_size_in_gb=25,
    ),
    algorithm_specification={
        "input_mode": _sdk_sagemaker_types.InputMode.FILE,
        "algorithm_name": _sdk_sagemaker_types.AlgorithmName.CUSTOM,
        "metric_definitions": [training_job_models.MetricDefinition(name="Minimize", regex="validation:error")],
    },
    cache_version="v1",
    retries=2,
    cachable=True,
)
def custom_xgboost_training_job_task(
    wf_params,
    train,
    validation,
    hyperparameters,
    stopping_condition,
    custom_input1,
    custom_input2,
    model,
    custom_output1,
):
    with train as reader:
        train_df = reader.read(concat=True)
        dtrain_x = train_df.loc[:, 1:]
        dtrain_y = train_df[0]
    with validation as reader:
        validation_df = reader.read(concat=True)
        dvalidation_x = validation_df.loc[:, 1:]
        dvalidation_y = validation_df[0]

    my_model = xgb.XGBModel(**hyperparameters, eval_metric=sample_eval_function)

    my_model.fit(dtrain_x, dtrain_y, eval_set=[(dvalidation_x, dvalidation_y)])

    model.set(my_model)
    custom_output1.set(my_model.evals_result())


# --- 4.3: hyperparameter tuning jobs over both ------------------------------------------------------------------------

xgboost_simple_hpo_task = hpo_job_task.SdkSimpleHPOJobTask(
    training_job=xgboost_simple_train_task,
    max_number_of_training_jobs=10,
    max_parallel_training_jobs=5,
    cache_version="2",
    retries=2,
    cacheable=True,
)

xgboost_hpo_task = hpo_job_task.SdkSimpleHPOJobTask(
    training_job=custom_xgboost_training_job_task,
    max_number_of_training_jobs=10,
    max_parallel_training_jobs=5,
    cache_version="2",
    retries=2,
    cacheable=True,
)


# --- 4.4: the tasks in workflows, and alone ---------------------------------------------------------------------------


@workflow_class
class SageMakerSimpleWorkflow(object):  # noqa: UP004
    static_hyperparameters = Input(Types.Generic, required=True, help="Sample hyperparameter input")

    my_simple_trianing_task_exec = xgboost_simple_train_task(
        train=f"{DATA}/train",
        validation=f"{DATA}/validation",
        static_hyperparameters=static_hyperparameters,
        stopping_condition=StoppingCondition(
            max_runtime_in_seconds=43200,
        ).to_flyte_idl(),
    )


def search(**ranges):
    """The lowest error within these ranges."""
    return hpo_job_models.HyperparameterTuningJobConfig(
        tuning_strategy=_sdk_sagemaker_types.HyperparameterTuningStrategy.BAYESIAN,
        tuning_objective=hpo_job_models.HyperparameterTuningObjective(
            objective_type=_sdk_sagemaker_types.HyperparameterTuningObjectiveType.MINIMIZE,
            metric_name="validation:error",
        ),
        hyperparameter_ranges=parameter_ranges.ParameterRanges(
            parameter_range_map={
                name: parameter_ranges.ParameterRangeOneOf(
                    param=parameter_ranges.IntegerParameterRange(
                        min_value=lowest,
                        max_value=highest,
                        scaling_type=_sdk_sagemaker_types.HyperparameterScalingType.LINEAR,
                    )
                )
                for name, (lowest, highest) in ranges.items()
            }
        ),
        random_seed=7,
    )


SIMPLE_HYPERPARAMETERS = {"num_round": "8", "objective": "binary:logistic", "eval_metric": "error"}

simple_inputs = {
    "train": f"{DATA}/train",
    "validation": f"{DATA}/validation",
    "static_hyperparameters": SIMPLE_HYPERPARAMETERS,
    "stopping_condition": StoppingCondition(max_runtime_in_seconds=43200).to_flyte_idl(),
}
hpo_inputs = {
    **simple_inputs,
    "hyperparameter_tuning_job_config": search(num_round=(3, 10), max_depth=(1, 8)).to_flyte_idl(),
}
custom_inputs = {
    "train": f"{DATA}/train",
    "validation": f"{DATA}/validation",
    "hyperparameters": {"n_estimators": 8, "objective": "binary:logistic"},
    "stopping_condition": StoppingCondition(max_runtime_in_seconds=43200).to_flyte_idl(),
    "custom_input1": 1,
    "custom_input2": 2,
}
custom_hpo_inputs = {
    **custom_inputs,
    "hyperparameter_tuning_job_config": search(n_estimators=(3, 10), max_depth=(1, 8)).to_flyte_idl(),
}


@workflow_class
class SageMakerSimpleHPOWorkflow(object):  # noqa: UP004
    # The inputs of the launch below: where that has run, and its result is in the cache, nothing runs here.
    my_simple_hpo_task_exec_in_wf = xgboost_simple_hpo_task(**hpo_inputs)
    best_job_name = Output(my_simple_hpo_task_exec_in_wf.outputs.best_job_name, sdk_type=Types.String)


def register_and_launch():
    """Run a task of this file alone on the Flyte that the configuration names."""
    exc = xgboost_simple_hpo_task.register_and_launch("flyteexamples", "development", inputs=hpo_inputs)
    print(exc.console_url)
    return exc


def run_here():
    """Run everything on this machine."""
    simple = xgboost_simple_train_task(**simple_inputs)
    print(f"simple training job   error {simple.final_metrics['validation:error']:.4f}")
    custom = custom_xgboost_training_job_task(**custom_inputs)
    print(f"custom training job   {Path(custom.model.download()).name}, {Path(custom.custom_output1.download()).name}")
    tuned = xgboost_simple_hpo_task(**hpo_inputs)
    print(f"simple tuning job     error {tuned.best_objective:.4f} by {tuned.best_job_name}")
    tuned = xgboost_hpo_task(**custom_hpo_inputs)
    print(f"custom tuning job     error {tuned.best_objective:.4f} with {tuned.best_hyperparameters}")
    SageMakerSimpleWorkflow(static_hyperparameters=SIMPLE_HYPERPARAMETERS)
    print(f"the same in a workflow           {SageMakerSimpleHPOWorkflow().best_job_name}, from the cache")


if __name__ == "__main__":
    register_and_launch() if "--register" in sys.argv else run_here()
