"""Training jobs that run a function of the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from flytekit_sagemaker.connector import function_results
from flytekit_sagemaker.connector.base import Submission
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.training import TrainingJobConnector
from flytekit_sagemaker.errors import InvalidInput, Problem, ServiceError
from flytekit_sagemaker.masking import secrets_of
from flytekit_sagemaker.reporting.records import TrainingRecord
from flytekit_sagemaker.requests.functions import Container, in_container
from flytekit_sagemaker.requests.training import BuiltRequest


class CustomTrainingJobConnector(TrainingJobConnector):
    """Runs ``@custom_training_job_task``."""

    def request(self, submission: Submission) -> BuiltRequest:
        return with_function(super().request(submission), submission, container_in(submission))

    def outputs(self, meta: JobMetadata, record: TrainingRecord) -> tuple[dict[str, Any], TrainingRecord]:
        left = function_results.outputs_left(meta.output_prefix)
        if left is None:
            raise ServiceError(
                f"training job {meta.name} completed, but left no outputs at {meta.output_prefix}: its image ran "
                "something else than flytekit-sagemaker train, or the process of the function ended before it returned"
            )
        return left, record

    def may_be_retried(self, meta: JobMetadata, description: Mapping[str, Any], record: Any) -> bool:
        return function_results.may_be_retried(meta.output_prefix, description)


def container_in(submission: Submission) -> Container:
    """The container of a submission.

    Raises:
        InvalidInput: when its task has none.
    """
    if submission.container is None:
        raise InvalidInput("the task template", [Problem("container", None, "is required: it runs a function")])
    return submission.container


def with_function(
    built: BuiltRequest, submission: Submission, container: Container, metrics: Iterable[str] = ()
) -> BuiltRequest:
    """A request whose job, or each of whose trials, runs the function of a submission's task."""
    place = submission.deployment
    request = in_container(
        built,
        container,
        metrics=metrics,
        checkpoints=f"{place.output_path.rstrip('/')}/checkpoints/{submission.name}",
    )
    secrets = secrets_of(container.environment)
    shown = sorted(name for name, value in container.environment.items() if value in secrets)
    if not shown:
        return request
    warning = f"environment ({', '.join(shown)}) looks like secrets, which everybody who may describe the job can read"
    return replace(request, warnings=(*request.warnings, warning))
