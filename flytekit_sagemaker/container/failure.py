"""An exception in so few characters as SageMaker keeps of a failure."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path

import flytekit_sagemaker

MAX_CHARACTERS = 990
"""FailureReason has 1,024, of which SageMaker takes some for "AlgorithmError: ..., exit code: 1"."""

TRACEBACK = "Traceback (most recent call last):"

_CUT = " ... "
_OURS = Path(flytekit_sagemaker.__file__).parent
_EXAMPLES = _OURS / "examples"
_MACHINERY = ("flytekit", "click", "rich_click")
_LIBRARIES = ("site-packages", "dist-packages")
_STARTERS = ("<frozen runpy>", "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")


def failure_text(error: BaseException) -> str:
    """The exception in one line, what caused it, and the innermost of the user's frames that lead to it.

    Frames of flytekit and of this package are left out, as are the outermost ones when there are too many. The result
    has at most ``MAX_CHARACTERS`` characters.
    """
    error = _unwrapped(error)
    summary = "\n".join(
        [_one_line(error), *(f"caused by {_one_line(cause)}{_place(cause)}" for cause in _causes(error))]
    )
    frames = [_shown(frame) for frame in _frames(error)]
    ending = under(TRACEBACK, frames, MAX_CHARACTERS - min(len(summary), MAX_CHARACTERS // 2))
    return cut(summary, MAX_CHARACTERS - len(ending)) + ending


def under(heading: str, paragraphs: Sequence[str], characters: int) -> str:
    """A heading and the last of the paragraphs below it, as many as there is room for; empty without any."""
    left = characters - len(heading) - 1
    shown: list[str] = []
    for paragraph in reversed(paragraphs):
        left -= len(paragraph) + 1
        if left < 0:
            break
        shown.insert(0, paragraph)
    return "".join(f"\n{text}" for text in (heading, *shown)) if shown else ""


def cut(text: str, characters: int) -> str:
    """The text, without its middle when it is longer than that."""
    if len(text) <= characters:
        return text
    kept = characters - len(_CUT)
    return text[: kept - kept // 3] + _CUT + text[len(text) - kept // 3 :]


def _unwrapped(error: BaseException) -> BaseException:
    """The user's own exception, from inside the one that flytekit has put around it."""
    inner = getattr(error, "value", None)
    while type(error).__module__.startswith("flytekit.") and isinstance(inner, BaseException):
        error, inner = inner, getattr(inner, "value", None)
    return error


def _causes(error: BaseException) -> list[BaseException]:
    """What led to an exception: its cause or context and so on, and the members of a group."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        current = waiting.pop(0)
        context = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
        for each in filter(None, (context, *getattr(current, "exceptions", ()))):
            if isinstance(each, BaseException) and all(each is not other for other in (error, *found)):
                found.append(each)
                waiting.append(each)
    return found


def _one_line(error: BaseException) -> str:
    try:
        message = " ".join(str(error).split())
    except Exception as fault:
        message = f"(its message is not to be had: {type(fault).__name__})"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    return [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_machinery(frame.filename)]


def _is_machinery(filename: str) -> bool:
    path = Path(filename)
    ours = path.is_relative_to(_OURS) and not path.is_relative_to(_EXAMPLES)
    return ours or filename in _STARTERS or Path(_short(filename)).parts[:1] in [(name,) for name in _MACHINERY]


def _place(error: BaseException) -> str:
    """Where an exception arose, in brackets."""
    innermost = _frames(error)[-1:]
    return "".join(f' (File "{_short(frame.filename)}", line {frame.lineno}, in {frame.name})' for frame in innermost)


def _shown(frame: traceback.FrameSummary) -> str:
    place = f'  File "{_short(frame.filename)}", line {frame.lineno}, in {frame.name}'
    return f"{place}\n    {frame.line}" if frame.line else place


def _short(filename: str) -> str:
    """A path as its reader knows it: within the libraries, or from the current directory."""
    path = Path(filename)
    roots = [*(folder for folder in path.parents if folder.name in _LIBRARIES), Path.cwd()]
    return next((str(path.relative_to(root)) for root in roots if path.is_relative_to(root)), filename)
