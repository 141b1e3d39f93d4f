"""Run notebooks from top to bottom, each in a fresh kernel, against a sandbox of their own, and keep what they show.

python notebooks/run.py                 # every notebook beside this file
python notebooks/run.py A.ipynb ...
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import nbclient
import nbformat

from flytekit_sagemaker.sandbox import Sandbox

HERE = Path(__file__).resolve().parent
# What the addresses of the sandbox of a run become, so that a notebook reads as with `flytekit-sagemaker sandbox`.
ROOT, CONSOLE, SAGEMAKER = "/tmp/flyte-sandbox", "http://127.0.0.1:8090", "http://127.0.0.1:8091"


def run(path: Path, flyte_config: Path) -> nbformat.NotebookNode:
    """The notebook with what its cells show when they run one after the other in a fresh kernel.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails that has no tag ``raises-exception``.
    """
    notebook = nbformat.read(path, as_version=4)
    os.environ["FLYTECTL_CONFIG"] = str(flyte_config)
    # In a folder of its own, which knows nothing of this checkout.
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            notebook,
            timeout=300,
            record_timing=False,
            resources={"metadata": {"path": folder}},
            extra_arguments=["--log-level=ERROR"],  # a kernel that listens on TCP says so in a warning
        )
        client.execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def written(notebook: nbformat.NotebookNode, replaced: Mapping[str, str]) -> str:
    """The notebook as text, some addresses replaced by others."""
    text = str(nbformat.writes(notebook))
    for address, other in replaced.items():
        text = text.replace(address, other)
    return text + "\n"


def main(paths: Iterable[Path]) -> None:
    """Run notebooks in place."""
    with tempfile.TemporaryDirectory() as root, Sandbox(root) as sandbox:
        replaced = {str(sandbox.root): ROOT, sandbox.console_url: CONSOLE, sandbox.sagemaker_url: SAGEMAKER}
        for path in paths:
            begin = time.monotonic()
            notebook = run(path, sandbox.config_file)
            path.write_text(written(notebook, replaced), encoding="utf-8")
            print(f"{path.name}: {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or sorted(HERE.glob("*.ipynb")))
