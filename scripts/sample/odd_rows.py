"""Rows spoilt on purpose, as they are found in real files, and odd ones that are nevertheless right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts.sample.tables import Row


@dataclass(frozen=True)
class Odd:
    """A row to add.

    Attributes
    ----------
    place : int
        Where in the table it goes. The row that stands there serves as its model.
    refused : str or None
        The field that it must be refused for; None when it is to be delivered.
    what : str
        What is odd about it.
    changes : dict
        The columns that differ from the model.
    over : str or None
        The limit whose excess it is refused for: where the limit is larger than the row, it is to be delivered.
    """

    place: int
    refused: str | None
    what: str
    changes: Row
    over: str | None = None

    @property
    def size(self) -> int:
        """Bytes of its longest text."""
        return max(len(str(value).encode()) for value in self.changes.values())


ODD = {
    "people.csv": (
        Odd(40, "userId", "no id, though an e-mail address", {"user_id": ""}),
        Odd(111, "traits.email", "an e-mail address without @", {"user_id": "x-111", "email": "zoe.at.example.com"}),
        Odd(
            222, "traits.createdAt", "a time without a zone", {"user_id": "x-222", "created_at": "2024-05-06T07:08:09"}
        ),
        Odd(
            333,
            "message",
            "40 KB of text",
            {"user_id": "x-333", "note": "far too long a note, " * 1900},
            over="call_bytes",
        ),
        Odd(444, "userId", "an id of 162 bytes", {"user_id": "x-" + "4" * 160}, over="id_bytes"),
        Odd(
            555,
            "message",
            "27 KB of text, 54 KB were it escaped",
            {"user_id": "x-555", "note": "漢字かな交じり文" * 1120},
            over="call_bytes",
        ),
        Odd(666, None, "no e-mail address", {"user_id": "x-666", "email": ""}),
    ),
    "devices.csv": (
        Odd(20, "context.device.token", "no token", {"token": ""}),
        Odd(60, "context.device.type", "no such platform: for the server to refuse", {"platform": "pager"}),
    ),
    "orders.jsonl": (
        Odd(75, "userId", "NaN for an id", {"order_id": "x-75", "user_id": float("nan")}),
        Odd(150, "userId", "an id read as a float", {"order_id": "x-150", "user_id": 185.0}),
        Odd(300, "userId", "a boolean for an id", {"order_id": "x-300", "user_id": True}),
        Odd(450, "timestamp", "a time without a zone", {"order_id": "x-450", "ordered_at": "2025-11-01T09:30:00"}),
        Odd(600, "userId", "null for an id", {"order_id": "x-600", "user_id": None}),
        Odd(750, None, "NaN for an amount: sent as null", {"order_id": "x-750", "discount": float("nan")}),
        Odd(
            900,
            "context.active",
            "text for a boolean: for the server to refuse",
            {"order_id": "x-900", "context": {"active": "yes"}},
        ),
    ),
}


def spoil(files: dict[str, list[Row]]) -> list[dict[str, Any]]:
    """Put the odd rows in their places, and list them by file and line, lines counted from 1."""
    listed: list[dict[str, Any]] = []
    for file, odd in ODD.items():
        first = 2 if file.endswith(".csv") else 1
        models = list(files[file])
        for row in odd:
            files[file].insert(row.place, models[row.place] | row.changes)
            entry = {"file": file, "line": first + row.place, "refused": row.refused, "what": row.what}
            listed.append(entry if row.over is None else entry | {"over": row.over, "bytes": row.size})
    return listed
