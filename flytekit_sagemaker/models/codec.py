"""The one converter between models, protobuf messages and plain dictionaries, driven by the message descriptor.

A model is a frozen dataclass whose fields carry the names of its message's fields. This module reads everything else
(what is a number, a list, an enum, a nested message, optional or not) from the descriptor, so that a model consists of
its fields, their documentation and their rules, and a new field needs no conversion code.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeAlias, TypeVar

from typing_extensions import Self, dataclass_transform

from flytekit_sagemaker import types
from flytekit_sagemaker.arguments import explain_arguments
from flytekit_sagemaker.errors import InvalidInput, Problem, did_you_mean
from flytekit_sagemaker.models.free_form import STRUCT, free_form
from flytekit_sagemaker.models.limits import broken_limits, rule
from flytekit_sagemaker.models.scalars import SCALARS, member_of, refused, text

# The descriptor classes differ between protobuf's releases and implementations; their attributes used here do not.
Descriptor: TypeAlias = Any
FieldDescriptor: TypeAlias = Any
Message: TypeAlias = Any

M = TypeVar("M", bound="Model")

# Turns what was given for a field into what is stored; the flag says whether None may stay None.
Reader = Callable[[Any, bool], Any]

_models: dict[str, type[Model]] = {}


@dataclass_transform(frozen_default=True, field_specifiers=(rule, dataclasses.field))
class Model:
    """Base of every model: an immutable value that is valid from the moment it exists.

    Raises:
        InvalidInput: when built from values that break its rules; every problem is listed.
    """

    MESSAGE: ClassVar[type[Message]]
    ONEOF: ClassVar[str | None]
    _readers: ClassVar[dict[str, Reader]]
    _rules: ClassVar[tuple[Callable[[Any], Iterable[Problem]], ...]]

    def __init_subclass__(cls, *, message: type[Message], oneof: str | None = None) -> None:
        dataclasses.dataclass(frozen=True)(cls)
        cls.__init__ = explain_arguments(cls.__init__)  # type: ignore[method-assign]
        cls.MESSAGE = message
        cls.ONEOF = oneof
        cls._readers = _readers(cls)
        members = (member for base in reversed(cls.__mro__) for member in vars(base).values())
        cls._rules = tuple(member for member in members if hasattr(member, "between"))
        _models[message.DESCRIPTOR.full_name] = cls

    def __post_init__(self) -> None:
        problems: list[Problem] = []
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            try:
                value = self._readers[field.name](getattr(self, field.name), field.default is None)
            except InvalidInput as error:
                problems.extend(problem.under(field.name) for problem in error.problems)
            else:
                object.__setattr__(self, field.name, value)
                problems.extend(broken_limits(field.name, value, field.metadata))
        problems.extend(self._broken_rules({_field_of(problem) for problem in problems}))
        if problems:
            raise InvalidInput(type(self).__name__, problems)

    def _broken_rules(self, wrong: Collection[str]) -> Iterator[Problem]:
        """Problems between fields, without those of the fields that are wrong by themselves."""
        for rule_ in self._rules:
            if rule_.between.isdisjoint(wrong):  # type: ignore[attr-defined]
                for problem in rule_(self):
                    if _field_of(problem) not in wrong:
                        said = problem.value.name if isinstance(problem.value, enum.Enum) else problem.value
                        yield dataclasses.replace(problem, value=said)

    @classmethod
    def of(cls, value: Any) -> Self:
        """The model of a value given in any accepted form: the model itself, its message, or a plain dictionary.

        Raises:
            InvalidInput: when the value is of another type or breaks a rule.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            return cls.from_dict(value)
        if getattr(getattr(value, "DESCRIPTOR", None), "full_name", None) == cls.MESSAGE.DESCRIPTOR.full_name:
            return cls.from_flyte_idl(value)
        raise refused(value, f"must be a {cls.__name__}, its protobuf message or a dictionary of its fields")

    def to_flyte_idl(self) -> Message:
        """The protobuf message of this model (a class of ``flytekit_sagemaker._generated``)."""
        message = self.MESSAGE()
        for name, value in _set_fields(self):
            target = message.DESCRIPTOR.fields_by_name[name]
            if _is_struct(target):
                getattr(message, name).update(value)
            elif _is_map(target):
                entries = getattr(message, name)
                for key, entry in value.items():
                    if isinstance(entry, Model):
                        entries[key].CopyFrom(entry.to_flyte_idl())
                    else:
                        entries[key] = entry
            elif isinstance(value, tuple):
                getattr(message, name).extend(
                    item.to_flyte_idl() if isinstance(item, Model) else item for item in value
                )
            elif isinstance(value, Model):
                getattr(message, name).CopyFrom(value.to_flyte_idl())
            else:
                setattr(message, name, value)
        return message

    @classmethod
    def from_flyte_idl(cls, message: Any) -> Self:
        """The model of a protobuf message.

        Raises:
            InvalidInput: when the message holds values that break the model's rules.
        """
        from google.protobuf import json_format

        values = {}
        for field in cls.MESSAGE.DESCRIPTOR.fields:
            if _has_presence(field) and not message.HasField(field.name):
                continue
            value = getattr(message, field.name)
            if _is_struct(field):
                value = json_format.MessageToDict(value)
            elif _is_map(field):
                value = dict(value)
            elif _is_repeated(field):
                value = tuple(value)
            values[cls.ONEOF if cls.ONEOF and field.containing_oneof else field.name] = value
        return cls._complete(values, [])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able values under the fields' names; fields that are not set are left out, enums are names."""
        return {name: _plain(value) for name, value in _set_fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The model of a dictionary as :meth:`to_dict` makes it; protobuf's lowerCamelCase names are taken too.

        Raises:
            InvalidInput: for unknown or missing names as well as for values that break a rule.
        """
        members = {field.name: field for field in cls.MESSAGE.DESCRIPTOR.fields}
        wire_names = {field.json_name: name for name, field in members.items()}
        given = {wire_names.get(key, key): value for key, value in values.items()}
        if cls.ONEOF and len(given) == 1 and (chosen := members.get(next(iter(given)))):
            try:
                return cls(**{cls.ONEOF: _models[chosen.message_type.full_name].of(given[chosen.name])})
            except InvalidInput as error:
                raise InvalidInput(cls.__name__, [problem.under(chosen.name) for problem in error.problems]) from None
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        known = {name: given.pop(name) for name in [field.name for field in fields] if name in given}
        problems = []
        for name, value in given.items():
            hint = did_you_mean(str(name), members) or f"It takes {', '.join(members)}."
            problems.append(Problem(str(name), value, f"is not a field of {cls.__name__}", hint))
        return cls._complete(known, problems)

    @classmethod
    def _complete(cls, values: Mapping[str, Any], problems: list[Problem]) -> Self:
        """The model of values by field name; what is missing joins ``problems``, unless it is a list or a map."""
        members = cls.MESSAGE.DESCRIPTOR.fields_by_name
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        absent = [field.name for field in fields if field.default is dataclasses.MISSING and field.name not in values]
        missing = [name for name in absent if name == cls.ONEOF or not _is_repeated(members[name])]
        problems.extend(Problem(name, None, "is required") for name in missing)
        try:
            model = cls(**dict.fromkeys(absent), **values)
        except InvalidInput as error:
            problems.extend(problem for problem in error.problems if problem.field not in missing)
        if problems:
            raise InvalidInput(cls.__name__, problems)
        return model

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The model of JSON text; this is what ``pyflyte run`` calls for a command-line value.

        Raises:
            InvalidInput: as :meth:`from_dict`, and when the text is not a JSON object.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise InvalidInput(cls.__name__, [Problem("", text, f"must be JSON ({error})")]) from None
        return cls.of(values)

    def to_json(self) -> str:
        """JSON text that :meth:`from_json` reads back."""
        return json.dumps(self.to_dict())


def to_wire(model: Model) -> dict[str, Any]:
    """The standard protobuf JSON of a model, as the ``custom`` field of a task template carries it."""
    from google.protobuf import json_format

    wire: dict[str, Any] = json_format.MessageToDict(model.to_flyte_idl())
    return wire


def from_wire(cls: type[M], values: Mapping[str, Any]) -> M:
    """The model of protobuf JSON, also after a ``Struct`` turned its integers into floats.

    Fields that a newer release added are ignored, so that running tasks survive an upgrade of either side.

    Raises:
        InvalidInput: when the values are no such message or break a rule.
    """
    from google.protobuf import json_format

    try:
        message = json_format.ParseDict(dict(values), cls.MESSAGE(), ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise InvalidInput(cls.__name__, [Problem("", dict(values), f"must be protobuf JSON ({error})")]) from error
    return cls.from_flyte_idl(message)


def all_models() -> tuple[type[Model], ...]:
    """Every model class, by name of its message."""
    return tuple(_models[name] for name in sorted(_models))


def _field_of(problem: Problem) -> str:
    return re.split(r"[.\[]", problem.field, maxsplit=1)[0]


def _is_repeated(field: FieldDescriptor) -> bool:
    repeated = getattr(field, "is_repeated", None)  # protobuf 6 and later; `label` is gone in the newest
    return bool(field.label == field.LABEL_REPEATED if repeated is None else repeated)


def _is_map(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return bool(kind is not None and kind.GetOptions().map_entry)


def _is_struct(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.full_name == STRUCT)


def _has_presence(field: FieldDescriptor) -> bool:
    return not _is_repeated(field) and (field.message_type is not None or field.containing_oneof is not None)


def _set_fields(model: Model) -> Iterable[tuple[str, Any]]:
    for field in dataclasses.fields(model):  # type: ignore[arg-type]
        value = getattr(model, field.name)
        if value is None or value == () or value == {}:
            continue
        if field.name == model.ONEOF:
            full_name = value.MESSAGE.DESCRIPTOR.full_name
            members = model.MESSAGE.DESCRIPTOR.fields
            yield next(member.name for member in members if member.message_type.full_name == full_name), value
        else:
            yield field.name, value


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _readers(cls: type[Model]) -> dict[str, Reader]:
    """For each field of a model, the function that turns what was given into what is stored."""
    fields = cls.MESSAGE.DESCRIPTOR.fields_by_name
    return {
        field.name: _one_of_reader(cls.MESSAGE.DESCRIPTOR)
        if field.name == cls.ONEOF
        else _reader(fields[field.name], field.metadata.get("item"))
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
    }


def _reader(field: FieldDescriptor, own: Callable[[Any], Any] | None) -> Reader:
    if _is_struct(field):
        return lambda value, _: free_form({} if value is None else value)
    if _is_map(field):
        entry = own or _item_reader(field.message_type.fields_by_name["value"])
        return lambda value, _: _read_map(value, entry)
    item = own or _item_reader(field)
    if _is_repeated(field):
        return lambda value, _: _read_list(value, item)
    return lambda value, optional: None if value is None and optional else item(value)


def _one_of_reader(descriptor: Descriptor) -> Reader:
    names = [field.message_type.full_name for field in descriptor.fields]

    def read(value: Any, _: bool) -> Model:
        for name in names:
            member = _models[name]
            if isinstance(value, member):
                return value
            if getattr(getattr(value, "DESCRIPTOR", None), "full_name", None) == name:
                return member.from_flyte_idl(value)
        choices = ", ".join(_models[name].__name__ for name in names)
        raise refused(value, f"must be one of {choices}")

    return read


def _read_map(value: Any, item: Callable[[Any], Any]) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise refused(value, "must be a dictionary")
    entries: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, entry in value.items():
        try:
            entries[text(key)] = item(entry)
        except InvalidInput as error:
            problems.extend(problem.under(f"[{key!r}]") for problem in error.problems)
    if problems:
        raise InvalidInput("dictionary", problems)
    return entries


def _read_list(value: Any, item: Callable[[Any], Any]) -> tuple[Any, ...]:
    if value is None:
        return ()
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise refused(value, "must be a list")
    items: list[Any] = []
    problems: list[Problem] = []
    for index, entry in enumerate(value):
        try:
            items.append(item(entry))
        except InvalidInput as error:
            problems.extend(problem.under(f"[{index}]") for problem in error.problems)
    if problems:
        raise InvalidInput("list", problems)
    return tuple(items)


def _item_reader(field: FieldDescriptor) -> Callable[[Any], Any]:
    if field.message_type is not None:
        name = field.message_type.full_name
        return lambda value: _models[name].of(value)
    if field.enum_type is not None:
        choices: type[enum.IntEnum] = getattr(types, field.enum_type.containing_type.name)
        return lambda value: member_of(choices, value)
    return SCALARS[field.cpp_type]
