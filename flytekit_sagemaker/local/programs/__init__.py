"""Training programs that stand in for the containers of built-in algorithms, one module each.

A program is a module with ``main() -> int``: it reads and writes the tree under ``SAGEMAKER_BASE_DIR`` as a container
does under ``/opt/ml``, prints the lines that the container prints, and returns its exit code.
"""

from collections.abc import Mapping

from flytekit_sagemaker.types import AlgorithmName

PROGRAMS: Mapping[AlgorithmName, str] = {
    AlgorithmName.XGBOOST: f"{__name__}.xgboost",
    AlgorithmName.KMEANS: f"{__name__}.kmeans",
    AlgorithmName.LINEAR_LEARNER: f"{__name__}.linear_learner",
}
"""Module path of the local training program of each algorithm that has one."""
