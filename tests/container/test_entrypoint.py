"""A container starts, and the user's function runs: from our entry, and from the toolkit's ``train``."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tarfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core import errors_pb2, literals_pb2
from flytekit.configuration import FastSerializationSettings, ImageConfig, SerializationSettings
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.models.literals import LiteralMap
from flytekit.tools.translator import get_serializable
from flytekit.types.directory import FlyteDirectory

from flytekit_sagemaker.connector.literals import plain_values
from flytekit_sagemaker.container.command import JOB_NAME, TRAINING_MODULE, TRAINING_MODULE_VARIABLE, Command

from .support import Tree

CODE = """
import json, os
from pathlib import Path
from typing import NamedTuple
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from flytekit_sagemaker import custom_training_job_task, report_metric
from flytekit_sagemaker.models.training_job import TrainingJobConfig

Trained = NamedTuple("Trained", [("model", FlyteFile), ("seen", dict)])


@custom_training_job_task(training_job_config=TrainingJobConfig(instance_type="ml.m5.large", volume_size_in_gb=1))
def fit(train: FlyteDirectory, hyperparameters: dict, depth: int) -> Trained:
    if depth < 0:
        raise ValueError(f"depth {depth} is negative")
    Path("model.json").write_text("{}")
    report_metric("loss", 0.5)
    files = sorted(os.listdir(train))
    return Trained(FlyteFile("model.json"), {"files": files, "hyperparameters": hyperparameters, "depth": depth})
"""
MODULES = {"in a module": ("training_code.py",), "in a package": ("pricing", "models", "training_code.py")}


class Prepared:
    """A function in a folder, and a host's tree for a job that runs it."""

    def __init__(self, folder: Path, module: tuple[str, ...], tree: Tree) -> None:
        self.folder = folder
        self.tree = tree
        self.prefix = folder / "prefix"
        self.prefix.mkdir()
        self.code = folder / "project"
        path = self.code.joinpath(*module)
        path.parent.mkdir(parents=True)
        for parent in path.relative_to(self.code).parents[:-1]:
            (self.code / parent / "__init__.py").touch()
        path.write_text(CODE)
        (tree.base / "input" / "data" / "train" / "a.csv").write_text("1,2")
        self.module = ".".join(path.relative_to(self.code).with_suffix("").parts)

    def command(self, inputs: dict[str, Any], distribution: Path | None = None, prefix: str = "") -> dict[str, str]:
        """The variables of a job that runs the function."""
        task = importlib.import_module(self.module).fit
        fast = FastSerializationSettings(distribution is not None, ".", str(distribution))
        settings = SerializationSettings(
            ImageConfig.auto_default_image(), version="v", fast_serialization_settings=fast
        )
        container = get_serializable(OrderedDict(), settings, task).template.container
        context = FlyteContextManager.current_context()
        types = task.python_interface.inputs
        given = {name: each for name, each in inputs.items() if name in types}
        literals = TypeEngine.dict_to_literal_map(context, given, {name: types[name] for name in given})
        (self.folder / "inputs.pb").write_bytes(literals.to_flyte_idl().SerializeToString())
        places = {
            "{{.input}}": str(self.folder / "inputs.pb"),
            "{{.outputPrefix}}": str(self.prefix) + prefix,
            "{{.rawOutputDataPrefix}}": str(self.folder / "raw"),
        }
        argv = tuple(places.get(argument, argument) for argument in container.args)
        return {**Command(argv).variables(), TRAINING_MODULE_VARIABLE: TRAINING_MODULE}

    def run(self, program: list[Path | str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        environment = {**self.tree.environment, "TRAINING_JOB_NAME": "job-7", **variables}
        workdir = self.folder / "workdir"
        workdir.mkdir(exist_ok=True)
        return subprocess.run(
            [str(each) for each in program], env=environment, cwd=workdir, capture_output=True, text=True, timeout=100
        )

    def outputs(self, below: str = "") -> dict[str, Any]:
        content = (self.prefix / below / "outputs.pb").read_bytes()
        return plain_values(LiteralMap.from_flyte_idl(literals_pb2.LiteralMap.FromString(content)))


@pytest.fixture
def prepare(
    tmp_path: Path, tree: Callable[..., Tree], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Prepared]]:
    before = set(sys.modules)

    def make(module: str = "in a module", hyperparameters: dict[str, str] | None = None) -> Prepared:
        prepared = Prepared(tmp_path, MODULES[module], tree(hyperparameters or {}, {"train": {}}))
        monkeypatch.syspath_prepend(str(prepared.code))
        return prepared

    yield make
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("training_code", "pricing"):
            del sys.modules[name]


@pytest.fixture(params=["our entry", "the toolkit's train"])
def program(request: pytest.FixtureRequest, image: Path) -> list[Path | str]:
    if request.param == "our entry":
        return [Path(sys.executable).with_name("flytekit-sagemaker"), "train"]
    return [image / "bin" / "train"]


INPUTS = {"train": FlyteDirectory("s3://bucket/train"), "hyperparameters": {"rate": 0.5}, "depth": 3}


@pytest.mark.parametrize("module", MODULES)
def test_a_function_runs_in_an_image_that_has_it(prepare: Any, program: Any, module: str) -> None:
    prepared = prepare(module)
    done = prepared.run(program, {**prepared.command(INPUTS), "PYTHONPATH": str(prepared.code)})

    assert done.returncode == 0, done.stderr
    outputs = prepared.outputs()
    assert outputs["seen"] == {"files": ["a.csv"], "hyperparameters": {"rate": 0.5}, "depth": 3}
    assert (prepared.tree.contract.model_dir / "model.json").read_text() == "{}"
    assert Path(outputs["model"]).is_relative_to(prepared.folder / "raw")
    assert "loss" in done.stdout


def test_a_fast_registered_function_brings_its_code_along(prepare: Any, program: Any) -> None:
    prepared = prepare("in a package")
    archive = prepared.folder / "fast.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(prepared.code, ".")
    done = prepared.run(program, prepared.command(INPUTS, archive))

    assert done.returncode == 0, done.stderr
    assert prepared.outputs()["seen"]["depth"] == 3
    assert list((prepared.folder / "workdir").iterdir()) == []  # other jobs share it on a laptop


def test_what_the_tuner_chose_wins_and_lands_in_a_place_of_the_trial(prepare: Any, program: Any) -> None:
    chosen = {"_tuning_objective_metric": "loss", "rate": "0.125", "depth": "8"}
    prepared = prepare(hyperparameters=chosen)
    variables = prepared.command(INPUTS, prefix=f"/trials/{JOB_NAME}")
    done = prepared.run(program, {**variables, "PYTHONPATH": str(prepared.code)})

    assert done.returncode == 0, done.stderr
    assert prepared.outputs("trials/job-7")["seen"] == {
        "files": ["a.csv"],
        "hyperparameters": {"rate": 0.125},
        "depth": 8,
    }


def test_a_hyperparameter_named_like_an_input_is_not_the_input(prepare: Any) -> None:
    prepared = prepare(hyperparameters={"_tuning_objective_metric": "loss", "depth": "5"})
    variables = prepared.command({**INPUTS, "hyperparameters": {"depth": 5}})
    entry = [Path(sys.executable).with_name("flytekit-sagemaker"), "train"]
    done = prepared.run(entry, {**variables, "PYTHONPATH": str(prepared.code)})

    assert done.returncode == 0, done.stderr
    assert prepared.outputs()["seen"]["depth"] == 3


@pytest.mark.parametrize(
    ("hyperparameters", "inputs", "words"),
    [
        ({}, {"depth": -2}, "ValueError: depth -2 is negative"),
        ({"_tuning_objective_metric": "loss", "depth": "deep"}, {}, "depth = 'deep': was chosen by the tuner"),
    ],
)
def test_a_failure_is_on_record_for_sagemaker_and_for_flyte(
    prepare: Any, program: Any, hyperparameters: dict[str, str], inputs: dict[str, Any], words: str
) -> None:
    prepared = prepare(hyperparameters=hyperparameters)
    variables = prepared.command({**INPUTS, **inputs})
    done = prepared.run(program, {**variables, "PYTHONPATH": str(prepared.code)})

    assert done.returncode == 1
    assert words in prepared.tree.contract.failure_file.read_text()[:1024]
    error = errors_pb2.ErrorDocument.FromString((prepared.prefix / "error.pb").read_bytes()).error
    assert words in f"ValueError: {error.message}"
    assert error.kind == errors_pb2.ContainerError.NON_RECOVERABLE
    assert not (prepared.prefix / "outputs.pb").exists()


def test_a_model_directory_that_cannot_be_written_is_told(prepare: Any) -> None:
    prepared = prepare()
    prepared.tree.contract.model_dir.rmdir()
    prepared.tree.contract.model_dir.touch()
    entry = [Path(sys.executable).with_name("flytekit-sagemaker"), "train"]
    done = prepared.run(entry, {**prepared.command(INPUTS), "PYTHONPATH": str(prepared.code)})

    assert done.returncode == 1
    failure = prepared.tree.contract.failure_file.read_text()
    assert f"the model cannot be written to {prepared.tree.contract.model_dir}" in failure.splitlines()[0]
    error = errors_pb2.ErrorDocument.FromString((prepared.prefix / "error.pb").read_bytes()).error
    assert error.kind == errors_pb2.ContainerError.NON_RECOVERABLE
    assert "root" in failure


def test_a_function_that_is_not_in_the_image_is_told(prepare: Any, program: Any) -> None:
    prepared = prepare()
    done = prepared.run(program, prepared.command(INPUTS))

    assert done.returncode == 1
    failure = prepared.tree.contract.failure_file.read_text()
    assert "No module named 'training_code'" in failure.splitlines()[0]
    assert errors_pb2.ErrorDocument.FromString((prepared.prefix / "error.pb").read_bytes()).error.message


def test_code_that_cannot_be_fetched_is_told(prepare: Any) -> None:
    prepared = prepare()
    entry = [Path(sys.executable).with_name("flytekit-sagemaker"), "train"]
    done = prepared.run(entry, prepared.command(INPUTS, prepared.folder / "gone.tar.gz"))

    assert done.returncode == 1
    assert "gone.tar.gz" in prepared.tree.contract.failure_file.read_text()


def test_a_command_of_which_a_piece_is_missing_is_told(prepare: Any) -> None:
    prepared = prepare()
    variables = Command(("pyflyte-execute", "x" * 2000)).variables()
    del variables["FLYTEKIT_SAGEMAKER_COMMAND_01"]
    entry = [Path(sys.executable).with_name("flytekit-sagemaker"), "train"]
    done = prepared.run(entry, variables)

    assert done.returncode == 1
    assert "hold a part of a command" in prepared.tree.contract.failure_file.read_text()
