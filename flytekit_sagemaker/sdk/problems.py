"""What is wrong with a workflow class, each with its line, told all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.tasks.deferral import Location


@dataclass(frozen=True)
class LocatedProblem(Problem):
    """A problem and the line that has it.

    Attributes:
        location: file and line of the declaration or the call.
    """

    location: Location | None = None

    def __str__(self) -> str:
        return f"{super().__str__()} ({self.location})"


class Problems:
    """The problems of one class, as they are found."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, field: str, value: object, rule: str, location: Location, remedy: str = "") -> None:
        """Add what is wrong with one value."""
        self._found.append(LocatedProblem(field, value, rule, remedy, location=location))

    def adopt(self, problems: Iterable[Problem], parent: str, location: Location) -> None:
        """Add problems that were found within a field."""
        for each in problems:
            field = each.under(parent).field if parent and each.field else each.field or parent
            self.add(field, each.value, each.rule, location, each.remedy)

    def raise_any(self, subject: str) -> None:
        """Do nothing when there are none.

        Raises:
            InvalidInput: listing them, in the order of the lines.
        """
        if self._found:
            found = sorted(self._found, key=lambda each: getattr(each, "location", None) or Location("", 0))
            raise InvalidInput(subject, found)
