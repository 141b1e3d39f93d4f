"""Whether a create request can be taken on: the service's rules, the training data and the image.

What hyperparameters mean is not looked at: the service does not either, the training program refuses them.
"""

from __future__ import annotations

import functools
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flytekit_sagemaker.algorithms import algorithm
from flytekit_sagemaker.algorithms.content import channel_problems
from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.local import containers, descriptions, file_systems, objects
from flytekit_sagemaker.local.file_systems import FolderOf
from flytekit_sagemaker.local.instances import instance_count
from flytekit_sagemaker.local.workspace import channels, groups_of, mode_of
from flytekit_sagemaker.requests import warm_start
from flytekit_sagemaker.requests.validation import LOCAL_URI_SCHEMES, check_service_rules


class Refused(Exception):
    """The service answers with an error.

    Attributes:
        code: the error's code, such as ``ValidationException``.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def check_members(operation: str, request: Mapping[str, Any]) -> None:
    """Check a request against the service's own rules.

    Raises:
        Refused: in the service's words, naming every problem.
    """
    _refuse(check_service_rules(operation, request, uri_schemes=LOCAL_URI_SCHEMES).problems)


def check_log_members(operation: str, request: Mapping[str, Any]) -> None:
    """Check a request to CloudWatch Logs against botocore's model of it.

    Raises:
        Refused: members are missing, unknown or of the wrong type.
    """
    from botocore.validate import ParamValidator

    report = ParamValidator().validate(request, _logs_model().operation_model(operation).input_shape)
    if report.has_errors():
        raise Refused("InvalidParameterException", report.generate_report())


@functools.cache
def _logs_model() -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("logs", "service-2"), "logs")


def check_training(
    definition: Mapping[str, Any], images: Mapping[str, Sequence[str]], folder_of: FolderOf, path: str = ""
) -> containers.Container:
    """Find what runs a training job's definition here, and look at its data; reads from disk.

    Args:
        definition: parameters of CreateTrainingJob, or a training job definition of a tuning job.
        images: commands that stand for images, by name.
        folder_of: folders that stand for file systems, by id.
        path: where the definition is in the request.

    Raises:
        Refused: there is nothing to run it, or no data, or the data is of no use for a built-in algorithm.
    """
    specification = definition["AlgorithmSpecification"]
    image = containers.image_of(specification)
    runs = containers.container(definition, images)
    if runs is None:
        what = "image" if "TrainingImage" in specification else "algorithm resource"
        raise Refused(
            "ValidationException",
            f"The local SageMaker cannot run the {what} {image!r}: it fetches none. Give a command for it "
            f"(flytekit-sagemaker serve --image {image}='python train.py', or {image}='python train.py' in the setting "
            "local_images), or a ContainerEntrypoint, or train with a function of your own (custom_training_job_task), "
            "or use a built-in algorithm that it has a program for (XGBoost, K-Means, Linear Learner).",
        )
    if sentence := _missing_program(image, images):
        raise Refused("ValidationException", sentence)
    if sentence := containers.missing_libraries_of(runs):
        raise Refused("ValidationException", sentence)
    problems = [*_local_problems(definition), *_channel_problems(definition, runs, folder_of)]
    _refuse([problem.under(path) for problem in problems] if path else problems)
    return runs


def _missing_program(image: str, images: Mapping[str, Sequence[str]]) -> str:
    """One sentence on a command that stands for an image and has no program, or an empty string."""
    stand_in = containers.command_for(image, images)
    if not stand_in or shutil.which(stand_in[0]):
        return ""
    return (
        f"There is no program {stand_in[0]!r} on this machine: mend the command {shlex.join(stand_in)!r}, which stands "
        f"for the image {image} (in the setting local_images, or flytekit-sagemaker serve --image)."
    )


def check_search(request: Mapping[str, Any], parents: Mapping[str, Mapping[str, Any] | None]) -> None:
    """Check that a tuning job asks for nothing that the local SageMaker cannot do.

    Args:
        request: parameters of CreateHyperParameterTuningJob, which follow the service's rules.
        parents: what Describe answers for the parents of a warm start, None for one that does not exist.

    Raises:
        Refused: it does, or cannot start from its parents.
    """
    if "Autotune" in request:
        raise Refused("ValidationException", "Autotune is not supported by the local SageMaker: give ranges.")
    _refuse(list(warm_start.problems(request, parents)))
    if request["HyperParameterTuningJobConfig"]["Strategy"] != "Grid" and (
        sentence := containers.missing_libraries("optuna")
    ):
        raise Refused("ValidationException", sentence)


def check_objective(metric: str, definition: Mapping[str, Any], runs: containers.Container) -> None:
    """Check that the objective is a metric that can be found in the log: one of a built-in algorithm, or a given one.

    Raises:
        Refused: it is not.
    """
    own = [name for name, _ in runs.metric_definitions]
    given = [each["Name"] for each in definition["AlgorithmSpecification"].get("MetricDefinitions", ())]
    if metric in (*own, *given):
        return
    problem = (
        f"{metric!r} is none of those that the training image reports: [{', '.join(own)}]"
        if own
        else f"those of an algorithm resource are not known here. Add a metric definition named {metric!r} with the "
        "regular expression that finds it in the log."
    )
    raise Refused(
        "ValidationException", f"A metric is required for this hyperparameter tuning job objective: {problem}"
    )


def _local_problems(definition: Mapping[str, Any]) -> Iterator[Problem]:
    for index, metric in enumerate(definition["AlgorithmSpecification"].get("MetricDefinitions", ())):
        try:
            re.compile(metric["Regex"])
        except (re.error, OverflowError, RecursionError) as fault:
            field = f"AlgorithmSpecification.MetricDefinitions[{index}].Regex"
            yield Problem(field, metric["Regex"], f"is no regular expression in Python: {fault}")
    if instance_count(descriptions.resources(definition)) < 1:
        rule = "must say how many instances there are, one at least"
        yield Problem("ResourceConfig.InstanceCount", None, rule)
    for member, uri in (("OutputDataConfig", "S3OutputPath"), ("CheckpointConfig", "S3Uri")):
        if member in definition:
            try:
                objects.local_path(definition[member][uri])
            except ValueError as fault:
                yield Problem(f"{member}.{uri}", definition[member][uri], str(fault))


# What a channel can name and this machine does not have, and what takes its place.
_ELSEWHERE = {
    "DatasetSource": (
        "the local SageMaker reads no data sets of hubs",
        "Download it and give an S3DataSource with its file:// or s3:// URI.",
    ),
    "Converse": (
        "the local SageMaker converts no conversations",
        "Give files as your program reads them, as S3Prefix.",
    ),
}


def _channel_problems(
    definition: Mapping[str, Any], runs: containers.Container, folder_of: FolderOf
) -> Iterator[Problem]:
    groups = [group["InstanceGroupName"] for group in descriptions.resources(definition).get("InstanceGroups", ())]
    for index, channel in enumerate(channels(definition)):
        field = f"InputDataConfig[{index}]"
        name, source = channel["ChannelName"], channel["DataSource"].get("S3DataSource")
        kind = source["S3DataType"] if source else next(iter(channel["DataSource"]))
        if name in (".", ".."):
            yield Problem(f"{field}.ChannelName", name, "names no folder of its own")
        elif kind in _ELSEWHERE:
            yield Problem(f"{field}.DataSource", kind, *_ELSEWHERE[kind])
        elif source:
            yield from _data_problems(field, channel, source, runs)
        else:
            for problem in _file_system_problems(channel, mode_of(channel, definition), runs, folder_of):
                yield problem.under(field)
        for name in groups_of(channel):
            if name not in groups:
                rule = f"must be one of the job's instance groups ({', '.join(groups) or 'there are none'})"
                yield Problem(f"{field}.DataSource.S3DataSource.InstanceGroupNames", name, rule)


def _file_system_problems(
    channel: Mapping[str, Any], mode: str, runs: containers.Container, folder_of: FolderOf
) -> Iterator[Problem]:
    if mode == "Pipe":
        yield Problem("InputMode", mode, "must be File: a file system is mounted, not streamed")
    try:
        directory = file_systems.mounted(channel["DataSource"]["FileSystemDataSource"], folder_of)
    except InvalidInput as fault:
        yield from fault.problems
    else:
        yield from _content_problems(directory, channel, runs)


def _content_problems(where: Any, channel: Mapping[str, Any], runs: containers.Container) -> Iterator[Problem]:
    yield from channel_problems(where, channel, algorithm(runs.algorithm) if runs.algorithm else None)


def _data_problems(
    field: str, channel: Mapping[str, Any], source: Mapping[str, Any], runs: containers.Container
) -> Iterator[Problem]:
    uri = source["S3Uri"]
    try:
        path = objects.local_path(uri)
        if path is None:
            return
        if source["S3DataType"] == "AugmentedManifestFile":
            objects.channel_entries(source)
            return
        found = objects.channel_objects(source)
    except (OSError, ValueError, LookupError, TypeError) as fault:
        yield Problem(f"{field}.DataSource.S3DataSource.S3Uri", uri, f"cannot be read: {fault}")
        return
    if not found:
        rule = f'no objects found under the prefix "{uri}"'
        remedy = "Please ensure that the path exists and holds at least one file."
        yield Problem(f"{field}.DataSource.S3DataSource.S3Uri", uri, rule, remedy)
    else:
        whole = source["S3DataType"] == "S3Prefix" and path.exists()
        checked = path if whole else [item.source for item in found if "://" not in item.source]
        for problem in _content_problems(checked, channel, runs):
            yield problem.under(field)


def _refuse(problems: Sequence[Problem]) -> None:
    if not problems:
        return
    sentences = _sentences(problems)
    errors = "1 validation error" if len(problems) == 1 else f"{len(problems)} validation errors"
    raise Refused("ValidationException", f"{errors} detected: {'; '.join(sentences)}")


def _sentences(problems: Iterable[Problem]) -> Iterator[str]:
    for problem in problems:
        if problem.constraint:
            field = ".".join(part[:1].lower() + part[1:] for part in problem.field.split("."))
            value = "null" if problem.value is None else f"'{problem.value}'"
            yield f"Value {value} at '{field}' failed to satisfy constraint: {problem.constraint}"
        else:
            yield str(problem)
