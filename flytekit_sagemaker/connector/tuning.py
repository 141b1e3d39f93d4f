"""Hyperparameter tuning jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flytekit_sagemaker import aws
from flytekit_sagemaker.connector import literals
from flytekit_sagemaker.connector.base import JobConnector, JobKind, Submission
from flytekit_sagemaker.connector.links import job_links
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.outputs import write_table
from flytekit_sagemaker.connector.training import job_inputs
from flytekit_sagemaker.errors import ServiceError
from flytekit_sagemaker.models.codec import from_wire
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJob, HyperparameterTuningJobConfig
from flytekit_sagemaker.models.parameter_ranges import ParameterRangeOneOf
from flytekit_sagemaker.models.training_job import TrainingJob
from flytekit_sagemaker.reporting.deck import tuning_page
from flytekit_sagemaker.reporting.records import TuningRecord, tuning_record
from flytekit_sagemaker.requests.names import TUNING_JOB_NAME_LENGTH
from flytekit_sagemaker.requests.training import BuiltRequest
from flytekit_sagemaker.requests.tuning import tuning_request

# The tuner tells each trial which metric it optimizes by a hyperparameter of its own.
_TUNER_HYPERPARAMETER = "_tuning_objective_metric"


class TuningJobConnector(JobConnector):
    """Runs ``SdkSimpleHPOJobTask``."""

    kind = JobKind("tuning", "hyper_parameter_tuning_job", "HyperParameterTuningJob", TUNING_JOB_NAME_LENGTH)

    def training_job(self, custom: Mapping[str, Any]) -> TrainingJob:
        return from_wire(HyperparameterTuningJob, custom).training_job

    def build(self, submission: Submission) -> BuiltRequest:
        job = from_wire(HyperparameterTuningJob, submission.custom)
        values = submission.values
        return tuning_request(
            job,
            from_wire(HyperparameterTuningJobConfig, values["hyperparameter_tuning_job_config"]),
            job_inputs(job.training_job, values),
            ranges={name: from_wire(ParameterRangeOneOf, values[name]) for name in job.tunable_parameters},
            name=submission.name,
            deployment=submission.deployment,
            tags=submission.tags,
        )

    def record(self, meta: JobMetadata, description: Mapping[str, Any]) -> TuningRecord:
        trials = aws.pages(
            meta.endpoint,
            "list_training_jobs_for_hyper_parameter_tuning_job",
            "TrainingJobSummaries",
            HyperParameterTuningJobName=meta.name,
            SortBy="CreationTime",
            SortOrder="Ascending",
        )
        links = job_links(meta.endpoint, self.kind.word, meta.name)
        return tuning_record(description, list(trials), links=links)

    def outputs(self, meta: JobMetadata, record: TuningRecord) -> dict[str, Any]:
        best = record.best
        if best is None or best.objective is None:
            raise ServiceError(f"tuning job {meta.name} ended without a trial that reported {record.objective_metric}")
        winner = aws.call(meta.endpoint, "describe_training_job", TrainingJobName=best.training_job_name)
        model = winner["ModelArtifacts"]["S3ModelArtifacts"]
        hyperparameters = dict(winner.get("HyperParameters", {}))
        hyperparameters.pop(_TUNER_HYPERPARAMETER, None)
        return {
            "model": literals.file(model),
            "hpo_job_name": literals.text(meta.name),
            "best_job_name": literals.text(best.training_job_name),
            "best_hyperparameters": literals.dictionary(hyperparameters),
            "best_objective": literals.number(best.objective),
            "training_image": literals.text(winner["AlgorithmSpecification"].get("TrainingImage", "")),
            "model_artifact_url": literals.text(model),
            "trials": literals.csv_table(write_table(meta.output_prefix, "trials", record.csv())),
        }

    def page(self, record: TuningRecord) -> str:
        return tuning_page(record)
