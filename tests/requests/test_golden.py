"""Requests are pinned to ``golden/<case>.json``, which ``FLYTEKIT_SAGEMAKER_UPDATE_GOLDEN=1 pytest tests/requests``
writes anew: look at what changed before you commit it."""

import json
import os
from functools import cache
from pathlib import Path

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from flytekit_sagemaker.requests.training import BuiltRequest
from flytekit_sagemaker.requests.validation import check_request
from tests.requests import samples

GOLDEN = Path(__file__).parent / "golden"


@cache
def sagemaker() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


@pytest.fixture(params=samples.GOLDEN)
def case(request: pytest.FixtureRequest) -> tuple[str, BuiltRequest]:
    return request.param, samples.GOLDEN[request.param]()


def test_a_request_equals_its_golden_file(case: tuple[str, BuiltRequest]) -> None:
    name, built = case
    path = GOLDEN / f"{name}.json"
    document = {"operation": built.operation, "warnings": list(built.warnings), "parameters": built.parameters}
    if os.environ.get("FLYTEKIT_SAGEMAKER_UPDATE_GOLDEN"):
        path.write_text(json.dumps(document, indent=2) + "\n")
    assert document == json.loads(path.read_text())


def test_a_golden_request_breaks_no_rule(case: tuple[str, BuiltRequest]) -> None:
    _, built = case
    findings = check_request(built.operation, built.parameters)
    assert [str(problem) for problem in (*built.problems, *findings.problems)] == []
    assert findings.warnings == ()


def test_botocore_accepts_a_golden_request(case: tuple[str, BuiltRequest]) -> None:
    _, built = case
    shape = sagemaker().operation_model(built.operation).input_shape
    report = ParamValidator().validate(built.parameters, shape)
    assert not report.has_errors(), report.generate_report()


def test_the_same_models_always_make_the_same_request(case: tuple[str, BuiltRequest]) -> None:
    name, built = case
    assert json.dumps(samples.GOLDEN[name]().parameters) == json.dumps(built.parameters)


def test_every_golden_file_has_its_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(samples.GOLDEN)
