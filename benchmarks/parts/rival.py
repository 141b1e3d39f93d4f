"""``flytekitplugins-awssagemaker`` in an environment of its own, which the first benchmark that needs it makes."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from parts.services import HERE, REGION, SCRIPTS

VERSION = "1.16.31"
MODULE = "flytekitplugins.awssagemaker_training"
TASK_TYPE = "sagemaker-training-job"
_HOME = HERE.parent / ".bench" / f"rival-{VERSION}"

# Its metadata are pickles, and its templates are made by its own classes: both in its own environment.
_METADATA = """
import base64, json, sys
from flytekitplugins.awssagemaker_training import SageMakerTrainingJobMetadata as Metadata

config, region, names = json.load(sys.stdin)
metadata = (Metadata(config={**config, "TrainingJobName": name}, region=region).encode() for name in names)
print(json.dumps([base64.b64encode(each).decode() for each in metadata]))
"""
_TEMPLATE = """
import base64, json, sys
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable
from flytekitplugins.awssagemaker_training import SageMakerTrainingJobTask as Task

config, region = json.load(sys.stdin)
settings = SerializationSettings(ImageConfig(), project="p", domain="d", version="v1")
template = get_serializable({}, settings, Task("benchmark", config=config, region=region)).template
print(json.dumps(base64.b64encode(template.to_flyte_idl().SerializeToString()).decode()))
"""


def scripts() -> Path:
    """``bin`` of its environment."""
    ready = _HOME / ".ready"
    if not ready.exists():
        print(f"Installing flytekitplugins-awssagemaker {VERSION} in {_HOME}", file=sys.stderr)
        uv = str(SCRIPTS / "uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(_HOME)], check=True)
        wanted = [f"flytekitplugins-awssagemaker=={VERSION}", f"flytekit[connector]=={VERSION}"]
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(_HOME / "bin/python"), *wanted], check=True)
        ready.touch()
    return _HOME / "bin"


def metadata(config: dict[str, Any], names: list[str]) -> list[bytes]:
    """What it keeps of jobs with these names and an otherwise equal request."""
    return [base64.b64decode(each) for each in _run(_METADATA, [config, REGION, names])]


def template(config: dict[str, Any]) -> bytes:
    """The task template of its training task with this request."""
    return base64.b64decode(_run(_TEMPLATE, [config, REGION]))


def _run(program: str, given: Any) -> Any:
    command = [str(scripts() / "python"), "-W", "ignore", "-c", program]
    done = subprocess.run(command, input=json.dumps(given), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
