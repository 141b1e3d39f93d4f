"""What the body of a workflow class declares beside its tasks: inputs and outputs."""

from __future__ import annotations

from typing import Any, Final

from flytekit_sagemaker.arguments import explain_arguments
from flytekit_sagemaker.errors import InvalidInput, Problem
from flytekit_sagemaker.sdk.types import python_type
from flytekit_sagemaker.tasks.deferral import Symbol, here

NOT_GIVEN: Final = object()


class Input(Symbol):
    """An input of the workflow; in the body it is given to tasks in place of its value.

    Its name is that of the attribute. Without ``default`` and ``required`` it is required; with ``required=False`` and
    no default it may be left out, and is None then.

    Args:
        sdk_type: a member of ``Types``, ``[T]`` for a list of T, or a Python type that flytekit knows.
        help: what it is for, for ``pyflyte run --help`` and Flyte's console.
        required: whether it has to be given.
        default: its value when it is not given.

    What is wrong with it is told with everything else that is wrong with the class.
    """

    @explain_arguments
    def __init__(
        self,
        sdk_type: Any,
        help: str | None = None,
        *,
        required: bool | None = None,
        default: Any = NOT_GIVEN,
    ) -> None:
        super().__init__()
        self.help = help or ""
        self.required = required if required is not None else default is NOT_GIVEN
        self.default = None if default is NOT_GIVEN else default
        self.python_type, self.problems = _declared(sdk_type)
        if required and default is not NOT_GIVEN:
            rule = "cannot be the default of a required input"
            self.problems.append(Problem("default", default, rule, "Leave out required or default."))

    def __repr__(self) -> str:
        return f"the Input of {self.location}"


class Output:
    """An output of the workflow, named as its attribute.

    Args:
        value: an output of a task (or the task's call, when it has one output), an Input, a constant, or a list or
            dictionary of these.
        sdk_type: its type, which the value has to fit; the value's own where left out.
        help: what it is, for Flyte's console.

    What is wrong with it is told with everything else that is wrong with the class.
    """

    @explain_arguments
    def __init__(self, value: Any, sdk_type: Any = None, help: str | None = None) -> None:
        self.location = here()
        self.value = value
        self.help = help or ""
        self.python_type: Any = None
        self.problems: list[Problem] = []
        if sdk_type is not None:
            self.python_type, self.problems = _declared(sdk_type)

    def __repr__(self) -> str:
        return f"the Output of {self.location}"


def _declared(sdk_type: Any) -> tuple[Any, list[Problem]]:
    try:
        return python_type(sdk_type), []
    except InvalidInput as error:
        return None, list(error.problems)
