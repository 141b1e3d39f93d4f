"""Record-protobuf files, the format that SageMaker's built-in algorithms read best: arrays to files and back.

A file is a sequence of RecordIO frames: a magic number, the payload's length and flags, the payload, and zeros up to a
multiple of four bytes. Each payload is one example as a protobuf ``Record``.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html
"""

from __future__ import annotations

import itertools
import math
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flytekit_sagemaker.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from flytekit_sagemaker._generated.record_pb2 import Value

CONTENT_TYPE = "application/x-recordio-protobuf"
"""What a channel with such files has for its content type."""

MAGIC = 0xCED7230A
_FRAME = struct.Struct("<II")
_FLAG_BITS = 3
_MOST_BYTES = 1 << (32 - _FLAG_BITS)
_MOST_VALUES = 2**31 - 1
_KEY = "values"
_SUBJECT = "record-protobuf data"

PathLike = str | os.PathLike[str]


def write_records(path: PathLike, features: Any, labels: Any = None) -> None:
    """Write a file with one record per example; the numbers become float32, which every algorithm takes.

    Args:
        path: the file, which is replaced.
        features: two-dimensional, an example per row: an array or what becomes one, or a scipy sparse matrix, of which
            only the stored values are written.
        labels: one number per example.

    Raises:
        InvalidInput: the shapes do not fit, or a number is beyond float32.
    """

    sparse = hasattr(features, "tocsr")
    rows = features.tocsr() if sparse else _array("features", features)
    label = None if labels is None else _array("labels", labels)
    problems = list(_shape_problems(rows.shape, None if label is None else label.shape))
    if not problems:
        problems = [
            problem
            for field, numbers in (("features", rows.data if sparse else rows), ("labels", label))
            if numbers is not None
            for problem in _number_problems(field, numbers)
        ]
    if problems:
        raise InvalidInput(_SUBJECT, problems)
    label = None if label is None else label.astype("<f4")
    with open(path, "wb") as file:
        if sparse:
            file.writelines(framed(payload) for payload in _sparse_payloads(rows, label))
        else:
            layout = _Layout(rows.shape[1], "<f4", None if label is None else "<f4")
            file.write(layout.file_of(rows.astype("<f4"), label))


def read_records(*paths: PathLike) -> tuple[Any, Any]:
    """The examples of files, one after the other, as features and labels.

    Features are a two-dimensional array, or a scipy CSR matrix where the records are sparse; labels are an array with
    one number per example, or None where the records have none. Both are float32, float64 where the records are or have
    whole numbers that float32 cannot tell apart. A named pipe is read like a file.

    Raises:
        InvalidInput: a file is cut off or is no such file, or the records do not fit together; names file and record.
    """
    return joined(examples for _, examples in read_files(*paths))


def read_files(*paths: PathLike) -> list[tuple[Path, tuple[Any, Any]]]:
    """What ``read_records`` reads, file by file; empty files are left out.

    Raises:
        InvalidInput: as ``read_records``.
    """
    files = [_File(Path(path), Path(path).read_bytes()) for path in paths]
    parts = [part for part in map(_examples, files) if part is not None]
    if not parts:
        raise InvalidInput(_SUBJECT, [Problem("", [str(path) for path in paths], "must hold at least one record")])
    for part in parts[1:]:
        if part.kind != parts[0].kind:
            raise part.file.invalid(0, part.kind, f"must hold {parts[0].kind}, as {parts[0].file.path} does")
    return [(part.file.path, (part.features, part.labels)) for part in parts]


def _array(field: str, numbers: Any) -> Any:
    import numpy as np

    try:
        return np.asarray(numbers)
    except ValueError:
        raise InvalidInput(_SUBJECT, [Problem(field, None, "must be an array: all rows of the same length")]) from None


def _shape_problems(features: tuple[int, ...], labels: tuple[int, ...] | None) -> Iterator[Problem]:
    if len(features) != 2 or features[1] == 0:
        yield Problem("features", features, "must have the shape (examples, features), with at least one feature")
    elif labels is not None and labels != features[:1]:
        yield Problem("labels", labels, f"must have the shape ({features[0]},): one number per row of the features")


def _number_problems(field: str, numbers: Any) -> Iterator[Problem]:
    import numpy as np

    if numbers.dtype.kind not in "biuf":
        yield Problem(field, str(numbers.dtype), "must be numbers", "Encode words as numbers.")
        return
    with np.errstate(over="ignore"):
        overflown = np.isfinite(numbers) & ~np.isfinite(numbers.astype(np.float32))
    if overflown.any():
        yield Problem(field, float(numbers[overflown][0]), "must be a number that float32 can hold", "Scale the data.")


def framed(payload: bytes) -> bytes:
    """A payload as one RecordIO frame.

    Raises:
        InvalidInput: the payload has 512 MiB or more, which would take a record of several parts.
    """
    if len(payload) >= _MOST_BYTES:
        rule = f"must have less than {_MOST_BYTES} bytes to be one record"
        raise InvalidInput(_SUBJECT, [Problem("payload", len(payload), rule)])
    return _FRAME.pack(MAGIC, len(payload)) + payload + bytes(-len(payload) % 4)


def _sparse_payloads(rows: Any, labels: Any) -> Iterator[bytes]:
    from flytekit_sagemaker._generated.record_pb2 import Float32Tensor, Record, Value

    for row, (start, end) in enumerate(zip(rows.indptr, rows.indptr[1:], strict=False)):
        values, keys = rows.data[start:end].tolist(), rows.indices[start:end].tolist()
        tensor = Float32Tensor(values=values, keys=keys, shape=[rows.shape[1]])
        record = Record(features={_KEY: Value(float32_tensor=tensor)})
        if labels is not None:
            record.label[_KEY].float32_tensor.values.append(labels[row])
        yield record.SerializeToString()


class _Layout:
    """The bytes of records that are all alike, dense with the same number of features: only their numbers differ.

    They are written and read as one structured array, without a look at the single record.
    """

    def __init__(self, width: int, values: str, label: str | None) -> None:
        import numpy as np

        fields: list[tuple[Any, ...]] = []
        self._constants: dict[str, bytes] = {}

        def constant(name: str, content: bytes) -> None:
            if content:
                self._constants[name] = content
                fields.append((name, np.uint8, (len(content),)))

        # Serialized messages that follow each other are one message.
        head = _start("features", width, values)
        label_head = _start("label", 1, label) if label else b""
        numbers = width * np.dtype(values).itemsize + (np.dtype(label).itemsize if label else 0)
        length = len(head) + len(label_head) + numbers
        constant("frame", _FRAME.pack(MAGIC, length))
        constant("head", head)
        fields.append(("values", values, (width,)))
        constant("label_head", label_head)
        if label:
            fields.append(("label", label))
        constant("padding", bytes(-length % 4))
        self._dtype = np.dtype(fields)

    def file_of(self, features: Any, labels: Any) -> bytes:
        """The whole file."""
        import numpy as np

        records = np.empty(len(features), self._dtype)
        for name, content in self._constants.items():
            records[name] = np.frombuffer(content, np.uint8)
        records["values"] = features
        if labels is not None:
            records["label"] = labels
        return records.tobytes()

    def read(self, content: bytes) -> tuple[Any, Any] | None:
        """Features and labels of a file; None when not every record has this layout."""
        import numpy as np

        if len(content) % self._dtype.itemsize:
            return None
        records = np.frombuffer(content, self._dtype)
        for name, constant in self._constants.items():
            if not (records[name] == np.frombuffer(constant, np.uint8)).all():
                return None
        return records["values"].copy(), records["label"].copy() if "label" in (self._dtype.names or ()) else None


def _start(member: str, width: int, dtype: str) -> bytes:
    """What stands before the numbers of a member of a record."""
    import numpy as np

    from flytekit_sagemaker._generated.record_pb2 import Record

    record = Record()
    tensor = "float32_tensor" if np.dtype(dtype).itemsize == 4 else "float64_tensor"
    getattr(getattr(record, member)[_KEY], tensor).values.extend([0.0] * width)
    return record.SerializeToString()[: -width * np.dtype(dtype).itemsize]


@dataclass(frozen=True)
class _File:
    path: Path
    content: bytes

    def invalid(self, record: int, value: object, rule: str, remedy: str = "") -> InvalidInput:
        return InvalidInput(_SUBJECT, [Problem(f"{self.path}, record {record + 1}", value, rule, remedy)])

    def payloads(self) -> Iterator[bytes]:
        position, record = 0, 0
        while position < len(self.content):
            header = self.content[position : position + _FRAME.size]
            if len(header) < _FRAME.size:
                raise self._cut_off(record)
            magic, size = _FRAME.unpack(header)
            if magic != MAGIC:
                raise self.invalid(
                    record,
                    header[:4],
                    f"must begin with RecordIO's magic number {MAGIC:#x}",
                    "The file is not in this format, or is damaged before this place.",
                )
            if size >= _MOST_BYTES:
                raise self.invalid(
                    record, size >> (32 - _FLAG_BITS), "must be whole: records of several parts are not supported"
                )
            position += _FRAME.size
            end = position + size
            if end + -size % 4 > len(self.content):
                raise self._cut_off(record)
            yield self.content[position:end]
            position, record = end + -size % 4, record + 1

    def _cut_off(self, record: int) -> InvalidInput:
        return self.invalid(record, None, "is cut off: the file ends inside it", "Write or copy the file again.")


@dataclass(frozen=True)
class _Examples:
    file: _File
    features: Any
    labels: Any

    @property
    def kind(self) -> str:
        """What the examples of all files have to share."""
        shape = "sparse" if hasattr(self.features, "tocsr") else "dense"
        return f"{shape} records of {self.features.shape[1]} features with{'out' if self.labels is None else ''} labels"


def _examples(file: _File) -> _Examples | None:
    first = next(file.payloads(), None)
    if first is None:
        return None
    features, label = _numbers(file, 0, first)
    if not features.is_sparse:
        layout = _Layout(features.size, features.dtype, label.dtype if label else None)
        alike = layout.read(file.content)
        if alike is not None:
            return _Examples(file, *alike)
    return _one_by_one(file)


def _one_by_one(file: _File) -> _Examples:
    import numpy as np

    parsed = [_numbers(file, number, payload) for number, payload in enumerate(file.payloads())]
    (first, first_label), *_ = parsed
    for number, (features, label) in enumerate(parsed):
        if features.size != first.size:
            raise file.invalid(number, features.size, f"must have {first.size} features, as the first record has")
        if features.is_sparse != first.is_sparse:
            raise file.invalid(number, None, f"must be {'sparse' if first.is_sparse else 'dense'}, as the first one is")
        if (label is None) != (first_label is None):
            has = "no label" if first_label is None else "a label"
            raise file.invalid(number, None, f"must have {has}, as the first record has")
    labels = None if first_label is None else _flat([label for _, label in parsed])
    values = _flat([features for features, _ in parsed])
    if not first.is_sparse:
        return _Examples(file, values.reshape(-1, first.size), labels)
    import scipy.sparse

    ends = np.cumsum([0, *(len(features.values) for features, _ in parsed)])
    keys = np.fromiter(itertools.chain.from_iterable(features.keys for features, _ in parsed), np.uint64, ends[-1])
    if len(beyond := np.flatnonzero(keys >= first.size)):
        number = int(np.searchsorted(ends, beyond[0], "right")) - 1
        raise file.invalid(number, int(keys[beyond[0]]), f"must have keys below {first.size}, the number of features")
    return _Examples(
        file, scipy.sparse.csr_matrix((values, keys.astype(np.int64), ends), shape=(len(parsed), first.size)), labels
    )


class _Tensor(NamedTuple):
    """The numbers of one member of a record; ``size`` of them, those without a key being zero where it is sparse."""

    values: list[float]
    keys: list[int]
    size: int
    is_sparse: bool
    dtype: str


_DTYPES = {"float32_tensor": "<f4", "float64_tensor": "<f8", "int32_tensor": "<f4"}
_LARGEST_EXACT = 2**24
"""Up to here float32 has every whole number."""


def _flat(tensors: list[_Tensor]) -> Any:
    import numpy as np

    dtype = max(tensor.dtype for tensor in tensors)
    return np.fromiter(itertools.chain.from_iterable(tensor.values for tensor in tensors), dtype)


def _numbers(file: _File, number: int, payload: bytes) -> tuple[_Tensor, Any]:
    from google.protobuf.message import DecodeError

    from flytekit_sagemaker._generated.record_pb2 import Record

    try:
        record = Record.FromString(payload)
    except DecodeError:
        raise file.invalid(number, payload[:20], "must be a Record message of SageMaker's") from None
    features = _tensor(file, number, record.features, "features")
    label = _tensor(file, number, record.label, "label") if record.label else None
    if label and (label.is_sparse or label.size != 1):
        raise file.invalid(number, label.size, "must have one number for its label")
    return features, label


def _tensor(file: _File, number: int, values: Mapping[str, Value], member: str) -> _Tensor:
    kind = values[_KEY].WhichOneof("value") if _KEY in values else None
    if kind not in _DTYPES:
        found = kind if _KEY in values else sorted(values)
        raise file.invalid(number, found, f"must have a tensor of numbers, {_KEY!r}, as its {member}")
    tensor = getattr(values[_KEY], kind)
    numbers, keys, shape = tensor.values[:], tensor.keys[:], tensor.shape[:]
    is_sparse = bool(keys) or bool(shape and not numbers)
    size = math.prod(shape) if shape else len(numbers)
    if is_sparse and not shape:
        raise file.invalid(number, None, f"must say the shape of its sparse {member}")
    if len(numbers) != (len(keys) if is_sparse else size):
        expected = f"{len(keys)} keys" if is_sparse else f"a shape of {size}"
        raise file.invalid(number, len(numbers), f"must have as many values in its {member} as it has {expected}")
    if not 0 < size <= _MOST_VALUES:
        raise file.invalid(number, size, f"must have 1 to {_MOST_VALUES} values in its {member}")
    is_large = kind == "int32_tensor" and any(abs(each) > _LARGEST_EXACT for each in numbers)
    return _Tensor(numbers, keys, size, is_sparse, "<f8" if is_large else _DTYPES[kind])


def joined(parts: Iterable[tuple[Any, Any]]) -> tuple[Any, Any]:
    """The features and labels of files as those of one; the files fit together."""
    import numpy as np

    features, labels = zip(*parts, strict=True)
    if hasattr(features[0], "tocsr"):
        import scipy.sparse

        stacked = scipy.sparse.vstack(features, format="csr")
    else:
        stacked = np.concatenate(features)
    return stacked, None if labels[0] is None else np.concatenate(labels)
