"""Fills what only the platform knows into the container of a task, as Flyte does before it starts one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flytekit_sagemaker.sandbox.places import uri_of

_PLACEHOLDER = re.compile(r"\{\{\s*\.(?P<name>\w+)\s*\}\}")


def rendered(template: Any, values: Mapping[str, str]) -> Any:
    """A copy of a task template with the placeholders of its container filled in; unknown ones stay as they are.

    Args:
        template: the task template.
        values: what stands for each placeholder, by its name in lower case.
    """
    filled = type(template)()
    filled.CopyFrom(template)
    if filled.HasField("container"):
        for words in (filled.container.command, filled.container.args):
            words[:] = [_fill(word, values) for word in words]
        for variable in filled.container.env:
            variable.value = _fill(variable.value, values)
    return filled


def placeholders(node_folder: Path, attempt_folder: Path, raw_prefix: str, checkpoint_before: str) -> dict[str, str]:
    """The placeholders of one attempt.

    Args:
        node_folder: has ``inputs.pb``.
        attempt_folder: gets ``outputs.pb``.
        raw_prefix: URI below which the attempt may write whatever it likes.
        checkpoint_before: URI of the checkpoints of the attempt before, empty for the first.
    """
    return {
        "input": uri_of(node_folder / "inputs.pb"),
        "inputprefix": uri_of(node_folder),
        "outputprefix": uri_of(attempt_folder),
        "rawoutputdataprefix": raw_prefix,
        "checkpointoutputprefix": checkpoint_of(raw_prefix),
        "prevcheckpointprefix": checkpoint_before,
    }


def checkpoint_of(raw_prefix: str) -> str:
    """URI of the checkpoints of an attempt."""
    return f"{raw_prefix}/_flytecheckpoints"


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found["name"].lower(), found[0]), text)
