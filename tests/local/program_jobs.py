"""Runs training programs in processes forked from a warm parent, which is how the local SageMaker starts them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WARM_PARENT = """
import json, os, sys
import importlib
from flytekit_sagemaker.local.programs import kmeans, xgboost
for line in sys.stdin:
    order = json.loads(line)
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            log = os.open(order["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.environ.update(order["environment"])
            code = importlib.import_module(order["module"]).main()
        finally:
            sys.stdout.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@contextlib.contextmanager
def warm_parent() -> Iterator[subprocess.Popen[str]]:
    """A process that has imported the programs and forks one for every order."""
    command = [sys.executable, "-c", WARM_PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        yield parent


@dataclass
class Run:
    """One execution of a program: its exit code, its log and the tree that it left."""

    base: Path
    code: int
    log: str

    @property
    def failure(self) -> str:
        return (self.base / "output" / "failure").read_text()


class Job:
    """Builds the ``/opt/ml`` tree of a job and runs a program in it."""

    def __init__(self, base: Path, module: str, warm_parent: subprocess.Popen[str]) -> None:
        self.base = base
        self.module = module
        self.warm_parent = warm_parent
        self.channels: dict[str, dict[str, str]] = {}

    def channel(self, name: str, content_type: str | None = "text/csv", **files: str) -> Job:
        self.channels[name] = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}
        if content_type:
            self.channels[name]["ContentType"] = content_type
        folder = self.base / "input" / "data" / name
        folder.mkdir(parents=True)
        for file, text in files.items():
            path = folder / file.replace("__", "/").replace("_csv", ".csv")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self

    def configure(self, hyperparameters: Mapping[str, str], **documents: Any) -> None:
        for folder in ("input/config", "model", "output/data", "checkpoints"):
            (self.base / folder).mkdir(parents=True, exist_ok=True)
        config = self.base / "input" / "config"
        documents = {
            "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
            **documents,
            "hyperparameters": dict(hyperparameters),
            "inputdataconfig": self.channels,
        }
        for name, document in documents.items():
            (config / f"{name}.json").write_text(json.dumps(document))

    def environment(self, version: str) -> dict[str, str]:
        return {
            "SAGEMAKER_BASE_DIR": str(self.base),
            "FLYTEKIT_SAGEMAKER_ALGORITHM_VERSION": version,
            "OMP_NUM_THREADS": "1",
        }

    def run(self, hyperparameters: Mapping[str, str], version: str = "", **documents: Any) -> Run:
        self.configure(hyperparameters, **documents)
        log = self.base / "log"
        order = {"module": self.module, "environment": self.environment(version), "log": str(log)}
        assert self.warm_parent.stdin is not None
        assert self.warm_parent.stdout is not None
        print(json.dumps(order), file=self.warm_parent.stdin, flush=True)
        return Run(self.base, int(self.warm_parent.stdout.readline()), log.read_text())
