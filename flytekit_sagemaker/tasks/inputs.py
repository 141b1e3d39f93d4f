"""The inputs of a task in any form that users give them."""

from __future__ import annotations

import hashlib
import os
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.promise import Promise
from flytekit.models.core.types import BlobType
from flytekit.models.literals import Blob, BlobMetadata, Literal, Scalar
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean
from flytekit_sagemaker.models.codec import Model
from flytekit_sagemaker.models.training_job import Channel

# For a name that no input can have, by the argument that asks for it.
_OTHER_WAYS = {
    "channels": "Name it with letters, digits and _, beginning with a letter.",
    "tunable_parameters": "Put its range into hyperparameter_ranges instead.",
}


def channel_inputs(channels: Sequence[Channel]) -> dict[str, Any]:
    """The inputs of a task for its channels: a directory each, optional ones with None for default.

    A channel that says itself where its data is makes none.

    The directories have no format: Flyte's compiler lets a directory only be given where the same format is declared,
    and what other tasks return is a plain FlyteDirectory nearly always.
    """
    return {
        channel.name: FlyteDirectory if channel.required else (typing.Optional[FlyteDirectory], None)  # noqa: UP045
        for channel in channels
        if channel.is_input
    }


def declared_channels(channels: Sequence[str | Channel]) -> tuple[Channel, ...]:
    """The channels of a task, given as names or models.

    Raises:
        InvalidInput: listing every name that is not legal and every value that is neither.
    """
    if isinstance(channels, str) or not isinstance(channels, Sequence):
        raise InvalidInput("the task", [Problem("channels", channels, "must be a list of names or channels")])
    given, problems = [], []
    for index, channel in enumerate(channels):
        try:
            given.append(Channel(name=channel) if isinstance(channel, str) else Channel.of(channel))
        except InvalidInput as error:
            problems += [problem.under(f"channels[{index}]") for problem in error.problems]
    if problems:
        raise InvalidInput("the task", problems)
    return tuple(given)


def distinct_inputs(*groups: tuple[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The inputs of a task out of several groups.

    Args:
        groups: the constructor's argument that asks for the inputs, and the inputs.

    Raises:
        InvalidInput: when two groups have an input of the same name, or a name is no Python identifier.
    """
    inputs: dict[str, Any] = {}
    problems = []
    for argument, group in groups:
        for name in group:
            if name in inputs:
                problems.append(Problem(argument, name, "is the name of another input of the task"))
            elif not name.isidentifier():
                rule = "cannot be an input of a Flyte task"
                problems.append(Problem(argument, name, rule, _OTHER_WAYS.get(argument, "")))
        inputs.update(group)
    if problems:
        raise InvalidInput("the task", problems)
    return inputs


def named_inputs(task: str, declared: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name.

    Raises:
        InvalidInput: for more positional arguments than inputs, and for an input that is given twice.
    """
    given = dict(zip(declared, args, strict=False))
    problems = [Problem(name, kwargs[name], "is given twice") for name in given if name in kwargs]
    if len(args) > len(declared):
        problems.append(
            Problem("arguments", args[len(declared) :], f"are too many: the task has {len(declared)} inputs")
        )
    if problems:
        raise InvalidInput(f"the input of {task}", problems)
    return {**given, **kwargs}


def accepted_inputs(
    task: str, declared: Mapping[str, tuple[Any, Any]], given: Mapping[str, Any], *, in_place: bool = True
) -> dict[str, Any]:
    """The inputs as flytekit takes them, the defaults filled in (flytekit does so for workflow nodes only).

    Args:
        task: name of the task, for the message.
        declared: type and default of each input.
        given: the inputs by name.
        in_place: whether the task runs on this machine, where it uses files at their own place.

    Raises:
        InvalidInput: listing every input that is unknown, missing or of the wrong type.
    """
    accepted: dict[str, Any] = {}
    problems = list(_unknown(declared, given))
    for name, (python_type, default) in declared.items():
        if name not in given:
            if default is not None or type(None) in typing.get_args(python_type):
                accepted[name] = default
            else:
                problems.append(Problem(name, None, "is required"))
            continue
        try:
            accepted[name] = _accept(python_type, given[name], in_place)
        except InvalidInput as error:
            problems.extend(problem.under(name) for problem in error.problems)
    if problems:
        raise InvalidInput(f"the input of {task}", problems)
    return accepted


def with_fingerprint(value: Any) -> Any:
    """A file or directory of this machine as a literal that changes with its content alone; anything else as it is.

    flytekit's local cache knows data by its path, which stays the same when the data changes, and is another one each
    time that a task makes the same data anew. So, too, those of a list, and the outputs of other tasks.
    """
    if isinstance(value, list):
        return [with_fingerprint(each) for each in value]
    if isinstance(value, Promise):
        blob = value.val.scalar.blob if value.is_ready and value.val.scalar is not None else None
        if blob is None or value.val.hash is not None or not Path(blob.uri).exists():
            return value
        return Promise(value.var, Literal(scalar=value.val.scalar, hash=_digest(Path(blob.uri))))
    if not isinstance(value, (FlyteDirectory, FlyteFile)) or not Path(value.path).exists():
        return value
    one = isinstance(value, FlyteFile)
    dimensionality = BlobType.BlobDimensionality.SINGLE if one else BlobType.BlobDimensionality.MULTIPART
    kind = BlobType(format=value.extension(), dimensionality=dimensionality)
    blob = Blob(metadata=BlobMetadata(type=kind), uri=str(value.path))
    return Promise("data", Literal(scalar=Scalar(blob=blob), hash=_digest(Path(value.path))))


def _digest(root: Path) -> str:
    """What the content of a file, or the names and contents of the files in a directory, come to."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
        if path.is_file():
            content = hashlib.sha256()
            with path.open("rb") as file:
                while piece := file.read(1 << 20):
                    content.update(piece)
            digest.update(f"{path.relative_to(root)}\0{content.hexdigest()}\0".encode())
    return digest.hexdigest()


def _unknown(declared: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Problem]:
    for name in given:
        if name not in declared:
            hint = did_you_mean(name, declared) or f"It takes {', '.join(declared)}."
            yield Problem(name, given[name], "is not an input of this task", hint)


def _accept(python_type: Any, value: Any, in_place: bool) -> Any:
    """One input in the form that flytekit converts; a promise of another task's output passes."""
    if isinstance(value, Promise) or hasattr(value, "ref"):
        return value
    if typing.get_origin(python_type) is list and isinstance(value, list):
        return _accept_each(typing.get_args(python_type)[0], value, in_place)
    members = [member for member in typing.get_args(python_type) if member is not type(None)]
    optional = len(members) == 1 and type(None) in typing.get_args(python_type)
    if optional:
        if value is None:
            return None
        python_type = members[0]
    if python_type is float and type(value) is int:
        return float(value)
    if isinstance(python_type, type) and issubclass(python_type, Model):
        return python_type.of(value)
    if isinstance(python_type, type) and issubclass(python_type, (FlyteDirectory, FlyteFile)):
        return _data(value, FlyteFile if issubclass(python_type, FlyteFile) else FlyteDirectory, in_place)
    if python_type is dict:
        if not isinstance(value, Mapping):
            raise InvalidInput("value", [Problem("", value, "must be a dictionary")])
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise InvalidInput("value", [Problem("", wrong, "must have texts for keys")])
        return dict(value)
    return value


def _accept_each(python_type: Any, values: list[Any], in_place: bool) -> list[Any]:
    accepted, problems = [], []
    for index, value in enumerate(values):
        try:
            accepted.append(_accept(python_type, value, in_place))
        except InvalidInput as error:
            problems += [problem.under(str(index)) for problem in error.problems]
    if problems:
        raise InvalidInput("value", problems)
    return accepted


def _data(value: Any, kind: Any, in_place: bool) -> Any:
    """Data of a channel or another input. What is on this machine is used where it is: a copy would cost time and hide
    the user's own path."""
    if isinstance(value, kind) and (value.remote_source or (in_place and "://" in str(value.path))):
        return value
    path = value.path if isinstance(value, kind) else value
    if not isinstance(path, (str, os.PathLike)) or not str(path):
        word = "file" if kind is FlyteFile else "directory"
        rule = f"must be a {word}: a path, a URI or a {kind.__name__}"
        raise InvalidInput("value", [Problem("", value, rule)])
    if "://" in str(path):
        return at_uri(kind, str(path))
    if FlyteContextManager.current_context().compilation_state is not None:
        return value if isinstance(value, kind) else str(path)
    place = os.path.abspath(path)  # a job has another current directory
    if not in_place and (local := path_here(place)) is not None:
        if rule := _rule_of_data(local, kind):
            raise InvalidInput("value", [Problem("", place, rule)])
        return kind(place)
    return at_uri(kind, place)


def at_uri(kind: Any, uri: str) -> Any:
    """A FlyteFile or FlyteDirectory, whichever the kind is, that stays where it is; flytekit copies others."""
    return kind(uri, remote_path=False) if issubclass(kind, FlyteFile) else kind(uri, remote_directory=False)


def path_here(place: str) -> Path | None:
    """The path that a text is; None for a URI, be it of a file, which names a place that others know, too."""
    return None if "://" in place else Path(place)


def _rule_of_data(path: Path, kind: Any) -> str:
    """What a path of this machine has to be and is not; empty where all is well."""
    if kind is FlyteFile:
        return "" if path.is_file() else "must be a file that exists"
    if not path.is_dir():
        return "must be a directory that exists"
    return "" if any(each.is_file() for each in path.rglob("*")) else "must have a file in it"
