"""People as the calls make them: identified, joined with what they did anonymously, merged."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from cio_facade.sandbox.effects import IGNORED, NOBODY, Effect, counted, together
from cio_facade.sandbox.identities import (
    as_json,
    by_email,
    has_suppressed_email,
    is_suppressed,
    made,
    seen,
)
from cio_facade.sandbox.things import inherit_relationships, join_relationships
from cio_facade.sandbox.traits import changed, email_of, filled

__all__ = ["alias", "identify"]

_TRAITS: Final = "SELECT traits FROM people WHERE id = ?"
_BY_USER: Final = "SELECT id, traits FROM people WHERE user_id = ?"
_BY_LINK: Final = "SELECT people.id, people.traits FROM anonymous JOIN people ON person = id WHERE anonymous_id = ?"
# An address brings its person along where nobody has the user id yet, and the person has none. The plus keeps SQLite
# from looking through all who have none.
_CLAIM: Final = """
UPDATE people SET user_id = ?
WHERE id = (SELECT id FROM people WHERE email = ? AND +user_id IS NULL ORDER BY id LIMIT 1)
RETURNING id, traits
"""
_KNOW: Final = "UPDATE people SET traits = ?, email = ?, last_seen = ? WHERE id = ?"

_ANONYMOUS: Final = "SELECT person, traits FROM anonymous WHERE anonymous_id = ?"
_KEEP: Final = """
INSERT INTO anonymous VALUES (?, NULL, ?) ON CONFLICT (anonymous_id) DO UPDATE SET traits = excluded.traits
"""
_LINK: Final = """
INSERT INTO anonymous VALUES (?, ?, '{}')
ON CONFLICT (anonymous_id) DO UPDATE SET person = excluded.person, traits = excluded.traits
"""
# A call that names a user is that user's, or nobody's: only the others wait for somebody. The index is named, since
# SQLite may well prefer one by verdict, which would go through all that ever came.
_JOIN: Final = """
UPDATE received INDEXED BY received_anonymously SET person = ?
WHERE anonymous_id = ? AND person IS NULL AND user_id IS NULL AND verdict = 'accepted'
"""

_HEIR: Final = "UPDATE people SET traits = ?, email = ?, first_seen = min(first_seen, ?) WHERE id = ?"
_PREVIOUS: Final = "SELECT id, traits, first_seen FROM people WHERE user_id = ?"
_INHERITED: Final = tuple(
    f"UPDATE {table} SET person = ? WHERE person = ?"  # noqa: S608 - names of this module, no input
    for table in ("devices", "anonymous", "merges", "received")
)
_MERGED: Final = "INSERT OR REPLACE INTO merges VALUES (?, ?, ?)"
_FORGET_OWN: Final = "DELETE FROM merges WHERE previous_id = ? AND person = ?"


class _Profile(NamedTuple):
    person: int
    traits: dict[str, Any]
    text: str | None = None


def identify(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """Say something of somebody: by user id, by an anonymous id that is linked, by address, or of nobody known yet."""
    traits: dict[str, Any] = said.get("traits") or {}
    user_id, anonymous_id = said.get("userId"), said.get("anonymousId")
    email = email_of(traits)
    if user_id is not None:
        profile = _of_user(db, user_id, email, time)
    else:
        profile = _of_link(db, anonymous_id)
        if profile is None and email is not None:
            profile = _of_email(db, email, time)
        elif profile is None:
            return _keep(db, anonymous_id, traits) if anonymous_id is not None else NOBODY
    if profile is None:
        return IGNORED
    joined, before = None, profile.traits
    if anonymous_id is not None:
        joined, before = _link(db, anonymous_id, profile)
    after, text = changed(before, traits)
    db.execute(_KNOW, (as_json(after), email_of(after), time, profile.person))
    return Effect(profile.person, together(profile.text, joined, text))


def alias(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """Give up an id for another: merge the person who has it, or link it as an anonymous id."""
    user_id, previous_id = said["userId"], said["previousId"]
    if is_suppressed(db, user_id) or is_suppressed(db, previous_id):
        return IGNORED
    person = seen(db, user_id, time)
    if user_id == previous_id:
        return Effect(person, None)
    created = None
    if person is None:
        person, created = made(db, time, user_id), "person created"
    traits: dict[str, Any] = orjson.loads(db.execute(_TRAITS, (person,)).fetchone()[0])
    previous = db.execute(_PREVIOUS, (previous_id,)).fetchone()
    if previous is None:
        text, known = _link(db, previous_id, _Profile(person, traits))
        db.execute(_KNOW, (as_json(known), email_of(known), time, person))
        return Effect(person, together(created, text))
    number, other, first_seen = previous
    known = filled(traits, orjson.loads(other))
    _inherit(db, person, number)
    db.execute("DELETE FROM people WHERE id = ?", (number,))
    db.execute(_HEIR, (as_json(known), email_of(known), first_seen, person))
    db.execute(_MERGED, (previous_id, person, time))
    db.execute(_FORGET_OWN, (user_id, person))
    return Effect(person, together(created, f"merged {previous_id} into {user_id}"))


def _of_user(db: sqlite3.Connection, user_id: str, email: str | None, time: str) -> _Profile | None:
    """Find the person of a user id, or make one; None of an id that is suppressed."""
    found = db.execute(_BY_USER, (user_id,)).fetchone()
    if found is not None:
        return _Profile(found[0], orjson.loads(found[1]))
    if is_suppressed(db, user_id):
        return None
    claimed = db.execute(_CLAIM, (user_id, email)).fetchone() if email is not None else None
    if claimed is not None:
        return _Profile(claimed[0], orjson.loads(claimed[1]), f"the person of this email is {user_id} now")
    return _Profile(made(db, time, user_id), {}, "person created")


def _of_link(db: sqlite3.Connection, anonymous_id: str | None) -> _Profile | None:
    found = db.execute(_BY_LINK, (anonymous_id,)).fetchone() if anonymous_id is not None else None
    return _Profile(found[0], orjson.loads(found[1])) if found else None


def _of_email(db: sqlite3.Connection, email: str, time: str) -> _Profile | None:
    """Find the person of an address, or make one; None of an address whose person is suppressed."""
    if has_suppressed_email(db, email):
        return None
    person = by_email(db, email)
    if person is None:
        return _Profile(made(db, time, None), {}, "person created")
    return _Profile(person, orjson.loads(db.execute(_TRAITS, (person,)).fetchone()[0]))


def _keep(db: sqlite3.Connection, anonymous_id: str, traits: Mapping[str, Any]) -> Effect:
    """Remember what is said of somebody who is not known yet."""
    found = db.execute(_ANONYMOUS, (anonymous_id,)).fetchone()
    after, text = changed(orjson.loads(found[1]) if found else {}, traits)
    db.execute(_KEEP, (anonymous_id, as_json(after)))
    return Effect(None, f"anonymous: {text}" if text else None)


def _link(db: sqlite3.Connection, anonymous_id: str, profile: _Profile) -> tuple[str | None, dict[str, Any]]:
    """Give an anonymous id to a person, with what was done under it; say so, and what is known of the person now."""
    found = db.execute(_ANONYMOUS, (anonymous_id,)).fetchone()
    if found is not None and found[0] == profile.person:
        return None, profile.traits
    db.execute(_LINK, (anonymous_id, profile.person))
    calls = db.execute(_JOIN, (profile.person, anonymous_id)).rowcount
    join_relationships(db, anonymous_id, profile.person)
    text = f"anonymous activity joined: {counted(calls, 'call')}" if calls else "anonymous id linked"
    return text, filled(profile.traits, orjson.loads(found[1])) if found else profile.traits


def _inherit(db: sqlite3.Connection, heir: int, previous: int) -> None:
    """Hand over all that is one person's to another."""
    for statement in _INHERITED:
        db.execute(statement, (heir, previous))
    inherit_relationships(db, previous, heir)
