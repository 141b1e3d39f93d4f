"""Input channels of a training job.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Channel.html
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from flytekit_sagemaker._generated import training_job_pb2 as pb
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.limits import between, rule
from flytekit_sagemaker.types import (
    CompressionType,
    FileSystemAccessMode,
    FileSystemType,
    InputMode,
    RecordWrapperType,
    S3DataDistributionType,
    S3DataType,
)

__all__ = ["Channel", "FileSystemDataSource"]

_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9])"
_DATASET_ARN = (
    r"arn:[a-z0-9\-.]{1,63}:sagemaker:\w+(-\w+)+:(\d{12}|aws):hub-content"
    rf"/{_NAME}{{0,62}}/DataSet/{_NAME}{{0,63}}(/\d{{1,4}}\.\d{{1,4}}\.\d{{1,4}})?"
)
# What says more about objects in S3, and means nothing for data elsewhere.
_OF_S3 = (
    "s3_data_type",
    "s3_data_distribution_type",
    "attribute_names",
    "instance_group_names",
    "hub_content_arn",
    "accept_eula",
)


class FileSystemDataSource(Model, message=pb.FileSystemDataSource):
    """A directory of a file system, which the job's VPC has to reach.

    Attributes:
        file_system_id: such as ``fs-0123456789abcdef0``.
        directory_path: full path of the directory; with FSx for Lustre it begins with the mount name.
        file_system_type: Amazon EFS or Amazon FSx for Lustre.
        access_mode: read only (RO), or RW.
    """

    file_system_id: str = rule(pattern=r"fs-[0-9a-f]{8,18}", like="fs-0123456789abcdef0")
    directory_path: str = rule(pattern=r"/.{0,4095}", like="/data/train")
    file_system_type: FileSystemType = FileSystemType.EFS
    access_mode: FileSystemAccessMode = FileSystemAccessMode.RO


class Channel(Model, message=pb.Channel):
    """How one channel's data is found, distributed and read.

    Its location in S3 is an input of the task, unless the channel itself says where its data is: in ``file_system`` or
    ``dataset_arn``.

    Attributes:
        name: letters, digits and ``. - _``, up to 64; also the name of the task's input, and then a Python identifier.
        content_type: MIME type such as ``text/csv``; left out, the algorithm's ``input_content_type`` is sent, and
            none when it is an empty text.
        s3_data_type: what the URI names.
        s3_data_distribution_type: whether every host gets all of the data or its own share.
        compression_type: compression of the objects (Pipe mode only).
        record_wrapper_type: whether objects are wrapped in RecordIO records.
        input_mode: overrides the job's input mode for this channel.
        attribute_names: attributes to read from an augmented manifest, up to 16.
        shuffle_seed: shuffles the order of the objects with this seed.
        required: False makes the task's input optional.
        file_system: the directory of a file system that holds the data.
        dataset_arn: ARN of the SageMaker dataset that holds the data.
        instance_group_names: instance groups that get the data, up to 5; all of them where left out.
        hub_content_arn: ARN of the private hub's reference to the public model that the objects are.
        accept_eula: whether you accept the license of the model that the objects are.
    """

    name: str = rule(pattern=r"[A-Za-z0-9._\-]{1,64}", like="validation")
    content_type: str | None = rule(default=None, pattern=r".{0,256}", like="text/csv")
    s3_data_type: S3DataType = S3DataType.S3_PREFIX
    s3_data_distribution_type: S3DataDistributionType = S3DataDistributionType.FULLY_REPLICATED
    compression_type: CompressionType = CompressionType.NONE
    record_wrapper_type: RecordWrapperType = RecordWrapperType.NONE
    input_mode: InputMode | None = None
    attribute_names: Sequence[str] = rule(default=(), length=(0, 16), pattern=r".{1,256}", like="source-ref")
    shuffle_seed: int | None = rule(default=None, at_least=0)
    required: bool = True
    file_system: FileSystemDataSource | None = None
    dataset_arn: str | None = rule(
        default=None,
        pattern=_DATASET_ARN,
        like="arn:aws:sagemaker:us-east-1:123456789012:hub-content/my-hub/DataSet/my-data/1.0.0",
    )
    instance_group_names: Sequence[str] = rule(default=(), length=(0, 5), pattern=r".{1,64}", like="workers")
    hub_content_arn: str | None = rule(
        default=None,
        pattern=r".{1,255}",
        like="arn:aws:sagemaker:us-east-1:123456789012:hub-content/my-hub/ModelReference/my-model/1.0.0",
    )
    accept_eula: bool | None = None

    @property
    def is_input(self) -> bool:
        """Whether the location of the data is given with each execution."""
        return self.file_system is None and self.dataset_arn is None

    @between("s3_data_type")
    def _attributes_are_of_a_manifest(self) -> Iterable[Problem]:
        if self.attribute_names and self.s3_data_type is not S3DataType.AUGMENTED_MANIFEST_FILE:
            yield Problem("attribute_names", self.attribute_names, "need s3_data_type AUGMENTED_MANIFEST_FILE")

    @between("s3_data_type")
    def _manifest_is_piped(self) -> Iterable[Problem]:
        augmented = self.s3_data_type is S3DataType.AUGMENTED_MANIFEST_FILE
        if augmented and self.input_mode not in (None, InputMode.PIPE):
            yield Problem("input_mode", self.input_mode, "must be PIPE for an augmented manifest")

    @between()
    def _data_is_in_one_place(self) -> Iterable[Problem]:
        if self.file_system is not None and self.dataset_arn is not None:
            yield Problem("dataset_arn", self.dataset_arn, "must not be given together with file_system")
        if not self.is_input:
            place = "file_system" if self.file_system is not None else "dataset_arn"
            for field in dataclasses.fields(self):
                value = getattr(self, field.name)
                if field.name in _OF_S3 and value != field.default:
                    yield Problem(field.name, value, f"is for data in S3, and {place} says that it is elsewhere")
