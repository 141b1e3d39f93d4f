"""What of the inputs of a function becomes visible in its tuning job."""

from __future__ import annotations

import pytest

from flytekit_sagemaker.connector.inputs import Inputs
from flytekit_sagemaker.models.training_job import Function
from flytekit_sagemaker.testing import builders as make
from tests.requests import samples

FUNCTION = Function(tunable_inputs={"depth": "int", "source": "str"})
JOB = make.tuning_job(
    training_job=make.training_job(algorithm_specification=samples.custom_algorithm(), channels=(), function=FUNCTION)
)


def shown(**inputs: object) -> dict[str, object]:
    """The static hyperparameters that the service is told."""
    values = {**inputs, "stopping_condition": {"max_runtime_in_seconds": 600}}
    return dict(Inputs(values).job_inputs(JOB).static_hyperparameters)


@pytest.mark.parametrize(
    "secret",
    ["postgresql://reader:s3cr3t@db.example.com/sales", "AKIAIOSFODNN7EXAMPLE"],
)
def test_an_input_that_looks_like_a_secret_is_no_hyperparameter(secret: str) -> None:
    assert shown(depth=3, source=secret).keys() == {"depth"}
    assert shown(depth=3, source="postgresql://db.example.com/sales").keys() == {"depth", "source"}
