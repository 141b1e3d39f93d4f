"""From the component's arguments to the request, and every problem in the words of the arguments."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, TypeVar

from flytekit_sagemaker.algorithms import identify_image
from flytekit_sagemaker.aws import Endpoint
from flytekit_sagemaker.connector.data import data_problems
from flytekit_sagemaker.connector.parents import parent_problems
from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean
from flytekit_sagemaker.kubeflow import algorithm_names
from flytekit_sagemaker.kubeflow.arguments import ARGUMENTS, BY_NAME
from flytekit_sagemaker.kubeflow.reading import nulls, value_of
from flytekit_sagemaker.kubeflow.urls import is_url, with_scheme
from flytekit_sagemaker.kubeflow.wording import in_words, sentence
from flytekit_sagemaker.models.channels import Channel
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.hpo_job import (
    HyperparameterTuningJob,
    HyperparameterTuningJobConfig,
    HyperparameterTuningObjective,
    WarmStartConfig,
)
from flytekit_sagemaker.models.parameter_ranges import ParameterRangeOneOf
from flytekit_sagemaker.models.text import text_of
from flytekit_sagemaker.models.training_job import (
    AlgorithmSpecification,
    MetricDefinition,
    StoppingCondition,
    TrainingJob,
    TrainingJobConfig,
)
from flytekit_sagemaker.requests.api_forms import channel_of, ranges_of
from flytekit_sagemaker.requests.deployment import Deployment
from flytekit_sagemaker.requests.names import SUBMISSION_TAG, TUNING_JOB_NAME_LENGTH
from flytekit_sagemaker.requests.overrides import NOT_TO_OVERRIDE, overridden
from flytekit_sagemaker.requests.training import BuiltRequest, JobInputs
from flytekit_sagemaker.requests.tuning import tuning_request
from flytekit_sagemaker.requests.validation import AWS_URI_SCHEMES, LOCAL_URI_SCHEMES, check_request
from flytekit_sagemaker.types import AlgorithmName

M = TypeVar("M", bound=Model)

_MAX_CHANNELS = 20
_MAX_TAGS = 49
_RANGES = ("integer_parameters", "continuous_parameters", "categorical_parameters")
_RANGES_MEMBER = "HyperParameterTuningJobConfig.ParameterRanges"
_SOME_RANGES = f"{', '.join(_RANGES[:-1])} or {_RANGES[-1]}"
_WHAT_RUNS = {"image", "algorithm_name"}
_VPC = {"security_group_ids", "subnets"}
_CHECKPOINT_MEMBERS = {"S3Uri": "checkpoint_s3_uri", "LocalPath": "checkpoint_local_path"}
_FIELDS = {argument.sets: argument.name for argument in ARGUMENTS if argument.sets}
_PATHS = {
    **_FIELDS,
    **{argument.member: argument.name for argument in ARGUMENTS if argument.member},
    **{f"TrainingJobConfig.{field}": "checkpoint_config" for field in _CHECKPOINT_MEMBERS.values()},
}


@dataclass(frozen=True)
class TuningJob:
    """A tuning job to be.

    Attributes:
        endpoint: the SageMaker that is to run it.
        request: parameters of CreateHyperParameterTuningJob.
        warnings: sentences for whoever runs the pipeline.
    """

    endpoint: Endpoint
    request: Mapping[str, Any]
    warnings: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the job."""
        return str(self.request["HyperParameterTuningJobName"])


def described(values: Mapping[str, Any], problems: Iterable[Problem] = ()) -> TuningJob:
    """The tuning job that the values of the arguments describe.

    Args:
        values: by name of the argument; one that could not be read is not in it.
        problems: what is known to be wrong already.

    Raises:
        InvalidInput: with these and all other problems.
    """
    return _Description(values, problems).job()


def new_name() -> str:
    """A name for a tuning job, as no other has it."""
    moment = datetime.now(timezone.utc).strftime("%Y%m%d%H%M%S")
    return f"HPOJob-{moment}-{uuid.uuid4().hex}"[:TUNING_JOB_NAME_LENGTH]


class _Description:
    """Turns values into models and models into the request.

    Where a value is wrong, something legal stands in for it, so that the rest is looked at all the same; what the
    request's checks say about a stand-in is not passed on.
    """

    def __init__(self, values: Mapping[str, Any], problems: Iterable[Problem]) -> None:
        self._problems = list(problems)
        self._warnings: list[str] = []
        self._broken = {argument.name for argument in ARGUMENTS if argument.name not in values}
        self._values = {**{name: _stand_in(name) for name in self._broken}, **values}

    def job(self) -> TuningJob:
        self._check_values()
        self._check_url()
        self._check_vpc()
        config = self._model(TrainingJobConfig, **self._checkpoints())
        endpoint = self._endpoint(config)
        may_be_here = endpoint.is_on_this_machine or "endpoint_url" in self._broken
        schemes = LOCAL_URI_SCHEMES if may_be_here else AWS_URI_SCHEMES
        built = self._request(config, Deployment(config.region or "", "", "", schemes))
        findings = check_request(built.operation, built.parameters, uri_schemes=schemes)
        findings = findings.with_others(self._from_outside(endpoint, built))
        for problem in (*built.problems, *findings.problems):
            problem = in_words(problem, self._argument(problem.field), self._values)
            if not self._is_about_a_stand_in(problem.field):
                self._problems.append(problem)
        if self._problems:
            raise InvalidInput("the tuning job", self._problems)
        warnings = (*self._warnings, *map(self._warning, (*built.warnings, *findings.warnings)))
        return TuningJob(endpoint, built.parameters, warnings)

    def _request(self, config: TrainingJobConfig, deployment: Deployment) -> BuiltRequest:
        channels = self._channels()
        training_job = TrainingJob(self._algorithm(), config, [channel for channel, _ in channels])
        search = self._model(
            HyperparameterTuningJobConfig,
            tuning_objective=self._model(HyperparameterTuningObjective),
            warm_start_config=self._warm_start(),
        )
        if not self._values["spot_instance"] or "max_run_time" in self._broken:
            self._values["max_wait_time"] = None
            self._broken.add("max_wait_time")
        built = tuning_request(
            self._model(HyperparameterTuningJob, training_job=training_job),
            search,
            JobInputs(
                self._values["static_parameters"],
                {channel.name: uri for channel, uri in channels},
                self._model(StoppingCondition),
            ),
            ranges=self._ranges(),
            name=self._values["job_name"] or new_name(),
            deployment=deployment,
            tags={**self._tags(), SUBMISSION_TAG: uuid.uuid4().hex},
        )
        return overridden(built, self._overrides())

    def _tags(self) -> dict[str, str]:
        tags = self._texts("tags")
        if len(tags) <= _MAX_TAGS:
            return tags
        rule = f"must have at most {_MAX_TAGS} entries, has {len(tags)}"
        self._refuse("tags", None, rule, f"The {_MAX_TAGS + 1}th that a job may have is {SUBMISSION_TAG}.")
        return {}

    def _overrides(self) -> dict[str, Any]:
        overrides = dict(self._values["overrides"])
        for member in [each for each in overrides if each in NOT_TO_OVERRIDE and each in _PATHS]:
            value, remedy = overrides.pop(member), f"Use the argument {_PATHS[member]}."
            self._problems.append(Problem(f"overrides.{member}", value, "cannot be overridden", remedy))
        return overrides

    def _from_outside(self, endpoint: Endpoint, built: BuiltRequest) -> Iterator[Problem]:
        """What only the data and the account can tell."""
        if self._broken & {"region", "endpoint_url", "assume_role"}:
            return
        if endpoint.is_on_this_machine:  # elsewhere, files of this machine are nobody's data
            for problem in data_problems(built.operation, built.parameters):
                yield replace(problem, field=f"{BY_NAME['channels'].member} ({problem.field})")
        yield from parent_problems(endpoint, built.parameters)

    def _endpoint(self, config: TrainingJobConfig) -> Endpoint:
        url = (config.endpoint_url or "").rstrip("/")
        if url and not is_url(url):
            self._refuse("endpoint_url", url, "must be the URL of a SageMaker endpoint", "Leave it out for AWS's own.")
            url = ""
        endpoint = Endpoint(config.region or "", url)
        if endpoint.is_on_this_machine:  # which has no roles
            return endpoint
        return replace(endpoint, assume_role_arn=config.assume_role_arn or "")

    def _algorithm(self) -> AlgorithmSpecification:
        image, name = self._values["image"], self._values["algorithm_name"]
        if image and name:
            rule = "must not be given together with image"
            self._refuse("algorithm_name", name, rule, "Leave one of them out.")
        elif not image and not name and "image" not in self._broken:
            remedy = "Name an algorithm, or give the image of your own."
            self._refuse("algorithm_name", None, "is required where no image is given", remedy)
        algorithm = algorithm_names.built_in(name or "")
        if identity := identify_image(image or ""):
            algorithm = identity[0]
        if name and algorithm is None and (hint := algorithm_names.hint(name)):
            self._warnings.append(hint)
        if self._broken & _WHAT_RUNS:
            self._broken |= _WHAT_RUNS | {"metric_definitions"}
            self._values |= {"algorithm_name": None, "image": BY_NAME["image"].example}
        elif algorithm is not None:
            self._values["algorithm_name"] = None
        metrics = self._metrics()
        return self._model(
            AlgorithmSpecification, algorithm_name=algorithm or AlgorithmName.CUSTOM, metric_definitions=metrics
        )

    def _metrics(self) -> list[MetricDefinition]:
        metrics = []
        for name, regex in self._texts("metric_definitions").items():
            with self._noting(f"metric_definitions.{name}"):
                metrics.append(MetricDefinition(name, regex))
        return metrics

    def _channels(self) -> list[tuple[Channel, str]]:
        channels: dict[str, tuple[Channel, str]] = {}
        for index, member in enumerate(self._values["channels"]):
            with self._noting(f"channels[{index}]"):
                channel, uri = channel_of(member)
                if channel.name in channels:
                    self._refuse(f"channels[{index}]", channel.name, "must not name a channel twice")
                channels[channel.name] = (channel, uri)
        if len(channels) > _MAX_CHANNELS:
            self._refuse("channels", None, f"must have at most {_MAX_CHANNELS} entries, has {len(channels)}")
        return list(channels.values())[:_MAX_CHANNELS]

    def _ranges(self) -> dict[str, ParameterRangeOneOf]:
        try:
            return ranges_of(*(self._values[name] for name in _RANGES))
        except InvalidInput as error:
            self._note(problem.under(_RANGES_MEMBER) for problem in error.problems)
            self._broken.update(_RANGES)
            return {}

    def _warm_start(self) -> WarmStartConfig | None:
        kind, parents = self._values["warm_start_type"], self._values["parent_hpo_jobs"]
        if self._broken & {"warm_start_type", "parent_hpo_jobs"}:
            return None
        if kind and not parents:
            self._refuse("parent_hpo_jobs", None, "is required with warm_start_type", "Name 1 to 5 tuning jobs.")
        elif parents and not kind:
            accepted = " or ".join(BY_NAME["warm_start_type"].choices)
            self._refuse("warm_start_type", None, "is required with parent_hpo_jobs", f"Set it to {accepted}.")
        if not kind or not parents:
            return None
        try:
            return WarmStartConfig(kind, _given("parent_hpo_jobs", parents))
        except InvalidInput as error:
            self._note(problem.under("WarmStartConfig") for problem in error.problems)
            return None

    def _check_values(self) -> None:
        for argument in ARGUMENTS:
            name, value = argument.name, self._values[argument.name]
            if name == "overrides" or not (found := list(nulls(argument, value))):  # there None removes a member
                continue
            self._problems.extend(found)
            self._broken.add(name)
            given = {key: each for key, each in value.items() if each is not None} if isinstance(value, dict) else None
            self._values[name] = _stand_in(name) if given is None else given

    def _check_url(self) -> None:
        url = self._values["endpoint_url"] or ""
        if meant := with_scheme(url):
            self._refuse("endpoint_url", url, "must be the URL of a SageMaker endpoint", f"Did you mean {meant}?")
            self._values["endpoint_url"] = meant

    def _check_vpc(self) -> None:
        halves = ("vpc_security_group_ids", "vpc_subnets")
        missing = [name for name in halves if not self._values[name] and name not in self._broken]
        if len(missing) == 1:
            (given,) = {*halves} - {*missing}
            self._refuse(missing[0], None, f"is required with {given}")
        if self._broken.intersection(halves):
            self._values.update(dict.fromkeys(halves))

    def _checkpoints(self) -> dict[str, str]:
        found = {}
        for member, value in self._texts("checkpoint_config").items():
            if member in _CHECKPOINT_MEMBERS:
                found[_CHECKPOINT_MEMBERS[member]] = value
            else:
                hint = did_you_mean(member, _CHECKPOINT_MEMBERS) or f"It has {' and '.join(_CHECKPOINT_MEMBERS)}."
                self._refuse(f"checkpoint_config.{member}", value, "is not a member of CheckpointConfig", hint)
        if found and "checkpoint_s3_uri" not in found:
            self._refuse("checkpoint_config.S3Uri", None, "is required")
        return {} if "checkpoint_config" in self._broken else found

    def _texts(self, name: str) -> dict[str, str]:
        """A dictionary whose values are to be texts; numbers and booleans become theirs."""
        texts = {}
        for key, value in self._values[name].items():
            with self._noting(f"{name}.{key}"):
                texts[str(key)] = text_of(value)
        return texts

    def _model(self, model: type[M], **others: Any) -> M:
        """A model of ``others`` and of the arguments that set its fields; stand-ins first for those that it refuses."""
        names = {
            path.rpartition(".")[2]: name for path, name in _FIELDS.items() if path.startswith(f"{model.__name__}.")
        }
        given = {field: _given(name, self._values[name]) for field, name in names.items()} | others
        refused: set[str] = set()
        while True:
            try:
                return model(**{field: value for field, value in given.items() if value is not None})
            except InvalidInput as error:
                if refused >= names.keys():
                    raise
                fields = {_root(problem.field) for problem in error.problems}
                if not refused:
                    self._note(problem.under(model.__name__) for problem in error.problems)
                if refused or fields.isdisjoint(given):  # what stands in for one field does not go with another
                    fields = set(names)
                if not fields.isdisjoint(_VPC):
                    fields |= _VPC
                refused |= fields
                for field in fields & given.keys():
                    name = names.get(field)
                    given[field] = _given(name, _stand_in(name)) if name else None
                    self._broken.add(_root(self._argument(f"{model.__name__}.{field}")))

    @contextmanager
    def _noting(self, field: str) -> Iterator[None]:
        try:
            yield
        except InvalidInput as error:
            self._problems.extend(in_words(problem.under(field), "", self._values) for problem in error.problems)
            self._broken.add(_root(field))

    def _refuse(self, field: str, value: object, rule: str, remedy: str = "") -> None:
        self._problems.append(Problem(field, value, rule, remedy))
        self._broken.add(_root(field))

    def _note(self, problems: Iterable[Problem]) -> None:
        self._problems.extend(in_words(problem, self._argument(problem.field), self._values) for problem in problems)

    def _warning(self, text: str) -> str:
        subject, _, rest = text.partition(" ")
        return f"{self._argument(subject) if subject in _PATHS else sentence(subject)} {sentence(rest)}"

    def _is_about_a_stand_in(self, field: str) -> bool:
        return _root(field) in self._broken or (field == _SOME_RANGES and not self._broken.isdisjoint(_RANGES))

    def _argument(self, path: str) -> str:
        """The argument, and maybe a part of it, that the path of a model's field or of a request's member is about."""
        if self._is_overridden(path):
            return f"overrides.{path}"
        if _root(path) in BY_NAME:
            return path
        holder = path
        while holder:
            if holder in _PATHS:
                return _PATHS[holder] + path[len(holder) :]
            holder = (
                holder[: max(holder.rfind(joint) for joint in (".", "[", " "))] if re.search(r"[.\[ ]", holder) else ""
            )
        if not path.startswith(_RANGES_MEMBER):
            return f"overrides.{path}" if path else ""
        name = path[len(_RANGES_MEMBER) + 1 :]
        lists = [each for each in _RANGES if any(entry.get("Name") == name for entry in self._values[each])]
        return f"{lists[0]} ({name})" if lists else _SOME_RANGES

    def _is_overridden(self, path: str) -> bool:
        """Whether what a request has at a path is what the overrides put there."""
        found = self._values["overrides"]
        for name in path.split("."):
            if not isinstance(found, dict):
                break
            found = found.get(re.split(r"[\[ ]", name)[0], {})
        return not isinstance(found, dict)


def _root(field: str) -> str:
    return re.split(r"[.\[ ]", field)[0]


def _given(name: str, value: Any) -> Any:
    """The value of an argument as the field of a model takes it."""
    if value is None or name not in ("vpc_security_group_ids", "vpc_subnets", "parent_hpo_jobs"):
        return value
    return [part for part in re.split(r"[\s,\[\]\"']+", value) if part]


def _stand_in(name: str) -> Any:
    argument = BY_NAME[name]
    return value_of(argument, argument.example) if argument.required else argument.default
