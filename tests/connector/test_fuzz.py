"""Ten thousand malformed requests at the real service: it refuses each, and stays as quick, as small and as useful."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from flyteidl.admin.agent_pb2 import (
    CreateTaskRequest,
    CreateTaskResponse,
    DeleteTaskRequest,
    GetTaskRequest,
    TaskCategory,
)
from flyteidl.core.execution_pb2 import TaskExecution
from flyteidl.core.literals_pb2 import Literal
from flyteidl.core.tasks_pb2 import TaskTemplate
from flyteidl.service.agent_pb2_grpc import AsyncAgentServiceStub
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue, Struct, Value

from flytekit_sagemaker import SdkSimpleHPOJobTask, SdkSimpleTrainingJobTask
from flytekit_sagemaker.clock import SystemClock
from flytekit_sagemaker.connector.metadata import MAX_BYTES, JobMetadata
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, TrainingJobConfig
from flytekit_sagemaker.testing.lives import Life
from flytekit_sagemaker.testing.simulated_server import SimulatedServer
from flytekit_sagemaker.testing.simulation import Quotas, SimulatedSageMaker
from flytekit_sagemaker.types import AlgorithmName

from .conftest import Flyte, execution
from .service import ConnectorProcess, served

pytestmark = [pytest.mark.xdist_group("fuzz"), pytest.mark.timeout(300)]

REQUESTS = 10_000
AT_A_TIME = 16
# Flyte gives up on a call after 10 seconds; the machine of the test may be slow.
DEADLINE_IN_SECONDS = 30
# Allocators keep some of what they had at the peak. This is 3 kB for each request of the second half, many of which are
# thirty times as large: nothing of a request, a job or an error can have been kept.
GROWTH_IN_BYTES = 16 << 20
NO_ANSWER = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

ROLE = "arn:aws:iam::123456789012:role/flyte-sagemaker-job"
TRAIN = SdkSimpleTrainingJobTask(
    training_job_config=TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10, role_arn=ROLE),
    algorithm_specification=AlgorithmSpecification(algorithm_name=AlgorithmName.XGBOOST, algorithm_version="1.7-1"),
)
TUNE = SdkSimpleHPOJobTask(
    training_job=TRAIN, max_number_of_training_jobs=4, max_parallel_training_jobs=2, tunable_parameters=["eta"]
)
INPUTS = {
    "static_hyperparameters": {"num_round": 5, "objective": "binary:logistic"},
    "train": "s3://bucket/train",
    "validation": "s3://bucket/validation",
}
RANGES = {
    "hyperparameter_tuning_job_config": {
        "tuning_strategy": "RANDOM",
        "tuning_objective": {"objective_type": "MAXIMIZE", "metric_name": "validation:auc"},
    },
    "eta": {"continuous_parameter_range": {"min_value": 0.1, "max_value": 0.5}},
}


@dataclass
class Call:
    """A request as bytes, and the method that it is sent to."""

    method: str
    content: bytes


class Recorder:
    """Takes the place of a stub, to get at the requests that propeller would send."""

    async def CreateTask(self, request: CreateTaskRequest) -> CreateTaskResponse:
        self.request = request
        return CreateTaskResponse(resource_meta=b"none")


class Fuzzer:
    """An endless supply of malformed requests, the same for the same seed.

    Args:
        seed: see above.
        creates: well-formed requests to begin from.
        meta: well-formed metadata to begin from.
    """

    def __init__(self, seed: int, creates: list[CreateTaskRequest], meta: bytes) -> None:
        self._random = random.Random(seed)
        self._creates = creates
        self._meta = meta
        self._kinds: list[Callable[[], Call]] = [
            self._junk_metadata,
            self._changed_metadata,
            self._wrong_custom,
            self._wrong_inputs,
            self._incomplete_create,
            self._truncated,
            self._too_deep,
            self._other_method,
        ]

    def __iter__(self) -> Iterator[Call]:
        while True:
            yield self._random.choice(self._kinds)()

    def _of_a_job(self, meta: bytes, task_type: str = "") -> Call:
        asks = self._random.random() < 0.7
        task_type = task_type or self._random.choice([TRAIN.task_type, TUNE.task_type])
        category = TaskCategory(name=task_type, version=self._random.choice([0, 0, 0, 0, 7, -1]))
        request = (GetTaskRequest if asks else DeleteTaskRequest)(task_category=category, resource_meta=meta)
        return Call("GetTask" if asks else "DeleteTask", request.SerializeToString())

    def _junk_metadata(self) -> Call:
        junk = self._random.choice(
            [
                self._random.randbytes(self._random.randrange(200)),
                b"[" * self._random.randrange(MAX_BYTES),
                b'{"a":' * 20_000,
                b'"' + b"x" * (2 * MAX_BYTES) + b'"',
                b"\x80\x04\x95" + self._random.randbytes(40),
                json.dumps({"format": self._nonsense(), "name": self._nonsense()}).encode(),
            ]
        )
        return self._of_a_job(junk)

    def _changed_metadata(self) -> Call:
        if self._random.random() < 0.3:
            return self._of_a_job(self._scrambled(self._meta))
        values = json.loads(self._meta)
        name = self._random.choice([*values, "unknown"])
        if name == "endpoint_url":
            values[name] = self._random.choice(
                ["http://", "http://[::1", "https://a b", "http://127.0.0.1:1", "ftp://x", 5]
            )
        elif name == "region":
            values[name] = f"xx-{self._random.randrange(10**9)}" if self._random.random() < 0.01 else self._nonsense()
        elif name == "output_prefix":
            values[name] = self._random.choice(["", "/proc/1/x", "\0", "x" * 5000, "file:///dev/null/x", None, {}])
        elif name == "name":
            values[name] = self._random.choice([f"flyte-{self._random.randrange(10**9)}", self._nonsense()])
        else:
            values[name] = self._nonsense()
        return self._of_a_job(json.dumps(values).encode())

    def _wrong_custom(self) -> Call:
        request = self._create()
        holder = request.template.custom
        while True:  # down to any depth of the template's own description of the job
            key = self._random.choice([*holder.fields, "unknown"])
            below = holder.fields[key]
            if below.WhichOneof("kind") != "struct_value" or self._random.random() < 0.3:
                break
            holder = below.struct_value
        below.CopyFrom(self._value())
        return self._sent(request)

    def _wrong_inputs(self) -> Call:
        request = self._create()
        name = self._random.choice([*request.inputs.literals, "unknown"])
        literal = Literal()
        kind = self._random.randrange(7)
        if kind == 0:
            literal.scalar.primitive.string_value = "x" * self._random.randrange(100_000)
        elif kind == 1:
            literal.scalar.generic.CopyFrom(self._value().struct_value)
        elif kind == 2:
            literal.scalar.binary.value = self._random.randbytes(self._random.randrange(500))
            literal.scalar.binary.tag = self._random.choice(["msgpack", "", "pickle"])
        elif kind == 3:
            literal.collection.literals.add().scalar.blob.uri = self._random.choice(
                ["", "s3://", "x", "\u202e", "s3://b\0"]
            )
        elif kind == 4:
            literal.map.literals[""].scalar.none_type.SetInParent()
        elif kind == 5:
            literal.scalar.union.value.scalar.primitive.integer = 2**62
        request.inputs.literals[name].CopyFrom(literal)
        return self._sent(request)

    def _incomplete_create(self) -> Call:
        request = self._create()
        kind = self._random.randrange(6)
        if kind == 0:
            request.template.ClearField("id")
        elif kind == 1:
            request.template.ClearField(self._random.choice(["interface", "custom", "metadata"]))
        elif kind == 2:
            # A few names only: flytekit keeps a metric for each.
            request.template.type = self._random.choice(["", "spark", "x" * 500, "\u202e"])
        elif kind == 3:
            request.ClearField(self._random.choice(["template", "inputs", "task_execution_metadata"]))
        elif kind == 4:
            request.task_execution_metadata.task_execution_id.node_execution_id.node_id = "ü\0" * 3000
        else:
            request.output_prefix = self._random.choice(["", "\0", "file://", "x" * 10_000])
            request.inputs.ClearField("literals")
        return self._sent(request)

    def _truncated(self) -> Call:
        call = self._random.choice([self._wrong_custom, self._changed_metadata])()
        return Call(call.method, self._scrambled(call.content))

    def _too_deep(self) -> Call:
        """A template whose ``custom`` is nested more deeply than protobuf allows, which no encoder would write."""
        value = b""
        for _ in range(self._random.randrange(90, 500)):
            value = _field(5, _field(1, _field(1, b"a") + _field(2, value)))  # Value > Struct > entry of its map
        custom = TaskTemplate.DESCRIPTOR.fields_by_name["custom"].number
        template = CreateTaskRequest.DESCRIPTOR.fields_by_name["template"].number
        deep = _field(template, _field(custom, _field(1, _field(1, b"a") + _field(2, value))))
        return Call("CreateTask", self._create().SerializeToString() + deep)

    def _other_method(self) -> Call:
        method = self._random.choice(["GetTaskMetrics", "GetTaskLogs", "NoSuchMethod", "GetTask", "DeleteTask"])
        if method in ("GetTask", "DeleteTask"):
            return self._of_a_job(self._meta, self._random.choice(["spark", "unknown", "\0"]))
        return Call(method, GetTaskRequest(task_type=TRAIN.task_type, resource_meta=b"{}").SerializeToString())

    def _create(self) -> CreateTaskRequest:
        request = CreateTaskRequest()
        request.CopyFrom(self._random.choice(self._creates))
        who = request.task_execution_metadata.task_execution_id.node_execution_id.execution_id
        who.name = f"f{self._random.getrandbits(64):x}"
        return request

    def _sent(self, request: Message) -> Call:
        return Call("CreateTask", request.SerializeToString())

    def _scrambled(self, content: bytes) -> bytes:
        scrambled = bytearray(content[: self._random.randrange(len(content) + 1)])
        for _ in range(self._random.randrange(4)):
            if scrambled:
                scrambled[self._random.randrange(len(scrambled))] = self._random.randrange(256)
        return bytes(scrambled)

    def _nonsense(self) -> Any:
        return self._random.choice(
            [None, True, -1, 1e308, "", "\0", "x" * 1000, "<script>", "../..", [], {}, [[[[]]]], {"a": {"b": None}}]
        )

    def _value(self) -> Value:
        kind = self._random.randrange(7)
        if kind == 0:
            return Value(number_value=self._random.choice([float("nan"), float("inf"), -1, 1e308, 0.5]))
        if kind == 1:
            return Value(string_value="x" * self._random.randrange(100_000))
        if kind == 2:
            return Value(bool_value=True)
        if kind == 3:
            return Value(list_value=ListValue(values=[Value(string_value="x")] * self._random.randrange(2000)))
        if kind == 4:
            deep = Value(null_value=0)  # type: ignore[arg-type]
            for _ in range(self._random.randrange(25)):
                deep = Value(struct_value=Struct(fields={"a": deep}))
            return deep
        return Value(string_value=self._random.choice(["", "\0", "\u202e", "NaN", "<script>"]))


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field on the wire."""
    return bytes([number << 3 | 2]) + b"".join(_varint(len(content))) + content


def _varint(number: int) -> Iterator[bytes]:
    while number > 127:
        yield bytes([number & 127 | 128])
        number >>= 7
    yield bytes([number])


@pytest.fixture
def connector(tmp_path: Path) -> Iterator[ConnectorProcess]:
    quick = Life(phases=(("Starting", 0.1), ("Training", 0.1)))
    account = SimulatedSageMaker(SystemClock(), quotas=Quotas.unlimited(), lives=lambda request: quick)
    with (
        SimulatedServer(account) as sagemaker,
        served(tmp_path, settings={"endpoint_url": sagemaker.url, "region": "us-east-1"}) as process,
    ):
        yield process


@pytest.fixture
async def channel(connector: ConnectorProcess) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(connector.address) as channel:
        yield channel


async def well_formed(folder: Path) -> list[CreateTaskRequest]:
    """What propeller sends for a training and for a tuning job."""
    requests = []
    for task, inputs in ((TRAIN, INPUTS), (TUNE, {**INPUTS, **RANGES})):
        recorder = Recorder()
        await Flyte(recorder, folder).create(task, inputs, execution())
        requests.append(recorder.request)
    return requests


async def send(channel: grpc.aio.Channel, calls: Iterator[Call], number: int) -> Counter[str]:
    """How a number of calls were answered, by status code."""
    answers: Counter[str] = Counter()
    left = iter(range(number))

    async def sender() -> None:
        for _ in left:
            call = next(calls)
            method = channel.unary_unary(f"/flyteidl.service.AsyncAgentService/{call.method}")
            try:
                await method(call.content, timeout=DEADLINE_IN_SECONDS)
                code = grpc.StatusCode.OK
            except grpc.aio.AioRpcError as error:
                code = error.code()
            assert code not in NO_ANSWER, call
            answers[code.name] += 1

    await asyncio.gather(*(sender() for _ in range(AT_A_TIME)))
    return answers


async def test_ten_thousand_malformed_requests_change_nothing(
    connector: ConnectorProcess, channel: grpc.aio.Channel, tmp_path: Path
) -> None:
    flyte = Flyte(AsyncAgentServiceStub(channel), tmp_path)
    meta = await flyte.create(TRAIN, INPUTS)
    assert JobMetadata.decode(meta).failure == ""
    fuzzer = iter(Fuzzer(20, await well_formed(tmp_path), meta))

    first = await send(channel, fuzzer, REQUESTS // 2)
    before = connector.resident_bytes()
    second = await send(channel, fuzzer, REQUESTS // 2)
    after = connector.resident_bytes()

    answers = first + second
    assert answers.total() == REQUESTS
    assert min(answers[name] for name in ("OK", "INTERNAL", "NOT_FOUND", "UNIMPLEMENTED")) > 10, answers
    assert after - before < GROWTH_IN_BYTES, (before, after, answers)
    assert connector.process.poll() is None
    assert connector.health() == 1
    good = await flyte.create(TRAIN, INPUTS)
    assert (await flyte.end(TRAIN, good)).phase == TaskExecution.SUCCEEDED
