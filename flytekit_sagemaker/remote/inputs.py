"""The inputs of a launch as Flyte's literals; what is on this machine is uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flyteidl.core import literals_pb2
from flytekit.core.type_engine import TypeEngine
from flytekit.models.literals import LiteralMap
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker.errors import InvalidInput, Problem, SageMakerError
from flytekit_sagemaker.remote.admin import Admin
from flytekit_sagemaker.remote.uploads import upload
from flytekit_sagemaker.tasks.inputs import at_uri, path_here


def to_literals(admin: Admin, task: Any, inputs: dict[str, Any]) -> literals_pb2.LiteralMap:
    """All inputs of a task as literals.

    Args:
        admin: where local files and folders are uploaded to.
        task: the task that takes them.
        inputs: value of each input, as ``accepted_inputs`` gives them.

    Raises:
        InvalidInput: listing every input that is not what the task takes.
    """
    types = task.python_interface.inputs
    local = {name: path for name, value in inputs.items() if (path := _local_path(value)) is not None}
    problems: list[Problem] = []
    values = {**inputs, **{name: _uploaded(admin, path) for name, path in local.items()}}
    literals = {}
    with admin.remote.remote_context() as context:
        for name, value in values.items():
            try:
                literals[name] = TypeEngine.to_literal(context, value, types[name], task.interface.inputs[name].type)
            except SageMakerError:
                raise
            except Exception as error:  # flytekit's converters raise whatever the conversion raises
                problems.append(Problem(name, value, str(error).strip().splitlines()[-1]))
    if problems:
        raise InvalidInput(f"the input of {task.name}", problems)
    return LiteralMap(literals).to_flyte_idl()


def _uploaded(admin: Admin, path: Path) -> FlyteFile | FlyteDirectory:
    return at_uri(FlyteDirectory if path.is_dir() else FlyteFile, upload(admin, path))


def _local_path(value: Any) -> Path | None:
    """Where data on this machine is; None for everything else."""
    if not isinstance(value, (FlyteFile, FlyteDirectory)) or value.remote_source:
        return None
    return path_here(str(value.path))
