"""The snippets of the guide to launching run as they stand, against a sandbox."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from flytekit_sagemaker.sandbox import Sandbox

GUIDE = (Path(__file__).parents[2] / "docs" / "launching.md").read_text()


def test_the_snippets_run(tmp_path: Path) -> None:
    printed = {}
    with Sandbox(tmp_path / "sandbox") as sandbox:
        environment = {**os.environ, "FLYTECTL_CONFIG": str(sandbox.config_file)}
        for name, snippet in re.findall(r"```python\n# ([^\n]*)\n(.*?)```", GUIDE, re.S):
            (tmp_path / name).write_text(snippet)
            command = [sys.executable, name]
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            printed[name] = done.stdout
    assert "model.tar.gz" in printed["launch.py"]
    assert "launch.train_xgboost was ended: too many rounds" in printed["come_back.py"]
