"""Jobs that SageMaker has no room for: they wait, are created once there is room, and never after an abort."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from flyteidl.core.execution_pb2 import TaskExecution
from flytekit.extend.backend.base_connector import ConnectorRegistry

from flytekit_sagemaker.connector import waiting
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.runtime import Runtime
from flytekit_sagemaker.connector.training import TrainingJobConnector
from flytekit_sagemaker.testing.clock import JumpingClock
from flytekit_sagemaker.testing.faults import Fault, Faults
from flytekit_sagemaker.testing.lives import Life
from flytekit_sagemaker.testing.quotas import Quotas
from flytekit_sagemaker.testing.simulated_server import SimulatedServer
from flytekit_sagemaker.testing.simulation import SimulatedSageMaker

from .conftest import Flyte, execution
from .test_fault_schedules import INPUTS
from .test_jobs import TRAIN


@dataclass
class Shortage:
    """A simulated account that refuses its first creates, and a connector over gRPC."""

    flyte: Flyte
    clock: JumpingClock
    account: SimulatedSageMaker

    def replace_the_connector(self) -> None:
        """Another replica takes the calls from now on."""
        connector = TrainingJobConnector(TRAIN.task_type, Runtime(self.clock, patience=60))
        ConnectorRegistry.register(connector, override=True)

    async def poll(self, meta: bytes, times: int = 1) -> Any:
        """The last of some polls, half a minute apart."""
        for _ in range(times):
            self.clock.advance(30)
            resource = await self.flyte.get(TRAIN, meta)
        return resource


def kept_request(meta: JobMetadata) -> Mapping[str, Any]:
    """The request of a job that waits, as it lies under the output prefix."""
    note = waiting.find(meta.output_prefix)
    assert note is not None
    assert note.request is not None
    return note.request


@pytest.fixture
def new_shortage(flyte: Flyte, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Shortage]]:
    registered = ConnectorRegistry.get_connector(TRAIN.task_type)
    with ExitStack() as servers:

        def new(fault: Fault = Fault.RESOURCE_LIMIT, refused: int = 20, **account: Any) -> Shortage:
            clock = JumpingClock()
            faults = Faults.scheduled([("CreateTrainingJob", call, fault) for call in range(1, refused + 1)])
            made = SimulatedSageMaker(clock, faults=faults, **account)
            url = servers.enter_context(SimulatedServer(made)).url
            monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", url)
            shortage = Shortage(flyte, clock, made)
            shortage.replace_the_connector()
            return shortage

        yield new
    ConnectorRegistry.register(registered, override=True)


NewShortage = Callable[..., Shortage]


@pytest.mark.parametrize("fault", [Fault.RESOURCE_LIMIT, Fault.THROTTLED, Fault.UNAVAILABLE, Fault.RESET])
async def test_it_waits_and_is_created_once_there_is_room(new_shortage: NewShortage, fault: Fault) -> None:
    shortage = new_shortage(fault)
    meta = await shortage.flyte.create(TRAIN, INPUTS)
    assert json.loads(meta)["waiting"]
    assert shortage.account.job_names() == []

    resource = await shortage.poll(meta)
    assert resource.phase == TaskExecution.WAITING_FOR_RESOURCES
    assert "create_training_job" in resource.message
    while not shortage.account.job_names():
        resource = await shortage.poll(meta)
    assert resource.phase == TaskExecution.INITIALIZING
    assert (await shortage.poll(meta, 30)).phase == TaskExecution.SUCCEEDED


async def test_another_replica_goes_on_waiting_and_does_not_create_it_again(new_shortage: NewShortage) -> None:
    shortage = new_shortage(refused=6)
    meta = await shortage.flyte.create(TRAIN, INPUTS)
    for _ in range(40):
        shortage.replace_the_connector()
        resource = await shortage.poll(meta)
    assert resource.phase == TaskExecution.SUCCEEDED
    (name,) = shortage.account.job_names()
    assert shortage.account.creates(name) == 1
    created = shortage.account.calls.operations["CreateTrainingJob"]
    assert created <= 6 + 2  # those refused, the one granted, and at most one that met its own job


async def test_a_job_that_was_deleted_after_its_end_is_not_made_again(new_shortage: NewShortage) -> None:
    shortage = new_shortage(refused=6)
    meta = await shortage.flyte.create(TRAIN, INPUTS)
    await shortage.poll(meta, 40)
    shortage.account.call("delete_training_job", TrainingJobName=json.loads(meta)["name"])
    shortage.replace_the_connector()
    assert (await shortage.poll(meta, 3)).phase == TaskExecution.FAILED
    assert shortage.account.job_names() == []


@pytest.mark.parametrize(("fault", "sure"), [(Fault.RESOURCE_LIMIT, True), (Fault.UNAVAILABLE, False)])
async def test_an_aborted_job_that_waits_is_never_created(new_shortage: NewShortage, fault: Fault, sure: bool) -> None:
    shortage = new_shortage(fault, refused=6)
    meta = await shortage.flyte.create(TRAIN, INPUTS)
    begun = shortage.clock.time()
    # Where a create had no answer, the abort is only believed when SageMaker had time to show the job.
    assert await shortage.flyte.delete_or_not(TRAIN, meta) == sure
    while not await shortage.flyte.delete_or_not(TRAIN, meta):
        shortage.clock.advance(10)
    assert shortage.clock.time() - begun < 120
    for _ in range(20):
        shortage.replace_the_connector()  # a replica that does not know of the abort
        resource = await shortage.poll(meta)
    assert resource.phase == TaskExecution.FAILED
    assert shortage.account.job_names() == []


async def test_a_job_that_is_created_while_it_is_aborted_is_stopped(new_shortage: NewShortage) -> None:
    prefixes: list[str] = []

    def aborted_meanwhile(_: Any) -> Life:
        for prefix in prefixes:
            waiting.mark(prefix, waiting.ABORTED, 0)  # what the abort does, in another replica, before it finds no job
        return Life().lasting(36_000)  # it would not end by itself

    shortage = new_shortage(refused=6, lives=aborted_meanwhile)
    meta = await shortage.flyte.create(TRAIN, INPUTS)
    prefixes.append(str(shortage.flyte.prefixes[meta]))
    await shortage.poll(meta, 20)
    shortage.clock.advance(300)
    assert len(shortage.account.job_names()) == 1
    assert shortage.account.running() == []


async def test_a_quota_that_will_not_clear_fails_at_once(new_shortage: NewShortage) -> None:
    shortage = new_shortage(refused=0, quotas=Quotas(instances={"ml.m5.xlarge": 0}))
    meta = await shortage.flyte.create(TRAIN, INPUTS)
    resource = await shortage.flyte.get(TRAIN, meta)
    assert resource.phase == TaskExecution.FAILED
    assert "ml.m5.xlarge for training job usage" in resource.message
    assert shortage.account.calls.operations["CreateTrainingJob"] == 1


async def test_a_quota_that_is_used_up_clears(new_shortage: NewShortage) -> None:
    shortage = new_shortage(refused=0, quotas=Quotas(instances={"ml.m5.xlarge": 1}))
    first, second = [await shortage.flyte.create(TRAIN, INPUTS) for _ in range(2)]
    assert (await shortage.poll(second)).phase == TaskExecution.WAITING_FOR_RESOURCES
    assert (await shortage.poll(first, 40)).phase == TaskExecution.SUCCEEDED
    assert (await shortage.poll(second, 60)).phase == TaskExecution.SUCCEEDED


async def test_a_request_that_somebody_has_changed_is_not_sent(new_shortage: NewShortage) -> None:
    shortage = new_shortage(refused=6)
    meta = JobMetadata.decode(await shortage.flyte.create(TRAIN, INPUTS))
    changed = {**kept_request(meta), "RoleArn": "arn:aws:iam::000000000000:role/administrator"}
    waiting.keep(meta.output_prefix, changed, shortage.clock.time(), may_exist=False)
    assert (await shortage.poll(meta.encode(), 20)).phase == TaskExecution.FAILED
    assert shortage.account.job_names() == []


@pytest.mark.parametrize("content", ["", "{", "[]", '"granted"', '{"state": 1}', "\0" * 100])
async def test_a_request_that_cannot_be_read_is_a_failure(new_shortage: NewShortage, content: str) -> None:
    shortage = new_shortage(refused=6)
    meta = await shortage.flyte.create(TRAIN, INPUTS)
    (shortage.flyte.prefixes[meta] / "sagemaker-request.json").write_text(content)
    resource = await shortage.poll(meta, 2)
    assert resource.phase == TaskExecution.FAILED
    assert "sagemaker-request.json" in resource.message


async def test_the_job_of_somebody_else_survives_an_abort(new_shortage: NewShortage) -> None:
    shortage = new_shortage(refused=6)
    meta = JobMetadata.decode(await shortage.flyte.create(TRAIN, INPUTS))
    theirs = {**kept_request(meta), "Tags": [{"Key": "flyte-project", "Value": "b"}]}
    for _ in range(7):  # somebody makes a job of the very same name
        with suppress(ClientError):
            shortage.account.call("create_training_job", **theirs)
    assert shortage.account.job_names() == [meta.name]
    while not await shortage.flyte.delete_or_not(TRAIN, meta.encode()):
        shortage.clock.advance(10)
    shortage.clock.advance(120)
    assert shortage.account.running() == [meta.name]


async def test_stopping_is_repeated_until_it_is_taken(new_shortage: NewShortage) -> None:
    shortage = new_shortage(refused=0)
    shortage.account._faults = Faults.scheduled([("Stop*", call, Fault.INTERNAL_ERROR) for call in range(1, 9)])
    meta = await shortage.flyte.create(TRAIN, INPUTS)
    tries = 1
    while not await shortage.flyte.delete_or_not(TRAIN, meta):
        tries += 1
    assert 1 < tries < 9  # more than one attempt within each call
    shortage.clock.advance(300)
    assert shortage.account.running() == []


async def test_a_service_that_does_not_know_its_new_job_yet_is_not_believed(new_shortage: NewShortage) -> None:
    shortage = new_shortage(refused=0)
    answer, created = shortage.account.answer, shortage.clock.time()

    def lagging(operation: str, request: Any, **more: Any) -> Any:
        if operation != "CreateTrainingJob" and shortage.clock.time() < created + 40:
            request = {**request, "TrainingJobName": "unknown"}
        return answer(operation, request, **more)

    shortage.account.answer = lagging  # type: ignore[method-assign]
    meta = await shortage.flyte.create(TRAIN, INPUTS)
    assert (await shortage.flyte.get(TRAIN, meta)).phase == TaskExecution.RUNNING
    assert not await shortage.flyte.delete_or_not(TRAIN, meta)
    shortage.clock.advance(60)
    assert await shortage.flyte.delete_or_not(TRAIN, meta)
    shortage.clock.advance(60)
    assert shortage.account.running() == []


async def test_a_repeated_create_that_is_refused_finds_the_job_of_the_first(
    new_shortage: NewShortage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shortage = new_shortage(refused=0)
    who = execution()
    await shortage.flyte.create(TRAIN, INPUTS, who)
    shortage.account._faults = Faults.scheduled([("Create*", 1, Fault.ACCESS_DENIED)])
    again = await shortage.flyte.create(TRAIN, INPUTS, who)
    assert (await shortage.poll(again)).phase == TaskExecution.INITIALIZING
    # A rollout has changed the settings so that no request can be made any more.
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_TAGS", "aws:reserved=1")
    once_more = await shortage.flyte.create(TRAIN, INPUTS, who)
    assert (await shortage.poll(once_more)).phase == TaskExecution.INITIALIZING
    other = await shortage.flyte.create(TRAIN, INPUTS)
    assert "aws:reserved" in (await shortage.flyte.get(TRAIN, other)).message


async def test_files_of_the_connector_are_nobodys_data(
    flyte: Flyte, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret.csv").write_text("root:x:0:0\n")
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", "aws")
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_REGION", "us-east-1")
    meta = await flyte.create(TRAIN, {**INPUTS, "train": f"file://{tmp_path}"})
    resource = await flyte.get(TRAIN, meta)
    assert resource.phase == TaskExecution.FAILED
    assert "root:x" not in resource.message


async def test_without_credentials_a_job_fails_at_once_and_says_what_to_do(
    flyte: Flyte, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ENDPOINT_URL", "aws")
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_REGION", "eu-central-1")
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_ROLE_ARN", "arn:aws:iam::123456789012:role/SageMaker")
    monkeypatch.setenv("FLYTEKIT_SAGEMAKER_OUTPUT_PREFIX", "s3://bucket/output")
    resource = await flyte.get(TRAIN, await flyte.create(TRAIN, INPUTS))
    assert resource.phase == TaskExecution.FAILED
    assert "IAM role" in resource.message
