"""What is not a person: objects, who is related to them, and devices."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import orjson

from cio_facade.sandbox.effects import IGNORED, Effect, together
from cio_facade.sandbox.identities import as_json, by_id_or_email, is_suppressed, knows, whose
from cio_facade.sandbox.traits import changed, filled

__all__ = [
    "USUAL_TYPE",
    "delete_device",
    "delete_object",
    "group",
    "inherit_relationships",
    "join_relationships",
    "register_device",
    "unrelate",
]

# Where a group call and a deletion say the type of their object, and the type that is meant where they say none.
_TYPES: Final = ("object_type_id", "objectTypeId")
USUAL_TYPE: Final = "1"
_RELATIONSHIP: Final = "relationshipAttributes"

_OBJECT: Final = "SELECT attributes FROM objects WHERE type_id = ? AND object_id = ?"
_ADD_OBJECT: Final = "INSERT INTO objects VALUES (?, ?, ?, ?, ?)"
_CHANGE_OBJECT: Final = "UPDATE objects SET attributes = ?, last_seen = ? WHERE type_id = ? AND object_id = ?"

# A relationship is a person's or, for as long as nobody is known, an anonymous id's.
_OWNERS: Final = {"relationships": "person", "anonymous_relationships": "anonymous_id"}
_RELATIONSHIPS: Final = "SELECT type_id, object_id, attributes, updated FROM {table} WHERE {owner} = ?"
_RELATED: Final = "SELECT attributes FROM {table} WHERE {owner} = ? AND type_id = ? AND object_id = ?"
_RELATE: Final = "INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?)"
_PART_ALL: Final = "DELETE FROM {table} WHERE {owner} = ?"
_PART_ONE: Final = "DELETE FROM relationships WHERE person = ? AND type_id = ? AND object_id = ?"

_DEVICE: Final = "SELECT person, type, attributes FROM devices WHERE token = ?"
_KEEP_DEVICE: Final = "INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?)"
_DROP_DEVICE: Final = "DELETE FROM devices WHERE token = ? AND person = ?"


def group(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """Make or update an object, and relate whoever the call names to it."""
    person, created = effect = whose(db, said, time)
    if effect is IGNORED:
        return effect
    attributes: dict[str, Any] = dict(said.get("traits") or {})
    type_id = _type_id(attributes)
    for name in _TYPES:
        attributes.pop(name, None)
    relationship: Mapping[str, Any] = attributes.pop(_RELATIONSHIP, None) or {}
    object_id = said["groupId"]
    told = _keep_object(db, type_id, object_id, attributes, time)
    if person is not None:
        related = _relate(db, "relationships", (person, type_id, object_id), relationship, time)
    else:
        related = _relate(db, "anonymous_relationships", (said["anonymousId"], type_id, object_id), relationship, time)
    return Effect(person, together(created, told, related))


def delete_object(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """Delete an object with its relationships."""
    effect = knows(db, said, time)
    if effect is IGNORED:
        return effect
    properties = said["properties"]
    key = (_type_id(properties), properties["objectId"])
    found = db.execute("DELETE FROM objects WHERE type_id = ? AND object_id = ?", key).rowcount
    for table in _OWNERS:
        db.execute(f"DELETE FROM {table} WHERE type_id = ? AND object_id = ?", key)  # noqa: S608 - names of this module
    return Effect(effect.person, f"object {_titled(*key)} deleted" if found else "no such object")


def unrelate(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """End the relationship of a person, who may be named by an e-mail address, with an object."""
    user_id, properties = said["userId"], said["properties"]
    if is_suppressed(db, user_id):
        return IGNORED
    person = by_id_or_email(db, user_id, time)
    key = (_type_id(properties), properties["objectId"])
    if person is not None and db.execute(_PART_ONE, (person, *key)).rowcount:
        return Effect(person, f"no longer related to object {_titled(*key)}")
    return Effect(person, "no such relationship")


def join_relationships(db: sqlite3.Connection, anonymous_id: str, person: int) -> None:
    """Make the relationships of an anonymous id a person's."""
    _hand_over(db, "anonymous_relationships", anonymous_id, person)


def inherit_relationships(db: sqlite3.Connection, previous: int, heir: int) -> None:
    """Make the relationships of one person another's."""
    _hand_over(db, "relationships", previous, heir)


def register_device(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """Give a person a device, or update it: a token is one person's at a time."""
    person, created = effect = whose(db, said, time)
    if effect is IGNORED:
        return effect
    device = said["context"]["device"]
    owner, type_, known = db.execute(_DEVICE, (device["token"],)).fetchone() or (None, None, "{}")
    attributes, told = changed(orjson.loads(known), said.get("properties") or {})
    type_ = device.get("type") or type_
    db.execute(_KEEP_DEVICE, (device["token"], person, type_, as_json(attributes), time))
    if owner is None:
        return Effect(person, together(created, "device added"))
    moved = "device taken over" if owner != person else None
    return Effect(person, together(created, moved, f"device: {told}" if told else None))


def delete_device(db: sqlite3.Connection, said: Mapping[str, Any], time: str) -> Effect:
    """Take a device off a person, if it is theirs."""
    effect = knows(db, said, time)
    if effect is IGNORED:
        return effect
    found = db.execute(_DROP_DEVICE, (said["context"]["device"]["token"], effect.person)).rowcount
    return Effect(effect.person, "device removed" if found else "no such device")


def _type_id(said: Mapping[str, Any]) -> str:
    """Read the type of an object: a text or a whole number, kept as text."""
    for name in _TYPES:
        value = said.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str) and value:
            return value
    return USUAL_TYPE


def _titled(type_id: str, object_id: str) -> str:
    return f"{object_id} ({type_id})"


def _keep_object(
    db: sqlite3.Connection, type_id: str, object_id: str, said: Mapping[str, Any], time: str
) -> str | None:
    found = db.execute(_OBJECT, (type_id, object_id)).fetchone()
    after, told = changed(orjson.loads(found[0]) if found else {}, said, empty_removes=True)
    title = f"object {_titled(type_id, object_id)}"
    if found is None:
        db.execute(_ADD_OBJECT, (type_id, object_id, as_json(after), time, time))
        return f"{title} created"
    db.execute(_CHANGE_OBJECT, (as_json(after), time, type_id, object_id))
    return f"{title}: {told}" if told else None


def _relate(
    db: sqlite3.Connection, table: str, key: tuple[int | str, str, str], said: Mapping[str, Any], time: str
) -> str | None:
    found = db.execute(_RELATED.format(table=table, owner=_OWNERS[table]), key).fetchone()
    after, told = changed(orjson.loads(found[0]) if found else {}, said, empty_removes=True)
    db.execute(_RELATE.format(table=table), (*key, as_json(after), time))
    if found is None:
        return "related"
    return f"relationship: {told}" if told else None


def _hand_over(db: sqlite3.Connection, table: str, owner: int | str, heir: int) -> None:
    """Make relationships somebody's: their own hold, and what is missing is filled in."""
    names = {"table": table, "owner": _OWNERS[table]}
    for type_id, object_id, attributes, updated in db.execute(_RELATIONSHIPS.format(**names), (owner,)).fetchall():
        own = db.execute(_RELATED.format(table="relationships", owner="person"), (heir, type_id, object_id)).fetchone()
        known = as_json(filled(orjson.loads(own[0]), orjson.loads(attributes))) if own else attributes
        db.execute(_RELATE.format(table="relationships"), (heir, type_id, object_id, known, updated))
    db.execute(_PART_ALL.format(**names), (owner,))
