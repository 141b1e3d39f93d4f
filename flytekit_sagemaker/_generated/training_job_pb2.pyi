from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InputMode(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FILE: _ClassVar[InputMode.Value]
        PIPE: _ClassVar[InputMode.Value]
        FASTFILE: _ClassVar[InputMode.Value]
    FILE: InputMode.Value
    PIPE: InputMode.Value
    FASTFILE: InputMode.Value
    def __init__(self) -> None: ...

class AlgorithmName(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CUSTOM: _ClassVar[AlgorithmName.Value]
        XGBOOST: _ClassVar[AlgorithmName.Value]
        KMEANS: _ClassVar[AlgorithmName.Value]
        LINEAR_LEARNER: _ClassVar[AlgorithmName.Value]
        BLAZINGTEXT: _ClassVar[AlgorithmName.Value]
        FACTORIZATION_MACHINES: _ClassVar[AlgorithmName.Value]
        FORECASTING_DEEPAR: _ClassVar[AlgorithmName.Value]
        IMAGE_CLASSIFICATION: _ClassVar[AlgorithmName.Value]
        IPINSIGHTS: _ClassVar[AlgorithmName.Value]
        KNN: _ClassVar[AlgorithmName.Value]
        LDA: _ClassVar[AlgorithmName.Value]
        NTM: _ClassVar[AlgorithmName.Value]
        OBJECT_DETECTION: _ClassVar[AlgorithmName.Value]
        OBJECT2VEC: _ClassVar[AlgorithmName.Value]
        PCA: _ClassVar[AlgorithmName.Value]
        RANDOMCUTFOREST: _ClassVar[AlgorithmName.Value]
        SEMANTIC_SEGMENTATION: _ClassVar[AlgorithmName.Value]
        SEQ2SEQ: _ClassVar[AlgorithmName.Value]
    CUSTOM: AlgorithmName.Value
    XGBOOST: AlgorithmName.Value
    KMEANS: AlgorithmName.Value
    LINEAR_LEARNER: AlgorithmName.Value
    BLAZINGTEXT: AlgorithmName.Value
    FACTORIZATION_MACHINES: AlgorithmName.Value
    FORECASTING_DEEPAR: AlgorithmName.Value
    IMAGE_CLASSIFICATION: AlgorithmName.Value
    IPINSIGHTS: AlgorithmName.Value
    KNN: AlgorithmName.Value
    LDA: AlgorithmName.Value
    NTM: AlgorithmName.Value
    OBJECT_DETECTION: AlgorithmName.Value
    OBJECT2VEC: AlgorithmName.Value
    PCA: AlgorithmName.Value
    RANDOMCUTFOREST: AlgorithmName.Value
    SEMANTIC_SEGMENTATION: AlgorithmName.Value
    SEQ2SEQ: AlgorithmName.Value
    def __init__(self) -> None: ...

class InputContentType(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TEXT_CSV: _ClassVar[InputContentType.Value]
        TEXT_LIBSVM: _ClassVar[InputContentType.Value]
        RECORDIO_PROTOBUF: _ClassVar[InputContentType.Value]
        PARQUET: _ClassVar[InputContentType.Value]
        JSON_LINES: _ClassVar[InputContentType.Value]
        RECORDIO: _ClassVar[InputContentType.Value]
        IMAGE: _ClassVar[InputContentType.Value]
    TEXT_CSV: InputContentType.Value
    TEXT_LIBSVM: InputContentType.Value
    RECORDIO_PROTOBUF: InputContentType.Value
    PARQUET: InputContentType.Value
    JSON_LINES: InputContentType.Value
    RECORDIO: InputContentType.Value
    IMAGE: InputContentType.Value
    def __init__(self) -> None: ...

class DistributedProtocol(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNSPECIFIED: _ClassVar[DistributedProtocol.Value]
        MPI: _ClassVar[DistributedProtocol.Value]
    UNSPECIFIED: DistributedProtocol.Value
    MPI: DistributedProtocol.Value
    def __init__(self) -> None: ...

class S3DataType(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        S3_PREFIX: _ClassVar[S3DataType.Value]
        MANIFEST_FILE: _ClassVar[S3DataType.Value]
        AUGMENTED_MANIFEST_FILE: _ClassVar[S3DataType.Value]
        CONVERSE: _ClassVar[S3DataType.Value]
    S3_PREFIX: S3DataType.Value
    MANIFEST_FILE: S3DataType.Value
    AUGMENTED_MANIFEST_FILE: S3DataType.Value
    CONVERSE: S3DataType.Value
    def __init__(self) -> None: ...

class S3DataDistributionType(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FULLY_REPLICATED: _ClassVar[S3DataDistributionType.Value]
        SHARDED_BY_S3_KEY: _ClassVar[S3DataDistributionType.Value]
    FULLY_REPLICATED: S3DataDistributionType.Value
    SHARDED_BY_S3_KEY: S3DataDistributionType.Value
    def __init__(self) -> None: ...

class CompressionType(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NONE: _ClassVar[CompressionType.Value]
        GZIP: _ClassVar[CompressionType.Value]
    NONE: CompressionType.Value
    GZIP: CompressionType.Value
    def __init__(self) -> None: ...

class RecordWrapperType(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NONE: _ClassVar[RecordWrapperType.Value]
        RECORD_IO: _ClassVar[RecordWrapperType.Value]
    NONE: RecordWrapperType.Value
    RECORD_IO: RecordWrapperType.Value
    def __init__(self) -> None: ...

class FileSystemType(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        EFS: _ClassVar[FileSystemType.Value]
        FSX_LUSTRE: _ClassVar[FileSystemType.Value]
    EFS: FileSystemType.Value
    FSX_LUSTRE: FileSystemType.Value
    def __init__(self) -> None: ...

class FileSystemAccessMode(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RO: _ClassVar[FileSystemAccessMode.Value]
        RW: _ClassVar[FileSystemAccessMode.Value]
    RO: FileSystemAccessMode.Value
    RW: FileSystemAccessMode.Value
    def __init__(self) -> None: ...

class MetricDefinition(_message.Message):
    __slots__ = ("name", "regex")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REGEX_FIELD_NUMBER: _ClassVar[int]
    name: str
    regex: str
    def __init__(self, name: _Optional[str] = ..., regex: _Optional[str] = ...) -> None: ...

class AlgorithmSpecification(_message.Message):
    __slots__ = ("input_mode", "algorithm_name", "algorithm_version", "metric_definitions", "input_content_type", "training_image", "algorithm_resource")
    INPUT_MODE_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_NAME_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_VERSION_FIELD_NUMBER: _ClassVar[int]
    METRIC_DEFINITIONS_FIELD_NUMBER: _ClassVar[int]
    INPUT_CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    TRAINING_IMAGE_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_RESOURCE_FIELD_NUMBER: _ClassVar[int]
    input_mode: InputMode.Value
    algorithm_name: AlgorithmName.Value
    algorithm_version: str
    metric_definitions: _containers.RepeatedCompositeFieldContainer[MetricDefinition]
    input_content_type: InputContentType.Value
    training_image: str
    algorithm_resource: str
    def __init__(self, input_mode: _Optional[_Union[InputMode.Value, str]] = ..., algorithm_name: _Optional[_Union[AlgorithmName.Value, str]] = ..., algorithm_version: _Optional[str] = ..., metric_definitions: _Optional[_Iterable[_Union[MetricDefinition, _Mapping]]] = ..., input_content_type: _Optional[_Union[InputContentType.Value, str]] = ..., training_image: _Optional[str] = ..., algorithm_resource: _Optional[str] = ...) -> None: ...

class InstanceConfig(_message.Message):
    __slots__ = ("instance_type", "volume_size_in_gb", "instance_count")
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_SIZE_IN_GB_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    instance_type: str
    volume_size_in_gb: int
    instance_count: int
    def __init__(self, instance_type: _Optional[str] = ..., volume_size_in_gb: _Optional[int] = ..., instance_count: _Optional[int] = ...) -> None: ...

class TrainingJobConfig(_message.Message):
    __slots__ = ("instance_count", "instance_type", "volume_size_in_gb", "distributed_protocol", "role_arn", "region", "volume_kms_key_id", "keep_alive_period_in_seconds", "security_group_ids", "subnets", "output_path", "output_kms_key_id", "enable_network_isolation", "enable_inter_container_traffic_encryption", "enable_managed_spot_training", "checkpoint_s3_uri", "checkpoint_local_path", "tags", "environment", "max_retry_attempts", "assume_role_arn", "endpoint_url", "instance_configs")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class EnvironmentEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INSTANCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_SIZE_IN_GB_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTED_PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    ROLE_ARN_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    VOLUME_KMS_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    KEEP_ALIVE_PERIOD_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SECURITY_GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    SUBNETS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_PATH_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_KMS_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ENABLE_NETWORK_ISOLATION_FIELD_NUMBER: _ClassVar[int]
    ENABLE_INTER_CONTAINER_TRAFFIC_ENCRYPTION_FIELD_NUMBER: _ClassVar[int]
    ENABLE_MANAGED_SPOT_TRAINING_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_S3_URI_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_LOCAL_PATH_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    MAX_RETRY_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    ASSUME_ROLE_ARN_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_URL_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_CONFIGS_FIELD_NUMBER: _ClassVar[int]
    instance_count: int
    instance_type: str
    volume_size_in_gb: int
    distributed_protocol: DistributedProtocol.Value
    role_arn: str
    region: str
    volume_kms_key_id: str
    keep_alive_period_in_seconds: int
    security_group_ids: _containers.RepeatedScalarFieldContainer[str]
    subnets: _containers.RepeatedScalarFieldContainer[str]
    output_path: str
    output_kms_key_id: str
    enable_network_isolation: bool
    enable_inter_container_traffic_encryption: bool
    enable_managed_spot_training: bool
    checkpoint_s3_uri: str
    checkpoint_local_path: str
    tags: _containers.ScalarMap[str, str]
    environment: _containers.ScalarMap[str, str]
    max_retry_attempts: int
    assume_role_arn: str
    endpoint_url: str
    instance_configs: _containers.RepeatedCompositeFieldContainer[InstanceConfig]
    def __init__(self, instance_count: _Optional[int] = ..., instance_type: _Optional[str] = ..., volume_size_in_gb: _Optional[int] = ..., distributed_protocol: _Optional[_Union[DistributedProtocol.Value, str]] = ..., role_arn: _Optional[str] = ..., region: _Optional[str] = ..., volume_kms_key_id: _Optional[str] = ..., keep_alive_period_in_seconds: _Optional[int] = ..., security_group_ids: _Optional[_Iterable[str]] = ..., subnets: _Optional[_Iterable[str]] = ..., output_path: _Optional[str] = ..., output_kms_key_id: _Optional[str] = ..., enable_network_isolation: bool = ..., enable_inter_container_traffic_encryption: bool = ..., enable_managed_spot_training: bool = ..., checkpoint_s3_uri: _Optional[str] = ..., checkpoint_local_path: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., environment: _Optional[_Mapping[str, str]] = ..., max_retry_attempts: _Optional[int] = ..., assume_role_arn: _Optional[str] = ..., endpoint_url: _Optional[str] = ..., instance_configs: _Optional[_Iterable[_Union[InstanceConfig, _Mapping]]] = ...) -> None: ...

class StoppingCondition(_message.Message):
    __slots__ = ("max_runtime_in_seconds", "max_wait_time_in_seconds")
    MAX_RUNTIME_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_WAIT_TIME_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    max_runtime_in_seconds: int
    max_wait_time_in_seconds: int
    def __init__(self, max_runtime_in_seconds: _Optional[int] = ..., max_wait_time_in_seconds: _Optional[int] = ...) -> None: ...

class FileSystemDataSource(_message.Message):
    __slots__ = ("file_system_id", "file_system_type", "directory_path", "access_mode")
    FILE_SYSTEM_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_SYSTEM_TYPE_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_PATH_FIELD_NUMBER: _ClassVar[int]
    ACCESS_MODE_FIELD_NUMBER: _ClassVar[int]
    file_system_id: str
    file_system_type: FileSystemType.Value
    directory_path: str
    access_mode: FileSystemAccessMode.Value
    def __init__(self, file_system_id: _Optional[str] = ..., file_system_type: _Optional[_Union[FileSystemType.Value, str]] = ..., directory_path: _Optional[str] = ..., access_mode: _Optional[_Union[FileSystemAccessMode.Value, str]] = ...) -> None: ...

class Channel(_message.Message):
    __slots__ = ("name", "content_type", "s3_data_type", "s3_data_distribution_type", "compression_type", "record_wrapper_type", "input_mode", "attribute_names", "shuffle_seed", "required", "file_system", "dataset_arn", "instance_group_names", "hub_content_arn", "accept_eula")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    S3_DATA_TYPE_FIELD_NUMBER: _ClassVar[int]
    S3_DATA_DISTRIBUTION_TYPE_FIELD_NUMBER: _ClassVar[int]
    COMPRESSION_TYPE_FIELD_NUMBER: _ClassVar[int]
    RECORD_WRAPPER_TYPE_FIELD_NUMBER: _ClassVar[int]
    INPUT_MODE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_NAMES_FIELD_NUMBER: _ClassVar[int]
    SHUFFLE_SEED_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    FILE_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    DATASET_ARN_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_GROUP_NAMES_FIELD_NUMBER: _ClassVar[int]
    HUB_CONTENT_ARN_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_EULA_FIELD_NUMBER: _ClassVar[int]
    name: str
    content_type: str
    s3_data_type: S3DataType.Value
    s3_data_distribution_type: S3DataDistributionType.Value
    compression_type: CompressionType.Value
    record_wrapper_type: RecordWrapperType.Value
    input_mode: InputMode.Value
    attribute_names: _containers.RepeatedScalarFieldContainer[str]
    shuffle_seed: int
    required: bool
    file_system: FileSystemDataSource
    dataset_arn: str
    instance_group_names: _containers.RepeatedScalarFieldContainer[str]
    hub_content_arn: str
    accept_eula: bool
    def __init__(self, name: _Optional[str] = ..., content_type: _Optional[str] = ..., s3_data_type: _Optional[_Union[S3DataType.Value, str]] = ..., s3_data_distribution_type: _Optional[_Union[S3DataDistributionType.Value, str]] = ..., compression_type: _Optional[_Union[CompressionType.Value, str]] = ..., record_wrapper_type: _Optional[_Union[RecordWrapperType.Value, str]] = ..., input_mode: _Optional[_Union[InputMode.Value, str]] = ..., attribute_names: _Optional[_Iterable[str]] = ..., shuffle_seed: _Optional[int] = ..., required: bool = ..., file_system: _Optional[_Union[FileSystemDataSource, _Mapping]] = ..., dataset_arn: _Optional[str] = ..., instance_group_names: _Optional[_Iterable[str]] = ..., hub_content_arn: _Optional[str] = ..., accept_eula: bool = ...) -> None: ...

class Function(_message.Message):
    __slots__ = ("tunable_inputs", "takes_hyperparameters", "hyperparameter_types")
    class TunableInputsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class HyperparameterTypesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TUNABLE_INPUTS_FIELD_NUMBER: _ClassVar[int]
    TAKES_HYPERPARAMETERS_FIELD_NUMBER: _ClassVar[int]
    HYPERPARAMETER_TYPES_FIELD_NUMBER: _ClassVar[int]
    tunable_inputs: _containers.ScalarMap[str, str]
    takes_hyperparameters: bool
    hyperparameter_types: _containers.ScalarMap[str, str]
    def __init__(self, tunable_inputs: _Optional[_Mapping[str, str]] = ..., takes_hyperparameters: bool = ..., hyperparameter_types: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TrainingJob(_message.Message):
    __slots__ = ("algorithm_specification", "training_job_config", "channels", "function", "overrides")
    ALGORITHM_SPECIFICATION_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JOB_CONFIG_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    OVERRIDES_FIELD_NUMBER: _ClassVar[int]
    algorithm_specification: AlgorithmSpecification
    training_job_config: TrainingJobConfig
    channels: _containers.RepeatedCompositeFieldContainer[Channel]
    function: Function
    overrides: _struct_pb2.Struct
    def __init__(self, algorithm_specification: _Optional[_Union[AlgorithmSpecification, _Mapping]] = ..., training_job_config: _Optional[_Union[TrainingJobConfig, _Mapping]] = ..., channels: _Optional[_Iterable[_Union[Channel, _Mapping]]] = ..., function: _Optional[_Union[Function, _Mapping]] = ..., overrides: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...
