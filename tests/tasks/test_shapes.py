"""Training jobs among the other nodes of workflows: cached, failing, and in a loop that a cluster unrolls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.core import local_cache
from flytekit.core.context_manager import ExecutionState, FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.types.directory import FlyteDirectory

from flytekit_sagemaker.errors import JobFailed

from . import mapped, shapes

pytestmark = pytest.mark.usefixtures("use_sagemaker")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_cache, "CACHE_LOCATION", str(tmp_path / "cache"))
    monkeypatch.setattr(local_cache.LocalTaskCache, "_initialized", False)


@pytest.mark.usefixtures("empty_cache")
def test_a_cached_job_does_not_run_again_in_a_workflow(csv_data: Any) -> None:
    validation = str(csv_data.validation)
    first = shapes.prepared_and_trained(folder=str(csv_data.train), validation=validation)
    assert shapes.prepared_and_trained(folder=str(csv_data.train), validation=validation) == first
    assert shapes.prepared_and_trained(folder=str(csv_data.validation), validation=validation) != first


def test_a_failing_job_fails_its_workflow_with_its_own_words() -> None:
    with pytest.raises(JobFailed, match="-4 has no root"):
        mapped.dynamic_roots(squares=[4, -4])


def test_the_failure_node_of_a_workflow_runs(tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match="-9 has no root"):
        shapes.noted(place=str(tmp_path / "note"), square=-9)
    assert (tmp_path / "note").read_text() == "no root of -9"


def test_a_cluster_unrolls_a_loop_into_jobs() -> None:
    """Inside the container of the dynamic node, calls become nodes that Flyte runs next."""
    context = FlyteContextManager.current_context()
    image = ImageConfig.auto(img_name="123456789012.dkr.ecr.eu-west-1.amazonaws.com/train:1")
    settings = SerializationSettings(image, project="p", domain="d", version="v")
    state = context.execution_state.with_params(mode=ExecutionState.Mode.TASK_EXECUTION)
    folders = [FlyteDirectory("s3://bucket/a"), FlyteDirectory("s3://bucket/b")]
    inputs = {"folders": folders, "validation": "s3://bucket/validation"}
    with FlyteContextManager.with_context(
        context.with_serialization_settings(settings).with_execution_state(state)
    ) as inside:
        literals = TypeEngine.dict_to_literal_map(inside, inputs, shapes.fanned_out.python_interface.inputs)
        made = shapes.fanned_out.dispatch_execute(inside, literals).to_flyte_idl()

    assert [task.type for task in made.tasks] == ["sagemaker_training_job_task", "python-task"]
    given = [{each.var: each.binding for each in node.inputs} for node in made.nodes[:2]]
    assert [each["train"].scalar.blob.uri for each in given] == ["s3://bucket/a", "s3://bucket/b"]
    assert {each["validation"].scalar.blob.uri for each in given} == {"s3://bucket/validation"}
    assert all("stopping_condition" in each for each in given)
