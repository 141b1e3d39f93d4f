from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from flytekit_sagemaker.reporting.live import LiveDisplay
from flytekit_sagemaker.reporting.progress import Progress, progress_line

RUNNING = Progress(name="job", kind="tuning", status="InProgress", total=3, running=2, started=0.0)
FURTHER = replace(
    RUNNING, done=1, running=1, objective_metric="auc", best_value=0.75, best_index=1, best_trial="job-001"
)
ENDED = replace(FURTHER, status="Completed", done=3, running=0, ended=60.0)

PROGRAM = """
from tests_program import ENDED, FURTHER, RUNNING
from flytekit_sagemaker.reporting.live import LiveDisplay
with LiveDisplay() as display:
    for progress in (RUNNING, FURTHER, ENDED):
        print("the program's own")
        display.update(progress)
"""


@pytest.fixture
def program(tmp_path):
    (tmp_path / "tests_program.py").write_text(
        "from flytekit_sagemaker.reporting.progress import Progress\n"
        + "".join(f"{name} = {globals()[name]!r}\n" for name in ("RUNNING", "FURTHER", "ENDED"))
    )
    (tmp_path / "program.py").write_text(PROGRAM)
    return [sys.executable, str(tmp_path / "program.py")]


def environment(**changes: str) -> dict[str, str]:
    unset = ("NO_COLOR", "FORCE_COLOR", "FLYTEKIT_SAGEMAKER_PROGRESS")
    return {**{k: v for k, v in os.environ.items() if k not in unset}, "TERM": "xterm-256color", **changes}


def in_terminal(command: list[str], env: dict[str, str]) -> tuple[str, str]:
    """What a program wrote to a pipe on its standard output, and to the terminal on its standard error."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE, stderr=slave, env=env)
    os.close(slave)
    seen = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # Linux answers EIO when the last writer is gone.
            break
        if not chunk:
            break
        seen += chunk
    os.close(master)
    own = process.communicate()[0].decode()
    assert process.returncode == 0, seen.decode()
    return own, seen.decode()


def test_a_log_gets_a_line_per_change():
    log = io.StringIO()
    with LiveDisplay(stream=log) as display:
        for progress in (RUNNING, RUNNING, replace(RUNNING, started=5.0), FURTHER, ENDED, ENDED):
            display.update(progress)
    assert log.getvalue().splitlines() == [progress_line(progress) for progress in (RUNNING, FURTHER, ENDED)]


def test_lines_of_a_log_stand_among_the_others_as_they_are():
    log = io.StringIO()
    with LiveDisplay(stream=log) as display:
        display.update(RUNNING)
        display.log(["a [bold]line[/bold]", ""])
        display.update(ENDED)
    assert log.getvalue().splitlines()[1:3] == ["a [bold]line[/bold]", ""]


def test_lines_of_a_log_stay_above_what_is_redrawn(tmp_path):
    program = tmp_path / "program.py"
    shown = f"from flytekit_sagemaker.reporting.progress import Progress\nRUNNING = {RUNNING!r}\n"
    lines = "    display.update(RUNNING)\n    display.log(['first [b]', 'second'])\n"
    opened = "from flytekit_sagemaker.reporting.live import LiveDisplay\nwith LiveDisplay() as display:\n"
    program.write_text(shown + opened + lines)
    own, seen = in_terminal([sys.executable, str(program)], environment())
    assert own == ""
    assert seen.index("first [b]") < seen.index("second") < seen.rindex("tuning job")


def test_two_jobs_in_one_log_are_told_apart():
    log = io.StringIO()
    other = replace(RUNNING, name="other")
    with LiveDisplay(stream=log) as display:
        for progress in (RUNNING, other, RUNNING, other, FURTHER):
            display.update(progress)
    assert log.getvalue().splitlines() == [progress_line(progress) for progress in (RUNNING, other, FURTHER)]


def test_a_pipe_gets_lines_on_standard_error(program):
    done = subprocess.run(program, capture_output=True, text=True, env=environment(FORCE_COLOR="1"), check=True)
    assert done.stdout == "the program's own\n" * 3
    assert done.stderr.splitlines() == [progress_line(progress) for progress in (RUNNING, FURTHER, ENDED)]


def test_a_terminal_is_redrawn_and_left_with_the_last_state(program):
    own, seen = in_terminal(program, environment())
    assert own == "the program's own\n" * 3
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") == 1
    assert re.search(r"\x1b\[3\dm|\x1b\[1;3\dm|\x1b\[38;", seen)
    last = seen[seen.rindex("tuning job") :]
    assert "3 of 3 trials done" in last
    assert "1 min 00 s" in last


def test_no_color_is_respected(program):
    _, seen = in_terminal(program, environment(NO_COLOR="1"))
    assert "3 of 3 trials done" in seen
    assert not re.search(r"\x1b\[[\d;]*3\d[\d;]*m", seen)


def test_a_dumb_terminal_gets_lines(program):
    _, seen = in_terminal(program, environment(TERM="dumb"))
    assert seen.splitlines() == [progress_line(progress) for progress in (RUNNING, FURTHER, ENDED)]


def test_a_terminal_without_unicode_is_no_error(program):
    _, seen = in_terminal(program, environment(PYTHONIOENCODING="ascii:strict"))
    assert "3 of 3 trials done" in seen
    assert "Traceback" not in seen


@pytest.mark.parametrize("word", ["off", "OFF", "0", "none"])
def test_the_environment_switches_it_off(program, word):
    _, seen = in_terminal(program, environment(FLYTEKIT_SAGEMAKER_PROGRESS=word))
    assert seen == ""


def test_quiet_shows_nothing():
    log = io.StringIO()
    with LiveDisplay(stream=log, quiet=True) as display:
        display.update(RUNNING)
    assert log.getvalue() == ""


def test_a_stream_that_closes_on_the_way_is_no_error():
    log = io.StringIO()
    with LiveDisplay(stream=log) as display:
        display.update(RUNNING)
        log.close()
        display.update(FURTHER)


def test_a_reader_that_went_away_is_no_error():
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w", buffering=1)
    with LiveDisplay(stream=stream) as display:
        display.update(RUNNING)
        os.close(reading)
        display.update(FURTHER)
    with pytest.raises(BrokenPipeError):
        stream.close()


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("closed_here", [True, False])
def test_a_terminal_that_went_away_is_no_error(closed_here):
    drawn = threading.Semaphore(0)

    def clock() -> float:
        if threading.current_thread() is not threading.main_thread():
            drawn.release()
        return 0.0

    master, slave = pty.openpty()
    stream = os.fdopen(slave, "w", buffering=1)
    with LiveDisplay(stream=stream, clock=clock) as display:
        display.update(RUNNING)
        assert drawn.acquire(timeout=20)
        os.close(master)
        if closed_here:
            with contextlib.suppress(OSError):  # of what the display could not write
                stream.close()
        display.update(FURTHER)
    with contextlib.suppress(OSError):
        stream.close()


def test_letters_that_the_stream_lacks_are_spelled_out():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with LiveDisplay(stream=stream) as display:
        display.update(replace(RUNNING, name="größe"))
    assert raw.getvalue().decode() == "tuning job gr\\xf6\\xdfe: 0 of 3 trials done, 2 running, 0 failed\n"


def test_after_closing_nothing_is_shown():
    log = io.StringIO()
    display = LiveDisplay(stream=log)
    display.close()
    display.update(RUNNING)
    display.close()
    assert log.getvalue() == ""


def test_a_notebook_has_one_output_updated_in_place(program):
    pytest.importorskip("ipykernel")
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    folder = os.path.dirname(program[1])
    cells = [f"import sys; sys.path.insert(0, {folder!r})", PROGRAM]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    streams = [output for output in notebook.cells[1].outputs if output.output_type == "stream"]
    displays = [output for output in notebook.cells[1].outputs if output.output_type == "display_data"]
    assert "".join(stream.text for stream in streams) == "the program's own\n" * 3
    assert len(displays) == 1
    assert "3 of 3 trials done" in displays[0].data["text/html"]
