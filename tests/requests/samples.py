"""The requests under test: rich and minimal jobs, built from models."""

from __future__ import annotations

from typing import Any

from flytekit_sagemaker import types
from flytekit_sagemaker.container.command import Command
from flytekit_sagemaker.models.channels import Channel, FileSystemDataSource
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningObjective, WarmStartConfig
from flytekit_sagemaker.models.parameter_ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRangeOneOf,
    ParameterRanges,
)
from flytekit_sagemaker.models.training_job import Function, InstanceConfig, MetricDefinition
from flytekit_sagemaker.requests.functions import Container, in_container
from flytekit_sagemaker.requests.names import TRAINING_JOB_NAME_LENGTH, TUNING_JOB_NAME_LENGTH
from flytekit_sagemaker.requests.overrides import definition_overridden, overridden
from flytekit_sagemaker.requests.training import BuiltRequest, training_request
from flytekit_sagemaker.requests.tuning import tuning_request
from flytekit_sagemaker.testing import builders as make

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/pricing:3"
ERROR_METRIC = MetricDefinition(name="validation:error", regex="error=([0-9.]+)")


def training(**changes: Any) -> BuiltRequest:
    """CreateTrainingJob of ``job`` and ``inputs``, minimal where they are not given."""
    identity = make.job_identity()
    given = {"job": make.training_job(), "inputs": make.job_inputs(), "deployment": make.deployment(), **changes}
    return training_request(**given, name=identity.job_name(TRAINING_JOB_NAME_LENGTH), tags=identity.tags())


def tuning(**changes: Any) -> BuiltRequest:
    """CreateHyperParameterTuningJob of ``job``, ``config``, ``inputs`` and ``ranges``, minimal likewise."""
    identity = make.job_identity()
    given = {
        "job": make.tuning_job(),
        "config": make.tuning_config(),
        "inputs": make.job_inputs(),
        "ranges": {},
        "deployment": make.deployment(),
        **changes,
    }
    return tuning_request(**given, name=identity.job_name(TUNING_JOB_NAME_LENGTH), tags=identity.tags())


def custom_algorithm(**changes: Any) -> Any:
    fields = {
        "algorithm_name": types.AlgorithmName.CUSTOM,
        "algorithm_version": "",
        "training_image": IMAGE,
        "metric_definitions": (ERROR_METRIC,),
    }
    return make.algorithm_specification(**{**fields, **changes})


def rich_config() -> Any:
    return make.training_job_config(
        instance_count=2,
        volume_size_in_gb=50,
        distributed_protocol=types.DistributedProtocol.MPI,
        role_arn="arn:aws:iam::210987654321:role/service-role/Pricing",
        region="eu-west-1",
        volume_kms_key_id="alias/volumes",
        security_group_ids=("sg-1", "sg-2"),
        subnets=("subnet-1",),
        output_path="s3://pricing/models",
        output_kms_key_id="alias/models",
        enable_network_isolation=True,
        enable_inter_container_traffic_encryption=True,
        enable_managed_spot_training=True,
        checkpoint_s3_uri="s3://pricing/checkpoints",
        checkpoint_local_path="/opt/ml/checkpoints",
        tags={"team": "pricing", "flyte-project": "not the user's to say"},
        environment={"OMP_NUM_THREADS": "4"},
        max_retry_attempts=3,
    )


def rich_channels() -> tuple[Channel, ...]:
    return (
        Channel(name="train", s3_data_distribution_type=types.S3DataDistributionType.SHARDED_BY_S3_KEY, shuffle_seed=7),
        Channel(
            name="images",
            content_type="application/x-image",
            s3_data_type=types.S3DataType.AUGMENTED_MANIFEST_FILE,
            compression_type=types.CompressionType.GZIP,
            record_wrapper_type=types.RecordWrapperType.RECORD_IO,
            input_mode=types.InputMode.PIPE,
            attribute_names=("source-ref", "label"),
        ),
        Channel(name="extra", required=False),
    )


def rich_inputs() -> Any:
    """Numbers as they are after Flyte carried them: floats."""
    return make.job_inputs(
        static_hyperparameters={
            "epochs": 23.0,
            "learning_rate": 0.1,
            "tiny": 1e-07,
            "seed": 2**31,
            "verbose": True,
            "layers": [64.0, 32.0],
            "optimizer": "adam",
            "unset": None,
        },
        channels={"train": "s3://pricing/train", "images": "s3://pricing/images.manifest"},
        stopping_condition=make.stopping_condition(max_wait_time_in_seconds=7200),
    )


def rich_ranges() -> ParameterRanges:
    kinds = {
        "learning_rate": ContinuousParameterRange(
            min_value=1e-07, max_value=0.1, scaling_type=types.HyperparameterScalingType.LOGARITHMIC
        ),
        "momentum": ContinuousParameterRange(
            min_value=0.5, max_value=0.999, scaling_type=types.HyperparameterScalingType.REVERSELOGARITHMIC
        ),
        "epochs": IntegerParameterRange(
            min_value=1, max_value=2**40, scaling_type=types.HyperparameterScalingType.LINEAR
        ),
        "optimizer": CategoricalParameterRange(values=["adam", "sgd"]),
        "width": CategoricalParameterRange(values=[64.0, 128, True]),
    }
    return ParameterRanges(parameter_range_map={name: ParameterRangeOneOf(param=kind) for name, kind in kinds.items()})


def rich_training_job() -> Any:
    algorithm = custom_algorithm(input_mode=types.InputMode.FASTFILE)
    return make.training_job(
        algorithm_specification=algorithm, training_job_config=rich_config(), channels=rich_channels()
    )


def legacy_training_job() -> Any:
    """The algorithm specification of the proposal's sample."""
    algorithm = make.algorithm_specification(
        algorithm_version="0.72", metric_definitions=[MetricDefinition(name="Minimize", regex="validation:error")]
    )
    return make.training_job(algorithm_specification=algorithm)


LEGACY_HYPERPARAMETERS = {
    "num_round": "100",
    "base_score": "0.5",
    "booster": "gbtree",
    "csv_weights": "0",
    "dsplit": "row",
    "grow_policy": "depthwise",
    "lambda_bias": "0.0",
    "max_bin": "256",
    "max_leaves": "0",
    "normalize_type": "tree",
    "objective": "reg:linear",
    "one_drop": "0",
    "prob_buffer_row": None,
    "process_type": "default",
    "rate_drop": "0.0",
    "refresh_leaf": "1",
    "sample_type": "uniform",
    "scale_pos_weight": "1.0",
    "silent": "1",
    "sketch_eps": "0.03",
    "skip_drop": "0.0",
    "tree_method": "auto",
    "tweedie_variance_power": "1.5",
    "updater": "grow_colmaker,prune",
}


def legacy_inputs() -> Any:
    return make.job_inputs(static_hyperparameters=LEGACY_HYPERPARAMETERS)


def hyperband() -> Any:
    return make.tuning_config(
        tuning_strategy=types.HyperparameterTuningStrategy.HYPERBAND,
        hyperband_min_resource=1,
        hyperband_max_resource=10,
    )


def rich_search() -> Any:
    return make.tuning_config(
        tuning_strategy=types.HyperparameterTuningStrategy.BAYESIAN,
        tuning_objective=HyperparameterTuningObjective(
            objective_type=types.HyperparameterTuningObjectiveType.MAXIMIZE, metric_name="validation:error"
        ),
        training_job_early_stopping_type=types.TrainingJobEarlyStoppingType.AUTO,
        hyperparameter_ranges=rich_ranges(),
        random_seed=42,
        max_runtime_in_seconds=86400,
        target_objective_metric_value=0.95,
        max_number_of_training_jobs_not_improving=5,
        complete_on_convergence=True,
        warm_start_config=WarmStartConfig(
            warm_start_type=types.WarmStartType.TRANSFER_LEARNING, parent_hyperparameter_tuning_jobs=["one", "two"]
        ),
    )


def kmeans_job() -> Any:
    algorithm = make.algorithm_specification(algorithm_name=types.AlgorithmName.KMEANS, algorithm_version="1")
    return make.training_job(algorithm_specification=algorithm, channels=(Channel(name="train"),))


COMMAND = Command(
    (
        "pyflyte-execute",
        "--inputs",
        "s3://flyte/metadata/p/d/f1/n0/data/inputs.pb",
        "--output-prefix",
        "s3://flyte/metadata/p/d/f1/n0/data/0",
        "--raw-output-data-prefix",
        "s3://flyte/raw/ab/f1-n0-0",
        "--resolver",
        "flytekit.core.python_auto_container.default_task_resolver",
        "--",
        "task-module",
        "pricing.training",
        "task-name",
        "train_model",
    ),
    {"FLYTE_INTERNAL_EXECUTION_ID": "f1"},
)


def custom_job(**changes: Any) -> Any:
    """A job that runs a function, on spot instances."""
    fields = {
        "algorithm_specification": custom_algorithm(training_image=""),
        "training_job_config": make.training_job_config(enable_managed_spot_training=True),
        "function": Function(tunable_inputs={"depth": "int"}, takes_hyperparameters=True),
    }
    return make.training_job(**{**fields, **changes})


def with_function(built: BuiltRequest, command: Command = COMMAND, **changes: Any) -> BuiltRequest:
    """The request of a job that runs a function in a container."""
    given = {"checkpoints": "s3://flyte/raw/checkpoints/f1", "metrics": ["validation:rmse"], **changes}
    return in_container(built, Container(IMAGE, command, {"COLOR": "green"}), **given)


def custom_training() -> BuiltRequest:
    return with_function(training(job=custom_job(), inputs=spot_inputs()))


def custom_tuning() -> BuiltRequest:
    job = make.tuning_job(training_job=custom_job())
    return with_function(tuning(job=job, inputs=spot_inputs()))


def spot_inputs() -> Any:
    limits = make.stopping_condition(max_wait_time_in_seconds=7200)
    return make.job_inputs(static_hyperparameters={"rate": 0.25}, stopping_condition=limits)


HUB = "arn:aws:sagemaker:us-east-1:123456789012:hub-content/research"


def channels_of_every_source() -> tuple[Channel, ...]:
    """Every source of data that the API has; only the first two have a location that an execution gives."""
    converse = types.S3DataType.CONVERSE
    return (
        Channel(name="model.base", content_type="", hub_content_arn=f"{HUB}/ModelReference/llm", accept_eula=True),
        Channel(name="conversations", s3_data_type=converse, input_mode=types.InputMode.FASTFILE),
        Channel(
            name="archive",
            file_system=FileSystemDataSource(
                file_system_id="fs-0123456789abcdef0",
                file_system_type=types.FileSystemType.FSX_LUSTRE,
                directory_path="/mount/archive",
                access_mode=types.FileSystemAccessMode.RW,
            ),
        ),
        Channel(name="curated", dataset_arn=f"{HUB}/DataSet/orders/1.0.0"),
    )


def in_order_of_preference(**changes: Any) -> Any:
    further = [
        InstanceConfig(instance_type="ml.m5.2xlarge", volume_size_in_gb=20),
        InstanceConfig(instance_type="ml.m5.large", volume_size_in_gb=10, instance_count=2),
    ]
    vpc = {"security_group_ids": ("sg-1",), "subnets": ("subnet-1",)}
    return make.training_job_config(instance_configs=further, volume_kms_key_id="alias/all", **vpc, **changes)


def every_source_job(**changes: Any) -> Any:
    algorithm = make.algorithm_specification(
        algorithm_name=types.AlgorithmName.CUSTOM, algorithm_version="", algorithm_resource="tree-ensemble"
    )
    fields = {"algorithm_specification": algorithm, "training_job_config": in_order_of_preference()}
    return make.training_job(**{**fields, "channels": channels_of_every_source(), **changes})


def every_source_inputs() -> Any:
    given = {"model.base": "s3://pricing/llm/", "conversations": "s3://pricing/talks"}
    return make.job_inputs(channels=given)


def every_source_training() -> BuiltRequest:
    overrides = {"RemoteDebugConfig": {"EnableRemoteDebug": True}, "StoppingCondition": {"MaxRuntimeInSeconds": 60}}
    job = every_source_job(overrides=overrides)
    return overridden(training(job=job, inputs=every_source_inputs()), job.overrides)


def every_source_tuning() -> BuiltRequest:
    config = in_order_of_preference(enable_managed_spot_training=True, keep_alive_period_in_seconds=600)
    job = make.tuning_job(
        training_job=every_source_job(
            training_job_config=config, overrides={"RetryStrategy": {"MaximumRetryAttempts": 2}}
        ),
        overrides={"HyperParameterTuningJobConfig": {"RandomSeed": 7, "TrainingJobEarlyStoppingType": None}},
    )
    limits = make.stopping_condition(max_wait_time_in_seconds=7200)
    built = tuning(job=job, inputs=make.job_inputs(channels=every_source_inputs().channels, stopping_condition=limits))
    return overridden(definition_overridden(built, job.training_job.overrides), job.overrides)


def heterogeneous_training() -> BuiltRequest:
    """Groups of instances, which only an override can ask for."""
    group = {"InstanceGroupName": "workers", "InstanceType": "ml.c5.xlarge", "InstanceCount": 2}
    job = make.training_job(
        channels=(Channel(name="train", instance_group_names=("workers",)),),
        overrides={"ResourceConfig": {"InstanceType": None, "InstanceCount": None, "InstanceGroups": [group]}},
    )
    return overridden(training(job=job), job.overrides)


# Every golden file's request, by the file's name.
GOLDEN = {
    "training_every_source": every_source_training,
    "training_heterogeneous": heterogeneous_training,
    "tuning_every_source": every_source_tuning,
    "custom_training": custom_training,
    "custom_tuning": custom_tuning,
    "training_minimal": lambda: training(),
    "training_rich": lambda: training(job=rich_training_job(), inputs=rich_inputs()),
    "training_legacy": lambda: training(job=legacy_training_job(), inputs=legacy_inputs()),
    "training_kmeans_china": lambda: training(
        job=kmeans_job(),
        inputs=make.job_inputs(static_hyperparameters={"k": 3, "feature_dim": 4}),
        deployment=make.deployment(
            region="cn-north-1",
            role_arn="arn:aws-cn:iam::123456789012:role/SageMaker",
            security_group_ids=("sg-9",),
            subnets=("subnet-9",),
            volume_kms_key_id="alias/all",
            output_kms_key_id="alias/all",
            tags={"cost-centre": "7"},
        ),
    ),
    "tuning_minimal": lambda: tuning(),
    "tuning_rich": lambda: tuning(
        job=make.tuning_job(training_job=rich_training_job(), max_number_of_training_jobs=20),
        config=rich_search(),
        inputs=rich_inputs(),
        ranges={
            "momentum": ParameterRangeOneOf(param=ContinuousParameterRange(min_value=0, max_value=0.5)),
            "depth": ParameterRangeOneOf(param=IntegerParameterRange(min_value=1, max_value=9)),
        },
    ),
    "tuning_hyperband": lambda: tuning(config=hyperband()),
    "tuning_legacy": lambda: tuning(job=make.tuning_job(training_job=legacy_training_job()), inputs=legacy_inputs()),
}
