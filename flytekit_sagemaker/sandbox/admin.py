"""``AdminService`` as the sandbox answers it: registration, executions, and a little about itself."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from flyteidl.admin import project_pb2, version_pb2
from flyteidl.service import auth_pb2, identity_pb2
from grpc_health.v1 import health_pb2

from flytekit_sagemaker.sandbox.engine import PRINCIPAL
from flytekit_sagemaker.sandbox.executions import Executions
from flytekit_sagemaker.sandbox.refusals import not_here
from flytekit_sagemaker.sandbox.registry import Registry
from flytekit_sagemaker.sandbox.store import Store

DOMAINS = ("development", "staging", "production")


class Admin:
    """Every RPC of the service that the sandbox has, as an attribute of its name."""

    def __init__(self, store: Store, registry: Registry, executions: Executions) -> None:
        self._store, self._parts = store, (registry, executions)

    def __getattr__(self, name: str) -> Any:
        for part in self._parts:
            if name[:1].isupper() and hasattr(part, name):
                return getattr(part, name)
        raise AttributeError(name)

    def GetVersion(self, _: Any) -> Any:
        own = version_pb2.Version(Build="flytekit-sagemaker sandbox", Version=version("flytekit-sagemaker"))
        return version_pb2.GetVersionResponse(control_plane_version=own)

    def ListProjects(self, request: Any) -> Any:
        domains = {domain for _, domain in self._store.projects()} | set(DOMAINS)
        projects = sorted({project for project, _ in self._store.projects()} | {"flytesnacks"})
        return project_pb2.Projects(projects=[_project(name, sorted(domains)) for name in projects])

    def GetProject(self, request: Any) -> Any:
        return _project(request.id, sorted({domain for _, domain in self._store.projects()} | set(DOMAINS)))

    def GetDomains(self, _: Any) -> Any:
        return project_pb2.GetDomainsResponse(domains=[project_pb2.Domain(id=each, name=each) for each in DOMAINS])

    def RegisterProject(self, _: Any) -> Any:
        raise not_here("A register of projects, since every project and domain is there without it,")


class AuthMetadata:
    """``AuthMetadataService``: there is no login."""

    def GetPublicClientConfig(self, _: Any) -> Any:
        return auth_pb2.PublicClientAuthConfigResponse()

    def GetOAuth2Metadata(self, _: Any) -> Any:
        raise not_here("A login")


class Identity:
    """``IdentityService``: everybody is the owner of the machine."""

    def UserInfo(self, _: Any) -> Any:
        return identity_pb2.UserInfoResponse(subject=PRINCIPAL, name=PRINCIPAL)


class Health:
    """gRPC's own health service, for probes."""

    def Check(self, _: Any) -> Any:
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)


def _project(name: str, domains: list[str]) -> Any:
    return project_pb2.Project(id=name, name=name, domains=[project_pb2.Domain(id=each, name=each) for each in domains])
