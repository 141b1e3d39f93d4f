"""What a function waits for before its first line: ``python benchmarks/custom_startup.py``.

Two questions. How long after its creation does a custom training job of the local SageMaker reach the first line of the
user's function? Cold is the first job of a server that has just been started, warm every later one. And what does our
entry into a container cost beside flytekit's own: the same function through ``flytekit-sagemaker train`` and as an
ordinary task through ``pyflyte-execute``, each in a process of its own, in turns. ``--runs`` says how often.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from flyteidl.core import literals_pb2
from parts.tables import machine, table

from flytekit_sagemaker.container.command import Command
from flytekit_sagemaker.local.server import LocalSageMaker

HERE = Path(__file__).parent
RESOLVER = "flytekit.core.python_auto_container.default_task_resolver"
WARM_JOBS = 10


def startups(warm_jobs: int) -> list[float]:
    """Milliseconds from the creation of each job of a new server to the first line of its function."""
    import boto3
    from parts.custom_function import began

    with tempfile.TemporaryDirectory() as folder, LocalSageMaker(Path(folder)) as server:
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        client: Any = boto3.client("sagemaker", endpoint_url=server.url, region_name="us-east-1", **keys)
        os.environ["FLYTEKIT_SAGEMAKER_ENDPOINT_URL"] = server.url
        first_lines = [began() for _ in range(1 + warm_jobs)]
        jobs = client.list_training_jobs(SortBy="CreationTime", SortOrder="Ascending", MaxResults=100)
        created = [job["CreationTime"].timestamp() for job in jobs["TrainingJobSummaries"]]
    return [1000 * (begin - create) for create, begin in zip(created, first_lines, strict=True)]


def command(module: str, folder: Path) -> list[str]:
    """How Flyte executes a task in a container."""
    places = ["--inputs", f"{folder}/inputs.pb", "--output-prefix", f"{folder}/output"]
    places += ["--raw-output-data-prefix", f"{folder}/raw", "--checkpoint-path", "", "--prev-checkpoint", ""]
    return ["pyflyte-execute", *places, "--resolver", RESOLVER, "--", "task-module", module, "task-name", "began"]


def ways(folder: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Command and environment of each way to execute the function, with a folder for each."""
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    prepared: dict[str, tuple[list[str], dict[str, str]]] = {}
    for name, module in (("pyflyte-execute", "parts.plain_function"), ("ours", "parts.custom_function")):
        place = folder / name
        (place / "ml" / "input" / "config").mkdir(parents=True)
        (place / "ml" / "input" / "config" / "hyperparameters.json").write_text("{}")
        (place / "inputs.pb").write_bytes(literals_pb2.LiteralMap().SerializeToString())
        prepared[name] = ([str(scripts / "pyflyte-execute"), *command(module, place)[1:]], environment)
    of_job = {"SAGEMAKER_BASE_DIR": str(folder / "ours" / "ml"), "TRAINING_JOB_NAME": "job"}
    carried = Command(tuple(command("parts.custom_function", folder / "ours"))).variables()
    prepared["ours"] = ([str(scripts / "flytekit-sagemaker"), "train"], {**environment, **of_job, **carried})
    return prepared


def executions(runs: int) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds of each execution: to the first line of the function, and to the end of the process."""
    taken: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepared = ways(folder)
        for run in range(1 + runs):
            for name, (argv, environment) in prepared.items():
                create = time.time()
                subprocess.run(argv, env=environment, cwd=folder, check=True, capture_output=True)
                end = time.time()
                begin = began_in(folder / name / "output" / "outputs.pb")
                if run:  # the first one fills the caches of files and of bytecode
                    taken.setdefault(name, []).append((1000 * (begin - create), 1000 * (end - create)))
    return taken


def began_in(outputs: Path) -> float:
    """What the function returned."""
    literals = literals_pb2.LiteralMap.FromString(outputs.read_bytes()).literals
    outputs.unlink()
    return literals["o0"].scalar.primitive.float_value


def row(name: str, values: Sequence[float]) -> list[object]:
    """Smallest, median and largest."""
    return [name, len(values), *(f"{value:.0f}" for value in (min(values), statistics.median(values), max(values)))]


def measurements(runs: int, warm_jobs: int) -> Iterator[str]:
    """The two tables."""
    servers = [child("--server", str(warm_jobs)) for _ in range(runs)]
    rows = [
        row("cold", [times[0] for times in servers]),
        row("warm", [each for times in servers for each in times[1:]]),
    ]
    yield table(("create to first line, ms", "jobs", "min", "median", "max"), rows)
    taken = executions(runs)
    named = {name: list(zip(*times, strict=True)) for name, times in taken.items()}
    rows = [
        row(f"{name}, {what}", times[index])
        for index, what in enumerate(("to first line", "whole process"))
        for name, times in named.items()
    ]
    for index, what in enumerate(("to first line", "whole process")):
        differences = [a - b for a, b in zip(named["ours"][index], named["pyflyte-execute"][index], strict=True)]
        rows.append(row(f"ours more than pyflyte-execute, {what}", differences))
    yield table(("in a container, ms", "runs", "min", "median", "max"), rows)


def child(*arguments: str) -> list[float]:
    """What this program measures in a process of its own, where nothing is loaded yet."""
    argv = [sys.executable, __file__, *arguments]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return [float(value) for value in json.loads(done.stdout.splitlines()[-1])]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="seconds: whether it runs at all")
    parser.add_argument("--server", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.server is not None:
        print(json.dumps(startups(options.server)))
        return
    print(machine(), end="\n\n")
    runs, warm_jobs = (1, 2) if options.quick else (options.runs, WARM_JOBS)
    print("\n\n".join(measurements(runs, warm_jobs)))


if __name__ == "__main__":
    main()
