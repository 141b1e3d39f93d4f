"""What stands in for a container image on this machine: a training program of ours, a user's function, or a command."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from flytekit_sagemaker.container import command, toolkit_variables
from flytekit_sagemaker.types import AlgorithmName

_FUNCTION_PROGRAM = command.TRAINING_MODULE.partition(":")[0]
# What every module with a task imports, and takes longer to import than a function is to wait for.
_FUNCTION_LIBRARIES = ("flytekit.bin.entrypoint", "flytekit_sagemaker.tasks.custom_training_job_task")
_LIBRARIES = {
    AlgorithmName.XGBOOST: ("xgboost", "pandas"),
    AlgorithmName.KMEANS: ("sklearn", "pandas"),
    AlgorithmName.LINEAR_LEARNER: ("sklearn", "pandas"),
}


@dataclass(frozen=True)
class Container:
    """How an image is run here.

    Attributes:
        module: training program whose ``main()`` is the container, or None.
        libraries: modules that are to be imported before the program is started.
        argv: command that is the container, or None.
        algorithm: the built-in algorithm, None for an image of the user's own.
        version: the algorithm's version.
        metric_definitions: names and expressions of the metrics that the image itself defines.
    """

    module: str | None = None
    libraries: tuple[str, ...] = ()
    argv: tuple[str, ...] | None = None
    algorithm: AlgorithmName | None = None
    version: str = ""
    metric_definitions: tuple[tuple[str, str], ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that the image itself brings along."""
        return {"FLYTEKIT_SAGEMAKER_ALGORITHM_VERSION": self.version} if self.algorithm else {}


def container(definition: Mapping[str, Any], images: Mapping[str, Sequence[str]]) -> Container | None:
    """What runs a training job here, or None when nothing can.

    An entrypoint of the request's own comes first, then the command that stands for the image, then the user's function
    that the environment names, then the program of a built-in algorithm.

    Args:
        definition: the job, or a tuning job's definition of its trials.
        images: commands that stand for images, by image URI, and for algorithm resources, by name or ARN.
    """
    from flytekit_sagemaker import algorithms
    from flytekit_sagemaker.local.programs import PROGRAMS

    specification = definition["AlgorithmSpecification"]
    image = image_of(specification)
    entrypoint = tuple(specification.get("ContainerEntrypoint", ()))
    arguments = specification.get("ContainerArguments", ())
    if entrypoint not in ((), command.ENTRYPOINT):
        return Container(argv=(*entrypoint, *arguments))
    if stand_in := command_for(image, images):
        return Container(argv=(*stand_in, *(arguments or _script_arguments(stand_in, definition))))
    if definition.get("Environment", {}).get(command.TRAINING_MODULE_VARIABLE) == command.TRAINING_MODULE:
        return Container(_FUNCTION_PROGRAM, _FUNCTION_LIBRARIES)
    if entrypoint:
        return Container(argv=(*entrypoint, *arguments))
    known = algorithms.identify_image(image)
    if known is None or known[0] not in PROGRAMS:
        return None
    name, version = known
    definitions = tuple(algorithms.algorithm(name).metric_definitions(version))
    return Container(PROGRAMS[name], algorithm=name, version=version, metric_definitions=definitions)


def image_of(specification: Mapping[str, Any]) -> str:
    """What an ``AlgorithmSpecification`` runs: the URI of an image, or the name or ARN of an algorithm resource."""
    return str(specification.get("TrainingImage") or specification.get("AlgorithmName") or "")


def command_for(image: str, images: Mapping[str, Sequence[str]]) -> Sequence[str] | None:
    """The command that stands for an image or an algorithm resource; an ARN is found by the resource's name, too."""
    name = image.rpartition("/")[2] if image.startswith("arn:") else image
    return images.get(image) or images.get(name)


def _script_arguments(stand_in: Sequence[str], definition: Mapping[str, Any]) -> Sequence[str]:
    """A script gets its hyperparameters as the toolkit hands them on; a container's own ``train`` reads the file."""
    if PurePath(stand_in[-1]).name == command.ENTRYPOINT[-1]:
        return ()
    return toolkit_variables.arguments(definition.get("HyperParameters", {}))


def missing_libraries(*modules: str) -> str:
    """One sentence on libraries that are needed and not installed, or an empty string."""
    absent = [module for module in modules if importlib.util.find_spec(module) is None]
    if not absent:
        return ""
    return (
        f"This needs {' and '.join(absent)}, which the local SageMaker's extra brings: "
        "pip install 'flytekit-sagemaker[local]'"
    )


def missing_libraries_of(runs: Container) -> str:
    """The same for what a container's training program imports."""
    return missing_libraries(*_LIBRARIES.get(runs.algorithm, ())) if runs.algorithm else ""
