"""Make the small shop's files: one invented day, the same bytes on every run.

    python make_shop.py

Everybody in them is invented; all addresses are of example.com.
"""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
DAY = datetime(2026, 3, 14, tzinfo=UTC)
NAMES = "ann bob cleo dan eva finn gina hugo ines jan kim lena milo nora olaf pia quin rosa sven tara".split()  # noqa: SIM905  read as a line
CITIES = ["Bremen", "Ghent", "Leeds", "Lyon", "Porto", "Turin"]
PRODUCTS = [
    ("p-01", "Assam Breakfast", "black tea", 8.90),
    ("p-02", "Darjeeling First Flush", "black tea", 14.50),
    ("p-03", "Earl Grey", "black tea", 9.20),
    ("p-04", "Sencha", "green tea", 11.40),
    ("p-05", "Gunpowder", "green tea", 7.80),
    ("p-06", "Jasmine Pearls", "green tea", 16.00),
    ("p-07", "Peppermint", "herbal", 5.60),
    ("p-08", "Rooibos Vanilla", "herbal", 6.40),
    ("p-09", "Cast Iron Pot", "ware", 54.00),
    ("p-10", "Glass Pot", "ware", 24.50),
    ("p-11", "Bamboo Whisk", "ware", 13.20),
    ("p-12", "Tasting Set of Six", "sets", 29.90),
]
# Visits by hour of the day: a morning, the campaign of ten o'clock, an evening.
HOURS = {8: 4, 9: 7, 10: 16, 11: 14, 12: 12, 13: 9, 14: 8, 15: 9, 16: 11, 17: 12, 18: 13, 19: 11, 20: 9, 21: 5}

Row = dict[str, Any]


def main(folder: Path = HERE) -> None:
    """Write all files."""
    chance = random.Random(20260314)
    customers = list(_customers(chance))
    clicks, orders = _visits(chance, [row["customer_id"] for row in customers[:140]])
    _csv(
        folder / "products.csv",
        [dict(zip(("product_id", "name", "category", "price"), row, strict=True)) for row in PRODUCTS],
    )
    _csv(folder / "customers.csv", [*customers, *_odd()])
    _csv(folder / "clicks.csv", clicks)
    _csv(folder / "deliveries.csv", _deliveries(chance, customers))
    _csv(folder / "privacy.csv", [{"customer_id": who, "wish": wish} for who, wish in _WISHES])
    pq.write_table(pa.Table.from_pylist(orders, schema=_ORDER), folder / "orders.parquet", compression="zstd")


_WISHES = [("c-031", "delete"), ("c-077", "suppress"), ("c-118", "suppress")]
_LINE = pa.struct(
    [("product_id", pa.string()), ("name", pa.string()), ("price", pa.float64()), ("quantity", pa.int32())]
)
_ORDER = pa.schema(
    [
        ("customer_id", pa.string()),
        ("order_id", pa.string()),
        ("ordered_at", pa.timestamp("s", tz="UTC")),
        ("currency", pa.string()),
        ("coupon", pa.string()),
        ("shipping", pa.float64()),
        ("total", pa.float64()),
        ("products", pa.list_(_LINE)),
    ]
)


def _customers(chance: random.Random) -> Iterator[Row]:
    for number in range(1, 151):
        name = chance.choice(NAMES)
        joined = DAY - timedelta(days=chance.randint(3, 900), minutes=chance.randint(0, 1440))
        yield {
            "customer_id": f"c-{number:03}",
            "email": f"{name}.{number:03}@example.com",
            "first_name": name.title(),
            "city": chance.choice(CITIES),
            "newsletter": str(chance.random() < 0.8).lower(),
            "joined_at": _iso(joined),
        }


def _odd() -> Iterator[Row]:
    """Give the two rows that every export has: one without an id, one with something else as an address."""
    rest = {"city": "Leeds", "newsletter": "true", "joined_at": "2026-03-13T18:20:00Z"}
    yield {"customer_id": "", "email": "una@example.com", "first_name": "Una", **rest}
    yield {"customer_id": "c-152", "email": "asked in the shop", "first_name": "Vito", **rest}


def _visits(chance: random.Random, people: list[str]) -> tuple[list[Row], list[Row]]:
    clicks: list[Row] = []
    orders: list[Row] = []
    for hour, visits in HOURS.items():
        for who in chance.sample(people, visits):
            at = DAY + timedelta(hours=hour, seconds=chance.randint(0, 3000))
            _visit(chance, who, at, clicks, orders)
    return sorted(clicks, key=lambda row: row["at"]), sorted(orders, key=lambda row: row["ordered_at"])


def _visit(chance: random.Random, who: str, at: datetime, clicks: list[Row], orders: list[Row]) -> None:
    """Let somebody look round, and perhaps buy: each step is one that fewer take."""

    def click(event: str, product_id: str = "", quantity: int | str = "") -> None:
        nonlocal at
        row = {"at": _iso(at), "customer_id": who, "event": event, "product_id": product_id, "quantity": quantity}
        clicks.append(row)
        at += timedelta(seconds=chance.randint(8, 70))

    basket: list[Row] = []
    for product_id, name, _category, price in chance.sample(PRODUCTS, chance.randint(1, 3)):
        click("Product Viewed", product_id)
        if chance.random() < 0.45:
            quantity = chance.choice([1, 1, 1, 2, 3])
            click("Product Added", product_id, quantity)
            basket.append({"product_id": product_id, "name": name, "price": price, "quantity": quantity})
    if not basket:
        return
    for event, share in (("Cart Viewed", 0.85), ("Checkout Started", 0.75), ("Payment Info Entered", 0.8)):
        if chance.random() > share:
            return
        click(event)
    if chance.random() < 0.9:
        orders.append(_order(chance, who, at, basket, len(orders) + 1))


def _order(chance: random.Random, who: str, at: datetime, basket: list[Row], number: int) -> Row:
    goods = sum(line["price"] * line["quantity"] for line in basket)
    coupon = "SPRING10" if at.hour >= 10 and chance.random() < 0.3 else None
    shipping = 0.0 if goods >= 40 else 4.9
    total = round(goods * (0.9 if coupon else 1) + shipping, 2)
    about = {"currency": "EUR", "coupon": coupon, "shipping": shipping, "total": total, "products": basket}
    return {"customer_id": who, "order_id": f"o-{number:04}", "ordered_at": at, **about}


def _deliveries(chance: random.Random, customers: list[Row]) -> list[Row]:
    """Give what became of the campaign of ten o'clock, as the mail provider's log has it."""
    rows: list[Row] = []
    readers = [row for row in customers if row["newsletter"] == "true"]
    for number, row in enumerate(readers, 1):
        at = DAY + timedelta(hours=10, seconds=chance.randint(5, 1500))
        steps = [("delivered", 0.97, 0), ("opened", 0.52, 150), ("clicked", 0.42, 3), ("converted", 0.4, 25)]
        for metric, share, minutes in steps:
            if chance.random() > share:
                break
            at += timedelta(minutes=chance.expovariate(1 / minutes) if minutes else 0)
            link = "https://shop.example.com/spring" if metric == "clicked" else ""
            said = {"delivery_id": f"spring-{number:03}", "metric": metric, "recipient": row["email"], "href": link}
            rows.append({"at": _iso(at), "customer_id": row["customer_id"], **said})
    evening = _iso(DAY + timedelta(hours=22))
    return sorted((row for row in rows if row["at"] < evening), key=lambda row: row["at"])


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _csv(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
