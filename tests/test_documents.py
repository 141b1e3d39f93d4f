"""Every Python snippet of the README and the guide, and every example, runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flytekit_sagemaker.sandbox import Sandbox

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(?!# )(.*?)```", README, re.S)
LAUNCH = re.findall(r"```python\n# launch.py\n(.*?)```", README, re.S)[0]
# Each begins with the name of its file, by which others import it.
GUIDES = [(ROOT / "docs" / name).read_text() for name in ("custom_training.md", "class_style.md", "sandbox.md")]
GUIDE = dict(found for guide in GUIDES for found in re.findall(r"```python\n# ([^\n]*)\n(.*?)```", guide, re.S))
DOCUMENTS = [path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")) if path.name != "LICENSE"]


@pytest.mark.parametrize("snippet", SNIPPETS[1:], ids=range(1, len(SNIPPETS)))
def test_a_snippet_of_the_readme_runs(snippet: str, tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(snippet)
    done = subprocess.run([sys.executable, "snippet.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("name", GUIDE)
def test_a_snippet_of_the_guide_runs(name: str, tmp_path: Path) -> None:
    for each, snippet in GUIDE.items():
        (tmp_path / each).write_text(snippet)
    done = subprocess.run([sys.executable, name], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_readmes_workflow_runs_from_its_file_the_command_line_and_on_flyte(flyte: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "workflow.py").write_text(SNIPPETS[0])
    (tmp_path / "launch.py").write_text(LAUNCH)
    (tmp_path / "search.yaml").write_text(re.findall(r"```yaml\n(.*?)```", README, re.S)[0])
    command = next(each for each in re.findall(r"```bash\n(.*?)```", README, re.S) if "search.yaml" in each)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    def output_of(line: str) -> str:
        done = subprocess.run(line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert 0.9 < float(output_of("python workflow.py")) <= 1
    assert "best_objective=" in output_of(command)
    launched = output_of("python launch.py")
    assert "/model.tar.gz" in launched
    assert "[6 rows x " in launched
    assert "validation:auc" in (tmp_path / "report.html").read_text()


def test_the_example_runs_from_the_command_line(tmp_path: Path) -> None:
    pyflyte = Path(sys.executable).with_name("pyflyte")
    example = ROOT / "examples" / "xgboost_tuning.py"
    command = [str(pyflyte), "run", str(example), "tune_breast_cancer"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "tuned_auc=" in done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_documents_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target
