"""Workflows as classes in Flyte: serialized, from the command line, in scripts and notebooks, with SageMaker tasks."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from flytekit import CronSchedule
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.core.launch_plan import LaunchPlan
from flytekit.tools.translator import get_serializable

from flytekit_sagemaker.local.server import LocalSageMaker
from flytekit_sagemaker.sdk.workflow import workflow_class

from . import workflows
from .workflows import Arithmetic, Trained, add, train_xgboost

SETTINGS = SerializationSettings(
    project="p", domain="d", version="v", image_config=ImageConfig.auto(img_name="example.com/image:1")
)
PYFLYTE = str(Path(sys.executable).with_name("pyflyte"))


def serialized(entity: Any) -> Any:
    return get_serializable(OrderedDict(), SETTINGS, entity)


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_our_tasks_run_in_a_class(use_sagemaker: LocalSageMaker, csv_data: Any) -> None:
    # The job of the function imports its module, which has this class, and another task is called in the body of that.
    result = Trained(folder=str(csv_data.train), validation=str(csv_data.validation))
    assert result.size > 0
    assert result.half_size == result.size / 2
    assert 0 < result.metrics["validation:logloss"] < 1


def test_constants_of_our_tasks_are_in_the_serialized_workflow() -> None:
    @workflow_class
    class Constants:
        trained = train_xgboost(
            train="s3://bucket/train",
            validation="s3://bucket/validation",
            static_hyperparameters={"num_round": 2},
            stopping_condition={"max_runtime_in_seconds": 60},
        )

    (node,) = serialized(Constants).template.nodes
    bound = {each.var: each.binding.scalar for each in node.inputs}
    assert bound["train"].blob.uri == "s3://bucket/train"
    assert int(bound["stopping_condition"].generic["maxRuntimeInSeconds"]) == 60


def test_a_serialized_workflow_says_what_the_class_says() -> None:
    template = serialized(Trained).template
    assert [node.id for node in template.nodes] == ["found", "trained", "weighed", "halved"]
    assert [node.metadata.name for node in template.nodes] == ["found", "trained", "weighed", "halved"]
    assert template.nodes[1].metadata.retries.retries == 2
    assert template.nodes[1].upstream_node_ids == ["found"]
    assert template.metadata.on_failure == 1
    assert [each.var for each in template.outputs] == ["size", "half_size", "metrics"]
    assert list(template.interface.inputs) == ["folder", "validation", "parameters"]


def test_the_default_launch_plan_has_defaults_and_descriptions() -> None:
    plan = serialized(LaunchPlan.get_or_create(Arithmetic))
    parameters = plan.spec.default_inputs.parameters
    assert parameters["b"].required
    assert parameters["b"].var.description == "where it begins"
    assert parameters["a"].default.scalar.primitive.integer == 0
    assert parameters["unused"].default.scalar.none_type is not None
    assert Arithmetic.docs.long_description.value == "None of them is new."
    assert Arithmetic.interface.outputs["total"].description == "all of it"


def test_a_launch_plan_has_what_it_was_created_with() -> None:
    plan = Arithmetic.create_launch_plan(
        default_inputs={"a": 4},
        fixed_inputs={"b": 1},
        schedule=CronSchedule(schedule="0 3 * * *"),
        role="arn:aws:iam::123456789012:role/Training",
        labels={"team": "a"},
        annotations={"note": "b"},
        name="nightly",
    )
    spec = serialized(plan).spec
    assert spec.default_inputs.parameters["a"].default.scalar.primitive.integer == 4
    assert list(spec.fixed_inputs.literals) == ["b"]
    assert spec.entity_metadata.schedule.cron_schedule.schedule == "0 3 * * *"
    assert spec.labels.values == {"team": "a"}
    assert spec.annotations.values == {"note": "b"}
    assert spec.security_context.run_as.iam_role.endswith("role/Training")
    assert serialized(workflows.NIGHTLY).id.name == "tests.sdk.workflows.NIGHTLY"


def test_a_class_is_registered_with_all_that_it_contains() -> None:
    @workflow_class
    class Outer:
        inner = Arithmetic(b=1)
        plan = workflows.NIGHTLY()
        last = add(a=inner.outputs.total)

    entities: OrderedDict[Any, Any] = OrderedDict()
    get_serializable(entities, SETTINGS, Outer)
    assert {Outer.name, Arithmetic.name, add.name, workflows.NIGHTLY.name} <= {each.name for each in entities}


SCRIPT = """
    from flytekit import task
    from flytekit_sagemaker.sdk.types import Types
    from flytekit_sagemaker.sdk.workflow import Input, Output, workflow_class

    @task
    def scale(x: float, by: float = 2.0) -> float:
        return x * by

    @workflow_class
    class Scaled:
        '''Makes a number larger.'''

        x = Input(Types.Float, help="the number")
        by = Input(Types.Float, default=3)
        options = Input(Types.Generic, required=False)
        scaled = scale(x=x, by=by)
        result = Output(scaled)

    EVERY_HOUR = Scaled.create_launch_plan(fixed_inputs={"x": 1})

    if __name__ == "__main__":
        print(Scaled.name, Scaled(x=1).result, EVERY_HOUR.name)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    return tmp_path


def test_the_command_line_runs_a_class_and_explains_it(folder: Path) -> None:
    assert "result=7.5" in run(PYFLYTE, "run", "script.py", "Scaled", "--x", "2.5", cwd=folder)
    told = run(PYFLYTE, "run", "script.py", "Scaled", "--help", cwd=folder)
    for words in ("Makes a number larger.", "the number", "[default: 3.0]", "--options"):
        assert words in told


def test_a_script_packages_under_its_own_names(folder: Path) -> None:
    assert run(sys.executable, "script.py", cwd=folder).split() == ["script.Scaled", "3.0", "script.EVERY_HOUR"]
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").touch()
    (folder / "script.py").rename(folder / "pkg" / "script.py")
    run(PYFLYTE, "--pkgs", "pkg", "package", "--image", "example.com/image:1", cwd=folder)
    listed = run("tar", "-tzf", "flyte-package.tgz", cwd=folder)
    for entity in ("pkg.script.scale_1", "pkg.script.Scaled_2", "pkg.script.Scaled_3", "pkg.script.EVERY_HOUR_3"):
        assert entity in listed


def test_a_cell_of_a_notebook_may_be_executed_again(tmp_path: Path) -> None:
    broken = """
        @workflow_class
        class Broken:
            n = scale(y=1)
    """
    code = f"""
from textwrap import dedent
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in {[SCRIPT, SCRIPT, broken]!r}:
    result = shell.run_cell(dedent(cell))
print(result.error_in_exec)
"""
    told = run(sys.executable, "-c", code, cwd=tmp_path)
    assert told.count("Scaled 3.0 EVERY_HOUR") == 2
    assert "n.y is not an input of scale. Did you mean 'by'? (line 3 of the cell)" in told
