"""The inputs and outputs of an execution as Python values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flytekit.core.type_engine import TypeEngine
from flytekit.models.interface import TypedInterface
from flytekit.models.literals import Literal, LiteralMap
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker.errors import UserError, did_you_mean
from flytekit_sagemaker.remote.admin import Admin, ExecutionId
from flytekit_sagemaker.remote.states import State
from flytekit_sagemaker.uris import at_paths


class Values(Mapping[str, Any]):
    """Values by name, converted when they are asked for; files and directories have a ``uri``."""

    def __init__(self, admin: Admin, literals: Mapping[str, Any], kinds: Mapping[str, Any]) -> None:
        self._admin = admin
        self._literals = literals
        self._kinds = kinds
        self._values: dict[str, Any] = {}

    @classmethod
    def of(
        cls,
        admin: Admin,
        identifier: ExecutionId,
        state: State,
        side: str,
        types: Mapping[str, Any],
    ) -> Values:
        """The ``inputs`` or ``outputs`` of an execution.

        Args:
            types: Python types by name, where they are known; they are guessed from Flyte's otherwise.
        """
        declared = TypedInterface.from_flyte_idl(admin.interface(state.task, state.version))
        variables = getattr(declared, side)
        literals = LiteralMap.from_flyte_idl(admin.data(identifier, side)).literals
        ordered = {name: literals[name] for name in [*(name for name in types if name in literals), *literals]}
        kinds = {name: types.get(name) or TypeEngine.guess_python_type(variables[name].type) for name in ordered}
        return cls(admin, ordered, kinds)

    def __getitem__(self, name: str) -> Any:
        if name not in self._literals:
            hint = did_you_mean(name, self._literals) or f"There are {', '.join(self)}."
            raise UnknownName(f"there is no {name!r}. {hint}")
        if name not in self._values:
            self._values[name] = self._value(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._literals)

    def __len__(self) -> int:
        return len(self._literals)

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: {self[name]!r}' for name in self)}}}"

    def _value(self, name: str) -> Any:
        literal = self._literals[name]
        return _with_uris(self._converted(Literal.from_flyte_idl(at_paths(literal.to_flyte_idl())), name), literal)

    def _converted(self, literal: Literal, name: str) -> Any:
        with self._admin.remote.remote_context() as context:
            return TypeEngine.to_python_value(context, literal, self._kinds[name])


def _with_uris(value: Any, literal: Literal) -> Any:
    """A value whose files and directories have the ``uri`` of their literal."""
    if isinstance(value, list) and literal.collection is not None:
        return [_with_uris(each, one) for each, one in zip(value, literal.collection.literals, strict=True)]
    if isinstance(value, dict) and literal.map is not None:
        return {name: _with_uris(each, literal.map.literals[name]) for name, each in value.items()}
    scalar = literal.scalar
    if scalar is not None and scalar.union is not None:
        return _with_uris(value, scalar.union.value)
    if isinstance(value, (FlyteFile, FlyteDirectory)) and scalar is not None and scalar.blob is not None:
        value._remote_source = scalar.blob.uri  # what the next task is given: not uploaded again
        value.uri = scalar.blob.uri
    return value


class UnknownName(UserError, KeyError):
    """There is no value of that name."""

    def __str__(self) -> str:
        return str(self.args[0])
