"""The same plain rows for all contenders, and what becomes of one inside each measured loop."""

from __future__ import annotations

from functools import cache
from itertools import cycle, islice
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["EVENT", "SIZES", "Row", "stream"]

Row = tuple[Any, ...]

EVENT = "Order Placed"
_NAMES = ("Chair", "Lamp", "Bench", "Table", "Shelf", "Vase", "Rug", "Clock")
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
    return islice(cycle(_pool()), number)


@cache
def _pool() -> list[Row]:
    chance = Random(_POOL)  # the same rows every time
    return [_row(chance) for _ in range(_POOL)]


def _row(chance: Random) -> Row:
    """Values that differ as much as real ones do, so that gzip has as much to do."""
    products = tuple(
        (
            f"sku-{chance.randrange(90_000):05}",
            f"{chance.choice(_NAMES)} {chance.choice(_NAMES)} number {chance.randrange(9_000)} in green",
            chance.randrange(900) / 10,
            chance.randrange(1, 9),
        )
        for _ in range(9)
    )
    return (
        f"user-{chance.getrandbits(24):06x}",
        f"o-{chance.getrandbits(36):09x}",
        chance.randrange(50_000) / 100,
        chance.choice(("EUR", "USD", "GBP")),
        chance.choice(("SPRING", "SUMMER", "AUTUMN", "WINTER")),
        chance.randrange(1, 9),
        chance.random() < 0.2,
        chance.choice(("web", "app")),
        chance.choice(("Lisbon", "Nairobi", "Osaka", "Toronto", "Lima", "Riga")),
        products,
    )
