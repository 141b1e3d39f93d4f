"""Every status that the service can send has a meaning; a new one is a job that runs."""

from functools import cache
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from flytekit_sagemaker.status import JOB_STATES, SECONDARY_STATES, JobState, Move, job_state, whose_move


@cache
def words(shape: str) -> tuple[str, ...]:
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")
    return tuple(model.shape_for(shape).enum)


@pytest.mark.parametrize("shape", ["TrainingJobStatus", "HyperParameterTuningJobStatus"])
def test_every_status_has_a_meaning(shape: str) -> None:
    assert set(words(shape)) <= set(JOB_STATES)


def test_every_secondary_status_has_a_meaning() -> None:
    assert set(words("SecondaryStatus")) <= set(SECONDARY_STATES)


def test_a_status_is_terminal_exactly_when_the_service_is_done_with_the_job() -> None:
    assert {word for word, state in JOB_STATES.items() if not state.is_terminal} == {"InProgress", "Stopping"}


@pytest.mark.parametrize("secondary", ["", *SECONDARY_STATES, "Pondering"])
@pytest.mark.parametrize("status", [*JOB_STATES, "Pondering"])
def test_the_secondary_status_never_changes_whether_a_job_is_done(status: str, secondary: str) -> None:
    state, said = job_state(status, secondary)
    assert state.is_terminal == JOB_STATES.get(status, JobState.RUNNING).is_terminal
    assert said


def test_an_unknown_status_is_a_job_that_runs_and_is_shown_by_its_name() -> None:
    assert job_state("Pondering") == (JobState.RUNNING, "Pondering")
    assert job_state("InProgress", "Reticulating") == (JobState.RUNNING, "InProgress (Reticulating)")


SAID: list[tuple[tuple[str, str], JobState, str]] = [
    (("InProgress", "Pending"), JobState.WAITING, "waiting for capacity"),
    (("InProgress", "Starting"), JobState.PREPARING, "instances are being launched"),
    (("InProgress", "Downloading"), JobState.PREPARING, "downloading"),
    (("InProgress", "Training"), JobState.RUNNING, "training"),
    (("InProgress", "Interrupted"), JobState.WAITING, "spot instances were reclaimed"),
    (("Stopping", "Stopping"), JobState.RUNNING, "Stopping"),
    (("Stopped", "Stopped"), JobState.STOPPED, "on request"),
    (("Stopped", "MaxRuntimeExceeded"), JobState.STOPPED, "max_runtime_in_seconds"),
    (("Stopped", "MaxWaitTimeExceeded"), JobState.STOPPED, "max_wait_time_in_seconds"),
    (("Completed", "Completed"), JobState.SUCCEEDED, "Completed"),
    (("Failed", "Failed"), JobState.FAILED, "Failed"),
]


@pytest.mark.parametrize(("statuses", "state", "phrase"), SAID, ids=[" ".join(case[0]) for case in SAID])
def test_what_is_said_of_a_job(statuses: tuple[str, str], state: JobState, phrase: str) -> None:
    found, said = job_state(*statuses)
    assert found is state
    assert phrase in said


MOVES: list[tuple[Any, Move]] = [
    ((JobState.FAILED, "CapacityError: Unable to provision requested ML compute capacity."), Move.NOBODY),
    ((JobState.FAILED, "InternalServerError: We encountered an internal error."), Move.NOBODY),
    ((JobState.FAILED, "AlgorithmError: num_round is missing, exit code: 1"), Move.USER),
    ((JobState.FAILED, "AlgorithmError: CapacityError in the user's own words"), Move.USER),
    ((JobState.FAILED, "ClientError: no data"), Move.USER),
    ((JobState.FAILED, ""), Move.USER),
    ((JobState.STOPPED, "", "Stopped"), Move.USER),
    ((JobState.STOPPED, "", "MaxRuntimeExceeded"), Move.USER),
    ((JobState.STOPPED, "", "MaxWaitTimeExceeded"), Move.NOBODY),
]


@pytest.mark.parametrize(("ending", "move"), MOVES)
def test_whose_move_it_is_after_a_bad_end(ending: Any, move: Move) -> None:
    assert whose_move(*ending) is move
