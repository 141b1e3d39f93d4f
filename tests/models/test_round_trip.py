"""Every model comes back unchanged from every form that it can take."""

import copy
import dataclasses
import json
import pickle

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flytekit_sagemaker.models.codec import Model, all_models, from_wire, to_wire
from flytekit_sagemaker.testing import builders
from tests.models.strategies import models


def through_message(model: Model) -> Model:
    return type(model).from_flyte_idl(type(model).MESSAGE.FromString(model.to_flyte_idl().SerializeToString()))


def through_dict(model: Model) -> Model:
    return type(model).from_dict(model.to_dict())


def through_json(model: Model) -> Model:
    return type(model).from_json(model.to_json())


def through_wire(model: Model) -> Model:
    return from_wire(type(model), json.loads(json.dumps(to_wire(model))))


def through_struct(model: Model) -> Model:
    """As Flyte carries a task template's ``custom``: every number of a Struct is a float."""
    struct = Struct()
    struct.update(to_wire(model))
    return from_wire(type(model), json_format.MessageToDict(struct))


def through_camel_case(model: Model) -> Model:
    return type(model).from_dict(to_wire_with_numbers(model))


def to_wire_with_numbers(model: Model) -> dict[str, object]:
    """Protobuf JSON names with the numbers of the plain dictionary, as somebody writes it by hand."""
    return {
        field.json_name: model.to_dict()[field.name]
        for field in model.MESSAGE.DESCRIPTOR.fields
        if field.name in model.to_dict()
    }


ROUTES = [
    through_message,
    through_dict,
    through_json,
    through_wire,
    through_struct,
    through_camel_case,
    copy.deepcopy,
    lambda model: pickle.loads(pickle.dumps(model)),
    lambda model: type(model).of(model.to_dict()),
    lambda model: type(model).of(model.to_flyte_idl()),
    lambda model: type(model).of(model),
]


@pytest.mark.parametrize("cls", all_models(), ids=lambda cls: cls.__name__)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_every_model_comes_back_unchanged(cls: type[Model], data: st.DataObject) -> None:
    model = data.draw(models(cls))
    for route in ROUTES:
        assert route(model) == model, route


@pytest.mark.parametrize("cls", all_models(), ids=lambda cls: cls.__name__)
def test_every_field_of_a_message_is_a_field_of_its_model(cls: type[Model]) -> None:
    members = {field.name for field in cls.MESSAGE.DESCRIPTOR.fields}
    if cls.ONEOF:
        members = {cls.ONEOF}
    assert {field.name for field in dataclasses.fields(cls)} == members


def test_every_message_has_a_model() -> None:
    files = {cls.MESSAGE.DESCRIPTOR.file for cls in all_models()}
    messages = {
        message.full_name for file in files for message in file.message_types_by_name.values() if message.fields
    }
    assert messages == {cls.MESSAGE.DESCRIPTOR.full_name for cls in all_models()}


def test_whole_floats_are_integers_again_in_a_plain_dictionary() -> None:
    job = builders.tuning_job()
    struct = Struct()
    struct.update(job.to_dict())
    assert type(job).from_dict(json_format.MessageToDict(struct)) == job


def test_fields_of_a_newer_release_are_ignored_on_the_wire() -> None:
    job = builders.training_job()
    assert from_wire(type(job), {**to_wire(job), "fieldOfTomorrow": 1}) == job


def test_models_are_immutable() -> None:
    config = builders.training_job_config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.instance_count = 2  # type: ignore[misc]


def test_a_model_keeps_its_own_copy_of_what_it_was_built_from() -> None:
    tags = {"team": "pricing"}
    subnets = ["subnet-1"]
    config = builders.training_job_config(tags=tags, subnets=subnets, security_group_ids=["sg-1"])
    tags["team"] = "other"
    subnets.append("subnet-2")
    assert config.tags == {"team": "pricing"}
    assert config.subnets == ("subnet-1",)


def test_equal_fields_make_equal_models_and_a_readable_repr() -> None:
    assert builders.stopping_condition() == builders.stopping_condition()
    assert builders.stopping_condition() != builders.stopping_condition(max_runtime_in_seconds=1)
    assert repr(builders.stopping_condition()) == (
        "StoppingCondition(max_runtime_in_seconds=3600, max_wait_time_in_seconds=None)"
    )
