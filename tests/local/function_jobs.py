"""Requests for jobs that run a user's function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flyteidl.core import literals_pb2

from flytekit_sagemaker.container.command import TRAINING_MODULE, TRAINING_MODULE_VARIABLE, Command


def carried(folder: Path, function: str = "square", x: int = 7, *, archive: Path | None = None) -> dict[str, str]:
    """The environment of a job that runs a function of the module ``functions``, which may come in an archive."""
    scalar = literals_pb2.Scalar(primitive=literals_pb2.Primitive(integer=x))
    inputs = literals_pb2.LiteralMap(literals={"x": literals_pb2.Literal(scalar=scalar)})
    (folder / "inputs.pb").write_bytes(inputs.SerializeToString())
    options = ["--inputs", f"{folder}/inputs.pb", "--output-prefix", f"{folder}/flyte"]
    options += ["--raw-output-data-prefix", f"{folder}/raw"]
    resolver = ["--resolver", "flytekit.core.python_auto_container.default_task_resolver"]
    task = ["--", "task-module", "functions", "task-name", function]
    fast = ["pyflyte-fast-execute", "--additional-distribution", str(archive), "--dest-dir", ".", "--"]
    command = Command((*(fast if archive else ()), "pyflyte-execute", *options, *resolver, *task))
    return {TRAINING_MODULE_VARIABLE: TRAINING_MODULE, **command.variables()}


def result(folder: Path) -> int:
    outputs = literals_pb2.LiteralMap.FromString((folder / "flyte" / "outputs.pb").read_bytes())
    return int(outputs.literals["o0"].scalar.primitive.integer)


def with_image(image: str, **members: Any) -> dict[str, Any]:
    definitions = [{"Name": "loss", "Regex": r"loss=([^;]*);"}]
    return {"TrainingImage": image, "TrainingInputMode": "File", "MetricDefinitions": definitions, **members}
