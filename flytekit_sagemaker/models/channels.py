"""Input channels of a training job.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Channel.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flytekit_sagemaker._generated import training_job_pb2 as pb
from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.limits import rule
from flytekit_sagemaker.types import (
    CompressionType,
    InputMode,
    RecordWrapperType,
    S3DataDistributionType,
    S3DataType,
)

__all__ = ["Channel"]


class Channel(Model, message=pb.Channel):
    """How one channel's data is found, distributed and read; its location is an input of the task.

    Attributes:
        name: name of the channel and of the task's input: a Python identifier of up to 64 characters.
        content_type: MIME type such as ``text/csv``; left out, the algorithm's ``input_content_type`` is sent.
        s3_data_type: what the URI names.
        s3_data_distribution_type: whether every host gets all of the data or its own share.
        compression_type: compression of the objects (Pipe mode only).
        record_wrapper_type: whether objects are wrapped in RecordIO records.
        input_mode: overrides the job's input mode for this channel.
        attribute_names: attributes to read from an augmented manifest, up to 16.
        shuffle_seed: shuffles the order of the objects with this seed.
        required: False makes the task's input optional.
    """

    name: str = rule(pattern=r"[A-Za-z_][A-Za-z0-9_]{0,63}", like="validation")
    content_type: str | None = rule(default=None, length=(1, 256))
    s3_data_type: S3DataType = S3DataType.S3_PREFIX
    s3_data_distribution_type: S3DataDistributionType = S3DataDistributionType.FULLY_REPLICATED
    compression_type: CompressionType = CompressionType.NONE
    record_wrapper_type: RecordWrapperType = RecordWrapperType.NONE
    input_mode: InputMode | None = None
    attribute_names: Sequence[str] = rule(default=(), length=(0, 16))
    shuffle_seed: int | None = rule(default=None, at_least=0)
    required: bool = True

    def broken_rules(self) -> Iterable[Problem]:
        augmented = self.s3_data_type is S3DataType.AUGMENTED_MANIFEST_FILE
        if self.attribute_names and not augmented:
            yield Problem("attribute_names", self.attribute_names, "need s3_data_type AUGMENTED_MANIFEST_FILE")
        if augmented and self.input_mode not in (None, InputMode.PIPE):
            yield Problem("input_mode", self.input_mode, "must be PIPE for an augmented manifest")
