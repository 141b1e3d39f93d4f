"""An exception as the reason of a failed job."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flytekit.core.base_task import PythonTask
from flytekit.exceptions.user import FlyteUserRuntimeException
from hypothesis import given
from hypothesis import strategies as st

from flytekit_sagemaker.container import failure
from flytekit_sagemaker.container.failure import failure_text

LIMIT = 1024 - len("AlgorithmError: , exit code: 255")

USERS = '''
def simple():
    raise ValueError("no such column")

def chained():
    try:
        {}["rate"]
    except KeyError as error:
        raise ValueError("no rate") from error

def while_handling():
    try:
        1 / 0
    except ZeroDivisionError:
        return [].pop()

def hidden():
    try:
        1 / 0
    except ZeroDivisionError:
        raise ValueError("only this") from None

def deep(n=50):
    if n:
        deep(n - 1)
    raise ValueError("at the bottom of it")

def long():
    raise ValueError("begin " + "x" * 5000 + " end")

def lines():
    raise ValueError("""first
       second""")

def silent():
    raise StopIteration

class Awkward(Exception):
    def __str__(self):
        raise RuntimeError

def awkward():
    raise Awkward

def library():
    import json
    json.loads("{")
'''


@pytest.fixture
def user(tmp_path: Path) -> ModuleType:
    """A module of the user's own."""
    (tmp_path / "training.py").write_text(USERS)
    module = ModuleType("training")
    exec(compile(USERS, str(tmp_path / "training.py"), "exec"), module.__dict__)
    return module


def text_of(function: Callable[[], Any]) -> str:
    try:
        function()
    except BaseException as error:
        return failure_text(error)
    raise AssertionError("nothing was raised")


def test_the_exception_comes_first_and_then_where_it_arose(user: ModuleType) -> None:
    first, heading, *frames = text_of(user.simple).splitlines()
    assert first == "ValueError: no such column"
    assert heading.startswith("Traceback")
    assert "training.py" in frames[-2]
    assert frames[-2].endswith("line 3, in simple")
    assert frames[-1].strip() == 'raise ValueError("no such column")'


def test_causes_are_named_with_their_places(user: ModuleType) -> None:
    first, second, *_ = text_of(user.chained).splitlines()
    assert first == "ValueError: no rate"
    assert second.startswith("caused by KeyError: 'rate' (File ")
    assert second.endswith("line 7, in chained)")
    assert "caused by ZeroDivisionError: division by zero" in text_of(user.while_handling)
    assert "ZeroDivisionError" not in text_of(user.hidden)


def test_of_many_frames_the_innermost_stay(user: ModuleType) -> None:
    text = text_of(user.deep)
    assert text.startswith("ValueError: at the bottom of it\nTraceback")
    assert text.endswith('raise ValueError("at the bottom of it")')
    assert text.count("in deep") > 3
    assert len(text) <= LIMIT


def test_a_long_message_loses_its_middle_and_not_the_frames(user: ModuleType) -> None:
    text = text_of(user.long)
    assert text.startswith("ValueError: begin xxx")
    assert "xxx end\nTraceback" in text
    assert "in long" in text
    assert len(text) <= LIMIT


def test_a_message_of_several_lines_becomes_one(user: ModuleType) -> None:
    assert text_of(user.lines).splitlines()[0] == "ValueError: first second"


def test_an_exception_without_a_message_is_its_name(user: ModuleType) -> None:
    assert text_of(user.silent).splitlines()[0] == "StopIteration"


def test_an_exception_that_cannot_be_shown_is_named(user: ModuleType) -> None:
    assert text_of(user.awkward).startswith("Awkward: ")


def test_frames_of_libraries_that_the_user_calls_stay(user: ModuleType) -> None:
    text = text_of(user.library)
    assert "in library" in text
    assert "in raw_decode" in text


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no exception groups before Python 3.11")
def test_the_members_of_a_group_are_named(user: ModuleType) -> None:
    def fail() -> None:
        found = []
        for function in (user.simple, user.silent):
            try:
                function()
            except Exception as error:
                found.append(error)
        raise ExceptionGroup("two of them", found)  # noqa: F821

    text = text_of(fail)
    assert text.startswith("ExceptionGroup: two of them (2 sub-exceptions)\n")
    assert "ValueError: no such column" in text
    assert "StopIteration" in text


def test_what_flytekit_puts_around_the_users_error_is_left_out(user: ModuleType) -> None:
    def fail() -> None:
        try:
            user.simple()
        except ValueError as error:
            raise FlyteUserRuntimeException(error) from error

    text = text_of(fail)
    assert text.startswith("ValueError: no such column\nTraceback")
    assert "in simple" in text


def test_frames_of_flytekit_and_of_this_package_are_left_out(user: ModuleType) -> None:
    from flytekit import task

    @task
    def train() -> None:
        user.simple()

    assert isinstance(train, PythonTask)
    text = text_of(lambda: train.execute())
    assert "in train" in text
    assert "in simple" in text
    assert "flytekit/core" not in text
    assert failure.__file__ not in text


def test_an_error_without_a_traceback_is_one_line() -> None:
    assert failure_text(ValueError("x")) == "ValueError: x"


@given(st.lists(st.text(max_size=3000), min_size=1, max_size=12))
def test_the_text_always_fits(messages: list[str]) -> None:
    error: Exception | None = None
    for message in messages:
        try:
            raise ValueError(message) from error
        except ValueError as caught:
            error = caught
    assert error is not None
    text = failure_text(error)
    assert len(text) <= LIMIT
    assert text.startswith("ValueError")
    assert "in test_the_text_always_fits" in text
