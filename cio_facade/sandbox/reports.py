"""Reports of what became of messages: kept as they come, read in their order."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cio_facade.sandbox.effects import IGNORED, Effect
from cio_facade.sandbox.identities import knows
from cio_facade.sandbox.reading import Read

__all__ = ["ContentReport", "DeliveryReport", "contents", "deliveries", "report_content", "report_delivery"]


# The members of a report, in the order of the columns.
_DELIVERY: Final = ("deliveryId", "metric", "recipient", "reason", "actionValue", "href")
_CONTENT: Final = ("actionType", "contentId", "templateId")
_KEEP_DELIVERY: Final = """
INSERT INTO delivery_reports (delivery_id, metric, recipient, reason, action_value, href, time)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_KEEP_CONTENT: Final = "INSERT INTO content_reports (action_type, content_id, template_id, time) VALUES (?, ?, ?, ?)"
_DELIVERIES: Final = """
SELECT delivery_id, metric, recipient, reason, action_value, href, time FROM delivery_reports ORDER BY id
"""
_CONTENTS: Final = "SELECT action_type, content_id, template_id, time FROM content_reports ORDER BY id"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of one delivery.

    Attributes
    ----------
    delivery_id : str
        The delivery, as its message carries it.
    metric : str
        What became of it, such as ``opened``.
    recipient, reason, action_value, href : str or None
        Where it went, why it failed, what was clicked and where that led.
    time : str
        When the report arrived, ISO 8601 in UTC.
    """

    delivery_id: str
    metric: str
    recipient: str | None
    reason: str | None
    action_value: str | None
    href: str | None
    time: str


@dataclass(frozen=True, slots=True)
class ContentReport:
    """What somebody did with an anonymous in-app message.

    Attributes
    ----------
    action_type : str
        What it was, such as ``viewed_content``.
    content_id, template_id : int, str or None
        The message, and its variant; a number that is too large for SQLite as text.
    time : str
        When the report arrived, ISO 8601 in UTC.
    """

    action_type: str
    content_id: int | str | None
    template_id: int | str | None
    time: str


def report_delivery(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """Keep a report of a delivery."""
    return _report(db, said, time, _KEEP_DELIVERY, _DELIVERY)


def report_content(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """Keep a report of a view or a click."""
    return _report(db, said, time, _KEEP_CONTENT, _CONTENT)


def deliveries(read: Read) -> list[DeliveryReport]:
    """List the reports of deliveries in the order of their arrival."""
    return [DeliveryReport(*row) for row in read(_DELIVERIES)]


def contents(read: Read) -> list[ContentReport]:
    """List the reports of views and clicks in the order of their arrival."""
    return [ContentReport(*row) for row in read(_CONTENTS)]


def _report(
    db: sqlite3.Connection, said: Mapping[str, Any], time: str, statement: str, members: tuple[str, ...]
) -> Effect:
    effect = knows(db, said, time)
    if effect is IGNORED:
        return effect
    properties = said["properties"]
    db.execute(statement, (*(_plain(properties.get(name)) for name in members), time))
    return Effect(effect.person, "report kept")


def _plain(value: Any) -> str | int | None:
    """Keep texts and whole numbers, the latter as text where SQLite has no number so large."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    return value if isinstance(value, str) else None
