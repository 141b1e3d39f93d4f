"""What the service, or the algorithm inside the job, would refuse is found before anything is sent."""

import random
from typing import Any

import botocore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytekit_sagemaker import types
from flytekit_sagemaker.errors import InvalidInput
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningObjective
from flytekit_sagemaker.models.parameter_ranges import ContinuousParameterRange, ParameterRangeOneOf
from flytekit_sagemaker.requests import training
from flytekit_sagemaker.requests.api_words import api_word
from flytekit_sagemaker.requests.names import JobIdentity
from flytekit_sagemaker.requests.request_members import TUNING_CONFIG
from flytekit_sagemaker.requests.training import BuiltRequest
from flytekit_sagemaker.requests.validation import (
    LOCAL_URI_SCHEMES,
    _compiled,
    _input_shape,
    check_request,
)
from flytekit_sagemaker.testing import builders as make
from tests.requests import samples
from tests.requests.changes import GONE, changed

CONFIG = "HyperParameterTuningJobConfig"
OBJECTIVE = f"{CONFIG}.HyperParameterTuningJobObjective"
RANGES = f"{CONFIG}.ParameterRanges"
ETA = f"{RANGES}.ContinuousParameterRanges[0]"
LIMITS = f"{CONFIG}.ResourceLimits"
JOB = "TrainingJobDefinition"
TUNING_RESOURCES = f"{JOB}.HyperParameterTuningResourceConfig"
SOURCE = "InputDataConfig[0].DataSource.S3DataSource"


def integer(name: str, low: str = "1", high: str = "9", scaling: str = "Auto") -> dict[str, Any]:
    return {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scaling}


def categorical(*values: str, name: str = "num_round") -> dict[str, Any]:
    return {"Name": name, "Values": list(values)}


PARENTS = "ParentHyperParameterTuningJobs"
PREFERENCES = "ResourceConfig.InstancePreferences"
SMALL = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
FILES = {"FileSystemId": "fs-01234567", "FileSystemType": "EFS", "FileSystemAccessMode": "ro", "DirectoryPath": "/"}


def preferences(*several: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"ResourceConfig": {"InstancePreferences": list(several), "VolumeSizeInGB": 9}, **changes}


METRICS = f"{JOB}.AlgorithmSpecification.MetricDefinitions"
CUSTOM_TUNING = {
    f"{JOB}.AlgorithmSpecification.TrainingImage": samples.IMAGE,
    METRICS: [{"Name": "validation:rmse", "Regex": "rmse=(.*)"}],
}
HYPERBAND = f"{CONFIG}.StrategyConfig.HyperbandStrategyConfig"


def hyperband(epochs: str = "", **resources: int) -> dict[str, Any]:
    static = {"epochs": epochs} if epochs else {}
    strategy = {f"{CONFIG}.Strategy": "Hyperband", HYPERBAND: resources}
    return {**CUSTOM_TUNING, **strategy, f"{JOB}.StaticHyperParameters": static}


GRID = {
    **CUSTOM_TUNING,
    f"{CONFIG}.Strategy": "Grid",
    RANGES: {"CategoricalParameterRanges": [categorical("1", "2"), categorical("a", "b", "c", name="x")]},
    f"{JOB}.StaticHyperParameters": {},
    f"{LIMITS}.MaxNumberOfTrainingJobs": 6,
}

# changes to a valid request, field of the problem, words of its message
Case = tuple[dict[str, Any], str, str]
TRAINING: list[Case] = [
    # what botocore checks too
    ({"RoleArn": GONE}, "RoleArn", "RoleArn is required"),
    ({"TrainingJobName": ""}, "TrainingJobName", "at least 1 characters, has 0"),
    ({"HyperParameters.num_round": 10}, "HyperParameters.num_round", "must be a text"),
    ({"ResourceConfig.InstanceCount": "1"}, "ResourceConfig.InstanceCount", "must be a whole number"),
    ({"EnableNetworkIsolation": 1}, "EnableNetworkIsolation", "True or False"),
    ({"InputDataConfig": {}}, "InputDataConfig", "must be a list"),
    ({"HyperParamaters": {}}, "HyperParamaters", "Did you mean 'HyperParameters'?"),
    ({"StoppingCondition.MaxRuntimeInSeconds": 0}, "StoppingCondition.MaxRuntimeInSeconds", "at least 1"),
    # enums, patterns and maxima, which botocore leaves to the service
    ({"TrainingJobName": "a_b"}, "TrainingJobName", "letters, digits and inner hyphens"),
    ({"TrainingJobName": "a" * 64}, "TrainingJobName", "at most 63 characters, has 64"),
    ({"RoleArn": "arn:aws:iam::12:role/Me!"}, "RoleArn", "ARN of an IAM role"),
    ({"AlgorithmSpecification.TrainingInputMode": "Fast"}, "AlgorithmSpecification.TrainingInputMode", "Pipe, File"),
    ({"ResourceConfig.InstanceType": "ml.m5.xlrage"}, "ResourceConfig.InstanceType", "Did you mean 'ml.m5.xlarge'?"),
    ({"ResourceConfig.KeepAlivePeriodInSeconds": 30000}, "ResourceConfig.KeepAlivePeriodInSeconds", "at most 21600"),
    ({"RetryStrategy.MaximumRetryAttempts": 31}, "RetryStrategy.MaximumRetryAttempts", "at most 30"),
    ({"OutputDataConfig.S3OutputPath": "bucket"}, "OutputDataConfig.S3OutputPath", "must be an s3:// URI"),
    (
        {"InputDataConfig[0].ChannelName": "tra in", "AlgorithmSpecification.TrainingImage": samples.IMAGE},
        "InputDataConfig[0].ChannelName",
        "letters, digits and . - _",
    ),
    ({"HyperParameters.seed": "1\n2"}, "HyperParameters.seed", "must not contain a line break"),
    ({"HyperParameters.updater": "x" * 2501}, "HyperParameters.updater", "at most 2500 characters, has 2501"),
    ({"Environment": {"1A": ""}}, "Environment.1A", "does not start with a digit"),
    ({"Environment": {f"E{n}": "" for n in range(101)}}, "Environment", "at most 100 entries, has 101"),
    ({"Tags[0].Value": "naïve ☂"}, "Tags[0].Value", "letters, digits, spaces"),
    ({"Tags[0].Value": "two\nlines"}, "Tags[0].Value", "letters, digits, spaces"),
    # rules between members
    ({"Tags[0].Key": "AWS:mine"}, "Tags[0].Key", "reserved"),
    ({"Tags[0].Key": "flyte-node"}, "Tags", "must not repeat a key"),
    ({"AlgorithmSpecification.TrainingImage": GONE}, "AlgorithmSpecification.TrainingImage", "is required"),
    ({"AlgorithmSpecification.AlgorithmName": "mine"}, "AlgorithmSpecification.AlgorithmName", "together with"),
    ({"StoppingCondition": GONE}, "StoppingCondition", "is required"),
    ({"StoppingCondition.MaxRuntimeInSeconds": 2419201}, "StoppingCondition.MaxRuntimeInSeconds", "28 days"),
    ({"StoppingCondition.MaxWaitTimeInSeconds": 3600}, "StoppingCondition.MaxWaitTimeInSeconds", "managed spot"),
    ({"EnableManagedSpotTraining": True}, "StoppingCondition.MaxWaitTimeInSeconds", "is required with managed spot"),
    (
        {"EnableManagedSpotTraining": True, "StoppingCondition.MaxWaitTimeInSeconds": 60},
        "StoppingCondition.MaxWaitTimeInSeconds",
        "at least MaxRuntimeInSeconds (3600)",
    ),
    (
        {
            "EnableManagedSpotTraining": True,
            "StoppingCondition.MaxWaitTimeInSeconds": 3600,
            "ResourceConfig.KeepAlivePeriodInSeconds": 60,
        },
        "ResourceConfig.KeepAlivePeriodInSeconds",
        "cannot be combined with managed spot",
    ),
    ({"ResourceConfig": GONE}, "ResourceConfig", "is required"),
    ({"ResourceConfig.InstanceType": GONE}, "ResourceConfig.InstanceType", "is required"),
    ({"ResourceConfig.InstanceCount": 0}, "ResourceConfig.InstanceCount", "at least 1"),
    (
        {
            "ResourceConfig.InstanceCount": GONE,
            "ResourceConfig.InstanceGroups": [
                {"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": "a"}
            ],
        },
        "ResourceConfig.InstanceType",
        "left out when InstanceGroups",
    ),
    (preferences({"InstanceType": "ml.m5.large"}), "ResourceConfig.InstanceCount", "for the job, or else for each"),
    (
        preferences(SMALL, **{"ResourceConfig.InstanceType": "ml.m5.large"}),
        "ResourceConfig.InstanceType",
        "left out when InstancePreferences",
    ),
    (preferences(SMALL, SMALL), "ResourceConfig.InstancePreferences", "must not name an instance type twice"),
    (preferences({**SMALL, "InstanceCount": 0}), "ResourceConfig.InstancePreferences", "at least 1"),
    (preferences(*[{**SMALL, "InstanceType": f"ml.m5.{n}xlarge"} for n in (2, 4, 8, 12, 16, 24)]), PREFERENCES, "5"),
    (
        preferences(SMALL, **{"EnableManagedSpotTraining": True, "StoppingCondition.MaxWaitTimeInSeconds": 3600}),
        "ResourceConfig.InstancePreferences",
        "cannot be combined with managed spot",
    ),
    (
        {"InputDataConfig[0].DataSource": {"FileSystemDataSource": FILES}},
        "InputDataConfig[0].DataSource.FileSystemDataSource",
        "Set subnets and security_group_ids",
    ),
    ({"VpcConfig": {"SecurityGroupIds": ["sg-1"]}}, "VpcConfig.Subnets", "is required"),
    ({"InputDataConfig": GONE}, "InputDataConfig.train", "is a required channel"),
    ({"InputDataConfig[1].ChannelName": "train"}, "InputDataConfig", "must not name a channel twice"),
    ({"InputDataConfig[0].DataSource": {}}, "InputDataConfig[0].DataSource", "exactly one source"),
    ({"InputDataConfig[0].CompressionType": "Gzip"}, "InputDataConfig[0].CompressionType", "Pipe mode only"),
    (
        {f"{SOURCE}.S3DataType": "AugmentedManifestFile", "InputDataConfig[0].InputMode": "Pipe"},
        f"{SOURCE}.AttributeNames",
        "is required here",
    ),
    (
        {f"{SOURCE}.S3DataType": "AugmentedManifestFile", f"{SOURCE}.AttributeNames": ["a"]},
        "InputDataConfig[0].InputMode",
        "must be Pipe",
    ),
    ({f"{SOURCE}.S3Uri": "file:///data"}, f"{SOURCE}.S3Uri", "cannot be read by AWS"),
    # rules of the built-in algorithm
    ({"HyperParameters.max_dept": "3"}, "HyperParameters.max_dept", "Did you mean 'max_depth'?"),
    ({"HyperParameters.num_round": GONE}, "HyperParameters.num_round", "num_round is required"),
    ({"HyperParameters.eta": "3"}, "HyperParameters.eta", "[0, 1]"),
    ({"HyperParameters.max_depth": "6.0"}, "HyperParameters.max_depth", "Write '6'."),
    ({"HyperParameters.silent": "1"}, "HyperParameters.silent", "Use 'verbosity' instead."),
    ({"InputDataConfig[0]": GONE}, "InputDataConfig.train", "is a required channel"),
    (
        {"InputDataConfig[1].ChannelName": "validaton"},
        "InputDataConfig.validaton",
        "Did you mean 'validation'?",
    ),
    ({"InputDataConfig[0].ContentType": "text/cvs"}, "InputDataConfig[0].ContentType", "content types"),
]
TUNING: list[Case] = [
    ({"HyperParameterTuningJobName": "a" * 33}, "HyperParameterTuningJobName", "at most 32 characters, has 33"),
    ({f"{CONFIG}.Strategy": "Bayes"}, f"{CONFIG}.Strategy", "Did you mean 'Bayesian'?"),
    ({JOB: GONE}, JOB, "is required"),
    ({f"{JOB}.StoppingCondition": GONE}, f"{JOB}.StoppingCondition", "is required"),
    ({f"{JOB}.Environment": {f"E{n}": "" for n in range(49)}}, f"{JOB}.Environment", "at most 48 entries, has 49"),
    ({RANGES: {}}, RANGES, "at least one range"),
    (
        {f"{LIMITS}.MaxNumberOfTrainingJobs": 751, f"{CONFIG}.Strategy": "Bayesian"},
        f"{LIMITS}.MaxNumberOfTrainingJobs",
        "at most 750",
    ),
    ({f"{LIMITS}.MaxNumberOfTrainingJobs": 10001}, f"{LIMITS}.MaxNumberOfTrainingJobs", "at most 10000"),
    ({f"{LIMITS}.MaxNumberOfTrainingJobs": GONE}, f"{LIMITS}.MaxNumberOfTrainingJobs", "is required"),
    (
        {f"{LIMITS}.MaxParallelTrainingJobs": 5},
        f"{LIMITS}.MaxParallelTrainingJobs",
        "must not exceed MaxNumberOfTrainingJobs (4). Set it to 4 or less.",
    ),
    (
        {f"{LIMITS}.MaxNumberOfTrainingJobs": 200, f"{LIMITS}.MaxParallelTrainingJobs": 101},
        f"{LIMITS}.MaxParallelTrainingJobs",
        "at most 100",
    ),
    ({f"{LIMITS}.MaxRuntimeInSeconds": 119}, f"{LIMITS}.MaxRuntimeInSeconds", "at least 120"),
    ({f"{CONFIG}.StrategyConfig": {}}, f"{CONFIG}.StrategyConfig", "Hyperband strategy only"),
    (
        {f"{CONFIG}.Strategy": "Hyperband"},
        f"{CONFIG}.StrategyConfig.HyperbandStrategyConfig.MaxResource",
        "may have. Set it.",
    ),
    (
        {**CUSTOM_TUNING, f"{CONFIG}.Strategy": "Hyperband"},
        f"{CONFIG}.StrategyConfig.HyperbandStrategyConfig.MaxResource",
        "Set it, or one of the static hyperparameters epochs, numepochs",
    ),
    (
        {**CUSTOM_TUNING, f"{CONFIG}.Strategy": "Hyperband", f"{JOB}.StaticHyperParameters": {"epochs": "ten"}},
        f"{JOB}.StaticHyperParameters.epochs",
        "must be a whole number above 0",
    ),
    (hyperband(MinResource=10, MaxResource=9), f"{HYPERBAND}.MinResource", "must not exceed MaxResource (9)"),
    (hyperband(MaxResource=20001), f"{HYPERBAND}.MaxResource", "must be at most 20000"),
    (
        hyperband(MinResource=10, epochs="5"),
        f"{HYPERBAND}.MinResource",
        "must not exceed the most epochs of a trial (epochs: 5)",
    ),
    (
        hyperband(MinResource=1, epochs="30000"),
        f"{JOB}.StaticHyperParameters.epochs",
        "must be at most 20000 with Hyperband. Set MaxResource, after which",
    ),
    (
        {**CUSTOM_TUNING, METRICS: [{"Name": "validation:rmse", "Regex": "rmse=.*"}]},
        f"{METRICS}[0].Regex",
        "must have a group, which finds the value of the objective. Put parentheses around",
    ),
    (
        {f"{JOB}.VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "sg-2"]}},
        f"{JOB}.VpcConfig.Subnets[1]",
        "'sg-2': must begin with subnet-. It is the id of a security group: did you swap them?",
    ),
    (
        {f"{JOB}.ResourceConfig": GONE, TUNING_RESOURCES: {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 9}},
        f"{TUNING_RESOURCES}.InstanceCount",
        "must be at least 1",
    ),
    (
        {TUNING_RESOURCES: {**SMALL, "VolumeSizeInGB": 9}},
        f"{JOB}.ResourceConfig",
        "must not be given together",
    ),
    (
        {
            f"{JOB}.ResourceConfig": GONE,
            TUNING_RESOURCES: {"InstanceType": "ml.m5.large", "InstanceConfigs": [{**SMALL, "VolumeSizeInGB": 9}]},
        },
        f"{TUNING_RESOURCES}.InstanceType",
        "left out when InstanceConfigs",
    ),
    (
        {
            "WarmStartConfig": {
                "WarmStartType": "TransferLearning",
                "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": f"p{n}"} for n in range(6)],
            }
        },
        "WarmStartConfig.ParentHyperParameterTuningJobs",
        "at most 5 entries, has 6",
    ),
    ({"WarmStartConfig": {"WarmStartType": "TransferLearning"}}, f"WarmStartConfig.{PARENTS}", "is required"),
    (
        {"WarmStartConfig": {PARENTS: [{"HyperParameterTuningJobName": "p"}]}},
        "WarmStartConfig.WarmStartType",
        "is required",
    ),
    (
        {f"{JOB}.ResourceConfig": GONE, TUNING_RESOURCES: {"InstanceCount": 1}},
        f"{TUNING_RESOURCES}.InstanceType",
        "is required",
    ),
    (
        {
            f"{JOB}.ResourceConfig": GONE,
            TUNING_RESOURCES: {
                "InstanceConfigs": [
                    {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 9} for count in (1, 0)
                ]
            },
        },
        f"{TUNING_RESOURCES}.InstanceConfigs[1].InstanceCount",
        "must be at least 1",
    ),
    (
        {
            f"{CONFIG}.Strategy": "Hyperband",
            f"{CONFIG}.StrategyConfig": {"HyperbandStrategyConfig": {"MaxResource": 10}},
            f"{CONFIG}.TrainingJobEarlyStoppingType": "Auto",
        },
        f"{CONFIG}.TrainingJobEarlyStoppingType",
        "must be Off with Hyperband",
    ),
    (
        {f"{RANGES}.IntegerParameterRanges": [integer("max_depth", "9", "1")]},
        f"{RANGES}.IntegerParameterRanges[0].MinValue",
        "must not exceed MaxValue (1)",
    ),
    (
        {f"{ETA}.MinValue": "0", f"{ETA}.ScalingType": "Logarithmic"},
        f"{ETA}.MinValue",
        "above 0",
    ),
    (
        {f"{ETA}.MaxValue": "1", f"{ETA}.ScalingType": "ReverseLogarithmic"},
        f"{ETA}.ScalingType",
        "inside [0, 1)",
    ),
    ({f"{RANGES}.IntegerParameterRanges": [integer("eta")]}, RANGES, "one range only"),
    (
        {f"{RANGES}.CategoricalParameterRanges": [categorical(*map(str, range(31)), name="max_depth")]},
        f"{RANGES}.CategoricalParameterRanges[0].Values",
        "at most 30 entries, has 31",
    ),
    (
        {
            **CUSTOM_TUNING,
            RANGES: {
                "IntegerParameterRanges": [integer(f"i{n}") for n in range(16)],
                "ContinuousParameterRanges": [integer(f"c{n}") for n in range(15)],
            },
        },
        RANGES,
        "at most 30 ranges",
    ),
    (
        {**GRID, f"{LIMITS}.MaxNumberOfTrainingJobs": 5},
        f"{LIMITS}.MaxNumberOfTrainingJobs",
        "combinations (6) with Grid. Set it to 6.",
    ),
    (
        {**CUSTOM_TUNING, f"{CONFIG}.Strategy": "Grid"},
        f"{ETA} (eta)",
        f"{ETA} (eta) cannot be searched by Grid. Give its values as a categorical range",
    ),
    (
        {**CUSTOM_TUNING, f"{ETA}.MinValue": "-1e308", f"{ETA}.MaxValue": "1e308", f"{ETA}.ScalingType": "Linear"},
        f"{ETA}.MaxValue",
        "must be at most 1.7976931348623157e+308 above MinValue (-1e+308) (range of eta)",
    ),
    (
        {f"{JOB}.AlgorithmSpecification.MetricDefinitions": [{"Name": "a", "Regex": "b"}]},
        f"{JOB}.AlgorithmSpecification.MetricDefinitions",
        "cannot override the metric definitions",
    ),
    (
        {**CUSTOM_TUNING, f"{JOB}.AlgorithmSpecification.MetricDefinitions": [{"Name": "a", "Regex": "b"}]},
        f"{JOB}.AlgorithmSpecification.MetricDefinitions",
        "Add a metric definition named 'validation:rmse'",
    ),
    (
        {OBJECTIVE: GONE},
        OBJECTIVE,
        "is required",
    ),
    (
        {f"{OBJECTIVE}.MetricName": "validation:rsme"},
        f"{OBJECTIVE}.MetricName",
        "must be an objective metric of XGBOOST 1.7-1",
    ),
    (
        {f"{OBJECTIVE}.Type": "Maximize"},
        f"{OBJECTIVE}.Type",
        "must be MINIMIZE for validation:rmse",
    ),
    (
        {f"{RANGES}.CategoricalParameterRanges": [categorical("gbtree", "dart", name="booster")]},
        f"{RANGES}.booster",
        "cannot be tuned",
    ),
    ({f"{ETA}.MaxValue": "3"}, f"{RANGES}.eta", "max_value"),
    (
        {f"{JOB}.AlgorithmSpecification.TrainingInputMode": "Pipe", f"{JOB}.InputDataConfig[0].ContentType": "libsvm"},
        f"{JOB}.InputDataConfig[0].InputMode",
        "Use the input mode File or FastFile",
    ),
    ({f"{JOB}.StaticHyperParameters": {}}, f"{JOB}.StaticHyperParameters.num_round", "is required"),
    ({f"{JOB}.StaticHyperParameters.learning_rate": "0.1"}, f"{RANGES}.eta", "is given already"),
]
CASES = [("CreateTrainingJob", *case) for case in TRAINING] + [
    ("CreateHyperParameterTuningJob", *case) for case in TUNING
]


def valid(operation: str) -> dict[str, Any]:
    return (samples.training() if operation == "CreateTrainingJob" else samples.tuning()).parameters


def problems(operation: str, request: dict[str, Any]) -> dict[str, str]:
    return {problem.field: str(problem) for problem in check_request(operation, request).problems}


@pytest.mark.parametrize(("operation", "changes", "field", "words"), CASES, ids=[f"{c[2]}-{c[3]}" for c in CASES])
def test_a_broken_rule_is_found(operation: str, changes: dict[str, Any], field: str, words: str) -> None:
    found = problems(operation, changed(valid(operation), changes))
    assert words in found.get(field, ""), found
    assert len(found) == 1, found


def test_a_tuning_job_without_channels_has_nothing_to_learn_from_and_nothing_to_measure() -> None:
    found = problems("CreateHyperParameterTuningJob", changed(valid("tuning"), {f"{JOB}.InputDataConfig": GONE}))
    assert "is a required channel" in found[f"{JOB}.InputDataConfig.train"]
    assert "is needed to measure validation:rmse" in found[f"{JOB}.InputDataConfig.validation"]
    assert len(found) == 2


def test_a_name_both_static_and_tunable_is_found() -> None:
    found = problems(
        "CreateHyperParameterTuningJob",
        changed(valid("tuning"), {**CUSTOM_TUNING, f"{JOB}.StaticHyperParameters.eta": "0.1"}),
    )
    assert "must not be a static hyperparameter" in found[f"{ETA}.Name"]


def test_every_problem_is_found_at_once() -> None:
    request = changed(
        valid("CreateTrainingJob"),
        {
            "TrainingJobName": "a_b",
            "ResourceConfig.InstanceType": "ml.m5.xlrage",
            "HyperParameters.max_dept": "3",
            "HyperParameters.eta": "3",
            "StoppingCondition.MaxRuntimeInSeconds": 10**7,
        },
    )
    findings = check_request("CreateTrainingJob", request)
    with pytest.raises(InvalidInput, match="the training job is not valid; 5 problems") as caught:
        findings.raise_problems("the training job")
    assert [problem.field for problem in caught.value.problems] == [
        "TrainingJobName",
        "ResourceConfig.InstanceType",
        "StoppingCondition.MaxRuntimeInSeconds",
        "HyperParameters.max_dept",
        "HyperParameters.eta",
    ]


def test_an_instance_type_newer_than_botocore_is_a_warning() -> None:
    request = changed(valid("CreateTrainingJob"), {"ResourceConfig.InstanceType": "ml.m9.3xlarge"})
    findings = check_request("CreateTrainingJob", request)
    assert findings.problems == ()
    (warning,) = findings.warnings
    assert "'ml.m9.3xlarge' is unknown to the installed botocore" in warning


def test_every_known_instance_type_is_accepted() -> None:
    instance_types = _input_shape("CreateTrainingJob").members["ResourceConfig"].members["InstanceType"].enum
    assert len(instance_types) > 100
    for name in instance_types:
        job = make.training_job(training_job_config=make.training_job_config(instance_type=name))
        request = samples.training(job=job)
        findings = check_request(request.operation, request.parameters)
        assert (findings.problems, findings.warnings) == ((), ())


def test_the_local_sagemaker_reads_and_writes_files() -> None:
    request = changed(
        valid("CreateTrainingJob"),
        {f"{SOURCE}.S3Uri": "file:///data/train", "OutputDataConfig.S3OutputPath": "file:///out"},
    )
    assert check_request("CreateTrainingJob", request, uri_schemes=LOCAL_URI_SCHEMES).problems == ()
    assert len(check_request("CreateTrainingJob", request).problems) == 2


def test_the_legacy_request_of_the_proposal_has_no_problems() -> None:
    for built in (samples.GOLDEN["training_legacy"](), samples.GOLDEN["tuning_legacy"]()):
        assert problems(built.operation, built.parameters) == {}
        assert "metric_definitions (Minimize) are left out" in built.warnings[0]


def test_a_script_in_the_image_of_a_built_in_algorithm_has_its_own_hyperparameters() -> None:
    for own_code in (
        {"HyperParameters": {"sagemaker_program": "train.py", "trees": "3"}},
        {"HyperParameters": {"trees": "3"}, "Environment": {"SAGEMAKER_PROGRAM": "train.py"}},
        {"HyperParameters": {"trees": "3"}, "AlgorithmSpecification.ContainerEntrypoint": ["python", "train.py"]},
    ):
        assert problems("CreateTrainingJob", changed(valid("CreateTrainingJob"), own_code)) == {}


def test_what_cannot_be_built_is_reported_with_the_rest() -> None:
    algorithm = make.algorithm_specification(algorithm_version="9.9-9")
    inputs = make.job_inputs(static_hyperparameters={"num_round": object(), "max_dept": 3})
    built = samples.training(job=make.training_job(algorithm_specification=algorithm), inputs=inputs)
    fields = {problem.field for problem in built.problems}
    assert fields == {"algorithm_version", "static_hyperparameters.num_round"}
    assert "HyperParameters.max_dept" in problems(built.operation, built.parameters)


def test_a_custom_algorithm_without_an_image_is_one_problem() -> None:
    job = make.training_job(algorithm_specification=samples.custom_algorithm(training_image=""))
    built = samples.training(job=job)
    assert built.problems == ()
    assert problems(built.operation, built.parameters) == {
        "AlgorithmSpecification.TrainingImage": "AlgorithmSpecification.TrainingImage is required. "
        "Set training_image to the URI of an image, or algorithm_resource to the name of a resource."
    }


def test_a_missing_role_is_one_problem_among_others_and_says_where_to_set_it() -> None:
    inputs = make.job_inputs(static_hyperparameters={"num_round": 1, "max_dept": 3})
    for build, prefix in ((samples.training, ""), (samples.tuning, f"{JOB}.")):
        built = build(deployment=make.deployment(role_arn=""), inputs=inputs)
        assert built.problems == ()
        role, misspelled = check_request(built.operation, built.parameters).problems
        assert str(role) == (
            f"{prefix}RoleArn is required. Set role_arn in the sagemaker section of the Flyte config, "
            "FLYTEKIT_SAGEMAKER_ROLE_ARN, or training_job_config."
        )
        assert misspelled.remedy == "Did you mean 'max_depth'?"


def test_as_many_tags_as_a_job_may_have_fit_beside_those_of_the_execution() -> None:
    tags = {f"tag-{number}": "" for number in range(43)}
    job = make.training_job(training_job_config=make.training_job_config(tags=tags))
    execution = JobIdentity("p", "d", "e", "n", "t", "v").tags()
    built = training.training_request(job, make.job_inputs(), name="a", deployment=make.deployment(), tags=execution)
    assert len(built.parameters["Tags"]) == 50
    assert problems(built.operation, built.parameters) == {}


KMEANS_IMAGE = "174872318107.dkr.ecr.us-west-2.amazonaws.com/kmeans:1"


@pytest.mark.parametrize("image", [samples.IMAGE, KMEANS_IMAGE, "a/b:1"])
def test_an_algorithm_and_another_image_are_one_problem(image: str) -> None:
    algorithm = make.algorithm_specification(algorithm_version="", training_image=image)
    job = make.training_job(algorithm_specification=algorithm)
    for built in (samples.training(job=job), samples.tuning(job=make.tuning_job(training_job=job))):
        (problem,) = built.problems
        assert str(built.wording.problem(problem)) == (
            f"algorithm_specification.training_image = '{image}': is no image of XGBOOST: give either the name of a "
            "built-in algorithm or an image of your own. Leave training_image out, or set algorithm_name to CUSTOM."
        )
        assert problems(built.operation, built.parameters) == {}


def test_an_algorithm_and_an_image_of_it_are_one_thing() -> None:
    algorithm = make.algorithm_specification(
        algorithm_name=types.AlgorithmName.KMEANS, algorithm_version="", training_image=KMEANS_IMAGE
    )
    built = samples.training(job=make.training_job(algorithm_specification=algorithm))
    assert built.problems == ()
    assert built.parameters["AlgorithmSpecification"]["TrainingImage"] == KMEANS_IMAGE


XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost"


@pytest.mark.parametrize(
    "image",
    [
        f"{XGBOOST}@sha256:{'0a' * 32}",
        f"{XGBOOST}:1.7-1@sha256:{'0a' * 32}",
        f"{XGBOOST}:9.0-1",
        f"{XGBOOST}:1.7-1".replace(".ecr.", ".ecr-fips."),
    ],
)
def test_an_algorithm_goes_with_any_image_of_its_repository(image: str) -> None:
    algorithm = make.algorithm_specification(algorithm_version="", training_image=image)
    built = samples.tuning(job=make.tuning_job(training_job=make.training_job(algorithm_specification=algorithm)))
    assert built.problems == ()
    assert built.parameters["TrainingJobDefinition"]["AlgorithmSpecification"]["TrainingImage"] == image
    assert problems(built.operation, built.parameters) == {}, "its metrics are its own"


def test_an_image_of_ones_own_keeps_its_metrics() -> None:
    built = samples.training(job=make.training_job(algorithm_specification=samples.custom_algorithm()))
    assert built.parameters["AlgorithmSpecification"]["MetricDefinitions"][0]["Name"] == "validation:error"
    assert built.warnings == ()


def test_hyperband_may_give_every_trial_all_its_resources() -> None:
    changes = hyperband(MinResource=9, MaxResource=9)
    assert problems("CreateHyperParameterTuningJob", changed(valid("tuning"), changes)) == {}


NEVER_LEAVES_A_MODEL = "Hyperband stops a trial there, and XGBoost leaves no model when it is stopped"


@pytest.mark.parametrize(("rounds", "saves"), [("28", None), ("100", "false")])
def test_xgboost_that_hyperband_always_stops_is_told_how_to_leave_a_model(rounds: str, saves: str | None) -> None:
    built = by_hyperband(num_round=rounds, save_model_on_termination=saves)
    (problem,) = check_request(built.operation, built.parameters).problems
    assert str(built.wording.problem(problem)) == (
        f"static_hyperparameters.num_round = {rounds}: must be at most hyperband_max_resource (27): HYPERBAND stops a "
        "trial there, and XGBoost leaves no model when it is stopped. Set it to 27 or less, or "
        "save_model_on_termination to 'true'."
    )


@pytest.mark.parametrize(("rounds", "saves"), [("27", None), ("100", "true")])
def test_xgboost_that_ends_by_itself_or_saves_what_it_has_goes_with_hyperband(rounds: str, saves: str | None) -> None:
    built = by_hyperband(num_round=rounds, save_model_on_termination=saves)
    assert check_request(built.operation, built.parameters).problems == ()


def by_hyperband(**static: Any) -> BuiltRequest:
    strategy = types.HyperparameterTuningStrategy.HYPERBAND
    config = make.tuning_config(tuning_strategy=strategy, hyperband_max_resource=27)
    return samples.tuning(config=config, inputs=make.job_inputs(static_hyperparameters=static))


def test_hyperband_and_rounds_that_are_tuned_end_with_a_model_too() -> None:
    changes = {
        f"{CONFIG}.Strategy": "Hyperband",
        HYPERBAND: {"MaxResource": 27},
        f"{JOB}.StaticHyperParameters": {},
        f"{RANGES}.IntegerParameterRanges": [integer("num_round", "28", "30")],
    }
    (told,) = problems("CreateHyperParameterTuningJob", changed(valid("tuning"), changes)).items()
    assert told[0] == f"{RANGES}.num_round"
    assert NEVER_LEAVES_A_MODEL in told[1]


@pytest.mark.parametrize("fewest", ["1", "27"])
def test_rounds_that_are_tuned_and_may_be_more_than_hyperband_gives_are_a_warning(fewest: str) -> None:
    (warning,) = warnings_of_hyperband({}, [integer("num_round", fewest, "28")])
    assert warning.startswith(f"{RANGES}.num_round = {fewest} to 28: may exceed MaxResource (27)")
    assert NEVER_LEAVES_A_MODEL in warning


def test_rounds_that_early_stopping_may_shorten_are_a_warning() -> None:
    stopping = {"num_round": "100", "early_stopping_rounds": "3", "eval_metric": "rmse"}
    (warning,) = warnings_of_hyperband(stopping, [])
    assert "num_round = 100: may exceed MaxResource (27)" in warning


def test_rounds_are_not_judged_where_nobody_knows_whether_a_stopped_trial_saves_its_model() -> None:
    built = by_hyperband(num_round="100", save_model_on_termination="True")
    (problem,) = check_request(built.operation, built.parameters).problems
    assert problem.field.endswith("save_model_on_termination")


def warnings_of_hyperband(static: dict[str, str], ranges: list[dict[str, str]]) -> tuple[str, ...]:
    changes = {
        f"{CONFIG}.Strategy": "Hyperband",
        HYPERBAND: {"MaxResource": 27},
        f"{JOB}.StaticHyperParameters": static,
        f"{RANGES}.IntegerParameterRanges": ranges,
    }
    findings = check_request("CreateHyperParameterTuningJob", changed(valid("tuning"), changes))
    assert findings.problems == ()
    return findings.warnings


def test_old_xgboost_that_cannot_save_when_stopped_is_told_to_do_fewer_rounds() -> None:
    algorithm = make.algorithm_specification(algorithm_version="0.90-2")
    config = make.tuning_config(tuning_strategy=types.HyperparameterTuningStrategy.HYPERBAND, hyperband_max_resource=9)
    job = make.tuning_job(training_job=make.training_job(algorithm_specification=algorithm))
    built = samples.tuning(job=job, config=config)
    (problem,) = check_request(built.operation, built.parameters).problems
    assert problem.remedy == "Set it to 9 or less."


def test_what_the_container_ignores_is_a_warning() -> None:
    stopping = make.job_inputs(static_hyperparameters={"num_round": 10, "early_stopping_rounds": 3})
    built = samples.training(inputs=stopping)
    findings = check_request(built.operation, built.parameters)
    assert findings.problems == ()
    (warning,) = map(built.wording.warning, findings.warnings)
    assert warning.startswith("static_hyperparameters.early_stopping_rounds = 3: is ignored by the container")


def test_the_hyperparameters_that_there_are_are_listed_once() -> None:
    inputs = make.job_inputs(static_hyperparameters={"num_round": 1, "qqq": 1, "zzz": 2, "xyz": 3})
    built = samples.training(inputs=inputs)
    found = check_request(built.operation, built.parameters).problems
    assert len(found) == 3
    assert " ".join(map(str, found)).count("colsample_bylevel") == 1


def test_a_part_that_is_wrong_as_a_whole_shows_no_value() -> None:
    warm_start = {"WarmStartType": "TransferLearning", PARENTS: [{"HyperParameterTuningJobName": "p"}]}
    request = changed(valid("tuning"), {"WarmStartConfig": warm_start, f"{JOB}.DefinitionName": "one"})
    request["TrainingJobDefinitions"] = [request.pop(JOB)]
    definition = request["TrainingJobDefinitions"][0]
    common = request[CONFIG]
    definition["TuningObjective"] = common.pop("HyperParameterTuningJobObjective")
    definition["HyperParameterRanges"] = common.pop("ParameterRanges")
    assert problems("CreateHyperParameterTuningJob", request) == {
        "WarmStartConfig": "WarmStartConfig is for a single training job definition"
    }


def test_a_member_that_botocore_does_not_know_may_be_newer() -> None:
    (message,) = problems("CreateTrainingJob", changed(valid("CreateTrainingJob"), {"FutureThing": {}})).values()
    assert f"is not a member of CreateTrainingJobRequest in botocore {botocore.__version__}; a newer one" in message


def test_two_ranges_of_a_name_are_told_apart() -> None:
    twice = {f"{RANGES}.IntegerParameterRanges": [integer("eta")]}
    (message,) = problems("CreateHyperParameterTuningJob", changed(valid("tuning"), twice)).values()
    assert "and has 2 (IntegerParameterRanges, ContinuousParameterRanges)" in message


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("/data/my files", "Write 'file:///data/my%20files' for a folder of this machine"),
        ("models", "Write 's3://models' for a place in a bucket, or file:// and the whole path for a folder"),
        ("s3:///models", "Write 's3://models'."),
        ("ftp://host/data", "must be an s3:// or file:// URI"),
    ],
)
def test_what_is_no_uri_is_told_of_files_where_they_are_read(given: str, told: str) -> None:
    request = changed(valid("CreateTrainingJob"), {f"{SOURCE}.S3Uri": given})
    (local,) = check_request("CreateTrainingJob", request, uri_schemes=LOCAL_URI_SCHEMES).problems
    assert "must be an s3:// or file:// URI" in str(local)
    assert told in str(local)
    (on_aws,) = check_request("CreateTrainingJob", request).problems
    assert "file://" not in str(on_aws)


def test_static_and_tunable_is_tuned() -> None:
    eta = ParameterRangeOneOf(param=ContinuousParameterRange(min_value=0.01, max_value=0.02))
    built = samples.tuning(
        ranges={"eta": eta}, inputs=make.job_inputs(static_hyperparameters={"num_round": 5.0, "eta": 0.3})
    )
    assert built.parameters[JOB]["StaticHyperParameters"] == {"num_round": "5"}
    assert built.warnings == ("static_hyperparameters (eta = 0.3) are left out: they are tuned.",)
    (continuous,) = built.parameters[CONFIG]["ParameterRanges"]["ContinuousParameterRanges"]
    assert continuous["MaxValue"] == "0.02", "a range that came as an input wins over the configured one"
    assert problems(built.operation, built.parameters) == {}


def test_an_objective_that_is_an_error_cannot_be_maximized() -> None:
    objective = HyperparameterTuningObjective(objective_type="MAXIMIZE", metric_name="validation:error")  # type: ignore[arg-type]
    built = samples.tuning(
        config=make.tuning_config(tuning_objective=objective),
        inputs=make.job_inputs(static_hyperparameters={"num_round": 5, "objective": "binary:logistic"}),
    )
    (message,) = problems(built.operation, built.parameters).values()
    assert "must be MINIMIZE for validation:error" in message


ENUMS = [
    (types.InputMode, "TrainingInputMode"),
    (types.S3DataType, "S3DataType"),
    (types.S3DataDistributionType, "S3DataDistribution"),
    (types.CompressionType, "CompressionType"),
    (types.RecordWrapperType, "RecordWrapper"),
    (types.FileSystemType, "FileSystemType"),
    (types.FileSystemAccessMode, "FileSystemAccessMode"),
    (types.HyperparameterTuningStrategy, "HyperParameterTuningJobStrategyType"),
    (types.HyperparameterScalingType, "HyperParameterScalingType"),
    (types.HyperparameterTuningObjectiveType, "HyperParameterTuningJobObjectiveType"),
    (types.TrainingJobEarlyStoppingType, "TrainingJobEarlyStoppingType"),
    (types.WarmStartType, "HyperParameterTuningJobWarmStartType"),
]


@pytest.mark.parametrize(("enum", "shape"), ENUMS, ids=[shape for _, shape in ENUMS])
def test_every_enum_has_the_service_s_own_word(enum: Any, shape: str) -> None:
    words = _input_shape("CreateTrainingJob")._shape_resolver.get_shape_by_name(shape).enum
    for member in enum:
        assert api_word(member) in words
        assert api_word(member).lower() == member.name.lower().replace("_", "")


def shapes(shape: Any, seen: dict[str, Any]) -> dict[str, Any]:
    if shape.name not in seen:
        seen[shape.name] = shape
        members = getattr(shape, "members", {}).values()
        for inner in [*members, *(getattr(shape, name) for name in ("member", "key", "value") if hasattr(shape, name))]:
            shapes(inner, seen)
    return seen


@pytest.mark.parametrize("operation", ["CreateTrainingJob", "CreateHyperParameterTuningJob"])
def test_every_pattern_of_the_service_can_be_checked(operation: str) -> None:
    patterns = {shape.metadata.get("pattern", "") for shape in shapes(_input_shape(operation), {}).values()}
    assert len(patterns) > 10
    for pattern in patterns:
        _compiled(pattern)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


def paths(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        inner = [found for key, item in value.items() for found in paths(item, f"{path}.{key}" if path else key)]
    elif isinstance(value, list):
        inner = [found for index, item in enumerate(value) for found in paths(item, f"{path}[{index}]")]
    else:
        inner = []
    return [*([path] if path else []), *inner]


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(sorted(samples.GOLDEN)), st.randoms(use_true_random=False), st.lists(JSON, min_size=1, max_size=3)
)
def test_no_request_however_malformed_breaks_the_check(name: str, chance: random.Random, values: list[Any]) -> None:
    built: BuiltRequest = samples.GOLDEN[name]()
    request = built.parameters
    for value in values:
        request = changed(request, {chance.choice(paths(request)): value})
    check_request(built.operation, request)


def test_what_one_of_several_definitions_gets_wrong_is_told_where_it_is() -> None:
    jobs = {"good": make.training_job(), "bad": make.training_job()}
    own = {"eta": {"continuous_parameter_range": {"min_value": 0.1, "max_value": 7}}}
    objective = {"objective_type": "MINIMIZE", "metric_name": "validation:auc"}
    static = {"num_rounds": 1, "objective": "binary:logistic"}
    bad = {"hyperparameter_ranges": {"parameter_range_map": own}, "tuning_objective": objective}
    built = samples.tuning(
        job=make.tuning_job(training_job=None, training_jobs=jobs),
        config=make.tuning_config(training_job_definitions={"bad": bad}),
        inputs=make.job_inputs(static_hyperparameters={"good": {"num_round": 1}, "bad": static}),
    )
    fields = {problem.field for problem in check_request(built.operation, built.parameters).problems}
    position = "TrainingJobDefinitions[0]"
    assert [each["DefinitionName"] for each in built.parameters["TrainingJobDefinitions"]] == ["bad", "good"]
    assert fields == {
        f"{position}.HyperParameterRanges.eta",
        f"{position}.StaticHyperParameters.num_rounds",
        f"{position}.StaticHyperParameters.num_round",
        f"{position}.TuningObjective.Type",
    }


def test_what_several_definitions_have_wrong_in_common_is_told_once() -> None:
    built = samples.tuning(
        job=make.tuning_job(training_job=None, training_jobs={"one": make.training_job(), "two": make.training_job()}),
        config=make.tuning_config(tuning_strategy=types.HyperparameterTuningStrategy.HYPERBAND),
        inputs=make.job_inputs(static_hyperparameters={"one": {"num_round": 1}, "two": {"num_round": 2}}),
    )
    with pytest.raises(InvalidInput) as caught:
        check_request(built.operation, built.parameters).raise_problems("the tuning job")
    (problem,) = caught.value.problems
    assert problem.field.endswith("MaxResource")


def test_what_several_definitions_may_not_have() -> None:
    job = make.tuning_job(training_job=None, training_jobs={"a": make.training_job(), "b": make.training_job()})
    parents = {"warm_start_type": "TRANSFER_LEARNING", "parent_hyperparameter_tuning_jobs": ["parent"]}
    built = samples.tuning(
        job=job,
        config=make.tuning_config(training_job_early_stopping_type="AUTO", warm_start_config=parents),
        inputs=make.job_inputs(static_hyperparameters=dict.fromkeys("ab", {"num_round": 1})),
    )
    for each in built.parameters["TrainingJobDefinitions"]:
        each["DefinitionName"] = "a"
        each["Environment"] = {f"V{number}": "x" for number in range(25)}
    told = {problem.field: problem.rule for problem in check_request(built.operation, built.parameters).problems}
    assert told == {
        "WarmStartConfig": "is for a single training job definition",
        f"{TUNING_CONFIG}.TrainingJobEarlyStoppingType": "must be Off with several training job definitions",
        "TrainingJobDefinitions": "must not name a definition twice",
        "TrainingJobDefinitions.Environment": "must have at most 48 variables in all definitions together",
    }


@pytest.mark.parametrize(("most", "right"), [(5, True), (4, False), (6, False)])
def test_the_grid_of_several_definitions_is_that_of_each(most: int, right: bool) -> None:
    def choices(*values: str) -> dict[str, Any]:
        ranges = {"max_depth": {"categorical_parameter_range": {"values": values}}}
        return {"hyperparameter_ranges": {"parameter_range_map": ranges}}

    jobs = {"a": make.training_job(), "b": make.training_job()}
    own = {"a": choices("2", "4", "6"), "b": choices("3", "5")}
    built = samples.tuning(
        job=make.tuning_job(training_job=None, training_jobs=jobs, max_number_of_training_jobs=most),
        config=make.tuning_config(tuning_strategy="GRID", training_job_definitions=own),
        inputs=make.job_inputs(static_hyperparameters=dict.fromkeys("ab", {"num_round": 1})),
    )
    problems = check_request(built.operation, built.parameters).problems
    assert [problem.remedy for problem in problems] == ([] if right else ["Set it to 5."])
