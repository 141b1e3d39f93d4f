"""What a request gets when its job runs a function: the way in, and room for everything the function is told."""

from __future__ import annotations

from typing import Any

import pytest

from flytekit_sagemaker.container.command import TRAINING_MODULE, TRAINING_MODULE_VARIABLE, Command
from flytekit_sagemaker.requests.functions import Container, function_problems, in_container, shown_hyperparameters
from flytekit_sagemaker.requests.overrides import overridden
from flytekit_sagemaker.requests.training import BuiltRequest
from flytekit_sagemaker.requests.validation import check_request

from . import samples

IN_A_PACKAGE = Command((*samples.COMMAND.argv[:-3], f"{'deeply.nested.' * 30}module", "task-name", "train_model"))
FAST_REGISTERED = Command(
    (
        "pyflyte-fast-execute",
        "--additional-distribution",
        f"s3://{'flyte-metadata-bucket/' * 20}fast0123456789.tar.gz",
        "--dest-dir",
        "/root",
        "--",
        *samples.COMMAND.argv,
    )
)


def definition(built: BuiltRequest) -> dict[str, Any]:
    return dict(built.parameters.get("TrainingJobDefinition", built.parameters))


@pytest.mark.parametrize("command", [samples.COMMAND, IN_A_PACKAGE, FAST_REGISTERED])
@pytest.mark.parametrize("kind", ["training", "tuning"])
def test_every_command_fits_into_what_aws_allows(kind: str, command: Command) -> None:
    job = samples.custom_job()
    if kind == "training":
        built = samples.with_function(samples.training(job=job, inputs=samples.spot_inputs()), command)
    else:
        tuned = samples.make.tuning_job(training_job=job)
        built = samples.with_function(samples.tuning(job=tuned, inputs=samples.spot_inputs()), command)

    findings = check_request(built.operation, built.parameters)
    assert [str(problem) for problem in (*built.problems, *findings.problems)] == []
    specification = definition(built)["AlgorithmSpecification"]
    assert all(len(each) <= 256 for each in specification.get("ContainerEntrypoint", ()))
    assert "ContainerArguments" not in specification
    assert ("ContainerEntrypoint" in specification) == (kind == "training")
    variables = definition(built)["Environment"]
    assert all(len(value) <= 512 for value in variables.values())
    found = Command.find(variables)
    assert found is not None
    assert found.argv == command.argv


def test_variables_without_room_travel_with_the_command() -> None:
    long = {"LONG": "x" * 600, "odd-name": "1"}
    many = {f"V{number}": str(number) for number in range(60)}
    job = samples.make.tuning_job(training_job=samples.custom_job())
    for environment in (long, many, {**long, **many}):
        container = Container(samples.IMAGE, samples.COMMAND, environment)
        built = in_container(
            samples.tuning(job=job, inputs=samples.spot_inputs()), container, metrics=["validation:rmse"]
        )
        variables = definition(built)["Environment"]
        found = Command.find(variables)
        assert built.problems == ()
        assert found is not None
        assert {**found.environment, **variables}.items() >= environment.items()
        assert check_request(built.operation, built.parameters).problems == ()


def test_the_jobs_own_variables_win_over_the_tasks() -> None:
    asked = {"COLOR": "green", "LONG": "x" * 600, "SAGEMAKER_TRAINING_MODULE": "other:main"}
    own = samples.make.training_job_config(environment={"COLOR": "red", "LONG": "short"})
    request = samples.training(job=samples.custom_job(training_job_config=own))
    variables = definition(in_container(request, Container(samples.IMAGE, samples.COMMAND, asked)))["Environment"]
    found = Command.find(variables)
    assert (variables["COLOR"], variables["LONG"]) == ("red", "short")
    assert found is not None
    assert not {"COLOR", "LONG"} & set(found.environment)
    assert variables[TRAINING_MODULE_VARIABLE] == TRAINING_MODULE


def test_what_fits_nowhere_is_refused_and_not_cut_off() -> None:
    container = Container(samples.IMAGE, Command(("pyflyte-execute", "x" * 30_000)))
    built = in_container(samples.tuning(job=samples.make.tuning_job(training_job=samples.custom_job())), container)
    (problem,) = built.problems
    assert "more than the 48 that AWS allows" in str(problem)


def test_an_image_that_sagemaker_cannot_pull_is_refused_where_it_would_have_to() -> None:
    container = Container("cr.flyte.org/flyteorg/flytekit:py3.11-1.16.31", samples.COMMAND)
    request = samples.training(job=samples.custom_job())
    built = in_container(request, container)
    (problem,) = function_problems(built, on_aws=True)
    assert "Amazon ECR" in str(problem)
    assert list(function_problems(built, on_aws=False)) == []
    pulled = overridden(built, {"AlgorithmSpecification": {"TrainingImage": samples.IMAGE}})
    assert list(function_problems(pulled, on_aws=True)) == []


def test_a_function_is_not_cut_off_from_its_inputs() -> None:
    isolated = samples.make.training_job_config(enable_network_isolation=True)
    request = samples.training(job=samples.custom_job(training_job_config=isolated))
    built = samples.with_function(request)
    (problem,) = function_problems(built, on_aws=True)
    assert "enable_network_isolation" in str(problem)
    assert list(function_problems(built, on_aws=False)) == []
    open_again = overridden(built, {"EnableNetworkIsolation": False})
    assert list(function_problems(open_again, on_aws=True)) == []


@pytest.mark.parametrize("gone", [None, {"FLYTEKIT_SAGEMAKER_COMMAND_00": None}, {TRAINING_MODULE_VARIABLE: "other"}])
@pytest.mark.parametrize("tuned", [True, False])
def test_overrides_do_not_take_the_function_away(gone: Any, tuned: bool) -> None:
    job = samples.custom_job()
    request = samples.tuning(job=samples.make.tuning_job(training_job=job)) if tuned else samples.training(job=job)
    overrides = {"Environment": gone}
    built = overridden(samples.with_function(request), {"TrainingJobDefinition": overrides} if tuned else overrides)
    (problem,) = function_problems(built, on_aws=True)
    assert "overrides.Environment" in str(problem)
    assert "must keep what runs the function" in str(problem)


def test_the_image_of_the_algorithm_specification_wins() -> None:
    job = samples.custom_job(algorithm_specification=samples.custom_algorithm(training_image=samples.IMAGE + "-own"))
    built = samples.with_function(samples.training(job=job))
    assert definition(built)["AlgorithmSpecification"]["TrainingImage"] == samples.IMAGE + "-own"


def test_a_metric_that_is_defined_keeps_its_expression() -> None:
    request = samples.training(job=samples.custom_job())
    (own,) = definition(request)["AlgorithmSpecification"]["MetricDefinitions"]
    built = samples.with_function(request, metrics=[own["Name"], "other"])
    first, second = definition(built)["AlgorithmSpecification"]["MetricDefinitions"]
    assert first == own
    assert second["Name"] == "other"


def test_spot_jobs_keep_checkpoints_and_others_do_not() -> None:
    for spot in (True, False):
        config = samples.make.training_job_config(enable_managed_spot_training=spot)
        built = samples.with_function(samples.training(job=samples.custom_job(training_job_config=config)))
        assert ("CheckpointConfig" in built.parameters) == spot
    own = samples.make.training_job_config(enable_managed_spot_training=True, checkpoint_s3_uri="s3://own/place")
    built = samples.with_function(samples.training(job=samples.custom_job(training_job_config=own)))
    assert built.parameters["CheckpointConfig"]["S3Uri"] == "s3://own/place"


def test_hyperparameters_that_sagemaker_cannot_show_are_told() -> None:
    values = {"a": 1, "none": None, "object": object(), "long": "x" * 2501, **{f"h{n}": n for n in range(100)}}
    shown, (sentence,) = shown_hyperparameters(values)
    assert shown["a"] == 1
    assert not {"none", "object", "long"} & set(shown)
    assert len(shown) < 100
    assert "object" in sentence
    assert "long" in sentence
    assert shown_hyperparameters({"a": 1}) == ({"a": 1}, ())
