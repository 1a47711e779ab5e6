"""What an editor offers and shows of the installed package, through pyright's language server."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from editing import Editor
from spec_names import EVENTS, FAMILIES, Event, plain

import cio_facade
from cio_facade import (
    AsyncCustomerIO,
    CustomerIO,
    Outbox,
    Receipt,
    Report,
    deliveries,
    devices,
    messages,
    objects,
    people,
)

SPELT = {"deliveries": deliveries, "devices": devices, "messages": messages, "objects": objects, "people": people}
OPERATIONS = [
    (f"{module}.{name}", getattr(SPELT[module], name))
    for module in SPELT
    for name in SPELT[module].__all__
    if inspect.isfunction(getattr(SPELT[module], name))
]

every_family = pytest.mark.parametrize("family", FAMILIES)
every_event = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
every_operation = pytest.mark.parametrize(("name", "function"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
both_clients = pytest.mark.parametrize("client", [CustomerIO, AsyncCustomerIO])


def _public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def _keywords(function: Callable[..., Any]) -> set[str]:
    """What a function may be given by name: its own parameters, and those that a TypedDict adds."""
    found: set[str] = set()
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            fields = str(parameter.annotation).removeprefix("Unpack[").removesuffix("]")
            found |= set(getattr(messages, fields).__annotations__)
        else:
            found.add(parameter.name)
    return found


def test_what_the_package_hands_out_is_offered(editor: Editor) -> None:
    assert set(cio_facade.__all__) <= editor.names("cio_facade.|") | {"__version__"}


def test_the_families_are_offered(editor: Editor) -> None:
    assert set(FAMILIES) <= editor.names("events.|")
    assert set(FAMILIES) <= editor.names("from cio_facade.events import |")


@every_family
def test_a_familys_events_are_offered_each_with_what_it_says_and_takes(editor: Editor, family: str) -> None:
    offered = {item["label"]: item for item in editor.completions(f"{family}.|")}
    assert set(offered) == {item["label"] for item in editor.completions(f"events.{family}.|")}
    for event in FAMILIES[family]:
        shown = editor.told_of(offered[event.name])
        assert event.sentence in shown
        for keyword, description in event.keywords.items():
            assert keyword in shown
            assert " ".join(description.split()) in shown, f"{event.name} does not say what {keyword} is"


@every_event
def test_an_events_properties_are_offered_before_anything_else(editor: Editor, event: Event) -> None:
    offered = sorted(editor.completions(f"{event.family}.{event.name}(|)"), key=lambda item: item["sortText"])
    first = [item["label"] for item in offered[: len(event.keywords)]]
    assert {plain(name.removesuffix("=")) for name in first} == set(event.keywords)
    assert not [item["label"] for item in offered[len(first) :] if item["label"].endswith("=")]


@every_event
def test_an_event_is_described_where_the_cursor_is(editor: Editor, event: Event) -> None:
    shown = editor.hover(f"{event.family}.{event.name[:-1]}|{event.name[-1:]}")
    assert f"class {event.name}(" in shown
    assert event.sentence in shown


def test_the_values_that_a_field_may_have_are_offered(editor: Editor) -> None:
    assert {"'ios'", "'android'"} <= editor.names("devices.register('u1', 'token', '|')")


@both_clients
def test_a_clients_verbs_are_offered_each_with_what_it_does(editor: Editor, client: type) -> None:
    offered = {item["label"]: item for item in editor.completions(f"{client.__name__}('key').|")}
    wanted = _public(client)
    assert {"identify", "track", "page", "screen", "group", "alias", "send", "send_many", "close"} <= wanted
    assert wanted <= set(offered)
    for name in wanted:
        summary = (inspect.getdoc(getattr(client, name)) or "").partition("\n")[0]
        assert summary, f"{name} has no docstring"
        assert summary in editor.told_of(offered[name])


@pytest.mark.parametrize("verb", ["identify", "track", "page", "screen", "group", "alias"])
@both_clients
def test_a_verb_is_shown_with_all_that_it_takes_raises_and_an_example(editor: Editor, client: type, verb: str) -> None:
    shown = editor.hover(f"{client.__name__}('key').{verb[:-1]}|{verb[-1:]}")
    assert " ".join((inspect.getdoc(getattr(client, verb)) or "").split()) in shown
    for said in ("Parameters", "user_id : ", "**fields", "timestamp", "Raises", "ValidationError", f">>> cio.{verb}("):
        assert said in shown


@every_operation
def test_a_builder_is_shown_with_its_docstring_and_offers_its_keywords(
    editor: Editor, name: str, function: Callable[..., Any]
) -> None:
    assert (function.__doc__ or "").partition("\n")[0] in editor.hover(f"{name[:-1]}|{name[-1:]}")
    assert editor.keywords(f"{name}(|)") == _keywords(function)


def test_a_verb_offers_what_every_call_takes(editor: Editor) -> None:
    offered = editor.keywords("cio.track('u1', ecommerce.OrderCompleted(), |)")
    assert set(messages.TrackFields.__annotations__) <= offered


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("cio.track('u1', 'Signed Up')", Receipt),
        ("cio.send_many([])", Report),
        ("Outbox(cio)", Outbox),
    ],
)
def test_what_comes_back_is_known(editor: Editor, expression: str, kind: type) -> None:
    assert _public(kind) <= editor.names(f"{expression}.|")


def test_what_is_awaited_is_known(editor: Editor) -> None:
    text = (
        "async def main() -> None:\n    async with AsyncCustomerIO('key') as cio:\n        (await cio.identify('u1')).|"
    )
    assert _public(Receipt) <= editor.names(text)


def test_a_property_that_an_event_does_not_have_is_underlined(editor: Editor) -> None:
    text = "\n".join(f"{event.family}.{event.name}(no_such_thing=1)" for event in EVENTS)
    told = [problem for problem in editor.problems(text) if "no_such_thing" in problem]
    assert len(told) == len(EVENTS)


def test_a_value_of_the_wrong_type_is_underlined(editor: Editor) -> None:
    (problem,) = editor.problems("cio.track('u1', ecommerce.OrderCompleted(total='3'))")
    assert "total" in problem
    assert "float" in problem


def test_nothing_is_underlined_in_what_is_right(editor: Editor) -> None:
    text = "cio.track('u1', ecommerce.OrderCompleted(order_id='o-1', total=9.9))\ncio.send(people.suppress('u1'))"
    assert editor.problems(text) == []
