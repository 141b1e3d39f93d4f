"""The API's words for the members of the enums."""

from __future__ import annotations

import enum

from flytekit_sagemaker.types import (
    CompressionType,
    FileSystemAccessMode,
    FileSystemType,
    HyperparameterScalingType,
    HyperparameterTuningObjectiveType,
    HyperparameterTuningStrategy,
    InputMode,
    RecordWrapperType,
    S3DataDistributionType,
    S3DataType,
    TrainingJobEarlyStoppingType,
    WarmStartType,
)

# The words of each enum in the order of its members; all have the letters of the member's name.
_WORDS: dict[type[enum.IntEnum], str] = {
    InputMode: "File Pipe FastFile",
    S3DataType: "S3Prefix ManifestFile AugmentedManifestFile Converse",
    S3DataDistributionType: "FullyReplicated ShardedByS3Key",
    CompressionType: "None Gzip",
    RecordWrapperType: "None RecordIO",
    FileSystemType: "EFS FSxLustre",
    FileSystemAccessMode: "ro rw",
    HyperparameterScalingType: "Auto Linear Logarithmic ReverseLogarithmic",
    HyperparameterTuningObjectiveType: "Minimize Maximize",
    HyperparameterTuningStrategy: "Bayesian Random Grid Hyperband",
    TrainingJobEarlyStoppingType: "Off Auto",
    WarmStartType: "IdenticalDataAndAlgorithm TransferLearning",
}
API_WORDS = {
    member.name: word for kind, words in _WORDS.items() for member, word in zip(kind, words.split(), strict=True)
}
"""Name of an enum's member to the API's word; a name that two enums have means the same in both."""


def api_word(member: enum.IntEnum) -> str:
    """The API's word for a member, such as ``FastFile`` for ``InputMode.FASTFILE``."""
    return API_WORDS[member.name]
