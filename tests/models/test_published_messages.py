"""The messages that flyteidl once published keep their meaning, and the proposal's samples build."""

from typing import Any

import pytest

from flytekit_sagemaker import types
from flytekit_sagemaker.models import hpo_job, training_job
from flytekit_sagemaker.models.codec import Model, all_models

# Those of the package flyteidl.plugins.sagemaker, whose TrainingJobResourceConfig is TrainingJobConfig here.
FIELDS: dict[str, dict[str, int]] = {
    "MetricDefinition": {"name": 1, "regex": 2},
    "AlgorithmSpecification": {
        "input_mode": 1,
        "algorithm_name": 2,
        "algorithm_version": 3,
        "metric_definitions": 4,
        "input_content_type": 5,
    },
    "TrainingJobConfig": {
        "instance_count": 1,
        "instance_type": 2,
        "volume_size_in_gb": 3,
        "distributed_protocol": 4,
    },
    "TrainingJob": {"algorithm_specification": 1, "training_job_config": 2},
    "ContinuousParameterRange": {"max_value": 1, "min_value": 2, "scaling_type": 3},
    "IntegerParameterRange": {"max_value": 1, "min_value": 2, "scaling_type": 3},
    "CategoricalParameterRange": {"values": 1},
    "ParameterRangeOneOf": {
        "continuous_parameter_range": 1,
        "integer_parameter_range": 2,
        "categorical_parameter_range": 3,
    },
    "ParameterRanges": {"parameter_range_map": 1},
    "HyperparameterTuningObjective": {"objective_type": 1, "metric_name": 2},
    "HyperparameterTuningJobConfig": {
        "hyperparameter_ranges": 1,
        "tuning_strategy": 2,
        "tuning_objective": 3,
        "training_job_early_stopping_type": 4,
    },
    "HyperparameterTuningJob": {
        "training_job": 1,
        "max_number_of_training_jobs": 2,
        "max_parallel_training_jobs": 3,
    },
    "StoppingCondition": {"max_runtime_in_seconds": 1, "max_wait_time_in_seconds": 2},
}
ENUMS: dict[str, dict[str, int]] = {
    "InputMode": {"FILE": 0, "PIPE": 1},
    "AlgorithmName": {"CUSTOM": 0, "XGBOOST": 1},
    "InputContentType": {"TEXT_CSV": 0},
    "DistributedProtocol": {"UNSPECIFIED": 0, "MPI": 1},
    "HyperparameterScalingType": {"AUTO": 0, "LINEAR": 1, "LOGARITHMIC": 2, "REVERSELOGARITHMIC": 3},
    "HyperparameterTuningObjectiveType": {"MINIMIZE": 0, "MAXIMIZE": 1},
    "HyperparameterTuningStrategy": {"BAYESIAN": 0, "RANDOM": 1},
    "TrainingJobEarlyStoppingType": {"OFF": 0, "AUTO": 1},
}


@pytest.mark.parametrize("name", FIELDS)
def test_published_fields_keep_their_numbers(name: str) -> None:
    message = next(cls.MESSAGE.DESCRIPTOR for cls in all_models() if cls.__name__ == name)
    assert FIELDS[name].items() <= {field.name: field.number for field in message.fields}.items()


@pytest.mark.parametrize("name", ENUMS)
def test_published_enum_values_keep_their_numbers(name: str) -> None:
    assert ENUMS[name].items() <= {member.name: member.value for member in getattr(types, name)}.items()


def enum_fields() -> list[Any]:
    members = [field for cls in all_models() for field in cls.MESSAGE.DESCRIPTOR.fields if field.enum_type]
    return sorted({field.enum_type.containing_type.name: field.enum_type for field in members}.items())


@pytest.mark.parametrize(("name", "enum"), enum_fields())
def test_the_python_enums_are_those_of_the_messages(name: str, enum: Any) -> None:
    assert {member.name: member.value for member in getattr(types, name)} == {
        value.name: value.number for value in enum.values
    }


def samples() -> dict[str, Model]:
    metric = training_job.MetricDefinition(name="Minimize", regex="validation:error")
    return {
        "algorithm": training_job.AlgorithmSpecification(
            input_mode=types.InputMode.FILE,
            algorithm_name=types.AlgorithmName.XGBOOST,
            algorithm_version="0.72",
            metric_definitions=[metric],
        ),
        "resources": training_job.TrainingJobConfig(
            instance_type="ml.m4.xlarge", instance_count=1, volume_size_in_gb=25
        ),
        "custom": training_job.AlgorithmSpecification(
            input_mode=types.InputMode.FILE, algorithm_name=types.AlgorithmName.CUSTOM, metric_definitions=[metric]
        ),
        "search": hpo_job.HyperparameterTuningJobConfig(
            tuning_strategy=types.HyperparameterTuningStrategy.BAYESIAN,
            tuning_objective=hpo_job.HyperparameterTuningObjective(
                objective_type=types.HyperparameterTuningObjectiveType.MINIMIZE, metric_name="validation:error"
            ),
            training_job_early_stopping_type=types.TrainingJobEarlyStoppingType.AUTO,
        ),
    }


@pytest.mark.parametrize("name", samples())
def test_the_samples_of_the_proposal_build(name: str) -> None:
    model = samples()[name]
    assert type(model).from_flyte_idl(model.to_flyte_idl()) == model


def test_a_stopping_condition_of_the_proposal_as_a_message() -> None:
    message = training_job.StoppingCondition(max_runtime_in_seconds=43200).to_flyte_idl()
    assert message.max_runtime_in_seconds == 43200
    assert not message.HasField("max_wait_time_in_seconds")
