"""A task's template for a local run, as Flyte hands it to a connector: its container's arguments filled in."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections import OrderedDict
from pathlib import Path
from typing import Any

from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.core.tracker import extract_task_module
from flytekit.models.literals import LiteralMap
from flytekit.tools.translator import get_serializable

from flytekit_sagemaker.tasks import images, interactive

_PATH = "PYTHONPATH"


def rendered_template(context: Any, task: Any, inputs: LiteralMap, output_prefix: str) -> Any:
    """The template of a task, its inputs written to where the arguments of its container say.

    Args:
        context: flytekit's context.
        task: any task whose type has a connector.
        inputs: its inputs.
        output_prefix: where its outputs go.
    """
    serialization = context.serialization_settings or SerializationSettings(ImageConfig.auto_default_image())
    function_task = getattr(task, "function_task", None)
    if function_task is not None and interactive.is_interactive(function_task):
        serialization = interactive.with_pickled_code(serialization, function_task, context, f"{output_prefix}/code")
    with images.not_built():
        template = get_serializable(OrderedDict(), serialization, task).template
    container = template.container
    if container is not None:
        _write(context, inputs, f"{output_prefix}/inputs.pb")
        places = {
            "{{.input}}": f"{output_prefix}/inputs.pb",
            "{{.outputPrefix}}": output_prefix,
            "{{.rawOutputDataPrefix}}": context.file_access.get_random_remote_directory(),
            "{{.checkpointOutputPrefix}}": f"{output_prefix}/checkpoint",
            "{{.prevCheckpointPrefix}}": "",
        }
        container._args = [places.get(argument, argument) for argument in container.args]
        own = [container.env[_PATH]] if _PATH in container.env else []
        container._env = {**container.env, _PATH: os.pathsep.join([*own, *own_folders(function_task)])}
    return template


def own_folders(function_task: Any) -> list[str]:
    """Where the user's own modules are imported from: neither Python's library nor installed packages."""
    installed = [Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    # pyflyte takes the folder of the module that it runs off the path again, as soon as the module is loaded.
    entries = [folder_of_module(function_task), *sys.path]
    folders = dict.fromkeys(Path(entry or ".").resolve() for entry in entries)
    own = (folder for folder in folders if folder.is_dir())
    return [str(folder) for folder in own if not any(folder.is_relative_to(path) for path in installed)]


def folder_of_module(function_task: Any) -> str:
    """The folder from which the module of a task's function is imported; empty where it is in no file."""
    _, module, _, file = extract_task_module(function_task)
    if not file:
        return ""
    path = Path(file).resolve()
    return str(path.parents[module.count(".") + (path.stem == "__init__")])


def _write(context: Any, inputs: LiteralMap, uri: str) -> None:
    path = context.file_access.get_random_local_path()
    with open(path, "wb") as file:
        file.write(inputs.to_flyte_idl().SerializeToString())
    context.file_access.put_data(path, uri)
