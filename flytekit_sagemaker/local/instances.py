"""The instances of a training job: how many there are, and in which groups.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any


def instance_count(resource_config: Mapping[str, Any]) -> int:
    """How many instances a ``ResourceConfig`` has: those of its first preference, or of all its groups together."""
    wanted = {**resource_config, **_first_preference(resource_config)}
    groups = resource_config.get("InstanceGroups", ())
    return int(wanted.get("InstanceCount", 0)) or sum(each["InstanceCount"] for each in groups)


def selected(resource_config: Mapping[str, Any]) -> dict[str, Any]:
    """Which of the preferred instances a training job gets: the first, which are to be had here as well as others."""
    preferred = _first_preference(resource_config)
    if not preferred:
        return {}
    count = instance_count(resource_config)
    return {"SelectedInstanceType": preferred["InstanceType"], "SelectedInstanceCount": count}


def instance_groups(resource_config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The instance groups of a ``ResourceConfig`` with their hosts, as resourceconfig.json has them.

    A job without groups is one group of the name that SageMaker gives it.
    """
    alike = {
        "InstanceGroupName": "homogeneousCluster",
        "InstanceType": resource_config.get("InstanceType") or resource_config.get("SelectedInstanceType", "local"),
        "InstanceCount": instance_count(resource_config),
    }
    hosts = (f"algo-{number}" for number in itertools.count(1))
    return [
        {
            "instance_group_name": group["InstanceGroupName"],
            "instance_type": group["InstanceType"],
            "hosts": sorted(itertools.islice(hosts, group["InstanceCount"])),
        }
        for group in resource_config.get("InstanceGroups") or [alike]
    ]


def _first_preference(resource_config: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(iter(resource_config.get("InstancePreferences", ())), {})
