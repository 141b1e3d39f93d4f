"""The services by themselves: what they take, what they refuse and in which words."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
import requests
from flyteidl.admin import common_pb2, execution_pb2, task_pb2, version_pb2, workflow_pb2
from flyteidl.admin.signal_pb2 import SignalListRequest
from flyteidl.core import identifier_pb2, tasks_pb2
from flyteidl.core import workflow_pb2 as core_workflow_pb2
from flyteidl.service import (
    admin_pb2_grpc,
    auth_pb2,
    auth_pb2_grpc,
    dataproxy_pb2,
    dataproxy_pb2_grpc,
    identity_pb2,
    identity_pb2_grpc,
    signal_pb2_grpc,
)
from grpc_health.v1 import health_pb2, health_pb2_grpc

from flytekit_sagemaker.sandbox import Sandbox

from .support import DOMAIN, PROJECT, Client, attempts, phase, scripted

pytestmark = pytest.mark.xdist_group("sandbox")


@pytest.fixture(scope="module")
def services(sandbox: Sandbox) -> Iterator[Any]:
    with grpc.insecure_channel(sandbox.endpoint) as channel:
        yield SimpleNamespace(
            admin=admin_pb2_grpc.AdminServiceStub(channel),
            data=dataproxy_pb2_grpc.DataProxyServiceStub(channel),
            login=auth_pb2_grpc.AuthMetadataServiceStub(channel),
            identity=identity_pb2_grpc.IdentityServiceStub(channel),
            signals=signal_pb2_grpc.SignalServiceStub(channel),
            health=health_pb2_grpc.HealthStub(channel),
        )


def task_id(name: str, version: str = "v1", **fields: str) -> Any:
    place = {"project": PROJECT, "domain": DOMAIN, **fields}
    return identifier_pb2.Identifier(resource_type=identifier_pb2.TASK, name=name, version=version, **place)


def registration(name: str, version: str = "v1", kind: str = "sagemaker_training_job_task", **fields: str) -> Any:
    template = tasks_pb2.TaskTemplate(type=kind)
    return task_pb2.TaskCreateRequest(id=task_id(name, version, **fields), spec=task_pb2.TaskSpec(template=template))


def execution_of(identifier: Any, **fields: Any) -> Any:
    spec = execution_pb2.ExecutionSpec(launch_plan=identifier)
    return execution_pb2.ExecutionCreateRequest(**{"project": PROJECT, "domain": DOMAIN, "spec": spec, **fields})


def workflow_of(name: str, *nodes: Any) -> Any:
    identifier = task_id(name)
    identifier.resource_type = identifier_pb2.WORKFLOW
    spec = workflow_pb2.WorkflowSpec(template=core_workflow_pb2.WorkflowTemplate(nodes=nodes))
    return workflow_pb2.WorkflowCreateRequest(id=identifier, spec=spec)


def refusal(call: Any, request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as raised:
        call(request)
    return raised.value.code(), raised.value.details()


def test_a_version_of_a_task_does_not_change(services: Any) -> None:
    services.admin.CreateTask(registration("s.fixed"))
    code, words = refusal(services.admin.CreateTask, registration("s.fixed"))
    assert code == grpc.StatusCode.ALREADY_EXISTS
    assert "s.fixed" in words
    code, words = refusal(services.admin.CreateTask, registration("s.fixed", kind="sensor"))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "another version" in words


def test_every_wrong_part_of_an_identifier_is_named(services: Any) -> None:
    code, words = refusal(services.admin.CreateTask, registration("a b", "1/2", project="../etc"))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    for part in ("'a b'", "'1/2'", "'../etc'"):
        assert part in words
    code, words = refusal(services.admin.CreateExecution, execution_of(task_id("s.none"), name="../X"))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "'../X'" in words


def test_what_there_is_not_is_not_found(services: Any) -> None:
    code, words = refusal(services.admin.CreateExecution, execution_of(task_id("s.nowhere")))
    assert code == grpc.StatusCode.NOT_FOUND
    assert "s.nowhere" in words
    nobody = identifier_pb2.WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name="nobody")
    for call, request in (
        (services.admin.GetExecution, execution_pb2.WorkflowExecutionGetRequest(id=nobody)),
        (services.admin.TerminateExecution, execution_pb2.ExecutionTerminateRequest(id=nobody)),
        (services.admin.GetTask, common_pb2.ObjectGetRequest(id=task_id("s.nowhere"))),
    ):
        code, words = refusal(call, request)
        assert code == grpc.StatusCode.NOT_FOUND
        assert "in this sandbox" in words


def test_what_the_sandbox_cannot_do_is_answered_in_a_sentence(services: Any) -> None:
    services.admin.CreateTask(registration("s.spark", kind="spark"))
    node = core_workflow_pb2.Node
    array = node(id="n0", array_node=core_workflow_pb2.ArrayNode())
    gate = node(id="n0", gate_node=core_workflow_pb2.GateNode())
    nested = node(id="n0", workflow_node=core_workflow_pb2.WorkflowNode(launchplan_ref=task_id("s.plan")))
    for call, request, part in (
        (services.admin.RecoverExecution, execution_pb2.ExecutionRecoverRequest(), "RecoverExecution"),
        (services.admin.CreateExecution, execution_of(task_id("s.spark")), "'spark'"),
        (services.admin.CreateWorkflow, workflow_of("s.map", array), "map task"),
        (services.admin.CreateWorkflow, workflow_of("s.gate", gate), "gate"),
        (services.admin.CreateWorkflow, workflow_of("s.plan", nested), "launch plan"),
        (services.signals.ListSignals, SignalListRequest(), "ListSignals"),
    ):
        code, words = refusal(call, request)
        assert code == grpc.StatusCode.UNIMPLEMENTED
        assert part in words
        assert "use Flyte itself" in words


def test_a_workflow_that_cannot_run_is_refused_with_every_reason(services: Any) -> None:
    def node(name: str, task: str, *upstream: str) -> Any:
        reference = core_workflow_pb2.TaskNode(reference_id=task_id(task))
        return core_workflow_pb2.Node(id=name, upstream_node_ids=upstream, task_node=reference)

    services.admin.CreateTask(registration("s.known"))
    request = workflow_of(
        "s.broken",
        node("a", "s.known", "b"),
        node("b", "s.known", "a"),
        node("c", "s.missing"),
        node("d", "s.known", "z"),
    )
    code, words = refusal(services.admin.CreateWorkflow, request)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "a, b wait for each other" in words
    assert "s.missing" in words
    assert "needs the node z" in words


def test_lists_are_filtered_sorted_and_paged(services: Any) -> None:
    for version in ("v1", "v2", "v3"):
        services.admin.CreateTask(registration("l.many", version))
    services.admin.CreateTask(registration("l.one"))
    name = common_pb2.NamedEntityIdentifier(project=PROJECT, domain=DOMAIN, name="l.many")
    newest_first = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING)

    def versions(**fields: Any) -> tuple[list[str], str]:
        answer = services.admin.ListTasks(common_pb2.ResourceListRequest(id=name, **fields))
        return [task.id.version for task in answer.tasks], answer.token

    assert versions() == (["v1", "v2", "v3"], "")
    first, token = versions(limit=2, sort_by=newest_first)
    assert first == ["v3", "v2"]
    assert versions(limit=2, sort_by=newest_first, token=token) == (["v1"], "")
    assert versions(filters="eq(version,v2)")[0] == ["v2"]
    assert versions(filters="value_in(version,v1;v3)+ne(version,v1)")[0] == ["v3"]
    ids = common_pb2.NamedEntityIdentifierListRequest(project=PROJECT, domain=DOMAIN)
    listed = [entity.name for entity in services.admin.ListTaskIds(ids).entities]
    assert listed == sorted({*listed, "l.many", "l.one"})
    for wrong in ({"filters": "nonsense"}, {"filters": "eq(color,red)"}, {"token": "x"}):
        request = common_pb2.ResourceListRequest(id=name, **wrong)
        assert refusal(services.admin.ListTasks, request)[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_executions_are_listed_by_phase_and_launched_again(services: Any, client: Client) -> None:
    task = scripted("s.again")
    good, bad = client.train(task, write="model/m=1"), client.train(task, exit="3")
    good, bad = client.ended(good), client.ended(bad)
    place = common_pb2.NamedEntityIdentifier(project=PROJECT, domain=DOMAIN)
    request = common_pb2.ResourceListRequest(id=place, filters="eq(phase,FAILED)")
    assert bad.id.name in {each.id.name for each in services.admin.ListExecutions(request).executions}
    assert good.id.name not in {each.id.name for each in services.admin.ListExecutions(request).executions}

    identifier = identifier_pb2.WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name=good.id.name)
    again = services.admin.RelaunchExecution(execution_pb2.ExecutionRelaunchRequest(id=identifier)).id.name
    execution = client.ended(client.fetched(again))
    assert phase(execution) == "SUCCEEDED"
    assert execution.outputs["training_job_name"] != good.outputs["training_job_name"]
    code, words = refusal(services.admin.TerminateExecution, execution_pb2.ExecutionTerminateRequest(id=identifier))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "ended already" in words
    code, words = refusal(services.admin.CreateExecution, execution_of(task_id("s.again"), name=good.id.name))
    assert code == grpc.StatusCode.ALREADY_EXISTS


def test_the_report_is_linked_and_downloaded(services: Any, client: Client) -> None:

    execution = client.ended(client.train(scripted("s.report"), write="model/m=1"))
    (attempt,) = attempts(execution)
    node = attempt.id.node_execution_id.to_flyte_idl()
    links = services.data.CreateDownloadLink(
        dataproxy_pb2.CreateDownloadLinkRequest(artifact_type=dataproxy_pb2.ARTIFACT_TYPE_DECK, node_execution_id=node)
    ).pre_signed_urls.signed_url
    assert "<html" in requests.get(links[0]).text
    uri = f"flyte://v1/{PROJECT}/{DOMAIN}/{execution.id.name}/{node.node_id}/o/training_job_name"
    literal = services.data.GetData(dataproxy_pb2.GetDataRequest(flyte_url=uri)).literal
    assert literal.scalar.primitive.string_value == execution.outputs["training_job_name"]


def test_it_tells_about_itself(services: Any) -> None:
    version = services.admin.GetVersion(version_pb2.GetVersionRequest()).control_plane_version
    assert version.Build == "flytekit-sagemaker sandbox"
    assert services.health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
    assert services.identity.UserInfo(identity_pb2.UserInfoRequest()).name
    assert not services.login.GetPublicClientConfig(auth_pb2.PublicClientAuthConfigRequest()).client_id
