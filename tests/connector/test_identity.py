"""Whose job it is, and as whom it runs, from what flytekit's service passes on."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.admin.agent_pb2 import TaskExecutionMetadata as Message
from flyteidl.core.security_pb2 import Identity as IdentityMessage
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.models.security import Identity, SecurityContext
from flytekit.models.task import TaskExecutionMetadata
from flytekit.tools.translator import get_serializable

from flytekit_sagemaker.connector.identity import execution_role, identity_of
from flytekit_sagemaker.requests.names import JobIdentity

from .conftest import execution
from .test_jobs import TRAIN

RUN_AS, IDENTITY, EKS, KUBE2IAM = (f"arn:aws:iam::123456789012:role/{name}" for name in ("Run", "Who", "Eks", "Kube"))


def template(role: str = "") -> Any:
    serialization = SerializationSettings(ImageConfig(), project="p", domain="d", version="v1")
    TRAIN._security_ctx, before = (
        SecurityContext(run_as=Identity(iam_role=role)) if role else None,
        TRAIN.security_context,
    )
    try:
        return get_serializable({}, serialization, TRAIN).template
    finally:
        TRAIN._security_ctx = before


def metadata(identity: str = "", eks: str = "", kube2iam: str = "") -> TaskExecutionMetadata:
    annotations = {"eks.amazonaws.com/role-arn": eks, "iam.amazonaws.com/role": kube2iam}
    message = Message(identity=IdentityMessage(iam_role=identity), annotations=annotations)
    return TaskExecutionMetadata.from_flyte_idl(message)


def test_a_job_is_of_the_attempt_that_flyte_names() -> None:
    metadata = TaskExecutionMetadata.from_flyte_idl(execution("f00d", attempt=2))
    found = identity_of(template(), metadata, "s3://bucket/f00d/n0/2")
    assert found == JobIdentity("p", "d", "f00d", "n0", "m.task", "v1", 2, found.place)


def test_a_job_outside_of_flyte_has_no_tag_for_a_version_that_there_is_not() -> None:
    local = get_serializable({}, SerializationSettings(ImageConfig.auto_default_image()), TRAIN).template
    tags = identity_of(local, None, "/tmp/out").tags()
    assert tags["flyte-task"] == TRAIN.name
    assert "flyte-version" not in tags


def test_nodes_of_one_id_in_several_parts_of_a_workflow_have_jobs_of_their_own() -> None:
    metadata = TaskExecutionMetadata.from_flyte_idl(execution("f00d"))
    places = ["s3://bucket/f00d/n0-dn0/0", "s3://bucket/f00d/n1-dn0/0", "s3://bucket/f00d/n1-dn0/0"]
    one, other, again = (identity_of(template(), metadata, place) for place in places)
    for length in (32, 63):
        assert one.job_name(length) != other.job_name(length) == again.job_name(length)
    assert one.tags() != other.tags() == again.tags()


@pytest.mark.parametrize("nobody", [None, TaskExecutionMetadata.from_flyte_idl(Message())])
def test_outside_a_cluster_every_job_is_its_own(nobody: Any) -> None:
    one, other = (identity_of(template(), nobody, "s3://bucket/place") for _ in range(2))
    assert one.job_name(63) != other.job_name(63)
    assert one.task == TRAIN.name


@pytest.mark.parametrize(
    ("run_as", "given", "role"),
    [
        (RUN_AS, metadata(IDENTITY, EKS, KUBE2IAM), RUN_AS),
        ("", metadata(IDENTITY, EKS, KUBE2IAM), IDENTITY),
        ("", metadata("", EKS, KUBE2IAM), EKS),
        ("", metadata("", "", KUBE2IAM), KUBE2IAM),
        ("", metadata("", "", "a-bare-name"), ""),
        ("a-bare-name", metadata(IDENTITY), "a-bare-name"),
        ("", metadata(), ""),
        ("", TaskExecutionMetadata.from_flyte_idl(Message()), ""),
        ("", None, ""),
    ],
)
def test_the_role_of_the_execution_is_the_nearest_one(run_as: str, given: Any, role: str) -> None:
    assert execution_role(template(run_as), given) == role
