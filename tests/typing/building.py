# pyright: reportUnnecessaryTypeIgnoreComment=true
"""What type checkers must say of messages, operations and typed events. Never run."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypedDict, assert_type
from uuid import UUID, uuid4

from cio_pipelines.models import Context, IdentifyTraits, Track

from cio_facade import CustomerIO, Message, deliveries, devices, events, messages, objects, people
from cio_facade.events import ecommerce, email, mobile

NOW = datetime.now(UTC)


class Plan(TypedDict):
    """Somebody's own idea of properties."""

    plan: str


def ids(number: int, unique: UUID) -> None:
    """Text, numbers and UUIDs; nothing else."""
    messages.track("u1", "Signed Up")
    messages.track(number, "Signed Up")
    messages.track(unique, "Signed Up")
    messages.track(None, "Signed Up", anonymous_id=uuid4())
    messages.track(1.5, "Signed Up")  # type: ignore[arg-type]
    messages.track(b"u1", "Signed Up")  # type: ignore[arg-type]
    messages.alias("u1", None)  # type: ignore[arg-type]
    people.delete(None)  # type: ignore[arg-type]


def objects_of_json(mapping: Mapping[str, Any], plan: Plan) -> None:
    """Any mapping with text as keys, and generated models."""
    messages.identify("u1", {"plan": "pro", "address": {"city": "Basel"}})
    messages.identify("u1", mapping)
    messages.identify("u1", MappingProxyType({"plan": "pro"}))
    messages.identify("u1", IdentifyTraits.from_dict({"plan": "pro"}))
    messages.identify("u1", plan)
    messages.identify("u1", context=Context.from_dict({"ip": "203.0.113.7"}))
    messages.identify("u1", [("plan", "pro")])  # type: ignore[arg-type]
    messages.identify("u1", "plan=pro")  # type: ignore[arg-type]


def builders_give_messages() -> None:
    """All of them."""
    assert_type(messages.identify("u1"), Message)
    assert_type(messages.track("u1", "Signed Up", group_id="acme", timestamp=NOW, message_id="m1"), Message)
    assert_type(messages.page("u1", category="docs"), Message)
    assert_type(messages.screen("u1", "Home", {"tab": 1}, timestamp="2026-01-31T12:00:00Z"), Message)
    assert_type(messages.group("u1", "acme", integrations={"All": False}), Message)
    assert_type(messages.alias("u1", "a1"), Message)
    assert_type(people.merge("u1", "u2"), Message)
    assert_type(people.suppress("u1"), Message)
    assert_type(devices.register("u1", "token", "ios", {"app_version": "1"}), Message)
    assert_type(objects.relate("u1", "acme", {"role": "admin"}, object_type_id=2), Message)
    assert_type(objects.delete("acme", "2"), Message)
    assert_type(deliveries.report("d1", "opened", recipient="token"), Message)
    assert_type(deliveries.report_content("clicked_content", 12), Message)
    assert_type(messages.identify("u1").to_dict(), dict[str, Any])


def what_is_wrong_is_an_error() -> None:
    """Wrong keywords, wrong literals, what is missing."""
    messages.track("u1")  # type: ignore[call-arg]
    messages.track("u1", 3)  # type: ignore[arg-type]
    messages.track("u1", "Signed Up", userid="u2")  # type: ignore[call-arg]
    messages.identify("u1", group_id="acme")  # type: ignore[call-arg]
    messages.track("u1", "Signed Up", category="docs")  # type: ignore[call-arg]
    messages.track("u1", "Signed Up", timestamp=1.5)  # type: ignore[arg-type]
    messages.track("u1", "Signed Up", message_id=7)  # type: ignore[arg-type]
    devices.register("u1", "token", "windows")  # type: ignore[arg-type]
    deliveries.report("d1", "bounced")  # type: ignore[arg-type]
    deliveries.report("d1", "opened", "token")  # type: ignore[call-arg]
    deliveries.report_content("opened", 12)  # type: ignore[arg-type]
    messages.identify("u1").call = {}  # type: ignore[misc]


def typed_events(cio: CustomerIO) -> None:
    """Keyword arguments that the specification names, with their types."""
    order = ecommerce.OrderCompleted(
        order_id="o-1", total=99.9, products=[ecommerce.Product(product_id="p1", quantity=2)]
    )
    assert_type(order, ecommerce.OrderCompleted)
    assert_type(ecommerce.OrderCompleted.event_name, str)
    assert_type(messages.track("u1", order), Message)
    messages.track("u1", order, {"gift": True})
    messages.track("u1", email.EmailOpened(email_id="e1"))
    messages.track("u1", mobile.ApplicationOpened(from_background=True))
    cio.send(events.customerio.UserDeleted(user_id="u1"))
    cio.send(Track(user_id="u1", event="Signed Up"))
    ecommerce.OrderCompleted("o-1")  # type: ignore[call-arg]
    ecommerce.OrderCompleted(order="o-1")  # type: ignore[call-arg]
    ecommerce.OrderCompleted(total="99.90")  # type: ignore[arg-type]
    ecommerce.OrderCompleted(products=["p1"])  # type: ignore[list-item]
    ecommerce.OrderComplete()  # type: ignore[attr-defined]
    email.EmailOpened()  # type: ignore[call-arg]
    events.customerio.ReportDeliveryEvent(delivery_id="d1", metric="bounced")  # type: ignore[arg-type]
    print(events.nautical)  # type: ignore[attr-defined]
    messages.track("u1", ecommerce.Product(product_id="p1"))  # type: ignore[arg-type]
