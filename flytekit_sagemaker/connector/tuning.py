"""Hyperparameter tuning jobs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from flytekit_sagemaker import aws
from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.connector import literals
from flytekit_sagemaker.connector.base import JobConnector, Submission
from flytekit_sagemaker.connector.best_trial import best_result
from flytekit_sagemaker.connector.containers import of_each_trial, trial_prefix
from flytekit_sagemaker.connector.custom import container_in, with_function
from flytekit_sagemaker.connector.explanation import Explanation
from flytekit_sagemaker.connector.function_results import may_be_retried
from flytekit_sagemaker.connector.inputs import Inputs
from flytekit_sagemaker.connector.kinds import PAGE_LENGTH, TUNING
from flytekit_sagemaker.connector.links import job_links
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.outputs import model_left, write_table
from flytekit_sagemaker.connector.parents import parent_problems
from flytekit_sagemaker.container.contract import OBJECTIVE_METRIC_HYPERPARAMETER
from flytekit_sagemaker.errors import Problem, SageMakerError
from flytekit_sagemaker.models.codec import from_wire
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJob, HyperparameterTuningJobConfig
from flytekit_sagemaker.models.training_job import TrainingJob
from flytekit_sagemaker.reporting.configuration import definitions_of
from flytekit_sagemaker.reporting.deck import tuning_page
from flytekit_sagemaker.reporting.records import TuningRecord, tuning_record
from flytekit_sagemaker.requests.functions import objective_problems
from flytekit_sagemaker.requests.overrides import definition_overridden, overridden
from flytekit_sagemaker.requests.training import BuiltRequest
from flytekit_sagemaker.requests.tuning import tuning_request
from flytekit_sagemaker.status import interruptions

# Each is a read from S3.
_FAILED_TRIALS_TO_ASK = 20
# Each is a describe call. Of more trials nobody knows which were interrupted.
_SPOT_TRIALS_TO_ASK = 50


class TuningJobConnector(JobConnector):
    """Runs ``SdkSimpleHPOJobTask``."""

    kind = TUNING

    def training_job(self, custom: Mapping[str, Any]) -> TrainingJob:
        # Where several are tuned together, what their place depends on is the same in all.
        return next(iter(from_wire(HyperparameterTuningJob, custom).definitions.values()))

    def build(self, submission: Submission) -> BuiltRequest:
        job = from_wire(HyperparameterTuningJob, submission.custom)
        inputs = Inputs(submission.values)
        config = inputs.model("hyperparameter_tuning_job_config", HyperparameterTuningJobConfig)
        ranges = inputs.ranges(job, config)
        job_inputs = inputs.job_inputs(job)  # raises when any of the inputs is missing
        assert config is not None
        built = tuning_request(
            job,
            config,
            job_inputs,
            ranges=ranges,
            name=submission.name,
            deployment=submission.deployment,
            tags=submission.tags,
        )
        built = replace(built, warnings=(*built.warnings, *inputs.warnings))
        if job.training_job is not None and job.function is not None:
            built = self._with_function(built, submission, job.training_job, config)
        for name, training_job in job.definitions.items():
            built = definition_overridden(built, training_job.overrides, name)
        return overridden(built, job.overrides)

    @staticmethod
    def _with_function(
        built: BuiltRequest, submission: Submission, training_job: TrainingJob, config: HyperparameterTuningJobConfig
    ) -> BuiltRequest:
        objective = config.tuning_objective.metric_name
        known = [each.name for each in training_job.algorithm_specification.metric_definitions or ()]
        built = replace(built, problems=(*built.problems, *objective_problems(objective, known)))
        container = of_each_trial(container_in(submission))
        return with_function(built, submission, container, metrics=[objective])

    def problems_at(self, endpoint: Endpoint, request: Mapping[str, Any]) -> Iterable[Problem]:
        return parent_problems(endpoint, request)

    def list_calls(self, description: Mapping[str, Any]) -> int:
        return max(1, math.ceil(_launched(description) / PAGE_LENGTH))

    def describe_calls(self, description: Mapping[str, Any]) -> int:
        return 1 + (_launched(description) if _may_be_interrupted(description) else 0)

    def record(
        self, meta: JobMetadata, description: Mapping[str, Any], explanation: Explanation | None = None
    ) -> TuningRecord:
        trials = aws.pages(
            meta.endpoint,
            "list_training_jobs_for_hyper_parameter_tuning_job",
            "TrainingJobSummaries",
            HyperParameterTuningJobName=meta.name,
            SortBy="CreationTime",
            SortOrder="Ascending",
        )
        record = tuning_record(description, list(trials), links=job_links(meta.endpoint, self.kind.word, meta.name))
        if not _may_be_interrupted(description):
            return record
        with suppress(SageMakerError):  # the results do not wait for it
            names = [trial.training_job_name for trial in record.trials]
            described = (aws.call(meta.endpoint, "describe_training_job", TrainingJobName=name) for name in names)
            return record.with_interruptions(dict(zip(names, map(interruptions, described), strict=True)))
        return record

    def outputs(self, meta: JobMetadata, record: TuningRecord) -> tuple[dict[str, Any], TuningRecord]:
        best = best_result(meta, record)
        description = best.description
        if best.note:
            self._log(meta, "get").warning("%s", best.note)
            record = record.with_outputs_of(best.trial, best.note)
        artifact = model = description["ModelArtifacts"]["S3ModelArtifacts"]
        if best.outputs is None:
            model, note = model_left(meta.output_prefix, artifact, f"Trial {best.trial.index}")
            record = replace(record, notes=(*record.notes, *filter(None, (note,))))
        hyperparameters = dict(description.get("HyperParameters", {}))
        hyperparameters.pop(OBJECTIVE_METRIC_HYPERPARAMETER, None)
        outputs = {
            **({"model": literals.file(model)} if best.outputs is None else best.outputs),
            "hpo_job_name": literals.text(meta.name),
            "best_job_name": literals.text(best.trial.training_job_name),
            "best_hyperparameters": literals.dictionary(hyperparameters),
            "best_objective": literals.number(best.trial.objective or 0.0),
            "training_image": literals.text(description["AlgorithmSpecification"].get("TrainingImage", "")),
            "model_artifact_url": literals.text(artifact),
            "trials": literals.csv_table(write_table(meta.output_prefix, "trials", record.csv())),
        }
        return outputs, record

    def may_be_retried(self, meta: JobMetadata, description: Mapping[str, Any], record: TuningRecord) -> bool:
        failed = [trial.training_job_name for trial in record.trials if trial.status == "Failed"][
            :_FAILED_TRIALS_TO_ASK
        ]
        return bool(failed) and all(may_be_retried(trial_prefix(meta.output_prefix, name), {}) for name in failed)

    def page(self, record: TuningRecord) -> str:
        return tuning_page(record)


def _launched(description: Mapping[str, Any]) -> int:
    return int(sum(description.get("TrainingJobStatusCounters", {}).values()))


def _may_be_interrupted(description: Mapping[str, Any]) -> bool:
    is_spot = any(each.get("EnableManagedSpotTraining") for each in definitions_of(description))
    return is_spot and _launched(description) <= _SPOT_TRIALS_TO_ASK
