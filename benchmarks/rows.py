"""The same plain rows for all contenders, and what becomes of one inside each measured loop."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["EVENT", "SIZES", "Row", "stream"]

Row = tuple[Any, ...]

EVENT = "Order Placed"
_POOL = 5_000  # different rows; a stream of any length goes round in them, so that rows weigh nothing in the memory


def small(row: Row) -> dict[str, Any]:
    """About 200 bytes of properties: a call of about 350 bytes."""
    _, order, total, currency, coupon, count, first, channel, city, _ = row
    return {
        "order_id": order,
        "total": total,
        "currency": currency,
        "coupon": coupon,
        "items": count,
        "first_order": first,
        "channel": channel,
        "city": city,
        "payment": "card",
        "warehouse": "north-2",
    }


def large(row: Row) -> dict[str, Any]:
    """About 1.3 KB of properties, most of it in a list of objects: a call of about 1.5 KB."""
    products = [
        {"product_id": key, "name": name, "price": price, "quantity": quantity, "category": "garden", "gift": False}
        for key, name, price, quantity in row[9]
    ]
    return {**small(row), "products": products}


SIZES: dict[str, Callable[[Row], dict[str, Any]]] = {"small": small, "large": large}


def stream(number: int) -> Iterator[Row]:
    """That many rows; the first field says who, the second which order."""
    return islice(cycle([_row(n) for n in range(_POOL)]), number)


def _row(n: int) -> Row:
    products = tuple(
        (f"sku-{(n * 7 + k) % 90_000:05}", f"Article number {k} of the catalogue", 4.5 + k, k % 3 + 1) for k in range(9)
    )
    city = ("Lisbon", "Nairobi", "Osaka", "Toronto")[n % 4]
    return (
        f"user-{n % _POOL:06}",
        f"o-{n:09}",
        n % 500 + 0.99,
        "EUR",
        "SPRING",
        n % 9 + 1,
        n % 5 == 0,
        "web",
        city,
        products,
    )
