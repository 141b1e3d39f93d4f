"""A broken rule is refused with the field, the value and the rule; all of them in one error."""

import json
import math
import re
from typing import Any

import numpy as np
import pytest

from flytekit_sagemaker import types
from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.models import hpo_job, parameter_ranges, training_job
from flytekit_sagemaker.models.codec import Model, from_wire
from flytekit_sagemaker.requests.channels import CONTENT_TYPES
from flytekit_sagemaker.testing import builders as make

LONG = "x" * 513
PARENTS = "parent_hyperparameter_tuning_jobs"
FILES = {"file_system_id": "fs-0123456789abcdef0", "directory_path": "/data"}
VPC = {"security_group_ids": ["sg-1"], "subnets": ["subnet-1"]}
DATASET = "arn:aws:sagemaker:us-east-1:123456789012:hub-content/hub/DataSet/orders/1.0.0"
CONTINUOUS = {"continuous_parameter_range": {"min_value": 0, "max_value": 1}}


def ranges(count: int) -> dict[str, Any]:
    return {"parameter_range_map": {f"h{index}": CONTINUOUS for index in range(count)}}


VALID: dict[str, dict[str, Any]] = {
    "MetricDefinition": {"name": "validation:error", "regex": "error:(.*)"},
    "AlgorithmSpecification": {"algorithm_name": "XGBOOST"},
    "TrainingJobConfig": {"instance_type": "ml.m5.xlarge", "volume_size_in_gb": 1},
    "StoppingCondition": {"max_runtime_in_seconds": 60},
    "InstanceConfig": {"instance_type": "ml.m5.xlarge", "volume_size_in_gb": 1},
    "FileSystemDataSource": FILES,
    "Channel": {"name": "train"},
    "Function": {"tunable_inputs": {"depth": "int"}},
    "TrainingJob": make.training_job().to_dict(),
    "ContinuousParameterRange": {"min_value": 0.0, "max_value": 1.0},
    "IntegerParameterRange": {"min_value": 0, "max_value": 9},
    "CategoricalParameterRange": {"values": ["a", "b"]},
    "ParameterRangeOneOf": CONTINUOUS,
    "ParameterRanges": ranges(1),
    "HyperparameterTuningObjective": {"objective_type": "MINIMIZE", "metric_name": "validation:error"},
    "WarmStartConfig": {"warm_start_type": "TRANSFER_LEARNING", "parent_hyperparameter_tuning_jobs": ["parent"]},
    "HyperparameterTuningJobConfig": make.tuning_config().to_dict(),
    "HyperparameterTuningJob": make.tuning_job().to_dict(),
}

# class, what to change, field of the problem, words of its rule
BROKEN: list[tuple[str, dict[str, Any], str, str]] = [
    ("MetricDefinition", {"name": ""}, "name", "1 to 255 characters, has 0"),
    ("MetricDefinition", {"regex": "x" * 501}, "regex", "1 to 500 characters, has 501"),
    ("MetricDefinition", {"regex": "("}, "regex", "must be a regular expression"),
    ("AlgorithmSpecification", {"algorithm_name": "XGBOST"}, "algorithm_name", "must be one of CUSTOM, XGBOOST"),
    ("AlgorithmSpecification", {"input_mode": 9}, "input_mode", "FILE, PIPE, FASTFILE"),
    ("AlgorithmSpecification", {"input_mode": types.AlgorithmName.CUSTOM}, "input_mode", "must be one of"),
    ("AlgorithmSpecification", {"metric_definitions": [VALID["MetricDefinition"]] * 41}, "metric_definitions", "40"),
    ("AlgorithmSpecification", {"metric_definitions": "error"}, "metric_definitions", "must be a list"),
    ("AlgorithmSpecification", {"training_image": LONG}, "training_image", "at most 255 characters, has 513"),
    ("AlgorithmSpecification", {"algorithm_resource": "mine"}, "algorithm_name", "CUSTOM with an algorithm_resource"),
    (
        "AlgorithmSpecification",
        {"algorithm_name": "CUSTOM", "training_image": "image:1", "algorithm_resource": "mine"},
        "algorithm_resource",
        "together with training_image",
    ),
    (
        "AlgorithmSpecification",
        {"algorithm_name": "CUSTOM", "algorithm_resource": "-mine-"},
        "algorithm_resource",
        "'my-algorithm'",
    ),
    ("InstanceConfig", {"instance_type": "m5.xlarge"}, "instance_type", "'ml.m5.xlarge'"),
    ("InstanceConfig", {"instance_count": 0}, "instance_count", "at least 1"),
    ("TrainingJobConfig", {"instance_configs": [VALID["InstanceConfig"]] * 6}, "instance_configs", "at most 5"),
    ("TrainingJobConfig", {"instance_configs": ["ml.m5.large"]}, "instance_configs[0]", "must be a InstanceConfig"),
    ("TrainingJobConfig", {"instance_type": "m5.xlarge"}, "instance_type", "'ml.m5.xlarge'"),
    ("TrainingJobConfig", {"instance_type": 5}, "instance_type", "must be a text"),
    ("TrainingJobConfig", {"volume_size_in_gb": -1}, "volume_size_in_gb", "between 1 and 16384"),
    ("TrainingJobConfig", {"volume_size_in_gb": "3"}, "volume_size_in_gb", "must be a whole number"),
    ("TrainingJobConfig", {"volume_size_in_gb": 1.5}, "volume_size_in_gb", "must be a whole number"),
    ("TrainingJobConfig", {"volume_size_in_gb": math.nan}, "volume_size_in_gb", "must be a whole number"),
    ("TrainingJobConfig", {"volume_size_in_gb": 2**63}, "volume_size_in_gb", "between -2**63 and 2**63 - 1"),
    ("TrainingJobConfig", {"instance_count": 0}, "instance_count", "at least 1"),
    ("TrainingJobConfig", {"instance_count": True}, "instance_count", "must be a whole number"),
    ("TrainingJobConfig", {"role_arn": "SageMakerRole"}, "role_arn", "arn:aws:iam::"),
    ("TrainingJobConfig", {"role_arn": "arn:aws:iam::١٢٣456789012:role/x"}, "role_arn", "arn:aws:iam::"),
    ("TrainingJobConfig", {"region": "Virginia"}, "region", "'us-east-1'"),
    ("TrainingJobConfig", {"keep_alive_period_in_seconds": 21601}, "keep_alive_period_in_seconds", "0 and 21600"),
    ("TrainingJobConfig", {"subnets": ["subnet-1"]}, "security_group_ids", "other half of the VPC"),
    ("TrainingJobConfig", {"security_group_ids": ["sg-1"]}, "subnets", "other half of the VPC"),
    ("TrainingJobConfig", {**VPC, "security_group_ids": "sg-1"}, "security_group_ids", "must be a list"),
    ("TrainingJobConfig", {**VPC, "subnets": ["sub net"]}, "subnets", "'subnet-0a1b2c3d'"),
    ("TrainingJobConfig", {**VPC, "security_group_ids": ["default"]}, "security_group_ids", "'sg-0a1b2c3d'"),
    ("TrainingJobConfig", {"output_path": "bucket/prefix"}, "output_path", "'s3://bucket/prefix'"),
    ("TrainingJobConfig", {"checkpoint_local_path": "/opt/x"}, "checkpoint_s3_uri", "with checkpoint_local_path"),
    ("TrainingJobConfig", {"enable_network_isolation": 1}, "enable_network_isolation", "True or False"),
    ("TrainingJobConfig", {"tags": {"a": 1}}, "tags['a']", "must be a text"),
    ("TrainingJobConfig", {"tags": {1: "a"}}, "tags[1]", "must be a text"),
    ("TrainingJobConfig", {"tags": ["a"]}, "tags", "must be a dictionary"),
    ("TrainingJobConfig", {"tags": {str(n): "" for n in range(44)}}, "tags", "at most 43 entries, has 44"),
    ("TrainingJobConfig", {"max_retry_attempts": 31}, "max_retry_attempts", "between 1 and 30"),
    ("StoppingCondition", {"max_runtime_in_seconds": 0}, "max_runtime_in_seconds", "between 1 and 2419200"),
    ("StoppingCondition", {"max_wait_time_in_seconds": 59}, "max_wait_time_in_seconds", "at least max_runtime"),
    ("Channel", {"name": "my channel"}, "name", "'validation'"),
    ("Channel", {"name": "x" * 65}, "name", "'validation'"),
    ("FileSystemDataSource", {"file_system_id": "fs-1"}, "file_system_id", "'fs-0123456789abcdef0'"),
    ("FileSystemDataSource", {"directory_path": "data"}, "directory_path", "'/data/train'"),
    ("FileSystemDataSource", {"access_mode": "write"}, "access_mode", "RO, RW"),
    ("Channel", {"content_type": "text\ncsv"}, "content_type", "'text/csv'"),
    ("Channel", {"file_system": FILES, "dataset_arn": DATASET}, "dataset_arn", "together with file_system"),
    ("Channel", {"dataset_arn": "orders"}, "dataset_arn", "must look like 'arn:aws:sagemaker"),
    ("Channel", {"file_system": FILES, "s3_data_type": "CONVERSE"}, "s3_data_type", "for data in S3, and file_system"),
    ("Channel", {"dataset_arn": DATASET, "accept_eula": False}, "accept_eula", "for data in S3, and dataset_arn"),
    ("Channel", {"attribute_names": ["a"]}, "attribute_names", "AUGMENTED_MANIFEST_FILE"),
    ("Channel", {"s3_data_type": "AUGMENTED_MANIFEST_FILE", "input_mode": "FILE"}, "input_mode", "must be PIPE"),
    ("Channel", {"shuffle_seed": -1}, "shuffle_seed", "at least 0"),
    ("Function", {"tunable_inputs": {"depth": "list"}}, "tunable_inputs", "must look like 'int, float, str or bool'"),
    ("TrainingJob", {"channels": [{"name": "train"}] * 2}, "channels", "declared twice"),
    ("TrainingJob", {"function": {}}, "algorithm_specification.algorithm_name", "must be CUSTOM"),
    ("TrainingJob", {"channels": [{"name": f"c{n}"} for n in range(21)]}, "channels", "at most 20 entries"),
    (
        "TrainingJob",
        {"algorithm_specification": {"algorithm_name": "CUSTOM", "algorithm_version": "1"}},
        "algorithm_specification.algorithm_version",
        "built-in algorithms only",
    ),
    (
        "TrainingJob",
        {"algorithm_specification": {"algorithm_name": "CUSTOM", "algorithm_resource": "mine"}, "function": {}},
        "algorithm_specification.algorithm_resource",
        "no function can run",
    ),
    ("TrainingJob", {"overrides": ["a"]}, "overrides", "must be a dictionary"),
    ("TrainingJob", {"overrides": {"A": {"B": [1, math.nan]}}}, "overrides.A.B[1]", "a finite number"),
    ("TrainingJob", {"overrides": {"A": {1: 2}}}, "overrides.A", "must be a text"),
    ("TrainingJob", {"overrides": {"A": 2**53 + 1}}, "overrides.A", "a double holds exactly"),
    ("ContinuousParameterRange", {"min_value": 2}, "min_value", "must not exceed max_value (1.0)"),
    ("ContinuousParameterRange", {"min_value": math.nan}, "min_value", "finite number"),
    ("ContinuousParameterRange", {"max_value": math.inf}, "max_value", "finite number"),
    ("ContinuousParameterRange", {"max_value": 10**400}, "max_value", "finite number"),
    ("ContinuousParameterRange", {"max_value": False}, "max_value", "finite number"),
    ("ContinuousParameterRange", {"scaling_type": "LOGARITHMIC"}, "min_value", "above 0 with LOGARITHMIC"),
    ("ContinuousParameterRange", {"scaling_type": "REVERSELOGARITHMIC"}, "scaling_type", "bounds in [0, 1)"),
    ("IntegerParameterRange", {"min_value": 10}, "min_value", "must not exceed max_value (9)"),
    ("IntegerParameterRange", {"scaling_type": "LOGARITHMIC"}, "min_value", "above 0 with LOGARITHMIC"),
    ("IntegerParameterRange", {"scaling_type": "REVERSELOGARITHMIC"}, "scaling_type", "continuous ranges only"),
    ("CategoricalParameterRange", {"values": []}, "values", "1 to 30 entries, has 0"),
    ("CategoricalParameterRange", {"values": list(range(31))}, "values", "1 to 30 entries, has 31"),
    ("CategoricalParameterRange", {"values": [1, "1"]}, "values", "must not repeat"),
    ("CategoricalParameterRange", {"values": "abc"}, "values", "must be a list"),
    ("CategoricalParameterRange", {"values": ["a", math.nan]}, "values[1]", "finite number"),
    ("ParameterRanges", ranges(31), "parameter_range_map", "at most 30 entries, has 31"),
    ("HyperparameterTuningObjective", {"objective_type": "Minimise"}, "objective_type", "MINIMIZE, MAXIMIZE"),
    ("HyperparameterTuningObjective", {"metric_name": ""}, "metric_name", "1 to 255 characters"),
    ("WarmStartConfig", {"parent_hyperparameter_tuning_jobs": []}, "parent_hyperparameter_tuning_jobs", "1 to 5"),
    ("WarmStartConfig", {"parent_hyperparameter_tuning_jobs": list("abcdef")}, PARENTS, "1 to 5 entries, has 6"),
    (
        "WarmStartConfig",
        {"parent_hyperparameter_tuning_jobs": ["one", "ONE"]},
        PARENTS,
        "named twice",
    ),
    ("WarmStartConfig", {"parent_hyperparameter_tuning_jobs": "p"}, PARENTS, "must be a list"),
    ("WarmStartConfig", {"parent_hyperparameter_tuning_jobs": ["a_b"]}, "parent_hyperparameter_tuning_jobs", "like"),
    ("HyperparameterTuningJobConfig", {"max_runtime_in_seconds": 119}, "max_runtime_in_seconds", "120 and 15768000"),
    ("HyperparameterTuningJobConfig", {"tuning_strategy": "Bayes"}, "tuning_strategy", "BAYESIAN, RANDOM, GRID, HYP"),
    ("HyperparameterTuningJobConfig", {"random_seed": -1}, "random_seed", "between 0"),
    ("HyperparameterTuningJobConfig", {"hyperband_max_resource": 9}, "hyperband_max_resource", "HYPERBAND strategy"),
    (
        "HyperparameterTuningJobConfig",
        {"tuning_strategy": "HYPERBAND", "hyperband_min_resource": 9, "hyperband_max_resource": 3},
        "hyperband_min_resource",
        "must not exceed hyperband_max_resource (3)",
    ),
    (
        "HyperparameterTuningJobConfig",
        {"tuning_strategy": "HYPERBAND", "training_job_early_stopping_type": "AUTO"},
        "training_job_early_stopping_type",
        "must be OFF with HYPERBAND",
    ),
    (
        "HyperparameterTuningJobConfig",
        {"max_number_of_training_jobs_not_improving": 2},
        "max_number_of_training_jobs_not_improving",
        "at least 3",
    ),
    ("HyperparameterTuningJob", {"max_number_of_training_jobs": 10001}, "max_number_of_training_jobs", "10000"),
    (
        "HyperparameterTuningJob",
        {"max_number_of_training_jobs": 200, "max_parallel_training_jobs": 101},
        "max_parallel_training_jobs",
        "between 1 and 100",
    ),
    ("HyperparameterTuningJob", {"max_parallel_training_jobs": 5}, "max_parallel_training_jobs", "not exceed"),
    ("HyperparameterTuningJob", {"tunable_parameters": ["a"] * 31}, "tunable_parameters", "at most 30"),
    ("HyperparameterTuningJob", {"tunable_parameters": ["eta", "eta"]}, "tunable_parameters", "named twice"),
]


def model_class(name: str) -> type[Model]:
    found: type[Model] = next(
        getattr(module, name) for module in (training_job, hpo_job, parameter_ranges) if hasattr(module, name)
    )
    return found


@pytest.mark.parametrize("name", VALID)
def test_what_the_broken_cases_start_from_is_valid(name: str) -> None:
    model_class(name).from_dict(VALID[name])


@pytest.mark.parametrize(
    ("name", "change", "field", "words"), BROKEN, ids=[f"{name}-{field}-{words}" for name, _, field, words in BROKEN]
)
def test_a_broken_rule_is_refused(name: str, change: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        model_class(name).from_dict({**VALID[name], **change})
    (problem,) = caught.value.problems
    assert problem.field == field
    assert words in problem.rule
    assert name in str(caught.value)


def test_rules_between_fields_are_told_with_what_is_wrong_in_single_fields() -> None:
    with pytest.raises(InvalidInput) as caught:
        training_job.TrainingJobConfig(
            instance_type="m5", volume_size_in_gb=0, security_group_ids=["x"], checkpoint_local_path="/x"
        )
    assert [problem.field for problem in caught.value.problems] == [
        "instance_type",
        "volume_size_in_gb",
        "security_group_ids",
        "subnets",
        "checkpoint_s3_uri",
    ]
    with pytest.raises(InvalidInput) as caught:
        hpo_job.HyperparameterTuningJobConfig(
            tuning_strategy="HYPERBAND",  # type: ignore[arg-type]
            tuning_objective={"objective_type": "least", "metric_name": "rmse"},  # type: ignore[arg-type]
            training_job_early_stopping_type="AUTO",  # type: ignore[arg-type]
            random_seed=-1,
        )
    assert [problem.field for problem in caught.value.problems] == [
        "tuning_objective.objective_type",
        "random_seed",
        "training_job_early_stopping_type",
    ]


@pytest.mark.parametrize(
    ("cls", "values", "wrong"),
    [
        # Of a limit that is none, and a strategy that is none, nothing follows.
        ("StoppingCondition", {"max_runtime_in_seconds": "an hour", "max_wait_time_in_seconds": 1}, "max_runtime"),
        ("HyperparameterTuningJobConfig", {"tuning_strategy": "Best", "hyperband_max_resource": 9}, "tuning_strategy"),
        ("HyperparameterTuningJob", {"max_number_of_training_jobs": 0}, "max_number_of_training_jobs"),
        ("IntegerParameterRange", {"max_value": "nine", "min_value": 10}, "max_value"),
        ("TrainingJobConfig", {"checkpoint_s3_uri": "", "checkpoint_local_path": "/x"}, "checkpoint_s3_uri"),
    ],
)
def test_nothing_is_concluded_from_a_field_that_is_wrong(cls: str, values: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        model_class(cls).from_dict({**VALID[cls], **values})
    (problem,) = caught.value.problems
    assert problem.field.startswith(wrong)


@pytest.mark.parametrize(
    ("field", "given", "told"),
    [
        ("security_group_ids", "subnet-1", "It is the id of a subnet: did you swap them?"),
        ("subnets", "sg-1", "It is the id of a security group: did you swap them?"),
        ("subnets", "default", ""),
    ],
)
def test_the_ids_of_a_vpc_say_which_is_which(field: str, given: str, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        model_class("TrainingJobConfig").from_dict({**VALID["TrainingJobConfig"], **VPC, field: [given]})
    (problem,) = caught.value.problems
    assert (problem.field, problem.value, problem.remedy) == (field, given, told)


def test_a_path_in_place_of_a_uri_is_written_as_one() -> None:
    with pytest.raises(InvalidInput, match="Write 'file:///tmp/my%20jobs' for a folder of this machine"):
        make.training_job_config(checkpoint_s3_uri="/tmp/my jobs")
    bucket = "Write 's3://my-bucket/x' for a place in a bucket, or file:// and the whole path for a folder"
    with pytest.raises(InvalidInput, match=bucket):
        make.training_job_config(output_path="my-bucket/x")


@pytest.mark.parametrize("given", ["S3:/bucket/models", "s3:bucket/models", "S3://bucket/models"])
def test_a_uri_that_is_almost_one_of_s3_is_written_as_one(given: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make.training_job_config(output_path=given)
    (problem,) = caught.value.problems
    assert problem.remedy == "Write 's3://bucket/models'."


def test_a_member_of_an_enum_is_told_by_its_name() -> None:
    with pytest.raises(InvalidInput, match=r"input_mode = 'FILE': must be PIPE"):
        training_job.Channel(name="a", s3_data_type=types.S3DataType.AUGMENTED_MANIFEST_FILE, input_mode="File")  # type: ignore[arg-type]


def test_more_parallel_trials_than_trials_has_a_remedy() -> None:
    with pytest.raises(InvalidInput, match=r"max_number_of_training_jobs \(4\)\. Set it to 4 or less\."):
        make.tuning_job(max_number_of_training_jobs=4, max_parallel_training_jobs=5)


def test_every_problem_is_in_one_error_under_its_whole_path() -> None:
    with pytest.raises(InvalidInput) as caught:
        hpo_job.HyperparameterTuningJob.from_dict(
            {
                "training_job": {
                    "algorithm_specification": {"algorithm_name": "XGBOOST", "metric_definitions": [{"name": "x"}]},
                    "training_job_config": {"instance_type": "large", "instance_count": 0},
                    "chanels": [],
                },
                "max_number_of_training_jobs": 0,
                "max_parallel_training_jobs": 1,
            }
        )
    assert {problem.field for problem in caught.value.problems} == {
        "training_job.algorithm_specification.metric_definitions[0].regex",
        "training_job.training_job_config.instance_type",
        "training_job.training_job_config.instance_count",
        "training_job.training_job_config.volume_size_in_gb",
        "training_job.chanels",
        "max_number_of_training_jobs",
    }
    assert "6 problems" in str(caught.value)
    assert "training_job.training_job_config.volume_size_in_gb is required" in str(caught.value)
    assert "Did you mean 'channels'?" in str(caught.value)


@pytest.mark.parametrize("read", [lambda cls, values: cls.from_dict(values), from_wire])
@pytest.mark.parametrize(
    ("cls", "field"),
    [
        (training_job.TrainingJob, "algorithm_specification"),
        (hpo_job.HyperparameterTuningJobConfig, "tuning_objective"),
    ],
)
def test_a_missing_part_is_named(read: Any, cls: type[Model], field: str) -> None:
    with pytest.raises(InvalidInput, match=f"{field} is required"):
        read(cls, {})


@pytest.mark.parametrize(
    "values",
    [{}, {**CONTINUOUS, "categorical_parameter_range": {"values": ["a"]}}, {"param": CONTINUOUS}, {"range": 1}],
)
def test_a_range_has_exactly_one_kind(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        parameter_ranges.ParameterRangeOneOf.from_dict(values)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"min_value": 1, "max_value": 5}, "integer"),
        ({"min_value": 0.1, "max_value": 5, "scaling_type": "LINEAR"}, "continuous"),
        ({"values": ["a"]}, "categorical"),
    ],
)
def test_a_range_without_its_kind_is_written_out(values: dict[str, Any], kind: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parameter_ranges.ParameterRanges.of({"parameter_range_map": {"x": values}})
    (problem,) = caught.value.problems
    assert problem.field == "parameter_range_map['x']"
    written = json.loads(problem.remedy.removeprefix("Write ").removesuffix("."))
    assert written == {f"{kind}_parameter_range": values}
    assert parameter_ranges.ParameterRangeOneOf.of(written)


def test_a_content_type_is_taken_as_a_mime_type_too() -> None:
    for content_type, mime_type in CONTENT_TYPES.items():
        specification = training_job.AlgorithmSpecification(algorithm_name="KMEANS", input_content_type=mime_type)  # type: ignore[arg-type]
        assert specification.input_content_type is content_type


def test_a_bare_range_is_taken_for_one_of_the_three() -> None:
    bare = parameter_ranges.IntegerParameterRange(min_value=1, max_value=2)
    wrapped = parameter_ranges.ParameterRangeOneOf(param=bare)
    for given in (bare, bare.to_flyte_idl(), wrapped, wrapped.to_flyte_idl(), wrapped.to_dict()):
        assert parameter_ranges.ParameterRanges(parameter_range_map={"x": given}).parameter_range_map["x"] == wrapped


@pytest.mark.parametrize(
    "spelling", [types.InputMode.FASTFILE, 2, 2.0, "FASTFILE", "FastFile", "fast_file", "fastfile", "Fast File"]
)
def test_an_enum_is_taken_in_any_spelling(spelling: Any) -> None:
    specification = training_job.AlgorithmSpecification(algorithm_name="XGBoost", input_mode=spelling)  # type: ignore[arg-type]
    assert specification.input_mode is types.InputMode.FASTFILE
    assert specification.algorithm_name is types.AlgorithmName.XGBOOST


def test_a_misspelled_enum_is_answered_with_the_right_word() -> None:
    with pytest.raises(InvalidInput, match="Did you mean 'XGBOOST'"):
        training_job.AlgorithmSpecification(algorithm_name="xgbost")  # type: ignore[arg-type]


def test_camel_case_names_are_taken() -> None:
    assert training_job.StoppingCondition.from_dict({"maxRuntimeInSeconds": 60}).max_runtime_in_seconds == 60


def test_numbers_of_numpy_are_numbers() -> None:
    values = np.array([1, 3])
    assert parameter_ranges.IntegerParameterRange(min_value=values[0], max_value=values[1]).max_value == 3
    rates = np.array([0.25, 0.5], dtype=np.float32)
    assert parameter_ranges.ContinuousParameterRange(min_value=rates[0], max_value=rates[1]).min_value == 0.25
    assert parameter_ranges.CategoricalParameterRange(values=values).values == ("1", "3")


@pytest.mark.parametrize("text", ["", "[]", "3", "{", '"eta"'])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="StoppingCondition|value"):
        training_job.StoppingCondition.from_json(text)


@pytest.mark.parametrize(
    "wire",
    [{"maxRuntimeInSeconds": "soon"}, {"maxRuntimeInSeconds": [1]}, {"maxRuntimeInSeconds": 1.5}],
)
def test_what_is_no_message_is_refused_on_the_wire(wire: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="protobuf JSON"):
        from_wire(training_job.StoppingCondition, wire)


@pytest.mark.parametrize("value", [0.3, 3, "linear", ["a", "b"], (0.1, 0.4)])
def test_a_value_is_no_range(value: object) -> None:
    with pytest.raises(
        InvalidInput, match="must be a range: ContinuousParameterRange.*Give a fixed value among the static"
    ):
        parameter_ranges.ParameterRangeOneOf.of(value)


def test_a_tuning_job_trains_one_thing_or_several_by_name() -> None:
    limits = {"max_number_of_training_jobs": 2, "max_parallel_training_jobs": 1}
    elsewhere = make.training_job(training_job_config=make.training_job_config(region="eu-west-1"))
    wrong: dict[str, dict[str, Any]] = {
        "training_job must be given, or training_jobs": {},
        "or training_jobs in its place": {"training_job": make.training_job(), "training_jobs": {"a": elsewhere}},
        "letters, digits and inner hyphens": {"training_jobs": {"a_b": make.training_job()}},
        "region = [None, 'eu-west-1']: must be the same": {"training_jobs": {"a": make.training_job(), "b": elsewhere}},
        "are for a single training job": {"training_jobs": {"a": elsewhere}, "tunable_parameters": ["eta"]},
        "tunable_parameters = 3: must": {"training_jobs": {"a": elsewhere}, "tunable_parameters": 3},
    }
    for words, fields in wrong.items():
        with pytest.raises(InvalidInput, match=re.escape(words)):
            hpo_job.HyperparameterTuningJob(**limits, **fields)


def test_a_channel_that_is_an_input_of_one_of_several_training_jobs_is_one_of_the_task() -> None:
    of_files = make.training_job(channels=[{"name": "train", "file_system": FILES, "required": False}])
    optional = make.training_job(channels=[{"name": "train", "required": False}])
    required = make.training_job(channels=[{"name": "train"}])
    limits = {"max_number_of_training_jobs": 2, "max_parallel_training_jobs": 1}
    for jobs, needed in (
        ((of_files, optional), False),
        ((optional, of_files), False),
        ((of_files, required), True),
        ((optional, required), True),
    ):
        tuned = hpo_job.HyperparameterTuningJob(**limits, training_jobs=dict(zip("ab", jobs, strict=True)))
        assert [(channel.is_input, channel.required) for channel in tuned.channels] == [(True, needed)]
