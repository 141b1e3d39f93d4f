"""What runs in a container before the user's function does not make it wait for imports."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

from flytekit_sagemaker import container

LIGHT = [
    "checkpoints",
    "contract",
    "distributed",
    "failure",
    "metrics",
    "mpi",
    "programs",
    "script",
    "toolkit_variables",
]


@pytest.mark.parametrize("module", LIGHT)
def test_only_the_standard_library_is_imported(module: str) -> None:
    assert module in {found.name for found in pkgutil.iter_modules(container.__path__)}
    program = f"""
import json, sys
before = set(sys.modules)
import flytekit_sagemaker.container.{module}
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(json.dumps(sorted(loaded - set(sys.stdlib_module_names))))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["flytekit_sagemaker"]
