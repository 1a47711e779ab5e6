"""Events: one's own, every typed one of the specification, page and screen views."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from importlib.resources import files
from typing import Any

import pytest
from cio_pipelines.constants import SEMANTIC_EVENTS

from cio_facade import devices, messages, objects, people
from cio_facade.events import ecommerce, email, mobile

SCHEMAS = json.loads(files("cio_pipelines").joinpath("openapi.json").read_bytes())["components"]["schemas"]
LONG_AGO = datetime(2025, 6, 1, 8, 30, tzinfo=UTC)


def test_an_event_with_values_of_all_kinds(workspace: Any) -> None:
    who = workspace.person()
    properties = {
        "title": "Intro",
        "price": Decimal("19.90"),
        "due": date(2026, 2, 1),
        "tags": {"new"},
        "score": float("nan"),
    }
    receipt = workspace.run(workspace.cio.track(who, "Course Started", properties, timestamp=LONG_AGO))
    workspace.holds(
        receipt,
        {
            "type": "track",
            "userId": who,
            "event": "Course Started",
            "properties": {"title": "Intro", "price": 19.9, "due": "2026-02-01", "tags": ["new"], "score": None},
            "timestamp": "2025-06-01T08:30:00+00:00",
        },
    )


def test_a_typed_event_with_products(workspace: Any) -> None:
    who = workspace.person()
    order = ecommerce.OrderCompleted(
        order_id=f"{workspace.name}-o1",
        total=99.9,
        products=[ecommerce.Product(product_id="p1", price=49.95, quantity=2)],
    )
    workspace.holds(
        workspace.run(workspace.cio.track(who, order, {"gift": True})),
        {
            "type": "track",
            "userId": who,
            "event": "Order Completed",
            "properties": {**order.to_dict(), "gift": True},
        },
    )


def test_a_typed_event_that_adds_to_the_context(workspace: Any) -> None:
    who = workspace.person()
    opened = email.EmailOpened(email_id="e1", context=email.EmailActivityContext.from_dict({"ip": "203.0.113.7"}))
    workspace.holds(
        workspace.send(messages.track(who, opened, context={"locale": "de-CH"})),
        {
            "type": "track",
            "userId": who,
            "event": "Email Opened",
            "properties": {"email_id": "e1"},
            "context": {"ip": "203.0.113.7", "locale": "de-CH"},
        },
    )


def test_an_event_of_a_mobile_app(workspace: Any) -> None:
    who = workspace.person()
    receipt = workspace.send(messages.track(who, mobile.ApplicationOpened(from_background=True)))
    workspace.holds(
        receipt,
        {"type": "track", "userId": who, "event": "Application Opened", "properties": {"from_background": True}},
    )


def _instance(name: str, who: str, workspace: Any) -> Any:
    """A typed event with what it requires and no more."""
    family, class_name = SEMANTIC_EVENTS[name]
    kind = getattr(import_module(f"cio_facade.events.{family}"), class_name)
    known: dict[str, Callable[[], object]] = {
        "userId": lambda: who,
        "anonymousId": lambda: who,
        "deliveryId": lambda: f"{workspace.name}-delivery",
        "metric": lambda: "opened",
        "actionType": lambda: "viewed_content",
        "device": lambda: {"token": who, "type": "ios"},
        "objectId": workspace.object,
    }
    return kind.from_dict(_least(SCHEMAS[class_name], known))


def _least(schema: dict[str, Any], known: dict[str, Callable[[], object]]) -> Any:
    """The least that a schema takes; members that are known by name are given."""
    if "$ref" in schema:
        return _least(SCHEMAS[schema["$ref"].rpartition("/")[2]], known)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "string":
            texts = {"date-time": "2026-01-31T12:00:00Z", "date": "2026-01-31", "email": "ann@example.com"}
            return texts.get(schema.get("format", ""), "x" * schema.get("minLength", 2))
        case "integer" | "number":
            return schema.get("minimum", schema.get("maximum", 1))
        case "boolean":
            return True
        case "array":
            return []
    members = schema.get("properties", {})
    return {
        name: known[name]() if name in known else _least(members.get(name, {}), known)
        for name in schema.get("required", ())
    }


@pytest.mark.parametrize("name", SEMANTIC_EVENTS)
def test_every_typed_event_is_accepted(name: str, workspace: Any) -> None:
    who = workspace.person(suppressed=name == "User Suppressed")
    event = _instance(name, who, workspace)
    receipt = workspace.send(messages.track(None if name == "Object Deleted" else who, event))
    if not workspace.live:
        (call,) = workspace.stored(messageId=receipt.message_id)
        assert (call["type"], call["event"]) == ("track", name)


def test_page_and_screen_views(workspace: Any) -> None:
    who = workspace.person()
    page = workspace.run(workspace.cio.page(who, "Pricing", {"url": "https://example.com/pricing"}, category="docs"))
    screen = workspace.run(workspace.cio.screen(who, "Home", {"tab": 1}))
    workspace.holds(
        page,
        {
            "type": "page",
            "userId": who,
            "name": "Pricing",
            "properties": {"url": "https://example.com/pricing"},
            "category": "docs",
        },
    )
    workspace.holds(screen, {"type": "screen", "userId": who, "name": "Home", "properties": {"tab": 1}})


def test_an_event_of_an_object(workspace: Any) -> None:
    what = workspace.object()
    receipt = workspace.send(messages.track(None, "Contract Signed", {"seats": 12}, group_id=what))
    workspace.holds(
        receipt, {"type": "track", "event": "Contract Signed", "groupId": what, "properties": {"seats": 12}}
    )


def test_destinations_can_be_chosen(workspace: Any) -> None:
    who = workspace.person()
    receipt = workspace.run(workspace.cio.track(who, "Tested", integrations={"All": False}))
    workspace.holds(receipt, {"type": "track", "userId": who, "event": "Tested", "integrations": {"All": False}})


def test_every_kind_of_message_is_accepted_alone_and_in_a_batch(workspace: Any) -> None:
    who, other, what = workspace.person(suppressed=True), workspace.person(), workspace.object()
    kinds = [
        messages.identify(who, workspace.traits(who)),
        messages.track(who, "Tested"),
        messages.page(who, "Pricing"),
        messages.screen(who, "Home"),
        messages.group(who, what),
        messages.alias(who, other),
        people.suppress(who),
        people.unsuppress(who),
        people.merge(who, other),
        devices.register(who, f"{who}-token", "ios"),
        devices.update(who, f"{who}-token", "ios", {"app_version": "2"}),
        devices.delete(who, f"{who}-token"),
        objects.create(who, what),
        objects.update(who, what, {"plan": "pro"}),
        objects.relate(who, what, {"role": "admin"}),
        objects.unrelate(who, what),
        objects.delete(what),
        people.delete(who),
    ]
    for message in kinds:
        workspace.send(message)
    assert workspace.send_many(kinds).complete
