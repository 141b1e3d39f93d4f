"""For ``pyflyte serve connector --modules flytekit_sagemaker.connector.serving``: the connectors ready before their
first job, and in the log from the start what their settings are and what is wrong with them.

Without it they are imported with their first job, since ``import flytekit`` registers them for everybody.
"""

from __future__ import annotations

from flytekit.extend.backend.base_connector import ConnectorRegistry

from flytekit_sagemaker.connector.lazy import CONNECTORS


def make_ready() -> None:
    """Import and make every connector."""
    for task_type in CONNECTORS:
        assert ConnectorRegistry.get_connector(task_type).connector is not None


make_ready()
