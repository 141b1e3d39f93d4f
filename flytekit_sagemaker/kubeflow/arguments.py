"""The component's arguments and outputs: one table behind its command line, ``component.yaml`` and documentation.

The names, types, defaults and accepted values are those of the hyperparameter tuning component that Kubeflow Pipelines
has for SageMaker (components/aws/sagemaker/hyperparameter_tuning), so that its pipelines run unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

STRING = "String"
INTEGER = "Integer"
BOOLEAN = "Bool"
OBJECT = "JsonObject"
ARRAY = "JsonArray"

MAX_SECONDS = 432_000

_DEFINITION = "TrainingJobDefinition"
_CONFIG = "HyperParameterTuningJobConfig"


@dataclass(frozen=True)
class Argument:
    """One argument of the component.

    Attributes:
        name: as in the pipeline and, after two hyphens, on the command line.
        description: what it is.
        default: its value where none is given; None for one that is simply absent then.
        required: whether one has to be given.
        type: one of the types of component specifications.
        choices: the values that are accepted, where there are few.
        more_choices: further values that this component accepts.
        at_least, at_most: bounds of a number.
        example: a legal value as it is written on the command line.
        sets: the field of a model that it becomes, such as ``TrainingJobConfig.role_arn``.
        member: the member of the CreateHyperParameterTuningJob request in which it arrives.
        default_in_words: the default, where it is no fixed value.
        extra: whether it is one that only this component has.
    """

    name: str
    description: str
    default: Any = None
    required: bool = False
    type: str = STRING
    choices: Sequence[str] = ()
    more_choices: Sequence[str] = ()
    at_least: int | None = None
    at_most: int | None = None
    example: str = ""
    sets: str = ""
    member: str = ""
    default_in_words: str = ""
    extra: bool = False

    @property
    def accepted(self) -> str:
        """The accepted values in words; empty where the type says it all."""
        if self.choices:
            return ", ".join((*self.choices, *self.more_choices))
        if self.type == BOOLEAN:
            return "False, True"
        if self.at_least is not None and self.at_most is not None:
            return f"[{self.at_least}, {self.at_most}]"
        if self.at_least is not None:
            return f"≥ {self.at_least}"
        return "" if self.at_most is None else f"≤ {self.at_most}"


@dataclass(frozen=True)
class Output:
    """One output of the component.

    Attributes:
        name: as in the pipeline; ``--<name>_output_path`` on the command line names the file it is written to.
        description: what it is.
        type: one of the types of component specifications.
    """

    name: str
    description: str
    type: str = STRING

    @property
    def option(self) -> str:
        """The name of the command line's option for its file."""
        return f"{self.name}_output_path"


ARGUMENTS = (
    Argument(
        "region",
        "AWS region in which the tuning job runs.",
        required=True,
        example="us-east-1",
        sets="TrainingJobConfig.region",
    ),
    Argument(
        "endpoint_url",
        "URL of the SageMaker endpoint: that of a private link in a VPC, or of a local SageMaker. "
        "Left out, the region's own.",
        example="https://vpce-0a1b-2c3d.api.sagemaker.us-east-1.vpce.amazonaws.com",
        sets="TrainingJobConfig.endpoint_url",
    ),
    Argument(
        "assume_role",
        "ARN of an IAM role that the component assumes before it calls SageMaker.",
        example="arn:aws:iam::111122223333:role/tuning",
        sets="TrainingJobConfig.assume_role_arn",
    ),
    Argument(
        "job_name",
        "Name of the tuning job, up to 32 letters, digits and hyphens; unique in the account and region.",
        example="digits-1",
        member="HyperParameterTuningJobName",
        default_in_words="HPOJob-[datetime]-[random id]",
    ),
    Argument(
        "role",
        "ARN of the IAM role that SageMaker assumes for the training jobs.",
        required=True,
        example="arn:aws:iam::111122223333:role/sagemaker-job",
        sets="TrainingJobConfig.role_arn",
        member=f"{_DEFINITION}.RoleArn",
    ),
    Argument(
        "image",
        "URI of the training image, for an algorithm of your own. Either this or algorithm_name.",
        example="111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1",
        sets="AlgorithmSpecification.training_image",
        member=f"{_DEFINITION}.AlgorithmSpecification.TrainingImage",
    ),
    Argument(
        "algorithm_name",
        "A built-in algorithm by its title or SageMaker's name (K-Means, kmeans), or else the name or ARN of an "
        "algorithm resource, of your own or of the AWS Marketplace. Either this or image.",
        example="K-Means",
        sets="AlgorithmSpecification.algorithm_resource",
        member=f"{_DEFINITION}.AlgorithmSpecification.AlgorithmName",
    ),
    Argument(
        "training_input_mode",
        "How the training data reaches the container.",
        "File",
        choices=("File", "Pipe"),
        more_choices=("FastFile",),
        example="File",
        sets="AlgorithmSpecification.input_mode",
        member=f"{_DEFINITION}.AlgorithmSpecification.TrainingInputMode",
    ),
    Argument(
        "metric_definitions",
        "The metrics that an algorithm of your own writes to its log: name to regular expression. "
        "Built-in algorithms have their own.",
        {},
        type=OBJECT,
        example='{"validation:loss": "loss=([0-9.]+)"}',
        member=f"{_DEFINITION}.AlgorithmSpecification.MetricDefinitions",
    ),
    Argument(
        "strategy",
        "How the hyperparameters of the next training job are chosen.",
        "Bayesian",
        choices=("Bayesian", "Random"),
        more_choices=("Hyperband", "Grid"),
        example="Bayesian",
        sets="HyperparameterTuningJobConfig.tuning_strategy",
        member=f"{_CONFIG}.Strategy",
    ),
    Argument(
        "metric_name",
        "Name of the metric that is optimized.",
        required=True,
        example="test:msd",
        sets="HyperparameterTuningObjective.metric_name",
        member=f"{_CONFIG}.HyperParameterTuningJobObjective.MetricName",
    ),
    Argument(
        "metric_type",
        "Whether a larger or a smaller value of the metric is better.",
        required=True,
        choices=("Maximize", "Minimize"),
        example="Minimize",
        sets="HyperparameterTuningObjective.objective_type",
        member=f"{_CONFIG}.HyperParameterTuningJobObjective.Type",
    ),
    Argument(
        "early_stopping_type",
        "Whether training jobs that fall behind the earlier ones are stopped.",
        "Off",
        choices=("Off", "Auto"),
        example="Auto",
        sets="HyperparameterTuningJobConfig.training_job_early_stopping_type",
        member=f"{_CONFIG}.TrainingJobEarlyStoppingType",
    ),
    Argument(
        "static_parameters",
        "Hyperparameters that are the same in every training job: name to value.",
        {},
        type=OBJECT,
        example='{"k": "10", "feature_dim": "784"}',
        member=f"{_DEFINITION}.StaticHyperParameters",
    ),
    Argument(
        "integer_parameters",
        "Ranges of whole numbers to search: a list of IntegerParameterRange.",
        [],
        type=ARRAY,
        example='[{"Name": "mini_batch_size", "MinValue": "500", "MaxValue": "600"}]',
        member=f"{_CONFIG}.ParameterRanges.IntegerParameterRanges",
    ),
    Argument(
        "continuous_parameters",
        "Ranges of numbers to search: a list of ContinuousParameterRange.",
        [],
        type=ARRAY,
        example='[{"Name": "eta", "MinValue": "0.01", "MaxValue": "0.3", "ScalingType": "Logarithmic"}]',
        member=f"{_CONFIG}.ParameterRanges.ContinuousParameterRanges",
    ),
    Argument(
        "categorical_parameters",
        "Choices to search: a list of CategoricalParameterRange.",
        [],
        type=ARRAY,
        example='[{"Name": "init_method", "Values": ["kmeans++", "random"]}]',
        member=f"{_CONFIG}.ParameterRanges.CategoricalParameterRanges",
    ),
    Argument(
        "channels",
        "The input channels, at least one: a list of Channel.",
        required=True,
        type=ARRAY,
        example='[{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", '
        '"S3Uri": "s3://bucket/train"}}}]',
        member=f"{_DEFINITION}.InputDataConfig",
    ),
    Argument(
        "output_location",
        "S3 prefix under which the model artifacts are written.",
        required=True,
        example="s3://bucket/output",
        sets="TrainingJobConfig.output_path",
        member=f"{_DEFINITION}.OutputDataConfig.S3OutputPath",
    ),
    Argument(
        "output_encryption_key",
        "KMS key that encrypts the model artifacts.",
        example="alias/models",
        sets="TrainingJobConfig.output_kms_key_id",
        member=f"{_DEFINITION}.OutputDataConfig.KmsKeyId",
    ),
    Argument(
        "instance_type",
        "Instance type of the training jobs.",
        "ml.m4.xlarge",
        example="ml.m5.2xlarge",
        sets="TrainingJobConfig.instance_type",
        member=f"{_DEFINITION}.ResourceConfig.InstanceType",
    ),
    Argument(
        "instance_count",
        "Number of instances of each training job.",
        1,
        type=INTEGER,
        at_least=1,
        example="1",
        sets="TrainingJobConfig.instance_count",
        member=f"{_DEFINITION}.ResourceConfig.InstanceCount",
    ),
    Argument(
        "volume_size",
        "Storage of each instance in GB.",
        30,
        type=INTEGER,
        at_least=1,
        example="50",
        sets="TrainingJobConfig.volume_size_in_gb",
        member=f"{_DEFINITION}.ResourceConfig.VolumeSizeInGB",
    ),
    Argument(
        "max_num_jobs",
        "Number of training jobs in all.",
        required=True,
        type=INTEGER,
        at_least=1,
        at_most=500,
        example="10",
        sets="HyperparameterTuningJob.max_number_of_training_jobs",
        member=f"{_CONFIG}.ResourceLimits.MaxNumberOfTrainingJobs",
    ),
    Argument(
        "max_parallel_jobs",
        "Number of training jobs at a time.",
        required=True,
        type=INTEGER,
        at_least=1,
        at_most=10,
        example="2",
        sets="HyperparameterTuningJob.max_parallel_training_jobs",
        member=f"{_CONFIG}.ResourceLimits.MaxParallelTrainingJobs",
    ),
    Argument(
        "max_run_time",
        "Seconds that one training job may run.",
        86_400,
        type=INTEGER,
        at_least=1,
        at_most=MAX_SECONDS,
        example="3600",
        sets="StoppingCondition.max_runtime_in_seconds",
        member=f"{_DEFINITION}.StoppingCondition.MaxRuntimeInSeconds",
    ),
    Argument(
        "resource_encryption_key",
        "KMS key that encrypts the storage of the instances.",
        example="alias/volumes",
        sets="TrainingJobConfig.volume_kms_key_id",
        member=f"{_DEFINITION}.ResourceConfig.VolumeKmsKeyId",
    ),
    Argument(
        "vpc_security_group_ids",
        "Security groups of the training jobs in your VPC, separated by commas. Together with vpc_subnets.",
        example="sg-0a1b2c3d,sg-4e5f6a7b",
        sets="TrainingJobConfig.security_group_ids",
        member=f"{_DEFINITION}.VpcConfig.SecurityGroupIds",
    ),
    Argument(
        "vpc_subnets",
        "Subnets of your VPC, separated by commas. Together with vpc_security_group_ids.",
        example="subnet-0a1b2c3d,subnet-4e5f6a7b",
        sets="TrainingJobConfig.subnets",
        member=f"{_DEFINITION}.VpcConfig.Subnets",
    ),
    Argument(
        "network_isolation",
        "Whether the containers are cut off from the network.",
        True,
        type=BOOLEAN,
        example="True",
        sets="TrainingJobConfig.enable_network_isolation",
        member=f"{_DEFINITION}.EnableNetworkIsolation",
    ),
    Argument(
        "traffic_encryption",
        "Whether the traffic between the instances of a training job is encrypted.",
        False,
        type=BOOLEAN,
        example="True",
        sets="TrainingJobConfig.enable_inter_container_traffic_encryption",
        member=f"{_DEFINITION}.EnableInterContainerTrafficEncryption",
    ),
    Argument(
        "spot_instance",
        "Whether the training jobs run on spot instances.",
        False,
        type=BOOLEAN,
        example="True",
        sets="TrainingJobConfig.enable_managed_spot_training",
        member=f"{_DEFINITION}.EnableManagedSpotTraining",
    ),
    Argument(
        "max_wait_time",
        "Seconds that one training job on spot instances may take with the waiting for them; at least max_run_time. "
        "Without spot_instance it means nothing.",
        86_400,
        type=INTEGER,
        at_least=1,
        at_most=MAX_SECONDS,
        example="7200",
        sets="StoppingCondition.max_wait_time_in_seconds",
        member=f"{_DEFINITION}.StoppingCondition.MaxWaitTimeInSeconds",
    ),
    Argument(
        "checkpoint_config",
        "Where checkpoints are kept while spot instances come and go: S3Uri and, if need be, LocalPath.",
        {},
        type=OBJECT,
        example='{"S3Uri": "s3://bucket/checkpoints"}',
        member=f"{_DEFINITION}.CheckpointConfig",
    ),
    Argument(
        "warm_start_type",
        "How the training jobs of the parents are used. Together with parent_hpo_jobs.",
        choices=("IdenticalDataAndAlgorithm", "TransferLearning"),
        example="TransferLearning",
        sets="WarmStartConfig.warm_start_type",
        member="WarmStartConfig.WarmStartType",
    ),
    Argument(
        "parent_hpo_jobs",
        "Names of 1 to 5 tuning jobs that ended, to start from, separated by commas. Together with warm_start_type.",
        example="digits-1,digits-2",
        sets="WarmStartConfig.parent_hyperparameter_tuning_jobs",
        member="WarmStartConfig.ParentHyperParameterTuningJobs",
    ),
    Argument(
        "tags",
        "Tags of the tuning job, up to 49: key to value.",
        {},
        type=OBJECT,
        example='{"team": "ml"}',
        member="Tags",
    ),
    Argument(
        "overrides",
        "Members of the CreateHyperParameterTuningJob request, merged into it last, for what has no argument here.",
        {},
        type=OBJECT,
        example='{"HyperParameterTuningJobConfig": {"RandomSeed": 7}}',
        extra=True,
    ),
)

OUTPUTS = (
    Output("hpo_job_name", "Name of the tuning job."),
    Output("model_artifact_url", "URL of the best training job's model artifacts."),
    Output("best_job_name", "Name of the best training job."),
    Output("best_hyperparameters", "Hyperparameters of the best training job, static and tuned.", OBJECT),
    Output("training_image", "URI of the training image."),
)

BY_NAME = {argument.name: argument for argument in ARGUMENTS}
