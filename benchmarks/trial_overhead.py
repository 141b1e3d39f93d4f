"""What a trial of the local SageMaker costs on top of its training: ``python benchmarks/trial_overhead.py``.

Runs one tuning job, one trial at a time, over the built-in XGBoost with a single round on a handful of rows, and
measures from the last line of one trial's program to the first line of the next one's: noticing the end, packing the
model, choosing the next values, staging the data and starting the process. Prints the memory of an idle server, too.

For the measurement, this file takes the place of the XGBoost program and calls it between two looks at the clock.
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
from itertools import pairwise
from pathlib import Path
from typing import Any

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SERVE = """
import sys
from flytekit_sagemaker.local import programs, server

programs.PROGRAMS = dict.fromkeys(programs.PROGRAMS, "trial_overhead")
server.serve(0, sys.argv[1])
"""
WARM_UP = 2

if __name__ != "__main__":  # imported by the launcher, in place of the program below
    from flytekit_sagemaker.local.programs import xgboost


def main() -> int:
    """A trial, when the launcher calls it."""
    began = time.time()
    code = xgboost.main()
    Path(os.environ["SAGEMAKER_BASE_DIR"], "times").write_text(json.dumps([began, time.time()]))
    return code


def measure() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=30)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        command = [sys.executable, "-c", SERVE, str(root / "root")]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            url = next(line.split()[-1] for line in server.stdout or () if "Endpoint" in line)
            idle = resident_mib(server.pid)
            run(url, root, WARM_UP + trials + 1)
            gaps = gaps_ms(root / "root" / "training-jobs")[WARM_UP:]
            launcher = launcher_of(server.pid)
            rows = [
                ("last line of a trial to first line of the next, median", f"{statistics.median(gaps):.1f} ms"),
                ("the same, 95th percentile", f"{statistics.quantiles(gaps, n=20)[-1]:.1f} ms"),
                ("memory of the idle server", f"{idle:.0f} MiB"),
                ("memory of the server after the tuning job", f"{resident_mib(server.pid):.0f} MiB"),
                ("memory of the launcher, with XGBoost loaded", f"{resident_mib(launcher):.0f} MiB"),
            ]
        finally:
            server.terminate()
            server.communicate()
    print(f"{len(gaps)} gaps between trials, one at a time")
    for what, value in rows:
        print(f"  {what:58}{value:>10}")


def gaps_ms(jobs: Path) -> list[float]:
    """Milliseconds between the trials, in their order."""
    times = sorted(json.loads(path.read_text()) for path in jobs.glob("*/algo-1/times"))
    return [(following[0] - earlier[1]) * 1000 for earlier, following in pairwise(times)]


def launcher_of(pid: int) -> int:
    """The child process of the server that starts the trials."""
    children = "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")).split()
    return next(int(child) for child in children if "launcher" in Path(f"/proc/{child}/cmdline").read_text())


def resident_mib(pid: int) -> float:
    """Resident memory of a process, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def run(url: str, root: Path, trials: int) -> None:
    """Run the tuning job to its end."""
    data = root / "data"
    data.mkdir()
    (data / "train.csv").write_text("".join(f"{row % 2},{row},{row * row % 7}\n" for row in range(64)))
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"file://{data}"}}
    ranges = {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}]}
    import boto3

    client: Any = boto3.client(
        "sagemaker", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    client.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="overhead",
        HyperParameterTuningJobConfig={
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": trials, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": ranges,
        },
        TrainingJobDefinition={
            "RoleArn": "arn:aws:iam::000000000000:role/benchmark",
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "StaticHyperParameters": {"num_round": "1", "objective": "reg:squarederror", "eval_metric": "rmse"},
            "InputDataConfig": [
                {"ChannelName": name, "ContentType": "text/csv", "DataSource": source}
                for name in ("train", "validation")
            ],
            "OutputDataConfig": {"S3OutputPath": f"file://{root}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    )
    while True:
        job = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="overhead")
        if job["HyperParameterTuningJobStatus"] != "InProgress":
            assert job["HyperParameterTuningJobStatus"] == "Completed", job
            return
        time.sleep(0.5)


if __name__ == "__main__":
    measure()
