"""Trials that do nothing but sleep: what a tuning job of them takes beside a plain loop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from flytekit_sagemaker.local.server import LocalSageMaker
from parts.tuning_runs import boto3_client, optuna_loop, wait

IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/one-second:1"
METRIC = "loss"
RANGES = {
    "ContinuousParameterRanges": [
        {"Name": name, "MinValue": "0", "MaxValue": "1", "ScalingType": "Linear"} for name in ("x", "y", "z")
    ]
}
TRIAL = """
import json, os, sys, time
with open(os.path.join(os.environ["SAGEMAKER_BASE_DIR"], "input/config/hyperparameters.json")) as file:
    values = json.load(file)
time.sleep(float(sys.argv[1]))
print("loss=%r" % sum((float(values[name]) - 0.3) ** 2 for name in "xyz"))
"""


def loss(values: Mapping[str, str]) -> float:
    """What the program above prints."""
    return sum((float(values[name]) - 0.3) ** 2 for name in "xyz")


def seconds_of_ways(trials: int, seconds: float) -> dict[str, float]:
    """How long a tuning job of the local SageMaker takes, and then loops over Optuna with the same trials."""
    command = [sys.executable, "-IS", "-c", TRIAL, str(seconds)]

    def in_process(values: Mapping[str, str]) -> float:
        time.sleep(seconds)
        return loss(values)

    with tempfile.TemporaryDirectory() as folder, LocalSageMaker(folder, images={IMAGE: command}) as server:
        config = Path(folder, "plain", "input", "config", "hyperparameters.json")
        config.parent.mkdir(parents=True)
        environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(Path(folder, "plain"))}

        def in_processes(values: Mapping[str, str]) -> float:
            config.write_text(json.dumps(values))
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            return float(done.stdout.rpartition("=")[2])

        # Both import Optuna before they are measured.
        timed_loop(1, loss)
        timed_job(server.url, folder, "warm-up", 2)
        return {
            "local SageMaker": timed_job(server.url, folder, "measured", trials),
            "plain Optuna, a process for each trial": timed_loop(trials, in_processes),
            "plain Optuna, trials in its own process": timed_loop(trials, in_process),
        }


def timed_loop(trials: int, train: Callable[[Mapping[str, str]], float]) -> float:
    """Seconds that a plain loop takes."""
    began = time.perf_counter()
    optuna_loop(RANGES, trials, 0, train)
    return time.perf_counter() - began


def timed_job(url: str, folder: str, name: str, trials: int) -> float:
    """Seconds from the request for a tuning job of sleeping trials to its end, as its description says."""
    with boto3_client(url) as client:
        began = time.time()
        client.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name,
            HyperParameterTuningJobConfig={
                "Strategy": "Bayesian",
                "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": METRIC},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": trials, "MaxParallelTrainingJobs": 1},
                "ParameterRanges": RANGES,
                "RandomSeed": 0,
            },
            TrainingJobDefinition={
                "RoleArn": "arn:aws:iam::000000000000:role/benchmark",
                "AlgorithmSpecification": {
                    "TrainingImage": IMAGE,
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": METRIC, "Regex": "loss=(.*)"}],
                },
                "OutputDataConfig": {"S3OutputPath": f"file://{folder}/out"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            },
        )
        return float(wait(client, name)["HyperParameterTuningEndTime"].timestamp() - began)
