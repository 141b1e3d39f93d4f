"""Functions of class style as users write them, run as training jobs and as ordinary tasks by the tests."""

import math

from flytekit import FlyteContextManager

from flytekit_sagemaker import SdkSimpleHPOJobTask, custom_training_job_task, report_metric
from flytekit_sagemaker.models.training_job import Channel, TrainingJobConfig
from flytekit_sagemaker.sdk.tasks import inputs, outputs, python_task
from flytekit_sagemaker.sdk.types import Types

CONFIG = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10)
TWO_HOSTS = TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10, instance_count=2)


@inputs(depth=Types.Integer, rate=Types.Float)
@outputs(seen=Types.Generic, error=Types.Float)
@inputs(kernel=Types.String, shrink=Types.Boolean)
@custom_training_job_task(
    trainingjob_conf=CONFIG,
    algorithm_specification={"algorithm_name": "CUSTOM"},
    cache_version="v1",
    retries=2,
    cachable=True,
)
def train_tree(
    wf_params,
    train,
    validation,
    hyperparameters,
    stopping_condition,
    depth,
    rate,
    kernel,
    shrink,
    model,
    seen,
    error,
):
    """A decision tree.

    Args:
        depth: how deep it is at most.
        error: part of the labels that it gets wrong.
    """
    from sklearn.tree import DecisionTreeClassifier

    with train as reader:
        rows = reader.read(concat=True)
    tree = DecisionTreeClassifier(max_depth=depth, random_state=0, **hyperparameters).fit(rows.loc[:, 1:], rows[0])
    with validation as reader:
        unseen = reader.read(concat=True)
    wrong = 1 - tree.score(unseen.loc[:, 1:], unseen[0])
    report_metric("validation:error", wrong + rate)
    error.set(wrong)
    seen.set(
        {
            "hyperparameters": hyperparameters,
            "depth": depth,
            "rate": rate,
            "kernel": kernel,
            "shrink": shrink,
            "max_runtime": stopping_condition.max_runtime_in_seconds,
            "rows": [len(rows), len(unseen)],
            "nothing": math.nan,
            "host": wf_params.distributed_context.current_host,
            "context": [type(getattr(wf_params, each)).__name__ for each in ("execution_date", "logging", "stats")],
            "folder": wf_params.working_directory,
        }
    )
    model.set(tree)


tune_tree = SdkSimpleHPOJobTask(train_tree, 3, 2, tunable_parameters=["depth", "kernel", "min_samples_leaf"])


@custom_training_job_task(CONFIG)
def everything_is_pre_defined(wf_params, train, hyperparameters, model):
    with train as reader:
        model.set(f"{reader.read(concat=True).shape} {hyperparameters}")


@inputs(table=Types.CSV)
@outputs(rows=Types.Integer)
@custom_training_job_task(CONFIG, channels=["table", Channel(name="more", required=False)])
def channels_of_other_kinds(wf_params, table, more, rows):
    with table as reader:
        rows.set(len(reader.read(concat=True)))
    if more is not None:
        with more as reader:
            rows.set(sum(len(frame) for frame in reader.read()))


@outputs(rank=Types.Integer)
@custom_training_job_task(TWO_HOSTS)
def only_the_first_host_sets(wf_params, rank, model):
    place = wf_params.distributed_context
    if place.rank == 0:
        rank.set(place.rank)
        model.set({"hosts": len(place.hosts)})


@outputs(score=Types.Float)
@custom_training_job_task(CONFIG)
def forget(wf_params, hyperparameters, model, score):
    if hyperparameters["what"] == "set wrongly":
        score.set("high")
    if hyperparameters["what"] == "returned":
        return 1
    if hyperparameters["what"] == "fails":
        raise ValueError("cannot train on this")
    score.set(1)
    return None


@inputs(numbers=[Types.Integer], scale=Types.Float)
@outputs(sums=[Types.Float], rows=Types.MultiPartCSV)
@python_task(cache=True, cache_version="1", retries=1, cpu_request="1", memory_limit="1Gi", environment={"A": "b"})
def scale_numbers(wf_params, numbers, scale, sums, rows):
    import pandas

    assert FlyteContextManager.current_context().execution_state is not None
    scaled = [number * scale for number in numbers]
    sums.set([sum(scaled[:end]) for end in range(1, len(scaled) + 1)])
    frames = [pandas.DataFrame({"label": [0, 1], "value": [number, math.nan]}) for number in scaled]
    rows.set(frames, header=False)


@inputs(rows=Types.MultiPartCSV)
@outputs(model=Types.Blob)
@python_task
def describe_rows(wf_params, rows, model):
    with rows as reader:
        model.set([frame.shape[0] for frame in reader.read(header=None)])


@inputs(number=Types.Integer)
@outputs(written=Types.Blob)
@python_task
def write_number(wf_params, number, written):
    written.set(number)


@inputs(trials=Types.Schema)
@outputs(best=Types.Float)
@python_task
def best_of(wf_params, trials, best):
    with trials as reader:
        best.set(min(frame["objective"].min() for frame in reader.iter_chunks()))
