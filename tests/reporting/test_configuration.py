from __future__ import annotations

from typing import Any

import pytest

from flytekit_sagemaker.reporting.deck import training_page, tuning_page
from flytekit_sagemaker.reporting.records import training_record, tuning_record

from .samples import checked, training_description, tuning_description

FEW = {"InstanceType": "ml.c5.2xlarge", "InstanceCount": 1}
MANY = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2}


def tuned(definition: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    description = tuning_description()
    description["HyperParameterTuningJobConfig"].update(config)
    description["TrainingJobDefinition"].update(definition or {})
    return checked("DescribeHyperParameterTuningJobResponse", description)


def of_trials(description: dict[str, Any]) -> dict[str, str]:
    return dict(tuning_record(description, []).trial_settings)


def test_instances_that_are_a_choice_are_not_summed():
    sized = [{**each, "VolumeSizeInGB": 20} for each in (FEW, MANY)]
    description = tuned({"HyperParameterTuningResourceConfig": {"InstanceConfigs": sized}})
    del description["TrainingJobDefinition"]["ResourceConfig"]
    assert of_trials(description)["Instances"] == "1 × ml.c5.2xlarge, or 2 × ml.m5.xlarge"


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({**MANY, "VolumeSizeInGB": 1}, "2 × ml.m5.xlarge"),
        (
            {
                "VolumeSizeInGB": 1,
                "InstanceGroups": [{**FEW, "InstanceGroupName": "a"}, {**MANY, "InstanceGroupName": "b"}],
            },
            "1 × ml.c5.2xlarge and 2 × ml.m5.xlarge",
        ),
        ({"VolumeSizeInGB": 1, "InstancePreferences": [FEW, MANY]}, "1 × ml.c5.2xlarge, or 2 × ml.m5.xlarge"),
        (
            {
                "VolumeSizeInGB": 1,
                "InstancePreferences": [FEW, MANY],
                "SelectedInstanceType": "ml.m5.xlarge",
                "SelectedInstanceCount": 2,
            },
            "2 × ml.m5.xlarge",
        ),
    ],
)
def test_the_instances_of_a_training_job(resources, words):
    assert training_record(training_description(ResourceConfig=resources)).settings["Instances"] == words


PLACE = {
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 5400},
    "EnableManagedSpotTraining": True,
    "CheckpointConfig": {"S3Uri": "s3://models/checkpoints", "LocalPath": "/opt/ml/checkpoints"},
    "VpcConfig": {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
    "EnableNetworkIsolation": True,
    "EnableInterContainerTrafficEncryption": True,
    "RetryStrategy": {"MaximumRetryAttempts": 3},
}
TOLD = {
    "Time limit": "3600 s (1 h 00 min)",
    "Managed spot training": "yes, waiting included at most 5400 s (1 h 30 min)",
    "Checkpoints": "s3://models/checkpoints, in the container at /opt/ml/checkpoints",
    "VPC": "subnets subnet-1, subnet-2; security groups sg-1",
    "Network isolation": "yes",
    "Encryption between containers": "yes",
    "Retries": "3",
}


def test_reports_tell_where_and_for_how_long_a_job_runs():
    for html in (
        tuning_page(tuning_record(tuned(PLACE), [])),
        training_page(training_record(training_description(**PLACE))),
    ):
        for label, words in TOLD.items():
            assert f"<tr><th>{label}</th><td>{words}</td></tr>" in html


def test_what_was_not_asked_for_is_not_told():
    assert of_trials(tuned()) == {"Instances": "1 × ml.m5.xlarge", "Time limit": TOLD["Time limit"]}
    assert tuning_record(tuned(), []).search_settings == {}


def test_reports_tell_how_a_tuning_job_searches_and_when_it_ends():
    criteria = {
        "TargetObjectiveMetricValue": 0.99,
        "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 5},
        "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"},
    }
    description = tuned(
        Strategy="Hyperband",
        StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 27}},
        TuningJobCompletionCriteria=criteria,
        ResourceLimits={"MaxNumberOfTrainingJobs": 24, "MaxParallelTrainingJobs": 3, "MaxRuntimeInSeconds": 7200},
    )
    description["Autotune"] = {"Mode": "Enabled"}
    description["WarmStartConfig"] = {
        "WarmStartType": "TransferLearning",
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": name} for name in ("one", "two")],
    }
    description["TuningJobCompletionDetails"] = {"NumberOfTrainingJobsObjectiveNotImproving": 4}
    html = tuning_page(tuning_record(checked("DescribeHyperParameterTuningJobResponse", description), []))
    for label, words in {
        "Trials": "24 at most, 3 at a time",
        "Hyperband resources": "from 1 to 27 steps of a trial",
        "Completion criteria": "an objective of 0.99; 5 trials without improvement; convergence",
        "Time limit": "7200 s (2 h 00 min)",
        "Autotune": "Enabled",
        "Warm start": "TransferLearning from one, two",
        "Without 1 % of improvement": "4 trials in a row",
    }.items():
        assert f"<tr><th>{label}</th><td>{words}</td></tr>" in html


def test_definitions_that_differ_are_named():
    description = tuned()
    definition = description.pop("TrainingJobDefinition")
    description["TrainingJobDefinitions"] = [
        {**definition, "DefinitionName": "a"},
        {**definition, "DefinitionName": "b", "EnableManagedSpotTraining": True},
    ]
    told = of_trials(description)
    assert told["Instances"] == "1 × ml.m5.xlarge"
    assert told["Managed spot training"] == "a: –; b: yes"
