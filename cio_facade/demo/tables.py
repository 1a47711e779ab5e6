"""What each table says: one function a table, from a row to the message it becomes."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from cio_facade import devices, messages, objects, people
from cio_facade.demo.sample import Row, lines
from cio_facade.events import ecommerce

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cio_facade.messages import Message

__all__ = ["Table", "tables"]


@attrs.frozen
class Table:
    """A file of the sample, each row of it one message.

    Attributes
    ----------
    name : str
        What the rows are.
    file : str
        Where they are.
    build : callable
        Makes the message of a row; the message id is given.
    """

    name: str
    file: str
    build: Callable[[Row, str], Message]


def tables() -> tuple[Table, ...]:
    """List the tables in the order of loading: people, what they have and did, and who wants to be forgotten."""
    catalogue = {line.row["product_id"]: line.row for line in lines("products.csv")}
    return (
        Table("people", "people.csv", _person),
        Table("companies", "companies.csv", _company),
        Table("memberships", "memberships.csv", _membership),
        Table("devices", "devices.csv", _device),
        Table("product views", "views.csv", partial(_view, catalogue)),
        Table("orders", "orders.jsonl", partial(_order, catalogue)),
        Table("privacy requests", "privacy.csv", _privacy),
    )


def _person(row: Row, message_id: str) -> Message:
    """Add a person with their traits."""
    traits: dict[str, Any] = {column: cell for column, cell in row.items() if cell != ""}
    traits["balance"] = float(row["balance"])
    traits["createdAt"] = datetime.fromisoformat(traits.pop("created_at"))
    traits.pop("user_id", None)
    return people.identify(row["user_id"], traits, message_id=message_id)


def _company(row: Row, message_id: str) -> Message:
    """Create a company as an object, with its owner as the first person related to it."""
    attributes = {"name": row["name"], "country": row["country"]}
    return objects.create(row["owner_id"], row["company_id"], attributes, message_id=message_id)


def _membership(row: Row, message_id: str) -> Message:
    """Relate a person to the company they work for."""
    return objects.relate(row["user_id"], row["company_id"], {"role": row["role"]}, message_id=message_id)


def _device(row: Row, message_id: str) -> Message:
    """Register a telephone that may be sent push notifications."""
    attributes = {"app_version": row["app_version"]}
    return devices.register(row["user_id"], row["token"], row["platform"], attributes, message_id=message_id)


def _view(catalogue: Mapping[str, Row], row: Row, message_id: str) -> Message:
    """Record that somebody looked at a product, as a typed event."""
    product = catalogue[row["product_id"]]
    event = ecommerce.ProductViewed(
        product_id=row["product_id"],
        name=product["name"],
        brand=product["brand"],
        category=product["category"],
        variant=product["variant"],
        price=float(product["price"]),
        currency="USD",
    )
    when = datetime.fromisoformat(row["viewed_at"])
    return messages.track(row["user_id"], event, timestamp=when, message_id=message_id)


def _order(catalogue: Mapping[str, Row], row: Row, message_id: str) -> Message:
    """Record an order as a typed event, with its products as typed values."""
    event = ecommerce.OrderCompleted(
        order_id=row["order_id"],
        currency=row["currency"],
        revenue=row["revenue"],
        discount=row["discount"],
        tax=row["tax"],
        total=row["total"],
        products=[_bought(catalogue[line["product_id"]], line) for line in row["lines"]],
    )
    when = datetime.fromisoformat(row["ordered_at"])
    return messages.track(row["user_id"], event, timestamp=when, context=row.get("context"), message_id=message_id)


def _bought(product: Row, line: Row) -> ecommerce.Product:
    """Add what the catalogue knows to a line of an order."""
    return ecommerce.Product(
        product_id=line["product_id"],
        name=product["name"],
        brand=product["brand"],
        category=product["category"],
        price=line["price"],
        quantity=line["quantity"],
    )


def _privacy(row: Row, message_id: str) -> Message:
    """Do what somebody asked for: forget them, leave them alone, or write to them again."""
    ask = {"delete": people.delete, "suppress": people.suppress, "unsuppress": people.unsuppress}
    return ask[row["action"]](row["user_id"], message_id=message_id)
