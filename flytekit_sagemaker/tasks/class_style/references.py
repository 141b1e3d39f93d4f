"""What a function of class style gets in place of an output."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from flytekit_sagemaker.errors import InvalidInput, Problem

_UNSET = object()


def _takes_options(convert: Callable[..., Any]) -> bool:
    return any(each.kind is each.VAR_KEYWORD for each in inspect.signature(convert).parameters.values())


class Output:
    """An output that is not there yet: the function calls :meth:`set`, and what it set last counts.

    Attributes:
        name: of the output.
    """

    def __init__(self, name: str, convert: Callable[..., Any]) -> None:
        self.name = name
        self._convert = convert
        self._value: Any = _UNSET

    def set(self, value: Any, **options: Any) -> None:
        """Make a value the output.

        Args:
            value: what the declared type takes; ``docs/class_style.md`` has the table.
            options: of CSV alone, how data frames are written: options of ``pandas.DataFrame.to_csv``.

        Raises:
            InvalidInput: when it is nothing that the declared type takes.
        """
        if options and not _takes_options(self._convert):
            rule = "are taken for CSV alone"
            raise InvalidInput(f"the output {self.name}", [Problem("", sorted(options), rule)])
        self._value = self._convert(self.name, value, **options)

    @property
    def is_set(self) -> bool:
        """Whether the function has set it."""
        return self._value is not _UNSET

    @property
    def value(self) -> Any:
        """What was set, as flytekit takes it."""
        return self._value

    def unset_problem(self) -> Problem:
        """What is wrong with an output that nobody has set."""
        return Problem(self.name, None, "was never set", f"Call {self.name}.set(...) before the function ends.")

    def __repr__(self) -> str:
        return f"<output {self.name}>"
