"""What ``import flytekit`` loads through the entry point: registers the connectors, and imports nothing of theirs."""

from __future__ import annotations

import logging


def register() -> None:
    """Register the connectors with flytekit; a failure is logged, since it must not break ``import flytekit``."""
    try:
        from flytekit.extend.backend.base_connector import ConnectorRegistry

        from flytekit_sagemaker.connector.lazy import CONNECTORS, LazyConnector

        for task_type in CONNECTORS:
            ConnectorRegistry.register(LazyConnector(task_type), override=True)
    except Exception:
        logging.getLogger(__name__).exception("the SageMaker connectors could not be registered")


register()
