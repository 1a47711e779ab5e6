"""Whom a call belongs to: found by user id, by anonymous id or by e-mail address, and made where nobody is there."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import orjson

from cio_facade.sandbox.effects import IGNORED, NOBODY, Effect
from cio_facade.sandbox.traits import email_of

__all__ = [
    "as_json",
    "by_email",
    "by_id_or_email",
    "has_suppressed_email",
    "is_suppressed",
    "knows",
    "linked",
    "made",
    "seen",
    "whose",
]

_SEEN: Final = "UPDATE people SET last_seen = ? WHERE user_id = ? RETURNING id"
_SEEN_BY_NUMBER: Final = "UPDATE people SET last_seen = ? WHERE id = ?"
_LINKED: Final = """
UPDATE people SET last_seen = ? WHERE id = (SELECT person FROM anonymous WHERE anonymous_id = ?) RETURNING id
"""
_MAKE: Final = "INSERT INTO people (user_id, email, traits, first_seen, last_seen) VALUES (?, ?, ?, ?, ?) RETURNING id"
_BY_EMAIL: Final = "SELECT id FROM people WHERE email = ? ORDER BY id LIMIT 1"
_IS_SUPPRESSED: Final = "SELECT EXISTS (SELECT 1 FROM suppressed WHERE user_id = ?)"
_HAS_SUPPRESSED_EMAIL: Final = "SELECT EXISTS (SELECT 1 FROM suppressed WHERE email = ?)"


def whose(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """Find whom an ordinary call belongs to; a user id that nobody has makes a person."""
    user_id = said.get("userId")
    if user_id is None:
        return knows(db, said, time)
    person = seen(db, user_id, time)
    if person is not None:
        return Effect(person, None)
    if is_suppressed(db, user_id):
        return IGNORED
    return Effect(made(db, time, user_id), "person created")


def knows(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """Find whom a call belongs to that makes nobody."""
    user_id, anonymous_id = said.get("userId"), said.get("anonymousId")
    if user_id is not None:
        person = seen(db, user_id, time)
        return IGNORED if person is None and is_suppressed(db, user_id) else Effect(person, None)
    return Effect(linked(db, anonymous_id, time), None) if anonymous_id is not None else NOBODY


def seen(db: sqlite3.Connection, user_id: str, time: str) -> int | None:
    """Find the person of a user id, and note when they were seen."""
    found = db.execute(_SEEN, (time, user_id)).fetchone()
    return found[0] if found else None


def linked(db: sqlite3.Connection, anonymous_id: str, time: str) -> int | None:
    """Find the person that an anonymous id is linked to, and note when they were seen."""
    found = db.execute(_LINKED, (time, anonymous_id)).fetchone()
    return found[0] if found else None


def by_email(db: sqlite3.Connection, email: str) -> int | None:
    """Find the person of an e-mail address, in whatever case; the one who was there first of several."""
    found = db.execute(_BY_EMAIL, (email,)).fetchone()
    return found[0] if found else None


def by_id_or_email(db: sqlite3.Connection, name: str, time: str) -> int | None:
    """Find the person of a user id or, where nobody has it, of an e-mail address, and note when they were seen."""
    person = seen(db, name, time)
    if person is None and (person := by_email(db, name)) is not None:
        db.execute(_SEEN_BY_NUMBER, (time, person))
    return person


def made(db: sqlite3.Connection, time: str, user_id: str | None, traits: Mapping[str, Any] | None = None) -> int:
    """Make a person."""
    known = traits or {}
    told = (user_id, email_of(known), as_json(known), time, time)
    person: int = db.execute(_MAKE, told).fetchone()[0]
    return person


def is_suppressed(db: sqlite3.Connection, user_id: str) -> bool:
    """Tell whether an id is on the list of those that may not come back."""
    return bool(db.execute(_IS_SUPPRESSED, (user_id,)).fetchone()[0])


def has_suppressed_email(db: sqlite3.Connection, email: str) -> bool:
    """Tell whether an address was that of somebody who is suppressed."""
    return bool(db.execute(_HAS_SUPPRESSED_EMAIL, (email,)).fetchone()[0])


def as_json(value: Mapping[str, Any]) -> str:
    """Write what is known as JSON."""
    return orjson.dumps(value).decode()
