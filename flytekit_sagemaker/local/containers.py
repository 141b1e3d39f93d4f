"""What stands in for a container image on this machine: a training program of ours, or a command."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flytekit_sagemaker.types import AlgorithmName

_LIBRARIES = {AlgorithmName.XGBOOST: ("xgboost", "pandas"), AlgorithmName.KMEANS: ("sklearn", "pandas")}


@dataclass(frozen=True)
class Container:
    """How an image is run here.

    Attributes:
        module: training program whose ``main()`` is the container, or None.
        argv: command that is the container, or None.
        algorithm: the built-in algorithm, None for an image of the user's own.
        version: the algorithm's version.
        metric_definitions: names and expressions of the metrics that the image itself defines.
    """

    module: str | None = None
    argv: tuple[str, ...] | None = None
    algorithm: AlgorithmName | None = None
    version: str = ""
    metric_definitions: tuple[tuple[str, str], ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that the image itself brings along."""
        return {"FLYTEKIT_SAGEMAKER_ALGORITHM_VERSION": self.version} if self.algorithm else {}


def container(specification: Mapping[str, Any], images: Mapping[str, Sequence[str]]) -> Container | None:
    """What runs an ``AlgorithmSpecification`` here, or None when nothing can."""
    from flytekit_sagemaker import algorithms
    from flytekit_sagemaker.local.programs import PROGRAMS

    image = specification.get("TrainingImage", "")
    arguments = specification.get("ContainerArguments", ())
    if entrypoint := specification.get("ContainerEntrypoint"):
        return Container(argv=(*entrypoint, *arguments))
    if command := images.get(image):
        return Container(argv=(*command, *arguments))
    known = algorithms.identify_image(image)
    if known is None or known[0] not in PROGRAMS:
        return None
    name, version = known
    definitions = tuple(algorithms.algorithm(name).metric_definitions(version))
    return Container(PROGRAMS[name], algorithm=name, version=version, metric_definitions=definitions)


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
