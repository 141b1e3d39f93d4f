"""Says which argument was meant when a call names one that does not exist."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import ParamSpec

from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean

P = ParamSpec("P")


def explain_arguments(init: Callable[P, None]) -> Callable[P, None]:
    """A constructor that answers wrong arguments with InvalidInput, naming every one, instead of a bare TypeError."""
    signature = inspect.signature(init)
    parameters = dict(list(signature.parameters.items())[1:])

    @functools.wraps(init)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            problems = list(_problems(parameters, len(args) - 1, kwargs))
            raise InvalidInput(
                type(args[0]).__name__, problems or [Problem("arguments", args[1:], str(error))]
            ) from None
        init(*args, **kwargs)

    return checked


def _problems(
    parameters: Mapping[str, inspect.Parameter], positional: int, named: Mapping[str, object]
) -> Iterator[Problem]:
    for name, value in named.items():
        if name not in parameters:
            hint = did_you_mean(name, parameters) or f"It takes {', '.join(parameters)}."
            yield Problem(name, value, "is not an argument", hint)
    in_order = [name for name, each in parameters.items() if each.kind is each.POSITIONAL_OR_KEYWORD]
    given = {*named, *in_order[:positional]}
    for name, each in parameters.items():
        if each.default is each.empty and name not in given:
            yield Problem(name, None, "is required")
