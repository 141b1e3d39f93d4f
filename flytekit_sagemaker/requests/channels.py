"""Input channels as the API has them.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Channel.html
"""

from __future__ import annotations

from typing import Any

from flytekit_sagemaker.models.channels import Channel
from flytekit_sagemaker.models.training_job import AlgorithmSpecification
from flytekit_sagemaker.requests.assembly import put
from flytekit_sagemaker.requests.fields import FIELDS, members
from flytekit_sagemaker.types import AlgorithmName, InputContentType

CONTENT_TYPES = {
    InputContentType.TEXT_CSV: "text/csv",
    InputContentType.TEXT_LIBSVM: "text/libsvm",
    InputContentType.RECORDIO_PROTOBUF: "application/x-recordio-protobuf",
    InputContentType.PARQUET: "application/x-parquet",
    InputContentType.JSON_LINES: "application/jsonlines",
    InputContentType.RECORDIO: "application/x-recordio",
    InputContentType.IMAGE: "application/x-image",
}
# These learn without labels and take every CSV column as a feature only when told that no column is a label.
_WITHOUT_LABELS = {AlgorithmName.KMEANS, AlgorithmName.PCA, AlgorithmName.RANDOMCUTFOREST}
# The location of data in S3, which is no field of the model: an execution gives it.
URI = "DataSource.S3DataSource.S3Uri"
_OF_S3 = {field.name for field in FIELDS[Channel] if field.member.startswith("DataSource.S3DataSource.")}


def channel_member(channel: Channel, uri: str, specification: AlgorithmSpecification) -> dict[str, Any]:
    """One entry of InputDataConfig.

    Args:
        channel: how the data is read.
        uri: where it is; of no account for a channel that says so itself.
        specification: what reads it.
    """
    content_type = _default_content_type(specification) if channel.content_type is None else channel.content_type
    member = members(channel, without=() if channel.is_input else _OF_S3, content_type=content_type)
    if channel.is_input:
        put(member, URI, uri)
    return member


def _default_content_type(specification: AlgorithmSpecification) -> str:
    content_type = CONTENT_TYPES[specification.input_content_type]
    unlabelled = content_type == "text/csv" and specification.algorithm_name in _WITHOUT_LABELS
    return "text/csv;label_size=0" if unlabelled else content_type
