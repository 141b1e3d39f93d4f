"""A training job: what to run, on what, for how long.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flytekit_sagemaker._generated import training_job_pb2 as pb
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.models.channels import Channel, FileSystemDataSource
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.limits import between, rule
from flytekit_sagemaker.models.remedies import path_as_uri, swapped_ids
from flytekit_sagemaker.types import AlgorithmName, DistributedProtocol, InputContentType, InputMode

__all__ = [
    "AlgorithmSpecification",
    "Channel",
    "FileSystemDataSource",
    "Function",
    "InstanceConfig",
    "MetricDefinition",
    "StoppingCondition",
    "TrainingJob",
    "TrainingJobConfig",
]

MAX_RUNTIME_IN_SECONDS = 28 * 24 * 3600
MAX_TAGS = 50
TAGS_OF_THE_EXECUTION = 7
_INSTANCE_TYPE = r"ml\.[a-z0-9-]+\.[a-z0-9-]+"
_ALGORITHM_RESOURCE = r"|(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:\d{12}:[a-z\-]*/)?[a-zA-Z0-9][a-zA-Z0-9-]{0,62}(?<!-)"
_KMS_KEY_LENGTH = (1, 2048)
_URI = r"(s3|https|file)://.+"
_TYPE, _TYPE_IN_WORDS = "int|float|str|bool", "int, float, str or bool"
_ROLE_ARN = r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"


class MetricDefinition(Model, message=pb.MetricDefinition):
    """How a metric is found in the log.

    Attributes:
        name: name of the metric, such as ``validation:error``.
        regex: searched in each log line; the first capture group is the value.
    """

    name: str = rule(length=(1, 255))
    regex: str = rule(length=(1, 500))

    @between("regex")
    def _regex_compiles(self) -> Iterable[Problem]:
        try:
            re.compile(self.regex)
        except re.error as error:
            yield Problem("regex", self.regex, f"must be a regular expression ({error})")


class AlgorithmSpecification(Model, message=pb.AlgorithmSpecification):
    """What a training job runs.

    Attributes:
        algorithm_name: a built-in algorithm, or CUSTOM.
        algorithm_version: version of the built-in algorithm, such as ``1.7-1``; empty for the newest.
        input_mode: how data reaches the container, unless a channel says otherwise.
        input_content_type: format of the channels that name none of their own.
        metric_definitions: metrics of a custom image, up to 40. The built-in algorithms have their own and the service
            refuses others, so they are left out of the request there, with a warning.
        training_image: URI of an image of your own, with CUSTOM; a built-in algorithm takes only an image of itself.
        algorithm_resource: name or ARN of an algorithm resource of your own account or of AWS Marketplace, in place of
            an image.
    """

    algorithm_name: AlgorithmName
    algorithm_version: str = rule(default="", length=(0, 64))
    input_mode: InputMode = InputMode.FILE
    input_content_type: InputContentType = InputContentType.TEXT_CSV
    metric_definitions: Sequence[MetricDefinition] | None = rule(default=(), length=(0, 40))
    training_image: str = rule(default="", length=(0, 255))
    algorithm_resource: str = rule(default="", pattern=_ALGORITHM_RESOURCE, like="my-algorithm")

    @between()
    def _image_or_resource(self) -> Iterable[Problem]:
        if self.algorithm_resource and self.training_image:
            rule_ = "must not be given together with training_image"
            yield Problem("algorithm_resource", self.algorithm_resource, rule_, "Leave one of them out.")

    @between("algorithm_name")
    def _resource_is_ones_own(self) -> Iterable[Problem]:
        if self.algorithm_resource and self.algorithm_name is not AlgorithmName.CUSTOM:
            yield Problem("algorithm_name", self.algorithm_name.name, "must be CUSTOM with an algorithm_resource")


class InstanceConfig(Model, message=pb.InstanceConfig):
    """Machines that a job may run on.

    Attributes:
        instance_type: such as ``ml.m5.xlarge``.
        volume_size_in_gb: storage of each instance, in GB; a training job gets the largest that is asked for.
        instance_count: number of instances (hosts).
    """

    instance_type: str = rule(pattern=_INSTANCE_TYPE, like="ml.m5.xlarge")
    volume_size_in_gb: int = rule(at_least=1, at_most=16384)
    instance_count: int = rule(default=1, at_least=1)


class TrainingJobConfig(Model, message=pb.TrainingJobConfig):
    """On what a training job runs, and what the account asks of it.

    Attributes:
        instance_type: such as ``ml.m5.xlarge``.
        volume_size_in_gb: storage of each instance, in GB.
        instance_count: number of instances (hosts).
        distributed_protocol: how several hosts are started.
        role_arn: IAM role that SageMaker assumes for the job; the deployment's where left out.
        region: AWS region; the deployment's where left out.
        volume_kms_key_id: KMS key of the storage volumes.
        keep_alive_period_in_seconds: keeps the instances as a warm pool after the job, up to 21,600 s.
        security_group_ids, subnets: the VPC of the job; both or neither.
        output_path: ``s3://`` prefix for the artifacts; the execution's output prefix where left out.
        output_kms_key_id: KMS key of the artifacts.
        enable_network_isolation: no network inside the container.
        enable_inter_container_traffic_encryption: encrypts traffic between hosts.
        enable_managed_spot_training: spot instances; needs ``StoppingCondition.max_wait_time_in_seconds``.
        checkpoint_s3_uri, checkpoint_local_path: where checkpoints are kept, and their folder in the container.
        tags: up to 43; the 50 that AWS allows include 7 that name the execution.
        environment: variables of the container, up to 100 (48 when tuned).
        max_retry_attempts: how often SageMaker itself retries after an internal error, 1 to 30.
        assume_role_arn: IAM role that the connector assumes before it calls SageMaker, as for a job in another account;
            the deployment's where left out.
        endpoint_url: the SageMaker: ``aws``, ``local`` or a URL that the deployment allows; the deployment's where left
            out.
        instance_configs: machines to use, in this order, when those above are not to be had; up to 4, or 5 for a tuning
            job, and not with spot instances for a training job.
    """

    instance_type: str = rule(pattern=_INSTANCE_TYPE, like="ml.m5.xlarge")
    volume_size_in_gb: int = rule(at_least=1, at_most=16384)
    instance_count: int = rule(default=1, at_least=1)
    distributed_protocol: DistributedProtocol = DistributedProtocol.UNSPECIFIED
    role_arn: str | None = rule(default=None, pattern=_ROLE_ARN, like="arn:aws:iam::123456789012:role/SageMaker")
    region: str | None = rule(default=None, pattern=r"[a-z]{2,}(-[a-z0-9]+)+-\d+", like="us-east-1")
    volume_kms_key_id: str | None = rule(default=None, length=_KMS_KEY_LENGTH)
    keep_alive_period_in_seconds: int | None = rule(default=None, at_least=0, at_most=21600)
    security_group_ids: Sequence[str] = rule(
        default=(), length=(0, 5), pattern=r"sg-[-0-9a-zA-Z]{1,29}", like="sg-0a1b2c3d", remedy=swapped_ids
    )
    subnets: Sequence[str] = rule(
        default=(), length=(0, 16), pattern=r"subnet-[-0-9a-zA-Z]{1,25}", like="subnet-0a1b2c3d", remedy=swapped_ids
    )
    output_path: str | None = rule(default=None, pattern=_URI, like="s3://bucket/prefix", remedy=path_as_uri)
    output_kms_key_id: str | None = rule(default=None, length=_KMS_KEY_LENGTH)
    enable_network_isolation: bool | None = None
    enable_inter_container_traffic_encryption: bool | None = None
    enable_managed_spot_training: bool | None = None
    checkpoint_s3_uri: str | None = rule(default=None, pattern=_URI, like="s3://bucket/prefix", remedy=path_as_uri)
    checkpoint_local_path: str | None = rule(default=None, length=(1, 4096))
    tags: Mapping[str, str] | None = rule(default=None, length=(0, MAX_TAGS - TAGS_OF_THE_EXECUTION))
    environment: Mapping[str, str] | None = rule(default=None, length=(0, 100))
    max_retry_attempts: int | None = rule(default=None, at_least=1, at_most=30)
    assume_role_arn: str | None = rule(
        default=None, pattern=_ROLE_ARN, like="arn:aws:iam::123456789012:role/FlyteConnector"
    )
    endpoint_url: str | None = rule(
        default=None, pattern=r"aws|local|https?://[^/?#\s]+(/[^?#\s]*)?", like="https://sagemaker.example.com"
    )
    instance_configs: Sequence[InstanceConfig] = rule(default=(), length=(0, 5))

    @between()
    def _vpc_is_whole(self) -> Iterable[Problem]:
        if bool(self.security_group_ids) != bool(self.subnets):
            missing = "subnets" if self.security_group_ids else "security_group_ids"
            yield Problem(missing, None, "must be given together with the other half of the VPC")

    @between()
    def _checkpoints_are_kept(self) -> Iterable[Problem]:
        if self.checkpoint_local_path and not self.checkpoint_s3_uri:
            yield Problem("checkpoint_s3_uri", None, "must be given with checkpoint_local_path")


class StoppingCondition(Model, message=pb.StoppingCondition):
    """How long a training job may take.

    Attributes:
        max_runtime_in_seconds: seconds of training, up to 28 days; the job is then stopped and keeps its artifacts.
        max_wait_time_in_seconds: seconds of training and waiting for spot instances together (spot training only).
    """

    max_runtime_in_seconds: int = rule(at_least=1, at_most=MAX_RUNTIME_IN_SECONDS)
    max_wait_time_in_seconds: int | None = rule(default=None, at_least=1)

    @between("max_runtime_in_seconds", "max_wait_time_in_seconds")
    def _waits_for_the_training_too(self) -> Iterable[Problem]:
        if self.max_wait_time_in_seconds is not None and self.max_wait_time_in_seconds < self.max_runtime_in_seconds:
            limit = f"must be at least max_runtime_in_seconds ({self.max_runtime_in_seconds})"
            yield Problem("max_wait_time_in_seconds", self.max_wait_time_in_seconds, limit)


class Function(Model, message=pb.Function):
    """A function of the user's own that a training job runs.

    Attributes:
        tunable_inputs: the type of each of its own inputs that a tuning job can choose: ``int``, ``float``, ``str`` or
            ``bool``.
        takes_hyperparameters: whether it takes ``hyperparameters``.
        hyperparameter_types: the types of those that have one, likewise; the name ``*`` stands for every other. Without
            that name, and with others, there are no others; without any name, every key can be tuned, to any value.
    """

    tunable_inputs: Mapping[str, str] | None = rule(default=None, length=(0, 1000), pattern=_TYPE, like=_TYPE_IN_WORDS)
    takes_hyperparameters: bool = False
    hyperparameter_types: Mapping[str, str] | None = rule(
        default=None, length=(0, 1000), pattern=_TYPE, like=_TYPE_IN_WORDS
    )


class TrainingJob(Model, message=pb.TrainingJob):
    """A training job as a task template carries it.

    Attributes:
        algorithm_specification: what runs.
        training_job_config: on what.
        channels: its input channels; their locations are inputs of the task.
        function: the user's function that runs in the image, None where the image runs what it has.
        overrides: members of the request that replace, in the end, what the rest of the models made of them.
    """

    algorithm_specification: AlgorithmSpecification
    training_job_config: TrainingJobConfig
    channels: Sequence[Channel] = rule(default=(), length=(0, 20))
    function: Function | None = None
    overrides: Mapping[str, Any] | None = None

    @between("channels")
    def _channels_differ(self) -> Iterable[Problem]:
        names = [channel.name for channel in self.channels]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Problem("channels", name, "must not be declared twice")

    @between("algorithm_specification")
    def _runs_one_thing(self) -> Iterable[Problem]:
        custom = self.algorithm_specification
        if custom.algorithm_name is AlgorithmName.CUSTOM and custom.algorithm_version:
            version = custom.algorithm_version
            yield Problem("algorithm_specification.algorithm_version", version, "is for built-in algorithms only")
        if self.function is not None and custom.algorithm_name is not AlgorithmName.CUSTOM:
            rule_ = "must be CUSTOM: the function runs in place of a built-in algorithm"
            yield Problem("algorithm_specification.algorithm_name", custom.algorithm_name.name, rule_)
        if self.function is not None and custom.algorithm_resource:
            rule_ = "has a program of its own, in which no function can run"
            yield Problem("algorithm_specification.algorithm_resource", custom.algorithm_resource, rule_)
