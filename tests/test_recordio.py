"""Record-protobuf files: what SageMaker's own library writes, what comes back, and what is said of damaged ones."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from flytekit_sagemaker._generated.record_pb2 import Bytes, Float32Tensor, Float64Tensor, Int32Tensor, Record, Value
from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.recordio import read_records, write_records

FEATURES = np.array([[1.5, -2, 0], [0.25, 0, 7]], np.float32)
LABELS = np.array([1, 0], np.float32)

# Written by the SageMaker Python SDK 2.257: FEATURES with LABELS; FEATURES alone; the sparse matrix of FEATURES with a
# row of zeros, labelled 1, 0, 1; FEATURES and LABELS as int; FEATURES as float64.
DENSE = bytes.fromhex(
    "0a23d7ce300000000a1a0a0676616c7565731210120e0a0c0000c03f000000c00000000012120a0676616c756573120812060a040000803f"
    "0a23d7ce300000000a1a0a0676616c7565731210120e0a0c0000803e000000000000e04012120a0676616c756573120812060a0400000000"
)
UNLABELLED = bytes.fromhex(
    "0a23d7ce1c0000000a1a0a0676616c7565731210120e0a0c0000c03f000000c000000000"
    "0a23d7ce1c0000000a1a0a0676616c7565731210120e0a0c0000803e000000000000e040"
)
SPARSE = bytes.fromhex(
    "0a23d7ce330000000a1d0a0676616c756573121312110a080000c03f000000c0120200011a010312120a0676616c75657312081206"
    "0a040000803f000a23d7ce330000000a1d0a0676616c756573121312110a080000803e0000e040120200021a010312120a0676616c"
    "756573120812060a0400000000000a23d7ce250000000a0f0a0676616c756573120512031a010312120a0676616c75657312081206"
    "0a040000803f000000"
)
INTEGERS = bytes.fromhex(
    "0a23d7ce2d0000000a1a0a0676616c75657312103a0e0a0c01feffffffffffffffff0100120f0a0676616c75657312053a030a01010000"
    "000a23d7ce240000000a110a0676616c75657312073a050a03000007120f0a0676616c75657312053a030a0100"
)
DOUBLE = bytes.fromhex(
    "0a23d7ce280000000a260a0676616c756573121c1a1a0a18000000000000f83f00000000000000c00000000000000000"
    "0a23d7ce280000000a260a0676616c756573121c1a1a0a18000000000000d03f00000000000000000000000000001c40"
)


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_writes_the_bytes_that_sagemakers_library_writes(tmp_path: Path) -> None:
    path = tmp_path / "data"
    write_records(path, FEATURES, LABELS)
    assert path.read_bytes() == DENSE
    write_records(path, FEATURES.tolist())
    assert path.read_bytes() == UNLABELLED
    write_records(path, scipy.sparse.csc_matrix(np.vstack([FEATURES, np.zeros(3)])), [1, 0, 1])
    assert path.read_bytes() == SPARSE


def test_reads_what_sagemakers_library_writes(tmp_path: Path) -> None:
    features, labels = read_records(put(tmp_path / "a", DENSE), put(tmp_path / "b", INTEGERS))
    assert np.array_equal(features, [*FEATURES, *FEATURES.astype(int)])
    assert np.array_equal(labels, [1, 0, 1, 0])
    assert features.dtype == labels.dtype == np.float32
    features, labels = read_records(put(tmp_path / "c", DOUBLE))
    assert features.dtype == np.float64
    assert np.array_equal(features, FEATURES)
    assert labels is None
    features, labels = read_records(put(tmp_path / "d", SPARSE), put(tmp_path / "e", SPARSE))
    assert np.array_equal(features.toarray(), [*FEATURES, [0, 0, 0]] * 2)
    assert np.array_equal(labels, [1, 0, 1] * 2)


numbers = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.floats(width=32) | st.just(0.0),
)


@given(features=numbers, labelled=st.booleans(), sparse=st.booleans(), copies=st.integers(1, 2))
def test_what_is_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, features: np.ndarray, labelled: bool, sparse: bool, copies: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "records"
    labels = features[:, 0] if labelled else None
    write_records(path, scipy.sparse.csr_matrix(features) if sparse else features, labels)
    found, found_labels = read_records(*[path] * copies)
    assert np.array_equal(found.toarray() if sparse else found, np.vstack([features] * copies), equal_nan=True)
    assert (found_labels is None) == (labels is None)
    if labels is not None:
        assert np.array_equal(found_labels, np.concatenate([labels] * copies), equal_nan=True)


def framed(message: Message) -> bytes:
    payload = message.SerializeToString()
    return bytes.fromhex("0a23d7ce") + len(payload).to_bytes(4, "little") + payload + bytes(-len(payload) % 4)


def example(tensor: Float32Tensor | Float64Tensor) -> Record:
    name = "float64_tensor" if isinstance(tensor, Float64Tensor) else "float32_tensor"
    return Record(features={"values": Value(**{name: tensor})})


NUMBERS = Value(float32_tensor=Float32Tensor(values=[1, 2]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must hold at least one record"),
        (DENSE[:-3], "data, record 2 is cut off: the file ends inside it"),
        (DENSE + b"\x0a\x23", "data, record 3 is cut off"),
        (framed(Record(uid="7"))[:-1], "data, record 1 is cut off"),
        (DENSE + b"1,2,3,4,5", "data, record 3 = b'1,2,': must begin with RecordIO's magic number 0xced7230a"),
        (bytes.fromhex("0a23d7ce 04000020 01020304"), "record 1 = 1: must be whole: records of several parts"),
        (bytes.fromhex("0a23d7ce 04000000 01020304"), "record 1 = b'\\x01\\x02\\x03\\x04': must be a Record message"),
        (DENSE + UNLABELLED, "data, record 3 must have a label, as the first record has"),
        (UNLABELLED + DENSE, "data, record 3 must have no label, as the first record has"),
        (DENSE + SPARSE, "data, record 3 must be dense, as the first one is"),
        (UNLABELLED + framed(example(Float32Tensor(values=[1]))), "record 3 = 1: must have 3 features, as the first"),
        (framed(Record(uid="7")), "record 1 = []: must have a tensor of numbers, 'values', as its features"),
        (
            framed(Record(features={"values": Value(bytes=Bytes(value=[b"P"]))})),
            "record 1 = 'bytes': must have",
        ),
        (framed(example(Float32Tensor(values=[1], keys=[2]))), "record 1 must say the shape of its sparse features"),
        (framed(example(Float32Tensor(values=[1], keys=[3], shape=[3]))), "record 1 = 3: must have keys below 3"),
        (framed(example(Float32Tensor(values=[1], keys=[0, 1], shape=[3]))), "as many values in its features as"),
        (framed(example(Float32Tensor(values=[1, 2], shape=[2, 2]))), "record 1 = 2: must have as many values"),
        (framed(example(Float32Tensor(values=[1], keys=[0], shape=[2**63]))), "must have 1 to 2147483647 values"),
        (
            framed(Record(features={"values": NUMBERS}, label={"values": NUMBERS})),
            "record 1 = 2: must have one number for its label",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_record(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_records(put(tmp_path / "data", content))
    assert said in str(raised.value)
    assert str(tmp_path) in str(raised.value)


@given(
    content=st.sampled_from([DENSE, UNLABELLED, SPARSE, INTEGERS, DOUBLE]), place=st.integers(0, 200), byte=st.binary()
)
def test_a_damaged_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, place: int, byte: bytes
) -> None:
    path = put(tmp_path_factory.getbasetemp() / "damaged", content[:place] + byte + content[place + 1 :])
    with contextlib.suppress(InvalidInput):
        features, labels = read_records(path)
        assert labels is None or len(labels) == features.shape[0]


def test_files_have_to_fit_together(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="b, record 1 = 'dense records of 3 features without labels': must hold"):
        read_records(put(tmp_path / "a", DENSE), put(tmp_path / "b", UNLABELLED))


def test_records_of_several_kinds_in_one_file_are_read_one_by_one(tmp_path: Path) -> None:
    double = framed(example(Float64Tensor(values=[1e300, 2, 3])))
    features, _ = read_records(put(tmp_path / "data", UNLABELLED + double))
    assert features.dtype == np.float64
    assert np.array_equal(features, [*FEATURES, [1e300, 2, 3]])


@pytest.mark.parametrize(
    ("features", "labels", "said"),
    [
        ([1, 2], None, "features = (2,): must have the shape (examples, features)"),
        (np.zeros((2, 0)), None, "features = (2, 0): must have the shape"),
        ([[1, 2]], [1, 2], "labels = (2,): must have the shape (1,)"),
        ([[1], [1, 2]], None, "features must be an array: all rows of the same length"),
        ([[1], [2]], [1, [2]], "labels must be an array"),
        ([["red"]], None, "must be numbers. Encode words as numbers"),
        ([[1e300]], None, "features = 1e+300: must be a number that float32 can hold"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, features: object, labels: object, said: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        write_records(tmp_path / "data", features, labels)
    assert said in str(raised.value)
    assert not (tmp_path / "data").exists()


def test_a_whole_number_is_never_another_one(tmp_path: Path) -> None:
    def record(feature: int, label: int) -> bytes:
        features = Value(int32_tensor=Int32Tensor(values=[feature]))
        labels = Value(int32_tensor=Int32Tensor(values=[label]))
        return framed(Record(features={"values": features}, label={"values": labels}))

    path = put(tmp_path / "data", record(1, 2**24) + record(2, 2**24 + 1))
    features, labels = read_records(path)
    assert labels.tolist() == [16777216, 16777217]
    assert features.dtype == np.float32
    features, labels = read_records(put(tmp_path / "more", record(-(2**24) - 1, 3)), path)
    assert features.tolist() == [[-16777217], [1], [2]]
