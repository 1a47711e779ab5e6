"""People who leave: deleted, suppressed so that they cannot come back, and let in again."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from cio_facade.sandbox.effects import IGNORED, Effect
from cio_facade.sandbox.identities import by_id_or_email, is_suppressed, seen

__all__ = ["delete", "suppress", "unsuppress"]

_OWNED: Final = ("devices", "relationships", "anonymous", "merges")
# What they did without a name would wait for the next who is linked with the anonymous id: it is nobody's for good.
_PART: Final = "UPDATE received SET person = CASE WHEN user_id IS NULL THEN 0 END WHERE person = ?"
_EMAIL: Final = "SELECT email FROM people WHERE id = ?"
_SUPPRESS: Final = "INSERT INTO suppressed VALUES (?, ?, ?)"
_UNSUPPRESS: Final = "DELETE FROM suppressed WHERE user_id = ?"


def delete(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """Delete a person, who may be named by an e-mail address; a later call may make them anew."""
    user_id = said["userId"]
    if is_suppressed(db, user_id):
        return IGNORED
    person = by_id_or_email(db, user_id, time)
    if person is None:
        return Effect(None, "nobody to delete")
    _remove(db, person)
    return Effect(None, "person deleted")


def suppress(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """Delete a person, and keep the id and the person's address from being added again."""
    user_id = said["userId"]
    if is_suppressed(db, user_id):
        return IGNORED
    person = seen(db, user_id, time)
    email = None
    if person is not None:
        (email,) = db.execute(_EMAIL, (person,)).fetchone()
        _remove(db, person)
    db.execute(_SUPPRESS, (user_id, email, time))
    return Effect(None, "id suppressed" if person is None else "person deleted; id suppressed")


def unsuppress(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """Let an id be added again; what was known does not come back."""
    if db.execute(_UNSUPPRESS, (said["userId"],)).rowcount:
        return Effect(None, "id no longer suppressed")
    return Effect(seen(db, said["userId"], time), None)


def _remove(db: sqlite3.Connection, person: int) -> None:
    for table in _OWNED:
        db.execute(f"DELETE FROM {table} WHERE person = ?", (person,))  # noqa: S608 - names of this module, no input
    db.execute(_PART, (person,))
    db.execute("DELETE FROM people WHERE id = ?", (person,))
