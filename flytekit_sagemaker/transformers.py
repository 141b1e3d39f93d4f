"""Teaches flytekit the models: as inputs they may be given as model, protobuf message, dictionary, JSON or YAML."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgpack
from flytekit.core.type_engine import TypeEngine, TypeTransformer, TypeTransformerFailedError
from flytekit.models.literals import Literal, Scalar
from flytekit.models.types import LiteralType, SimpleType
from google.protobuf import json_format, struct_pb2

from flytekit_sagemaker.models.codec import Model, from_wire, to_wire
from flytekit_sagemaker.models.hpo_job import HyperparameterTuningJobConfig
from flytekit_sagemaker.models.parameter_ranges import ParameterRangeOneOf
from flytekit_sagemaker.models.training_job import StoppingCondition

_MODEL_KEY = "flytekit_sagemaker_model"


class ModelTransformer(TypeTransformer[Any]):  # type: ignore[misc]
    """Carries one model class through Flyte as the protobuf JSON of its message."""

    def __init__(self, model: type[Model]) -> None:
        super().__init__(model.__name__, model, enable_type_assertions=False)
        self._model = model

    def get_literal_type(self, t: Any = None) -> LiteralType:
        """A struct that names the model."""
        return LiteralType(simple=SimpleType.STRUCT, metadata={_MODEL_KEY: self._model.__name__})

    def guess_python_type(self, literal_type: LiteralType) -> type[Model]:
        """The model class of a literal type that names it; ValueError tells flytekit to ask the next transformer."""
        if literal_type.simple == SimpleType.STRUCT and (literal_type.metadata or {}).get(_MODEL_KEY) == self.name:
            return self._model
        raise ValueError(f"not a {self.name}")

    def to_literal(self, ctx: Any, python_val: Any, python_type: Any, expected: LiteralType) -> Literal:
        """The struct literal of a model in any accepted form."""
        struct = struct_pb2.Struct()
        struct.update(to_wire(self._model.of(python_val)))
        return Literal(scalar=Scalar(generic=struct))

    def to_python_value(self, ctx: Any, lv: Literal, expected_python_type: Any) -> Model:
        """The model of a struct or msgpack literal."""
        scalar = lv.scalar
        if scalar is not None and scalar.generic is not None:
            return from_wire(self._model, json_format.MessageToDict(scalar.generic))
        if scalar is not None and scalar.binary is not None:
            values = msgpack.unpackb(scalar.binary.value, strict_map_key=False)
            if isinstance(values, Mapping):
                return from_wire(self._model, values)
        raise TypeTransformerFailedError(f"a {self.name} has to come as a dictionary")


def model_of(literal_type: LiteralType) -> type[Model]:
    """The model class of a literal type that names one.

    Raises:
        ValueError: when it names none.
    """
    name = (literal_type.metadata or {}).get(_MODEL_KEY)
    for model in _MODELS:
        if model.__name__ == name:
            return model
    raise ValueError(f"{name} is no model of this package")


_MODELS: tuple[type[Model], ...] = (StoppingCondition, HyperparameterTuningJobConfig, ParameterRangeOneOf)
for _model in _MODELS:
    with suppress(ValueError):  # registered already: the module was loaded again, as notebooks do
        TypeEngine.register(ModelTransformer(_model))
