"""The values that were given for the arguments, made fit to go on with, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.kubeflow.arguments import ARGUMENTS, BY_NAME
from flytekit_sagemaker.kubeflow.paths import AT, RANGES, SOME_RANGES, argument_at, root
from flytekit_sagemaker.kubeflow.reading import nulls, value_of
from flytekit_sagemaker.kubeflow.structures import Fraction
from flytekit_sagemaker.kubeflow.wording import in_words, sentence
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.text import text_of

M = TypeVar("M", bound=Model)

PAIRS = (("vpc_security_group_ids", "vpc_subnets"), ("warm_start_type", "parent_hpo_jobs"))
"""Arguments of which neither means anything without the other."""

# What cannot be judged without the argument.
_DEPENDENTS = {
    **{one: (other,) for pair in PAIRS for one, other in (pair, pair[::-1])},
    "max_run_time": ("max_wait_time",),
}


class Given:
    """The value of every argument.

    Where one is wrong, that is a problem, and from then on something legal stands in for it, so that the rest is looked
    at all the same. What is found out about a stand-in is not told.

    Attributes:
        problems: what is wrong, in the words of the arguments.
        warnings: sentences for whoever runs the pipeline.

    Args:
        values: by name of the argument; one that could not be read is not in it.
        problems: what is known to be wrong already.
    """

    def __init__(self, values: Mapping[str, Any], problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        self.warnings: list[str] = []
        self._values = dict(values)
        self._given_up: set[str] = set()
        self.give_up(*(argument.name for argument in ARGUMENTS if argument.name not in values))
        self._refuse_nulls()

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: object) -> None:
        self._values[name] = value

    def give_up(self, *names: str) -> None:
        """Have something legal stand in for arguments, and for those that cannot be judged without them."""
        for name in names:
            if name in BY_NAME and name not in self._given_up:
                self._given_up.add(name)
                self._values[name] = _stand_in(name)
                self.give_up(*_DEPENDENTS.get(name, ()))

    def is_given_up(self, *names: str) -> bool:
        """Whether something stands in for one of these arguments."""
        return not self._given_up.isdisjoint(names)

    def texts(self, name: str) -> dict[str, str]:
        """A dictionary whose values are to be texts; numbers keep what is written, and booleans become theirs."""
        texts = {}
        for key, value in self[name].items():
            with self.noting(f"{name}.{key}"):
                texts[str(key)] = value.text if isinstance(value, Fraction) else text_of(value)
        return texts

    def several(self, name: str) -> list[str] | None:
        """The parts of a text that is a list, separated by commas; None where there is none."""
        value = self[name]
        return None if value is None else [part for part in re.split(r"[\s,\[\]\"']+", value) if part]

    def model(self, model: type[M], **others: Any) -> M:
        """A model of the arguments that set its fields, and of others.

        The arguments that it refuses are given up; where what stands in for them does not go with the rest, all are.
        """
        with self.noting(model.__name__):
            return self._made(model, others)
        with suppress(InvalidInput):
            return self._made(model, others)
        self.give_up(*(name for path, name in AT.items() if path.startswith(f"{model.__name__}.")))
        return self._made(model, others)

    def refuse(self, field: str, value: object, rule: str, remedy: str = "") -> None:
        """Note a problem of an argument or a part of it, and give the argument up."""
        self.problems.append(Problem(field, value, rule, remedy))
        self.give_up(root(field))

    @contextmanager
    def noting(self, path: str) -> Iterator[None]:
        """Note what is refused within this context, and give up the arguments that it is about.

        Args:
            path: what problems are about: an argument or a part of it, a model, or a member of the request.
        """
        try:
            yield
        except InvalidInput as error:
            found = [self._in_words(problem.under(path)) for problem in error.problems]
            self.problems += found
            self.give_up(*(subject for problem in found for subject in _subjects(problem)))

    def find(self, problem: Problem) -> None:
        """Note a problem of the request, unless it is about what stands in for an argument."""
        problem = self._in_words(problem)
        if not self.is_given_up(*_subjects(problem)):
            self.problems.append(problem)

    def warn(self, text: str) -> None:
        """Note a warning about the request."""
        subject, _, rest = text.partition(" ")
        subject = argument_at(subject, self._values) if subject in AT else sentence(subject)
        self.warnings.append(f"{subject} {sentence(rest)}")

    def _made(self, model: type[M], others: Mapping[str, Any]) -> M:
        prefix = f"{model.__name__}."
        fields = {
            argument.sets.removeprefix(prefix): self.several(argument.name) if argument.several else self[argument.name]
            for argument in ARGUMENTS
            if argument.sets.startswith(prefix)
        }
        fields |= {field: value for field, value in others.items() if not self.is_given_up(AT.get(prefix + field, ""))}
        return model(**{field: value for field, value in fields.items() if value is not None})

    def _in_words(self, problem: Problem) -> Problem:
        return in_words(problem, argument_at(problem.field, self._values), self._values)

    def _refuse_nulls(self) -> None:
        for argument in ARGUMENTS:
            found = [] if argument.name == "overrides" else list(nulls(argument, self[argument.name]))
            if found:  # in the overrides, None removes a member
                self.problems += found
                self.give_up(argument.name)


def _subjects(problem: Problem) -> tuple[str, ...]:
    """The arguments without which a problem cannot be judged."""
    if problem.field == SOME_RANGES:
        return RANGES
    is_missing = problem.value is None and problem.field.startswith("static_parameters.")
    return (root(problem.field), *(RANGES if is_missing else ()))  # what is missing may be tuned


def _stand_in(name: str) -> Any:
    argument = BY_NAME[name]
    return value_of(argument, argument.example) if argument.required else argument.default
