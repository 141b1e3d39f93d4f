"""Answers of SageMaker, as boto3 gives them: checked against botocore's own description of the API."""

from __future__ import annotations

import functools
import math
import random
from datetime import datetime, timedelta, timezone
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

START = datetime(2026, 3, 2, 9, 30, tzinfo=timezone.utc)
NAME = "churn-f3k9x-n0-0"


@functools.cache
def _shape(name: str) -> Any:
    return botocore.session.get_session().get_service_model("sagemaker").shape_for(name)


def checked(shape: str, answer: dict[str, Any]) -> dict[str, Any]:
    report = ParamValidator().validate(answer, _shape(shape))
    assert not report.has_errors(), report.generate_report()
    return answer


def tuning_description(**changes: Any) -> dict[str, Any]:
    answer = {
        "HyperParameterTuningJobName": NAME,
        "HyperParameterTuningJobArn": f"arn:aws:sagemaker:eu-west-1:123456789012:hyper-parameter-tuning-job/{NAME}",
        "HyperParameterTuningJobStatus": "InProgress",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:auc"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 24, "MaxParallelTrainingJobs": 3},
            "ParameterRanges": {
                "ContinuousParameterRanges": [
                    {"Name": "eta", "MinValue": "0.001", "MaxValue": "0.5", "ScalingType": "Logarithmic"},
                    {"Name": "subsample", "MinValue": "0.5", "MaxValue": "1.0", "ScalingType": "Linear"},
                ],
                "IntegerParameterRanges": [
                    {"Name": "max_depth", "MinValue": "2", "MaxValue": "10", "ScalingType": "Auto"}
                ],
                "CategoricalParameterRanges": [{"Name": "booster", "Values": ["gbtree", "dart", "gblinear"]}],
            },
            "TrainingJobEarlyStoppingType": "Auto",
            "RandomSeed": 7,
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {
                "objective": "binary:logistic",
                "num_round": "120",
                "_tuning_objective_metric": "validation:auc",
            },
            "AlgorithmSpecification": {
                "TrainingImage": "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.0-5",
                "TrainingInputMode": "File",
            },
            "RoleArn": "arn:aws:iam::123456789012:role/sagemaker",
            "OutputDataConfig": {"S3OutputPath": "s3://models/churn"},
            "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        },
        "CreationTime": START,
        "LastModifiedTime": START + timedelta(minutes=41),
        "TrainingJobStatusCounters": {
            "Completed": 17,
            "InProgress": 2,
            "RetryableError": 0,
            "NonRetryableError": 2,
            "Stopped": 2,
        },
        "ObjectiveStatusCounters": {"Succeeded": 19, "Pending": 2, "Failed": 2},
        **changes,
    }
    return checked("DescribeHyperParameterTuningJobResponse", answer)


def summary(number: int, status: str = "Completed", value: float | None = None, **changes: Any) -> dict[str, Any]:
    start = START + timedelta(seconds=100 * number)
    answer: dict[str, Any] = {
        "TrainingJobName": f"{NAME}-{number:03d}-{number * 2654435761 % 2**32:08x}",
        "TrainingJobArn": f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/{NAME}-{number:03d}",
        "CreationTime": start,
        "TrainingStartTime": start + timedelta(seconds=20),
        "TrainingJobStatus": status,
        "TunedHyperParameters": {"eta": "0.1", "subsample": "0.8", "max_depth": "6", "booster": "gbtree"},
        "ObjectiveStatus": "Pending" if status == "InProgress" else "Failed" if value is None else "Succeeded",
    }
    if status != "InProgress":
        answer["TrainingEndTime"] = start + timedelta(seconds=105 + number)
    if value is not None:
        metric = {"Type": "Maximize", "MetricName": "validation:auc", "Value": value}
        answer["FinalHyperParameterTuningJobObjectiveMetric"] = metric
    return checked("HyperParameterTrainingJobSummary", {**answer, **changes})


def search(trials: int = 23, seed: int = 4) -> list[dict[str, Any]]:
    """Trials of a search that improves: 2 failed, 2 stopped early, 2 still running when there are 23."""
    chance = random.Random(seed)
    found = []
    for number in range(1, trials + 1):
        eta = 10 ** chance.uniform(-3, math.log10(0.5))
        if number > trials / 2:
            eta = 10 ** chance.gauss(-1.1, 0.25)
        depth, subsample = chance.randint(2, 10), chance.uniform(0.5, 1.0)
        booster = chance.choice(["gbtree", "dart", "gblinear"])
        tuned = {"eta": repr(eta), "subsample": repr(subsample), "max_depth": str(depth), "booster": booster}
        value = 0.995 - 0.03 * (math.log10(eta) + 1.1) ** 2 - 0.0012 * abs(depth - 6) - 0.02 * (booster == "gblinear")
        value += chance.gauss(0, 0.002)
        status = {5: "Failed", 14: "Failed", 9: "Stopped", 18: "Stopped"}.get(number, "Completed")
        changes: dict[str, Any] = {"TunedHyperParameters": tuned}
        if number > trials - 2:
            status = "InProgress"
        if status == "Failed":
            changes["FailureReason"] = (
                'AlgorithmError: ExecuteUserScriptError:\nCommand "python train.py"\nMemoryError: '
                "unable to allocate 14.2 GiB for an array, exit code: 137"
            )
        found.append(summary(number, status, None if status in ("Failed", "InProgress") else value, **changes))
    return found


def training_description(**changes: Any) -> dict[str, Any]:
    steps = [("Starting", 45, "Preparing the instances for training"), ("Downloading", 20, "Downloading input data")]
    steps += [("Training", 312, "Training image download completed. Training in progress.")]
    steps += [("Uploading", 14, "Uploading generated training model"), ("Completed", 0, "Training job completed")]
    transitions, at = [], START
    for status, seconds, message in steps:
        end = at + timedelta(seconds=seconds)
        transitions.append({"Status": status, "StartTime": at, "EndTime": end, "StatusMessage": message})
        at = end
    answer = {
        "TrainingJobName": "churn-training-n1-0",
        "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/churn-training-n1-0",
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://models/churn/churn-training-n1-0/output/model.tar.gz"},
        "HyperParameters": {"objective": "binary:logistic", "num_round": "120", "eta": "0.12"},
        "AlgorithmSpecification": {
            "TrainingImage": "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.0-5",
            "TrainingInputMode": "File",
        },
        "InputDataConfig": [
            {
                "ChannelName": name,
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://data/churn/{name}"}},
                "ContentType": "text/csv",
            }
            for name in ("train", "validation")
        ],
        "ResourceConfig": {"InstanceType": "ml.m5.2xlarge", "InstanceCount": 2, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "CreationTime": START,
        "TrainingStartTime": START + timedelta(seconds=45),
        "TrainingEndTime": at,
        "LastModifiedTime": at,
        "SecondaryStatusTransitions": transitions,
        "FinalMetricDataList": [
            {"MetricName": "validation:auc", "Value": 0.9942, "Timestamp": at},
            {"MetricName": "train:auc", "Value": 0.99871, "Timestamp": at},
            {"MetricName": "validation:logloss", "Value": 0.0713, "Timestamp": at},
        ],
        "TrainingTimeInSeconds": 346,
        "BillableTimeInSeconds": 130,
        "EnableManagedSpotTraining": True,
        **changes,
    }
    return checked("DescribeTrainingJobResponse", answer)
