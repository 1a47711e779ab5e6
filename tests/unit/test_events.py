"""The typed events: all families are here, and each event travels through the facade and back."""

import importlib
import inspect
import subprocess
import sys

import cio_pipelines
import pytest
from cio_pipelines import constants
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_checks import SCHEMAS, json_of, problems, sent

from cio_facade import events
from cio_facade.errors import ValidationError
from cio_facade.messages import track

NAMES = sorted(constants.SEMANTIC_EVENTS)
FAMILIES = sorted({family for family, _ in constants.SEMANTIC_EVENTS.values()})


def class_of(name):
    family, class_name = constants.SEMANTIC_EVENTS[name]
    return getattr(getattr(events, family), class_name)


def test_the_families_are_those_of_the_spec():
    assert sorted(events.__all__) == FAMILIES
    assert sorted(set(dir(events)) & set(FAMILIES)) == FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_the_generated_module_however_it_is_imported(family):
    generated = importlib.import_module(f"cio_pipelines.events.{family}")
    assert getattr(events, family) is generated
    assert importlib.import_module(f"cio_facade.events.{family}") is generated
    assert set(generated.__all__) >= {name for of, name in constants.SEMANTIC_EVENTS.values() if of == family}


def test_every_form_of_import_finds_the_same_class():
    code = "\n".join(
        [
            "import cio_facade.events.ecommerce",
            "from cio_facade.events import ecommerce",
            "from cio_facade.events.ecommerce import OrderCompleted",
            "assert cio_facade.events.ecommerce.OrderCompleted is ecommerce.OrderCompleted is OrderCompleted",
        ]
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_family_that_does_not_exist_is_no_module():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("cio_facade.events.astrology")
    with pytest.raises(AttributeError):
        events.astrology  # noqa: B018


@pytest.mark.parametrize("name", NAMES)
def test_an_event_knows_its_name_and_its_family(name):
    event = class_of(name)
    assert event.event_name == name
    assert event.event_family == constants.SEMANTIC_EVENTS[name][0]
    assert event.event_shape in {"properties", "envelope"}
    assert inspect.getmodule(event).__name__.startswith(cio_pipelines.__name__)


def json_of_event(name):
    """JSON of an event's class: its properties, with what it adds to the context beside them."""
    schema = SCHEMAS[constants.SEMANTIC_EVENTS[name][1]]
    added = schema["x-semantic-event"].get("context")
    if added is None:
        return json_of(schema)
    context = st.fixed_dictionaries({}, optional={"context": json_of(added)})
    return st.builds(lambda own, beside: own | beside, json_of(schema), context)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=4)
def test_an_event_travels_and_comes_back_as_it_was(name, data):
    event = class_of(name)
    model = event.from_dict(data.draw(json_of_event(name)))
    whole_call = event.event_shape == "envelope"

    call = sent(track(None if whole_call else "u1", model, message_id="m1"))

    assert problems(call) == []
    assert call["event"] == name
    if whole_call:
        model.type_, model.event, model.message_id = "track", name, "m1"
        assert event.from_dict(call) == model
    else:
        context = {"context": call["context"]} if event.event_adds_context and "context" in call else {}
        assert event.from_dict(call.get("properties", {}) | context) == model
        assert event.event_adds_context or "context" not in call


def test_what_acts_inside_customer_io_is_refused_without_what_it_needs():
    for name, (family, _) in constants.SEMANTIC_EVENTS.items():
        if family == "customerio" and constants.EVENT_REQUIRED[name]:
            with pytest.raises(ValidationError) as refused:
                sent(track(None, name, {}))
            assert refused.value.field in constants.EVENT_REQUIRED[name]
            assert problems({"type": "track", "event": name}) != []


def test_aliases_of_an_event_are_held_to_the_same_rules():
    for name, schema in SCHEMAS.items():
        event = schema.get("x-semantic-event", {})
        for alias in event.get("aliases", ()):
            needs = constants.EVENT_REQUIRED.get(event["name"])
            assert constants.EVENT_REQUIRED.get(alias) == needs, name
