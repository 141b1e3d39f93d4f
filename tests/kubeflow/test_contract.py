"""The table of arguments, the component and its page: against the published contract, and against each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfp import components

import flytekit_sagemaker
from flytekit_sagemaker.kubeflow import rendering
from flytekit_sagemaker.kubeflow.arguments import ARGUMENTS, BY_NAME, OUTPUTS
from flytekit_sagemaker.kubeflow.reading import value_of

ROOT = Path(flytekit_sagemaker.__file__).parent
COMPONENT = ROOT / "kubeflow" / "component.yaml"
PAGE = ROOT.parent / "docs" / "kubeflow.md"

# Argument: optional in a pipeline, type, accepted values, default.
CONTRACT = {
    "region": (False, "String", "", None),
    "endpoint_url": (True, "String", "", None),
    "assume_role": (True, "String", "", None),
    "job_name": (True, "String", "", "HPOJob-[datetime]-[random id]"),
    "role": (False, "String", "", None),
    "image": (True, "String", "", None),
    "algorithm_name": (True, "String", "", None),
    "training_input_mode": (True, "String", "File, Pipe", "File"),
    "metric_definitions": (True, "Dict", "", {}),
    "strategy": (True, "String", "Bayesian, Random", "Bayesian"),
    "metric_name": (False, "String", "", None),
    "metric_type": (False, "String", "Maximize, Minimize", None),
    "early_stopping_type": (True, "String", "Off, Auto", "Off"),
    "static_parameters": (True, "Dict", "", {}),
    "integer_parameters": (True, "List of Dicts", "", []),
    "continuous_parameters": (True, "List of Dicts", "", []),
    "categorical_parameters": (True, "List of Dicts", "", []),
    "channels": (False, "List of Dicts", "", None),
    "output_location": (False, "String", "", None),
    "output_encryption_key": (True, "String", "", None),
    "instance_type": (True, "String", "", "ml.m4.xlarge"),
    "instance_count": (True, "Int", "≥ 1", 1),
    "volume_size": (True, "Int", "≥ 1", 30),
    "max_num_jobs": (False, "Int", "[1, 500]", None),
    "max_parallel_jobs": (False, "Int", "[1, 10]", None),
    "max_run_time": (True, "Int", "≤ 432000", 86400),
    "resource_encryption_key": (True, "String", "", None),
    "vpc_security_group_ids": (True, "String", "", None),
    "vpc_subnets": (True, "String", "", None),
    "network_isolation": (True, "Boolean", "False, True", True),
    "traffic_encryption": (True, "Boolean", "False, True", False),
    "spot_instance": (True, "Boolean", "False, True", False),
    "max_wait_time": (True, "Int", "≤ 432000", 86400),
    "checkpoint_config": (True, "Dict", "", {}),
    "warm_start_type": (True, "String", "IdenticalDataAndAlgorithm, TransferLearning", None),
    "parent_hpo_jobs": (True, "String", "", None),
    "tags": (True, "Dict", "", {}),
}
CONTRACT_OUTPUTS = ["hpo_job_name", "model_artifact_url", "best_job_name", "best_hyperparameters", "training_image"]
TYPES = {"String": "String", "Int": "Integer", "Boolean": "Bool", "Dict": "JsonObject", "List of Dicts": "JsonArray"}


def test_there_are_the_arguments_of_the_contract_and_one_more() -> None:
    assert [argument.name for argument in ARGUMENTS] == [*CONTRACT, "overrides"]
    assert [argument.name for argument in ARGUMENTS if argument.extra] == ["overrides"]
    assert [output.name for output in OUTPUTS] == CONTRACT_OUTPUTS


@pytest.mark.parametrize("name", CONTRACT)
def test_each_argument_is_as_the_contract_says(name: str) -> None:
    optional, type_, accepted, default = CONTRACT[name]
    argument = BY_NAME[name]
    assert argument.required is not optional
    assert argument.type == TYPES[type_]
    assert (argument.default_in_words or argument.default) == default
    low, high = argument.at_least, argument.at_most
    if type_ == "Int":
        assert accepted == (f"≤ {high}" if name.endswith("_time") else f"[{low}, {high}]" if high else f"≥ {low}")
    elif type_ != "Boolean":
        assert ", ".join(argument.choices) == accepted
    value_of(argument, argument.example)


def test_the_component_is_the_one_that_the_table_makes() -> None:
    assert COMPONENT.read_text() == rendering.component(), "run `make component`"
    page = PAGE.read_text()
    assert page == rendering.with_tables(page), "run `make component`"
    assert all(f"| `{row.name}`" in page for row in (*ARGUMENTS, *OUTPUTS))


def test_kubeflow_reads_the_component() -> None:
    component = components.load_component_from_file(str(COMPONENT))
    inputs, outputs = component.component_spec.inputs, component.component_spec.outputs
    kinds = {"String": "String", "Int": "Integer", "Boolean": "Boolean", "Dict": "Dict", "List of Dicts": "List"}
    for name, (optional, type_, _, default) in CONTRACT.items():
        assert inputs[name].optional is optional, name
        assert inputs[name].type == kinds[type_], name
        if optional:
            assert inputs[name].default == ("" if name == "job_name" or default is None else default), name
    assert list(outputs) == CONTRACT_OUTPUTS
    assert outputs["best_hyperparameters"].type == "Dict"
