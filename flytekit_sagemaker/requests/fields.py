"""Every field of the models and the member of a request that it becomes: one table.

It makes members of models, reads models from members, and says in the user's words what is wrong with a member;
``docs/tuning.md`` shows it row by row.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from flytekit_sagemaker.models.channels import Channel, FileSystemDataSource
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.hpo_job import (
    HyperparameterTuningJob,
    HyperparameterTuningJobConfig,
    HyperparameterTuningObjective,
    TrainingJobDefinitionConfig,
    WarmStartConfig,
)
from flytekit_sagemaker.models.parameter_ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
)
from flytekit_sagemaker.models.text import text_of
from flytekit_sagemaker.models.training_job import (
    AlgorithmSpecification,
    InstanceConfig,
    MetricDefinition,
    StoppingCondition,
    TrainingJobConfig,
)
from flytekit_sagemaker.requests.api_words import api_word
from flytekit_sagemaker.requests.assembly import put
from flytekit_sagemaker.types import CompressionType, RecordWrapperType


@dataclass(frozen=True)
class Field:
    """One field of a model.

    Attributes:
        name: of the field.
        member: where it arrives, below the place of the model.
        item: the only member of each entry, where it arrives as a list of structures.
        said: what is sent for a value, where that is neither the value itself nor the API's word for it.
        unsaid: the value that is not sent.
        model: what the field holds one of.
    """

    name: str
    member: str
    item: str = ""
    said: Callable[[Any], Any] | None = None
    unsaid: Any = None
    model: type[Model] | None = None

    def sent(self, value: Any) -> Any:
        """What is sent for a value of the field, None for nothing."""
        if value is None or value == self.unsaid or value in ((), "", {}):
            return None
        if isinstance(value, Model):
            return members(value)
        if self.said is not None:
            return self.said(value)
        if isinstance(value, enum.IntEnum):
            return api_word(value)
        if isinstance(value, tuple):
            return [
                {self.item: each} if self.item else members(each) if isinstance(each, Model) else each for each in value
            ]
        return dict(value) if isinstance(value, Mapping) else value


def _enabled(value: bool) -> str:
    return "Enabled" if value else "Disabled"


_S3 = "DataSource.S3DataSource"
_NUMERIC_RANGE = (
    Field("min_value", "MinValue", said=text_of),
    Field("max_value", "MaxValue", said=text_of),
    Field("scaling_type", "ScalingType"),
)

FIELDS: dict[type[Model], tuple[Field, ...]] = {
    HyperparameterTuningJob: (
        Field("max_number_of_training_jobs", "ResourceLimits.MaxNumberOfTrainingJobs"),
        Field("max_parallel_training_jobs", "ResourceLimits.MaxParallelTrainingJobs"),
        Field("tunable_parameters", "ParameterRanges"),
    ),
    HyperparameterTuningJobConfig: (
        Field("tuning_strategy", "Strategy"),
        Field("tuning_objective", "HyperParameterTuningJobObjective", model=HyperparameterTuningObjective),
        Field("hyperparameter_ranges", "ParameterRanges"),
        Field("training_job_early_stopping_type", "TrainingJobEarlyStoppingType"),
        Field("random_seed", "RandomSeed"),
        Field("max_runtime_in_seconds", "ResourceLimits.MaxRuntimeInSeconds"),
        Field("hyperband_min_resource", "StrategyConfig.HyperbandStrategyConfig.MinResource"),
        Field("hyperband_max_resource", "StrategyConfig.HyperbandStrategyConfig.MaxResource"),
        Field("target_objective_metric_value", "TuningJobCompletionCriteria.TargetObjectiveMetricValue"),
        Field(
            "max_number_of_training_jobs_not_improving",
            "TuningJobCompletionCriteria.BestObjectiveNotImproving.MaxNumberOfTrainingJobsNotImproving",
        ),
        Field(
            "complete_on_convergence",
            "TuningJobCompletionCriteria.ConvergenceDetected.CompleteOnConvergence",
            said=_enabled,
        ),
    ),
    TrainingJobDefinitionConfig: (
        Field("hyperparameter_ranges", "HyperParameterRanges"),
        Field("tuning_objective", "TuningObjective", model=HyperparameterTuningObjective),
    ),
    WarmStartConfig: (
        Field("warm_start_type", "WarmStartType"),
        Field(
            "parent_hyperparameter_tuning_jobs", "ParentHyperParameterTuningJobs", item="HyperParameterTuningJobName"
        ),
    ),
    HyperparameterTuningObjective: (Field("objective_type", "Type"), Field("metric_name", "MetricName")),
    ContinuousParameterRange: _NUMERIC_RANGE,
    IntegerParameterRange: _NUMERIC_RANGE,
    CategoricalParameterRange: (Field("values", "Values"),),
    AlgorithmSpecification: (
        Field("algorithm_name", "TrainingImage"),
        Field("algorithm_version", "TrainingImage"),
        Field("training_image", "TrainingImage"),
        Field("algorithm_resource", "AlgorithmName"),
        Field("input_mode", "TrainingInputMode"),
        Field("metric_definitions", "MetricDefinitions", model=MetricDefinition),
    ),
    MetricDefinition: (Field("name", "Name"), Field("regex", "Regex")),
    TrainingJobConfig: (
        Field("instance_type", "ResourceConfig.InstanceType"),
        Field("instance_count", "ResourceConfig.InstanceCount"),
        Field("volume_size_in_gb", "ResourceConfig.VolumeSizeInGB"),
        Field("volume_kms_key_id", "ResourceConfig.VolumeKmsKeyId"),
        Field("keep_alive_period_in_seconds", "ResourceConfig.KeepAlivePeriodInSeconds"),
        Field("instance_configs", "HyperParameterTuningResourceConfig.InstanceConfigs", model=InstanceConfig),
        Field("distributed_protocol", "StaticHyperParameters"),
        Field("role_arn", "RoleArn"),
        Field("security_group_ids", "VpcConfig.SecurityGroupIds"),
        Field("subnets", "VpcConfig.Subnets"),
        Field("output_path", "OutputDataConfig.S3OutputPath"),
        Field("output_kms_key_id", "OutputDataConfig.KmsKeyId"),
        Field("enable_network_isolation", "EnableNetworkIsolation"),
        Field("enable_inter_container_traffic_encryption", "EnableInterContainerTrafficEncryption"),
        Field("enable_managed_spot_training", "EnableManagedSpotTraining"),
        Field("checkpoint_s3_uri", "CheckpointConfig.S3Uri"),
        Field("checkpoint_local_path", "CheckpointConfig.LocalPath"),
        Field("environment", "Environment"),
        Field("max_retry_attempts", "RetryStrategy.MaximumRetryAttempts"),
    ),
    InstanceConfig: (
        Field("instance_type", "InstanceType"),
        Field("volume_size_in_gb", "VolumeSizeInGB"),
        Field("instance_count", "InstanceCount"),
    ),
    StoppingCondition: (
        Field("max_runtime_in_seconds", "MaxRuntimeInSeconds"),
        Field("max_wait_time_in_seconds", "MaxWaitTimeInSeconds"),
    ),
    Channel: (
        Field("name", "ChannelName"),
        Field("content_type", "ContentType"),
        Field("s3_data_type", f"{_S3}.S3DataType"),
        Field("s3_data_distribution_type", f"{_S3}.S3DataDistributionType"),
        Field("attribute_names", f"{_S3}.AttributeNames"),
        Field("instance_group_names", f"{_S3}.InstanceGroupNames"),
        Field("hub_content_arn", f"{_S3}.HubAccessConfig.HubContentArn"),
        Field("accept_eula", f"{_S3}.ModelAccessConfig.AcceptEula"),
        Field("file_system", "DataSource.FileSystemDataSource", model=FileSystemDataSource),
        Field("dataset_arn", "DataSource.DatasetSource.DatasetArn"),
        Field("compression_type", "CompressionType", unsaid=CompressionType.NONE),
        Field("record_wrapper_type", "RecordWrapperType", unsaid=RecordWrapperType.NONE),
        Field("input_mode", "InputMode"),
        Field("shuffle_seed", "ShuffleConfig.Seed"),
    ),
    FileSystemDataSource: (
        Field("file_system_id", "FileSystemId"),
        Field("file_system_type", "FileSystemType"),
        Field("directory_path", "DirectoryPath"),
        Field("access_mode", "FileSystemAccessMode"),
    ),
}


def members(model: Model, *, without: Collection[str] = (), **instead: Any) -> dict[str, Any]:
    """The members that the fields of a model become; what is not given is not sent.

    Args:
        model: one of the table.
        without: fields to leave out.
        instead: values that take the place of the model's own.
    """
    sent: dict[str, Any] = {}
    for field in FIELDS[type(model)]:
        if field.name in without:
            continue
        value = field.sent(instead.get(field.name, getattr(model, field.name)))
        if value is not None:
            put(sent, field.member, value)
    return sent


def values_of(model: type[Model], member: Mapping[str, Any]) -> dict[str, Any]:
    """What :func:`members` was made of: values by field, as :meth:`Model.from_dict` takes them."""
    values = {}
    for field in FIELDS[model]:
        found: Any = member
        for name in field.member.split("."):
            found = (found or {}).get(name)
        if found is not None:
            values[field.name] = values_of(field.model, found) if field.model else found
    return values


def field_at(model: type[Model], member: str) -> str:
    """The field that arrives in a member: ``metric_definitions[2].regex`` for ``MetricDefinitions[2].Regex``.

    Empty for a member that no field of the model, or of those that it holds, becomes.
    """
    for field in reversed(FIELDS[model]):  # of several that become one member, the last is the member itself
        found = re.fullmatch(rf"{re.escape(field.member)}((?:\[\d+\])?)(?:\.(.+))?", member)
        if found is None:
            continue
        index, rest = found[1], found[2] or ""
        if not rest or rest == field.item:
            return f"{field.name}{index}"
        if field.model is None:
            return f"{field.name}{index}.{rest}"
        if inner := field_at(field.model, rest):
            return f"{field.name}{index}.{inner}"
    return ""


def member_at(model: type[Model], field: str) -> str:
    """The member that a field becomes, :func:`field_at` the other way round; the field itself where it becomes none."""
    name, _, rest = field.partition(".")
    for each in FIELDS[model]:
        if each.name == name:
            return f"{each.member}.{member_at(each.model, rest)}" if rest and each.model else each.member
    return field
