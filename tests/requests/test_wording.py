"""Every member of a request has a name that its user knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from flytekit_sagemaker.errors import Problem
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.training_job import AlgorithmSpecification
from flytekit_sagemaker.requests.fields import FIELDS, field_at, member_at
from flytekit_sagemaker.requests.wording import sentence
from tests.requests import samples

# What the connector adds, and no user can be wrong about.
NOT_THE_USERS = re.compile(
    r"(HyperParameterTuning|Training)JobName"
    r"|TrainingJobDefinitions\[\d+\]\.DefinitionName"
    r"|.*\bAllocationStrategy"
    r"|(TrainingJobDefinition\.)?AlgorithmSpecification\.ContainerEntrypoint\[\d+\]"
)
API_NAME = re.compile(r"(^|\.)[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*(?=[.\[]|$)")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from leaves(each, f"{path}[{index}]")
    else:
        yield path, value


@pytest.mark.parametrize("name", samples.GOLDEN)
def test_every_member_has_a_name_of_the_users(name: str) -> None:
    built = samples.GOLDEN[name]()
    found = {path: built.wording.problem(Problem(path, value, "")).field for path, value in leaves(built.parameters)}
    untold = {path: told for path, told in found.items() if API_NAME.search(told) and not NOT_THE_USERS.fullmatch(path)}
    assert {path: told for path, told in untold.items() if "overrides." not in told} == {}


@pytest.mark.parametrize(("model", "field"), [(model, field.name) for model in FIELDS for field in FIELDS[model]])
def test_fields_and_members_lead_to_each_other(model: type[Model], field: str) -> None:
    one_member = ("algorithm_name", "algorithm_version") if model is AlgorithmSpecification else ()
    assert field_at(model, member_at(model, field)) == ("training_image" if field in one_member else field)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("must be at least MaxRuntimeInSeconds (3600)", "must be at least max_runtime_in_seconds (3600)"),
        ("must be Pipe for an AugmentedManifestFile", "must be PIPE for an AUGMENTED_MANIFEST_FILE"),
        ("must be Off with Hyperband: it stops by itself", "must be OFF with HYPERBAND: it stops by itself"),
        ("Use TransferLearning.", "Use TRANSFER_LEARNING."),
        ("Did you mean 'Random'?", "Did you mean 'Random'?"),
        ("line 1 of /data/Random/File.csv", "line 1 of /data/Random/File.csv"),
        ("s3://Grid/Pipe, 'File' and Auto:loss", "s3://Grid/Pipe, 'File' and Auto:loss"),
        ("the user's File isn't", "the user's FILE isn't"),
        ("None of them", "None of them"),
    ],
)
def test_what_the_api_says_of_members_and_choices_is_told_in_ours(text: str, told: str) -> None:
    assert sentence(text) == told
