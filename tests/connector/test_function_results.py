"""What functions leave under an output prefix, and which of it counts."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core import errors_pb2, literals_pb2

from flytekit_sagemaker.connector import function_results
from flytekit_sagemaker.connector.containers import of_each_trial
from flytekit_sagemaker.container.command import Command
from flytekit_sagemaker.requests.functions import Container

RECOVERABLE = errors_pb2.ContainerError.RECOVERABLE
NON_RECOVERABLE = errors_pb2.ContainerError.NON_RECOVERABLE


def leave_error(prefix: Path, kind: Any, at: int) -> None:
    document = errors_pb2.ErrorDocument(error=errors_pb2.ContainerError(kind=kind))
    document.error.timestamp.seconds = at
    (prefix / "error.pb").write_bytes(document.SerializeToString())


def trained(*moments: int) -> dict[str, Any]:
    """The description of a job whose attempts began to train at these moments."""
    steps = [{"Status": "Training", "StartTime": datetime.fromtimestamp(at, timezone.utc)} for at in moments]
    return {"SecondaryStatusTransitions": [{"Status": "Starting", "StartTime": datetime.now(timezone.utc)}, *steps]}


@pytest.mark.parametrize(
    ("kind", "at", "description", "expected"),
    [
        (RECOVERABLE, 150, trained(100), True),
        (NON_RECOVERABLE, 150, trained(100), False),
        (RECOVERABLE, 150, trained(100, 200), False),  # of an attempt that was interrupted
        (RECOVERABLE, 250, trained(100, 200), True),
        (RECOVERABLE, 150, {}, True),
    ],
)
def test_the_error_of_the_last_attempt_says_whether_to_try_again(
    tmp_path: Path, kind: Any, at: int, description: dict[str, Any], expected: bool
) -> None:
    leave_error(tmp_path, kind, at)
    assert function_results.may_be_retried(str(tmp_path), description) is expected


def test_without_an_error_nothing_is_tried_again(tmp_path: Path) -> None:
    assert not function_results.may_be_retried(str(tmp_path), trained(100))


def test_outputs_leave_no_error_of_an_earlier_attempt_beside_them(tmp_path: Path) -> None:
    leave_error(tmp_path, RECOVERABLE, 150)
    assert function_results.outputs_left(str(tmp_path)) is None
    assert (tmp_path / "error.pb").exists()
    outputs = literals_pb2.LiteralMap(literals={"error": literals_pb2.Literal()})
    (tmp_path / "outputs.pb").write_bytes(outputs.SerializeToString())
    assert function_results.outputs_left(str(tmp_path)) == dict(outputs.literals)
    assert not (tmp_path / "error.pb").exists()


def test_every_place_of_a_trial_is_its_own() -> None:
    options = ("--inputs", "--output-prefix", "--raw-output-data-prefix", "--checkpoint-path", "--prev-checkpoint")
    argv = [word for option in options for word in (option, f"s3://bucket/{option[2:]}")]
    given = Container("image", Command(("pyflyte-fast-execute", "--", "pyflyte-execute", *argv, "--resolver", "x")))
    own = dict(zip(*[iter(of_each_trial(given).command.argv[3:])] * 2, strict=True))
    assert {option for option in options if own[option].endswith("/trials/{training_job_name}")} == {
        "--output-prefix",
        "--raw-output-data-prefix",
        "--checkpoint-path",
    }
    unrendered = Container("image", Command(("pyflyte-execute", "--checkpoint-path", "{{.checkpointOutputPrefix}}")))
    assert of_each_trial(unrendered) == unrendered
