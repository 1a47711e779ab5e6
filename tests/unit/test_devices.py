"""Devices: the token in the context, attributes among the properties."""

from typing import get_args

import numpy as np
import pytest
from cio_pipelines import models
from spec_checks import SCHEMAS, problems, sent

from cio_facade import devices
from cio_facade.errors import ValidationError
from cio_facade.events import customerio


def test_registering_names_the_device_in_the_context_and_its_attributes_in_the_properties():
    message = devices.register("u1", "t1", "ios", {"app_version": "2.0", "last_used": 1})
    assert message.to_dict() == {
        "type": "track",
        "userId": "u1",
        "event": "Device Created or Updated",
        "context": {"device": {"token": "t1", "type": "ios"}},
        "properties": {"app_version": "2.0", "last_used": 1},
    }
    assert problems(sent(message)) == []
    event = customerio.DeviceCreatedOrUpdated.from_dict(sent(message))
    assert (event.context.device.token, event.context.device.type_) == ("t1", "ios")


def test_updating_is_registering_again():
    assert devices.update("u1", "t1", "android") == devices.register("u1", "t1", "android")


def test_deleting_names_the_device_and_nothing_else():
    message = devices.delete("u1", "t1")
    assert message.to_dict() == {
        "type": "track",
        "userId": "u1",
        "event": "Device Deleted",
        "context": {"device": {"token": "t1"}},
    }
    assert devices.delete("u1", "t1", "ios").to_dict()["context"] == {"device": {"token": "t1", "type": "ios"}}
    assert problems(sent(message)) == []


CONTEXT = {"ip": "::1", "device": {"model": "Pixel 9", "token": "another"}}


@pytest.mark.parametrize("context", [CONTEXT, models.Context.from_dict(CONTEXT)], ids=["mapping", "model"])
@pytest.mark.parametrize("build", [devices.register, devices.update, devices.delete])
def test_the_callers_own_context_is_kept_beside_the_token(build, context):
    message = build("u1", "t1", "ios", context=context)
    device = {"model": "Pixel 9", "token": "t1", "type": "ios"}
    assert message.to_dict()["context"] == {"ip": "::1", "device": device}
    assert CONTEXT["device"]["token"] == "another"
    assert problems(sent(message)) == []


@pytest.mark.parametrize("platform", SCHEMAS["DevicePlatform"]["enum"])
def test_every_platform_of_the_spec_can_be_named(platform):
    assert problems(sent(devices.register("u1", "t1", platform))) == []
    assert set(get_args(customerio.DevicePlatform)) == set(SCHEMAS["DevicePlatform"]["enum"])


def test_a_token_that_is_a_number_is_sent_as_its_digits():
    assert sent(devices.register("u1", 12))["context"]["device"]["token"] == "12"
    assert sent(devices.delete("u1", np.int64(12)))["context"]["device"]["token"] == "12"


def test_a_token_may_be_longer_than_an_id():
    token = "t" * 4_000
    assert sent(devices.register("u1", token))["context"]["device"]["token"] == token
    assert sent(devices.delete("u1", token))["context"]["device"]["token"] == token


NO_TOKENS = [None, "", "  ", float("nan"), True, 1.5, b"t", np.array(["a", "b"])]


@pytest.mark.parametrize("token", NO_TOKENS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("build", [devices.register, devices.delete])
def test_a_device_without_a_token_is_refused_by_its_field(build, token):
    with pytest.raises(ValidationError) as refused:
        sent(build("u1", token))
    assert refused.value.field == "context.device.token"


@pytest.mark.parametrize("build", [devices.register, devices.delete])
def test_a_device_without_a_person_is_refused(build):
    with pytest.raises(ValidationError) as refused:
        sent(build(None, "t1", anonymous_id="a1"))
    assert refused.value.field == "userId"


def test_a_context_that_is_no_object_is_refused():
    with pytest.raises(ValidationError) as refused:
        sent(devices.register("u1", "t1", context="text"))
    assert refused.value.field == "context"


def test_attributes_that_go_on_changing_do_not_change_the_message():
    attributes, context = {"a": 1}, {"device": {"model": "m"}}
    message = devices.register("u1", "t1", attributes=attributes, context=context)
    attributes["a"] = context["device"] = "later"
    assert message.to_dict()["properties"] == {"a": 1}
    assert message.to_dict()["context"] == {"device": {"model": "m", "token": "t1"}}
