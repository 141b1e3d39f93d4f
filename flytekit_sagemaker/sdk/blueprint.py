"""What the body of a workflow class declares, with what it inherits, by name and in order."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from flytekit.core.constants import DEFAULT_FAILURE_NODE_ID, END_NODE_ID, START_NODE_ID

from flytekit_sagemaker.sdk.declarations import Input, Output
from flytekit_sagemaker.tasks.deferral import NODES, Node, Symbol
from flytekit_sagemaker.tasks.naming import variable_name

_LONGEST_NODE_ID = 55
"""Room for a number within the 63 characters of a DNS label."""


class Blueprint:
    """The declarations of a class and its bases.

    What a class overrides takes the place of what its bases declared under the same name, also where they gave it to a
    task: a subclass can replace one task of a workflow, or fix an input with a constant.

    Attributes:
        attributes: every attribute by its name, in the order of definition, the bases' first.
        nodes: the calls in the bodies, in order, without those that are overridden.
    """

    def __init__(self, declaration: type) -> None:
        self.declaration = declaration
        self.attributes: dict[str, Any] = {}
        self._names: dict[int, str] = {}
        made: list[Node] = []
        for each in reversed(declaration.__mro__[:-1]):
            made += vars(each).get(NODES, ())
            for name, value in vars(each).items():
                if name.startswith("__"):
                    continue
                self.attributes[name] = value
                for path, symbol in _symbols(name, value):
                    self._names.setdefault(id(symbol), path)
                    if isinstance(symbol, Node):
                        made.append(symbol)
        self.nodes = [node for node in {id(node): node for node in made}.values() if self.current(node) is node]
        self._members = {id(node) for node in self.nodes}

    @property
    def inputs(self) -> dict[str, Input]:
        """The inputs by name; an attribute that is a second name for one does not count."""
        return {
            name: value
            for name, value in self.attributes.items()
            if isinstance(value, Input) and self.name(value) == name
        }

    @property
    def outputs(self) -> dict[str, Output]:
        """The outputs by name."""
        return {name: value for name, value in self.attributes.items() if isinstance(value, Output)}

    @property
    def class_name(self) -> str:
        """The qualified name of the class."""
        return self.declaration.__qualname__.replace("<locals>.", "")

    @property
    def workflow_name(self) -> str:
        """``<module>.<qualified name>``, the module as Flyte names it; the qualified name alone in a notebook."""
        shown = self.class_name
        module = sys.modules.get(self.declaration.__module__)
        namespace = {**(vars(module) if module is not None else {}), shown: self.declaration}
        return variable_name(self.declaration, namespace) or shown

    def has(self, node: Node) -> bool:
        """Whether a node is one of this class."""
        return id(node) in self._members

    def name(self, symbol: Symbol) -> str | None:
        """The attribute that holds a symbol, such as ``train`` or ``many[0]``; None for one that none holds."""
        return self._names.get(id(symbol))

    def current(self, value: Any) -> Any:
        """What stands now for a value that a body used: what has taken its place, or else the value itself."""
        seen = {id(value)}
        while isinstance(value, Symbol) and (name := self.name(value)) in self.attributes:
            replacement = self.attributes[name]
            if id(replacement) in seen:
                break
            seen.add(id(replacement))
            value = replacement
        return value

    def label(self, node: Node) -> str:
        """What a node is called: its attribute, or else what it calls."""
        return self.name(node) or str(node.entity.name).rpartition(".")[2]

    def node_ids(self) -> dict[int, str]:
        """The identifiers of the nodes, by the nodes' ``id``: distinct, in the characters of a DNS label."""
        taken = {START_NODE_ID, END_NODE_ID, DEFAULT_FAILURE_NODE_ID}
        ids = {}
        for node in sorted(self.nodes, key=lambda each: self.name(each) is None):  # attributes keep their names
            ids[id(node)] = _distinct(str(node.overrides.get("node_name") or self.label(node)), taken)
            taken.add(ids[id(node)])
        return ids


def _distinct(name: str, taken: set[str]) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)
    text = re.sub("[^a-z0-9]+", "-", spaced.lower()).strip("-") or "node"
    text = text[:_LONGEST_NODE_ID].strip("-")
    number = 0
    while (candidate := f"{text}-{number}" if number else text) in taken:
        number += 1
    return candidate


def _symbols(path: str, value: Any) -> Iterator[tuple[str, Symbol]]:
    """The symbols of an attribute and their paths, however deep in lists, tuples and dictionaries."""
    if isinstance(value, Symbol):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _symbols(f"{path}[{key}]", each)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        for place, each in enumerate(value):
            yield from _symbols(f"{path}[{place}]", each)
