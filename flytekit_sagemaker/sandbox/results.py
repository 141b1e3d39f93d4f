"""Results of tasks that later executions take over: Flyte's cache."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from flyteidl.admin import node_execution_pb2
from flyteidl.core import catalog_pb2, identifier_pb2
from flyteidl.core.catalog_pb2 import CatalogCacheStatus

from flytekit_sagemaker.sandbox.literals import fingerprint

_OVERRIDES = ("cacheable", "cache_version", "cache_serializable")


@dataclass(frozen=True)
class Caching:
    """Whether, and under which version, results of a task are taken over."""

    wanted: bool
    version: str
    serialized: bool

    @classmethod
    def of(cls, template: Any, node: Any) -> Caching:
        """What a task says, and the ``NodeMetadata`` of the node that runs it, which has the last word."""
        task = template.metadata
        said = {name: getattr(node, name) for name in _OVERRIDES if node.WhichOneof(f"{name}_value") is not None}
        return cls(
            wanted=said.get("cacheable", task.discoverable),
            version=said.get("cache_version", task.discovery_version),
            serialized=said.get("cache_serializable", task.cache_serializable),
        )


def result_key(template: Any, version: str, inputs: Any) -> bytes:
    """What two runs have in common of which the second may take over the result of the first."""
    task = template.id
    digest = hashlib.sha256()
    for part in (task.project, task.domain, task.name, version):
        digest.update(f"{len(part)}:{part}".encode())
    digest.update(template.interface.SerializeToString(deterministic=True))
    digest.update(fingerprint(inputs, template.metadata.cache_ignore_input_vars))
    return digest.digest()


def told(status: int, template: Any, version: str = "", key: bytes = b"", source: Any = None) -> Any:
    """What a node says about its result, as ``TaskNodeMetadata``."""
    metadata = node_execution_pb2.TaskNodeMetadata(cache_status=status)
    if status != CatalogCacheStatus.CACHE_DISABLED:
        task = template.id
        metadata.catalog_key.CopyFrom(
            catalog_pb2.CatalogMetadata(
                dataset_id=identifier_pb2.Identifier(
                    resource_type=identifier_pb2.DATASET,
                    project=task.project,
                    domain=task.domain,
                    name=f"flyte_task-{task.name}",
                    version=version,
                ),
                artifact_tag=catalog_pb2.CatalogArtifactTag(artifact_id=key.hex(), name=f"flyte_cached-{key.hex()}"),
                source_task_execution=source,
            )
        )
    return metadata
