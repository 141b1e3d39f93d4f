"""``import flytekit`` loads this package for everybody who installed it: it registers connectors, nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

HEAVY = [
    "boto3",
    "botocore",
    "optuna",
    "xgboost",
    "pandas",
    "sklearn",
    "scipy",
    "numpy",
    "pyarrow",
    "prometheus_client",
]


def in_a_fresh_process(program: str) -> Any:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# flytekit puts lazy stand-ins, of another type, under the names of libraries that it loads on first use.
LOADED = f"""
import json, sys
loaded = [name for name in {HEAVY} if type(sys.modules.get(name)).__name__ == "module"]
"""


@pytest.mark.parametrize(
    "statement", ["import flytekit", "import flytekit_sagemaker", "from flytekit_sagemaker import *"]
)
def test_nothing_heavy_is_imported(statement: str) -> None:
    assert in_a_fresh_process(f"{statement}\n{LOADED}\nprint(json.dumps(loaded))") == []


def test_a_heavy_library_would_be_noticed() -> None:
    assert in_a_fresh_process(f"import boto3\n{LOADED}\nprint(json.dumps(loaded))") == ["boto3", "botocore"]


def test_import_flytekit_registers_the_connectors() -> None:
    program = """
import flytekit, json
from flytekit.extend.backend.base_connector import ConnectorRegistry
types = [kind for connector in ConnectorRegistry.list_connectors() for kind in connector.supported_task_types]
print(json.dumps(types))
"""
    assert {"sagemaker_training_job_task", "sagemaker_hyperparameter_tuning_job_task"} <= set(
        in_a_fresh_process(program)
    )


def test_a_broken_connector_does_not_break_import_flytekit() -> None:
    program = """
import sys
sys.modules["flytekit_sagemaker.connector.lazy"] = None
import flytekit, json
print(json.dumps(flytekit.task.__name__))
"""
    assert in_a_fresh_process(program) == "task"


def test_importing_the_package_alone_does_not_import_flytekit() -> None:
    program = "import flytekit_sagemaker, json, sys\nprint(json.dumps('flytekit' in sys.modules))"
    assert in_a_fresh_process(program) is False
