"""What an argument and an output of the component are: the columns of the table in ``arguments.py``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

STRING = "String"
INTEGER = "Integer"
BOOLEAN = "Bool"
OBJECT = "JsonObject"
ARRAY = "JsonArray"


@dataclass(frozen=True)
class Argument:
    """One argument of the component.

    Attributes:
        name: as in the pipeline and, after two hyphens, on the command line.
        description: what it is.
        default: its value where none is given; None for one that is simply absent then.
        required: whether one has to be given.
        type: one of the types of component specifications.
        several: whether its text is a list, separated by commas.
        choices: the values that are accepted, where there are few.
        more_choices: further values that this component accepts.
        at_least, at_most: bounds of a number.
        example: a legal value as it is written on the command line.
        sets: the field of a model that it becomes, such as ``TrainingJobConfig.role_arn``.
        member: the member of the CreateHyperParameterTuningJob request in which it arrives.
        default_in_words: the default, where it is no fixed value.
        extra: whether it is one that only this component has.
    """

    name: str
    description: str
    default: Any = None
    required: bool = False
    type: str = STRING
    several: bool = False
    choices: Sequence[str] = ()
    more_choices: Sequence[str] = ()
    at_least: int | None = None
    at_most: int | None = None
    example: str = ""
    sets: str = ""
    member: str = ""
    default_in_words: str = ""
    extra: bool = False

    @property
    def default_as_text(self) -> str:
        """The default as it is written on the command line; empty where there is none."""
        if self.default is None:
            return ""
        return json.dumps(self.default) if isinstance(self.default, (dict, list)) else str(self.default)

    @property
    def accepted(self) -> str:
        """The accepted values in words; empty where the type says it all."""
        if self.choices:
            return ", ".join((*self.choices, *self.more_choices))
        if self.type == BOOLEAN:
            return "False, True"
        if self.at_least is not None and self.at_most is not None:
            return f"[{self.at_least}, {self.at_most}]"
        if self.at_least is not None:
            return f"≥ {self.at_least}"
        return "" if self.at_most is None else f"≤ {self.at_most}"


@dataclass(frozen=True)
class Output:
    """One output of the component.

    Attributes:
        name: as in the pipeline; ``--<name>_output_path`` on the command line names the file it is written to.
        description: what it is.
        type: one of the types of component specifications.
    """

    name: str
    description: str
    type: str = STRING

    @property
    def option(self) -> str:
        """The name of the command line's option for its file."""
        return f"{self.name}_output_path"
