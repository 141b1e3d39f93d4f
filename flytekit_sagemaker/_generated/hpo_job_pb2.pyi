from flytekit_sagemaker._generated import parameter_ranges_pb2 as _parameter_ranges_pb2
from flytekit_sagemaker._generated import training_job_pb2 as _training_job_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HyperparameterTuningObjectiveType(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MINIMIZE: _ClassVar[HyperparameterTuningObjectiveType.Value]
        MAXIMIZE: _ClassVar[HyperparameterTuningObjectiveType.Value]
    MINIMIZE: HyperparameterTuningObjectiveType.Value
    MAXIMIZE: HyperparameterTuningObjectiveType.Value
    def __init__(self) -> None: ...

class HyperparameterTuningStrategy(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        BAYESIAN: _ClassVar[HyperparameterTuningStrategy.Value]
        RANDOM: _ClassVar[HyperparameterTuningStrategy.Value]
        GRID: _ClassVar[HyperparameterTuningStrategy.Value]
        HYPERBAND: _ClassVar[HyperparameterTuningStrategy.Value]
    BAYESIAN: HyperparameterTuningStrategy.Value
    RANDOM: HyperparameterTuningStrategy.Value
    GRID: HyperparameterTuningStrategy.Value
    HYPERBAND: HyperparameterTuningStrategy.Value
    def __init__(self) -> None: ...

class TrainingJobEarlyStoppingType(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OFF: _ClassVar[TrainingJobEarlyStoppingType.Value]
        AUTO: _ClassVar[TrainingJobEarlyStoppingType.Value]
    OFF: TrainingJobEarlyStoppingType.Value
    AUTO: TrainingJobEarlyStoppingType.Value
    def __init__(self) -> None: ...

class WarmStartType(_message.Message):
    __slots__ = ()
    class Value(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        IDENTICAL_DATA_AND_ALGORITHM: _ClassVar[WarmStartType.Value]
        TRANSFER_LEARNING: _ClassVar[WarmStartType.Value]
    IDENTICAL_DATA_AND_ALGORITHM: WarmStartType.Value
    TRANSFER_LEARNING: WarmStartType.Value
    def __init__(self) -> None: ...

class HyperparameterTuningObjective(_message.Message):
    __slots__ = ("objective_type", "metric_name")
    OBJECTIVE_TYPE_FIELD_NUMBER: _ClassVar[int]
    METRIC_NAME_FIELD_NUMBER: _ClassVar[int]
    objective_type: HyperparameterTuningObjectiveType.Value
    metric_name: str
    def __init__(self, objective_type: _Optional[_Union[HyperparameterTuningObjectiveType.Value, str]] = ..., metric_name: _Optional[str] = ...) -> None: ...

class WarmStartConfig(_message.Message):
    __slots__ = ("warm_start_type", "parent_hyperparameter_tuning_jobs")
    WARM_START_TYPE_FIELD_NUMBER: _ClassVar[int]
    PARENT_HYPERPARAMETER_TUNING_JOBS_FIELD_NUMBER: _ClassVar[int]
    warm_start_type: WarmStartType.Value
    parent_hyperparameter_tuning_jobs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, warm_start_type: _Optional[_Union[WarmStartType.Value, str]] = ..., parent_hyperparameter_tuning_jobs: _Optional[_Iterable[str]] = ...) -> None: ...

class TrainingJobDefinitionConfig(_message.Message):
    __slots__ = ("hyperparameter_ranges", "tuning_objective")
    HYPERPARAMETER_RANGES_FIELD_NUMBER: _ClassVar[int]
    TUNING_OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    hyperparameter_ranges: _parameter_ranges_pb2.ParameterRanges
    tuning_objective: HyperparameterTuningObjective
    def __init__(self, hyperparameter_ranges: _Optional[_Union[_parameter_ranges_pb2.ParameterRanges, _Mapping]] = ..., tuning_objective: _Optional[_Union[HyperparameterTuningObjective, _Mapping]] = ...) -> None: ...

class HyperparameterTuningJobConfig(_message.Message):
    __slots__ = ("hyperparameter_ranges", "tuning_strategy", "tuning_objective", "training_job_early_stopping_type", "random_seed", "max_runtime_in_seconds", "hyperband_min_resource", "hyperband_max_resource", "target_objective_metric_value", "max_number_of_training_jobs_not_improving", "complete_on_convergence", "warm_start_config", "training_job_definitions")
    class TrainingJobDefinitionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: TrainingJobDefinitionConfig
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[TrainingJobDefinitionConfig, _Mapping]] = ...) -> None: ...
    HYPERPARAMETER_RANGES_FIELD_NUMBER: _ClassVar[int]
    TUNING_STRATEGY_FIELD_NUMBER: _ClassVar[int]
    TUNING_OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JOB_EARLY_STOPPING_TYPE_FIELD_NUMBER: _ClassVar[int]
    RANDOM_SEED_FIELD_NUMBER: _ClassVar[int]
    MAX_RUNTIME_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    HYPERBAND_MIN_RESOURCE_FIELD_NUMBER: _ClassVar[int]
    HYPERBAND_MAX_RESOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_OBJECTIVE_METRIC_VALUE_FIELD_NUMBER: _ClassVar[int]
    MAX_NUMBER_OF_TRAINING_JOBS_NOT_IMPROVING_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_ON_CONVERGENCE_FIELD_NUMBER: _ClassVar[int]
    WARM_START_CONFIG_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JOB_DEFINITIONS_FIELD_NUMBER: _ClassVar[int]
    hyperparameter_ranges: _parameter_ranges_pb2.ParameterRanges
    tuning_strategy: HyperparameterTuningStrategy.Value
    tuning_objective: HyperparameterTuningObjective
    training_job_early_stopping_type: TrainingJobEarlyStoppingType.Value
    random_seed: int
    max_runtime_in_seconds: int
    hyperband_min_resource: int
    hyperband_max_resource: int
    target_objective_metric_value: float
    max_number_of_training_jobs_not_improving: int
    complete_on_convergence: bool
    warm_start_config: WarmStartConfig
    training_job_definitions: _containers.MessageMap[str, TrainingJobDefinitionConfig]
    def __init__(self, hyperparameter_ranges: _Optional[_Union[_parameter_ranges_pb2.ParameterRanges, _Mapping]] = ..., tuning_strategy: _Optional[_Union[HyperparameterTuningStrategy.Value, str]] = ..., tuning_objective: _Optional[_Union[HyperparameterTuningObjective, _Mapping]] = ..., training_job_early_stopping_type: _Optional[_Union[TrainingJobEarlyStoppingType.Value, str]] = ..., random_seed: _Optional[int] = ..., max_runtime_in_seconds: _Optional[int] = ..., hyperband_min_resource: _Optional[int] = ..., hyperband_max_resource: _Optional[int] = ..., target_objective_metric_value: _Optional[float] = ..., max_number_of_training_jobs_not_improving: _Optional[int] = ..., complete_on_convergence: bool = ..., warm_start_config: _Optional[_Union[WarmStartConfig, _Mapping]] = ..., training_job_definitions: _Optional[_Mapping[str, TrainingJobDefinitionConfig]] = ...) -> None: ...

class HyperparameterTuningJob(_message.Message):
    __slots__ = ("training_job", "max_number_of_training_jobs", "max_parallel_training_jobs", "tunable_parameters", "training_jobs", "overrides")
    class TrainingJobsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _training_job_pb2.TrainingJob
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_training_job_pb2.TrainingJob, _Mapping]] = ...) -> None: ...
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    MAX_NUMBER_OF_TRAINING_JOBS_FIELD_NUMBER: _ClassVar[int]
    MAX_PARALLEL_TRAINING_JOBS_FIELD_NUMBER: _ClassVar[int]
    TUNABLE_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JOBS_FIELD_NUMBER: _ClassVar[int]
    OVERRIDES_FIELD_NUMBER: _ClassVar[int]
    training_job: _training_job_pb2.TrainingJob
    max_number_of_training_jobs: int
    max_parallel_training_jobs: int
    tunable_parameters: _containers.RepeatedScalarFieldContainer[str]
    training_jobs: _containers.MessageMap[str, _training_job_pb2.TrainingJob]
    overrides: _struct_pb2.Struct
    def __init__(self, training_job: _Optional[_Union[_training_job_pb2.TrainingJob, _Mapping]] = ..., max_number_of_training_jobs: _Optional[int] = ..., max_parallel_training_jobs: _Optional[int] = ..., tunable_parameters: _Optional[_Iterable[str]] = ..., training_jobs: _Optional[_Mapping[str, _training_job_pb2.TrainingJob]] = ..., overrides: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...
