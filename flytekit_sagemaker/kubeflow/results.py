"""The outputs that the best training job of a tuning job has left."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from flytekit_sagemaker import aws
from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.container.contract import OBJECTIVE_METRIC_HYPERPARAMETER
from flytekit_sagemaker.refusals import RefusedByService, RefusedByUserFault
from flytekit_sagemaker.reporting.records import TuningRecord, tuning_record


def best_outputs(
    endpoint: Endpoint,
    description: Mapping[str, Any],
    patiently: Callable[[Callable[[], Any]], Any],
    tell: Callable[[str], None],
) -> dict[str, str]:
    """What the best training job of a tuning job has left, by the name of the output.

    Args:
        endpoint: where the tuning job is.
        description: the service's of the tuning job.
        patiently: has a question answered that the service may not answer at once.
        tell: takes a sentence about training jobs that left no model.

    Raises:
        ServiceError: when none has left anything.
        As ``patiently``.
    """
    # These load flytekit, for which nobody should wait who only gave wrong arguments.
    from flytekit_sagemaker.connector.best_trial import best_result
    from flytekit_sagemaker.connector.metadata import JobMetadata
    from flytekit_sagemaker.connector.outputs import may_exist

    name = description["HyperParameterTuningJobName"]
    meta = JobMetadata(
        name, region=endpoint.region, endpoint_url=endpoint.url, assume_role_arn=endpoint.assume_role_arn
    )
    record = patiently(lambda: _record(endpoint, description))
    result = patiently(lambda: best_result(meta, record, may_exist))
    if result.note:
        tell(result.note)
    best = result.description
    model = best["ModelArtifacts"]["S3ModelArtifacts"]
    if not may_exist(model):
        tell(f"{best['TrainingJobName']} saved no model in /opt/ml/model, so model_artifact_url leads nowhere.")
    hyperparameters = dict(best.get("HyperParameters", {}))
    hyperparameters.pop(OBJECTIVE_METRIC_HYPERPARAMETER, None)
    return {
        "model_artifact_url": model,
        "best_job_name": best["TrainingJobName"],
        "best_hyperparameters": json.dumps(hyperparameters),
        "training_image": patiently(lambda: _image(endpoint, best["AlgorithmSpecification"])),
    }


def _record(endpoint: Endpoint, description: Mapping[str, Any]) -> TuningRecord:
    trials = aws.pages(
        endpoint,
        "list_training_jobs_for_hyper_parameter_tuning_job",
        "TrainingJobSummaries",
        HyperParameterTuningJobName=description["HyperParameterTuningJobName"],
        SortBy="CreationTime",
        SortOrder="Ascending",
    )
    return tuning_record(description, list(trials))


def _image(endpoint: Endpoint, specification: Mapping[str, Any]) -> str:
    """The URI of the image, also of an algorithm resource; the resource's name where that may not be known."""
    if "TrainingImage" in specification:
        return str(specification["TrainingImage"])
    resource = str(specification["AlgorithmName"])
    try:
        found = aws.call(endpoint, "describe_algorithm", AlgorithmName=resource)
    except (RefusedByUserFault, RefusedByService):
        return resource
    return str(found["TrainingSpecification"]["TrainingImage"])
