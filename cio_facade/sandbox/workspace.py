"""What an accepted call does to the workspace: people, devices, objects. Within the transaction that keeps the call."""

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from cio_facade.sandbox.records import Call

__all__ = ["Effect", "Workspace"]


class Effect(NamedTuple):
    """What a call did.

    Attributes
    ----------
    person : int or None
        Whom it belongs to, as the number of a row of ``people``.
    text : str or None
        What it changed, in words; None for nothing but itself.
    """

    person: int | None
    text: str | None


class Workspace:
    """The small model of a workspace.

    Parameters
    ----------
    acting : mapping of str to str
        Name of the schema of each event that acts inside Customer.io, by every spelling of the event's name.
    """

    def __init__(self, acting: Mapping[str, str]) -> None:
        self._acting = acting

    def apply(self, db: sqlite3.Connection, call: Call, time: str) -> Effect:
        """Carry out an accepted call that came at `time`, ISO 8601 in UTC."""
        user_id = call.said.get("userId")
        if not user_id:
            return Effect(None, None)
        found = db.execute("SELECT id, traits FROM people WHERE user_id = ?", (user_id,)).fetchone()
        if found is None:
            person = db.execute(
                "INSERT INTO people (user_id, traits, first_seen, last_seen) VALUES (?, '{}', ?, ?)",
                (user_id, time, time),
            ).lastrowid
            traits = {}
        else:
            person, traits = found[0], orjson.loads(found[1])
        if call.type == "identify" and (said := call.said.get("traits")):
            db.execute(
                "UPDATE people SET traits = ?, last_seen = ? WHERE id = ?",
                (orjson.dumps({**traits, **said}).decode(), time, person),
            )
        return Effect(person, "person created" if found is None else None)
