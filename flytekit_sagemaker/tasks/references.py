"""What a function of class style gets in place of an output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flytekit_sagemaker.errors import Problem

_UNSET = object()


class Output:
    """An output that is not there yet: the function calls :meth:`set`, and what it set last counts.

    Attributes:
        name: of the output.
    """

    def __init__(self, name: str, convert: Callable[[str, Any], Any]) -> None:
        self.name = name
        self._convert = convert
        self._value: Any = _UNSET

    def set(self, value: Any) -> None:
        """Make a value the output.

        Raises:
            InvalidInput: when it is nothing that the declared type takes.
        """
        self._value = self._convert(self.name, value)

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
