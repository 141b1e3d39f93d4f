"""Single tasks through flytekit's own client: registered, launched, followed, ended."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from flyteidl.core.catalog_pb2 import CatalogCacheStatus
from flyteidl.core.execution_pb2 import TaskExecution
from flytekit.exceptions.user import FlyteInvalidInputException

from flytekit_sagemaker.remote import fetch_execution
from flytekit_sagemaker.sandbox import Sandbox
from tests.local.support import eventually

from .support import PROJECT, Client, attempts, phase, scripted, settings

pytestmark = pytest.mark.xdist_group("sandbox")


def test_a_task_runs_and_gives_its_outputs(client: Client, sandbox: Sandbox) -> None:
    execution = client.ended(client.train(scripted("m.plain"), print="hello", write="model/m=1"))
    assert phase(execution) == "SUCCEEDED", execution.error
    assert Path(execution.outputs["model"].path).exists()
    job = execution.outputs["training_job_name"]
    assert execution.id.name in job
    (attempt,) = attempts(execution)
    assert attempt.closure.phase == TaskExecution.SUCCEEDED
    (node,) = execution.node_executions.values()
    assert "<html" in Path(node.closure.deck_uri.removeprefix("file://")).read_text().lower()


def test_the_second_launch_with_the_same_inputs_runs_nothing(client: Client, sandbox: Sandbox) -> None:
    task = scripted("m.cached", cacheable=True, cache_version="1")
    first, second = (client.ended(client.train(task, write="model/m=1")) for _ in range(2))
    assert second.outputs["training_job_name"] == first.outputs["training_job_name"]
    assert attempts(second) == []
    (node,) = second.node_executions.values()
    assert node.closure.task_node_metadata.cache_status == CatalogCacheStatus.CACHE_HIT
    other = client.ended(client.train(task, write="model/m=2"))
    assert other.outputs["training_job_name"] != first.outputs["training_job_name"]


def test_a_failure_says_why(client: Client) -> None:
    execution = client.ended(client.train(scripted("m.failing", retries=2), print="it is too cold", exit="3"))
    assert phase(execution) == "FAILED"
    assert "it is too cold" in execution.error.message
    assert "Traceback" not in execution.error.message
    assert len(attempts(execution)) == 1  # the user has to change something


def test_an_execution_is_ended_with_its_job(client: Client, sandbox: Sandbox, signal_file: Path) -> None:
    execution = client.train(scripted("m.endless"), wait_for=str(signal_file))
    eventually(lambda: list(signal_file.parent.iterdir()), bool)
    client.remote.terminate(execution, "enough")
    ended = client.ended(execution)
    assert phase(ended) == "ABORTED"
    assert ended.closure.abort_metadata.cause == "enough"


def test_the_log_of_a_running_job_is_linked(client: Client, sandbox: Sandbox, signal_file: Path) -> None:
    task = scripted("m.linked")
    execution = client.train(task, wait_for=str(signal_file), print="it is warm", write="model/m=1")
    handle = fetch_execution(str(client.remote.generate_console_url(execution)), remote=client.remote)
    url = eventually(lambda: handle.sync().links.get("Local SageMaker's log", ""), bool)
    assert url.startswith(sandbox.console_url)
    eventually(lambda: requests.get(url).text, lambda page: "it is warm" in page)
    signal_file.touch()
    ended = client.ended(execution)
    (attempt,) = attempts(ended)
    assert [log.uri for log in attempt.closure.logs] == [url]
    assert requests.get(client.remote.generate_console_url(ended)).text.count(f'href="{url}"') == 1


def test_wrong_inputs_are_told_all_at_once(client: Client) -> None:
    task = scripted("m.inputs")
    fetched = client.remote.register_task(task, settings("v1"), "v1")
    with pytest.raises(FlyteInvalidInputException) as raised:
        client.remote.client.create_execution(
            PROJECT, "development", "wrong", _spec(fetched.id), _literals(client, {"depth": 3, "stopping_condition": 4})
        )
    details = raised.value.__cause__.details()
    for word in ("'depth'", "'static_hyperparameters'", "'stopping_condition'"):
        assert word in details, details


def _spec(identifier: object) -> object:
    from flytekit.models.execution import ExecutionMetadata, ExecutionSpec

    return ExecutionSpec(identifier, ExecutionMetadata(ExecutionMetadata.ExecutionMode.MANUAL, "me", 0))


def _literals(client: Client, values: dict[str, int]) -> object:
    from flytekit.core.context_manager import FlyteContextManager
    from flytekit.core.type_engine import TypeEngine

    context = FlyteContextManager.current_context()
    return TypeEngine.dict_to_literal_map(context, values, dict.fromkeys(values, int))
