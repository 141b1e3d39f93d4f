"""What was asked of a job is what Describe and the lists say: everything that a request can have."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from .support import IMAGE, ROLE, Jobs, channel, continuous, integer

SWITCHES = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")
TAGS = [{"Key": "cost-center", "Value": "42"}, {"Key": "empty", "Value": ""}]


def channels(folder: Path) -> list[dict[str, Any]]:
    """A channel in every form that this SageMaker reads."""
    data = folder / "data"
    data.mkdir()
    for number in range(2):
        (data / f"{number}.gz").write_bytes(gzip.compress(b"1,2"))
    manifest, augmented = folder / "manifest", folder / "augmented"
    manifest.write_text(json.dumps([{"prefix": f"file://{data}/"}, "0.gz", "1.gz"]))
    augmented.write_text(json.dumps({"row-ref": f"file://{data}/0.gz", "label": 1}))
    found = [
        channel("plain", data),
        channel("shards", data, S3DataDistributionType="ShardedByS3Key", ContentType="text/csv;label_size=0"),
        channel("fast", manifest, InputMode="FastFile", CompressionType="None", RecordWrapperType="None"),
        channel(
            "pipe",
            data,
            InputMode="Pipe",
            CompressionType="Gzip",
            RecordWrapperType="RecordIO",
            ShuffleConfig={"Seed": 7},
            ContentType="application/x-recordio-protobuf",
        ),
        channel("lines", augmented, InputMode="Pipe", RecordWrapperType="RecordIO"),
    ]
    sources = [each["DataSource"]["S3DataSource"] for each in found]
    sources[2]["S3DataType"] = "ManifestFile"
    sources[4].update(S3DataType="AugmentedManifestFile", AttributeNames=["row-ref", "label"])
    return found


def everything(jobs: Jobs, folder: Path) -> dict[str, Any]:
    """The members that a training job and a training job definition have in common."""
    metrics = [{"Name": "loss", "Regex": "loss=([^;]*);"}, {"Name": "tab", "Regex": r"#011tab=(.*)"}]
    return {
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": metrics},
        "InputDataConfig": channels(folder),
        "OutputDataConfig": {
            "S3OutputPath": f"file://{jobs.output}",
            "KmsKeyId": "alias/out",
            "CompressionType": "NONE",
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 900},
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]},
        "CheckpointConfig": {"S3Uri": f"file://{folder}/checkpoints", "LocalPath": "/opt/ml/checkpoints"},
        "RetryStrategy": {"MaximumRetryAttempts": 2},
        "Environment": {"LEVEL": "debug"},
        **dict.fromkeys(SWITCHES, True),
    }


def test_a_tuning_job_is_described_and_listed_as_it_was_asked_for(jobs: Jobs, tmp_path: Path) -> None:
    common = everything(jobs, tmp_path)
    instances = [
        {"InstanceType": f"ml.m5.{size}", "InstanceCount": 1, "VolumeSizeInGB": 5} for size in ("large", "4xlarge")
    ]
    definitions = [
        {
            "DefinitionName": "first",
            "TuningObjective": {"Type": "Minimize", "MetricName": "loss"},
            "HyperParameterRanges": {
                "ContinuousParameterRanges": [continuous("x", 0.1, 0.9, "ReverseLogarithmic")],
                "IntegerParameterRanges": [integer("depth", 1, 64, "Logarithmic")],
                "CategoricalParameterRanges": [{"Name": "kind", "Values": ["a", "b"]}],
            },
            "StaticHyperParameters": {"rounds": "3"},
            "HyperParameterTuningResourceConfig": {
                "InstanceConfigs": instances,
                "AllocationStrategy": "Prioritized",
                "VolumeKmsKeyId": "alias/volume",
            },
            **common,
        },
        {
            "DefinitionName": "second",
            "TuningObjective": {"Type": "Maximize", "MetricName": "tab"},
            "HyperParameterRanges": {"ContinuousParameterRanges": [continuous("x", 0, 1, "Linear")]},
            "ResourceConfig": {**instances[0], "VolumeKmsKeyId": "alias/volume"},
            **common,
        },
    ]
    config = {
        "Strategy": "Hyperband",
        "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2, "MaxRuntimeInSeconds": 7200},
        "TrainingJobEarlyStoppingType": "Off",
        "TuningJobCompletionCriteria": {
            "TargetObjectiveMetricValue": -1.5,
            "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3},
            "ConvergenceDetected": {"CompleteOnConvergence": "Disabled"},
        },
        "RandomSeed": 11,
    }
    arn = jobs.client.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="everything",
        HyperParameterTuningJobConfig=config,
        TrainingJobDefinitions=definitions,
        Tags=TAGS,
    )["HyperParameterTuningJobArn"]
    described = jobs.tuning_ended("everything")
    assert described["HyperParameterTuningJobStatus"] == "Completed", described
    assert described["HyperParameterTuningJobConfig"] == config
    for asked, said in zip(definitions, described["TrainingJobDefinitions"], strict=True):
        assert said.pop("StaticHyperParameters").items() >= asked.pop("StaticHyperParameters", {}).items()
        assert said == asked
    [summary] = jobs.client.list_hyper_parameter_tuning_jobs(NameContains="everything")[
        "HyperParameterTuningJobSummaries"
    ]
    assert (summary["Strategy"], summary["ResourceLimits"]) == ("Hyperband", config["ResourceLimits"])
    trials = {trial["TrainingJobDefinitionName"]: trial for trial in jobs.trials("everything")}
    for resource in (arn, trials["first"]["TrainingJobArn"]):
        assert jobs.client.list_tags(ResourceArn=resource)["Tags"] == TAGS
    for name, definition in zip(("first", "second"), definitions, strict=True):
        trial = jobs.describe(trials[name]["TrainingJobName"])
        assert trial["ResourceConfig"] == {**instances[0], "VolumeKmsKeyId": "alias/volume"}
        assert trial["CheckpointConfig"]["S3Uri"] == f"file://{tmp_path}/checkpoints/{trial['TrainingJobName']}"
        for member in common.keys() - {"AlgorithmSpecification", "CheckpointConfig"}:
            assert trial[member] == definition[member]
        assert trial["AlgorithmSpecification"].items() >= definition["AlgorithmSpecification"].items()
        assert trial["TuningJobArn"] == arn


def test_a_training_job_is_described_as_it_was_asked_for(jobs: Jobs, tmp_path: Path) -> None:
    preferences = [
        {"InstanceType": f"ml.m5.{size}", "InstanceCount": count} for size, count in (("large", 2), ("xlarge", 1))
    ]
    asked = {
        **everything(jobs, tmp_path),
        "HyperParameters": {"rounds": "3"},
        "ResourceConfig": {"InstancePreferences": preferences, "VolumeSizeInGB": 5, "VolumeKmsKeyId": "alias/volume"},
        "EnableManagedSpotTraining": False,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "ExperimentConfig": {"ExperimentName": "try"},
        "ProfilerConfig": {"DisableProfiler": True},
    }
    arn = jobs.client.create_training_job(TrainingJobName="everything", **asked, Tags=TAGS)["TrainingJobArn"]
    described = jobs.ended("everything")
    assert described["TrainingJobStatus"] == "Completed", described
    selected = {"SelectedInstanceType": "ml.m5.large", "SelectedInstanceCount": 2}
    assert described["ResourceConfig"] == {**asked["ResourceConfig"], **selected}
    for member in asked.keys() - {"ResourceConfig", "AlgorithmSpecification"}:
        assert described[member] == asked[member]
    assert described["AlgorithmSpecification"].items() >= asked["AlgorithmSpecification"].items()
    assert jobs.client.list_tags(ResourceArn=arn)["Tags"] == TAGS
    hosts = (jobs.server.root / "training-jobs" / "everything").iterdir()
    assert sorted(host.name for host in hosts) == ["algo-1", "algo-2"]
