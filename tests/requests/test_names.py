"""Job names and tags are pure functions of the Flyte execution, and legal whatever it is called."""

import dataclasses
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekit_sagemaker.requests.names import TRAINING_JOB_NAME_LENGTH, TUNING_JOB_NAME_LENGTH, JobIdentity
from flytekit_sagemaker.testing import builders as make

LENGTHS = [TRAINING_JOB_NAME_LENGTH, TUNING_JOB_NAME_LENGTH]
LEGAL = re.compile("[a-zA-Z0-9](-*[a-zA-Z0-9])*")
identities = st.builds(
    JobIdentity,
    **{name: st.text(max_size=80) for name in ("project", "domain", "execution", "node", "task", "version")},
    attempt=st.integers(0, 1000),
)


@given(identities)
def test_every_name_is_legal(identity: JobIdentity) -> None:
    for length in LENGTHS:
        name = identity.job_name(length)
        assert len(name) <= length
        assert LEGAL.fullmatch(name)
        assert name == dataclasses.replace(identity).job_name(length)


@given(identities)
def test_every_tag_is_legal(identity: JobIdentity) -> None:
    for key, value in identity.tags().items():
        assert len(key) <= 128
        assert len(value) <= 256
        for character in key + value:
            assert unicodedata.category(character)[0] in "LNZ" or character in "_.:/=+-@"


OTHERS: list[dict[str, Any]] = [
    {"attempt": 1},
    {"node": "n1"},
    {"execution": "f6a1b2c3d4e6"},
    {"domain": "production"},
    {"project": "other"},
    {"execution": "f6a1b2c3d4e5-n0", "node": ""},
    {"execution": "f6a1b2c3d4e5_"},
]


@pytest.mark.parametrize("length", LENGTHS)
def test_other_attempts_have_other_names(length: int) -> None:
    names = {make.job_identity(**changes).job_name(length) for changes in [{}, *OTHERS]}
    assert len(names) == len(OTHERS) + 1


@pytest.mark.parametrize("length", LENGTHS)
def test_long_names_that_differ_at_their_end_stay_distinct(length: int) -> None:
    names = {make.job_identity(execution="e" * 60, node="n" * 60 + str(index)).job_name(length) for index in range(50)}
    assert len(names) == 50


def test_a_name_shows_the_execution_that_it_belongs_to() -> None:
    assert make.job_identity().job_name(TRAINING_JOB_NAME_LENGTH).startswith("flyte-f6a1b2c3d4e5-n0-0-")


def test_names_ignore_the_version_so_that_a_repeated_create_meets_its_job() -> None:
    first, second = make.job_identity(version="1"), make.job_identity(version="2")
    assert first.job_name(32) == second.job_name(32)


def test_tags_name_the_owner_and_leave_out_what_is_unknown() -> None:
    assert make.job_identity(task="pricing.train", version="v1", attempt=2).tags() == {
        "flyte-project": "flytesnacks",
        "flyte-domain": "development",
        "flyte-execution": "f6a1b2c3d4e5",
        "flyte-node": "n0",
        "flyte-task": "pricing.train",
        "flyte-version": "v1",
        "flyte-attempt": "2",
    }
    assert "flyte-task" not in make.job_identity().tags()


@pytest.mark.parametrize("length", LENGTHS)
def test_a_deployment_has_a_prefix_of_its_own(length: int) -> None:
    ours, theirs = (make.job_identity().job_name(length, prefix) for prefix in ("flyte-eu", "flyte-us"))
    assert ours.startswith("flyte-eu-f6a1b2")
    assert theirs.startswith("flyte-us-f6a1b2")
    assert len(ours) <= length
