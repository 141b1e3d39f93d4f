"""What the call of a task becomes in the body of a class: a node of the workflow that is made of the class.

Nothing here has any effect until ``flytekit_sagemaker.sdk.workflow`` is imported.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, TypeVar

from flytekit.core.context_manager import FlyteContextManager

from flytekit_sagemaker.errors import InvalidInput, Problem

NODES = "__flyte_nodes__"
"""Where the namespace of a class keeps the nodes that were made in its body, in order."""

Call = TypeVar("Call", bound=Callable[..., Any])
_OWN_PACKAGES = ("flytekit", __name__.partition(".")[0])
_active = False


class Location(NamedTuple):
    """A line of the user's code."""

    file: str
    line: int

    def __str__(self) -> str:
        if "ipykernel_" in self.file or self.file.startswith("<ipython-input"):
            return f"line {self.line} of the cell"
        path = Path(self.file)
        return f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}:{self.line}"


class Symbol:
    """Stands in the body of a class for what exists when the workflow runs.

    Attributes:
        location: the line that made it.
    """

    def __init__(self) -> None:
        self.location = here()


def _refusing(remedy: str) -> Callable[..., Any]:
    def refuse(symbol: Symbol, *_: object) -> Any:
        raise TypeError(f"{symbol!r} has no value before the workflow runs ({here()}): {remedy}")

    return refuse


_REMEDIES = {
    "decide in a task, or with flytekit's conditional in an ordinary @workflow": "bool eq lt le gt ge",
    "calculate with it in a task": "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod divmod "
    "rdivmod pow rpow matmul rmatmul and rand or ror xor rxor neg pos abs invert round int float index",
    "take it apart in a task": "iter len getitem contains",
    "make the text in a task": "format",
}
for _remedy, _operations in _REMEDIES.items():
    for _operation in _operations.split():
        setattr(Symbol, f"__{_operation}__", _refusing(_remedy))


class Reference(Symbol):
    """One output of a node.

    Attributes:
        node: the node.
        output: name of the output; whether there is one is a matter of building the workflow.
    """

    def __init__(self, node: Node, output: str) -> None:
        super().__init__()
        self.node = node
        self.output = output

    def __repr__(self) -> str:
        return f"the output {self.output!r} of {self.node!r}"


class Outputs:
    """The outputs of a node, as attributes or by key."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Reference:
        if name.startswith("__"):  # what Python's own protocols and notebooks ask of every object
            raise AttributeError(name)
        return Reference(self._node, name)

    def __getitem__(self, name: str) -> Reference:
        return Reference(self._node, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._node.entity.python_interface.outputs)

    def __dir__(self) -> list[str]:
        return list(self)

    def __repr__(self) -> str:
        return f"the outputs of {self._node!r}: {', '.join(self) or 'none'}"


class Node(Symbol):
    """One call of a task, a workflow or a launch plan in the body of a class.

    Attributes:
        entity: what is called.
        args, inputs: with what.
        overrides: what ``with_overrides`` said.
        upstream: nodes that run before this one though it takes nothing of theirs.
    """

    def __init__(self, entity: Any, args: tuple[Any, ...], inputs: Mapping[str, Any]) -> None:
        super().__init__()
        self.entity = entity
        self.args = args
        self.inputs = dict(inputs)
        self.overrides: dict[str, Any] = {}
        self.upstream: list[Node] = []

    @property
    def outputs(self) -> Outputs:
        """The outputs, as attributes: ``node.outputs.model``."""
        return Outputs(self)

    def with_overrides(self, **overrides: Any) -> Node:
        """Let this call differ from its task: flytekit's ``retries``, ``timeout``, ``interruptible``, ``cache``,
        ``requests``, ``limits``, ``container_image`` and others, and ``node_name`` for the name of the node.
        """
        self.overrides.update(overrides)
        return self

    def runs_before(self, other: Node) -> None:
        """Let another node wait for this one: ``first >> second`` says the same."""
        if not isinstance(other, Node):
            raise TypeError(f"a node runs before another node, not before {other!r}")
        other.upstream.append(self)

    def __eq__(self, other: object) -> bool:
        """Whether both are the same call; an output of it is another matter."""
        return self is other if isinstance(other, Node) else super().__eq__(other)

    __hash__ = Symbol.__hash__

    def __rshift__(self, other: Node) -> Node:
        self.runs_before(other)
        return other

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        known = f"outputs are attributes of .outputs: {', '.join(self.outputs)}"
        advice = f"write .outputs.{name}" if name in self.outputs else known
        raise AttributeError(f"{self!r} has no attribute {name!r} ({here()}): {advice}")

    def __repr__(self) -> str:
        return f"the call of {self.entity.name} in {self.location}"


def deferrable(call: Call) -> Call:
    """A ``__call__`` that returns a node in the body of a class, or when it is given what stands there for a value.

    While flytekit compiles a workflow, and everywhere else, the call is what it was.
    """

    @functools.wraps(call)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not _active:
            return call(self, *args, **kwargs)
        symbolic = has_symbol([args, kwargs])
        if not symbolic and FlyteContextManager.current_context().compilation_state is not None:
            return call(self, *args, **kwargs)
        body = _class_body()
        if body is None and symbolic:
            rule = "stands for a value in the body of a workflow class alone, and is given to a task elsewhere"
            raise InvalidInput(f"the call of {self.name}", [Problem("", _first_symbol([args, kwargs]), rule)])
        if body is None:
            return call(self, *args, **kwargs)
        node = Node(self, args, kwargs)
        body.f_locals.setdefault(NODES, []).append(node)
        return node

    __call__.__deferrable__ = True  # type: ignore[attr-defined]
    return __call__  # type: ignore[return-value]


def activate() -> None:
    """Let whatever flytekit can call be called in the body of a class; done once per process."""
    global _active
    if _active:
        return
    from flytekit.core.array_node import ArrayNode
    from flytekit.core.array_node_map_task import ArrayNodeMapTask
    from flytekit.core.base_task import Task
    from flytekit.core.launch_plan import LaunchPlan
    from flytekit.core.legacy_map_task import MapPythonTask
    from flytekit.core.reference_entity import ReferenceEntity
    from flytekit.core.workflow import WorkflowBase

    for kind in (Task, WorkflowBase, LaunchPlan, ReferenceEntity, ArrayNodeMapTask, ArrayNode, MapPythonTask):
        if not hasattr(kind.__call__, "__deferrable__"):
            kind.__call__ = deferrable(kind.__call__)
    _active = True


def has_symbol(value: Any) -> bool:
    """Whether there is a symbol in a value, however deep in lists, tuples and dictionaries."""
    return _first_symbol(value) is not None


def _first_symbol(value: Any) -> Symbol | None:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return next((found for each in value if (found := _first_symbol(each)) is not None), None)
    return value if isinstance(value, Symbol) else None


def here() -> Location:
    """The line of the class body that is executed, or else the innermost line that is not this package's own."""
    frame = _class_body() or _users_frame()
    return Location(frame.f_code.co_filename, frame.f_lineno) if frame is not None else Location("?", 0)


def _class_body() -> FrameType | None:
    """The frame of the class body that is executed, be it in a function that the body calls; None where there is none.

    A module that the body imports is another matter.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "<module>":
        if not frame.f_code.co_flags & inspect.CO_OPTIMIZED and "__qualname__" in frame.f_locals:
            return frame
        frame = frame.f_back
    return None


def _users_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OWN_PACKAGES:
        frame = frame.f_back
    return frame
