"""Training jobs of built-in algorithms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flytekit_sagemaker.connector import literals
from flytekit_sagemaker.connector.base import JobConnector, Submission
from flytekit_sagemaker.connector.explanation import Explanation
from flytekit_sagemaker.connector.inputs import Inputs
from flytekit_sagemaker.connector.kinds import TRAINING
from flytekit_sagemaker.connector.links import job_links
from flytekit_sagemaker.connector.log_follower import LogFollower
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.outputs import model_left
from flytekit_sagemaker.models.codec import from_wire
from flytekit_sagemaker.models.training_job import TrainingJob
from flytekit_sagemaker.reporting.deck import training_page
from flytekit_sagemaker.reporting.records import TrainingRecord, training_record
from flytekit_sagemaker.requests.overrides import overridden
from flytekit_sagemaker.requests.training import BuiltRequest, training_request


class TrainingJobConnector(JobConnector):
    """Runs ``SdkSimpleTrainingJobTask``."""

    kind = TRAINING

    def training_job(self, custom: Mapping[str, Any]) -> TrainingJob:
        return from_wire(TrainingJob, custom)

    def build(self, submission: Submission) -> BuiltRequest:
        return overridden(self.request(submission), self.training_job(submission.custom).overrides)

    def request(self, submission: Submission) -> BuiltRequest:
        """The request before the user's overrides."""
        job = self.training_job(submission.custom)
        inputs = Inputs(submission.values)
        built = training_request(
            job,
            inputs.job_inputs(job),
            name=submission.name,
            deployment=submission.deployment,
            tags=submission.tags,
        )
        return replace(built, warnings=(*built.warnings, *inputs.warnings))

    def list_calls(self, description: Mapping[str, Any]) -> int:
        return 0  # the description says it all

    def record(
        self, meta: JobMetadata, description: Mapping[str, Any], explanation: Explanation | None = None
    ) -> TrainingRecord:
        links = job_links(meta.endpoint, self.kind.word, meta.name)
        return training_record(description, links=links, log_tail=explanation.log_tail if explanation else ())

    def outputs(self, meta: JobMetadata, record: TrainingRecord) -> tuple[dict[str, Any], TrainingRecord]:
        model, note = model_left(meta.output_prefix, record.model_uri, f"Training job {record.name}")
        if note:
            record = replace(record, notes=(*record.notes, note))
        outputs = {
            "model": literals.file(model),
            "training_job_name": literals.text(record.name),
            "final_metrics": literals.dictionary(record.final_metrics),
        }
        return outputs, record

    def log_of(self, meta: JobMetadata) -> LogFollower:
        """Follows the log of the job, for a run that somebody waits for."""
        return LogFollower(meta.endpoint, meta.name)

    def page(self, record: TrainingRecord) -> str:
        return training_page(record)
