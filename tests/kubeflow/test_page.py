"""The commands and programs of the page, as a reader would run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from flytekit_sagemaker.local.server import LocalSageMaker

from .test_contract import PAGE

SNIPPETS = dict(re.findall(r"```python\n# ([^\n]*)\n(.*?)```", PAGE.read_text(), re.DOTALL))
COMMANDS = re.findall(r"```bash\n([^`]*python -m .*?)```", PAGE.read_text(), re.DOTALL)


def test_the_commands_of_the_page_run(own_sagemaker: LocalSageMaker, tmp_path: Path) -> None:
    for name, snippet in SNIPPETS.items():
        (tmp_path / name).write_text(snippet)
    tune, component = COMMANDS
    script = "\n".join(
        (
            "set -e",
            tune.replace("http://127.0.0.1:8642", own_sagemaker.url),
            "python pipeline.py > compiled",
            component,
        )
    )
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "outputs" / "best").read_text()).items() >= {"k": "10", "feature_dim": "64"}.items()
    assert (tmp_path / "outputs" / "job").read_text() in done.stdout
    executors = yaml.safe_load((tmp_path / "tune_k_means.yaml").read_text())["deploymentSpec"]["executors"]
    written = yaml.safe_load((tmp_path / "component.yaml").read_text())
    image = written["implementation"]["container"]["image"]
    assert image.endswith("amazonaws.com/flytekit-sagemaker-connector:0.1.0")
    assert [each["container"]["image"] for each in executors.values()] == [image]
