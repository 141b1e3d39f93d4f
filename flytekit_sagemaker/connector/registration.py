"""What ``import flytekit`` loads through the entry point: registers stand-ins, and imports no more than those."""

from __future__ import annotations

import logging


def register() -> None:
    """Register connectors and models with flytekit; a failure is logged: it must not break ``import flytekit``."""
    try:
        from flytekit.core.type_engine import TypeEngine
        from flytekit.extend.backend.base_connector import ConnectorRegistry

        from flytekit_sagemaker.connector.lazy import CONNECTORS, LazyConnector, LazyModel, LazyModelTransformer

        for task_type in CONNECTORS:
            ConnectorRegistry.register(LazyConnector(task_type), override=True)
        if LazyModel not in TypeEngine._REGISTRY:
            TypeEngine.register(LazyModelTransformer())
    except Exception:
        logging.getLogger(__name__).exception("the SageMaker connectors could not be registered")


register()
