"""From the rows of TPC-H to people, products, companies and orders. What TPC-H lacks is made up from its keys."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Mapping

Source: TypeAlias = dict[str, str]
Row: TypeAlias = dict[str, Any]

FIRST_ORDER = date(1997, 7, 1)
# The calendar repeats every 28 years: 1997 and 1998 become 2025 and 2026, weekdays and leap days included.
YEARS = 28

# fmt: off
FIRST_NAMES = (
    "Amira", "Björn", "Chloé", "Dmitri", "Eun-ji", "Fatima", "Giulia", "Hiroshi", "Ingrid", "João", "Kwame", "Łucja",
    "Mateo", "Nadia", "Óscar", "Priya", "Quentin", "Renée", "Søren", "Tomasz", "Uma", "Viktor", "Wanjiru", "Zoë",
)
LAST_NAMES = (
    "Abara", "Berg", "Castellanos", "Dvořák", "Eriksen", "Fontaine", "Gupta", "Hoffmann", "Ito", "Jansen", "Kovács",
    "Lindqvist", "Moreau", "Nakamura", "O'Brien", "Petrov", "Quiroga", "Rossi", "Silva", "Tanaka", "Vasquez", "Wójcik",
)
# fmt: on
ASCII = str.maketrans("áãéëóöøřÓŁ", "aaeeooorOL")
COMPANY_WORDS = ("Amber", "Cedar", "Delta", "Granite", "Harbor", "Juniper", "Lumen", "Meridian", "Orchard", "Summit")
COMPANY_KINDS = ("Works", "Trading", "Textiles", "Foods", "Logistics")
ROLES = ("buyer", "manager", "owner", "accountant")


def pick(choices: Any, *key: Any) -> Any:
    """Pick one of the choices, always the same for the same key."""
    return choices[number(*key) % len(choices)]


def number(*key: Any) -> int:
    """Give a number that looks random and is always the same for the same key."""
    return crc32(":".join(map(str, key)).encode())


def moment(day: date, *key: Any) -> str:
    """Give a time on that day, 28 years later, as ISO 8601 in UTC."""
    seconds = number(*key, "time") % 86_400
    return f"{day.replace(year=day.year + YEARS)}T{timedelta(seconds=seconds)!s:0>8}Z"


def sample(tpch: Mapping[str, list[Source]]) -> dict[str, list[Row]]:
    """Make the rows of each file of the sample."""
    countries = {row["n_nationkey"]: row["n_name"].title() for row in tpch["nation"]}
    persons = [person(customer, countries) for customer in tpch["customer"]]
    ids = [row["user_id"] for row in persons]
    staff: defaultdict[str, list[str]] = defaultdict(list)
    for row in persons:
        staff[row["country"]].append(row["user_id"])
    firms = companies(tpch["supplier"], countries, staff)
    bought = orders(tpch["orders"], tpch["lineitem"])
    return {
        "people.csv": persons,
        "products.csv": [product(part) for part in tpch["part"]],
        "companies.csv": firms,
        "memberships.csv": memberships(firms, staff),
        "devices.csv": devices(ids),
        "views.csv": views(bought),
        "orders.jsonl": bought,
        "privacy.csv": privacy(ids),
    }


def product(part: Source) -> Row:
    """Turn a part into a product: the first words of the name, the material as category, the container as variant."""
    return {
        "product_id": f"p-{part['p_partkey']}",
        "name": " ".join(part["p_name"].split()[:3]).title(),
        "brand": part["p_brand"],
        "category": part["p_type"].split()[-1].title(),
        "variant": part["p_container"].title(),
        "price": part["p_retailprice"],
    }


def person(customer: Source, countries: dict[str, str]) -> Row:
    """Make up a name, an address and a plan for a customer: TPC-H has a number."""
    key = customer["c_custkey"]
    first, last = pick(FIRST_NAMES, key, "first"), pick(LAST_NAMES, key, "last")
    local = f"{first}.{last}.{key}".replace("'", "").translate(ASCII).lower()
    balance = Decimal(customer["c_acctbal"])
    joined = FIRST_ORDER - timedelta(days=1 + number(key, "joined") % 1500)
    return {
        "user_id": f"c-{key}",
        "email": f"{local}@example.com",
        "name": f"{first} {last}",
        "phone": customer["c_phone"],
        "country": countries[customer["c_nationkey"]],
        "segment": customer["c_mktsegment"].lower(),
        "plan": "free" if balance < 0 else "starter" if balance < 4000 else "team" if balance < 8000 else "business",
        "balance": balance,
        "created_at": moment(joined, key),
        "note": customer["c_comment"],
    }


def companies(suppliers: list[Source], countries: dict[str, str], staff: dict[str, list[str]]) -> list[Row]:
    """Turn suppliers into companies, each owned by the first customer of its country that no other company has."""
    rows: list[Row] = []
    for place, supplier in enumerate(suppliers):
        country = countries[supplier["s_nationkey"]]
        name = f"{COMPANY_WORDS[place % 10]} {COMPANY_KINDS[place // 10]}"
        owner = staff[country].pop(0)
        rows.append({"company_id": f"s-{supplier['s_suppkey']}", "name": name, "country": country, "owner_id": owner})
    return rows


def memberships(firms: list[Row], staff: dict[str, list[str]]) -> list[Row]:
    """Let the other customers of a country work for its companies, each for one."""
    local: defaultdict[str, list[str]] = defaultdict(list)
    for firm in firms:
        local[firm["country"]].append(firm["company_id"])
    return [
        {"user_id": who, "company_id": pick(local[country], who, "firm"), "role": pick(ROLES, who, "role")}
        for country, names in staff.items()
        for who in names
        if local[country] and number(who, "employed") % 3
    ]


def devices(ids: list[str]) -> list[Row]:
    """Give every third person a telephone."""
    return [
        {
            "user_id": who,
            "token": f"{number(who, 'token', 1):08x}{number(who, 'token', 2):08x}",
            "platform": pick(("ios", "android"), who, "platform"),
            "app_version": f"4.{number(who, 'app') % 10}.0",
        }
        for who in ids
        if number(who, "device") % 3 == 0
    ]


def orders(headers: list[Source], items: list[Source]) -> list[Row]:
    """Take the orders of the last thirteen months with their lines."""
    lines: defaultdict[str, list[Source]] = defaultdict(list)
    for line in items:
        lines[line["l_orderkey"]].append(line)
    recent = [row for row in headers if date.fromisoformat(row["o_orderdate"]) >= FIRST_ORDER]
    recent.sort(key=lambda row: (row["o_orderdate"], int(row["o_orderkey"])))
    return [order(row, lines[row["o_orderkey"]]) for row in recent]


def order(row: Source, lines: list[Source]) -> Row:
    """Sum up an order from its lines."""
    key = row["o_orderkey"]
    revenue = sum((Decimal(line["l_extendedprice"]) for line in lines), Decimal())
    discount = cents(sum(Decimal(line["l_extendedprice"]) * Decimal(line["l_discount"]) for line in lines))
    tax = cents(sum(Decimal(line["l_extendedprice"]) * Decimal(line["l_tax"]) for line in lines))
    return {
        "order_id": f"o-{key}",
        "user_id": f"c-{row['o_custkey']}",
        "ordered_at": moment(date.fromisoformat(row["o_orderdate"]), key),
        "currency": "USD",
        "revenue": revenue,
        "discount": discount,
        "tax": tax,
        "total": revenue - discount + tax,
        "lines": [
            {
                "product_id": f"p-{line['l_partkey']}",
                "quantity": int(line["l_quantity"]),
                "price": Decimal(line["l_extendedprice"]) / Decimal(line["l_quantity"]),
            }
            for line in lines
        ],
    }


def cents(amount: Decimal | int) -> Decimal:
    """Round an amount to the cent."""
    return Decimal(amount).quantize(Decimal("0.01"))


def views(bought: list[Row]) -> list[Row]:
    """Have the first product of two orders of three looked at, minutes earlier."""
    return [
        {
            "user_id": row["user_id"],
            "product_id": row["lines"][0]["product_id"],
            "viewed_at": before(row["ordered_at"], 1 + number(row["order_id"], "wait") % 240),
        }
        for row in bought
        if number(row["order_id"], "viewed") % 3
    ]


def before(time: str, minutes: int) -> str:
    """Go back that many minutes."""
    return f"{datetime.fromisoformat(time) - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def privacy(ids: list[str]) -> list[Row]:
    """Pick who asks to be forgotten, who wants no more messages, and who changes their mind."""
    asked = [who for who in ids if number(who, "privacy") % 40 == 0]
    rows = [{"user_id": who, "action": pick(("delete", "suppress"), who, "action")} for who in asked]
    return rows + [{**row, "action": "unsuppress"} for row in rows if row["action"] == "suppress"][:3]
