"""Whose job it is, and as whom it runs: what Flyte tells a connector about the execution behind a call."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from flytekit_sagemaker.requests.names import JobIdentity

# By which service accounts and pods are given an IAM role, on EKS and by kube2iam and its like.
# https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
_ROLE_ANNOTATIONS = ("eks.amazonaws.com/role-arn", "iam.amazonaws.com/role")


def identity_of(template: Any, execution_metadata: Any, output_prefix: str) -> JobIdentity:
    """The attempt that a job is made for.

    Args:
        template: the task template.
        execution_metadata: flytekit's ``TaskExecutionMetadata``; None or empty outside a Flyte cluster, where nobody
            else knows the job, so that any unique name will do.
        output_prefix: where the outputs of the attempt go; Flyte gives each attempt a place of its own, and the same
            again when it repeats a call.
    """
    task = template.id.name if template.id else ""
    version = (template.id.version if template.id else None) or ""  # a local run has none
    attempt: Any = getattr(execution_metadata, "task_execution_id", None)
    node = attempt and attempt.node_execution_id
    execution = node and node.execution_id
    if not execution or not execution.name:
        return JobIdentity("", "", task.rpartition(".")[2] or "task", uuid.uuid4().hex, task, version)
    return JobIdentity(
        project=execution.project,
        domain=execution.domain,
        execution=execution.name,
        node=node.node_id,
        task=(attempt.task_id and attempt.task_id.name) or task,
        version=(attempt.task_id and attempt.task_id.version) or version,
        attempt=attempt.retry_attempt,
        place=hashlib.sha256(output_prefix.encode()).hexdigest()[:16],
    )


def execution_role(template: Any, execution_metadata: Any) -> str:
    """The IAM role of the execution itself, empty where it has none.

    The first of: what the task's security context runs as, the identity of the execution, the role annotations of its
    pods and service account. An annotation counts only where it is an ARN: SageMaker takes no bare role name.
    """
    context = getattr(template, "security_context", None)
    for identity in (getattr(context, "run_as", None), getattr(execution_metadata, "identity", None)):
        if role := getattr(identity, "iam_role", None):
            return str(role)
    annotations = getattr(execution_metadata, "annotations", None) or {}
    roles = (annotations.get(name, "") for name in _ROLE_ANNOTATIONS)
    return next((role for role in roles if role.startswith("arn:")), "")
