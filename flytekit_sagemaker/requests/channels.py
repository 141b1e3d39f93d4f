"""Input channels as the API has them: one table of what becomes of which field of a model.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Channel.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flytekit_sagemaker.models.channels import Channel
from flytekit_sagemaker.models.training_job import AlgorithmSpecification
from flytekit_sagemaker.requests.assembly import put
from flytekit_sagemaker.types import (
    AlgorithmName,
    CompressionType,
    FileSystemAccessMode,
    FileSystemType,
    InputContentType,
    InputMode,
    RecordWrapperType,
    S3DataDistributionType,
    S3DataType,
)

INPUT_MODES = {InputMode.FILE: "File", InputMode.PIPE: "Pipe", InputMode.FASTFILE: "FastFile"}
S3_DATA_TYPES = {
    S3DataType.S3_PREFIX: "S3Prefix",
    S3DataType.MANIFEST_FILE: "ManifestFile",
    S3DataType.AUGMENTED_MANIFEST_FILE: "AugmentedManifestFile",
    S3DataType.CONVERSE: "Converse",
}
S3_DISTRIBUTIONS = {
    S3DataDistributionType.FULLY_REPLICATED: "FullyReplicated",
    S3DataDistributionType.SHARDED_BY_S3_KEY: "ShardedByS3Key",
}
COMPRESSION_TYPES = {CompressionType.NONE: "None", CompressionType.GZIP: "Gzip"}
RECORD_WRAPPERS = {RecordWrapperType.NONE: "None", RecordWrapperType.RECORD_IO: "RecordIO"}
FILE_SYSTEM_TYPES = {FileSystemType.EFS: "EFS", FileSystemType.FSX_LUSTRE: "FSxLustre"}
FILE_SYSTEM_ACCESS_MODES = {FileSystemAccessMode.RO: "ro", FileSystemAccessMode.RW: "rw"}
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


@dataclass(frozen=True)
class Form:
    """One member of a channel.

    Attributes:
        path: where the member is.
        field: the model's field, or ``field.field`` inside it.
        words: the API's word for each member of the field's enum.
        unsaid: the value of the field that is not sent.
    """

    path: str
    field: str
    words: Mapping[Any, str] | None = None
    unsaid: Any = None

    def member(self, channel: Channel) -> Any:
        """What is sent of a channel, None for nothing."""
        value: Any = channel
        for name in self.field.split("."):
            value = getattr(value, name, None)
        if value is None or value == () or value == self.unsaid:
            return None
        if self.words:
            return self.words[value]
        return list(value) if isinstance(value, tuple) else value


_S3 = "DataSource.S3DataSource"
_FILES = "DataSource.FileSystemDataSource"
# The location, which is no field of the model: an execution gives it.
URI = "uri"
FORMS = (
    Form("ChannelName", "name"),
    Form(f"{_S3}.S3DataType", "s3_data_type", S3_DATA_TYPES),
    Form(f"{_S3}.S3Uri", URI),
    Form(f"{_S3}.S3DataDistributionType", "s3_data_distribution_type", S3_DISTRIBUTIONS),
    Form(f"{_S3}.AttributeNames", "attribute_names"),
    Form(f"{_S3}.InstanceGroupNames", "instance_group_names"),
    Form(f"{_S3}.HubAccessConfig.HubContentArn", "hub_content_arn"),
    Form(f"{_S3}.ModelAccessConfig.AcceptEula", "accept_eula"),
    Form(f"{_FILES}.FileSystemId", "file_system.file_system_id"),
    Form(f"{_FILES}.FileSystemType", "file_system.file_system_type", FILE_SYSTEM_TYPES),
    Form(f"{_FILES}.DirectoryPath", "file_system.directory_path"),
    Form(f"{_FILES}.FileSystemAccessMode", "file_system.access_mode", FILE_SYSTEM_ACCESS_MODES),
    Form("DataSource.DatasetSource.DatasetArn", "dataset_arn"),
    Form("ContentType", "content_type", unsaid=""),
    Form("CompressionType", "compression_type", COMPRESSION_TYPES, unsaid=CompressionType.NONE),
    Form("RecordWrapperType", "record_wrapper_type", RECORD_WRAPPERS, unsaid=RecordWrapperType.NONE),
    Form("InputMode", "input_mode", INPUT_MODES),
    Form("ShuffleConfig.Seed", "shuffle_seed"),
)


def channel_member(channel: Channel, uri: str, specification: AlgorithmSpecification) -> dict[str, Any]:
    """One entry of InputDataConfig.

    Args:
        channel: how the data is read.
        uri: where it is; of no account for a channel that says so itself.
        specification: what reads it.
    """
    sent = {form.path: uri if form.field == URI else form.member(channel) for form in FORMS}
    if channel.content_type is None:
        sent["ContentType"] = _default_content_type(specification)
    member: dict[str, Any] = {}
    for path, value in sent.items():
        if value is None or (path.startswith(_S3) and not channel.is_input):
            continue
        put(member, path, value)
    return member


def _default_content_type(specification: AlgorithmSpecification) -> str:
    content_type = CONTENT_TYPES[specification.input_content_type]
    unlabelled = content_type == "text/csv" and specification.algorithm_name in _WITHOUT_LABELS
    return "text/csv;label_size=0" if unlabelled else content_type
