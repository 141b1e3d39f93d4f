"""Runs training programs in processes forked from a warm parent, which is how the local SageMaker starts them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytekit_sagemaker.recordio import write_records

WARM_PARENT = """
import json, os, sys
import importlib
from flytekit_sagemaker.local.programs import kmeans, linear_learner, xgboost
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
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@contextlib.contextmanager
def forking_parent() -> Iterator[subprocess.Popen[str]]:
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

    @property
    def refusal(self) -> str:
        """What a program that cannot do what it is told says, in a sentence instead of a stack."""
        assert self.code == 1, self.log
        assert "Traceback" not in self.log
        return self.failure


def records(folder: Path, features: Any, labels: Any = None) -> bytes:
    """The content of a record-protobuf file."""
    file = folder / "written.rec"
    write_records(file, features, labels)
    return file.read_bytes()


class Job:
    """Builds the ``/opt/ml`` tree of a job and runs a program in it."""

    def __init__(self, base: Path, module: str, warm_parent: subprocess.Popen[str]) -> None:
        self.base = base
        self.module = module
        self.warm_parent = warm_parent
        self.channels: dict[str, dict[str, str]] = {}

    def channel(self, name: str, content_type: str | None = "text/csv", **files: str | bytes) -> Job:
        self._declare(name, content_type, "File")
        folder = self.base / "input" / "data" / name
        folder.mkdir(parents=True)
        for file, content in files.items():
            path = folder / file.replace("__", "/").replace("_csv", ".csv")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def pipe(self, name: str, content_type: str | None, content: bytes) -> Job:
        """A channel in Pipe mode, of which one epoch is read."""
        self._declare(name, content_type, "Pipe")
        pipe = self.base / "input" / "data" / f"{name}_0"
        pipe.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(pipe)
        threading.Thread(target=pipe.write_bytes, args=(content,), daemon=True).start()
        return self

    def _declare(self, name: str, content_type: str | None, mode: str) -> None:
        self.channels[name] = {"TrainingInputMode": mode, "S3DistributionType": "FullyReplicated"}
        if content_type:
            self.channels[name]["ContentType"] = content_type

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
        self._start(log, version)
        return Run(self.base, self._answer(), log.read_text())

    def run_until(self, words: str, hyperparameters: Mapping[str, str], **documents: Any) -> Run:
        """Run, and have SIGTERM end it once a line of the log has these words."""
        self.configure(hyperparameters, **documents)
        pipe = self.base / "log"
        os.mkfifo(pipe)
        process = self._start(pipe)
        with pipe.open() as log:
            head = next(line for line in log if words in line)
            os.kill(process, signal.SIGTERM)
            tail = log.read()
        return Run(self.base, self._answer(), head + tail)

    def _start(self, log: Path, version: str = "") -> int:
        order = {"module": self.module, "environment": self.environment(version), "log": str(log)}
        assert self.warm_parent.stdin is not None
        print(json.dumps(order), file=self.warm_parent.stdin, flush=True)
        return self._answer()

    def _answer(self) -> int:
        assert self.warm_parent.stdout is not None
        return int(self.warm_parent.stdout.readline())
