"""flytekit's own commands against the sandbox, as processes: workflows, ordinary tasks, our tasks, data."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.catalog_pb2 import CatalogCacheStatus
from flyteidl.core.execution_pb2 import NodeExecution, TaskExecution
from flytekit.exceptions.user import FlyteInvalidInputException

from flytekit_sagemaker.sandbox import Sandbox

from .process import gone, pyflyte
from .support import DOMAIN, HOUR, PROJECT, Client, attempts, phase, remote_for

pytestmark = pytest.mark.xdist_group("sandbox")

HERE = Path(__file__).parent
PLACE = ("-p", PROJECT, "-d", DOMAIN)
WAIT = ("--wait", "--poll-interval", "1")
VERSION = "v1"


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a user's."""
    folder = tmp_path_factory.mktemp("code")
    for name in ("flows.py", "jobs.py"):
        shutil.copy(HERE / name, folder)
    return folder


@pytest.fixture(scope="module")
def registered(sandbox: Sandbox, code: Path) -> Client:
    """Everything of the folder, registered."""
    said = pyflyte(sandbox.config_file, code, "register", *PLACE, "--version", VERSION, "flows.py", "jobs.py")
    assert "Successfully registered" in said
    return Client(remote_for(sandbox))


def execute(client: Client, name: str, **inputs: Any) -> Any:
    launch_plan = client.remote.fetch_launch_plan(name=name, version=VERSION)
    return client.remote.execute(launch_plan, inputs=inputs, project=PROJECT, domain=DOMAIN)


def execution_name(said: str) -> str:
    return re.findall(r"executions/(\w+)", said)[0]


def test_a_task_of_ours_runs_from_its_file(sandbox: Sandbox, code: Path) -> None:
    said = pyflyte(
        sandbox.config_file,
        code,
        "run",
        "--remote",
        "--wait",
        "--poll-interval",
        "1",
        *PLACE,
        "jobs.py",
        "fit",
        "--depth",
        "3",
    )
    execution = Client(remote_for(sandbox)).fetched(execution_name(said))
    assert phase(execution) == "SUCCEEDED", execution.error
    assert execution.outputs["o0"] == pytest.approx(0.3)


def test_a_registered_task_runs_and_its_data_is_fetched(registered: Client, sandbox: Sandbox, code: Path) -> None:
    said = pyflyte(
        sandbox.config_file,
        code,
        "run",
        *PLACE,
        "--wait",
        "--poll-interval",
        "1",
        "remote-task",
        "flows.double",
        "--number",
        "4",
    )
    execution = registered.fetched(execution_name(said))
    assert execution.outputs["o0"] == 8
    (node,) = execution.node_executions
    uri = f"flyte://v1/{PROJECT}/{DOMAIN}/{execution.id.name}/{node}/o"
    assert re.search(r"o0\W+8", pyflyte(sandbox.config_file, code, "fetch", uri))
    listed = pyflyte(sandbox.config_file, code, "get", "launchplan", *PLACE)
    assert "flows.adding" in listed


def test_a_workflow_runs_its_nodes_and_sub_workflows(registered: Client) -> None:
    execution = registered.ended(execute(registered, "flows.adding"))
    assert phase(execution) == "SUCCEEDED", execution.error
    assert execution.outputs["o0"] == 6 + 12 + 1 + 6
    inner = execution.node_executions["n1"]
    assert inner.outputs == {"o0": 12}
    assert [len(each.task_executions) for each in inner.subworkflow_node_executions.values()] == [1, 1]


@pytest.mark.parametrize(("number", "gives"), [(11, 22), (2, 8)])
def test_a_branch_runs_what_its_conditions_choose(registered: Client, number: int, gives: int) -> None:
    execution = registered.ended(execute(registered, "flows.choosing", number=number))
    assert phase(execution) == "SUCCEEDED", execution.error
    assert execution.outputs["o0"] == gives


@pytest.mark.parametrize(("number", "gives"), [(6, 96), (3, 12)])
def test_a_branch_waits_for_what_it_compares_and_for_what_its_arms_need(
    registered: Client, number: int, gives: int
) -> None:
    execution = registered.ended(execute(registered, "flows.choosing_by_result", number=number))
    assert phase(execution) == "SUCCEEDED", execution.error
    assert execution.outputs["o0"] == gives


def test_a_failure_ends_what_runs_beside_it(registered: Client, signal_file: Path) -> None:
    execution = registered.ended(execute(registered, "flows.failing", marker=str(signal_file)))
    assert phase(execution) == "FAILED"
    assert "it is broken" in execution.error.message
    phases = {name: node.closure.phase for name, node in execution.node_executions.items()}
    assert sorted(phases.values()) == [NodeExecution.FAILED, NodeExecution.ABORTED]
    gone([int(signal_file.with_name("go.waiting").read_text())])


def test_a_recoverable_failure_is_tried_again(registered: Client, tmp_path: Path) -> None:
    execution = registered.ended(execute(registered, "flows.lucky", marker=str(tmp_path / "marker")))
    assert execution.outputs["o0"] == "lucky"
    (node,) = execution.node_executions.values()
    phases = [attempt.closure.phase for attempt in node.task_executions]
    assert phases == [TaskExecution.FAILED, TaskExecution.SUCCEEDED]


def test_an_attempt_that_takes_too_long_is_ended(registered: Client) -> None:
    task = registered.remote.fetch_task(name="flows.too_long", version=VERSION)
    execution = registered.ended(registered.remote.execute(task, inputs={}))
    assert phase(execution) == "FAILED"
    assert "longer than the 0.5 s" in execution.error.message
    assert len(attempts(execution)) == 2


def test_parts_of_outputs_are_inputs(registered: Client) -> None:
    execution = registered.ended(execute(registered, "flows.parts"))
    assert phase(execution) == "SUCCEEDED", execution.error
    assert [execution.outputs[name] for name in ("o0", "o1", "o2")] == [8, 10, 5]


def test_what_a_launch_plan_fixes_cannot_be_given(registered: Client) -> None:
    execution = registered.ended(execute(registered, "flows.adding_five"))
    assert execution.outputs["o0"] == 10 + 20 + 1 + 10
    with pytest.raises(FlyteInvalidInputException) as raised:
        execute(registered, "flows.adding_five", number=6)
    assert "no input 'number'" in raised.value.__cause__.details()


def test_a_serialized_cache_computes_once_and_anew_when_asked(registered: Client, tmp_path: Path) -> None:
    task = registered.remote.fetch_task(name="flows.note", version=VERSION)
    path = tmp_path / "computed"

    def launch(**options: Any) -> Any:
        return registered.remote.execute(task, inputs={"path": str(path)}, **options)

    for execution in [launch() for _ in range(3)]:
        assert registered.ended(execution).outputs["o0"] == 1
    assert path.read_text().split() == ["computed"]
    registered.ended(launch(overwrite_cache=True))
    assert path.read_text().split() == ["computed"] * 2


def test_a_dynamic_workflow_is_refused_in_a_sentence(registered: Client) -> None:
    execution = registered.ended(execute(registered, "flows.with_dynamic", number=2))
    assert phase(execution) == "FAILED"
    assert "flows.many is a dynamic workflow, which this sandbox does not run" in execution.error.message


def test_a_workflow_takes_over_what_a_task_alone_has_computed(registered: Client) -> None:
    task = registered.remote.fetch_task(name="jobs.fit_once", version=VERSION)
    alone = registered.ended(registered.remote.execute(task, inputs={"depth": 5, "stopping_condition": HOUR}))
    assert phase(alone) == "SUCCEEDED", alone.error
    within = registered.ended(execute(registered, "jobs.fitting", depth=5, limit=HOUR))
    assert phase(within) == "SUCCEEDED", within.error
    node = within.node_executions["n0"]
    assert node.closure.task_node_metadata.cache_status == CatalogCacheStatus.CACHE_HIT
    assert node.task_executions == []
    assert within.outputs["o0"] == pytest.approx(0.5)
