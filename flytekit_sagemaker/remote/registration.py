"""Registers a task under a version that its content makes: the same task once, a changed one anew."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import replace
from typing import Any

from flyteidl.admin import task_pb2
from flyteidl.core import identifier_pb2
from flytekit import ImageSpec
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable

from flytekit_sagemaker.errors import UserError
from flytekit_sagemaker.remote.admin import Admin
from flytekit_sagemaker.remote.code import Code
from flytekit_sagemaker.remote.uploads import upload
from flytekit_sagemaker.tasks import images

# In the template's config: what the version would be, so that a version given by hand cannot hide a change.
_CONTENT = "flytekit_sagemaker_content"


def register(admin: Admin, task: Any, name: str, version: str | None) -> identifier_pb2.Identifier:
    """Register a task, unless it is registered as it is now.

    Args:
        admin: where.
        task: any task of this package.
        name: its name there.
        version: made of the task's content where None.

    Returns:
        What to launch.

    Raises:
        UserError: when the version is that of another content.
    """
    code = Code.of(task)
    settings = SerializationSettings(ImageConfig.auto_default_image(), project=admin.project, domain=admin.domain)
    content = _content(task, settings, code)
    identifier = admin.task_identifier(name, version or content)
    if (known := admin.task(identifier)) is not None:
        there = known.closure.compiled_task.template.config.get(_CONTENT, content)
        if there != content:
            remedy = "Give it another version, or leave the version out: it is made of the content then."
            raise UserError(f"{name} is registered with other content as version {version}. {remedy}")
        return identifier
    if code is not None:
        with code.as_file() as path:
            settings = replace(settings, fast_serialization_settings=code.found_at(upload(admin, path)))
    spec = _spec(task, replace(settings, version=identifier.version))
    spec.template.id.CopyFrom(identifier)
    spec.template.config[_CONTENT] = content
    admin.create_task(identifier, spec)
    return identifier


def _content(task: Any, settings: SerializationSettings, code: Code | None) -> str:
    """A digest of everything about a task that makes a difference when it runs."""
    if code is not None:
        settings = replace(settings, fast_serialization_settings=code.found_at(code.digest))
    with images.not_built():
        spec = _spec(task, replace(settings, version="0"))
    spec.template.ClearField("id")
    spec.template.metadata.ClearField("runtime")
    image = getattr(getattr(task, "function_task", None), "container_image", None)
    digest = hashlib.sha256(spec.template.SerializeToString(deterministic=True))
    digest.update((image.image_name() if isinstance(image, ImageSpec) else "").encode())
    return digest.hexdigest()[:24]


def _spec(task: Any, settings: SerializationSettings) -> task_pb2.TaskSpec:
    return get_serializable(OrderedDict(), settings, task).to_flyte_idl()
