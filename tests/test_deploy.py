"""What `deploy/` promises agrees with the code, with AWS's own list of operations, and with itself."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import grpc
import pytest
import yaml
from botocore import xform_name
from flyteidl.admin.agent_pb2 import DeleteTaskRequest
from flyteidl.service.agent_pb2_grpc import AsyncAgentServiceStub

import flytekit_sagemaker
from flytekit_sagemaker import settings
from flytekit_sagemaker.connector.kinds import TRAINING, TUNING, JobKind
from flytekit_sagemaker.connector.lazy import CONNECTORS
from flytekit_sagemaker.requests.names import JobIdentity

from .connector.service import DEADLINE_IN_SECONDS, GRPC_PORT, METRICS_PORT, SERVICE, served

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
POLICIES = sorted(DEPLOY.glob("iam/*.json"))
MANIFESTS = sorted(path for path in DEPLOY.glob("kubernetes/*.yaml") if path.name != "config.yaml")
# Flyte's configuration, by the words that a version of Flyte has for connectors.
ROUTES = {
    "connector-service": ("connector-service.yaml", "connectors", "connectorForTaskTypes"),
    "agent-service": ("agent-service.yaml", "agents", "agentForTaskTypes"),
}
# Actions of IAM that are no operation, and why they are there; the services' authorization references list them.
PERMISSIONS_ONLY = {"iam:PassRole", "s3:ListBucket"}
# Operations that the service asks permission for beside the one that was called, when the request carries tags.
ASKED_FOR_BESIDE = {"sagemaker:AddTags"}


def manifest(kind: str) -> dict[str, Any]:
    return next(each for path in MANIFESTS for each in yaml.safe_load_all(path.read_text()) if each["kind"] == kind)


def actions(policy: Path) -> Iterator[tuple[str, list[str]]]:
    """The actions that a policy allows, each with its resources."""
    for statement in json.loads(policy.read_text())["Statement"]:
        assert statement["Effect"] == "Allow"
        listed, resources = statement["Action"], statement.get("Resource", [])
        for action in [listed] if isinstance(listed, str) else listed:
            yield action, [resources] if isinstance(resources, str) else resources


@cache
def operations(service: str) -> dict[str, str]:
    """The operations of an AWS service by the names of boto3's methods."""
    names = botocore.session.Session().get_service_model(service).operation_names
    return {xform_name(name): name for name in names}


@cache
def calls_of_the_connector() -> set[str]:
    """The actions behind every AWS call that the connector's source names.

    A name is a string constant, or an f-string with what differs between the kinds of jobs.
    """
    package = Path(flytekit_sagemaker.__file__).parent
    sources = [package / "aws.py", package / "placement.py", *package.glob("connector/*.py")]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source.read_text()))]
    constants = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    texts = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    filled = {"".join(_filled(part, kind) for part in text.values) for text in texts for kind in (TRAINING, TUNING)}
    return {
        f"{service}:{name}"
        for service in ("sagemaker", "logs")
        for method, name in operations(service).items()
        if method in constants | filled
    }


def _filled(part: ast.expr, kind: JobKind) -> str:
    if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Attribute):
        return str(getattr(kind, part.value.attr, ""))
    return str(part.value) if isinstance(part, ast.Constant) else ""


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.name)
def test_every_action_of_a_policy_exists(policy: Path) -> None:
    listed = [action for action, _ in actions(policy) if action not in PERMISSIONS_ONLY]
    assert listed
    unknown = [each for each in listed if each.partition(":")[2] not in operations(each.partition(":")[0]).values()]
    assert unknown == []


def test_the_policy_allows_what_the_connector_calls_and_nothing_more() -> None:
    called = calls_of_the_connector()
    assert {"sagemaker:CreateTrainingJob", "sagemaker:StopHyperParameterTuningJob", "logs:GetLogEvents"} <= called
    allowed = {action for action, _ in actions(DEPLOY / "iam" / "connector-policy.json")}
    of_services = {action for action in allowed if action.startswith(("sagemaker:", "logs:"))}
    assert of_services == called | ASKED_FOR_BESIDE


@pytest.mark.parametrize("kind", [TRAINING, TUNING], ids=lambda kind: kind.word)
def test_the_policy_covers_the_names_of_jobs_and_no_other_jobs(kind: Any) -> None:
    config = yaml.safe_load((DEPLOY / "kubernetes" / "config.yaml").read_text())["sagemaker"]
    identity = JobIdentity("p", "d", "f0123456789", "n0")
    name = identity.job_name(kind.name_length, kind.name_prefix(config["job_name_prefix"]))
    resource = kind.noun.replace("_", "-")
    arn = "arn:aws:sagemaker:eu-west-1:111122223333:{}/{}"
    for action, patterns in actions(DEPLOY / "iam" / "connector-policy.json"):
        if action.startswith("sagemaker:") and patterns != ["*"]:
            assert any(fnmatchcase(arn.format(resource, name), pattern) for pattern in patterns), action
            assert not any(fnmatchcase(arn.format(resource, "another-team"), pattern) for pattern in patterns), action


def test_only_operations_without_resources_are_allowed_everywhere() -> None:
    everywhere = {action for action, resources in actions(DEPLOY / "iam" / "connector-policy.json") if "*" in resources}
    assert everywhere == {"sagemaker:ListTrainingJobs", "sagemaker:ListHyperParameterTuningJobs"}


def test_models_elsewhere_are_written_by_jobs_and_only_looked_at_by_the_connector() -> None:
    found = {
        role: {action for action, places in actions(DEPLOY / "iam" / f"{role}-policy.json") if _is_for_models(places)}
        for role in ("connector", "job")
    }
    assert found == {"connector": {"s3:GetObject", "s3:ListBucket"}, "job": {"s3:PutObject", "s3:AbortMultipartUpload"}}


def _is_for_models(resources: list[str]) -> bool:
    return any("MODEL-BUCKET" in resource for resource in resources)


@pytest.mark.parametrize("plugin", ROUTES)
def test_flyte_sends_the_task_types_that_are_served_to_the_service_and_no_others(plugin: str) -> None:
    file, deployments, for_task_types = ROUTES[plugin]
    config = yaml.safe_load((DEPLOY / "flyte" / file).read_text())
    tasks, routes = config["tasks"]["task-plugins"], config["plugins"][plugin]
    assert plugin in tasks["enabled-plugins"]
    assert {name for name, by in tasks["default-for-task-types"].items() if by == plugin} == set(CONNECTORS)
    assert set(routes[for_task_types]) == set(CONNECTORS)
    service = manifest("Service")
    namespace = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["namespace"]
    host = f"{service['metadata']['name']}.{namespace}.svc.cluster.local"
    for deployment in set(routes[for_task_types].values()):
        endpoint = routes[deployments][deployment]["endpoint"]
        assert endpoint == f"dns:///{host}:{service['spec']['ports'][0]['port']}"


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", "selector.matchLabels"),
        ("Service", "selector"),
        ("NetworkPolicy", "podSelector.matchLabels"),
        ("PodDisruptionBudget", "selector.matchLabels"),
        ("PodMonitor", "selector.matchLabels"),
    ],
)
def test_every_manifest_selects_the_pods_of_the_connector_and_no_others(kind: str, path: str) -> None:
    selected = manifest(kind)["spec"]
    for name in path.split("."):
        selected = selected[name]
    assert selected
    assert selected == manifest("Deployment")["spec"]["template"]["metadata"]["labels"]


def test_settings_exist_and_are_legal() -> None:
    config = yaml.safe_load((DEPLOY / "kubernetes" / "config.yaml").read_text())["sagemaker"]
    known = {field.name for field in fields(settings.Settings)}
    assert set(config) <= known
    texts = {name: value for name, value in config.items() if isinstance(value, str)}
    assert list(settings.Settings(**texts).problems()) == []
    container = manifest("Deployment")["spec"]["template"]["spec"]["containers"][0]
    ours = [each["name"] for each in container["env"] if each["name"].startswith(settings.ENVIRONMENT_PREFIX)]
    assert {name.removeprefix(settings.ENVIRONMENT_PREFIX).lower() for name in ours} <= known


def test_the_config_file_is_where_flytekit_looks_for_it() -> None:
    pod = manifest("Deployment")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    environment = {each["name"]: each["value"] for each in container["env"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["configMap"]["name"]: volume["name"] for volume in pod["volumes"] if "configMap" in volume}
    generated = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["configMapGenerator"][0]
    assert environment["FLYTECTL_CONFIG"] == f"{mounts[volumes[generated['name']]]}/{generated['files'][0]}"


def test_ports_agree() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^EXPOSE (.*)$", dockerfile, re.M) == [f"{GRPC_PORT} {METRICS_PORT}"]
    container = manifest("Deployment")["spec"]["template"]["spec"]["containers"][0]
    ports = {each["name"]: str(each["containerPort"]) for each in container["ports"]}
    assert ports == {"grpc": GRPC_PORT, "metrics": METRICS_PORT}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["grpc"] == {"port": int(GRPC_PORT), "service": SERVICE}
    assert manifest("Service")["spec"]["ports"][0]["targetPort"] in ports
    assert manifest("PodMonitor")["spec"]["podMetricsEndpoints"][0]["port"] in ports
    rules = manifest("NetworkPolicy")["spec"]["ingress"]
    assert [str(port["port"]) for rule in rules for port in rule["ports"]] == [GRPC_PORT, METRICS_PORT]


def test_every_manifest_is_applied_but_the_one_that_needs_an_operator() -> None:
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    assert {path.name for path in MANIFESTS} - {"kustomization.yaml", "pod-monitor.yaml"} == set(listed)


def test_pods_meet_the_restricted_pod_security_standard() -> None:
    pod = manifest("Deployment")["spec"]["template"]["spec"]
    container = pod["containers"][0]["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert not container["allowPrivilegeEscalation"]
    user, group = (str(pod["securityContext"][name]) for name in ("runAsUser", "runAsGroup"))
    assert f"\nUSER {user}:{group}\n" in (DEPLOY / "Dockerfile").read_text()


def test_the_role_trusts_the_service_account_of_the_pods() -> None:
    account = manifest("ServiceAccount")["metadata"]
    assert manifest("Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == account["name"]
    namespace = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["namespace"]
    trust = json.loads((DEPLOY / "iam" / "connector-trust.json").read_text())["Statement"][0]
    assert f"system:serviceaccount:{namespace}:{account['name']}" in trust["Condition"]["StringEquals"].values()
    role = account["annotations"]["eks.amazonaws.com/role-arn"]
    other = json.loads((DEPLOY / "iam" / "other-account-trust.json").read_text())["Statement"][0]
    assert other["Principal"]["AWS"] == role


@pytest.mark.xdist_group("serving")
def test_a_call_that_fails_leaves_a_line_in_the_log_of_the_image(tmp_path: Path) -> None:
    with served(tmp_path) as connector:
        request = DeleteTaskRequest(task_type=next(iter(CONNECTORS)), resource_meta=b"of another connector")
        with grpc.insecure_channel(connector.address) as channel:
            stub = AsyncAgentServiceStub(channel)
            with pytest.raises(grpc.RpcError):
                stub.DeleteTask(request, timeout=DEADLINE_IN_SECONDS)
        lines = [json.loads(line) for line in connector.log.read_text().splitlines() if line.startswith("{")]
    assert [line["levelname"] for line in lines if "metadata is not of this connector" in line["message"]] == ["ERROR"]
