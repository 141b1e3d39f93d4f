"""Hyperparameter tuning jobs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flytekit_sagemaker import aws
from flytekit_sagemaker.connector import literals
from flytekit_sagemaker.connector.base import JobConnector, Submission
from flytekit_sagemaker.connector.containers import of_each_trial, outputs_left, trial_prefix
from flytekit_sagemaker.connector.custom import container_in, with_function
from flytekit_sagemaker.connector.explanation import Explanation
from flytekit_sagemaker.connector.inputs import Inputs
from flytekit_sagemaker.connector.kinds import PAGE_LENGTH, TUNING
from flytekit_sagemaker.connector.links import job_links
from flytekit_sagemaker.connector.metadata import JobMetadata
from flytekit_sagemaker.connector.outputs import exists, write_table
from flytekit_sagemaker.container.command import TRAINING_MODULE, TRAINING_MODULE_VARIABLE
from flytekit_sagemaker.errors import ServiceError
from flytekit_sagemaker.models.codec import from_wire
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJob, HyperparameterTuningJobConfig
from flytekit_sagemaker.models.training_job import TrainingJob
from flytekit_sagemaker.reporting.deck import tuning_page
from flytekit_sagemaker.reporting.records import Trial, TuningRecord, tuning_record
from flytekit_sagemaker.requests.training import BuiltRequest
from flytekit_sagemaker.requests.tuning import tuning_request

# The tuner tells each trial which metric it optimizes by a hyperparameter of its own.
_TUNER_HYPERPARAMETER = "_tuning_objective_metric"


class TuningJobConnector(JobConnector):
    """Runs ``SdkSimpleHPOJobTask``."""

    kind = TUNING

    def training_job(self, custom: Mapping[str, Any]) -> TrainingJob:
        return from_wire(HyperparameterTuningJob, custom).training_job

    def build(self, submission: Submission) -> BuiltRequest:
        job = from_wire(HyperparameterTuningJob, submission.custom)
        inputs = Inputs(submission.values)
        config = inputs.model("hyperparameter_tuning_job_config", HyperparameterTuningJobConfig)
        ranges = inputs.ranges(job, config)
        job_inputs = inputs.job_inputs(job.training_job)  # raises when any of the inputs is missing
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
        if job.training_job.function is None:
            return built
        container = of_each_trial(container_in(submission))
        return with_function(built, submission, container, metrics=[config.tuning_objective.metric_name])

    def list_calls(self, description: Mapping[str, Any]) -> int:
        trials = int(sum(description.get("TrainingJobStatusCounters", {}).values()))
        return max(1, math.ceil(trials / PAGE_LENGTH))

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
        links = job_links(meta.endpoint, self.kind.word, meta.name)
        return tuning_record(description, list(trials), links=links)

    def outputs(self, meta: JobMetadata, record: TuningRecord) -> dict[str, Any]:
        best, winner, left = self._winner(meta, record)
        model = winner["ModelArtifacts"]["S3ModelArtifacts"]
        hyperparameters = dict(winner.get("HyperParameters", {}))
        hyperparameters.pop(_TUNER_HYPERPARAMETER, None)
        return {
            **({"model": literals.file(model)} if left is None else left),
            "hpo_job_name": literals.text(meta.name),
            "best_job_name": literals.text(best.training_job_name),
            "best_hyperparameters": literals.dictionary(hyperparameters),
            "best_objective": literals.number(best.objective or 0.0),
            "training_image": literals.text(winner["AlgorithmSpecification"].get("TrainingImage", "")),
            "model_artifact_url": literals.text(model),
            "trials": literals.csv_table(write_table(meta.output_prefix, "trials", record.csv())),
        }

    def _winner(
        self, meta: JobMetadata, record: TuningRecord
    ) -> tuple[Trial, Mapping[str, Any], dict[str, Any] | None]:
        """The best trial that left a result, its description, and the outputs of its function, None if it ran none.

        A trial that the tuner stopped, however good it was, may have been stopped before it saved a model; the service
        names the place of the model all the same.
        """
        sign = -1 if record.direction == "Maximize" else 1
        # Of trials that are equally good, the one that the service names comes first.
        scored = [
            (sign * trial.objective, trial != record.best, trial.index, trial)
            for trial in record.trials
            if trial.objective is not None
        ]
        for *_, trial in sorted(scored, key=lambda entry: entry[:3]):
            found = aws.call(meta.endpoint, "describe_training_job", TrainingJobName=trial.training_job_name)
            left = None
            if found.get("Environment", {}).get(TRAINING_MODULE_VARIABLE) == TRAINING_MODULE:
                left = outputs_left(trial_prefix(meta.output_prefix, trial.training_job_name))
                has_result = left is not None
            else:
                has_result = trial.status == "Completed" or exists(found["ModelArtifacts"]["S3ModelArtifacts"])
            if has_result:
                if record.best is not None and trial != record.best:
                    stopped, best = record.best.training_job_name, trial.training_job_name
                    self._log(meta, "get").warning("%s left no result; %s is the best that did", stopped, best)
                return trial, found, left
        if scored:
            remedy = "let trials save what they have when they are stopped (XGBoost: save_model_on_termination=true)"
            raise ServiceError(f"tuning job {meta.name}: every trial was stopped before it left a model; {remedy}")
        raise ServiceError(f"tuning job {meta.name} ended without a trial that reported {record.objective_metric}")

    def page(self, record: TuningRecord) -> str:
        return tuning_page(record)
