"""Tuning jobs with more to them than one algorithm and its ranges: over gRPC, through boto3, to real trials."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.execution_pb2 import TaskExecution

from flytekit_sagemaker import SdkSimpleHPOJobTask, SdkSimpleTrainingJobTask
from flytekit_sagemaker.models.training_job import AlgorithmSpecification, TrainingJobConfig
from flytekit_sagemaker.types import AlgorithmName

from .conftest import Flyte

TRAIN = SdkSimpleTrainingJobTask(
    training_job_config=TrainingJobConfig(instance_type="ml.m5.xlarge", volume_size_in_gb=10, tags={"team": "ml"}),
    algorithm_specification=AlgorithmSpecification(algorithm_name=AlgorithmName.XGBOOST, algorithm_version="1.7-1"),
)
LARGER = SdkSimpleTrainingJobTask(
    training_job_config=TrainingJobConfig(instance_type="ml.m5.4xlarge", volume_size_in_gb=20, tags={"size": "large"}),
    algorithm_specification=AlgorithmSpecification(algorithm_name=AlgorithmName.XGBOOST, algorithm_version="3.2-0"),
)
BOTH = SdkSimpleHPOJobTask(
    training_job={"trees": TRAIN, "forest": LARGER}, max_number_of_training_jobs=4, max_parallel_training_jobs=2
)
ALONE = SdkSimpleHPOJobTask(training_job=TRAIN, max_number_of_training_jobs=2, max_parallel_training_jobs=2)
SEEDED = SdkSimpleHPOJobTask(
    training_job=TRAIN,
    max_number_of_training_jobs=2,
    max_parallel_training_jobs=2,
    overrides={"HyperParameterTuningJobConfig": {"RandomSeed": 7, "ResourceLimits": {"MaxRuntimeInSeconds": 900}}},
)
STATIC = {"num_round": 3, "objective": "binary:logistic"}
AUC = {"objective_type": "MAXIMIZE", "metric_name": "validation:auc"}


def continuous(name: str, low: float, high: float) -> dict[str, Any]:
    chosen = {"continuous_parameter_range": {"min_value": low, "max_value": high}}
    return {"parameter_range_map": {name: chosen}}


@pytest.fixture
def inputs(csv_data: Any) -> dict[str, Any]:
    return {
        "static_hyperparameters": STATIC,
        "train": str(csv_data.train),
        "validation": str(csv_data.validation),
        "stopping_condition": {"max_runtime_in_seconds": 600},
        "hyperparameter_tuning_job_config": {
            "tuning_strategy": "RANDOM",
            "tuning_objective": AUC,
            "hyperparameter_ranges": continuous("eta", 0.1, 0.5),
        },
    }


async def test_several_algorithms_are_tuned_together(flyte: Flyte, inputs: dict[str, Any], boto: Any) -> None:
    config = inputs["hyperparameter_tuning_job_config"]
    config["training_job_definitions"] = {"forest": {"hyperparameter_ranges": continuous("subsample", 0.5, 0.9)}}
    several = {"trees": STATIC, "forest": {**STATIC, "num_parallel_tree": 3}}

    meta = await flyte.create(BOTH, {**inputs, "static_hyperparameters": several})
    resource = await flyte.end(BOTH, meta)

    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    outputs = flyte.plain_outputs(meta)
    assert set(outputs) == set(BOTH.python_interface.outputs)
    tuning = boto.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=outputs["hpo_job_name"])
    definitions = {each["DefinitionName"]: each for each in tuning["TrainingJobDefinitions"]}
    assert definitions["trees"]["AlgorithmSpecification"]["TrainingImage"].endswith("xgboost:1.7-1")
    assert definitions["forest"]["ResourceConfig"]["InstanceType"] == "ml.m5.4xlarge"
    assert definitions["forest"]["StaticHyperParameters"]["num_parallel_tree"] == "3"
    tags = {
        tag["Key"]: tag["Value"] for tag in boto.list_tags(ResourceArn=tuning["HyperParameterTuningJobArn"])["Tags"]
    }
    assert (tags["team"], tags["size"]) == ("ml", "large")

    best = tuning["BestTrainingJob"]
    assert outputs["best_job_name"] == best["TrainingJobName"]
    image = definitions[best["TrainingJobDefinitionName"]]["AlgorithmSpecification"]["TrainingImage"]
    assert outputs["training_image"] == image
    rows = list(csv.DictReader((Path(outputs["trials"]) / ".csv").open()))
    assert sorted(row["definition"] for row in rows) == ["forest", "forest", "trees", "trees"]
    assert all(bool(row["subsample"]) == (row["definition"] == "forest") for row in rows)
    assert "forest.num_parallel_tree" in flyte.deck(meta)


async def test_what_is_given_by_the_name_of_a_definition_that_there_is_not(
    flyte: Flyte, inputs: dict[str, Any]
) -> None:
    config = inputs["hyperparameter_tuning_job_config"]
    config["training_job_definitions"] = {"forrest": {"hyperparameter_ranges": continuous("eta", 0.1, 0.5)}}
    resource = await flyte.end(BOTH, await flyte.create(BOTH, inputs))

    assert resource.phase == TaskExecution.FAILED
    assert "training_job_definitions.forrest" in resource.message
    assert "Did you mean 'forest'?" in resource.message
    assert "static_hyperparameters.num_round" in resource.message


async def test_a_warm_start_goes_on_from_its_parent(flyte: Flyte, inputs: dict[str, Any], boto: Any) -> None:
    first = await flyte.create(ALONE, inputs)
    assert (await flyte.end(ALONE, first)).phase == TaskExecution.SUCCEEDED
    parent = flyte.plain_outputs(first)["hpo_job_name"]
    config = inputs["hyperparameter_tuning_job_config"]
    config["warm_start_config"] = {
        "warm_start_type": "IDENTICAL_DATA_AND_ALGORITHM",
        "parent_hyperparameter_tuning_jobs": [parent],
    }
    second = await flyte.create(ALONE, inputs)
    resource = await flyte.end(ALONE, second)

    assert resource.phase == TaskExecution.SUCCEEDED, resource.message
    child = flyte.plain_outputs(second)["hpo_job_name"]
    tuning = boto.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=child)
    assert tuning["WarmStartConfig"]["ParentHyperParameterTuningJobs"] == [{"HyperParameterTuningJobName": parent}]
    assert tuning["OverallBestTrainingJob"]["TuningJobName"] in (parent, child)

    config["warm_start_config"]["parent_hyperparameter_tuning_jobs"] = [parent, "nobody"]
    refused = await flyte.end(
        ALONE, await flyte.create(ALONE, {**inputs, "static_hyperparameters": {**STATIC, "gamma": 1, "etta": 1}})
    )
    assert refused.phase == TaskExecution.FAILED
    for words in ("'nobody': does not exist", "Leave out etta, gamma.", "Did you mean 'eta'?"):
        assert words in refused.message


async def test_overrides_come_last_and_are_checked_like_the_rest(
    flyte: Flyte, inputs: dict[str, Any], boto: Any
) -> None:
    meta = await flyte.create(SEEDED, inputs)
    assert (await flyte.end(SEEDED, meta)).phase == TaskExecution.SUCCEEDED
    name = flyte.plain_outputs(meta)["hpo_job_name"]
    tuning = boto.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert tuning["HyperParameterTuningJobConfig"]["RandomSeed"] == 7
    limits = {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2, "MaxRuntimeInSeconds": 900}
    assert tuning["HyperParameterTuningJobConfig"]["ResourceLimits"] == limits

    wrong = SdkSimpleHPOJobTask(
        training_job=TRAIN,
        max_number_of_training_jobs=2,
        max_parallel_training_jobs=2,
        overrides={"HyperParameterTuningJobConfig": {"RandomSed": 7, "Strategy": "Guess"}, "Tags": []},
        name="wrong",
    )
    refused = await flyte.end(wrong, await flyte.create(wrong, inputs))
    assert refused.phase == TaskExecution.FAILED
    for words in ("RandomSed", "Did you mean 'RandomSeed'?", "Guess", "overrides.Tags"):
        assert words in refused.message
