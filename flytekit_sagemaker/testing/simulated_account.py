"""The jobs of a simulated account, and what each operation of the SageMaker API does with them."""

from __future__ import annotations

import copy
import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from flytekit_sagemaker.local.admission import Refused
from flytekit_sagemaker.local.descriptions import resource_arn
from flytekit_sagemaker.testing.job_index import JobIndex, page_of
from flytekit_sagemaker.testing.lives import Life, plan
from flytekit_sagemaker.testing.simulated_jobs import Members, TrainingJob, TuningJob

_TRIALS_THAT_MAY_FAIL = 5
_MOST_TRIALS = 750

Lives = Callable[[Mapping[str, Any]], Life]


class At(NamedTuple):
    """The circumstances of a call.

    Attributes:
        now: when it came.
        region: region that it was made in.
        access_key: id of the access key that signed it.
        change: method of :class:`Life` that changes the life of the job that it creates.
    """

    now: float
    region: str
    access_key: str = ""
    change: str = ""


class Account:
    """Jobs whose time is moved by :meth:`settle`; for one thread at a time.

    Args:
        number: account id.
        lives: what happens to each training job, given its request.
        instances: quotas of instances by type.
        seed: fixes what tuning jobs try, and the objectives of trials whose lives do not say theirs.
    """

    def __init__(self, number: str, lives: Lives, instances: Mapping[str, int], seed: int) -> None:
        self.training: JobIndex[TrainingJob] = JobIndex()
        self.tuning: JobIndex[TuningJob] = JobIndex()
        self.creates: Counter[str] = Counter()
        self._number = number
        self._lives = lives
        self._quotas = instances
        self._seed = seed
        self._tags: dict[str, dict[str, str]] = {}
        self._instances: Counter[str] = Counter()
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self.operations: dict[str, Callable[..., Members]] = {
            "CreateTrainingJob": self._create_training_job,
            "DescribeTrainingJob": self._describe_training_job,
            "StopTrainingJob": self._stop_training_job,
            "ListTrainingJobs": self._list_training_jobs,
            "DeleteTrainingJob": self._delete_training_job,
            "CreateHyperParameterTuningJob": self._create_tuning_job,
            "DescribeHyperParameterTuningJob": self._describe_tuning_job,
            "StopHyperParameterTuningJob": self._stop_tuning_job,
            "ListHyperParameterTuningJobs": self._list_tuning_jobs,
            "ListTrainingJobsForHyperParameterTuningJob": self._list_trials,
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            "DeleteTags": self._delete_tags,
        }

    def settle(self, now: float) -> None:
        """Let everything happen that was to happen until ``now``, in order."""
        while self._events and self._events[0][0] <= now:
            moment, _, event = heapq.heappop(self._events)
            event(moment)

    def running(self) -> list[TrainingJob | TuningJob]:
        """The jobs that have not ended."""
        statuses = ("InProgress", "Stopping")
        return [job for status in statuses for kind in (self.training, self.tuning) for job in kind.of_status(status)]

    def _at(self, moment: float, event: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), event))

    def _create_training_job(self, request: Members, at: At) -> Members:
        existing = self.training.find(request["TrainingJobName"])
        if existing:
            raise Refused(
                "ResourceInUse",
                "Training job names must be unique within an AWS account and region, and a training job with this name "
                f"already exists ({existing.arn})",
            )
        life = self._lives(request)
        job = self._new_training_job(request, getattr(life, at.change)() if at.change else life, at.now, at.region)
        self._refuse_excess(job)
        self._start(job, request.get("Tags", ()))
        self.creates[job.name] += 1
        return {"TrainingJobArn": job.arn}

    def _new_training_job(self, request: Members, life: Life, now: float, region: str) -> TrainingJob:
        made = plan(life, now, request.get("StoppingCondition", {}))
        resource = resource_arn(region, self._number, f"training-job/{request['TrainingJobName']}")
        return TrainingJob(_kept(request), resource, now, life, made)

    def _refuse_excess(self, job: TrainingJob) -> None:
        for instance_type, count in job.instances.items():
            limit, used = self._quotas.get(instance_type), self._instances[instance_type]
            if limit is not None and used + count > limit:
                raise Refused(
                    "ResourceLimitExceeded",
                    f"The account-level service limit '{instance_type} for training job usage' is {limit} Instances, "
                    f"with current utilization of {used} Instances and a request delta of {count} Instances. "
                    "Ask for a higher quota, or wait until other jobs have ended.",
                )

    def _start(self, job: TrainingJob, tags: Sequence[Mapping[str, str]]) -> None:
        self.training.add(job)
        self._keep_tags(job.arn, tags)
        self._instances.update(job.instances)
        self._at(job.plan.end, lambda moment: self._end(job, moment))

    def _end(self, job: TrainingJob, moment: float) -> None:
        if job.ended or job.plan.end != moment:  # it was stopped before the end that it was to have
            return
        self.training.move(job, job.plan.status)
        job.leave_model()
        self._instances.subtract(job.instances)
        if job.tuning_job:
            self._go_on(job.tuning_job, moment)

    def _training_job(self, request: Members) -> TrainingJob:
        job = self.training.find(request["TrainingJobName"])
        if job is None:
            raise Refused("ValidationException", "Requested resource not found.")
        return job

    def _describe_training_job(self, request: Members, at: At) -> Members:
        return self._training_job(request).described(at.now)

    def _stop_training_job(self, request: Members, at: At) -> Members:
        job = self._training_job(request)
        _refuse_ended(job, "training job")
        self._stop(job, at.now)
        return {}

    def _stop(self, job: TrainingJob, now: float) -> None:
        if job.status == "InProgress":
            job.plan.cut(now, ("Stopping", job.life.stopping_seconds), ("Stopped", 0))
            self.training.move(job, "Stopping")
            self._at(job.plan.end, lambda moment: self._end(job, moment))

    def _delete_training_job(self, request: Members, at: At) -> Members:
        job = self._training_job(request)
        if not job.ended:
            raise Refused("ResourceInUse", f"The training job {job.name} cannot be deleted in status {job.status}.")
        self.training.remove(job)
        del self._tags[job.arn]
        return {}

    def _list_training_jobs(self, request: Members, at: At) -> Members:
        jobs, token = self.training.page("ListTrainingJobs", request, at.now)
        return {"TrainingJobSummaries": [job.summary(at.now) for job in jobs], **token}

    def _create_tuning_job(self, request: Members, at: At) -> Members:
        name = request["HyperParameterTuningJobName"]
        if self.tuning.find(name):
            raise Refused("ResourceInUse", f"A hyperparameter tuning job with the name, {name}, already exists.")
        job = TuningJob(
            _kept(request), resource_arn(at.region, self._number, f"hyper-parameter-tuning-job/{name}"), at.now, at.now
        )
        self.tuning.add(job)
        self._keep_tags(job.arn, request.get("Tags", ()))
        self.creates[name] += 1
        self._go_on(job, at.now)
        if "MaxRuntimeInSeconds" in job.limits:
            self._at(at.now + job.limits["MaxRuntimeInSeconds"], lambda moment: self._wind_up(job, moment))
        return {"HyperParameterTuningJobArn": job.arn}

    def _go_on(self, job: TuningJob, now: float) -> None:
        """Launch the trials that may run now; end the tuning job when its last trial has ended."""
        limit = min(job.limits.get("MaxNumberOfTrainingJobs", _MOST_TRIALS), _MOST_TRIALS)
        running = [trial for trial in job.trials if not trial.ended]
        job.reason = job.reason or _hopeless(job, limit)
        if (job.reason or (job.is_complete and not job.closing)) and running:
            self._wind_up(job, now)
        while (
            job.status == "InProgress"
            and not (job.reason or job.closing or job.is_complete)
            and len(job.trials) < limit
        ):
            if len(running) >= job.limits["MaxParallelTrainingJobs"]:
                return
            running.append(self._launch(job, now))
        if not running and not job.ended:
            job.changed = now
            stopped = job.status == "Stopping"
            self.tuning.move(job, "Stopped" if stopped else "Failed" if job.reason else "Completed")

    def _launch(self, job: TuningJob, now: float) -> TrainingJob:
        request, definition, tuned = job.next_trial(self._seed)
        life = self._lives(request)
        metric = definition.objective["MetricName"]
        if not life.final_metrics:
            value = random.Random(f"{self._seed}/{request['TrainingJobName']}").random()
            life = replace(life, final_metrics={metric: value})
        trial = self._new_training_job(request, life, now, job.arn.split(":")[3])
        trial.tuning_job, trial.definition, trial.tuned = job, definition, tuned
        job.trials.append(trial)
        self._start(trial, _tag_list(self._tags[job.arn]))
        return trial

    def _wind_up(self, job: TuningJob, now: float) -> None:
        """Launch no more trials, and stop those that run."""
        job.closing = True
        for trial in job.trials:
            self._stop(trial, now)
        if not any(not trial.ended for trial in job.trials):
            self._go_on(job, now)

    def _tuning_job(self, request: Members) -> TuningJob:
        name = request["HyperParameterTuningJobName"]
        job = self.tuning.find(name)
        if job is None:
            message = f"Amazon SageMaker can't find a tuning job with the name {name} in this account and region."
            raise Refused("ResourceNotFound", message)
        return job

    def _describe_tuning_job(self, request: Members, at: At) -> Members:
        return self._tuning_job(request).described(at.now)

    def _stop_tuning_job(self, request: Members, at: At) -> Members:
        job = self._tuning_job(request)
        _refuse_ended(job, "hyperparameter tuning job")
        if job.status == "InProgress":
            job.changed = at.now
            self.tuning.move(job, "Stopping")
            self._wind_up(job, at.now)
        return {}

    def _list_tuning_jobs(self, request: Members, at: At) -> Members:
        jobs, token = self.tuning.page("ListHyperParameterTuningJobs", {"SortBy": "Name", **request}, at.now)
        return {"HyperParameterTuningJobSummaries": [job.summary(at.now) for job in jobs], **token}

    def _list_trials(self, request: Members, at: At) -> Members:
        job = self._tuning_job(request)
        asked = {"SortBy": "Name", **request}
        scored = asked["SortBy"] == "FinalObjectiveMetricValue"
        trials = [trial for trial in job.trials if not scored or trial.objective is not None]
        page, token = page_of(trials, "ListTrainingJobsForHyperParameterTuningJob", asked, at.now)
        return {"TrainingJobSummaries": [trial.trial_summary(at.now) for trial in page], **token}

    def _keep_tags(self, resource: str, tags: Sequence[Mapping[str, str]]) -> None:
        self._tags.setdefault(resource, {}).update({tag["Key"]: tag["Value"] for tag in tags})

    def _add_tags(self, request: Members, at: At) -> Members:
        self._refuse_unknown(request)
        self._keep_tags(request["ResourceArn"], request["Tags"])
        return self._list_tags(request, at)

    def _list_tags(self, request: Members, at: At) -> Members:
        self._refuse_unknown(request)
        return {"Tags": _tag_list(self._tags[request["ResourceArn"]])}

    def _delete_tags(self, request: Members, at: At) -> Members:
        self._refuse_unknown(request)
        for key in request["TagKeys"]:
            self._tags[request["ResourceArn"]].pop(key, None)
        return {}

    def _refuse_unknown(self, request: Members) -> None:
        if request["ResourceArn"] not in self._tags:
            raise Refused("ValidationException", "Requested resource not found.")


def _refuse_ended(job: TrainingJob | TuningJob, noun: str) -> None:
    if job.ended:
        message = f"The request was rejected because the {noun} is in status {job.status}."
        raise Refused("ValidationException", message)


def _hopeless(job: TuningJob, limit: int) -> str:
    """Why it makes no sense to launch more trials, or an empty string."""
    ended = [trial for trial in job.trials if trial.ended]
    if len(ended) < min(_TRIALS_THAT_MAY_FAIL, limit) or any(trial.objective is not None for trial in ended):
        return ""
    if any(trial.status == "Stopped" for trial in ended):
        return ""
    if any(trial.status == "Completed" for trial in ended):
        return f"No objective metrics found after running {len(ended)} training jobs."
    return (
        f"No training job succeeded after {len(ended)} attempts. "
        "Please take a look at the training job failures to get more details."
    )


def _kept(request: Members) -> Members:
    return copy.deepcopy({member: value for member, value in request.items() if member != "Tags"})


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
