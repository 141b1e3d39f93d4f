"""The operations of the SageMaker API, and of CloudWatch Logs for the jobs' logs: what each one answers.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Service.html
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from flytekit_sagemaker.local import admission, descriptions, interruption, paging, warm_start
from flytekit_sagemaker.local.admission import Refused
from flytekit_sagemaker.local.containers import Container
from flytekit_sagemaker.local.definitions import definitions_of
from flytekit_sagemaker.local.engine import Engine
from flytekit_sagemaker.local.log_events import LogEvents
from flytekit_sagemaker.local.store import Job, Kind, Page
from flytekit_sagemaker.requests import request_members
from flytekit_sagemaker.requests.warm_start import parent_names

Answer = dict[str, Any]
_DEFAULT_PAGE = 10
_TAGS_PER_PAGE = 50
_LAST_MOMENT = 253_402_300_799  # in the year 9999


class Api:
    """Answers requests, given as the members that came over the wire, from an engine's jobs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._logs = LogEvents(engine.store, engine.folder)
        self._operations: dict[str, Callable[[Mapping[str, Any], str], Awaitable[Answer]]] = {
            "CreateTrainingJob": self._create_training_job,
            "DescribeTrainingJob": self._describe_training_job,
            "StopTrainingJob": self._stop_training_job,
            "ListTrainingJobs": self._list_training_jobs,
            "CreateHyperParameterTuningJob": self._create_tuning_job,
            "DescribeHyperParameterTuningJob": self._describe_tuning_job,
            "StopHyperParameterTuningJob": self._stop_tuning_job,
            "ListHyperParameterTuningJobs": self._list_tuning_jobs,
            "ListTrainingJobsForHyperParameterTuningJob": self._list_trials,
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            "DeleteTags": self._delete_tags,
            interruption.OPERATION: self._interrupt_training_job,
        }

    async def answer(self, operation: str, request: Mapping[str, Any], region: str) -> Answer:
        """The answer to a request.

        Raises:
            Refused: the answer is an error.
        """
        if operation in self._logs.operations:
            admission.check_log_members(operation, request)
            return await self._logs.operations[operation](request)
        if operation not in self._operations:
            raise Refused("UnknownOperationException", f"The local SageMaker has no operation {operation!r}.")
        if operation != interruption.OPERATION:
            admission.check_members(operation, request)
        return await self._operations[operation](request, region)

    async def _create_training_job(self, request: Mapping[str, Any], region: str) -> Answer:
        self._refuse_duplicate(Kind.TRAINING, request["TrainingJobName"])
        runs = await asyncio.to_thread(self._check_training, request)
        # Other requests were served meanwhile.
        self._refuse_duplicate(Kind.TRAINING, request["TrainingJobName"])
        job = descriptions.new_training_job(request, region, self._engine.clock.time(), runs.metric_definitions)
        self._keep(job, request)
        self._engine.start_training(job)
        return {"TrainingJobArn": job.arn}

    async def _create_tuning_job(self, request: Mapping[str, Any], region: str) -> Answer:
        self._refuse_duplicate(Kind.TUNING, request["HyperParameterTuningJobName"])
        admission.check_search(request, self._parents(request))
        metrics = []
        for (path, member), definition in zip(
            request_members.definitions(request), definitions_of(request), strict=True
        ):
            runs = await asyncio.to_thread(self._check_training, member, path)
            admission.check_objective(definition.objective["MetricName"], member, runs)
            metrics.append(runs.metric_definitions)
        self._refuse_duplicate(Kind.TUNING, request["HyperParameterTuningJobName"])
        job = descriptions.new_tuning_job(request, region, self._engine.clock.time(), metrics)
        seed = request["HyperParameterTuningJobConfig"].get("RandomSeed")
        job.memory["seed"] = secrets.randbits(31) if seed is None else seed
        self._keep(job, request)
        self._engine.start_tuning(job)
        return {"HyperParameterTuningJobArn": job.arn}

    def _check_training(self, definition: Mapping[str, Any], path: str = "") -> Container:
        return admission.check_training(definition, self._engine.images, self._engine.folder_of, path)

    def _parents(self, request: Mapping[str, Any]) -> dict[str, Answer | None]:
        """What Describe answers for the parents of a warm start, None for one that does not exist."""
        found = {name: self._engine.store.find(Kind.TUNING, name) for name in parent_names(request)}
        return {name: self._description(job) if job else None for name, job in found.items()}

    def _refuse_duplicate(self, kind: Kind, name: str) -> None:
        existing = self._engine.store.find(kind, name)
        if existing and kind is Kind.TRAINING:
            raise Refused(
                "ResourceInUse",
                "Training job names must be unique within an AWS account and region, and a training job with this name "
                f"already exists ({existing.arn})",
            )
        if existing:
            raise Refused("ResourceInUse", f"A hyperparameter tuning job with the name, {name}, already exists.")

    def _keep(self, job: Job, request: Mapping[str, Any]) -> None:
        with self._engine.store.transaction():
            self._engine.store.save(job)
            self._engine.store.add_tags(job.arn, {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())})

    def _training_job(self, request: Mapping[str, Any]) -> Job:
        job = self._engine.store.find(Kind.TRAINING, request["TrainingJobName"])
        if job is None:
            raise Refused("ValidationException", "Requested resource not found.")
        return job

    def _tuning_job(self, request: Mapping[str, Any]) -> Job:
        name = request["HyperParameterTuningJobName"]
        job = self._engine.store.find(Kind.TUNING, name)
        if job is None:
            raise Refused(
                "ResourceNotFound",
                f"Amazon SageMaker can't find a tuning job with the name {name} in this account and region.",
            )
        return job

    async def _describe_training_job(self, request: Mapping[str, Any], region: str) -> Answer:
        return self._training_job(request).description

    async def _describe_tuning_job(self, request: Mapping[str, Any], region: str) -> Answer:
        return self._description(self._tuning_job(request))

    def _description(self, tuning_job: Job) -> Answer:
        store = self._engine.store
        inherited = warm_start.trials(tuning_job.description, store)
        now = self._engine.clock.time()
        return descriptions.tuning_job_answer(tuning_job, store.trials(tuning_job.name), inherited, now)

    async def _interrupt_training_job(self, request: Mapping[str, Any], region: str) -> Answer:
        if not isinstance(request.get("TrainingJobName"), str):
            raise Refused("ValidationException", "TrainingJobName is needed, a text.")
        store = self._engine.store
        job = store.find(Kind.TRAINING, request["TrainingJobName"])
        if job is None:
            raise Refused("ValidationException", interruption.no_training_job(request["TrainingJobName"], store))
        if sentence := interruption.problem(job):
            raise Refused("ValidationException", sentence)
        self._engine.interrupt(job)
        return {}

    async def _stop_training_job(self, request: Mapping[str, Any], region: str) -> Answer:
        return self._stop(self._training_job(request), "training job")

    async def _stop_tuning_job(self, request: Mapping[str, Any], region: str) -> Answer:
        return self._stop(self._tuning_job(request), "hyperparameter tuning job")

    def _stop(self, job: Job, noun: str) -> Answer:
        if job.ended:
            raise Refused(
                "ValidationException", f"The request was rejected because the {noun} is in status {job.status}."
            )
        self._engine.stop(job)
        return {}

    async def _list_training_jobs(self, request: Mapping[str, Any], region: str) -> Answer:
        jobs, token = self._page("ListTrainingJobs", Kind.TRAINING, request, "CreationTime")
        return {"TrainingJobSummaries": [descriptions.training_job_summary(job) for job in jobs], **token}

    async def _list_tuning_jobs(self, request: Mapping[str, Any], region: str) -> Answer:
        jobs, token = self._page("ListHyperParameterTuningJobs", Kind.TUNING, request, "Name")
        summaries = [descriptions.tuning_job_summary(job, self._engine.store.trials(job.name)) for job in jobs]
        return {"HyperParameterTuningJobSummaries": summaries, **token}

    async def _list_trials(self, request: Mapping[str, Any], region: str) -> Answer:
        tuning_job = self._tuning_job(request)
        conditions: list[tuple[str, object]] = [("tuning_job = ?", tuning_job.name)]
        if request.get("SortBy") == "FinalObjectiveMetricValue":
            conditions.append(("objective IS NOT ? AND status IN ('Completed', 'Failed', 'Stopped')", None))
        operation = "ListTrainingJobsForHyperParameterTuningJob"
        jobs, token = self._page(operation, Kind.TRAINING, request, "Name", conditions)
        return {"TrainingJobSummaries": [descriptions.trial_summary(tuning_job, job) for job in jobs], **token}

    def _page(
        self,
        operation: str,
        kind: Kind,
        request: Mapping[str, Any],
        sort_by: str,
        conditions: list[tuple[str, object]] | None = None,
    ) -> tuple[list[Job], Answer]:
        columns = {"Name": "name", "Status": "status", "FinalObjectiveMetricValue": "objective"}
        filters = {
            "CreationTimeAfter": "created > ?",
            "CreationTimeBefore": "created < ?",
            "LastModifiedTimeAfter": "modified > ?",
            "LastModifiedTimeBefore": "modified < ?",
            "NameContains": "instr(lower(name), lower(?)) > 0",
            "StatusEquals": "status = ?",
            # No local job has a warm pool or a training plan.
            "WarmPoolStatusEquals": "? IS NULL",
            "TrainingPlanArnEquals": "? IS NULL",
        }
        asked = [
            (condition, _moment(request[member]) if "Time" in member else request[member])
            for member, condition in filters.items()
            if member in request
        ]
        page = Page(
            kind,
            [*(conditions or ()), *asked],
            columns.get(request.get("SortBy", sort_by), "created"),
            request.get("SortOrder") == "Descending",
            request.get("MaxResults", _DEFAULT_PAGE),
            paging.position(operation, request["NextToken"]) if "NextToken" in request else None,
        )
        jobs, following = self._engine.store.page(page)
        return jobs, {"NextToken": paging.token(operation, following)} if following else {}

    def _tagged(self, request: Mapping[str, Any]) -> str:
        """The ARN of the job whose tags a request is about."""
        kind, name = descriptions.named_by(request["ResourceArn"])
        job = self._engine.store.find(kind, name) if kind else None
        if job is None or job.arn != request["ResourceArn"]:
            raise Refused("ValidationException", "Requested resource not found.")
        return job.arn

    async def _add_tags(self, request: Mapping[str, Any], region: str) -> Answer:
        store, arn = self._engine.store, self._tagged(request)
        with store.transaction():
            store.add_tags(arn, {tag["Key"]: tag["Value"] for tag in request["Tags"]})
        return {"Tags": _tag_list(store.tags(arn))}

    async def _list_tags(self, request: Mapping[str, Any], region: str) -> Answer:
        after = paging.position("ListTags", request["NextToken"])[1] if "NextToken" in request else ""
        tags = [each for each in _tag_list(self._engine.store.tags(self._tagged(request))) if each["Key"] > after]
        page = tags[: request.get("MaxResults", _TAGS_PER_PAGE)]
        more = {"NextToken": paging.token("ListTags", ("", page[-1]["Key"]))} if len(page) < len(tags) else {}
        return {"Tags": page, **more}

    async def _delete_tags(self, request: Mapping[str, Any], region: str) -> Answer:
        self._engine.store.delete_tags(self._tagged(request), request["TagKeys"])
        return {}


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _moment(value: object) -> float:
    if not isinstance(value, (int, float)) or abs(value) > _LAST_MOMENT:
        raise Refused("SerializationException", f"{value!r} is no timestamp: seconds since the epoch are expected")
    return value
