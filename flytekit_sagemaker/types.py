"""The public enums. Their numbers are those of the protobuf messages in ``protos/``.

A model takes an enum member, its number, or its name in any spelling (``"FASTFILE"``, ``"FastFile"``, ``"fast_file"``).
"""

from __future__ import annotations

import enum

__all__ = [
    "AlgorithmName",
    "CompressionType",
    "DistributedProtocol",
    "FileSystemAccessMode",
    "FileSystemType",
    "HyperparameterScalingType",
    "HyperparameterTuningObjectiveType",
    "HyperparameterTuningStrategy",
    "InputContentType",
    "InputMode",
    "RecordWrapperType",
    "S3DataDistributionType",
    "S3DataType",
    "TrainingJobEarlyStoppingType",
    "WarmStartType",
]


class InputMode(enum.IntEnum):
    """How a channel's data reaches the container: copied before the start, streamed through a FIFO, or mounted."""

    FILE = 0
    PIPE = 1
    FASTFILE = 2


class AlgorithmName(enum.IntEnum):
    """SageMaker's built-in algorithms; ``CUSTOM`` is the user's own function or image.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/algos.html
    """

    CUSTOM = 0
    XGBOOST = 1
    KMEANS = 2
    LINEAR_LEARNER = 3
    BLAZINGTEXT = 4
    FACTORIZATION_MACHINES = 5
    FORECASTING_DEEPAR = 6
    IMAGE_CLASSIFICATION = 7
    IPINSIGHTS = 8
    KNN = 9
    LDA = 10
    NTM = 11
    OBJECT_DETECTION = 12
    OBJECT2VEC = 13
    PCA = 14
    RANDOMCUTFOREST = 15
    SEMANTIC_SEGMENTATION = 16
    SEQ2SEQ = 17


class InputContentType(enum.IntEnum):
    """Format of the training data, sent as the MIME type of the channels that name none of their own."""

    TEXT_CSV = 0
    TEXT_LIBSVM = 1
    RECORDIO_PROTOBUF = 2
    PARQUET = 3
    JSON_LINES = 4
    RECORDIO = 5
    IMAGE = 6


class DistributedProtocol(enum.IntEnum):
    """How the hosts of a job with several instances are started."""

    UNSPECIFIED = 0
    MPI = 1


class S3DataType(enum.IntEnum):
    """What a channel's URI names: a prefix, a manifest, an augmented one, or conversations in the Converse format."""

    S3_PREFIX = 0
    MANIFEST_FILE = 1
    AUGMENTED_MANIFEST_FILE = 2
    CONVERSE = 3


class S3DataDistributionType(enum.IntEnum):
    """Whether every host receives the whole channel or its own share of the objects."""

    FULLY_REPLICATED = 0
    SHARDED_BY_S3_KEY = 1


class FileSystemType(enum.IntEnum):
    """Amazon's file systems that a channel's data can lie on."""

    EFS = 0
    FSX_LUSTRE = 1


class FileSystemAccessMode(enum.IntEnum):
    """Whether the container may write to a channel's file system."""

    RO = 0
    RW = 1


class CompressionType(enum.IntEnum):
    """Compression of a channel's objects (Pipe mode only)."""

    NONE = 0
    GZIP = 1


class RecordWrapperType(enum.IntEnum):
    """Whether SageMaker wraps each object of a channel in a RecordIO record."""

    NONE = 0
    RECORD_IO = 1


class HyperparameterScalingType(enum.IntEnum):
    """How the tuner measures distance inside a numeric range.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-define-ranges.html
    """

    AUTO = 0
    LINEAR = 1
    LOGARITHMIC = 2
    REVERSELOGARITHMIC = 3


class HyperparameterTuningObjectiveType(enum.IntEnum):
    """Whether a better objective metric is a smaller or a larger one."""

    MINIMIZE = 0
    MAXIMIZE = 1


class HyperparameterTuningStrategy(enum.IntEnum):
    """How the tuner chooses the next hyperparameters.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-how-it-works.html
    """

    BAYESIAN = 0
    RANDOM = 1
    GRID = 2
    HYPERBAND = 3


class TrainingJobEarlyStoppingType(enum.IntEnum):
    """Whether the tuner stops a trial that falls behind the earlier ones."""

    OFF = 0
    AUTO = 1


class WarmStartType(enum.IntEnum):
    """How the trials of parent tuning jobs are used."""

    IDENTICAL_DATA_AND_ALGORITHM = 0
    TRANSFER_LEARNING = 1
