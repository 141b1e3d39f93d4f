"""Functions whose parameters are declared by decorators: inputs and outputs alike, after the context ``wf_params``.

Decorators are applied from the inside out, so the innermost one sees parameters that are not declared yet. What is
known of a function is a :class:`Declaration`, which becomes its task as soon as every parameter is declared.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FunctionType
from typing import Any, NamedTuple, NoReturn, Optional

from flytekit import current_context
from flytekit.core.context_manager import FlyteContextManager, FlyteEntities

from flytekit_sagemaker.errors import InvalidInput, Problem, UserError, did_you_mean
from flytekit_sagemaker.tasks.class_style.declared_types import DeclaredType, declared_type
from flytekit_sagemaker.tasks.class_style.references import Output

_DECLARE = "Declare it with @inputs or @outputs."
_ALL_OR_NONE = (
    "Annotate every parameter, or none: then wf_params comes first, and @inputs and @outputs declare the rest."
)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class UnfinishedTask(UserError, AttributeError):
    """A function of class style is used before all its parameters are declared."""


class OutputsNotSet(InvalidInput):
    """A function of class style has ended without setting all its outputs."""


@dataclass(frozen=True)
class Maker:
    """What makes a task of a function that has types.

    Attributes:
        make: makes it.
        inputs: types of the parameters that are inputs without being declared.
        outputs: types of those that are outputs.
        adapted: makes, of a parameter's name and its declared type, the type that it has in such a task.
    """

    make: Callable[[Callable[..., Any]], Any]
    inputs: Mapping[str, DeclaredType] = field(default_factory=dict)
    outputs: Mapping[str, DeclaredType] = field(default_factory=dict)
    adapted: Callable[[str, DeclaredType], DeclaredType] = lambda name, kind: kind


@dataclass(frozen=True)
class Declaration:
    """What is known of a function of class style.

    Attributes:
        function: as the user wrote it.
        inputs, outputs: the declared types, by parameter.
        maker: makes the task; None until a decorator says which kind it is.
    """

    function: Callable[..., Any]
    inputs: Mapping[str, DeclaredType] = field(default_factory=dict)
    outputs: Mapping[str, DeclaredType] = field(default_factory=dict)
    maker: Maker | None = None

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """Those of the function after the context, in order."""
        return dict(list(inspect.signature(self.function).parameters.items())[1:])

    @property
    def undeclared(self) -> list[str]:
        """The parameters of which nobody knows the type."""
        known = {*self.inputs, *self.outputs}
        if self.maker is not None:
            known |= {*self.maker.inputs, *self.maker.outputs}
        return [name for name in self.parameters if name not in known]

    def finished(self) -> Any:
        """The task, or, as long as something is missing, what waits for it."""
        if self.maker is None or self.undeclared:
            return Pending(self)
        with _outputs_are_set():
            return self.maker.make(self._typed())

    def _types(self) -> tuple[dict[str, DeclaredType], dict[str, DeclaredType]]:
        """The types of inputs and outputs in the order of the parameters."""
        maker = self.maker or Maker(lambda function: function)
        inputs, outputs = {}, {}
        for name, parameter in self.parameters.items():
            if name in self.outputs or name not in self.inputs and name not in maker.inputs:
                outputs[name] = self.outputs.get(name) or maker.outputs[name]
                continue
            kind = maker.adapted(name, self.inputs.get(name) or maker.inputs[name])
            inputs[name] = optional(kind) if parameter.default is None else kind
        return inputs, outputs

    def _typed(self) -> Callable[..., Any]:
        """The function as flytekit knows functions: typed parameters, and outputs that are returned."""
        function = self.function
        inputs, outputs = self._types()
        result: Any = NamedTuple("Outputs", [(name, kind.python_type) for name, kind in outputs.items()])  # type: ignore[misc]

        def run(given: Mapping[str, Any]) -> Any:
            arguments = {name: inputs[name].given(name, value) for name, value in given.items()}
            results = {name: Output(name, kind.taken) for name, kind in outputs.items()}
            returned = function(current_context(), **arguments, **results)
            if returned is not None:
                rule = "was returned, and outputs are set"
                remedy = f"Call {next(iter(results), 'name')}.set(...), and return nothing."
                raise InvalidInput(f"the result of {function.__name__}", [Problem("", returned, rule, remedy)])
            if unset := [each.unset_problem() for each in results.values() if not each.is_set]:
                raise OutputsNotSet(f"the result of {function.__name__}", unset)
            values = [each.value for each in results.values()]
            # A single value is returned as it is: map_task of flytekit's takes no tuple for one.
            return result(*values) if len(values) > 1 else next(iter(values), None)

        typed: Any = functools.update_wrapper(lambda **given: run(given), function)
        if function.__module__ == "__main__" and isinstance(function, FunctionType):
            # flytekit names the tasks of a script after the file that the function's code is from.
            typed.__code__ = typed.__code__.replace(co_filename=function.__code__.co_filename)
        typed.__annotations__ = {name: kind.python_type for name, kind in inputs.items()}
        typed.__annotations__["return"] = result if outputs else None
        typed.__signature__ = inspect.Signature(
            [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=self.parameters[name].default)
                for name in inputs
            ],
            return_annotation=typed.__annotations__["return"],
        )
        typed.declaration = self
        return typed  # type: ignore[no-any-return]


class Pending:
    """A function of class style that is no task yet; using it says what is missing.

    Attributes:
        declaration: what is known of it.
    """

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        functools.update_wrapper(self, declaration.function)

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise UnfinishedTask(self._what_is_missing())

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise UnfinishedTask(self._what_is_missing())

    def __repr__(self) -> str:
        return f"<{self._what_is_missing()}>"

    def _what_is_missing(self) -> str:
        name = self.declaration.function.__name__
        if names := self.declaration.undeclared:
            are = "is" if len(names) == 1 else "are"
            return f"{', '.join(names)} of {name} {are} not declared: write @inputs(...) or @outputs(...) above it"
        return f"{name} is no task: write @python_task or @custom_training_job_task above it"


def is_class_style(function: Callable[..., Any]) -> bool:
    """Whether a function leaves the types of its parameters to decorators."""
    return inspect.isfunction(function) and any(
        each.annotation is each.empty for each in inspect.signature(function).parameters.values()
    )


def declared(decorated: Any, decorator: str, *, inputs: Any = None, outputs: Any = None) -> Any:
    """What a function or a task becomes when more of its parameters are declared.

    Args:
        decorated: the function, what waits for declarations, or a task of which only pre-defined names are declared
            again.
        decorator: name of the decorator, for the message.
        inputs, outputs: declared types by parameter.

    Raises:
        InvalidInput: listing every parameter that the function does not have, or that is declared already.
    """
    declaration = _declaration_of(decorated, decorator)
    given = {"inputs": dict(inputs or {}), "outputs": dict(outputs or {})}
    known = {**declaration.inputs, **declaration.outputs}
    problems, types = [], {}
    for name, kind in {**given["inputs"], **given["outputs"]}.items():
        if name in known:
            problems.append(Problem(name, None, f"is declared already, as {known[name]!r}"))
        elif name not in declaration.parameters:
            hint = _parameter_hint(name, declaration)
            problems.append(Problem(name, None, f"is no parameter of {declaration.function.__name__}", hint))
        elif given["outputs"] and declaration.parameters[name].default is not inspect.Parameter.empty:
            problems.append(Problem(name, None, "is an output, and can have no default"))
        try:
            types[name] = declared_type(kind)
        except InvalidInput as error:
            problems += [replace(each, field=name) for each in error.problems]
    if problems:
        raise InvalidInput(decorator, problems)
    more = replace(
        declaration,
        inputs={**declaration.inputs, **{name: types[name] for name in given["inputs"]}},
        outputs={**declaration.outputs, **{name: types[name] for name in given["outputs"]}},
    )
    if not isinstance(decorated, Pending) and decorated in FlyteEntities.entities:
        FlyteEntities.entities.remove(decorated)  # else flytekit would register it beside the one that takes its place
    return more.finished()


def _parameter_hint(name: str, declaration: Declaration) -> str:
    function, parameters = declaration.function, list(inspect.signature(declaration.function).parameters)
    if name == parameters[0]:
        written = ", ".join(["wf_params", *(each for each in parameters if each != "wf_params")])
        return f"The first parameter is the context: write def {function.__name__}({written})."
    return did_you_mean(name, declaration.parameters) or f"It takes {', '.join(declaration.parameters) or 'none'}."


def made(decorated: Any, decorator: str, maker: Maker) -> Any:
    """What a function becomes when a decorator says what kind of task it is.

    Raises:
        InvalidInput: listing everything by which the function is none of class style.
    """
    declaration = _declaration_of(decorated, decorator)
    if declaration.maker is not None:
        rule = "is a task already"
        raise InvalidInput(decorator, [Problem(declaration.function.__name__, None, rule)])
    return replace(declaration, maker=maker).finished()


def optional(kind: DeclaredType) -> DeclaredType:
    """The type of a parameter that may be left out."""
    return replace(
        kind,
        name=f"Optional[{kind.name}]",
        python_type=Optional[kind.python_type],  # noqa: UP045
        given=lambda name, value: None if value is None else kind.given(name, value),
    )


def _declaration_of(decorated: Any, decorator: str) -> Declaration:
    if isinstance(decorated, Pending):
        return decorated.declaration
    of_task = getattr(getattr(decorated, "task_function", None), "declaration", None)
    if isinstance(of_task, Declaration):
        return of_task
    if not inspect.isfunction(decorated):
        rule = "must stand above a function whose parameters have no annotations"
        raise InvalidInput(decorator, [Problem("", getattr(decorated, "name", decorated), rule)])
    if not is_class_style(decorated) and inspect.signature(decorated).parameters:
        rule = f"is annotated, and {decorator} is for functions that are not"
        remedy = "@custom_training_job_task, and flytekit's own @task, take it as it is."
        raise InvalidInput(decorator, [Problem(decorated.__name__, None, rule, remedy)])
    if problems := list(_function_problems(decorated)):
        raise InvalidInput(decorator, problems)
    return Declaration(decorated)


def _function_problems(function: Callable[..., Any]) -> Iterator[Problem]:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    if not parameters:
        yield Problem(function.__name__, None, "must take wf_params", "Write it as the first parameter.")
    for index, each in enumerate(parameters):
        if each.kind not in _NAMED:
            yield Problem(str(each), None, "is no parameter with a name of its own")
        elif each.annotation is not each.empty and not (index == 0 and each.name == "wf_params"):
            yield Problem(each.name, None, "is annotated", _ALL_OR_NONE)
    if signature.return_annotation not in (signature.empty, None, "None"):
        yield Problem("the result", None, "is annotated", _ALL_OR_NONE)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        yield Problem(function.__name__, None, "must not be async")
    if inspect.isgeneratorfunction(function):
        yield Problem(function.__name__, None, "must set its outputs, not yield them")


@contextmanager
def _outputs_are_set() -> Iterator[None]:
    """While this is open, flytekit does not look for a return statement in the text of functions that have outputs."""
    builder = FlyteContextManager.current_context().new_builder()
    builder.execution_state = None
    with FlyteContextManager.with_context(builder):
        yield
