"""What a request gets when the job runs a function of the user's own: how it is started, and what it is given.

Training and tuning jobs alike carry the command in their environment, see ``container/command.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flytekit_sagemaker.container.command import (
    ENTRYPOINT,
    LONGEST_VALUE,
    TRAINING_MODULE,
    TRAINING_MODULE_VARIABLE,
    Command,
)
from flytekit_sagemaker.container.inputs import EVERY_OTHER, NOT_FOR_THE_FUNCTION
from flytekit_sagemaker.container.metrics import metric_definition
from flytekit_sagemaker.container.values import parsed
from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean
from flytekit_sagemaker.models.parameter_ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRangeOneOf,
)
from flytekit_sagemaker.models.text import text_of
from flytekit_sagemaker.models.training_job import Function
from flytekit_sagemaker.requests.request_members import struct
from flytekit_sagemaker.requests.training import BuiltRequest
from flytekit_sagemaker.requests.tuning_job_rules import MAX_VARIABLES_OF_TRIALS
from flytekit_sagemaker.requests.wording import Place, Wording

MOST_VARIABLES = {"CreateTrainingJob": 100, "CreateHyperParameterTuningJob": MAX_VARIABLES_OF_TRIALS}
MOST_HYPERPARAMETERS = 100
LONGEST_HYPERPARAMETER_NAME = 256
LONGEST_HYPERPARAMETER = 2500

# https://docs.aws.amazon.com/sagemaker/latest/dg/docker-containers.html
_ECR_IMAGE = re.compile(r"\d{12}\.dkr\.ecr(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/.+")


@dataclass(frozen=True)
class Container:
    """What Flyte would start to run the function.

    Attributes:
        image: URI of its image.
        command: what runs in it.
        environment: variables that the task asks for.
    """

    image: str
    command: Command
    environment: Mapping[str, str] = field(default_factory=dict)


def in_container(
    built: BuiltRequest,
    container: Container,
    *,
    metrics: Iterable[str] = (),
    checkpoints: str = "",
) -> BuiltRequest:
    """A request whose job, or each of whose trials, runs a function in a container.

    Args:
        built: the request without it.
        container: how the function is run.
        metrics: names of metrics that have to be found, beside those that the request defines.
        checkpoints: URI where checkpoints are kept when the job may be interrupted and says nowhere itself.
    """
    parameters = dict(built.parameters)
    trials = "TrainingJobDefinition" in parameters
    definition = dict(parameters["TrainingJobDefinition"]) if trials else parameters
    path = "TrainingJobDefinition." if trials else ""
    configured = definition.get("Environment", {})
    asked = container.environment.keys() - configured.keys()
    places = [Place(f"{path}Environment.{name}", f"environment.{name}") for name in asked]
    if "TrainingImage" not in definition["AlgorithmSpecification"]:
        places.append(Place(f"{path}AlgorithmSpecification.TrainingImage", "container_image"))
    specification = {"TrainingImage": container.image, **definition["AlgorithmSpecification"]}
    defined = list(specification.get("MetricDefinitions", ()))
    known = {each["Name"] for each in defined}
    for name, regex in map(metric_definition, (name for name in metrics if name not in known)):
        defined.append({"Name": name, "Regex": regex})
    if defined:
        specification["MetricDefinitions"] = defined
    if not trials:
        specification["ContainerEntrypoint"] = list(ENTRYPOINT)
    environment = _environment(container, configured, MOST_VARIABLES[built.operation])
    definition |= {"AlgorithmSpecification": specification, "Environment": environment}
    if checkpoints and definition.get("EnableManagedSpotTraining") and not definition.get("CheckpointConfig"):
        definition["CheckpointConfig"] = {"S3Uri": checkpoints}
    if trials:
        parameters["TrainingJobDefinition"] = definition
    problems = list(_room_problems(len(environment), MOST_VARIABLES[built.operation], container))
    wording = built.wording + Wording(tuple(places))
    return replace(built, parameters=parameters, problems=(*built.problems, *problems), wording=wording)


def _environment(container: Container, configured: Mapping[str, str], most: int) -> dict[str, str]:
    """The variables of the job. Those of the task that AWS has no room for travel with the command."""
    asked = {name: value for name, value in container.environment.items() if name not in configured}
    shown = {name: value for name, value in asked.items() if _is_variable(name, value)}
    environment: dict[str, str] = {}
    for beside in (shown, {}):
        others = {name: value for name, value in asked.items() if name not in beside}
        command = replace(container.command, environment={**container.command.environment, **others})
        module = {TRAINING_MODULE_VARIABLE: TRAINING_MODULE}
        environment = {**beside, **configured, **command.variables(), **module}
        if len(environment) <= most:
            break
    return environment


def _is_variable(name: str, value: str) -> bool:
    return bool(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,511}", name)) and len(value) <= LONGEST_VALUE


def _room_problems(count: int, most: int, container: Container) -> Iterator[Problem]:
    if count > most:
        rule = f"takes {count} environment variables together with the job's own, more than the {most} that AWS allows"
        remedy = "Shorten environment, or let the function read long values from its inputs."
        yield Problem("the function's command", container.command.argv[0], rule, remedy)


def function_problems(built: BuiltRequest, *, on_aws: bool) -> Iterator[Problem]:
    """What keeps the function of a finished request, be it built so or overridden, from running.

    Args:
        on_aws: whether the job's machines are AWS's, which pull no other images and can cut a job off from S3.
    """
    parameters = built.parameters
    definition = struct(parameters, "TrainingJobDefinition") if "TrainingJobDefinition" in parameters else parameters
    environment = struct(definition, "Environment")
    if environment.get(TRAINING_MODULE_VARIABLE) != TRAINING_MODULE or _command(environment) is None:
        remedy = "Name the variables that are to change in overrides, and leave the others."
        yield Problem("overrides.Environment", sorted(environment), "must keep what runs the function", remedy)
    if on_aws:
        yield from _aws_problems(definition)


def _command(environment: Mapping[str, Any]) -> Command | None:
    try:
        return Command.find(environment)
    except (TypeError, ValueError):
        return None


def _aws_problems(definition: Mapping[str, Any]) -> Iterator[Problem]:
    image = str(struct(definition, "AlgorithmSpecification").get("TrainingImage"))
    if not _ECR_IMAGE.fullmatch(image):
        rule = "must be an image in Amazon ECR that has flytekit-sagemaker: SageMaker pulls no other"
        remedy = "Give the task container_image=sagemaker_image(..., registry='<account>.dkr.ecr.<region>...')."
        yield Problem("container_image", image, rule, remedy)
    if definition.get("EnableNetworkIsolation"):
        rule = "must be off: the function's process reads its inputs from S3, and writes its outputs there, itself"
        remedy = "Use subnets and security_group_ids with an S3 endpoint to keep it from other networks."
        yield Problem("training_job_config.enable_network_isolation", True, rule, remedy)


def shown_hyperparameters(values: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The hyperparameters of a function that SageMaker can show, and a sentence about those it cannot.

    The function gets all of them either way: they travel in the task's inputs too, where nothing is too long.
    """
    shown: dict[str, Any] = {}
    others = []
    for name, value in values.items():
        if value is None:
            continue
        if _can_be_shown(str(name), value) and len(shown) < MOST_HYPERPARAMETERS - _LEFT_FOR_OTHERS:
            shown[name] = value
        else:
            others.append(str(name))
    if not others:
        return shown, ()
    names = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
    return shown, (f"SageMaker cannot show all hyperparameters ({names}); the function gets them all.",)


def _can_be_shown(name: str, value: object) -> bool:
    try:
        text = text_of(value)
    except InvalidInput:
        return False
    fits = 0 < len(name) <= LONGEST_HYPERPARAMETER_NAME and len(text) <= LONGEST_HYPERPARAMETER
    return fits and not re.search(r"[\r\n]", name + text)


# The tuner's objective metric, MPI's switch, and the tuned ones.
_LEFT_FOR_OTHERS = 32


def range_problems(function: Function, ranges: Mapping[str, ParameterRangeOneOf]) -> Iterator[Problem]:
    """Ranges whose values the function could not take."""
    tunable, typed = function.tunable_inputs or {}, function.hyperparameter_types or {}
    for name, one_of in ranges.items():
        kind = tunable.get(name) or typed.get(name) or typed.get(EVERY_OTHER)
        if kind:
            yield from _value_problems(name, kind, one_of.param)
        elif not function.takes_hyperparameters:
            known = ", ".join(tunable) or "none"
            rule = f"is no input of the function that can be tuned (int, float, str or bool inputs: {known})"
            yield Problem(name, None, rule, "Add such an input, or a parameter hyperparameters: dict.")
        elif typed:
            rule = f"is no hyperparameter of the function that can be tuned ({', '.join(typed)})"
            yield Problem(name, None, rule, did_you_mean(name, typed))
        if name.startswith(NOT_FOR_THE_FUNCTION):
            begin = " or ".join(NOT_FOR_THE_FUNCTION)
            yield Problem(name, None, f"begins with {begin}, as what is for the container and not for the function")


def objective_problems(metric: str, known: Sequence[str]) -> Iterator[Problem]:
    """An objective that no trial would report, so that all of them would be paid for in vain.

    Args:
        metric: name of the objective.
        known: the metrics that the function is known to report; none when nothing is known.
    """
    if known and metric not in known:
        rule = f"is not among the metrics of the function ({', '.join(known)})"
        remedy = did_you_mean(metric, known) or "If the function computes the name, give it in metrics=[...]."
        yield Problem("hyperparameter_tuning_job_config.tuning_objective.metric_name", metric, rule, remedy)


def _value_problems(name: str, kind: str, chosen: object) -> Iterator[Problem]:
    wrong: list[str] = []
    if isinstance(chosen, CategoricalParameterRange):
        wrong = [value for value in chosen.values if not _is_value(kind, value)]
    elif isinstance(chosen, ContinuousParameterRange) and kind in ("int", "bool"):
        remedy = "Use an IntegerParameterRange." if kind == "int" else "Use a CategoricalParameterRange."
        yield Problem(name, "ContinuousParameterRange", f"cannot choose a value for an input of type {kind}", remedy)
    elif isinstance(chosen, IntegerParameterRange) and kind == "bool":
        remedy = "Use a CategoricalParameterRange."
        yield Problem(name, "IntegerParameterRange", "cannot choose a value for an input of type bool", remedy)
    if wrong:
        yield Problem(name, wrong, f"must be values of type {kind}, which the function's input has")


def _is_value(kind: str, text: str) -> bool:
    try:
        parsed(kind, text)
    except ValueError:
        return False
    return True
