"""What a row of a file and the call that came of it must agree in.

Both sides are boiled down to the same values, by functions that share no code with the ones that build the messages.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cio_facade.demo.sample import Row

__all__ = ["FACTS", "Call", "Facts"]

Call: TypeAlias = dict[str, Any]


@attrs.frozen
class Facts:
    """The facts of one file: what they are, and how either side tells them."""

    what: str
    in_row: Callable[[Row], object]
    in_call: Callable[[Call], object]


def _moment(text: str) -> datetime:
    """Read a point in time, however it is spelt."""
    return datetime.fromisoformat(text)


def _cents(value: Any) -> int | None:
    """Give an amount in cents; None for NaN, which JSON does not have."""
    return None if value is None or value != value else round(value * 100)  # noqa: PLR0124  NaN differs from itself


def _person_in_row(row: Row) -> object:
    """Tell who it is, and what their line says of them."""
    texts = [row[name] for name in ("user_id", "email", "name", "note")]
    return texts, _cents(float(row["balance"])), _moment(row["created_at"])


def _person_in_call(call: Call) -> object:
    """Tell the same from an ``identify``."""
    traits = call["traits"]
    texts = [call["userId"], *(traits.get(name, "") for name in ("email", "name", "note"))]
    return texts, _cents(traits["balance"]), _moment(traits["createdAt"])


def _order_in_row(row: Row) -> object:
    """Tell who ordered, when, all amounts, and the lines summed up."""
    amounts = [_cents(row[name]) for name in ("revenue", "discount", "tax", "total")]
    return row["user_id"], row["order_id"], _moment(row["ordered_at"]), amounts, _goods(row["lines"])


def _order_in_call(call: Call) -> object:
    """Tell the same from an ``Order Completed``."""
    order = call["properties"]
    amounts = [_cents(order[name]) for name in ("revenue", "discount", "tax", "total")]
    return call["userId"], order["order_id"], _moment(call["timestamp"]), amounts, _goods(order["products"])


def _goods(items: list[dict[str, Any]]) -> tuple[list[str], int | None]:
    """Tell which products, and what they cost together."""
    return [item["product_id"] for item in items], _cents(sum(item["price"] * item["quantity"] for item in items))


_ACTIONS = {"User Deleted": "delete", "User Suppressed": "suppress", "User Unsuppressed": "unsuppress"}

FACTS: Mapping[str, Facts] = {
    "people.csv": Facts("e-mail, name, note, balance, joined", _person_in_row, _person_in_call),
    "companies.csv": Facts(
        "id, name, owner",
        lambda row: (row["owner_id"], row["company_id"], row["name"]),
        lambda call: (call["userId"], call["groupId"], call["traits"]["name"]),
    ),
    "memberships.csv": Facts(
        "who, where, role",
        lambda row: (row["user_id"], row["company_id"], row["role"]),
        lambda call: (call["userId"], call["groupId"], call["traits"]["relationshipAttributes"]["role"]),
    ),
    "devices.csv": Facts(
        "whose, token, platform",
        lambda row: (row["user_id"], row["token"], row["platform"]),
        lambda call: (call["userId"], call["context"]["device"]["token"], call["context"]["device"]["type"]),
    ),
    "views.csv": Facts(
        "who, product, when",
        lambda row: (row["user_id"], row["product_id"], _moment(row["viewed_at"])),
        lambda call: (call["userId"], call["properties"]["product_id"], _moment(call["timestamp"])),
    ),
    "orders.jsonl": Facts("buyer, time, amounts, lines", _order_in_row, _order_in_call),
    "privacy.csv": Facts(
        "who, what",
        lambda row: (row["user_id"], row["action"]),
        lambda call: (call["userId"], _ACTIONS.get(call["event"])),
    ),
}
