"""Every status that the service can send has a meaning; a new one is a job that runs."""

from functools import cache
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from flytekit_sagemaker.reporting.progress import progress_of
from flytekit_sagemaker.status import (
    JOB_STATES,
    OBJECTIVE_STATES,
    SECONDARY_STATES,
    TRIAL_COUNTERS,
    JobState,
    Move,
    job_state,
    whose_move,
)


@cache
def service_model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


def words(shape: str) -> tuple[str, ...]:
    return tuple(service_model().shape_for(shape).enum)


def members(shape: str) -> tuple[str, ...]:
    return tuple(service_model().shape_for(shape).members)


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


# Every word of the service's model: the state of a job that has it, words that its message has, and whose move it is.
W, P, R = JobState.WAITING, JobState.PREPARING, JobState.RUNNING
SECONDARY: dict[str, tuple[str, JobState, str, Move | None]] = {
    "Starting": ("InProgress", P, "instances are being launched", None),
    "LaunchingMLInstances": ("InProgress", P, "instances are being launched", None),
    "PreparingTrainingStack": ("InProgress", P, "training stack", None),
    "Pending": ("InProgress", W, "waiting for capacity", None),
    "Downloading": ("InProgress", P, "downloading the input data", None),
    "DownloadingTrainingImage": ("InProgress", P, "downloading the training image", None),
    "Training": ("InProgress", R, "training", None),
    "Interrupted": ("InProgress", W, "spot instances were reclaimed", None),
    "Uploading": ("InProgress", R, "uploading the model", None),
    "Updating": ("InProgress", R, "updating", None),
    "Restarting": ("InProgress", P, "restarting after an internal error", None),
    "Stopping": ("Stopping", R, "Stopping", None),
    "Completed": ("Completed", JobState.SUCCEEDED, "Completed", None),
    "Failed": ("Failed", JobState.FAILED, "Failed", Move.USER),
    "Stopped": ("Stopped", JobState.STOPPED, "on request", Move.USER),
    "MaxRuntimeExceeded": ("Stopped", JobState.STOPPED, "max_runtime_in_seconds", Move.USER),
    "MaxWaitTimeExceeded": ("Stopped", JobState.STOPPED, "max_wait_time_in_seconds", Move.NOBODY),
}
PRIMARY: dict[str, tuple[JobState, Move | None]] = {
    "InProgress": (R, None),
    "Stopping": (R, None),
    "Completed": (JobState.SUCCEEDED, None),
    "Failed": (JobState.FAILED, Move.USER),
    "Stopped": (JobState.STOPPED, Move.USER),
    "Deleting": (JobState.STOPPED, Move.USER),
    "DeleteFailed": (JobState.STOPPED, Move.USER),
}


@pytest.mark.parametrize("word", words("SecondaryStatus"))
def test_every_secondary_status_has_a_state_a_message_and_somebody_to_act(word: str) -> None:
    assert word in SECONDARY, f"{word} is new in the service's model"
    status, state, phrase, move = SECONDARY[word]
    found, said = job_state(status, word)
    assert found is state
    assert phrase in said
    if move is not None:
        assert whose_move(found, "", word) is move


@pytest.mark.parametrize("word", sorted({*words("TrainingJobStatus"), *words("HyperParameterTuningJobStatus")}))
def test_every_status_has_a_state_a_message_and_somebody_to_act(word: str) -> None:
    assert word in PRIMARY, f"{word} is new in the service's model"
    state, move = PRIMARY[word]
    found, said = job_state(word)
    assert found is state
    assert said.startswith(word)
    if move is not None:
        assert whose_move(found, "") is move


def test_a_status_in_which_nobody_has_to_act_is_one_that_did_not_end_badly() -> None:
    ended_badly = (JobState.FAILED, JobState.STOPPED)
    assert all((state in ended_badly) is (move is not None) for state, move in PRIMARY.values())
    assert all((state in ended_badly) is (move is not None) for _, state, _, move in SECONDARY.values())


def test_every_state_of_an_objective_has_a_meaning() -> None:
    assert set(words("ObjectiveStatus")) == set(OBJECTIVE_STATES)
    assert {word for word, state in OBJECTIVE_STATES.items() if not state.is_terminal} == {"Pending"}


@pytest.mark.parametrize("counter", members("TrainingJobStatusCounters"))
def test_every_counter_of_trials_is_counted_in_the_progress(counter: str) -> None:
    assert counter in TRIAL_COUNTERS, f"{counter} is new in the service's model"
    description = {
        "HyperParameterTuningJobName": "search",
        "HyperParameterTuningJobStatus": "InProgress",
        "TrainingJobStatusCounters": {counter: 3},
    }
    progress = progress_of(description)
    counts = {
        "completed": progress.done,
        "running": progress.running,
        "failed": progress.failed,
        "stopped": progress.stopped,
    }
    assert counts == dict.fromkeys(counts, 0) | {TRIAL_COUNTERS[counter]: 3}


INTERNAL = "InternalServerError: We encountered an internal error. Please try again."
CAPACITY = "CapacityError: Unable to provision requested ML compute capacity."
OWN_FAULT = "AlgorithmError: ValueError: no data, exit code: 1"
GAVE_UP = "No training job succeeded after 5 attempts."

MOVES: list[tuple[tuple[Any, ...], Move]] = [
    ((JobState.FAILED, CAPACITY), Move.NOBODY),
    ((JobState.FAILED, INTERNAL), Move.NOBODY),
    ((JobState.FAILED, "InternalFailure: try again"), Move.NOBODY),
    ((JobState.FAILED, "Unable to provision requested ML compute capacity due to InsufficientInstance"), Move.NOBODY),
    ((JobState.FAILED, "We encountered an internal error. Please try again."), Move.NOBODY),
    ((JobState.FAILED, "Training was given up after repeated spot interruptions."), Move.NOBODY),
    ((JobState.FAILED, "The instances were reclaimed."), Move.NOBODY),
    ((JobState.FAILED, "The warm pool was lost."), Move.NOBODY),
    ((JobState.FAILED, OWN_FAULT), Move.USER),
    ((JobState.FAILED, "AlgorithmError: CapacityError in the user's own words"), Move.USER),
    ((JobState.FAILED, "AlgorithmError: requests.HTTPError: 500 Internal Server Error"), Move.USER),
    ((JobState.FAILED, "ClientError: no data"), Move.USER),
    ((JobState.FAILED, "CapacityErrors of the user"), Move.USER),
    ((JobState.FAILED, ""), Move.USER),
    ((JobState.STOPPED, "", "Stopped"), Move.USER),
    ((JobState.STOPPED, "", "MaxRuntimeExceeded"), Move.USER),
    ((JobState.STOPPED, "", "MaxWaitTimeExceeded"), Move.NOBODY),
    ((JobState.FAILED, INTERNAL, "", [OWN_FAULT]), Move.NOBODY),
    ((JobState.FAILED, GAVE_UP, "", [CAPACITY, INTERNAL]), Move.NOBODY),
    ((JobState.FAILED, GAVE_UP, "", [CAPACITY, OWN_FAULT]), Move.USER),
    ((JobState.FAILED, GAVE_UP, "", [OWN_FAULT]), Move.USER),
    ((JobState.FAILED, GAVE_UP, "", []), Move.USER),
    ((JobState.STOPPED, "", "", [CAPACITY]), Move.USER),
]


@pytest.mark.parametrize(("ending", "move"), MOVES)
def test_whose_move_it_is_after_a_bad_end(ending: tuple[Any, ...], move: Move) -> None:
    assert whose_move(*ending) is move
